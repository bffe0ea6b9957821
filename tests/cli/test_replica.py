"""zenctx on a read replica: looking works, writing is refused before anything is touched; and a replica takes over."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.cli.console import document_of, zenctx
from tests.conftest import NEWEST, _bin_of
from tests.database.conftest import opened
from tests.operations.world import LEGACY, World, make_world, request
from tests.support.postgres import PASSWORD, Server
from tests.support.replication import Notes, Standby, run, running_pair, until
from tests.support.rows import Rows, compact
from zenctx.database import conversions
from zenctx.database.engine import Database
from zenctx.database.errors import TransientDatabaseError
from zenctx.operations import migrate as migration
from zenctx.operations.migration.brakes import Terms
from zenctx.operations.progress import Progress
from zenctx.operations.snapshot import snapshot
from zenctx.operations.snapshotting.request import SnapshotRequest

RUNS, CONVERTED = 1200, 50


@dataclass(frozen=True, slots=True)
class Pair:
    """A primary with runs, and its replica, which puts changes off for nobody who reads."""

    primary: Server
    standby: Standby
    world: World

    def both(self, kind: str) -> str:
        """Give a URL that names the two servers, the replica first."""
        hosts = f"{self.standby.folder},{self.primary.folder}&port={self.standby.port},{self.primary.port}"
        return f"postgresql:///postgres?user=postgres&host={hosts}&target_session_attrs={kind}"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both, with some runs converted, one quarantined and one that has secrets."""
    with (
        running_pair(_bin_of(NEWEST), standby={"max_standby_streaming_delay": "0"}) as (primary, standby),
        opened(primary.url()) as database,
    ):
        world = make_world(database, tmp_path_factory.mktemp("world"))
        world.rows.add_all(compact({"n": number}) for number in range(RUNS))
        world.rows.add("[]")
        world.rows.add(compact({"__zenflow_secrets": {"token": "correct horse"}}), status="RUNNING", ended=None)
        world.rows.remember()
        world.migrate(limit=CONVERTED, batch_rows=CONVERTED)
        run(primary, "analyze workflow_runs")
        standby.catch_up()
        yield Pair(primary, standby, world)


LOOKS: tuple[tuple[str, int, int | None], ...] = (
    ("runs --limit 0", 0, RUNS + 2),
    ("inspect {run}", 0, 1),
    ("diff {run} {run}", 0, 0),
    ("verify", 4, 1),
    ("stats", 0, None),
    ("metrics", 0, None),
    ("audit", 4, 1),
    ("gc --dry-run", 0, 0),
    ("gc log", 0, 0),
    ("migrate --dry-run", 0, RUNS + 2 - CONVERTED),
    ("migrate --check", 4, 1),
    ("migrate --progress", 0, 1),
    ("migrate --list-quarantined", 0, None),
    ("snapshot --all --dry-run", 0, RUNS + 2),
    ("db current", 0, None),
)


def test_looking(pair: Pair, folder: Path) -> None:
    """On the replica everything that looks ends as it does on the primary, with as many items, and makes no file."""
    run_id = str(pair.world.rows.fetch("select id from workflow_runs where context ? 'n' order by id limit 1")[0][0])
    for line, code, items in LOOKS:
        result = zenctx(*line.format(run=run_id).split(), "--db", pair.standby.url(), "--json")
        assert (line, result.exit_code) == (line, code), result.output
        found = document_of(result)["items"]
        assert items is None or (line, len(found)) == (line, items), found[:3]
    assert zenctx("cat", run_id, "n", "--db", pair.standby.url()).exit_code == 0
    assert list(folder.iterdir()) == []


def test_what_a_replica_is_told_to_be(pair: Pair, folder: Path) -> None:
    """By doctor; and by a snapshot, which is taken, and says what it may lack."""
    findings = document_of(zenctx("doctor", "--db", pair.standby.url(), "--json"))["items"]
    assert "replica" in [item["kind"] for item in findings]
    result = zenctx("snapshot", "--all", "--db", pair.standby.url())
    assert result.exit_code == 0, result.output
    assert "It is of a read replica: what the primary had changed" in result.stdout
    result = zenctx("restore", "latest", "--dry-run", "--db", pair.primary.url())
    assert result.exit_code == 0, result.output
    assert folder.is_dir()


WRITES = (
    "migrate",
    "migrate --workers 2",
    "gc --yes",
    "gc --purge --yes",
    "gc pin {run}",
    "scrub --yes",
    "db bind",
    "db bind --replace",
    "restore latest --force --yes",
)


def test_writing_is_refused(pair: Pair, folder: Path) -> None:
    """In one sentence, with the code of a database that cannot be used; no file and no row is made or changed."""
    (run_id,) = pair.world.rows.fetch("select id from workflow_runs where context ? 'n' order by id desc limit 1")[0]
    assert zenctx("snapshot", str(run_id), "--db", pair.primary.url()).exit_code == 0
    original = pair.world.rows.text(str(run_id))
    pair.world.rows.replace(str(run_id), '{"n":"changed"}')
    pair.standby.catch_up()
    before = tree(folder)
    for line in WRITES:
        result = zenctx(*line.format(run=run_id).split(), "--db", pair.standby.url())
        assert (result.exit_code, line) == (12, line), result.output
        assert result.stdout == ""
        assert [text.partition(" ")[0] for text in result.stderr.splitlines()] == ["Error:", "Hint:"]
        assert " is read-only." in result.stderr or " is a read replica." in result.stderr
        assert tree(folder) == before, line
    assert zenctx("db", "upgrade", "--db", pair.standby.url()).exit_code == 0
    pair.world.rows.replace(str(run_id), (original or b"").decode())


