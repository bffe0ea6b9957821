"""What a restoration is asked to do."""

from dataclasses import dataclass
from enum import StrEnum

from zenctx.context.rules import OnMissing
from zenctx.errors import UsageError


class RestoreForm(StrEnum):
    """The form that restored contexts are to get."""

    AS_IS = "as-is"
    DESCRIPTORS = "descriptors"
    LEGACY = "legacy"


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """What the operator asked for. Without `run_ids` every run of the snapshot, without `keys` whole contexts."""

    snapshot: str = "latest"
    run_ids: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    as_new_run: bool = False
    form: RestoreForm = RestoreForm.AS_IS
    on_missing: OnMissing = OnMissing.FAIL
    force: bool = False

    def __post_init__(self) -> None:
        """Refuses what cannot be meant."""
        if self.keys and self.as_new_run:
            raise UsageError(
                "--key puts values into a run that is there, --as-new-run makes another", hint="give one of them"
            )
        if self.keys and self.form is not RestoreForm.AS_IS:
            raise UsageError("--key gives values the form of the context that they go to", hint="leave out --form")
