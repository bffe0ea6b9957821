"""Rehearses the resumption of one run, as the engine would go about it, without changing anything."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from zenctx.config import Settings
from zenctx.context.classes import RESUMABLE, Classified, RunClass
from zenctx.context.descriptor import DescriptorType, RefValueDescriptor
from zenctx.context.forms import Entry, Fit, Form, detect
from zenctx.context.quick import count_evident_descriptors
from zenctx.context.rawjson import is_json
from zenctx.context.rehearsal import obstacles
from zenctx.context.state import RuntimeState
from zenctx.database import runs, runtime_state, waking
from zenctx.database.checks import has_zenctx_tables
from zenctx.database.engine import Connection, Database
from zenctx.database.rows import Selection
from zenctx.errors import DamagedFileError, DataError, ZenctxError
from zenctx.operations.collection.explain import explain_missing
from zenctx.operations.contexts import LoadedContext, load
from zenctx.operations.diagnosis.evidence import form_of_the_engine, newest_rows
from zenctx.operations.diagnosis.finding import Collected, OnFinding, error, grant, notice, warning, with_key
from zenctx.operations.diagnosis.needs import Outlook, check_keys, check_secrets
from zenctx.operations.diagnosis.wake_up import check_wake_up, look_ahead
from zenctx.operations.live_files import check_content, digest
from zenctx.operations.progress import SILENT, Progress
from zenctx.operations.run_classes import classified
from zenctx.operations.verification.report import FindingItem, Severity, counted

_JSON_CHECKED = 16 * 1024 * 1024
"""Files up to this size, in bytes, are read as the JSON that they say they are."""
_EVIDENCE = 200
"""The newest runs that tell which form the engine writes."""


@dataclass(frozen=True, slots=True)
class RehearsalSummary:
    """The run that was rehearsed, what was read of it, and how much was found. `nodes`: where it would go on."""

    run_id: str
    workflow_id: str
    workflow: str | None
    status: str
    run_class: str
    form: str
    keys: int
    files: int
    bytes: int
    nodes: tuple[str, ...]
    would_resume: bool
    errors: int
    warnings: int
    notices: int


@dataclass(frozen=True, slots=True)
class RehearsalReport:
    """The outcome: 4 where an error or warning was found."""

    exit_code: int
    summary: RehearsalSummary
    message: str
    next_step: str | None = None
    dry_run: bool = False
    command: str = "doctor"


def rehearse(
    database: Database, settings: Settings, run_id: str, on_item: OnFinding, progress: Progress = SILENT
) -> RehearsalReport:
    """Looks for whatever would keep a run from resuming. Raises NotFoundError for an unknown run, DatabaseError.

    No value is shown, and secrets are masked where a key or a message would show one.
    """
    with database.connect() as connection:
        (wanted,) = runs.normalised(database, Selection(run_ids=(run_id,))).run_ids
        context = load(database, connection, settings, wanted)
        rehearsal = _Rehearsal(database, connection, settings, context, progress)
        return rehearsal.report(on_item)


class _Rehearsal:
    """One run, and the connection over which it is looked at."""

    def __init__(
        self,
        database: Database,
        connection: Connection,
        settings: Settings,
        context: LoadedContext,
        progress: Progress,
    ) -> None:
        self._database, self._connection, self._settings = database, connection, settings
        self._context, self._progress = context, progress
        self._run_id = context.row.run_id
        self._files = self._bytes = 0

    def report(self, on_item: OnFinding) -> RehearsalReport:
        found = Collected(on_item, partial(_masked, self._context))
        outlook = look_ahead(self._database, self._connection, self._context.row)
        run_class = self._class(outlook)
        for kind, check in (
            ("status", partial(self._status, run_class, outlook)),
            ("workflow", partial(self._workflow, outlook)),
            ("context", self._readable),
            ("engine_form", self._engine_form),
            ("file", self._all_files),
            ("wake_up", partial(check_wake_up, self._run_id, run_class.run_class, outlook)),
            ("key", partial(check_keys, self._connection, self._context, outlook)),
            ("secret", partial(check_secrets, self._context, outlook)),
            ("runtime_state", self._state),
        ):
            found.run(kind, partial(self._translated, check))
            self._connection.rollback()
        self._progress.finish()
        return self._told(found, run_class, outlook)

    def _translated(self, check: Callable[[], Iterable[FindingItem]]) -> Iterator[FindingItem]:
        with self._database.translated_errors():
            yield from check()

    def _class(self, outlook: Outlook) -> Classified:
        has_context = self._context.found.form not in (Form.NULL, Form.EMPTY)
        (found,) = classified(self._connection, [(self._context.row, has_context)])
        self._connection.rollback()
        if found.run_class is RunClass.ZOMBIE and has_context and outlook.jobs:
            return Classified(RunClass.PARKED, "it has not ended, has a context, and a timer will wake it")
        return found

    def _status(self, run_class: Classified, outlook: Outlook) -> Iterator[FindingItem]:
        status, found = self._context.row.status, run_class.run_class
        if found is RunClass.EXECUTING or found in RESUMABLE:
            if any(node.status == "RUNNING" and node.ended_at is None for node in outlook.nodes.values()):
                hint = "wait until it halts; if no engine runs, its last node was cut off and is begun anew"
                yield notice("status", "a node of it is at work, as far as its record says", hint, run_id=self._run_id)
            return
        hints = {
            RunClass.FINISHED: "start its workflow anew; 'zenctx restore --as-new-run' makes a new run of a snapshot's",
            RunClass.ZOMBIE: "start it by hand in the application, or let it end; gc keeps its files meanwhile",
        }
        hint = hints.get(found, f"look at its row: 'zenctx inspect {self._run_id}'")
        yield error("status", f"the run is {found} (status {status}): {run_class.reason}", hint, run_id=self._run_id)

    def _workflow(self, outlook: Outlook) -> Iterator[FindingItem]:
        row, workflow = self._context.row, outlook.workflow
        if outlook.workflow_hidden is not None:
            hint = grant(outlook.workflow_hidden)
            yield notice(
                "workflow", f"the workflow cannot be looked at: {outlook.workflow_hidden}", hint, run_id=row.run_id
            )
        elif workflow is None:
            reason = f"its workflow {row.workflow_id} does not exist"
            yield error("workflow", reason, "restore the workflow in the application first", run_id=row.run_id)
        elif workflow.is_deleted:
            reason = f"its workflow {row.workflow_id} is marked as deleted"
            yield error(
                "workflow", reason, "take the mark away in the application, if the run is to go on", run_id=row.run_id
            )
        elif not workflow.is_active:
            reason = f"its workflow {row.workflow_id} is not active, and the engine runs active ones alone"
            yield error("workflow", reason, "activate the workflow in the application", run_id=row.run_id)
        if workflow is not None and isinstance(outlook.definition, str):
            reason = f"what the next nodes need cannot be told from the workflow's definition: {outlook.definition}"
            hint = "look at it in the application; everything else was checked"
            yield notice("definition", reason, hint, run_id=row.run_id)

    def _readable(self) -> Iterator[FindingItem]:
        for found in obstacles(self._run_id, self._context.found, self._settings.engine_reads):
            yield with_key(error(found.kind, found.reason, found.hint, run_id=self._run_id), found.key)

    def _engine_form(self) -> Iterator[FindingItem]:
        form = self._context.found.form
        if form not in (Form.LEGACY, Form.DESCRIPTORS):
            return
        engine_form = self._form_that_the_engine_writes()
        if engine_form is None:
            reason = (
                f"which form the engine reads cannot be told from the newest runs; this context is {_in_form(form)}"
            )
            hint = "make sure that the version of the engine reads it"
            yield notice("engine_form", reason, hint, run_id=self._run_id)
        elif engine_form is not form:
            to = "--to legacy " if engine_form is Form.LEGACY else ""
            reason = (
                f"the context is {_in_form(form)}, and what the engine itself wrote last is {_in_form(engine_form)}"
            )
            hint = f"'zenctx migrate {to}--run {self._run_id} --include-active' converts it for that engine"
            yield error("engine_form", reason, hint, run_id=self._run_id)

    def _form_that_the_engine_writes(self) -> Form | None:
        rows = newest_rows(self._database, self._connection, _EVIDENCE)
        forms = [(row.run_id, self._form(row.text)) for row in rows]
        return form_of_the_engine(self._connection, forms)

    def _form(self, text: bytes | None) -> Form:
        if text is not None and count_evident_descriptors(text):
            return Form.DESCRIPTORS
        return detect(text, self._context.live.locators.is_inside).form

    def _all_files(self) -> Iterator[FindingItem]:
        entries = [entry for entry in self._context.found.entries if _has_file(entry)]
        self._progress.note("reading files")
        self._progress.start(len(entries), "files")
        for entry in entries:
            descriptor = entry.descriptor
            assert descriptor is not None  # noqa: S101 - `_has_file` has looked
            self._files += 1
            try:
                self._file(descriptor)
            except ZenctxError as failed:
                yield with_key(self._unreadable(descriptor, failed), entry.member.name)
            if not (descriptor.locator or "").isascii():
                reason = "the name of its file has letters that are not ASCII, which not every engine can open"
                hint = "make sure that the engine runs with a UTF-8 locale; zenctx itself gives no such names"
                yield with_key(warning("file", reason, hint, run_id=self._run_id), entry.member.name)

    def _file(self, descriptor: RefValueDescriptor) -> None:
        """Reads a file where the engine would look for it; raises what is wrong with it."""
        with self._context.live.open(descriptor) as file:
            size, checksum = digest(file)
            self._bytes += size
            self._progress.advance(1, size)
            check_content(descriptor, size, checksum)
            if descriptor.media_type == "application/json" and size <= _JSON_CHECKED:
                file.seek(0)
                if not is_json(file.read()):
                    raise DamagedFileError(
                        f"the file {descriptor.locator!r} is no JSON, and the engine reads null from it"
                    )

    def _unreadable(self, descriptor: RefValueDescriptor, failed: ZenctxError) -> FindingItem:
        locators, locator = self._context.live.locators, descriptor.locator or ""
        path = locators.resolve(locator).path if locators.is_inside(locator) else None
        hint = f"'zenctx restore SNAPSHOT --run {self._run_id}' puts it back; compare engine-dir and locator-root, too"
        reason = failed.message
        if isinstance(failed, DamagedFileError):
            released = explain_missing(self._context.live, self._connection, locator)
            reason = f"{reason}: {released}" if released else reason
        else:
            hint = failed.hint or hint
        return error("file", reason, hint, run_id=self._run_id, path=path)

    def _state(self) -> Iterator[FindingItem]:
        if not has_zenctx_tables(self._connection):
            return
        stored = waking.state_of(self._connection, self._run_id)
        if stored is None:
            return
        hint = f"'zenctx restore SNAPSHOT --run {self._run_id}' puts the state of a snapshot back with the context"
        if stored.format_version != runtime_state.FORMAT_VERSION:
            reason = f"its runtime state has format {stored.format_version}, which this zenctx does not know"
            yield error("runtime_state", reason, "use the newer zenctx that wrote it", run_id=self._run_id)
            return
        try:
            RuntimeState.from_json(stored.text)
        except DataError as failed:
            yield error(
                "runtime_state", f"its runtime state cannot be read: {failed.message}", hint, run_id=self._run_id
            )

    def _told(self, found: Collected, run_class: Classified, outlook: Outlook) -> RehearsalReport:
        row, counts = self._context.row, found.counts
        workflow = outlook.workflow
        summary = RehearsalSummary(
            run_id=row.run_id,
            workflow_id=row.workflow_id,
            workflow=workflow.name if workflow else None,
            status=row.status,
            run_class=run_class.run_class,
            form=self._context.found.form,
            keys=len(self._context.found.entries),
            files=self._files,
            bytes=self._bytes,
            nodes=tuple(sorted(outlook.next_nodes)),
            would_resume=not counts[Severity.ERROR],
            errors=counts[Severity.ERROR],
            warnings=counts[Severity.WARNING],
            notices=counts[Severity.NOTICE],
        )
        return RehearsalReport(
            found.exit_code, summary, f"{self._looked_at(summary)}: {found.words}\n{_verdict(found)}"
        )

    def _looked_at(self, summary: RehearsalSummary) -> str:
        keys, files = counted(summary.keys, "key"), counted(summary.files, "file")
        return f"run {summary.run_id}, {summary.run_class}, {keys}, {files} ({summary.bytes:,} bytes) read"


def _verdict(found: Collected) -> str:
    errors, warnings = found.counts[Severity.ERROR], found.counts[Severity.WARNING]
    if errors:
        more = f" (and {counted(errors - 1, 'more error')})" if errors > 1 else ""
        return f"would not resume: {found.first[Severity.ERROR]}{more}"
    if warnings:
        more = f" (and {counted(warnings - 1, 'more warning')})" if warnings > 1 else ""
        return f"would resume, with a warning: {found.first[Severity.WARNING]}{more}"
    return "would resume"


def _has_file(entry: Entry) -> bool:
    descriptor = entry.descriptor
    if descriptor is None or entry.fit not in (Fit.EXACT, Fit.CONTRADICTORY, Fit.LOADABLE):
        return False
    return descriptor.type is DescriptorType.FILE and descriptor.locator is not None


def _in_form(form: Form) -> str:
    return "in the legacy form" if form is Form.LEGACY else "descriptors"


def _masked(context: LoadedContext, item: FindingItem) -> FindingItem:
    """A finding without secrets: a key may hold one, and so a locator that was made of it, and words about either."""
    mask = context.redactor.redact_text

    def optional(text: str | None) -> str | None:
        return None if text is None else mask(text)

    return replace(
        item, key=optional(item.key), path=optional(item.path), reason=mask(item.reason), hint=optional(item.hint)
    )
