"""zenctx behind a real PgBouncer: one that lends sessions for a transaction is refused, one that keeps them is not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.console import zenctx
from tests.conftest import NEWEST, _bin_of
from tests.database.conftest import opened
from tests.support.pgbouncer import pooled
from tests.support.postgres import Server, running_server
from tests.support.replication import run
from tests.support.rows import Rows, compact
from tests.support.tables import create_all_tables

pytestmark = pytest.mark.soak

LOCKED = ("migrate --workers 2", "scrub --yes", "gc pin {run}", "gc --yes", "restore latest --force --yes")
FREE = ("runs", "verify", "stats", "audit", "gc --dry-run", "migrate --dry-run", "snapshot --all", "db current")


@pytest.fixture
def server() -> Iterator[tuple[Server, str]]:
    """A server with some runs, and the id of one of them."""
    with running_server(_bin_of(NEWEST)) as server, opened(server.url()) as database:
        create_all_tables(database)
        rows = Rows(database)
        rows.add_all(compact({"n": number}) for number in range(500))
        yield server, rows.add('{"n":"last"}')


def locks(server: Server) -> int:
    """Count the advisory locks that are held."""
    return int(str(run(server, "select count(*) from pg_locks where locktype = 'advisory'")[0][0]))


def test_sessions_for_one_transaction(server: tuple[Server, str], folder: Path) -> None:
    """What needs a lock is refused in one sentence, and leaves none behind in a session of others; the rest works."""
    with pooled(server[0], "transaction") as url:
        for line in FREE:
            result = zenctx(*line.split(), "--db", url)
            assert (line, result.exit_code) == (line, 0), result.output
        run(server[0], f"update workflow_runs set context = '{{}}' where id = '{server[1]}'")
        for line in LOCKED:
            result = zenctx(*line.format(run=server[1]).split(), "--db", url)
            assert (line, result.exit_code) == (line, 5), result.output
            assert "Error: The locks of zenctx do not hold here: a pooler" in result.stderr
            assert locks(server[0]) == 0
    assert folder.is_dir()


def test_sessions_for_a_connection(server: tuple[Server, str], folder: Path) -> None:
    """Are as good as the server's own."""
    with pooled(server[0], "session") as url:
        for line in (*FREE, *LOCKED):
            result = zenctx(*line.format(run=server[1]).split(), "--db", url)
            assert (line, result.exit_code) == (line, 0), result.output
    assert folder.is_dir()
