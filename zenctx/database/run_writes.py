"""What is to be written of a run, over what was seen of it, and what became of that."""

from dataclasses import dataclass, field
from typing import NamedTuple

from zenctx.database.engine import SQLITE
from zenctx.database.rows import RunRow
from zenctx.database.run_columns import FittedRow
from zenctx.database.stored_values import BLOB, parameter
from zenctx.database.whole_rows import StoredState


class SeenRun(NamedTuple):
    """A run as it was read: its row, the state beside it, and the run that it tries again."""

    row: RunRow
    state: StoredState | None
    retry_of: str | None


@dataclass(frozen=True, slots=True)
class RunWrite:
    """One run to be written.

    `seen` is what it replaces, None for a run that is not there; then `columns` has its other columns. `context` None
    is SQL NULL; SQLite stores it as text, or in another class where `storage` names one. `direction`: what is to be on
    record of its conversion, None to leave the record as it is. `keeps_state`: the runtime state stays as it is.
    """

    run_id: str
    context: bytes | None
    state: StoredState | None
    seen: SeenRun | None
    columns: FittedRow = field(default_factory=FittedRow)
    direction: str | None = None
    keeps_state: bool = False
    storage: str = ""


class Refusal(NamedTuple):
    """A run that was not written, and why, in words without a value."""

    run_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of some writes: `changed` are runs that somebody else has written since they were read."""

    written: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    def add(self, other: "Outcome") -> None:
        """Takes in what became of others."""
        self.written.extend(other.written)
        self.changed.extend(other.changed)
        self.refused.extend(other.refused)


def expression(dialect: str, storage: str) -> str:
    """Gives the expression that a context is written by; `storage` as in `RunWrite`."""
    if dialect == SQLITE:
        return ":context" if storage else "cast(:context as text)"
    return "cast(:context as jsonb)"


def bound_context(dialect: str, write: RunWrite) -> object:
    """Gives a context as the driver takes it: SQLite keeps bytes that are no UTF-8, too, and PostgreSQL has none.

    Raises ValueError for a text that is not what its class of storage says.
    """
    if write.context is None or (dialect == SQLITE and write.storage in ("", BLOB)):
        return write.context
    spelled = write.context.decode()
    return parameter(spelled, write.storage)[1] if dialect == SQLITE else spelled
