"""Reads a database URL, in SQLAlchemy's or in JDBC's form, and describes a database without its password."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qsl, unquote_plus

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from zenctx.errors import SettingsError

POSTGRESQL = "postgresql"
SQLITE = "sqlite"
_DRIVERS = {POSTGRESQL: "postgresql+psycopg", SQLITE: "sqlite"}
_HINT = "write postgresql://user@host:5432/database, jdbc:postgresql://host:5432/database or sqlite:////path/to/file"
_SCHEME = re.compile(r"((?:jdbc:)?[A-Za-z][\w.-]*)(?:\+[\w.-]+)?:")

_JDBC_TO_LIBPQ = {
    "user": "user",
    "password": "password",
    "sslmode": "sslmode",
    "sslcert": "sslcert",
    "sslkey": "sslkey",
    "sslrootcert": "sslrootcert",
    "sslpassword": "sslpassword",
    "sslNegotiation": "sslnegotiation",
    "gssEncMode": "gssencmode",
    "channelBinding": "channel_binding",
    "requireAuth": "require_auth",
    "options": "options",
    "connectTimeout": "connect_timeout",
    "loginTimeout": "connect_timeout",
}
"""What both drivers know. JDBC's other parameters tune that driver alone (and its ApplicationName names the engine)."""

# With these the driver goes elsewhere than the URL says, or takes another URL from a file.
_JDBC_DETOURS = ("service", "socketFactory", "socketFactoryArg")
_JDBC_PLAIN = {
    re.sub("[_-]", "", name).lower(): name
    for name in (*_JDBC_TO_LIBPQ, "currentSchema", "ssl", "sslfactory", "targetServerType")
}
"""What decides where a JDBC URL leads and how safely, by its name without capitals and underscores."""

# Not libpq's "read-write": that one turns away sessions which are read-only by their own choice, as ours may be.
_JDBC_SERVER_TYPES = {
    "any": "any",
    "primary": "primary",
    "master": "primary",
    "secondary": "standby",
    "slave": "standby",
    "preferSecondary": "prefer-standby",
    "preferSlave": "prefer-standby",
}


def parse_database_url(text: str) -> URL:
    """Give the SQLAlchemy URL (driver psycopg, or SQLite with an absolute path) for a URL in either form.

    `currentSchema` becomes a `search_path` among the `options`. SettingsError, without the text, if it cannot be read.
    """
    text = text.strip()
    scheme = _scheme(text)
    parser = _PARSERS.get(scheme.lower())
    if parser is None:
        _refuse(f"the database URL begins with {scheme}:, which is neither PostgreSQL nor SQLite")
    url = parser(text)
    if url.get_backend_name() == POSTGRESQL and "@" in f"{url.host}{'' if '%40' in text else url.database}":
        # The rest of a password would be taken for the host or the database, and then be shown in messages.
        _refuse("the database URL has an @ inside its password or database name", hint="write it as %40")
    return url


def describe(url: URL) -> str:
    """Name the database in words for messages: kind, name, host and port; never a user or a password."""
    if url.get_backend_name() == SQLITE:
        return f"SQLite database {url.database}"
    place = f" at {_place(url)}"
    return f'PostgreSQL database "{url.database}"{place}' if url.database else f"PostgreSQL{place}"


def sqlite_url(path: Path) -> URL:
    """Give the URL of an SQLite file; the path is made absolute."""
    return URL.create(_DRIVERS[SQLITE], database=str(path.absolute()))


def _place(url: URL) -> str:
    host, port = url.host, url.port
    if host is None:
        hosts = url.query.get("host", "localhost")
        return hosts if isinstance(hosts, str) else ",".join(hosts)
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{port or 5432}"


def _scheme(text: str) -> str:
    match = _SCHEME.match(text)
    if match is None:
        _refuse("the database URL has no scheme such as postgresql: or sqlite:")
    return match[1]


def _refuse(message: str, *, hint: str = _HINT) -> NoReturn:
    # `from None`: what the parsers raise may quote the text, and so a password.
    raise SettingsError(message, hint=hint) from None


def _sqlalchemy_url(text: str) -> URL:
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        _refuse("the database URL cannot be read: its host or port is malformed")


def _postgresql(text: str) -> URL:
    url = _sqlalchemy_url(re.sub(r"^[^:]+:", f"{_DRIVERS[POSTGRESQL]}:", text, count=1))
    query = {name: value for name, value in url.query.items() if name not in {"currentSchema", "search_path"}}
    schema = url.query.get("currentSchema") or url.query.get("search_path")
    return url.set(query=_with_search_path(query, schema if isinstance(schema, str) else None))


