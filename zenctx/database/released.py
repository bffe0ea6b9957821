"""The record of files that were removed on purpose, so that a missing file explains itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert

from zenctx.database.columns import utc_now
from zenctx.database.schema import zenctx_released_file


@dataclass(frozen=True, slots=True)
class ReleasedFile:
    """A file below the persistent directory that is about to be removed, and the key whose value it held."""

    path: str
    key: str | None
    bytes: int
    mtime_ns: int


def record(connection: Connection, release_id: str, run_id: str, reason: str, files: Sequence[ReleasedFile]) -> None:
    """Records files of a run before they are removed; inside the caller's transaction."""
    if not files:
        return
    now = utc_now()
    connection.execute(
        insert(zenctx_released_file),
        [
            {
                "gc_id": release_id,
                "root": "persistent",
                "path": file.path,
                "run_id": run_id,
                "key": file.key,
                "bytes": file.bytes,
                "mtime_ns": file.mtime_ns,
                "reason": reason,
                "released_at": now,
                "state": "released",
            }
            for file in files
        ],
    )
