"""Column types mean the same in both databases."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import pytest
from sqlalchemy import Column, MetaData, Table, text

from zenctx.database.columns import EngineId, UtcTime, iso_utc
from zenctx.database.engine import Database, write_transaction

TABLE = Table("t", MetaData(), Column("id", EngineId, primary_key=True), Column("moment", UtcTime))
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 6, timezone(timedelta(hours=2)))


def test_moments_come_back_in_utc(database: Database) -> None:
    """To the microsecond, whatever zone they were given in, and None as None."""
    with database.connect() as connection, write_transaction(connection):
        TABLE.create(connection)
        for number, moment in enumerate([MOMENT, None]):
            connection.execute(TABLE.insert().values(id=str(uuid4()), moment=moment))
            assert number < 2
        found = connection.execute(TABLE.select().order_by(TABLE.c.moment.desc().nulls_last())).all()
    assert [row.moment for row in found] == [MOMENT.astimezone(UTC), None]
    assert found[0].moment.tzinfo is UTC


def test_ids_of_the_engine_are_text_in_python(database: Database) -> None:
    """In the form with dashes, also where the column is a `uuid`."""
    run_id = str(uuid4())
    with database.connect() as connection, write_transaction(connection):
        TABLE.create(connection)
        connection.execute(TABLE.insert().values(id=run_id))
        assert connection.scalar(TABLE.select().where(TABLE.c.id == run_id)) == run_id


def test_a_time_without_a_zone_is_not_stored(database: Database) -> None:
    """It would mean one moment here and another there."""
    with database.connect() as connection:
        TABLE.create(connection)
        with pytest.raises(Exception, match="without a zone"):
            connection.execute(TABLE.insert().values(id=str(uuid4()), moment=MOMENT.replace(tzinfo=None)))


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ("'2026-01-02T01:04:05.000006Z'", MOMENT),
        ("'2026-01-02 01:04:05.000006'", MOMENT),
        ("'2026-01-02 03:04:05.000006+02:00'", MOMENT),
        ("1767315845000", MOMENT.replace(microsecond=0)),
        ("'yesterday'", None),
        ("''", None),
        ("1e300", None),
        ("'0001-01-01T00:00:00+14:00'", None),
    ],
)
def test_sqlite_times_in_other_spellings(sqlite: Database, stored: str, expected: datetime | None) -> None:
    """As JDBC and SQLite's own functions write them; what is no time reads as None, and breaks no list."""
    with sqlite.connect() as connection:
        TABLE.create(connection)
        connection.execute(text(f"insert into t values ('x', {stored})"))
        assert connection.execute(TABLE.select()).one().moment == expected


def test_iso_texts_sort_as_moments_do() -> None:
    """They all have one length, fractions or not."""
    first, second = MOMENT.replace(microsecond=0), MOMENT
    assert iso_utc(first) == "2026-01-02T01:04:05.000000Z"
    assert iso_utc(first) < iso_utc(second)
