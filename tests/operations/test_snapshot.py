"""Snapshots of rows: which runs belong to one, and that each is taken whole."""

import json
import os
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from tests.operations.reader import as_reader
from tests.operations.taking import LONG_AGO, BetweenRowsAndFiles, contents, latest, repository, request, take, tree
from tests.operations.world import VECTORS, World
from tests.support.rows import DAY
from zenctx.config import load_settings
from zenctx.database import journal, locks, runtime_state
from zenctx.database.engine import Database, write_transaction
from zenctx.database.store_binding import BoundKind, bindings
from zenctx.database.whole_rows import WholeRow, WholeSelection, consistent_read
from zenctx.errors import DatabaseError, LockedError, NotFoundError, RefusedError, StoreError
from zenctx.operations.snapshot import snapshot


def whole_rows(world: World) -> dict[str, WholeRow]:
    """Give all rows as they are."""
    with consistent_read(world.database) as reading:
        return {row.run_id: row for piece in reading.batches(WholeSelection()) for row in piece}


def fill(world: World) -> dict[str, str]:
    """Add a run of each class; give their ids by class."""
    rows, now = world.rows, datetime.now(UTC)
    return {
        "parked": rows.add('{"a":1}', status="RUNNING", ended=None, started=now - DAY),
        "waiting": rows.add('{"a":1}', status="WAITING", ended=None, started=now - DAY),
        "retrying": rows.add('{"a":1}', status="ERROR", ended=timedelta(hours=3)),
        "executing": rows.add(None, status="RUNNING", ended=None, started=now - DAY),
        "empty": rows.add("{}", status="RUNNING", ended=None, started=now - DAY),
        "finished": rows.add('{"a":1}'),
        "failed": rows.add('{"a":1}', status="ERROR", ended=3 * DAY),
        "zombie": rows.add('{"a":1}', status="RUNNING", ended=None, started=now - LONG_AGO),
        "old": rows.add(None, status="RUNNING", ended=None, started=now - LONG_AGO),
    }


def test_without_being_told_it_takes_what_can_be_resumed(world: World) -> None:
    """Parked runs and those that may be retried; runs that nobody has heard of for long are counted."""
    runs = fill(world)
    taken = take(world, resumable=True)
    wanted = sorted(runs[kind] for kind in ("parked", "waiting", "retrying"))
    assert (taken.report.exit_code, taken.runs, list(contents(world))) == (0, wanted, wanted)
    summary = taken.report.summary
    assert (summary.runs, summary.zombies, summary.complete) == (3, 1, True)
    assert "1 run that showed no sign of life for 30 days was left out" in taken.report.message
    assert {run.run_class for run in contents(world).values()} == {"parked", "retrying"}


def test_a_run_whose_state_cannot_be_told_is_taken(sqlite_world: World) -> None:
    """A status that nobody knows, a time that is none: the run may not be over."""
    unknown = sqlite_world.rows.add('{"a":1}', status="SUSPENDED")
    odd = sqlite_world.rows.add('{"a":1}', status="ERROR")
    sqlite_world.rows.execute("update workflow_runs set ended_at = 'yesterday' where id = :id", id=odd)
    assert take(sqlite_world, resumable=True).runs == sorted((unknown, odd))
    assert contents(sqlite_world)[odd].columns["ended_at"] == "yesterday"


def test_runs_can_be_chosen(world: World) -> None:
    """All of them, by id, by status, by workflow."""
    runs = fill(world)
    workflow = world.rows.add_workflow()
    other = world.rows.add(None, workflow=workflow)
    everything = sorted((*runs.values(), other))
    assert take(world).runs == everything
    assert take(world, runs=(runs["finished"], runs["executing"])).runs == sorted((runs["finished"], runs["executing"]))
    assert take(world, statuses=("ERROR",)).runs == sorted((runs["retrying"], runs["failed"]))
    assert take(world, workflows=(workflow,)).runs == [other]
    assert [info.header.selection for info in repository(world).snapshots()] == [
        f"workflow {workflow}",
        "status ERROR",
        "2 named runs",
        "all runs",
    ]


def test_nothing_to_take_is_no_failure_and_makes_no_snapshot(world: World) -> None:
    """It is said, with what could be done instead; a run that is not there is an error."""
    world.rows.add('{"a":1}')
    report = take(world, resumable=True).report
    assert (report.exit_code, report.summary.snapshot_id, repository(world).snapshots()) == (0, None, [])
    assert report.message == "Nothing to take: no run can still be resumed; no snapshot was made"
    assert "no run matches" in take(world, statuses=("WAITING",)).report.message
    with pytest.raises(NotFoundError, match="no run"):
        take(world, runs=(str(uuid4()),))


