"""A migration beside others who write: their changes stay, and are converted on the next pass."""

import itertools
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest

from tests.operations.world import DESCRIPTORS, LEGACY, World, request
from tests.support.rows import compact
from zenctx.database import journal, locks
from zenctx.database.engine import write_transaction
from zenctx.database.locks import Lock
from zenctx.errors import LockedError, RefusedError
from zenctx.operations import migrate as operation
from zenctx.operations.live_files import live_files
from zenctx.operations.migration.hands import Hands
from zenctx.operations.migration.report import MigrationItem
from zenctx.operations.progress import Progress
from zenctx.store.base import NewFile, StoredFile
from zenctx.store.local import LocalStore

LARGE = {"memory-threshold-bytes": "100"}
VALUE = "x" * 100


class Recorder(Progress):
    """Calls back where a sweep starts, and where a batch is on its way."""

    def __init__(
        self, on_start: Callable[[int], None] = lambda _sweep: None, on_batch: Callable[[], None] = lambda: None
    ) -> None:
        self.on_start, self.on_batch, self.sweeps = on_start, on_batch, 0

    def start(self, total: int | None, unit: str) -> None:
        """Count the sweeps."""
        self.sweeps += 1
        self.on_start(self.sweeps)

    def advance(self, n: int, bytes_: int = 0) -> None:
        """Pass it on."""
        self.on_batch()

    def note(self, text: str, **_facts: object) -> None:
        """Nothing to do."""

    def finish(self) -> None:
        """Nothing to do."""


