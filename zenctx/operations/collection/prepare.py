"""Makes the plan of a clean-up, and finds out what speaks against carrying it out."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from zenctx.config import Settings
from zenctx.context.datastruct import DataStruct
from zenctx.context.gc_rules import Category, GcRules, milliseconds
from zenctx.database import references, runs
from zenctx.database.checks import require_zenctx_tables
from zenctx.database.engine import Connection, Database
from zenctx.database.reference_rows import Sources
from zenctx.database.store_binding import bound_store, database_identity
from zenctx.errors import NotFoundError, RefusedError
from zenctx.operations.collection import guards, snapshots
from zenctx.operations.collection.clocks import CLOCKS, Clocks
from zenctx.operations.collection.comparison import Comparison
from zenctx.operations.collection.explain import explained_all
from zenctx.operations.collection.guards import Refusal, StoreFacts
from zenctx.operations.collection.ledger import Ledger, OnItem
from zenctx.operations.collection.plan import Plan, PlanHeader, PlanWriter, header
from zenctx.operations.collection.planner import Planner
from zenctx.operations.collection.report import Count, GcSummary, Tally
from zenctx.operations.collection.request import GcRequest
from zenctx.operations.collection.rows import RowReader
from zenctx.operations.collection.spool import Spool
from zenctx.operations.live_files import LiveFiles, live_files
from zenctx.operations.progress import SILENT, Progress
from zenctx.store.access import resolve_access
from zenctx.store.base import EntryKind
from zenctx.store.listing import Directory, list_directories
from zenctx.store.mentions import Mentions
from zenctx.store.trash import Trash

PLAN_NAME = "plan.jsonl"


class Given(DataStruct, frozen=True):
    """What a clean-up works with. `confirm` is asked before anything goes; `on_item` is told of everything.

    `list_store` gives what lies in the store, as the one does that is used where there is none.
    """

    database: Database
    settings: Settings
    request: GcRequest
    on_item: OnItem
    progress: Progress = SILENT
    clocks: Clocks = CLOCKS
    confirm: Callable[[GcSummary], bool] = lambda _summary: True
    list_store: Callable[[Path], Iterator[Directory]] = list_directories


class Prepared(DataStruct, frozen=True):
    """A plan that was made, what it was made from, and what speaks against carrying it out.

    `moment`: when the rows were read, as `connection` tells it.
    """

    plan: Plan
    tally: Tally
    live: LiveFiles
    rules: GcRules
    reader: RowReader
    trash: Trash
    connection: Connection
    moment: str
    repository: snapshots.RepositoryState
    refusals: tuple[Refusal, ...]


@contextmanager
def prepared(given: Given, saved: Plan | None) -> Iterator[Prepared]:
    """Makes the plan; its file and the connections last as long as the context.

    With a saved plan only what that has, too, is in it. Raises RefusedError where something that may name files
    cannot be read, and where the saved plan is for another database or store.
    """
    live = live_files(given.settings)
    rules = saved.header.gc_rules() if saved is not None else given.request.rules(given.settings)
    with ExitStack() as stack:
        connection = stack.enter_context(given.database.connect())
        parallel = runs.works_in_parallel(given.database)
        looker = stack.enter_context(given.database.connect()) if parallel else connection
        mentions = Mentions(live.locators)
        sources = _sources(connection, mentions, rules)
        look = _Look(given, live, connection, sources)
        refusals = look.refusals()
        head = look.header(rules)
        if saved is not None:
            _require_same(saved.header, head)
        spool = stack.enter_context(Spool())
        writer = stack.enter_context(closing(PlanWriter(spool.folder / PLAN_NAME, head)))
        trash = stack.enter_context(trash_of(given.settings))
        reader = RowReader(looker, sources, mentions, rules, look.now)
        ledger = Ledger(live.store.root, writer, given.on_item, milliseconds(look.now), has_saved=saved is not None)
        only_trash = given.request.only_trash
        planner = Planner(
            live, spool, ledger, given.progress, trash, given.settings.temp_file_prefix, only_trash
        )  # fmt: skip
        comparison = Comparison(
            live, spool, ledger, rules, given.progress, trash, only_trash,
            named_now=lambda run_id: mentions.find(_text_now(given.database, looker, run_id)),
            text_now=lambda run_id: _text_now(given.database, looker, run_id),
            explain=lambda paths: explained_all(looker, paths) if sources.has_own_tables and paths else {},
        )  # fmt: skip
        planner.list_files(lambda: given.list_store(live.store.root))
        _list_repository(planner, ledger, look.repository_state)
        if saved is not None:
            planner.keep_saved(saved.items())
        moment = _read(planner, connection, reader)
        comparison.run(look.repository_state.forgotten)
        reader.connection.rollback()
        connection.rollback()
        found = _found(ledger, look.repository_state, given.request)
        yield Prepared(
            writer.finish(), ledger.tally, live, rules, reader, trash, connection, moment,
            look.repository_state, (*refusals, *found),
        )  # fmt: skip


def _found(ledger: Ledger, repository: snapshots.RepositoryState, request: GcRequest) -> Iterator[Refusal]:
    """What speaks against it by what was found."""
    yield from guards.check_tally(ledger.tally, ledger.removed_values, request)
    objects = ledger.tally.by_category.get(Category.OBJECT, Count()).files
    refusal = guards.check_objects(objects, has_snapshots=bool(repository.seen), request=request)
    if refusal is not None:
        yield refusal


def _list_repository(planner: Planner, ledger: Ledger, repository: snapshots.RepositoryState) -> None:
    for name in repository.damaged:
        ledger.notice_snapshot(name, "this snapshot cannot be read, so every object of the repository stays")
    if repository.no_policy is not None:
        ledger.notice_snapshot("", repository.no_policy)
    source = repository.source()
    if source is not None:
        planner.list_objects(source)


def _read(planner: Planner, connection: Connection, reader: RowReader) -> str:
    """Reads the rows, once files are listed; gives the moment at which they were read."""
    reader.look_around()
    reader.connection.rollback()
    connection.rollback()
    moment = references.mark(connection)
    planner.read_rows(connection, reader)
    return moment


def _sources(connection: Connection, mentions: Mentions, rules: GcRules) -> Sources:
    sources = references.find_sources(
        connection, mentions.marks, mentions.encoded_marks, mentions.base, soft_deleted=rules.include_soft_deleted
    )
    if sources.has_own_tables:
        require_zenctx_tables(connection)
    connection.rollback()
    return sources


class _Look:
    """What is looked at before anything is listed."""

    def __init__(self, given: Given, live: LiveFiles, connection: Connection, sources: Sources) -> None:
        self._given, self._live = given, live
        self._machine, self._database = given.clocks.machine(), given.clocks.database(connection)
        self.now = min(self._machine, self._database)
        self.facts = store_facts(live, connection, has_records=sources.has_own_tables)
        self.repository_state = snapshots.look(
            given.settings, connection, given.request, self._machine, has_records=sources.has_own_tables
        )
        connection.rollback()

    def refusals(self) -> list[Refusal]:
        """What speaks against it already."""
        request, repository = self._given.request, self.repository_state
        found = (
            guards.check_clocks(self._machine, self._database, request),
            guards.check_store(self.facts),
            guards.check_repository(repository.problem, request),
            guards.check_policy(repository.leaves_none),
        )
        return [refusal for refusal in found if refusal is not None]

    def header(self, rules: GcRules) -> PlanHeader:
        return header(
            self._machine,
            self._given.database.description,
            self.facts.identity,
            self.facts.directory,
            self.facts.marker_id,
            self.repository_state.repository_id,
            rules,
        )


def store_facts(live: LiveFiles, connection: Connection, *, has_records: bool) -> StoreFacts:
    """Looks at the bond between database and directory; leaves no transaction open."""
    bound = bound_store(connection) if has_records else None
    identity = database_identity(connection)
    connection.rollback()
    exists = live.store.exists()
    return StoreFacts(
        directory=str(live.store.root),
        exists=exists,
        is_empty=not exists or all(entry.kind is EntryKind.RESERVED for entry in live.store.scan()),
        can_be_bound=has_records,
        marker_id=live.store.read_id() if exists else None,
        bound_id=bound.store_id if bound else None,
        bound_identity=bound.database_identity if bound else None,
        identity=identity,
    )


def _require_same(saved: PlanHeader, head: PlanHeader) -> None:
    """A plan is for one database and one store, whatever else looks like them."""
    for name, what in (("store_id", "store"), ("store", "directory"), ("database_identity", "database")):
        if getattr(saved, name) != getattr(head, name):
            raise RefusedError(
                f"the plan was made for another {what}: {getattr(saved, name)}, not {getattr(head, name)}",
                hint="make a plan here, and apply that",
            )


def _text_now(database: Database, connection: Connection, run_id: str) -> bytes:
    """The context of a run now; it may have been written since it was read, and be gone."""
    try:
        row = runs.read_run(database, connection, run_id)
    except NotFoundError:
        return b""
    return row.text or b""


def trash_of(settings: Settings) -> Trash:
    """Makes the trash of the settings' store; opens nothing."""
    access = resolve_access(settings.file_mode, settings.file_group)
    return Trash(settings.persistent_file_dir.path, access)
