"""What is to become of one run of a snapshot, and why: alike in a dry run and a real one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

from zenctx.context.classes import RunClass, RunFacts, classify_run
from zenctx.context.forms import Detection, Form, detect
from zenctx.context.rawjson import quoted
from zenctx.context.state import RuntimeState
from zenctx.database import runtime_state
from zenctx.database.conversions import is_run_id
from zenctx.database.engine_state import Liveness
from zenctx.database.run_columns import FittedRow, RunColumns
from zenctx.database.run_writes import SeenRun
from zenctx.database.whole_rows import StoredState
from zenctx.errors import DamagedFileError, DataError
from zenctx.operations.restoring.compare import (
    HasContent,
    KeyChange,
    compare,
    is_same,
    kept_files,
    left_in_place,
    lies_in_place,
)
from zenctx.operations.restoring.report import Action
from zenctx.operations.restoring.request import RestoreForm, RestoreRequest
from zenctx.operations.restoring.target import Files, Source, Target, Wish, choose, detected, make_target, put_into
from zenctx.snapshots.model import SnapshotRun

SETTLED_AFTER = timedelta(minutes=5)
"""How long an engine must have left a parked run alone before it counts as parked."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a run. `target` is there where it is written; `row` has the other columns of a new row."""

    run: SnapshotRun
    action: Action
    reason: str | None = None
    seen: SeenRun | None = None
    target: Target | None = None
    row: FittedRow = field(default_factory=FittedRow)
    run_id: str = ""
    """The id that it is written under."""
    state: StoredState | None = None
    keeps_state: bool = False
    keys_only: bool = False
    """Whether the rest of its context stays as it is."""
    has_keys: bool = True
    """Whether the snapshot has any of the keys that are to be put back."""
    changes: Sequence[KeyChange] = ()
    notes: tuple[str, ...] = ()

    @property
    def writes(self) -> bool:
        """Whether anything is to be written."""
        return self.target is not None

    @property
    def is_held(self) -> bool:
        """Whether the run is there in the end, so that others may be told that they try it again."""
        return self.action in (Action.SAME, Action.REPLACE, Action.INSERT, Action.COPY)

    @property
    def is_partial(self) -> bool:
        """Whether something is lacking that the snapshot holds, or that was asked for by name."""
        if self.action in (Action.SAME, Action.REPLACE) and self.reason is not None:
            return True
        return self.target is not None and (self.target.lacks or bool(self.notes))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known besides a run and its row. `workflows` None: it cannot be seen which there are."""

    now: datetime
    liveness: Liveness
    columns: RunColumns
    workflows: frozenset[str] | None
    signs: Mapping[str, datetime]
    at_work: frozenset[str]
    retries: frozenset[str]


def is_text(run_id: str) -> bool:
    """Tells whether a database can be asked for a run of this id; half of a surrogate pair it cannot be asked for."""
    try:
        run_id.encode()
    except UnicodeEncodeError:
        return False
    return True


IsOwn = Callable[[str, str], bool]
"""Tells whether a locator leads into the directory of a run."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Decides. `dialect` is that of the database that is written to."""

    request: RestoreRequest
    wish: Wish
    source: Source
    has_content: HasContent
    is_own: IsOwn
    dialect: str

    def decide(
        self, run: SnapshotRun, seen: SeenRun | None, around: Surroundings, damaged: frozenset[str] = frozenset()
    ) -> Decision:
        """Decides about one run; `damaged` are keys of it whose objects were found to be so."""
        reason = self._cannot_be_here(run.run_id)
        if reason is not None:
            return Decision(run, Action.FAIL, reason)
        try:
            if self.request.as_new_run:
                return self._copied(run, around, damaged)
            if seen is None:
                return self._inserted(run, around, damaged)
            return self._replaced(run, seen, around, damaged)
        except (DataError, DamagedFileError) as error:
            return Decision(run, Action.FAIL, error.message, seen)

    def _cannot_be_here(self, run_id: str) -> str | None:
        if not is_text(run_id):
            return "its id is no text that a database takes"
        if self.dialect == "postgresql" and not is_run_id(run_id):
            return "its id is not a UUID as PostgreSQL spells it"
        return None

    def _inserted(self, run: SnapshotRun, around: Surroundings, damaged: frozenset[str]) -> Decision:
        if self.request.keys:
            raise DataError("the run is gone, and --key puts values into a run that is there")
        nothing = detect(None, self.source.locator_ok)
        target, row = self._whole(run, around, lambda found: Files(damaged, self._kept(run, found, nothing, damaged)))
        return Decision(
            run, Action.INSERT, target=target, row=row, run_id=run.run_id, state=_state(run),
            changes=compare(target, nothing, self.has_content),
            notes=_columns_without_place(run, around.columns),
        )  # fmt: skip

    def _copied(self, run: SnapshotRun, around: Surroundings, damaged: frozenset[str]) -> Decision:
        target, row = self._whole(run, around, lambda _found: Files(damaged))
        run_id = str(uuid4())
        # No job must revive the copy by itself; which run it tries again is as true of it as of the first.
        values = {**row.values, "id": run_id} | ({"next_retry_at": None} if "next_retry_at" in row.values else {})
        return Decision(
            run, Action.COPY, target=target, row=FittedRow(values, row.as_text), run_id=run_id, state=_state(run),
            changes=compare(target, detect(None, self.source.locator_ok), self.has_content),
            notes=_columns_without_place(run, around.columns),
        )  # fmt: skip

    def _whole(
        self, run: SnapshotRun, around: Surroundings, known: Callable[[Detection], Files]
    ) -> tuple[Target, FittedRow]:
        if run.columns.get("id") != run.run_id:
            raise DataError("its row has another id")
        workflow_id = run.columns.get("workflow_id")
        if workflow_id is None:
            raise DataError("it has no row here, and the snapshot holds its context alone")
        if around.workflows is not None and workflow_id not in around.workflows:
            raise DataError(f"its workflow {workflow_id} is not here")
        found = detected(run, self.source.locator_ok)
        target = make_target(run, found, self.wish, self.source, known(found))
        return target, around.columns.fit(run.columns, run.storage)

    def _replaced(self, run: SnapshotRun, seen: SeenRun, around: Surroundings, damaged: frozenset[str]) -> Decision:
        if self._is_evidently_same(run, seen):
            return Decision(run, Action.SAME, seen=seen)
        found = detected(run, self.source.locator_ok)
        current = detect(seen.row.text, self.source.locator_ok)
        known = Files(damaged, self._kept(run, found, current, damaged))
        if self.request.keys:
            part = choose(found, self.request.keys)
            if not part.entries:
                return Decision(run, Action.SAME, self._keys_lacking(found), seen, has_keys=False)
            target = self._put_into(run, current, part, known)
            state, keeps_state = _state_for_keys(run, seen, [entry.member.name for entry in part.entries])
        else:
            target = make_target(run, found, self.wish, self.source, known)
            if target.files and lies_in_place(
                target, seen.row.text, self.has_content, partial(self.is_own, seen.row.run_id)
            ):
                target = replace(target, text=seen.row.text, files={})
            state, keeps_state = _state(run), False
        changes = compare(target, current, self.has_content)
        reason = self._keys_lacking(found)
        if is_same(target, seen.row.text, current, changes) and (keeps_state or state == seen.state):
            return Decision(run, Action.SAME, reason, seen, changes=changes)
        if (danger := _may_be_executing(seen, current, around)) and not self.request.force:
            return Decision(run, Action.REFUSE, danger, seen, changes=changes)
        return Decision(
            run, Action.REPLACE, reason, seen, target, run_id=seen.row.run_id, state=state, keeps_state=keeps_state,
            keys_only=bool(self.request.keys),            changes=changes,
        )  # fmt: skip

    def _is_evidently_same(self, run: SnapshotRun, seen: SeenRun) -> bool:
        """Whether nothing needs to be taken apart to see that a run is as it was: most runs of most snapshots."""
        is_whole = not self.request.keys and self.wish.form is RestoreForm.AS_IS
        return is_whole and not run.files and run.context == seen.row.text and _state(run) == seen.state

    def _put_into(self, run: SnapshotRun, current: Detection, part: Detection, known: Files) -> Target:
        if current.form not in (Form.NULL, Form.EMPTY, Form.LEGACY, Form.DESCRIPTORS):
            raise DataError(f"its context is now {current.form}, and --key changes no such context")
        wish = self.wish
        if current.entries and part.form is not current.form:
            wish = replace(wish, form=_form_of(current))
        return put_into(current, make_target(run, part, wish, self.source, known))

    def _kept(self, run: SnapshotRun, found: Detection, current: Detection, damaged: frozenset[str]) -> dict[str, str]:
        """Files that need not, or cannot, be copied: they lie there, and they have the content."""
        kept = kept_files(run.files, found, current, self.has_content) if run.files else {}
        lacking = {file.key for file in run.files if file.checksum is None or file.key in damaged} - kept.keys()
        if lacking:
            kept |= left_in_place(lacking, found, current, self.has_content)
        return {key: locator for key, locator in kept.items() if self.is_own(run.run_id, locator)}

    def _keys_lacking(self, found: Detection) -> str | None:
        there = {entry.member.name for entry in found.entries}
        # Of runs that nobody named it is not expected that each has them.
        lacking = [quoted(key) for key in self.request.keys if key not in there and self.request.run_ids]
        return f"the snapshot has no {', '.join(lacking)} of it" if lacking else None