@pytest.mark.parametrize("kind", ["legacy", "descriptors"])
def test_every_vector_is_taken_with_its_exact_text(world: World, kind: str) -> None:
    """What the engine's own JSON library writes: context, columns and class are those of the row."""
    files = sorted((VECTORS / kind).glob("*.json"))
    world.options = {"engine-dir": str(VECTORS), "persistent-file-dir": str(VECTORS / "data/context-files")}
    for file in files:
        world.rows.add(file.read_text(), status="RUNNING", ended=None)
    rows = whole_rows(world)
    world.options |= {"snapshots": str(world.folder / "snapshots")}
    taken = take(world)
    found = contents(world)
    assert len(found) == len(files) == taken.report.summary.runs
    for run_id, row in rows.items():
        assert (found[run_id].context, found[run_id].columns) == (row.context, row.columns)
        assert found[run_id].context == world.rows.text(run_id)
    assert {run.form for run in found.values()} >= ({"legacy"} if kind == "legacy" else {"descriptors"})


def test_rows_are_taken_whole(world: World) -> None:
    """Every column, NULL or not, with the runtime state of the library."""
    run_id, retried = str(uuid4()), str(uuid4())
    world.rows.add(None, run_id=retried)
    world.rows.add('{"a":1e400}', run_id=run_id, status="ERROR", ended=timedelta(hours=1))
    is_id = ":retry" if world.rows.is_sqlite else "cast(:retry as uuid)"
    world.rows.execute(
        f"update workflow_runs set error = 'it\nfailed', retry_of = {is_id}, retry_attempt = 2"
        f" where id = {is_id.replace(':retry', ':id')}",
        retry=retried,
        id=run_id,
    )
    with world.database.connect() as connection, write_transaction(connection):
        runtime_state.write(connection, run_id, '{"consumers":{}}')
    take(world)
    found = contents(world)
    assert (found[retried].context, found[retried].runtime_state) == (None, None)
    run, row = found[run_id], whole_rows(world)[run_id]
    assert (run.columns, run.context) == (row.columns, row.context)
    assert {name: run.columns[name] for name in ("error", "retry_of", "retry_attempt")} == {
        "error": "it\nfailed",
        "retry_of": retried,
        "retry_attempt": "2",
    }
    assert run.runtime_state is not None
    assert (run.runtime_state.format_version, run.runtime_state.state) == (1, '{"consumers":{}}')


@pytest.mark.parametrize(
    "context",
    [b"[]", b"null", b'{"a":1,"a":2}', b"{" * 2000, b'{"a":"\xff"}', b"", b"{\x00}", b'{"a":"\\ud800"}', b" { } "],
)
def test_what_is_no_context_is_taken_as_it_is(sqlite_world: World, context: bytes) -> None:
    """Byte for byte, with the class that SQLite stores it as."""
    run_id = sqlite_world.rows.add(context, status="RUNNING", ended=None)
    odd = sqlite_world.rows.add("{}", status="RUNNING", ended=None)
    sqlite_world.rows.execute("update workflow_runs set error = x'ff', trigger_type = 0.1 where id = :id", id=odd)
    taken = take(sqlite_world)
    found = contents(sqlite_world)
    assert (taken.report.exit_code, taken.report.summary.runs) == (0, 2)
    assert (found[run_id].context, found[run_id].storage) == (context, {"context": "blob"})
    assert found[odd].storage == {"error": "blob"}
    assert found[odd].columns["error"] == "\\xff"


def test_the_snapshot_says_what_it_is(world: World) -> None:
    """When, of what, by whom, with which tags; without the password of the database."""
    world.rows.add('{"a":1}')
    before = datetime.now(UTC)
    report = take(world, tags=("nightly", "ü tag")).report
    info = latest(world)
    assert before - timedelta(seconds=5) < info.created_at < datetime.now(UTC) + timedelta(seconds=5)
    assert (info.tags, info.is_safety, info.is_complete) == (("nightly", "ü tag"), False, True)
    header = info.header
    assert (header.dialect, header.database) == (world.database.dialect, world.database.description)
    assert header.database_identity
    assert header.store_id == f"directory:{world.store}"
    assert (report.summary.snapshot_id, report.summary.created_at) == (info.snapshot_id, info.created_at)
    assert f"'zenctx restore {info.short_id} --dry-run'" in str(report.next_step)


