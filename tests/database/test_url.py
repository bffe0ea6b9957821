"""Reading database URLs in both forms, and never showing what is secret in them."""

from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine

from zenctx.database.url import describe, parse_database_url
from zenctx.errors import SettingsError

SECRET = "s3cret"


def parts(url: URL) -> tuple[str | None, ...]:
    """Give user, password, host, port and database for comparison."""
    return url.username, url.password, url.host, str(url.port) if url.port else None, url.database


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://u:s3cret@db:5433/zen",
        "postgres://u:s3cret@db:5433/zen",
        "postgresql+psycopg://u:s3cret@db:5433/zen",
        "postgresql+psycopg2://u:s3cret@db:5433/zen",
        "  postgresql+asyncpg://u:s3cret@db:5433/zen\n",
        "jdbc:postgresql://db:5433/zen?user=u&password=s3cret",
    ],
)
def test_every_form_of_a_postgresql_url_means_the_same(text: str) -> None:
    """Whatever driver it names, a PostgreSQL URL is opened with psycopg."""
    url = parse_database_url(text)
    assert url.drivername == "postgresql+psycopg"
    assert parts(url) == ("u", SECRET, "db", "5433", "zen")


@pytest.mark.parametrize(
    ("text", "host", "port", "database"),
    [
        ("jdbc:postgresql://db/zen", "db", None, "zen"),
        ("jdbc:postgresql:zen", "localhost", None, "zen"),
        ("jdbc:postgresql:///zen", "localhost", None, "zen"),
        ("jdbc:postgresql://[::1]:5433/zen", "::1", "5433", "zen"),
        ("jdbc:postgresql://db/", "db", None, None),
        ("jdbc:postgresql://db/my%20zen", "db", None, "my zen"),
    ],
)
def test_jdbc_locations(text: str, host: str, port: str | None, database: str | None) -> None:
    """JDBC's short forms mean this machine, as they do to the application."""
    assert parts(parse_database_url(text)) == (None, None, host, port, database)


def test_a_jdbc_url_may_name_several_servers() -> None:
    """All of them reach libpq, which tries one after the other."""
    url = parse_database_url("jdbc:postgresql://a,b:5433/zen?targetServerType=primary")
    assert url.query["host"] == ("a:5432", "b:5433")
    assert url.query["target_session_attrs"] == "primary"
    assert describe(url) == 'PostgreSQL database "zen" at a:5432,b:5433'


@pytest.mark.parametrize(
    ("place", "hosts", "ports"),
    [
        ("[::1]:5433,db", "::1,db", "5433,5432"),
        ("a,[fe80::2]:6000", "a,fe80::2", "5432,6000"),
        ("[::1],[::2]", "::1,::2", "5432,5432"),
        ("a,b:5433", "a,b", "5432,5433"),
    ],
)
def test_every_server_of_a_list_keeps_its_own_port(place: str, hosts: str, ports: str) -> None:
    """Addresses with colons of their own reach libpq whole; an empty host would be this machine."""
    url = parse_database_url(f"jdbc:postgresql://{place}/zen")
    arguments = create_engine(url).dialect.create_connect_args(url)[1]
    assert (arguments["host"], arguments["port"], arguments["dbname"]) == (hosts, ports, "zen")
    assert describe(url).startswith('PostgreSQL database "zen" at ')


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("sslMode=verify-full", "sslmode"),
        ("currentschema=zen", "currentSchema"),
        ("current_schema=zen", "currentSchema"),
        ("target_server_type=primary", "targetServerType"),
        ("service=s3cret", "service"),
        ("socketFactory=com.example.s3cret.Factory", "socketFactory"),
    ],
)
def test_a_parameter_that_would_lead_elsewhere_is_refused(query: str, named: str) -> None:
    """The driver passes a misspelt name over in silence, and the connection is another one than was meant."""
    with pytest.raises(SettingsError, match=named) as caught:
        parse_database_url(f"jdbc:postgresql://db/zen?{query}")
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("currentSchema=zen", {"options": "-c search_path=zen"}),
        ("currentSchema=a,%20b", {"options": r"-c search_path=a,\ b"}),
        ("options=-c%20work_mem=1MB&currentSchema=z", {"options": "-c work_mem=1MB -c search_path=z"}),
        ("sslmode=require&sslrootcert=/ca.pem", {"sslmode": "require", "sslrootcert": "/ca.pem"}),
        ("ssl=true", {"sslmode": "verify-full"}),
        ("ssl=true&sslfactory=org.postgresql.ssl.NonValidatingFactory", {"sslmode": "require"}),
        ("ssl=true&sslmode=verify-ca", {"sslmode": "verify-ca"}),
        ("connectTimeout=3&ApplicationName=engine&reWriteBatchedInserts=true", {"connect_timeout": "3"}),
    ],
)
def test_jdbc_parameters(query: str, expected: dict[str, str]) -> None:
    """Parameters that libpq knows too are handed on; those that tune the JDBC driver are dropped."""
    assert dict(parse_database_url(f"jdbc:postgresql://db/zen?{query}").query) == expected


