"""What a snapshot is to hold, and what was found before the first row is read."""

from msgspec import field

from zenctx.context.datastruct import DataStruct
from zenctx.database.rows import Selection


class SnapshotRequest(DataStruct, frozen=True):
    """Which runs to take: those of a selection, of which `resumable` leaves out the runs that are over.

    `tags` go into the snapshot; `is_safety` marks one that a restore takes of what it replaces. `paranoid` reads files
    again also where nothing about them has changed.
    """

    selection: Selection = field(default_factory=Selection)
    resumable: bool = False
    tags: tuple[str, ...] = ()
    is_safety: bool = False
    paranoid: bool = False

    def describe(self) -> str:
        """Gives in words which runs were asked for."""
        chosen = self.selection
        parts = [
            f"{name} {', '.join(values)}"
            for name, values in (("status", chosen.statuses), ("workflow", chosen.workflow_ids))
            if values
        ]
        if chosen.run_ids:
            parts.insert(0, f"{len(chosen.run_ids):,} named {'run' if len(chosen.run_ids) == 1 else 'runs'}")
        return "; ".join(parts) or ("runs that can still be resumed" if self.resumable else "all runs")


class GivenContext(DataStruct, frozen=True):
    """A context from elsewhere: its exact text, where it came from, and the id of the run that it is taken for."""

    text: bytes
    origin: str
    run_id: str
