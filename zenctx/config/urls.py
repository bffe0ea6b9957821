"""Database URLs as text: passwords masked for people, paths of SQLite files made absolute.

Nothing here parses a URL for use, so it works alike on the forms of SQLAlchemy, libpq and JDBC, and on text that none
of them would take.
"""

import re
from pathlib import Path
from urllib.parse import unquote

MASK = "***"

# Patterns are texts: hardly any call needs one of them, and `re` keeps what it has compiled.
_CREDENTIAL_NAME = r"(?i)pass(?!file)|pwd|secret|token|^sig$"

# Parameters that may follow a password. A password may itself contain `&` or `?`, so only these names end it: what is
# not certain to be a parameter counts as part of the password.
_KNOWN_NAMES = (
    r"(?:user(?:name)?|host(?:addr)?|port|dbname|database|mode|uri|timeout|(?:ssl)?passw(?:or)?d|passfile"
    r"|ssl(?:mode|cert|key|rootcert|crl|compression|negotiation)?|gssencmode|require_auth|channel_binding"
    r"|target_?session_?attrs|target_?server_?type|load_?balance_?hosts|application_?name|client_?encoding|options"
    r"|current_?schema|search_path|(?:connect|login|socket)_?timeout|keepalives|tcp_?keep_?alive|prepare_?threshold"
    r"|read_?only|service|charset|driver)"
)
_PARAMETER = r"(?:^|[?&;,\s])([\w.%-]+)\s*=\s*"
_NEXT_PARAMETER = rf"(?i)[&;\s]+{_KNOWN_NAMES}\s*="
_QUERY = rf"(?i)\?(?={_KNOWN_NAMES}=)"

_HOST = r"(?:\[[0-9a-fA-F:.%]*\]|[\w.%~-]*)(?::[0-9]*)?"
_HOSTS = rf"{_HOST}(?:,{_HOST})*(?=[/?#;\s]|$)"
_SCHEME = r"(?:jdbc:)?[A-Za-z][\w+.-]*:/*"
# Where a URL begins, perhaps after a few words. What stands before an `@` begins with a user's name only after a scheme
# that is known: in `app://secret@host` the user may be `app`, and the password `//secret`.
_URL_START = r"(?:[^:@=/]*[^\w:@=/.+-])?(?P<scheme>(?:jdbc:)?[A-Za-z][\w+.-]*)://"
_KNOWN_SCHEME = r"(?:jdbc:)?(?:postgres|sqlite|mysql|mariadb|mssql|sqlserver|oracle|s3|gs|az|abfs|https?)"

# SQLite's own paths may hold `@` and `:`; the URL of an encrypted file, which has a password, is none of these.
_HAS_NO_USER = r"\s*(?:jdbc:sqlite:|sqlite(?:\+(?:pysqlite|aiosqlite))?:///)"
_SQLITE_FILE = r"(?si)(jdbc:sqlite:|sqlite(?:\+\w+)?:///)([^?]*)(.*)"


def mask_url(text: str) -> str:
    """Gives `text` with every password in it replaced by `***`.

    Takes a URL of SQLAlchemy, libpq or JDBC, a list of libpq keywords, a message that quotes one, or what somebody
    mistyped. Passwords are looked for before an `@` and in parameters (`password`, `sslpassword`, tokens; `passfile`
    stays). Where a password may hold an unescaped `@`, `/`, `?` or `&`, rather too much is masked than too little.
    """
    masked = _mask_parameters(text)
    query = re.search(_QUERY, masked)
    front = masked[: query.start()] if query else masked
    return _mask_user_information(front) + masked[len(front) :]


def sqlite_path(url: str) -> str | None:
    """Gives the path in the URL of a SQLite file; None for every other URL, a database in memory included."""
    match = re.fullmatch(_SQLITE_FILE, url)
    return match[2] if match and match[2] and not match[2].startswith((":", "file:")) else None


def anchor_sqlite(url: str, base: Path) -> str:
    """Gives `url` with the relative path of a SQLite file made absolute below `base`; any other URL as it is."""
    match, path = re.fullmatch(_SQLITE_FILE, url), sqlite_path(url)
    if match is None or path is None or path.startswith("/"):
        return url
    directory = str(base) if match[1].lower().startswith("jdbc:") else escape_path(str(base))
    return f"{match[1]}{directory}/{path.removeprefix('./')}{match[3]}"


def escape_path(path: str) -> str:
    """Gives a file path as it has to stand in a SQLAlchemy URL."""
    return path.replace("%", "%25").replace("?", "%3F")


def _mask_parameters(text: str) -> str:
    parts: list[str] = []
    done = 0
    for match in re.finditer(_PARAMETER, text):
        if match.start() >= done and re.search(_CREDENTIAL_NAME, unquote(match[1])):
            following = re.compile(_NEXT_PARAMETER).search(text, match.end())
            parts += [text[done : match.end()], MASK]
            done = following.start() if following else len(text)
    return "".join([*parts, text[done:]])


def _mask_user_information(text: str) -> str:
    if re.match(_HAS_NO_USER, text):
        return text
    start = re.match(_URL_START, text)
    rest = text[start.end() :] if start else text
    if start is None or ("@" in rest and not re.match(_KNOWN_SCHEME, start["scheme"])):
        return _mask_before_at(text)
    if "@" in rest:
        # No parser takes a later `@` than the last one, and a password may contain all the earlier ones.
        user, place = rest.rpartition("@")[::2]
        name = re.split(r"[:/?#]", user, maxsplit=1)
        return text if len(name) == 1 else f"{start[0]}{name[0]}:{MASK}@{place}"
    if re.match(_HOSTS, rest) or ":" not in rest:
        return text
    return f"{start[0]}{rest.partition(':')[0]}:{MASK}"


def _mask_before_at(text: str) -> str:
    secret, mark, place = text.rpartition("@")
    if not mark:
        return text
    scheme = re.match(_SCHEME, secret)
    return f"{scheme[0] if scheme else ''}{MASK}@{place}"
