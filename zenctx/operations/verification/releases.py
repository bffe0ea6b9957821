"""Whether a file that is not there went on purpose: what is on record of its release, and what its run did since."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum, auto

from zenctx.context.classes import NO_SIGN_OF_LIFE
from zenctx.context.datastruct import DataStruct
from zenctx.database import runtime_state
from zenctx.database.engine import Connection
from zenctx.database.released import ReleasedState, ReleaseRecord
from zenctx.database.rows import RunRow
from zenctx.operations.collection.explain import release_of
from zenctx.operations.live_files import LiveFiles
from zenctx.operations.run_classes import silent_since


class Intent(Enum):
    """What a release says about a file that a run still names."""

    MEANT = auto()
    """The run is over: its file is not needed, whoever released it."""
    LOST = auto()
    """The run goes on, and needs it."""
    MEANT_IF_DEAD = auto()
    """Somebody gave the run up, as one that shows no sign of life: it was meant, unless there was one since."""


class Releases(DataStruct, frozen=True):
    """Asks the database of a verification; leaves no transaction open."""

    live: LiveFiles
    connection: Connection

    def find(self, locator: str) -> ReleaseRecord | None:
        """Gives what is on record of a file; None where nothing is, or it is there."""
        return release_of(self.live, self.connection, locator)

    def are_dead(self, asked: Sequence[tuple[RunRow, ReleaseRecord]]) -> list[bool]:
        """Tells of each run whether it is a zombie still, without a sign of life since a release.

        A save of its state is one as well. What may not be read counts as one.
        """
        rows = {row.run_id: row for row, _ in asked}
        silent = dict(zip(rows, silent_since(self.connection, list(rows.values())), strict=True))
        saved = runtime_state.saved_at(self.connection, list(rows)) if rows else {}
        self.connection.rollback()
        return [_is_dead(silent[row.run_id], saved.get(row.run_id), record.released_at) for row, record in asked]


def intent_of(row: RunRow, record: ReleaseRecord) -> Intent:
    """Tells what a release means for a run that names the file, by the row and by the record alone."""
    if row.ended_at is not None and row.status not in ("RUNNING", "WAITING"):
        return Intent.MEANT
    was_given_up = record.reason.startswith(NO_SIGN_OF_LIFE) and record.state != ReleasedState.RESTORED
    return Intent.MEANT_IF_DEAD if was_given_up else Intent.LOST


def _is_dead(silent: datetime | None, saved: datetime | None, released: datetime) -> bool:
    return silent is not None and max(silent, saved or silent) <= released
