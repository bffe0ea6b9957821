"""Our tables: made and undone by revisions, the same as the schema that the code uses, the same as the printed SQL."""

import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from tests.database.conftest import opened
from tests.support.engine_schema import create_engine_schema
from zenctx.database.engine import Database, Dialect, write_transaction
from zenctx.database.revisions import Upgrade, alembic_config, current, script_location, upgrade, upgrade_sql
from zenctx.database.schema import METADATA, REVISION_TABLE, REVISIONS
from zenctx.errors import DatabaseError

ROOT = Path(__file__).parents[2]
# Roles belong to the whole server, which tests in other processes may share.
NO_CREATE = f"zenctx_test_no_create_{os.getpid()}"


def tables(connection: Connection) -> set[str]:
    """Give the names of all tables in sight."""
    return set(inspect(connection).get_table_names())


def definition(connection: Connection) -> list[object]:
    """Give all that the catalogue says of our tables, for comparison."""
    inspector = inspect(connection)
    return [
        (
            name,
            [{**column, "type": str(column["type"])} for column in inspector.get_columns(name)],
            inspector.get_pk_constraint(name),
            inspector.get_indexes(name),
        )
        for name in sorted(inspector.get_table_names())
    ]


def downgrade(database: Database) -> None:
    """Undo every revision."""
    with database.connect() as connection, write_transaction(connection):
        command.downgrade(alembic_config(connection), "base")


def test_up_and_down_and_up_again(database: Database) -> None:
    """The first upgrade makes every table, a second finds nothing to do, and the way back leaves none."""
    assert upgrade(database) == Upgrade(None, REVISIONS[-1])
    assert upgrade(database) == Upgrade(REVISIONS[-1], REVISIONS[-1])
    with database.connect() as connection:
        assert tables(connection) == {*METADATA.tables, REVISION_TABLE}
        first = definition(connection)
    downgrade(database)
    with database.connect() as connection:
        assert tables(connection) == {REVISION_TABLE}
    assert not current(database).is_current
    assert upgrade(database).changed
    with database.connect() as connection:
        assert definition(connection) == first


def test_the_engines_tables_stay_as_they_are(database: Database) -> None:
    """Ours are made and dropped beside them."""
    with database.connect() as connection, write_transaction(connection):
        create_engine_schema(connection)
    with database.connect() as connection:
        before = definition(connection)
    upgrade(database)
    downgrade(database)
    with database.connect() as connection:
        assert [entry for entry in definition(connection) if entry[0] != REVISION_TABLE] == before  # type: ignore[index]


def test_the_revisions_make_what_the_code_uses(database: Database) -> None:
    """Alembic finds no difference between the two, and looks at nothing but our tables."""
    with database.connect() as connection, write_transaction(connection):
        create_engine_schema(connection)
    upgrade(database)
    with database.connect() as connection:
        command.check(alembic_config(connection))


def test_the_list_of_revisions_is_complete() -> None:
    """The constant that spares the import of Alembic names every revision, oldest first."""
    scripts = ScriptDirectory.from_config(alembic_config())
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == REVISIONS


def test_an_engine_will_do_for_alembic_too(database: Database) -> None:
    """As tools for Alembic pass it."""
    config = alembic_config()
    config.attributes["connection"] = create_engine(database.engine.url, poolclass=NullPool)
    command.upgrade(config, "head")
    assert current(database).is_current


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_the_printed_sql_makes_the_same_tables(
    dialect: Dialect, request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str]
) -> None:
    """Run as it stands, it makes what the upgrade makes; run again, it fails without harm."""
    script = upgrade_sql(dialect)
    assert script.lstrip().startswith("BEGIN;")
    assert script.rstrip().endswith("COMMIT;")
    database: Database = request.getfixturevalue(dialect)
    upgrade(database)
    with database.connect() as connection:
        expected = definition(connection)
    downgrade(database)
    with database.connect() as connection, write_transaction(connection):
        connection.execute(text(f"drop table {REVISION_TABLE}"))
    run_script(database, script)
    with database.connect() as connection:
        assert definition(connection) == expected
    assert current(database).is_current
    assert upgrade(database) == Upgrade(REVISIONS[-1], REVISIONS[-1])
    with pytest.raises(Exception, match="already exists"):
        run_script(database, script)
    assert current(database).is_current
    assert capfd.readouterr() == ("", "")


