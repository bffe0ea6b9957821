"""Tests of what every command says to input that cannot be right: one sentence, its code, nothing changed."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from sqlalchemy import make_url

from tests.cli.console import RUN, Console, document_of, zenctx
from tests.support.postgres import Server
from tests.support.users import ordinary_user

PASSWORD = "tr0ub4dor-and-three"
READING = [["runs"], ["inspect", RUN], ["cat", RUN, "a"], ["verify"], ["migrate", "--check"], ["migrate", "--dry-run"]]
WRITING = [["migrate"], ["db", "upgrade"], ["db", "bind"]]


class Case(NamedTuple):
    """A call, what it ends with, and how its sentence begins."""

    arguments: tuple[str, ...]
    code: int
    sentence: str
    variables: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return " ".join((*(f"{name}={value}" for name, value in self.variables), *self.arguments))[:60]


def case(line: str, code: int, sentence: str, **variables: str) -> Case:
    """A call as one types it; `FOLDER` stands for the working directory."""
    return Case(tuple(line.split()), code, sentence, tuple(variables.items()))


CASES = [
    # URLs
    case("runs --db nonsense", 12, "Option --db must be a database URL."),
    case("runs --db= ", 12, "Option --db must be a text that is not empty."),
    case("runs --db mysql://u:PASSWORD@h/x", 12, "The database URL begins with mysql:, which is neither PostgreSQL"),
    case("runs --db postgresql://u:PASSWORD@h:port/x", 12, "The database URL cannot be read: its host or port is"),
    case("runs --db postgresql://u:PASSWORD@x@h/x", 12, "The database URL has an @ inside its password"),
    case("runs --db sqlite://", 12, "The SQLite URL names no file."),
    case("runs --db postgresql://u:PASSWORD@127.0.0.1:1/x", 12, 'PostgreSQL database "x" at 127.0.0.1:1 cannot be re'),
    case("runs --db jdbc:postgresql://127.0.0.1:1/x?user=u&password=PASSWORD", 12, 'PostgreSQL database "x" at 127.0.'),
    # files
    case("runs --db sqlite:///missing.db", 12, "SQLite database FOLDER/missing.db does not exist."),
    case("runs --db sqlite:///text.db/below.db", 12, "SQLite database FOLDER/text.db/below.db does not exist."),
    case("runs --db sqlite:///directory", 12, "SQLite database FOLDER/directory is not a file."),
    case("runs --db sqlite:///text.db", 12, "SQLite database FOLDER/text.db is not an SQLite database, or is enc"),
    case("runs --db sqlite:///empty.db", 12, "SQLite database FOLDER/empty.db has no table workflow_runs."),
    case("migrate --db sqlite:///empty.db", 12, "SQLite database FOLDER/empty.db has no table workflow_runs."),
    case("verify --db sqlite:///empty.db", 12, "SQLite database FOLDER/empty.db has no table workflow_runs."),
    case(f"inspect {RUN} --db sqlite:///empty.db", 12, "SQLite database FOLDER/empty.db has no table workflow_runs."),
    case("db bind --db sqlite:///empty.db", 12, "SQLite database FOLDER/empty.db has no tables of zenctx yet."),
    case("runs", 12, "SQLite database "),
    # settings
    case("runs --config none.toml", 12, "The settings file FOLDER/none.toml cannot be read: no such file"),
    case("runs --config directory", 12, "The settings file FOLDER/directory cannot be read: is a directory."),
    case("runs --config text.db", 12, "FOLDER/text.db is not valid TOML at line 1, column 6: "),
    case("runs --config unknown.toml", 12, "FOLDER/unknown.toml names an unknown setting 'databse'."),
    case("runs --config secret.toml", 12, "'db' in FOLDER/secret.toml must be a database URL."),
    case("runs", 12, "The variable ZENCTX_FILE_MODEE sets nothing.", ZENCTX_FILE_MODEE="0440"),
    case("runs", 12, "ZENCTX_FILE_MODE must be an octal file mode", ZENCTX_FILE_MODE="rw"),
    case("config show --trash-retention-days=never", 12, "Option --trash-retention-days must be "),
    # the command line itself
    case("rums", 2, "No such command: rums."),
    case("db upgrad", 2, "No such command: upgrad."),
    case("--db x runs", 2, "--db stands before the command."),
    case("runs --statuz x", 2, "No such option: --statuz."),
    case("runs surplus", 2, "Got unexpected extra argument(s) (surplus)."),
    case("runs --limit x", 2, "Invalid value for '--limit': it should be a valid integer"),
    case("runs --limit -1", 2, "Invalid value for '--limit': it should be greater than or equal to 0."),
    case("runs --form odd", 2, "Invalid value for '--form': 'odd' is not one of 'null', 'empty', 'legacy',"),
    case("runs --since yesterday", 2, "--since 'yesterday' is neither a time nor an age."),
    case("runs --quiet --verbose", 2, "--quiet and --verbose contradict each other."),
    case("runs --format xml", 2, "Invalid value for '--format': 'xml' is not one of 'table', 'json', 'jsonl'."),
    case("db sql --dialect oracle", 2, "Invalid value for '--dialect': 'oracle' is not one of"),
    case("--show-completion tcsh", 2, "There is no completion for tcsh."),
]


@pytest.fixture
def strange(folder: Path) -> Path:
    """A folder with files that are not what they are taken for."""
    (folder / "directory").mkdir()
    (folder / "text.db").write_text("this is no database\n" * 100)
    (folder / "unknown.toml").write_text("databse = 'x'\n")
    (folder / "secret.toml").write_text(f"db = 'u:{PASSWORD}@h/x'\n")
    with closing(sqlite3.connect(folder / "empty.db")) as connection:
        connection.execute("create table other (a)")
    return folder


def contents(folder: Path) -> dict[Path, bytes | None]:
    """Gives every file with its content, and every directory."""
    return {path: path.read_bytes() if path.is_file() else None for path in folder.parent.rglob("*")}


@pytest.mark.parametrize("bad", CASES, ids=str)
def test_bad_input_is_one_sentence(strange: Path, bad: Case) -> None:
    """The sentence and its code, no traceback, no password, and not a byte changed; with JSON, a document of it."""
    arguments = [word.replace("PASSWORD", PASSWORD) for word in bad.arguments]
    before = contents(strange)
    result = zenctx(*arguments, env=dict(bad.variables))
    assert (result.exit_code, result.stdout) == (bad.code, "")
    assert result.stderr.startswith(f"Error: {bad.sentence.replace('FOLDER', str(strange))}")
    sentence, *hint = result.stderr.splitlines()
    assert sentence.endswith(".")
    assert len(hint) <= 1
    assert all(line.startswith("Hint: ") for line in hint)
    in_json = zenctx(*arguments, *([] if "--format" in arguments else ["--json"]), env=dict(bad.variables))
    if "--format" not in arguments and "--show-completion" not in arguments:
        document = document_of(in_json)
        assert document["exit_code"] == bad.code
        assert f"Error: {document['error']['message']}" == sentence
    for output in (result.output, in_json.output):
        assert PASSWORD not in output
        assert "Traceback" not in output
    assert contents(strange) == before


@pytest.mark.parametrize("arguments", WRITING, ids=" ".join)
@pytest.mark.parametrize("where", ["variable", "file"])
def test_nothing_is_written_where_persistence_is_off(console: Console, arguments: list[str], where: str) -> None:
    """Every command that writes refuses, and says who switched it off; those that read do not mind."""
    console.rows.add('{"a":1}', run_id=RUN)
    settings = console.folder / "off.toml"
    settings.write_text("persistence.enabled = false\n" if where == "file" else "")
    env = {"ZENCTX_PERSISTENCE_ENABLED": "no"} if where == "variable" else {}
    options = ["--config", "off.toml"]
    before = console.state()
    result = console.run(*arguments, *options, env=env)
    origin = "ZENCTX_PERSISTENCE_ENABLED" if where == "variable" else str(settings)
    assert (result.exit_code, result.stdout) == (5, "")
    assert result.stderr == (
        f"Error: Persistence is switched off by {origin}.\nHint: Set persistence.enabled = true to let zenctx write.\n"
    )
    assert document_of(console.run(*arguments, *options, "--json", env=env))["error"]["kind"] == "refused"
    assert console.state() == before
    assert console.run("runs", *options, env=env).exit_code == 0
    assert console.run("migrate", "--dry-run", *options, env=env).exit_code == 0


def test_a_playground_is_made_where_persistence_is_off(folder: Path) -> None:
    """It is a database of its own, which the settings are not about."""
    assert folder.is_dir()
    assert zenctx("demo", "--runs", "1", env={"ZENCTX_PERSISTENCE_ENABLED": "false"}).exit_code == 0


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_reading_needs_no_tables_of_zenctx(console: Console, arguments: list[str]) -> None:
    """Someone who only looks has nothing to install in the database."""
    console.rows.add('{"a":1}', run_id=RUN)
    names = [
        *("zenctx_revision", "zenctx_store", "zenctx_quarantine", "zenctx_operation", "zenctx_released_file"),
        *("zenctx_conversion", "zenctx_runtime_state"),
    ]
    for name in names:
        console.rows.execute(f"drop table {name}")
    assert console.run(*arguments).exit_code == (4 if "--check" in arguments else 0)
    assert console.lines("migrate", "--list-quarantined") == ["No row is quarantined."]
    result = console.run("migrate")
    assert result.exit_code == 12
    assert result.stderr.endswith("has no tables of zenctx yet.\nHint: Run 'zenctx db upgrade'.\n")


def test_a_wrong_password_or_database_is_said(postgres_server: Server, folder: Path) -> None:
    """The password that was tried is not shown, in no form of the URL."""
    assert folder.is_dir()
    wrong = postgres_server.tcp_url(password=PASSWORD)
    parsed = make_url(wrong)
    jdbc = f"jdbc:postgresql://127.0.0.1:{parsed.port}/postgres?user=postgres&password={PASSWORD}"
    for url in (wrong, jdbc):
        result = zenctx("runs", "--db", url, "--verbose")
        assert result.exit_code == 12
        assert "refuses the user or the password." in result.stderr
        assert PASSWORD not in result.output
    result = zenctx("runs", "--db", postgres_server.url("no_such_database"))
    assert result.exit_code == 12
    assert 'database "no_such_database" does not exist.' in result.stderr


@pytest.fixture
def limited(postgres_console: Console) -> Iterator[str]:
    """The URL of the console's database for a role without any rights in it."""
    name = f"zenctx_cli_{os.getpid()}"
    url = make_url(postgres_console.url)
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True) as c:
        c.execute(f"create role {name} login password '{PASSWORD}'".encode())
        try:
            yield url.set(username=name, password=PASSWORD).render_as_string(hide_password=False)
        finally:
            c.execute(f"drop owned by {name}".encode())
            c.execute(f"drop role {name}".encode())


