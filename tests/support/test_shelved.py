"""Tables that tests use one after the other: emptied as long as they are as they were made, made anew otherwise."""

import pytest

from tests.database.conftest import opened
from tests.support.postgres import Database
from tests.support.rows import Rows
from tests.support.tables import create_all_tables

# Each changes one of the catalogs alone, or a right.
CHANGES = (
    "alter table workflow_runs add more int",
    "alter table workflow_runs alter retry_attempt set default 1",
    "alter table workflows alter name drop not null",
    "alter type workflow_status_enum add value 'PAUSED'",
    "drop index idx_workflow_runs_workflow_id",
    "create view looking as select 1 as one",
    "create policy mine on workflow_runs",
    "create rule nothing as on delete to zenctx_pin do instead nothing",
    "create statistics related on status, started_at from workflow_runs",
    "grant select on zenctx_pin to public",
    "grant create on schema public to public",
    "insert into workflows (name) values ('a'); analyze workflows",
)


def _tables(database: Database) -> tuple[Rows, set[tuple[object, ...]]]:
    """Give the tables of a database that a test begins with, and which they are."""
    database.clear()
    with opened(database.url) as other:
        create_all_tables(other)
        rows = Rows(other)
    tables = rows.fetch("select relname, oid from pg_class where relnamespace = 'public'::regnamespace")
    return rows, {tuple(table) for table in tables}


def test_they_are_emptied_and_used_again(newest_postgres: Database) -> None:
    """The same tables, with no row but that which says of which revision they are, and no size."""
    _tables(newest_postgres)
    rows, before = _tables(newest_postgres)
    for _ in range(3):
        rows.add('{"a":1}')
    rows.execute("update zenctx_revision set version_num = 'another'")
    rows, after = _tables(newest_postgres)
    assert after == before
    assert rows.fetch("select count(*) from workflow_runs") == [(0,)]
    assert rows.fetch("select pg_relation_size('workflow_runs'), count(*) from workflows") == [(0, 1)]
    assert rows.fetch("select count(*) from zenctx_revision where version_num <> 'another'") == [(1,)]


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_is_made_anew(newest_postgres: Database, change: str) -> None:
    """Whatever it was."""
    rows, before = _tables(newest_postgres)
    for statement in change.split("; "):
        rows.execute(statement)
    _, after = _tables(newest_postgres)
    assert not after & before