def run_script(database: Database, script: str) -> None:
    """Run a script as the databases' own shells do: as text, with its own BEGIN and COMMIT."""
    with database.connect() as connection:
        driver: Any = connection.connection.driver_connection
        if database.dialect == "sqlite":
            driver.executescript(script)
        else:
            driver.autocommit = True
            driver.execute(script)


def test_nothing_is_printed_or_logged(
    database: Database, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever calls decides what is said; the standard output may be JSON."""
    with caplog.at_level(logging.WARNING):
        upgrade(database)
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_upgrades_at_once_wait_for_each_other(database: Database) -> None:
    """One does the work, the others find it done."""
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: upgrade(database), range(4)))
    assert sorted(upgraded.changed for upgraded in done) == [False, False, False, True]


def test_a_failing_revision_leaves_nothing(database: Database) -> None:
    """All revisions run in one transaction: what is in the way of the last table keeps the first from being made."""
    with database.connect() as connection, write_transaction(connection):
        connection.execute(text("create table zenctx_released_file (v int)"))
    with pytest.raises(DatabaseError):
        upgrade(database)
    with database.connect() as connection:
        assert tables(connection) == {"zenctx_released_file"}


def test_a_read_only_database_says_so(database: Database, database_url: str) -> None:
    """As anything that writes would."""
    del database  # Creates the file.
    with opened(database_url, read_only=True) as reader, pytest.raises(DatabaseError, match="is read-only"):
        upgrade(reader)


def test_a_role_that_may_not_create_tables_is_told(postgresql: Database) -> None:
    """With the way out: to have the rights granted."""
    with postgresql.connect() as connection, write_transaction(connection):
        connection.execute(text(f"create role {NO_CREATE}"))
        connection.execute(text(f"grant usage on schema public to {NO_CREATE}"))
    try:
        url = postgresql.engine.url.update_query_dict({"options": f"-c role={NO_CREATE}"})
        with (
            Database.open(url.render_as_string(hide_password=False), read_only=False) as limited,
            pytest.raises(DatabaseError, match="permission denied for schema public"),
        ):
            upgrade(limited)
    finally:
        with postgresql.connect() as connection, write_transaction(connection):
            connection.execute(text(f"drop owned by {NO_CREATE}"))
            connection.execute(text(f"drop role {NO_CREATE}"))


def test_a_missing_installation_of_the_revisions_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that lost its files says to install it again."""
    monkeypatch.setattr("zenctx.database.revisions.files", lambda _name: tmp_path / "zenctx")
    with pytest.raises(DatabaseError, match="missing from this installation"):
        script_location()


def test_a_percent_sign_in_the_path_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alembic would take it for a placeholder."""
    place = tmp_path / "100%(x)s"
    (place / "zenctx").mkdir(parents=True)
    (place / "migrations").symlink_to(script_location())
    monkeypatch.setattr("zenctx.database.revisions.files", lambda _name: place / "zenctx")
    assert "CREATE TABLE zenctx_store" in upgrade_sql("sqlite")


def test_the_wheel_carries_the_revisions(tmp_path: Path) -> None:
    """An installed zenctx can upgrade a database without the repository."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    unpacked = tmp_path / "unpacked"
    with ZipFile(wheel) as archive:
        archive.extractall(unpacked)
        names = set(archive.namelist())
    assert {"zenctx/migrations/env.py", "zenctx/migrations/versions/0001_tables.py"} <= names
    assert not any("__pycache__" in name for name in names)
    program = (
        "from pathlib import Path; from zenctx.database.engine import Database; from zenctx.database import revisions;"
        "print(revisions.script_location()); print(revisions.upgrade(Database.create_sqlite(Path('new.db'))).after)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(unpacked)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == [str(unpacked / "zenctx" / "migrations"), REVISIONS[-1]]