@pytest.mark.parametrize("arguments", [*READING, ["migrate"]], ids=" ".join)
def test_a_table_that_may_not_be_read_is_named(limited: str, folder: Path, arguments: list[str]) -> None:
    """The right is missing, not the table."""
    assert folder.is_dir()
    result = zenctx(*arguments, "--db", limited)
    assert (result.exit_code, result.stdout) == (12, "")
    assert "does not let this role read the table workflow_runs.\nHint: Ask its owner to grant it.\n" in result.stderr
    assert PASSWORD not in result.output


def test_tables_of_zenctx_that_may_not_be_read_are_not_taken_for_missing(limited: str, folder: Path) -> None:
    """Otherwise one would be told to make them."""
    assert folder.is_dir()
    result = zenctx("db", "current", "--db", limited)
    assert (result.exit_code, result.stdout) == (12, "")
    assert "does not let this role read the table zenctx_revision." in result.stderr


def test_a_read_only_session_is_said_to_be_read_only(postgres_console: Console) -> None:
    """As on a standby server: reading goes on, writing says why not."""
    postgres_console.rows.add('{"a":1}')
    url = make_url(postgres_console.url).update_query_dict({"options": "-c default_transaction_read_only=on"})
    read_only = url.render_as_string(hide_password=False)
    assert zenctx("runs", "--db", read_only).exit_code == 0
    result = zenctx("migrate", "--db", read_only)
    assert result.exit_code == 12
    assert " is read-only.\nHint: Connect to the primary server" in result.stderr