def test_the_schema_may_be_named_in_sqlalchemys_form_too() -> None:
    """`currentSchema` means the same in both forms; other parameters go to libpq as they are."""
    url = parse_database_url("postgresql://db/zen?currentSchema=flow&sslmode=disable")
    assert dict(url.query) == {"options": "-c search_path=flow", "sslmode": "disable"}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("sqlite:////data/zen.db", "/data/zen.db"),
        ("sqlite+pysqlite:////data/zen.db", "/data/zen.db"),
        ("jdbc:sqlite:/data/zen.db", "/data/zen.db"),
        ("jdbc:sqlite:/data/zen.db?journal_mode=WAL", "/data/zen.db"),
        ("jdbc:sqlite:/data/100%25.db", "/data/100%25.db"),
        ("sqlite:////data/100%25.db", "/data/100%.db"),
    ],
)
def test_sqlite_paths(text: str, path: str) -> None:
    """SQLAlchemy's form is percent-encoded, JDBC's is the path as it stands."""
    assert parse_database_url(text).database == path


@pytest.mark.parametrize("text", ["sqlite:///data/zen.db", "jdbc:sqlite:data/zen.db"])
def test_relative_sqlite_paths_start_at_the_working_directory(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are made absolute, so that messages name the file that is meant."""
    monkeypatch.chdir(tmp_path)
    assert parse_database_url(text).database == str(tmp_path / "data" / "zen.db")


@pytest.mark.parametrize(
    "text",
    [
        "mysql://u:s3cret@db/zen",
        "jdbc:mysql://db/zen?password=s3cret",
        "postgresql://u:x@s3cret@db/zen",
        "postgresql://u:x@s3cret/more@db/zen",
        "postgresql://u:s3cret",
        "postgresql:s3cret",
        "postgresql://u@db:s3cret/zen",
        "jdbc:postgresql://u:s3cret@db/zen",
        "jdbc:postgresql://db:s3cret/zen",
        "jdbc:postgresql://db/zen?targetServerType=s3cret",
        "//u:s3cret@db/zen",
        "s3cret",
        "",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite://s3cret/zen.db",
        "sqlite:///zen.db?mode=memory",
        "sqlite:///file:zen.db",
        "jdbc:sqlite:",
        "jdbc:sqlite::memory:",
    ],
)
def test_what_cannot_be_read_is_refused_without_showing_it(text: str) -> None:
    """One sentence and what to do; nothing of the text that may be a password, not even as a cause."""
    with pytest.raises(SettingsError) as caught:
        parse_database_url(text)
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"
    assert caught.value.hint
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://u:s3cret@db/zen", 'PostgreSQL database "zen" at db:5432'),
        ("postgresql://u:s3cret@[::1]:5/zen", 'PostgreSQL database "zen" at [::1]:5'),
        ("postgresql:///zen?host=/run/pg&password=s3cret", 'PostgreSQL database "zen" at /run/pg'),
        ("postgresql://u:s3cret@db", "PostgreSQL at db:5432"),
        ("sqlite:////data/zen.db", "SQLite database /data/zen.db"),
    ],
)
def test_a_description_names_the_place_and_no_user(text: str, expected: str) -> None:
    """Descriptions are what messages show."""
    assert describe(parse_database_url(text)) == expected


def test_a_password_may_hold_an_escaped_at_sign() -> None:
    """What is refused in the clear is taken when it is percent-encoded."""
    assert parse_database_url("postgresql://u:p%40ss@db/zen").password == "p@ss"
