"""Makes one database URL of `spring.datasource.url`, `username` and `password`, as the application's driver does."""

import re
from urllib.parse import parse_qsl, quote

from zenctx.config.spring.sources import Sources, Value
from zenctx.errors import SettingsError

# The connection pool's own settings win: they are applied last.
_URL = ("spring.datasource.hikari.jdbc-url", "spring.datasource.url")
_PARAMETERS = {
    "currentSchema": ("spring.datasource.hikari.schema",),
    "user": ("spring.datasource.hikari.username", "spring.datasource.username"),
    "password": ("spring.datasource.hikari.password", "spring.datasource.password"),
}
_ENCRYPTED = re.compile(r"ENC\(.*\)|\{cipher\}.*", re.DOTALL)
_POSTGRESQL = "jdbc:postgresql:"
_KINDS = (_POSTGRESQL, "jdbc:sqlite:")
_SCHEME = re.compile(r"jdbc:[a-z0-9+-]+:")
_HINT = "name the database by --db, or the profile with the right one by SPRING_PROFILES_ACTIVE"


def database_url(sources: Sources) -> tuple[str, Value, str] | None:
    """Gives the JDBC URL with user, password and schema as parameters, the value that it comes from, and its origin.

    None if no URL is set. As with the driver, a user or password in the URL itself wins. Raises SettingsError, without
    the URL, for another kind of database and for what only the application can decrypt.
    """
    url = _first(sources, _URL)
    if url is None:
        return None
    if not url.text.startswith(_KINDS):
        kind = _SCHEME.match(url.text)
        named = f", not of {kind[0]}" if kind else ""
        raise SettingsError(f"{url.label} must be a JDBC URL of PostgreSQL or SQLite{named}", hint=_HINT)
    if not url.text.startswith(_POSTGRESQL):
        return url.text, url, url.origin
    text, origins = url.text.strip(), [url.origin]
    for parameter, keys in _PARAMETERS.items():
        value = None if _has(text, parameter) else _first(sources, keys)
        if value is not None and value.text:
            text += f"{'&' if '?' in text else '?'}{parameter}={quote(value.text, safe='')}"
            origins.append(value.origin)
    return text, url, "; ".join(origins)


def _first(sources: Sources, keys: tuple[str, ...]) -> Value | None:
    values = (value for key in keys if (value := sources.value(key)) is not None)
    value = next(values, None)
    return None if value is None else _checked(value)


def _checked(value: Value) -> Value:
    entry = value.found.entry
    if entry.trap or entry.text != entry.written:
        trap = entry.trap or "YAML reads it as another value"
        raise SettingsError(f"{value.label} is not certain: {trap}", hint="put the value in quotes")
    if not _is_text(value.text):
        raise SettingsError(f"{value.label} holds what is not UTF-8", hint="name the database by --db")
    if _ENCRYPTED.fullmatch(value.text):
        raise SettingsError(f"{value.label} is encrypted for the application alone", hint="name the database by --db")
    return value


def _is_text(value: str) -> bool:
    """Tells whether this can be written; a variable may hold bytes that are no text."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _has(url: str, parameter: str) -> bool:
    query = url.partition("?")[2]
    return any(name == parameter for name, _ in parse_qsl(query, keep_blank_values=True))