def _sqlite(text: str) -> URL:
    url = _sqlalchemy_url(re.sub(r"^[^:]+:", f"{_DRIVERS[SQLITE]}:", text, count=1))
    if url.host:
        _refuse("the SQLite URL has too few slashes", hint="write sqlite:///relative/path or sqlite:////absolute/path")
    if url.query:
        _refuse(f"the SQLite URL has a parameter, {next(iter(url.query))!r}, and none is known")
    return _sqlite_file(url.database)


def _jdbc_sqlite(text: str) -> URL:
    # The parameters are settings of the JDBC driver.
    return _sqlite_file(text.split(":", 2)[2].partition("?")[0])


def _sqlite_file(database: str | None) -> URL:
    if not database or database == ":memory:" or database.startswith("file:"):
        _refuse("the SQLite URL names no file", hint="write sqlite:///relative/path or sqlite:////absolute/path")
    return sqlite_url(Path(database))


def _jdbc_postgresql(text: str) -> URL:
    location, _, query_text = text.split(":", 2)[2].partition("?")
    hosts, database = _jdbc_location(location)
    # As in JDBC, a plus sign is a space.
    parameters = dict(parse_qsl(query_text, keep_blank_values=True))
    query: dict[str, str | tuple[str, ...]] = {**_jdbc_query(parameters)}
    user, password = query.pop("user", None), query.pop("password", None)
    host, port = hosts[0] if len(hosts) == 1 else (None, None)
    if len(hosts) > 1:
        query |= _several_hosts(hosts)
    return URL.create(
        _DRIVERS[POSTGRESQL],
        username=str(user) if user else None,
        password=str(password) if password else None,
        host=host,
        port=port,
        database=database,
        query=_with_search_path(query, parameters.get("currentSchema")),
    )


def _several_hosts(hosts: Sequence[tuple[str, int | None]]) -> dict[str, str | tuple[str, ...]]:
    # Behind the colons of an IPv6 address no port is found, so these go separately.
    if any(":" in name for name, _ in hosts):
        return {
            "host": ",".join(name for name, _ in hosts),
            "port": ",".join(str(number or 5432) for _, number in hosts),
        }
    return {"host": tuple(f"{name}:{number or 5432}" for name, number in hosts)}


def _jdbc_location(location: str) -> tuple[list[tuple[str, int | None]], str | None]:
    """Split `//host:port,host:port/database`, or `database` alone, which is on this machine."""
    if not location.startswith("//"):
        return [("localhost", None)], unquote_plus(location.lstrip("/")) or None
    authority, _, database = location[2:].partition("/")
    return [_host_and_port(part) for part in authority.split(",")], unquote_plus(database) or None


def _host_and_port(text: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%]+)\]|([^:\[\]]*))(?::(\d{0,5}))?", text)
    if match is None:
        _refuse("the database URL cannot be read: its host or port is malformed")
    return match[1] or match[2] or "localhost", int(match[3]) if match[3] else None


def _jdbc_query(parameters: Mapping[str, str]) -> dict[str, str]:
    for name in parameters:
        known = _JDBC_PLAIN.get(re.sub("[_-]", "", name).lower(), name)
        if known != name:
            _refuse(f"the JDBC URL has a parameter {known} in another spelling", hint=f"write {known}, as JDBC does")
        if name in _JDBC_DETOURS:
            _refuse(
                f"the JDBC URL has the parameter {name}, by which only the application finds the database",
                hint="name host, port and database in a URL for zenctx, by --db or ZENCTX_DB",
            )
    query = {_JDBC_TO_LIBPQ[name]: value for name, value in parameters.items() if name in _JDBC_TO_LIBPQ and value}
    if parameters.get("ssl", "false") in {"true", ""}:
        # JDBC's plain `ssl` checks the certificate and its name, unless a factory is set that checks nothing.
        checks = not parameters.get("sslfactory", "").endswith("NonValidatingFactory")
        query.setdefault("sslmode", "verify-full" if checks else "require")
    server_type = parameters.get("targetServerType", "any")
    if server_type not in _JDBC_SERVER_TYPES:
        _refuse("the database URL has a targetServerType that is not known")
    if server_type != "any":
        query["target_session_attrs"] = _JDBC_SERVER_TYPES[server_type]
    return query


def _with_search_path(
    query: Mapping[str, str | tuple[str, ...]], schema: str | None
) -> dict[str, str | tuple[str, ...]]:
    if not schema:
        return dict(query)
    escaped = re.sub(r"([\\\s])", r"\\\1", schema)
    return {**query, "options": f"{query.get('options', '')} -c search_path={escaped}".strip()}


_PARSERS: Mapping[str, Callable[[str], URL]] = {
    "postgresql": _postgresql,
    "postgres": _postgresql,
    "sqlite": _sqlite,
    "jdbc:postgresql": _jdbc_postgresql,
    "jdbc:sqlite": _jdbc_sqlite,
}