def test_a_read_only_file_is_said_to_be_read_only(sqlite_console: Console) -> None:
    """Looking at it works, converting it does not, and says so before anything happens."""
    sqlite_console.rows.add('{"a":1}')
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / "zenctx.db"
        copy.write_bytes(Path(str(make_url(sqlite_console.url).database)).read_bytes())
        copy.chmod(0o444)
        Path(name).chmod(0o555)
        with ordinary_user():
            looked, tried = (zenctx(word, "--db", f"sqlite:///{copy}") for word in ("runs", "migrate"))
        Path(name).chmod(0o755)
    assert looked.exit_code == 0, looked.output
    assert tried.exit_code == 12
    assert tried.stderr.startswith(f"Error: SQLite database {copy} cannot be written: no rights to the file")


def test_a_locked_database_is_said_to_be_locked(sqlite_console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code 11: it is worth trying again."""
    monkeypatch.setattr("zenctx.database.connect_sqlite._BUSY_SECONDS", 0.1)
    sqlite_console.rows.add('{"a":1}')
    path = make_url(sqlite_console.url).database
    with closing(sqlite3.connect(str(path), isolation_level=None)) as other:
        other.execute("begin exclusive")
        result = sqlite_console.run("migrate")
        other.execute("rollback")
    assert result.exit_code == 11
    assert "is locked by another program." in result.stderr


@pytest.mark.parametrize("line", ["runs", "config show", "gc --dry-run", "snapshot"])
def test_a_working_directory_that_was_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """As a shell has it whose directory somebody else removed."""
    directory = tmp_path / "gone"
    directory.mkdir()
    monkeypatch.chdir(directory)
    directory.rmdir()
    said = zenctx(*line.split())
    assert (said.exit_code, said.stdout) == (12, "")
    assert said.stderr.startswith("Error: The directory that this was started in cannot be used: No such file")