def test_safety_snapshots_are_marked(world: World) -> None:
    """So that neither `latest` nor retention counts them."""
    world.rows.add('{"a":1}')
    take(world)
    take(world, is_safety=True)
    newest, other = repository(world).snapshots()
    assert (newest.is_safety, other.is_safety) == (True, False)
    assert repository(world).find("latest").snapshot_id == other.snapshot_id


def test_a_safety_snapshot_takes_what_is_there(world: World) -> None:
    """A run that is gone by now needs no safety; where all are gone there is no snapshot."""
    run_id = world.rows.add('{"a":1}')
    assert take(world, is_safety=True, runs=(run_id, str(uuid4()))).runs == [run_id]
    assert take(world, is_safety=True, runs=(str(uuid4()),)).report.summary.snapshot_id is None


def test_the_journal_tells_of_it(world: World) -> None:
    """With counts and outcome; and the repository is bound to the database."""
    world.rows.add('{"a":1}')
    report = take(world, tags=("x",)).report
    with world.database.connect() as connection:
        (entry,) = journal.latest(connection, command="snapshot")
        (bound,) = bindings(connection, BoundKind.REPOSITORY)
    assert report.summary.journal == f"recorded as {entry.id}"
    assert (entry.outcome, entry.exit_code, entry.arguments["tags"]) == ("done", 0, ["x"])
    assert (entry.counts["runs"], entry.counts["snapshot_id"]) == (1, report.summary.snapshot_id)
    assert bound.store_id == repository(world).repository_id


def test_without_tables_of_ours_it_works_and_says_so(world: World) -> None:
    """Nothing is recorded, nothing is missing."""
    run_id = world.rows.add('{"a":1}')
    for (name,) in world.rows.fetch(_OUR_TABLES[world.database.dialect]):
        world.rows.execute(f"drop table {name}")
    report = take(world).report
    assert (report.exit_code, list(contents(world))) == (0, [run_id])
    assert report.summary.journal == "not recorded: the tables of zenctx are not there ('zenctx db upgrade')"


_OUR_TABLES = {
    "sqlite": "select name from sqlite_schema where type = 'table' and name like 'zenctx_%'",
    "postgresql": "select relname::text from pg_class where relkind = 'r' and relname like 'zenctx_%'",
}


def test_rights_to_read_are_enough(world: World) -> None:
    """On a session that may not write; the states of runs must be readable, or the snapshot would lack them."""
    run_id = world.rows.add('{"a":1}')
    with as_reader(world, "zenctx_runtime_state") as reader:
        report = take(reader).report
        assert (report.exit_code, list(contents(reader))) == (0, [run_id])
        assert report.summary.journal == "not recorded: the database can only be read"
    if not world.rows.is_sqlite:
        with as_reader(world) as reader, pytest.raises(DatabaseError, match="zenctx_runtime_state"):
            take(reader)