def _form_of(current: Detection) -> RestoreForm:
    return RestoreForm.LEGACY if current.form is Form.LEGACY else RestoreForm.DESCRIPTORS


def _state(run: SnapshotRun) -> StoredState | None:
    state = run.runtime_state
    if state is not None and not is_text(state.state):
        raise DataError("its runtime state is no text")
    return None if state is None else StoredState(state.format_version, state.state)


def _state_for_keys(run: SnapshotRun, seen: SeenRun, keys: Sequence[str]) -> tuple[StoredState | None, bool]:
    """The runtime state once some keys are put back, and whether it stays as it is.

    It is that of the whole run, and stays; but it says which values were bytes, and that goes with the values.
    """
    before, then = seen.state, _state(run)
    bytes_then = set(_read_state(then).bytes_keys) & set(keys)
    read = _read_state(before)
    bytes_keys = tuple(key for key in read.bytes_keys if key not in keys) + tuple(sorted(bytes_then))
    if sorted(bytes_keys) == sorted(read.bytes_keys):
        return before, True
    return StoredState(runtime_state.FORMAT_VERSION, replace(read, bytes_keys=bytes_keys).to_json()), False


def _read_state(state: StoredState | None) -> RuntimeState:
    if state is None:
        return RuntimeState()
    if state.format_version != runtime_state.FORMAT_VERSION:
        raise DataError(f"its runtime state has format {state.format_version}, which this version does not know")
    return RuntimeState.from_json(state.state)