def tree(folder: Path) -> dict[Path, bytes]:
    """Give what lies below a folder; files that only locks are for do not count."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith("zenctx-lock"))
    return {path: path.read_bytes() for path in found}


@pytest.mark.parametrize(
    ("kind", "is_replica"), [("read-write", False), ("primary", False), ("read-only", True), ("any", True)]
)
def test_which_server_of_several(pair: Pair, folder: Path, kind: str, is_replica: bool) -> None:
    """The one that was asked for, although sessions that look are read-only by themselves."""
    findings = document_of(zenctx("doctor", "--db", pair.both(kind), "--json"))["items"]
    assert ("replica" in [item["kind"] for item in findings]) is is_replica
    assert folder.is_dir()


def test_no_server_of_the_kind(pair: Pair, folder: Path) -> None:
    """Is said, for either kind."""
    for server, kind, sentence in (
        (
            pair.standby,
            "read-write",
            " is a read replica, or read-only.\nHint: Name the primary server in the URL, too",
        ),
        (pair.primary, "standby", " is no read replica.\nHint: Name a read replica in the URL, too"),
    ):
        url = make_url(server.url()).update_query_dict({"target_session_attrs": kind})
        result = zenctx("runs", "--db", url.render_as_string(hide_password=False))
        assert result.exit_code == 12
        assert sentence in result.stderr
    assert folder.is_dir()


class Meanwhile(Progress):
    """Does something once, when the first rows were read."""

    def __init__(self, something: Callable[[], None]) -> None:
        self._something: Callable[[], None] | None = something

    def start(self, total: int | None, unit: str) -> None:
        """Nothing to see."""

    def advance(self, n: int, bytes_: int = 0) -> None:
        """Now."""
        something, self._something = self._something, None
        if something is not None:
            something()

    def note(self, text: str, **_facts: object) -> None:
        """Nothing to see."""

    def finish(self) -> None:
        """Nothing to see."""


def test_a_conflict_with_what_the_primary_changes(pair: Pair) -> None:
    """Who reads in one transaction is told what happened, and what to do; a migration's look goes on by itself."""

    def change_and_vacuum() -> None:
        run(pair.primary, "update workflow_runs set error = 'x'")
        run(pair.primary, "vacuum workflow_runs")
        pair.standby.catch_up()

    with Database.open(pair.standby.url(), read_only=True) as database:
        with pytest.raises(TransientDatabaseError) as caught:
            snapshot(database, pair.world.settings, SnapshotRequest(), lambda _: None, Meanwhile(change_and_vacuum))
        assert caught.value.exit_code == 12
        assert "is a read replica, and stopped reading to apply a change of the primary" in caught.value.message
        assert "max_standby_streaming_delay" in str(caught.value.hint)
        look = migration.check(database, pair.world.settings, request(), Meanwhile(change_and_vacuum))
    assert look.summary.census is not None
    assert look.summary.census.total == RUNS + 2


def test_a_snapshot_of_what_a_replica_has(pair: Pair, folder: Path) -> None:
    """A run that was converted meanwhile, on the primary, was not when its row was as the snapshot has it."""
    run_id = pair.world.rows.add('{"n":"late"}')
    pair.standby.catch_up()
    with pair.standby.paused():
        assert pair.world.migrate(runs=(run_id,)).report.summary.converted == 1
        assert zenctx("snapshot", run_id, "--db", pair.standby.url()).exit_code == 0
    result = zenctx("restore", "latest", "--yes", "--force", "--db", pair.primary.url())
    assert result.exit_code == 0, result.output
    assert pair.world.rows.text(run_id) == b'{"n": "late"}'
    with pair.world.database.connect() as connection:
        assert conversions.lookup(connection)([run_id])[run_id].direction == "restored"
    pair.world.rows.execute("delete from workflow_runs where id = :id", id=run_id)
    assert folder.is_dir()


def batches(server: Server) -> int:
    """Count the batches of conversions that are on record."""
    return int(str(run(server, "select count(*) from zenctx_conversion")[0][0]))


def test_a_replica_takes_over(pair: Pair) -> None:
    """In the middle of a migration, by a URL that names both: it waits, goes on with the new one, and nothing is lost.

    Not even where the replica lacks what was committed last: that is converted once more. The last one of this module,
    for there is no primary any more.
    """
    world, progress, codes = pair.world, Notes(), list[int]()
    for table in ("workflow_runs", world.rows.originals):
        world.rows.execute(f"delete from {table} where context = '[]' or context ? '__zenflow_secrets'")
    places = f"127.0.0.1:{pair.primary.port},127.0.0.1:{pair.standby.port}"
    url = f"jdbc:postgresql://{places}/postgres?user=postgres&password={PASSWORD}&targetServerType=primary"
    with Database.open(url, read_only=False) as database:
        moving = replace(world, database=database)

        def work() -> None:
            codes.append(moving.migrate(batch_rows=20, progress=progress, terms=Terms(max_rate=800)).report.exit_code)

        thread = threading.Thread(target=work)
        thread.start()
        until(lambda: batches(pair.primary) > 10)
        pair.standby.stop_following()
        # What is committed from here on is lost with the primary.
        seen = batches(pair.primary)
        until(lambda: batches(pair.primary) > seen + 3)
        pair.primary.kill()
        until(lambda: any(note.startswith("waiting: ") for note in progress.told))
        pair.standby.promote()
        thread.join()
        assert codes == [0]
        assert moving.check().exit_code == 0
        assert moving.migrate(LEGACY).report.exit_code == 0
    assert batches(pair.standby) > 10
    with opened(pair.standby.url()) as after:
        assert Rows(after).changed() == []
