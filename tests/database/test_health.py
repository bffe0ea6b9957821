"""What is told of a database by looking: its server and rights."""

from tests.support.rows import Rows
from zenctx.database import health


def test_a_server_is_described(rows: Rows) -> None:
    """Its version as a number where there is one to compare, its encoding, the role."""
    with rows.database.connect() as connection:
        found = health.server(connection)
        rights = health.rights(connection)
    assert (found.encoding, found.is_replica) == ("UTF8", False)
    assert (found.number == 0) is rows.is_sqlite
    assert (found.role is None) is rows.is_sqlite
    assert rights.may_update
    assert rights.may_write_own
    assert not rights.hides_rows
