"""The parts of a migration: split, claimed by one at a time, done once, gone on with by whoever is left."""

from uuid import uuid4

import pytest

from tests.support.rows import Rows
from zenctx.database import parts
from zenctx.database.engine import Connection
from zenctx.database.parts import Part, State
from zenctx.database.rows import Span

HALVES = [Span(None, "8"), Span("8", None)]


def claimed(connection: Connection, state: State, prefer: tuple[int, ...] = ()) -> int | None:
    """Claim a part, and give its number."""
    part, _left = parts.claim(connection, state, prefer)
    return None if part is None else part.number


@pytest.mark.parametrize("is_analysed", [True, False])
@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_parts_cover_every_id_once(postgresql_rows: Rows, count: int, is_analysed: bool) -> None:
    """With statistics or without: each begins where the one before it ends, and they are of similar size."""
    ids = sorted(postgresql_rows.add_all(['{"a":1}'] * 2000))
    if is_analysed:
        postgresql_rows.execute("analyze workflow_runs")
    with postgresql_rows.database.connect() as connection:
        spans = parts.split(connection, count)
    assert (spans[0].after, spans[-1].up_to) == (None, None)
    assert [span.up_to for span in spans[:-1]] == [span.after for span in spans[1:]]
    assert len(spans) == count
    sizes = [
        sum(
            (span.after is None or each > str(span.after)) and (span.up_to is None or each <= str(span.up_to))
            for each in ids
        )
        for span in spans
    ]
    assert sum(sizes) == len(ids)
    assert max(sizes) <= 2.5 * len(ids) / count


def test_each_part_is_claimed_by_one(postgresql_rows: Rows) -> None:
    """What the other one has, or what is done, is passed over; a claim ends with its session."""
    database = postgresql_rows.database
    with database.connect() as first:
        state = parts.join(first, "scope", "one", HALVES)
        with database.connect() as second:
            assert parts.join(second, "scope", "two", []) == State("one", 1, 0)
            assert (claimed(first, state), claimed(second, state)) == (0, 1)
            assert parts.claim(first, state, ()) == (None, 2)
            parts.finish(first, state, Part(0, HALVES[0]), "one", {"rows": 5})
            parts.release(first, state, 0)
            assert parts.claim(first, state, ()) == (None, 1)
        assert claimed(first, state) == 1
        parts.finish(first, state, Part(1, HALVES[1]), "one", {"rows": 6})
        parts.finish(first, state, Part(1, HALVES[1]), "two", {"rows": 7})
        parts.release(first, state, 1)
        assert parts.claim(first, state, ()) == (None, 0)
        assert sorted(each["rows"] for each in parts.counts(first, state)) == [5, 6]


def test_what_one_knows_comes_first(postgresql_rows: Rows) -> None:
    """A part that was done here before."""
    with postgresql_rows.database.connect() as connection:
        assert claimed(connection, parts.join(connection, "scope", "one", HALVES), (1,)) == 1


def test_who_did_not_write_a_part_is_told_what_was_written(postgresql_rows: Rows) -> None:
    """In the sweep before: it is committed where that is on record. Unless that sweep was gone on with by others."""
    written = (("7", "751"), ("7f", "752"))
    with postgresql_rows.database.connect() as connection:
        state = parts.join(connection, "scope", "one", HALVES)
        assert parts.claim(connection, state, ())[0] == Part(0, HALVES[0])
        parts.finish(connection, state, Part(0, HALVES[0], written), "one", {"rows": 5})
        assert parts.counts(connection, state) == [{"rows": 5}]
        second = parts.advance(connection, state, is_last=False)
        assert parts.claim(connection, second._replace(resumed_sweep=1), ())[0] == Part(0, HALVES[0])
        parts.release(connection, second, 0)
        assert parts.claim(connection, second, (0,))[0] == Part(0, HALVES[0])
        parts.release(connection, second, 0)
        assert parts.claim(connection, second, ())[0] == Part(0, HALVES[0], written)
        assert parts.claim(connection, second, ())[0] == Part(1, HALVES[1])


def test_sweeps_follow_each_other_once(postgresql_rows: Rows) -> None:
    """Whoever comes second finds what the first has decided."""
    with postgresql_rows.database.connect() as connection:
        state = parts.join(connection, "scope", "one", HALVES)
        second = parts.advance(connection, state, is_last=False)
        assert second == parts.advance(connection, state, is_last=False) == State("one", 2, 0)
        assert claimed(connection, second) == 0
        assert parts.advance(connection, second, is_last=True).is_finished
        assert parts.advance(connection, second, is_last=False).is_finished
        assert parts.join(connection, "scope", "later", HALVES) == State("later", 1, 0)
        assert parts.join(connection, "other", "third", HALVES).migration_id == "third"


def test_one_that_was_abandoned_is_known_as_such(postgresql_rows: Rows) -> None:
    """Its sweep goes on, but what was counted in it long ago is no census."""
    scope = str(uuid4())
    with postgresql_rows.database.connect() as connection:
        parts.join(connection, scope, "one", HALVES)
    with postgresql_rows.database.connect() as connection:
        assert parts.join(connection, scope, "two", HALVES) == State("one", 1, 1)
