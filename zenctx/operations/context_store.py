"""Saving the context of a running workflow when it pauses, and restoring it when it goes on, in another process too.

`zenctx.operations.context_save` says in which order a save works, and why a crash at any point loses nothing.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Self

from zenctx.config import DEFAULT, Settings
from zenctx.context.counters import Failure, Stage, ValueCounters, failures_by_kind
from zenctx.context.descriptor import UNKNOWN_SIZE, RefValueDescriptor
from zenctx.context.factory import RefValueFactory
from zenctx.context.forms import Detection, Form, detect
from zenctx.context.persistence import ContextFailedError, RestoredValues, restore
from zenctx.context.rawjson import RawJson
from zenctx.context.rules import EngineReads, OnMissing, StorageRules
from zenctx.context.runtime import RuntimeContext
from zenctx.context.state import RuntimeState
from zenctx.context.values import RefValue, ValueFile
from zenctx.database import journal, runtime_state
from zenctx.database.checks import has_zenctx_tables, require_engine_tables, require_zenctx_tables
from zenctx.database.engine import Connection, Database
from zenctx.database.locks import Lock
from zenctx.database.saving import StoredContext, read_stored, require_run_id, session_settings, whereabouts
from zenctx.database.waiting import held_patiently
from zenctx.errors import (
    DamagedFileError,
    DatabaseError,
    DataError,
    InvalidDescriptorError,
    PartialError,
    SetupError,
    ZenctxError,
)
from zenctx.operations.collection.explain import with_reason
from zenctx.operations.context_save import Save, SavedContext
from zenctx.operations.guards import require_persistence
from zenctx.operations.live_files import LiveFiles, check_store, live_files
from zenctx.store.persistent import PersistentFile
from zenctx.store.temporary import LocalTemporaryFiles

__all__ = ["ContextFailedError", "ContextStore", "SavedContext"]


class ContextStore:
    """Saves contexts of runs to a database and a directory of live files, and restores them. Threads may share it.

    `rules` decide where values are kept; by default as an engine reads them that decodes base64. `factory` makes the
    values of its contexts, `on_missing` is what `restore_context` does unless it is told.
    """

    def __init__(
        self,
        database: Database,
        live: LiveFiles,
        *,
        rules: StorageRules | None = None,
        factory: RefValueFactory | None = None,
        on_missing: OnMissing = OnMissing.FAIL,
    ) -> None:
        self.database = database
        self.live = live
        self.rules = rules or StorageRules()
        self.factory = factory or RefValueFactory(self.rules)
        self.on_missing = on_missing
        self.counters = ValueCounters()
        self._noted: Counter[tuple[str, str]] = Counter()

    @classmethod
    def open(cls, settings: Settings, *, engine_reads: EngineReads | None = None) -> Self:
        """Opens the database and the directories of the settings.

        `engine_reads` counts, else the setting of that name where somebody set it, else an engine that decodes base64.
        Raises SetupError where they cannot be used, RefusedError where persistence is switched off.
        """
        require_persistence(settings)
        was_set = settings.origins["engine-reads"] != DEFAULT
        reads = engine_reads or (settings.engine_reads if was_set else EngineReads.ALL)
        rules = replace(settings.storage_rules(), engine_reads=reads)
        files = LocalTemporaryFiles(settings.file_storage_dir.path, settings.temp_file_prefix)
        return cls(
            Database.open(settings.db, read_only=False),
            live_files(settings),
            rules=rules,
            factory=RefValueFactory(rules, files),
            on_missing=settings.on_missing,
        )

    def new_context(self, *, state: RuntimeState | None = None) -> RuntimeContext:
        """Makes an empty context for a run that begins; its values count with this store's."""
        return RuntimeContext(self.factory, state=state, counters=self.counters)

    def save_context(
        self,
        run_id: str,
        context: RuntimeContext,
        *,
        replace_changed: bool = False,
        leave_out_pending: bool = False,
    ) -> SavedContext:
        """Saves the values and the state of a context into the row of its run; the context stays usable.

        It is saved as of one moment, whatever other threads do with it meanwhile. Raises NotFoundError for an unknown
        run, ContextFailedError naming every value that cannot be saved, and RefusedError where something was written
        and not flushed (`leave_out_pending` saves without it), or where the row holds a context that this one was not
        restored from (`replace_changed` overwrites it), and LockedError where a clean-up moves files and does not end
        within some seconds: then nothing has changed. So it is after any other error, save for one: when the connection
        is lost during the commit, the row holds the old context or the new one, and saving again is in order.
        """
        with (
            self._noting_failures("save_context", run_id),
            context.holding(leave_out_pending=leave_out_pending) as (values, state),
        ):
            run_id = require_run_id(self.database, run_id)
            place = whereabouts(self.database)
            with self.database.connect(session_settings(self.database)) as connection:
                require_engine_tables(connection)
                require_zenctx_tables(connection)
                connection.rollback()
                with (
                    held_patiently(self.database, connection, Lock.CONTENT, exclusive=False),
                    self.database.translated_errors(),
                ):
                    save = Save(
                        self.database, self.live, self.rules, connection, run_id, context, replace_changed, place
                    )
                    return save.run(values, state)

    def restore_context(self, run_id: str, *, on_missing: OnMissing | None = None) -> RuntimeContext:
        """Restores the context of a run: values equal to those saved as JSON, consumers, aliases and loops.

        It is for one to go on with: of two who do, the second to save is refused, and finds files of its values gone.
        `on_missing` decides about values whose file is gone: FAIL names them all; else they are skipped, null or empty,
        and named by the context's `missing`. A legacy context is restored, too. Raises NotFoundError,
        ContextFailedError naming every value that cannot be had, DataError for a context that is mixed, ambiguous or
        invalid, RefusedError where the directory is not the one that the database is bound to.
        """
        with self._noting_failures("restore_context", run_id), self.database.connect() as connection:
            run_id = require_run_id(self.database, run_id)
            require_engine_tables(connection)
            stored = self._read(connection, run_id)
            state = _state(stored, run_id)
            restored = self._restored(connection, run_id, stored, state, on_missing or self.on_missing)
            while restored.failures or restored.missing:
                with _released_on_error(restored):
                    now = self._read(connection, run_id)
                if now.fingerprint == stored.fingerprint:
                    break
                # Somebody has saved the run meanwhile, and deleted the files that it does not name any more.
                restored.release()
                stored, state = now, _state(now, run_id)
                restored = self._restored(connection, run_id, stored, state, on_missing or self.on_missing)
            context = self.new_context(state=state).fill(restored)
            context.origins = frozenset({stored.fingerprint})
            return context

    def _read(self, connection: Connection, run_id: str) -> StoredContext:
        stored = read_stored(connection, run_id, self.database.description)
        connection.rollback()
        return stored

    def _restored(
        self, connection: Connection, run_id: str, stored: StoredContext, state: RuntimeState, on_missing: OnMissing
    ) -> RestoredValues:
        found = detect(stored.text, self.live.locators.is_inside)
        if found.form in (Form.MIXED, Form.AMBIGUOUS, Form.INVALID):
            raise DataError(
                f"the context of run {run_id} is {found.form}: {found.reason}",
                hint=f"'zenctx inspect {run_id}' shows its entries",
            )
        if found.form is Form.LEGACY:
            return self._from_legacy(found)
        if any(entry.descriptor and entry.descriptor.locator for entry in found.entries):
            self._require_store(connection)
        return restore(found.entries, self._find_file, on_missing, state.bytes_keys)

    def _require_store(self, connection: Connection) -> None:
        """In a directory that is not the store every file is missing, which would not be the file's fault."""
        if has_zenctx_tables(connection):
            check_store(self.live, connection)

    def _from_legacy(self, found: Detection) -> RestoredValues:
        values: dict[str, RefValue] = {}
        failures: list[Failure] = []
        with _released_on_error(RestoredValues(values)):
            for member in found.members:
                try:
                    values[member.name] = self.factory.create(RawJson(member.value))
                except SetupError:
                    raise
                except ZenctxError as error:
                    failures.append(Failure(member.name, Stage.RESTORATION, error.message, error.kind))
        return RestoredValues(values, tuple(failures))

    def _find_file(self, descriptor: RefValueDescriptor) -> ValueFile:
        locator = descriptor.locator or ""
        file = PersistentFile(self.live.locators, locator, descriptor.size, descriptor.checksum)
        try:
            with file.open() as opened:
                size = opened.seek(0, 2)
        except DamagedFileError as error:
            raise with_reason(self.database, self.live, locator, error) from error
        if descriptor.size not in (UNKNOWN_SIZE, size):
            raise InvalidDescriptorError(
                f"the file {locator!r} has {size} bytes, its descriptor says {descriptor.size}: it was altered"
            )
        return replace(file, size=size)

    @contextmanager
    def _noting_failures(self, command: str, run_id: str) -> Iterator[None]:
        """Notes a failure in the journal; the error itself is what the caller gets, whatever becomes of the note."""
        try:
            yield
        except ZenctxError as error:
            if not isinstance(error, DatabaseError):  # else the database is what failed
                self._note(command, run_id, error)
            raise

    def _note(self, command: str, run_id: str, error: ZenctxError) -> None:
        failures: Sequence[Failure] = getattr(error, "failures", ())
        kinds = failures_by_kind(failures)
        self._noted += _flat(kinds)
        self._record(command, {"run_id": run_id}, {"failures": len(failures), "value_failures": kinds}, error)

    def _note_rest(self) -> None:
        """Notes the failures that stopped nobody: files that were missing and done without, files that stay."""
        rest = _flat(self.counters.snapshot().failure_kinds) - self._noted
        if rest:
            kinds: dict[str, dict[str, int]] = {}
            for (stage, kind), count in rest.items():
                kinds.setdefault(stage, {})[kind] = count
            self._noted += rest
            self._record("context_store", {}, {"failures": rest.total(), "value_failures": kinds}, None)

    def _record(
        self,
        command: str,
        arguments: Mapping[str, object],
        counts: Mapping[str, object],
        error: ZenctxError | None,
    ) -> None:
        exit_code = error.exit_code if error else PartialError.exit_code
        with suppress(ZenctxError, OSError), self.database.connect(session_settings(self.database)) as connection:
            operation_id = journal.begin(connection, command, arguments)
            journal.finish(connection, operation_id, exit_code, counts, error)

    def close(self) -> None:
        """Closes the database, after a note in the journal of failures that stopped nobody."""
        self._note_rest()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def _released_on_error(restored: RestoredValues) -> Iterator[None]:
    """Leaves no temporary files of values that nobody gets."""
    try:
        yield
    except BaseException:
        restored.release()
        raise


def _flat(kinds: Mapping[str, Mapping[str, int]]) -> Counter[tuple[str, str]]:
    return Counter({(stage, kind): count for stage, of_stage in kinds.items() for kind, count in of_stage.items()})


def _state(stored: StoredContext, run_id: str) -> RuntimeState:
    if stored.state is None:
        return RuntimeState()
    if stored.state_version != runtime_state.FORMAT_VERSION:
        raise DataError(
            f"the runtime state of run {run_id} has format {stored.state_version}, which this version does not know",
            hint="use the newer zenctx that saved it",
        )
    try:
        return RuntimeState.from_json(stored.state)
    except DataError as error:
        raise DataError(f"the runtime state of run {run_id} cannot be read: {error.message}") from None