def test_a_server_that_only_reads_is_enough(postgres_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a standby does: what cannot be recorded is said, and the snapshot is taken."""
    run_id = postgres_world.rows.add('{"a":1}')
    monkeypatch.setenv("PGOPTIONS", "-c default_transaction_read_only=on")
    url = postgres_world.database.engine.url.render_as_string(hide_password=False)
    with Database.open(url, read_only=False) as database:
        report = snapshot(database, postgres_world.settings, request(), lambda _item: None)
    assert (report.exit_code, list(contents(postgres_world))) == (0, [run_id])
    assert report.summary.journal.startswith("not recorded: ")
    assert "read-only" in report.summary.journal


def test_a_dry_run_writes_nothing_and_tells_the_same(world: World) -> None:
    """Not a file, not a row; the same runs, in the same shape."""
    fill(world)
    before = list(tree(world.folder)) if world.rows.is_sqlite else []
    dry = take(world, dry_run=True, resumable=True)
    assert (list(tree(world.folder)) if world.rows.is_sqlite else []) == before
    assert not Path(world.settings.snapshots).exists()
    with world.database.connect() as connection:
        assert journal.latest(connection) == []
    real = take(world, resumable=True)
    assert dry.items == real.items
    assert (dry.report.dry_run, dry.report.summary.snapshot_id) == (True, None)
    assert dry.report.message.startswith(
        "Would take 3 runs (21 bytes) without files" if world.rows.is_sqlite else "Would"
    )


def test_with_persistence_switched_off_only_a_dry_run_works(world: World) -> None:
    """A snapshot writes, so it refuses."""
    world.rows.add('{"a":1}')
    world.options = {"persistence.enabled": "false"}
    with pytest.raises(RefusedError, match="persistence is switched off"):
        take(world)
    assert take(world, dry_run=True).report.summary.runs == 1
    assert not Path(world.settings.snapshots).exists()


@pytest.mark.parametrize("holder", ["content", "repository"])
def test_it_does_not_work_beside_a_clean_up(world: World, holder: str) -> None:
    """While somebody removes live files or objects it is refused at once, and taken later."""
    world.rows.add('{"a":1}')
    take(world)
    with ExitStack() as stack:
        if holder == "content":
            connection = stack.enter_context(world.database.connect())
            stack.enter_context(locks.held(world.database, connection, locks.Lock.CONTENT, exclusive=True))
        else:
            stack.enter_context(repository(world).lock_exclusive())
        with pytest.raises(LockedError):
            take(world)
    assert take(world).report.exit_code == 0


def test_it_works_beside_other_writers(world: World) -> None:
    """Whoever shares the locks, a restore with its safety snapshot among them, is not in the way."""
    world.rows.add('{"a":1}')
    take(world)
    with (
        world.database.connect() as connection,
        locks.held(world.database, connection, locks.Lock.CONTENT, exclusive=False),
        repository(world).lock_shared(),
    ):
        assert take(world, is_safety=True).report.exit_code == 0


def test_a_copy_of_the_database_does_not_take_the_repository_over(sqlite_world: World) -> None:
    """Its runs would be mistaken for those of the original."""
    sqlite_world.rows.add('{"a":1}')
    take(sqlite_world)
    copy = sqlite_world.folder / "copy.db"
    copy.write_bytes((sqlite_world.folder / "zenctx.db").read_bytes())
    with Database.open(f"sqlite:///{copy}", read_only=False) as database, pytest.raises(RefusedError, match="copy"):
        snapshot(database, sqlite_world.settings, request(), lambda _item: None)
    assert len(repository(sqlite_world).snapshots()) == 1


def test_what_is_no_repository_is_left_alone(world: World) -> None:
    """A directory that holds something else, a file in its place: one sentence, and nothing is written."""
    world.rows.add('{"a":1}')
    place = Path(world.settings.snapshots)
    place.mkdir(parents=True)
    (place / "letters.txt").write_text("mine")
    with pytest.raises(RefusedError, match=str(place)):
        take(world)
    assert [path.name for path in place.iterdir()] == ["letters.txt"]
    world.options = {"snapshots": str(place / "letters.txt")}
    with pytest.raises(StoreError, match=r"letters\.txt"):
        take(world)


def test_a_directory_without_rights_is_said(sqlite_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a row is read."""
    sqlite_world.rows.add('{"a":1}')

    def refused(*_arguments: object, **_options: object) -> None:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(os, "mkdir", refused)
    with pytest.raises(StoreError, match="lacks the rights") as caught:
        take(sqlite_world)
    assert caught.value.exit_code == 12


def test_an_unreachable_database_is_one_sentence(tmp_path: Path) -> None:
    """Nothing is written before it is reached."""
    settings = load_settings({"db": "sqlite:///x.db"}, config_file=None, environ={}, cwd=tmp_path)
    with (
        Database.open("postgresql://nobody@127.0.0.1:9/none", read_only=False) as database,
        pytest.raises(DatabaseError) as caught,
    ):
        snapshot(database, settings, request(), lambda _item: None)
    assert (caught.value.exit_code, "\n" in caught.value.message) == (12, False)
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_says_that_there_is_no_snapshot(world: World) -> None:
    """The journal knows, and nothing is left but objects."""
    world.rows.add('{"a":1}')

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="no snapshot was made"):
        take(world, progress=BetweenRowsAndFiles(interrupt))
    assert repository(world).snapshots() == []
    with world.database.connect() as connection:
        assert [entry.outcome for entry in journal.latest(connection, command="snapshot")] == ["interrupted"]


def test_items_tell_form_and_class(world: World) -> None:
    """What zenctx makes of each run is told, and kept."""
    mixed = json.dumps(
        {
            "a": {"type": "MEMORY", "locator": None, "mediaType": None, "size": 8, "checksum": None, "inlineValue": 1},
            "b": 1,
        }
    )
    run_id = world.rows.add(mixed, status="RUNNING", ended=None)
    (item,) = take(world).items
    assert (item.action, item.form, item.run_class, item.key) == ("take", "mixed", "parked", None)
    assert item.bytes == len(world.rows.text(run_id) or b"")
    assert "descriptor" in (item.reason or "")
    assert contents(world)[run_id].form == "mixed"
