"""The record of files that were removed on purpose, so that a missing file explains itself."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from zenctx.context.datastruct import DataStruct
from zenctx.database.columns import utc_now
from zenctx.database.schema import zenctx_released_file

PERSISTENT, STORAGE, SNAPSHOTS = "persistent", "storage", "snapshots"
_CHUNK = 500
"""Names in one statement; SQLite limits the number of its parameters."""


class ReleasedState(StrEnum):
    """What became of a file since its release was recorded."""

    RELEASED = "released"
    """It was about to be removed, and is gone unless something came between."""
    TRASHED = "trashed"
    """It lies in the trash."""
    RESTORED = "restored"
    """It was brought back."""
    PURGED = "purged"
    """It was deleted for good."""


class ReleasedFile(DataStruct, frozen=True):
    """A file below the persistent directory that is about to be removed, and the key whose value it held."""

    path: str
    key: str | None
    bytes: int
    mtime_ns: int


class Release(DataStruct, frozen=True):
    """A file that a clean-up is about to remove: `root` is persistent, storage or snapshots."""

    root: str
    path: str
    run_id: str | None
    bytes: int
    mtime_ns: int
    reason: str


class ReleaseRecord(DataStruct, frozen=True):
    """What is on record of one released file."""

    gc_id: str
    root: str
    path: str
    run_id: str | None
    bytes: int
    reason: str
    released_at: datetime
    state: str


def record(connection: Connection, release_id: str, run_id: str, reason: str, files: Sequence[ReleasedFile]) -> None:
    """Records files of a run before they are removed; inside the caller's transaction."""
    record_all(
        connection,
        release_id,
        [Release(PERSISTENT, file.path, run_id, file.bytes, file.mtime_ns, reason) for file in files],
        keys={file.path: file.key for file in files},
    )


def record_all(
    connection: Connection, gc_id: str, files: Sequence[Release], *, keys: dict[str, str | None] | None = None
) -> None:
    """Records files before they are removed; inside the caller's transaction."""
    if not files:
        return
    now = utc_now()
    connection.execute(
        insert(zenctx_released_file),
        [
            {
                "gc_id": gc_id,
                "root": file.root,
                "path": file.path,
                "run_id": file.run_id,
                "key": (keys or {}).get(file.path),
                "bytes": file.bytes,
                "mtime_ns": file.mtime_ns,
                "reason": file.reason,
                "released_at": now,
                "state": ReleasedState.RELEASED.value,
            }
            for file in files
        ],
    )


def set_state(connection: Connection, gc_id: str, root: str, paths: Sequence[str], state: ReleasedState) -> None:
    """Records what became of some files; inside the caller's transaction."""
    for some in _chunks(paths):
        connection.execute(update(zenctx_released_file).where(*_of(gc_id, root, some)).values(state=state.value))


def set_state_of_all(
    connection: Connection, gc_id: str, state: ReleasedState, *, before: Sequence[ReleasedState]
) -> None:
    """Records what became of all files of a clean-up that are in one of the states `before`."""
    table = zenctx_released_file
    connection.execute(
        update(table)
        .where(table.c.gc_id == gc_id, table.c.state.in_([each.value for each in before]))
        .values(state=state.value)
    )


def forget(connection: Connection, gc_id: str, root: str, paths: Sequence[str]) -> None:
    """Takes back the record of files that were not removed after all; inside the caller's transaction."""
    for some in _chunks(paths):
        connection.execute(delete(zenctx_released_file).where(*_of(gc_id, root, some)))


def latest(connection: Connection, path: str, root: str = PERSISTENT) -> ReleaseRecord | None:
    """Gives the newest record of a file; None where it was never released."""
    return latest_of(connection, [path], root).get(path)


def latest_of(connection: Connection, paths: Sequence[str], root: str = PERSISTENT) -> dict[str, ReleaseRecord]:
    """Gives the newest record of each of some files; those that were never released are absent."""
    table = zenctx_released_file
    found: dict[str, ReleaseRecord] = {}
    for some in _chunks(paths):
        query = select(table).where(table.c.path.in_(some), table.c.root == root)
        for row in connection.execute(query.order_by(table.c.released_at, table.c.gc_id)):
            found[row.path] = _record(row)
    return found


def of_gc(connection: Connection, gc_id: str, *, state: ReleasedState | None = None) -> Iterator[list[ReleaseRecord]]:
    """Yields what one clean-up released, in pieces; each is read by itself, so the caller may write in between."""
    table = zenctx_released_file
    after = ("", "")
    while True:
        query = select(table).where(table.c.gc_id == gc_id)
        query = query.where((table.c.root > after[0]) | ((table.c.root == after[0]) & (table.c.path > after[1])))
        if state is not None:
            query = query.where(table.c.state == state.value)
        rows = [_record(row) for row in connection.execute(query.order_by(table.c.root, table.c.path).limit(_CHUNK))]
        connection.rollback()
        if not rows:
            return
        yield rows
        after = (rows[-1].root, rows[-1].path)


def counts(connection: Connection, gc_ids: Sequence[str]) -> dict[str, dict[str, tuple[int, int]]]:
    """Gives files and bytes by state for some clean-ups."""
    table = zenctx_released_file
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for some in _chunks(gc_ids):
        query = (
            select(table.c.gc_id, table.c.state, func.count(), func.coalesce(func.sum(table.c.bytes), 0))
            .where(table.c.gc_id.in_(some))
            .group_by(table.c.gc_id, table.c.state)
        )
        for gc_id, state, files, size in connection.execute(query):
            found.setdefault(gc_id, {})[state] = (int(files), int(size))
    return found


def _of(gc_id: str, root: str, paths: Sequence[str]) -> tuple[ColumnElement[bool], ...]:
    table = zenctx_released_file
    return table.c.gc_id == gc_id, table.c.root == root, table.c.path.in_(paths)


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def _record(row: object) -> ReleaseRecord:
    values = row._mapping  # type: ignore[attr-defined]
    names = ("gc_id", "root", "path", "run_id", "bytes", "reason", "released_at", "state")
    return ReleaseRecord(**{name: values[name] for name in names})