def before_writing(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Act once between the reading and the writing of a batch: while its first file is on the way to a slow disk."""
    real, acted = LocalStore.put_many, threading.Event()

    def slow(self: LocalStore, files: Iterable[NewFile]) -> list[StoredFile]:
        if not acted.is_set():
            acted.set()
            act()
        return real(self, files)

    monkeypatch.setattr(LocalStore, "put_many", slow)


def test_a_change_between_reading_and_writing_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not overwritten; what it is then is converted by the next sweep of the same migration."""
    world.options = LARGE
    ids = world.rows.add_all([compact({"a": VALUE}), '{"b":1}', '{"c":1}', '{"d":1}'])

    def change() -> None:
        for run_id in ids[:2]:
            world.rows.replace(run_id, '{"new":2}')

    before_writing(monkeypatch, change)
    outcome = world.migrate()
    summary = outcome.report.summary
    assert (outcome.report.exit_code, summary.converted, summary.changed, summary.sweeps) == (0, 4, 2, 3)
    assert world.migrate(LEGACY).report.exit_code == 0
    assert [(world.rows.text(run_id) or b"").replace(b" ", b"") for run_id in ids] == [
        b'{"new":2}',
        b'{"new":2}',
        b'{"c":1}',
        b'{"d":1}',
    ]


@pytest.mark.parametrize("to", ["null", "gone", "descriptors", "invalid"])
def test_whatever_a_row_became_meanwhile_it_stays_that(world: World, monkeypatch: pytest.MonkeyPatch, to: str) -> None:
    """Deleted, emptied, converted by somebody else: the writer leaves it, and its file is one that nobody names."""
    world.options = LARGE
    run_id = world.rows.add(compact({"a": VALUE}))
    descriptor = {"type": "MEMORY", "locator": None, "mediaType": None, "size": 8, "checksum": None, "inlineValue": 1}
    acts: dict[str, Callable[[], None]] = {
        "null": lambda: world.rows.replace(run_id, None),
        "gone": lambda: world.rows.execute("delete from workflow_runs"),
        "descriptors": lambda: world.rows.replace(run_id, compact({"a": descriptor})),
        "invalid": lambda: world.rows.replace(run_id, "[]"),
    }
    before_writing(monkeypatch, acts[to])
    outcome = world.migrate()
    assert (outcome.report.summary.converted, outcome.report.summary.changed) == (0, 1)
    assert outcome.report.exit_code == (3 if to == "invalid" else 0)
    assert world.rows.fetch("select run_id from zenctx_quarantine") == ([(run_id,)] if to == "invalid" else [])
    assert world.rows.fetch("select * from zenctx_conversion") == []
    assert len(world.files()) == 1
    if to != "gone":
        text = world.rows.text(run_id)
        assert (text or b"").replace(b" ", b"")[:2] == {"null": b"", "descriptors": b'{"', "invalid": b"[]"}[to]


def hold_row(world: World, run_id: str, seconds: float) -> threading.Thread:
    """Change a row in a transaction of another connection, which is committed so many seconds later."""
    held = threading.Event()

    def hold() -> None:
        with world.database.connect() as connection, write_transaction(connection):
            connection.exec_driver_sql("update workflow_runs set context = '{\"new\": 2}' where id = %s", (run_id,))
            held.set()
            time.sleep(seconds)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    return thread


def migrate_beside_an_open_transaction(world: World, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Migrate three rows, one of which somebody else holds for so long and changes."""
    world.options = LARGE
    ids = world.rows.add_all([compact({"a": VALUE}), '{"b":1}', '{"c":1}'])
    threads: list[threading.Thread] = []
    before_writing(monkeypatch, lambda: threads.append(hold_row(world, ids[1], seconds)))
    try:
        outcome = world.migrate()
    finally:
        threads[0].join()
    assert (outcome.report.exit_code, outcome.report.summary.converted) == (0, 3)
    assert world.migrate(LEGACY).report.exit_code == 0
    assert world.rows.text(ids[1]) == b'{"new": 2}'


def test_a_row_that_is_being_changed_is_waited_for(postgres_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The change that another transaction commits a moment later stays, and is converted by the next sweep."""
    migrate_beside_an_open_transaction(postgres_world, monkeypatch, 0.2)


def test_a_row_that_is_held_for_longer_is_come_back_to(postgres_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row lock that outlasts lock_timeout is tried again; the other rows do not wait for it for ever."""
    migrate_beside_an_open_transaction(postgres_world, monkeypatch, 1.2)


def test_what_an_engine_puts_back_is_converted_again(world: World) -> None:
    """An engine that saves a run which it loaded before the conversion: the next sweep finds the old form."""
    run_id = world.rows.add('{"a":1}')
    outcome = world.migrate(
        progress=Recorder(lambda sweep: world.rows.replace(run_id, '{"a":2}') if sweep == 2 else None)
    )
    assert (outcome.report.exit_code, outcome.report.summary.converted, outcome.report.summary.sweeps) == (0, 2, 3)


def test_an_engine_that_never_stops_is_not_followed_for_ever(world: World) -> None:
    """After five sweeps it ends, says that rows are still changing, and that it is not done."""
    run_id = world.rows.add('{"a":1}')
    outcome = world.migrate(progress=Recorder(lambda sweep: world.rows.replace(run_id, f'{{"a":{sweep}}}')))
    assert (outcome.report.exit_code, outcome.report.summary.complete, outcome.report.summary.sweeps) == (3, False, 5)
    assert "still changing" in outcome.report.message
    assert world.migrate().report.exit_code == 0


@pytest.mark.parametrize("lock", [Lock.MIGRATION, Lock.CONTENT])
def test_it_does_not_run_beside_what_excludes_it(world: World, lock: Lock) -> None:
    """Another migration, or whoever holds contexts and files alone: it ends at once, and has changed nothing."""
    world.rows.add('{"a":1}')
    world.rows.remember()
    with world.database.connect() as connection, locks.held(world.database, connection, lock, exclusive=True):
        with pytest.raises(LockedError) as caught:
            world.migrate()
        assert world.rehearse().report.summary.converted == 1
        assert world.check().exit_code == 4
    assert caught.value.exit_code == 11
    assert world.rows.changed() == []
    assert world.migrate().report.exit_code == 0


def test_an_interruption_is_on_record(world: World) -> None:
    """Ctrl-C ends it after whole batches, and the journal says how far it came."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    world.rows.add_all(f'{{"a":{number}}}' for number in range(20))
    with pytest.raises(KeyboardInterrupt):
        world.migrate(progress=Recorder(on_batch=interrupt), batch_rows=5)
    with world.database.connect() as connection:
        (entry,) = journal.latest(connection)
    assert (entry.outcome, entry.exit_code) == ("interrupted", 130)
    assert 0 < entry.counts["converted"] <= 10
    assert world.migrate().report.summary.converted == 20 - entry.counts["converted"]


END_WRITERS = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"


def test_a_lost_session_is_replaced_with_its_locks(postgres_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever ends the session that holds the locks delays the writing: it goes on under the same locks."""
    postgres_world.options = LARGE
    ids = postgres_world.rows.add_all([compact({"a": VALUE}), '{"b":1}'])
    before_writing(monkeypatch, lambda: postgres_world.rows.execute(END_WRITERS))
    outcome = postgres_world.migrate()
    assert (outcome.report.exit_code, outcome.report.summary.converted) == (0, len(ids))
    assert postgres_world.verify()[0].exit_code == 0


def test_without_its_locks_a_lost_session_writes_nothing(
    postgres_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where somebody else has taken them meanwhile it ends, and every row is as it was."""
    postgres_world.options = LARGE
    postgres_world.rows.add(compact({"a": VALUE}))
    postgres_world.rows.remember()
    database = postgres_world.database
    with database.connect() as connection, ExitStack() as stack:

        def take_over() -> None:
            postgres_world.rows.execute(END_WRITERS)
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                with suppress(LockedError):
                    stack.enter_context(locks.held(database, connection, Lock.CONTENT, exclusive=True))
                    return

        before_writing(monkeypatch, take_over)
        with pytest.raises(LockedError):
            postgres_world.migrate()
    assert postgres_world.rows.changed() == []
    assert postgres_world.migrate().report.exit_code == 0


def test_the_other_direction_is_refused(postgres_world: World) -> None:
    """While contexts become descriptors none of them is put back, and the other way round; the same way is shared."""
    postgres_world.rows.add('{"a":1}')
    database = postgres_world.database
    for running, other in ((DESCRIPTORS, LEGACY), (LEGACY, DESCRIPTORS)):
        with ExitStack() as stack:
            Hands.open(stack, database, live_files(postgres_world.settings), running)
            with pytest.raises(LockedError, match="another zenctx migrate, to"):
                postgres_world.migrate(other)
            assert postgres_world.migrate(running).report.exit_code == 0


def test_nobody_is_kept_waiting(postgres_world: World) -> None:
    """Who reads and inserts executions of nodes of runs under conversion waits for no lock longer than half a second.

    The server watches over that: it would end a statement that does.
    """
    world, over, done = postgres_world, threading.Event(), list[str]()
    ids = world.rows.add_all(compact({"n": number, "text": "x" * 500}) for number in range(1500))
    insert = "insert into node_executions (workflow_run_id, node_key, status) values (%s, 'n', 'SUCCESS')"

    def insert_and_read() -> None:
        with world.database.connect({"lock_timeout": "500ms"}) as connection:
            for run_id in itertools.cycle(ids):
                if over.is_set():
                    return
                with write_transaction(connection):
                    connection.exec_driver_sql(insert, (run_id,))
                    connection.exec_driver_sql("select * from workflow_runs where id = %s", (run_id,))
                done.append(run_id)

    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(insert_and_read)
        assert world.migrate(include_active=True).report.exit_code == 0
        over.set()
        beside.result()
    assert len(done) > 20


def test_locks_that_do_not_hold_are_refused(postgres_world: World) -> None:
    """Behind a pooler of transactions the session that took a lock is somebody else's a moment later."""
    database = postgres_world.database
    with (
        database.connect() as holder,
        database.connect() as other,
        locks.held(database, holder, Lock.CONTENT, exclusive=False),
    ):
        locks.require_own_session(holder, other, Lock.CONTENT)
        with pytest.raises(RefusedError, match="pooler"):
            locks.require_own_session(other, holder, Lock.CONTENT)


def test_a_migration_that_nobody_listens_to_any_more_is_on_record(world: World) -> None:
    """Whatever ends it, the journal has an outcome: for `migrate | head`, too."""

    class ClosedError(Exception):
        exit_code = 141

    def stop(item: MigrationItem) -> None:
        raise ClosedError(item.run_id)

    world.rows.add("[]")
    with pytest.raises(ClosedError):
        operation.migrate(world.database, world.settings, request(), stop)
    with world.database.connect() as connection:
        (entry,) = journal.latest(connection)
    assert (entry.outcome, entry.exit_code) == ("interrupted", 141)
