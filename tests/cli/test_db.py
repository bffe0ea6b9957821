"""Tests of `zenctx db`."""

from pathlib import Path

import pytest

from tests.cli.console import Console, document_of, zenctx
from zenctx.database.schema import REVISIONS
from zenctx.store.names import MARKER

HEAD = REVISIONS[-1]


def without_tables(console: Console) -> None:
    """Takes the tables of zenctx away."""
    is_sqlite = console.rows.is_sqlite
    catalogue = "select name from sqlite_master where type = 'table'"
    names = console.rows.fetch(catalogue if is_sqlite else "select tablename from pg_tables")
    for (name,) in names:
        if name.startswith("zenctx_"):
            console.rows.execute(f"drop table {name}")


def test_tables_are_made_once(console: Console) -> None:
    """The revision before and after is told; a second time nothing happens."""
    without_tables(console)
    step = "'zenctx migrate --dry-run' shows what there is to convert."
    assert console.lines("db", "upgrade") == [
        f"The tables of zenctx are now at revision {HEAD} (before: none).",
        step,
    ]
    assert console.lines("db", "upgrade") == [f"The tables of zenctx are at revision {HEAD} already.", step]
    summary = console.document("db", "upgrade")["summary"]
    assert set(summary) == {"database", "revision", "head", "is_current"}
    assert (summary["revision"], summary["is_current"]) == (HEAD, True)


def test_tables_in_the_wrong_database_are_noticed(console: Console) -> None:
    """Where the engine's tables are not, someone may have named the wrong database."""
    without_tables(console)
    for table in ("node_executions", "workflow_runs"):
        console.rows.execute(f"drop table {table}")
    step = console.lines("db", "upgrade")[-1]
    assert step == "There is no table workflow_runs beside them: is this the ZenFlow database, and the right schema?"


def test_the_revision_is_told(console: Console) -> None:
    """0 where it is the newest, 4 where the tables are missing."""
    assert console.lines("db", "current") == [f"The tables of zenctx are at revision {HEAD}, up to date."]
    without_tables(console)
    result = console.run("db", "current")
    assert result.exit_code == 4
    assert result.stdout.splitlines() == [
        f"There are no tables of zenctx yet; revision {HEAD} is needed.",
        "Run 'zenctx db upgrade'.",
    ]
    summary = console.document("db", "current", code=4)["summary"]
    assert (summary["revision"], summary["head"], summary["is_current"]) == (None, HEAD, False)


def test_a_revision_from_the_future_is_told(console: Console) -> None:
    """Tables that a newer zenctx made are left to it."""
    console.rows.execute("update zenctx_revision set version_num = '9999'")
    result = console.run("db", "current")
    assert result.exit_code == 4
    assert result.stdout.splitlines() == [
        "The tables of zenctx are at revision 9999, which this version does not know.",
        "Use the newer zenctx that made them.",
    ]


@pytest.mark.parametrize("dialect", ["postgresql", "sqlite"])
def test_the_sql_is_printed(dialect: str) -> None:
    """As it is, for a pipe; in JSON as one text."""
    result = zenctx("db", "sql", "--dialect", dialect)
    assert result.exit_code == 0
    assert "CREATE TABLE zenctx_operation" in result.stdout
    document = document_of(zenctx("db", "sql", "--dialect", dialect, "--json"))
    assert document["summary"] == {"dialect": dialect, "sql": result.stdout}


def test_the_sql_needs_no_database() -> None:
    """A database that is named would not be opened, so it is refused."""
    result = zenctx("db", "sql", "--db", "postgresql://u@db/x")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: 'zenctx db sql' opens no database.\nHint: --dialect says which kind")


def test_the_script_that_converts_is_printed() -> None:
    """With the threshold of the settings; in JSON as one text."""
    result = zenctx("db", "sql", "--convert", "--memory-threshold-bytes", "4 KiB")
    assert result.exit_code == 0
    assert "CREATE TABLE zenctx_operation" in result.stdout
    assert "'zenctx.memory_threshold_bytes', true), ''), '4096')" in result.stdout
    document = document_of(zenctx("db", "sql", "--convert", "--memory-threshold-bytes", "4 KiB", "--json"))
    assert document["summary"] == {"dialect": "postgresql", "sql": result.stdout}


def test_the_script_is_written_for_flyway(tmp_path: Path) -> None:
    """As its next migration; once."""
    (tmp_path / "V41__earlier.sql").touch()
    call = ("db", "sql", "--convert", "--flyway", str(tmp_path), "--json")
    summary = document_of(zenctx(*call))["summary"]
    path = tmp_path / "V42__refvalue_context_schema.sql"
    assert summary == {"path": str(path), "configuration_path": f"{path}.conf", "version": "42"}
    assert path.read_text() == zenctx("db", "sql", "--convert").stdout
    again = zenctx(*call)
    assert again.exit_code == 5
    assert document_of(again)["error"]["kind"] == "refused"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--convert", "--dialect", "sqlite"), "--convert is for PostgreSQL only"),
        (("--flyway", "."), "--flyway is for the script of --convert"),
        (("--convert", "--flyway", "nowhere"), "There is no directory nowhere"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: tuple[str, ...], error: str) -> None:
    """Before anything is written."""
    result = zenctx("db", "sql", *options)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {error}")


def test_a_database_is_bound_to_its_directory(console: Console) -> None:
    """The id of the store is told; another directory is refused unless it is meant."""
    first = console.document("db", "bind")["summary"]
    assert set(first) == {"database", "store_id", "path"}
    assert first["path"] == str(console.folder / "data/context-files/persistent")
    other = ["--persistent-file-dir", "data/elsewhere"]
    result = console.run("db", "bind", *other)
    assert result.exit_code == 5
    assert f"is bound to the store {first['store_id']}, last seen at {first['path']}." in result.stderr
    assert not (console.folder / "data/elsewhere" / MARKER).exists()
    message, step = console.lines("db", "bind", *other, "--replace")
    assert message.startswith("The database is bound to the store ")
    assert message.endswith(f" at {console.folder}/data/elsewhere.")
    assert step == "'zenctx verify' says whether every file is there."


def test_an_unmounted_directory_is_refused(console: Console) -> None:
    """Once bound, an empty directory in the place of the store is not written to."""
    assert console.run("db", "bind").exit_code == 0
    (console.folder / "data/context-files/persistent" / MARKER).unlink()
    console.rows.add('{"large":"' + "x" * 700_000 + '"}')
    result = console.run("migrate")
    assert result.exit_code == 5
    assert "has no marker, and the database is bound to the store" in result.stderr
    assert console.files() == []
