"""The parts of a migration that several workers and hosts share: on record, claimed by locks that die with a session.

PostgreSQL only. A claim keeps two workers from looking at the same rows; that no row is written twice does not depend
on it, since every row is written only if it is as it was read.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, select, text, update

from zenctx.database.columns import utc_now
from zenctx.database.engine import write_transaction
from zenctx.database.locks import HOLDERS
from zenctx.database.rows import Span
from zenctx.database.schema import zenctx_migration, zenctx_part

_BOUNDS = """
    select unnest(histogram_bounds::text::text[]) from pg_stats
    where (schemaname, tablename) = (
        select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.oid = to_regclass('workflow_runs'))
    and attname = 'id'"""
_LOCK = "select pg_advisory_xact_lock(:key)"
_TRY = "select pg_try_advisory_lock(:key)"
_TRY_SHARED = "select pg_try_advisory_lock_shared(:key)"
_UNLOCK = "select pg_advisory_unlock(:key)"
_WRITTEN = "written"


class Part(NamedTuple):
    """A part of the key space in one sweep.

    `written`: the versions of rows that were written in it in the sweep before, by whomever (see `WrittenVersions`).
    What was written is committed before the part is marked as done: where one survives a crash, so does the other.
    """

    number: int
    span: Span
    written: tuple[tuple[str, str], ...] = ()


class State(NamedTuple):
    """How far a migration is: the sweep that is under way or was the last, and whether that was abandoned by others."""

    migration_id: str
    sweep: int
    resumed_sweep: int
    is_finished: bool = False


def split(connection: Connection, count: int) -> list[Span]:
    """Cuts the key space into about so many parts of about equal numbers of rows, as the statistics have it."""
    known = [] if count < 2 else list(connection.execute(text(_BOUNDS)).scalars())
    connection.rollback()
    if len(known) > 2:
        steps = min(count, len(known) - 1)
        cuts = [known[place * (len(known) - 1) // steps] for place in range(1, steps)]
    else:
        # Without statistics: random ids are spread evenly.
        cuts = [f"{place * 2**32 // count:08x}-0000-0000-0000-000000000000" for place in range(1, count)]
    return [Span(after, up_to) for after, up_to in zip([None, *cuts], [*cuts, None], strict=True)]


def join(connection: Connection, scope: str, operation_id: str, spans: Sequence[Span]) -> State:
    """Joins the unfinished migration of a scope, or begins one with parts of these spans.

    One that nobody works on any more is gone on with; what it has counted in the sweep under way is no census.
    """
    table = zenctx_migration
    with write_transaction(connection):
        connection.execute(text(_LOCK), {"key": _key("parts")})
        query = select(table).where(table.c.scope == scope, table.c.finished_at.is_(None)).order_by(table.c.id.desc())
        found = connection.execute(query.limit(1)).first()
        if found is None:
            # What earlier migrations shared is of no use any more.
            finished = select(table.c.id).where(table.c.finished_at.is_not(None))
            connection.execute(delete(zenctx_part).where(zenctx_part.c.migration_id.in_(finished)))
            state = State(operation_id, 1, 0)
            connection.execute(
                insert(table).values(id=operation_id, scope=scope, sweep=1, resumed_sweep=0, created_at=utc_now())
            )
            _add_parts(connection, state, spans)
        else:
            abandoned = not connection.execute(text(HOLDERS), {"key": _key(found.id)}).one()[1]
            state = State(found.id, found.sweep, found.sweep if abandoned else found.resumed_sweep)
            connection.execute(update(table).where(table.c.id == found.id).values(resumed_sweep=state.resumed_sweep))
        _attend(connection, state.migration_id)
    return state


def claim(connection: Connection, state: State, prefer: Collection[int]) -> tuple[Part | None, int]:
    """Claims a part that is not done and nobody works on; gives how many are not done, too (None, 0: all are).

    Those in `prefer`, whose rows the caller knows, come first. The claim is a lock of the session; `release` or its end
    takes it back.
    """
    table = zenctx_part
    query = select(table.c.number, table.c.after_id, table.c.up_to_id).where(
        table.c.migration_id == state.migration_id, table.c.sweep == state.sweep, table.c.done_at.is_(None)
    )
    with connection.begin():
        _attend(connection, state.migration_id)
        open_parts = connection.execute(query.order_by(table.c.number)).all()
        for number, after, up_to in sorted(open_parts, key=lambda row: (row.number not in prefer, row.number)):
            key = {"key": _key(f"{state.migration_id}:{state.sweep}:{number}")}
            if connection.execute(text(HOLDERS), key).one()[0] or not connection.execute(text(_TRY), key).scalar_one():
                continue
            if connection.execute(query.where(table.c.number == number)).first():
                written = () if number in prefer else _written_before(connection, state, number)
                return Part(number, Span(after, up_to), written), len(open_parts)
            connection.execute(text(_UNLOCK), key)  # done a moment ago
    return None, len(open_parts)


def release(connection: Connection, state: State, number: int) -> None:
    """Takes a claim back, whether the part is done or not."""
    with connection.begin():
        key = {"key": _key(f"{state.migration_id}:{state.sweep}:{number}")}
        if connection.execute(text(HOLDERS), key).one()[0]:
            connection.execute(text(_UNLOCK), key)


def finish(connection: Connection, state: State, part: Part, operation_id: str, counts: Mapping[str, object]) -> None:
    """Marks a part as done, with what was counted and `written` in it; who comes second changes nothing."""
    table = zenctx_part
    on_record = json.dumps({**counts, _WRITTEN: part.written})
    with write_transaction(connection):
        connection.execute(
            update(table)
            .where(table.c.migration_id == state.migration_id, table.c.sweep == state.sweep)
            .where(table.c.number == part.number, table.c.done_at.is_(None))
            .values(done_at=utc_now(), operation_id=operation_id, counts=on_record)
        )


def counts(connection: Connection, state: State) -> list[dict[str, Any]]:
    """Gives what was counted in each part of the sweep that is done."""
    table = zenctx_part
    query = select(table.c.counts).where(
        table.c.migration_id == state.migration_id, table.c.sweep == state.sweep, table.c.done_at.is_not(None)
    )
    found = [json.loads(each) for each in connection.execute(query).scalars()]
    connection.rollback()
    return [{name: count for name, count in each.items() if name != _WRITTEN} for each in found]


def _written_before(connection: Connection, state: State, number: int) -> tuple[tuple[str, str], ...]:
    """Gives what was written in a part in the sweep before; nothing where that began before somebody went on with it.

    Then it may be long ago, and a version may have come round.
    """
    table, before = zenctx_part, state.sweep - 1
    if before <= state.resumed_sweep:
        return ()
    query = select(table.c.counts).where(
        table.c.migration_id == state.migration_id, table.c.sweep == before, table.c.number == number
    )
    on_record = connection.execute(query).scalar()
    return tuple((last_id, version) for last_id, version in json.loads(on_record or "{}").get(_WRITTEN, ()))


def advance(connection: Connection, state: State, *, is_last: bool) -> State:
    """Ends the migration after its last sweep, or begins the next; once, whoever is first.

    Gives the state as it is then. All parts of the sweep are done.
    """
    table, part = zenctx_migration, zenctx_part
    with write_transaction(connection):
        connection.execute(text(_LOCK), {"key": _key("parts")})
        found = connection.execute(select(table).where(table.c.id == state.migration_id)).one()
        if found.sweep != state.sweep or found.finished_at is not None:
            return State(found.id, found.sweep, found.resumed_sweep, found.finished_at is not None)
        change = update(table).where(table.c.id == state.migration_id)
        if is_last:
            connection.execute(change.values(finished_at=utc_now()))
            return state._replace(is_finished=True)
        query = select(part.c.after_id, part.c.up_to_id).where(
            part.c.migration_id == state.migration_id, part.c.sweep == state.sweep
        )
        spans = [Span(*row) for row in connection.execute(query.order_by(part.c.number))]
        following = State(found.id, found.sweep + 1, found.resumed_sweep)
        connection.execute(change.values(sweep=following.sweep))
        _add_parts(connection, following, spans)
    return following


def _add_parts(connection: Connection, state: State, spans: Sequence[Span]) -> None:
    connection.execute(
        insert(zenctx_part),
        [
            {
                "migration_id": state.migration_id,
                "sweep": state.sweep,
                "number": number,
                "after_id": span.after,
                "up_to_id": span.up_to,
            }
            for number, span in enumerate(spans)
        ],
    )


def _attend(connection: Connection, migration_id: str) -> None:
    """Lets others see that somebody works on a migration, as long as the session lives."""
    key = {"key": _key(migration_id)}
    if not connection.execute(text(HOLDERS), key).one()[0]:
        connection.execute(text(_TRY_SHARED), key)


def _key(name: str) -> int:
    digest = hashlib.sha256(f"zenctx:part:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
