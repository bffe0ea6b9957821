"""What a migration is asked to do, and the plan that it makes of it."""

from dataclasses import replace

from zenctx.context.convert import BytesAs
from zenctx.context.datastruct import DataStruct
from zenctx.context.direction import Direction
from zenctx.context.rules import StorageRules
from zenctx.database.engine_state import Liveness
from zenctx.database.rows import Selection
from zenctx.errors import UsageError
from zenctx.operations.migration.brakes import Terms
from zenctx.operations.migration.throttle import Limits

ALL_RUNS = Selection()
NO_TERMS = Terms()


class MigrationRequest(DataStruct, frozen=True):
    """What the operator asked for. `batch_rows` None: found by measuring; `limit`: rows to convert at most."""

    direction: Direction = Direction.DESCRIPTORS
    selection: Selection = ALL_RUNS
    assume: Direction | None = None
    include_active: bool = False
    limit: int | None = None
    batch_rows: int | None = None
    bytes_as: BytesAs = BytesAs.REFUSE
    retry_quarantined: bool = False
    terms: Terms = NO_TERMS
    workers: int = 1
    limits: Limits | None = None
    """What the server may have to bear; None: whatever comes."""

    def __post_init__(self) -> None:
        """Refuses what cannot be meant."""
        if self.assume is not None and not self.selection.run_ids:
            raise UsageError("--assume needs --run: it is decided run by run", hint="name each run with --run ID")
        if self.workers > 1 and self.limit is not None:
            raise UsageError("--limit is counted by one worker", hint="leave out --workers, or take --max-duration")

    @property
    def tries_again(self) -> bool:
        """Whether quarantined rows are tried again: asked for, or what is asked may well be what they waited for."""
        return self.retry_quarantined or self.assume is not None or self.bytes_as is BytesAs.BASE64


class MigrationPlan(DataStruct, frozen=True):
    """A request with what was found out about it: the same for a dry run and a real one."""

    request: MigrationRequest
    rules: StorageRules
    liveness: Liveness
    tries_quarantined: bool = False
    """Whether quarantined rows are tried again; in the first sweep only."""
    operation_id: str = ""
    is_jsonb: bool = False
    """Whether the database keeps contexts as `jsonb`, and not as the text that they are."""

    @property
    def only_finished(self) -> bool:
        """Whether runs that an engine may still load or save are left for later."""
        return self.liveness.alive and not self.request.include_active


def shared_by_workers(plan: MigrationPlan) -> MigrationPlan:
    """Gives the plan of each worker: what is allowed to all of them is shared."""
    terms, count = plan.request.terms, plan.request.workers
    if terms.max_rate is None or count == 1:
        return plan
    return replace(plan, request=replace(plan.request, terms=replace(terms, max_rate=terms.max_rate / count)))