def _columns_without_place(run: SnapshotRun, columns: RunColumns) -> tuple[str, ...]:
    names = columns.without_place(run.columns)
    return (f"the table here has no column {', '.join(names)}",) if names else ()


def _may_be_executing(seen: SeenRun, current: Detection, around: Surroundings) -> str | None:
    """Why an engine may be at work on a run, which would then go on with what it has, and put that in our place."""
    row = seen.row
    facts = RunFacts(
        status=row.status,
        started_at=row.started_at,
        ended_at=row.ended_at,
        has_context=current.form not in (Form.NULL, Form.EMPTY),
        pending_retry=row.run_id in around.retries,
        last_sign=around.signs.get(row.run_id),
        times_readable=row.times_readable,
    )
    classified = classify_run(facts, around.now)
    if classified.run_class in (RunClass.EXECUTING, RunClass.UNREADABLE):
        return f"it may be executing: {classified.reason}"
    if classified.run_class is not RunClass.PARKED or not around.liveness.alive:
        return None
    if row.run_id in around.at_work:
        return f"it may be executing: a node of it is at work, and {around.liveness.reason}"
    last = max((sign for sign in (facts.last_sign, facts.started_at) if sign is not None), default=around.now)
    if around.now - last < SETTLED_AFTER:
        return f"it may be executing: there was a sign of life less than 5 minutes ago, and {around.liveness.reason}"
    return None
