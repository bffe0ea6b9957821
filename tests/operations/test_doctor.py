"""Tests of `zenctx doctor`: each thing that is wrong with a set-up is found, and a sound one gives nothing."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.database.conftest import opened
from tests.operations.rehearsing import descriptor
from tests.operations.world import World, make_world
from tests.support.engine_schema import create_quartz_tables
from tests.support.rows import DAY, Rows, compact
from zenctx.config import load_settings
from zenctx.database import journal, locks
from zenctx.database.engine import Database, write_transaction
from zenctx.database.health import Server
from zenctx.database.locks import Lock
from zenctx.operations import snapshot
from zenctx.operations.diagnosis.configured import check_settings
from zenctx.operations.diagnosis.directories import check_directory
from zenctx.operations.diagnosis.leftovers import QUIET, check_locks
from zenctx.operations.diagnosis.machine import Machine
from zenctx.operations.diagnosis.server import check_server
from zenctx.operations.doctor import DoctorReport, FindingItem, diagnose
from zenctx.operations.snapshotting.request import SnapshotRequest
from zenctx.store.volume import Room

NAME = "zenctx.db"
_ENDED = "update workflow_runs set status = 'SUCCESS', ended_at = started_at where id = :id"
ROOMY = Room(bytes=10**12, free_bytes=10**11, inodes=10**6, free_inodes=10**6, is_read_only=False, kind="ext4")


@dataclass
class SetUp:
    """A sound set-up on a machine with room, of which a test spoils a part."""

    world: World
    url: str
    machine: Machine = field(default_factory=lambda: Machine(room=lambda _path: ROOMY))
    items: list[FindingItem] = field(default_factory=list)

    def diagnose(self, **options: str) -> DoctorReport:
        """Looks; what was found is in `items`."""
        self.items = []
        settings = load_settings({"db": self.url, **self.world.options, **options}, environ={}, cwd=self.world.folder)
        return diagnose(settings, self.items.append, machine=self.machine)

    def only(self, severity: str, **options: str) -> FindingItem:
        """Looks, and gives the one thing that was found."""
        report = self.diagnose(**options)
        assert [item.severity for item in self.items] == [severity], [item.reason for item in self.items]
        assert report.exit_code == (0 if severity == "notice" else 4)
        assert self.items[0].hint
        return self.items[0]


def built(world: World, url: str) -> SetUp:
    """A database with a bound store, a value in a file, and a snapshot from a moment ago."""
    world.options = {"memory-threshold-bytes": "500"}
    world.rows.add(compact({"large": "x" * 600}), status="RUNNING", started=datetime.now(UTC), ended=None)
    world.migrate(include_active=True)
    with world.database.connect() as connection, write_transaction(connection):
        create_quartz_tables(connection)
    snapshot.snapshot(world.database, world.settings, SnapshotRequest(), lambda _item: None)
    return SetUp(world, url)


@pytest.fixture
def setup(world: World, database_url: str) -> SetUp:
    """Give a sound set-up, on SQLite and then on PostgreSQL."""
    return built(world, database_url)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a sound set-up on SQLite that no test touches."""
    folder = tmp_path_factory.mktemp("healthy")
    with opened(f"sqlite:///{folder / NAME}") as database:
        built(make_world(database, folder), "")
    return folder


@pytest.fixture
def sqlite_setup(healthy: Path, tmp_path: Path) -> Iterator[SetUp]:
    """Give a copy of it; the record says where it was made, which a copy does not change back."""
    shutil.copytree(healthy, tmp_path, dirs_exist_ok=True)
    url = f"sqlite:///{tmp_path / NAME}"
    with opened(url) as database:
        world = World(database, tmp_path, Rows(database), {"memory-threshold-bytes": "500"})
        world.rows.execute("update zenctx_store set database_identity = :now", now=f"sqlite:{tmp_path / NAME}")
        yield SetUp(world, url)


def test_of_a_sound_setup_nothing_is_said(setup: SetUp) -> None:
    """What was looked at is told; nothing is changed, and no file is made."""
    before = sorted(setup.world.folder.rglob("*"))
    report = setup.diagnose()
    assert (report.exit_code, setup.items, report.message) == (0, [], "all well")
    assert (report.summary.rows, report.summary.files, report.summary.free_bytes) == (1, 1, 10**11)
    assert report.summary.last_snapshot is not None
    assert sorted(setup.world.folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "value", "severity", "words"),
    [
        ("memory-threshold-bytes", "50000000", "warning", "20,000,000 characters"),
        ("json-threshold-bytes", "16000000", "warning", "15,000,000 bytes"),
        ("memory-threshold-bytes", "3000000", "notice", "ever kept as JSON"),
        ("persistence.enabled", "false", "notice", "refuses"),
        ("on-missing", "null", "warning", "replaced when a run is restored"),
        ("redact-keys", "", "warning", "named like secrets"),
        ("trash-retention-days", "0", "warning", "brought back"),
        ("file-group", "no-such-group", "error", "does not know"),
        ("orphan-cleanup-schedule", "0 0 2 L * ?", "notice", "cannot be converted"),
        ("engine-dir", "/somewhere", "error", "lead back"),
    ],
)
def test_settings_that_make_no_sense(tmp_path: Path, name: str, value: str, severity: str, words: str) -> None:
    """Each is named, with what to do."""
    settings = load_settings({"db": "sqlite:///unused.db", name: value}, environ={}, cwd=tmp_path)
    found = [item for item in check_settings(settings) if item.severity == severity]
    assert any(words in item.reason for item in found)
    assert all(item.hint for item in found)


def test_settings_that_are_left_alone(tmp_path: Path) -> None:
    """Nothing is said of the defaults."""
    assert not list(check_settings(load_settings({"db": "sqlite:///unused.db"}, environ={}, cwd=tmp_path)))


def test_snapshots_where_the_engine_cleans_up(sqlite_setup: SetUp) -> None:
    """A repository inside the directory of temporary files."""
    sqlite_setup.diagnose(snapshots=str(sqlite_setup.world.folder / "data/context-files/snapshots"))
    assert "snapshots lies inside file-storage-dir" in sqlite_setup.items[0].reason


def test_a_password_that_everybody_can_read(sqlite_setup: SetUp, tmp_path: Path) -> None:
    """In a settings file; the password is not shown, and the database that is not there is a finding of its own."""
    file = tmp_path / "zenctx.toml"
    file.write_text('db = "postgresql://user:hunter22@localhost:1/none"\n')
    file.chmod(0o644)
    settings = load_settings({}, config_file=file, environ={}, cwd=tmp_path)
    items: list[FindingItem] = []
    report = diagnose(settings, items.append, machine=sqlite_setup.machine)
    assert report.exit_code == 12
    assert [item.kind for item in items] == ["password", "database"]
    assert "hunter22" not in repr((items, report))
    assert report.message.endswith("the database cannot be used, and was not looked at any further")


def test_a_database_that_is_not_there(sqlite_setup: SetUp) -> None:
    """The other findings are told all the same, and the code is 12."""
    report = sqlite_setup.diagnose(db=f"sqlite:///{sqlite_setup.world.folder}/none.db", **{"on-missing": "skip"})
    assert report.exit_code == 12
    assert [item.kind for item in sqlite_setup.items] == ["setting", "database"]


def test_another_database(sqlite_setup: SetUp) -> None:
    """Without the engine's tables it is not the right one."""
    url = f"sqlite:///{sqlite_setup.world.folder}/other.db"
    opened(url).close()
    assert sqlite_setup.diagnose(db=url).exit_code == 12
    assert "has no table workflow_runs" in sqlite_setup.items[-1].reason


@pytest.mark.parametrize(
    ("server", "kind"),
    [
        (Server("13.9", 130_009, "UTF8", is_replica=False, role="x"), "version"),
        (Server("18.0", 180_000, "LATIN1", is_replica=False, role="x"), "encoding"),
        (Server("18.0", 180_000, "UTF8", is_replica=True, role="x"), "replica"),
    ],
)
def test_a_server_that_does_not_fit(server: Server, kind: str) -> None:
    """Too old, of another encoding, or a replica."""
    assert [item.kind for item in check_server(server)] == [kind]
    assert not list(check_server(Server("3.45", 0, "UTF8", is_replica=False, role=None)))


def test_tables_of_zenctx_that_are_missing_or_of_another_version(sqlite_setup: SetUp) -> None:
    """Missing, older and newer each say what to do; the rest is looked at without them."""
    rows = sqlite_setup.world.rows
    rows.execute("update zenctx_revision set version_num = '0001'")
    item = sqlite_setup.only("error")
    assert (item.kind, item.hint) == ("revision", "run 'zenctx db upgrade'")
    rows.execute("update zenctx_revision set version_num = '9999'")
    assert "newer zenctx" in (sqlite_setup.only("error").hint or "")
    rows.execute("drop table zenctx_revision")
    item = sqlite_setup.only("warning")
    assert "no tables of zenctx yet" in item.reason


@pytest.mark.parametrize("spoil", ["marker", "other", "copy"])
def test_a_store_that_is_not_the_databases(sqlite_setup: SetUp, spoil: str) -> None:
    """Without a marker, with another one, or belonging to the database that this one is a copy of."""
    marker = sqlite_setup.world.store / ".zenctx-store.json"
    if spoil == "marker":
        marker.unlink()
    elif spoil == "other":
        text = json.loads(marker.read_text()) | {"id": "00000000-0000-4000-8000-000000000000"}
        marker.chmod(0o600)
        marker.write_text(json.dumps(text))
    else:
        sqlite_setup.world.rows.execute("update zenctx_store set database_identity = 'sqlite:/elsewhere'")
    sqlite_setup.diagnose()
    assert [item.kind for item in sqlite_setup.items if item.kind == "store"] == ["store"]


def test_a_volume_that_is_not_mounted(sqlite_setup: SetUp) -> None:
    """The directory is empty or gone: no file is found where the settings lead."""
    shutil.rmtree(sqlite_setup.world.store)
    report = sqlite_setup.diagnose()
    assert report.exit_code == 4
    assert {item.kind for item in sqlite_setup.items} == {"store", "locator"}
    assert any("none of the 1 file" in item.reason for item in sqlite_setup.items)


@pytest.mark.parametrize(
    ("changes", "severity", "words"),
    [
        ({"free_bytes": 10**7}, "error", "9 MiB are free"),
        ({"free_bytes": 5 * 10**8}, "warning", "476 MiB are free"),
        ({"free_inodes": 10}, "warning", "10 of 1,000,000 inodes"),
        ({"is_read_only": True}, "error", "read-only"),
        ({"kind": "tmpfs"}, "warning", "gone after a restart"),
        ({"kind": "overlay"}, "notice", "container"),
    ],
)
def test_a_file_system_that_does_not_do(tmp_path: Path, changes: dict[str, Any], severity: str, words: str) -> None:
    """Room, inodes, mounts and kinds."""
    machine = Machine(room=lambda _path: replace(ROOMY, **changes))
    settings = load_settings({"db": "sqlite:///unused.db"}, environ={}, cwd=tmp_path)
    (item,) = check_directory("file-storage-dir", tmp_path, settings, machine)
    assert item.severity == severity
    assert words in item.reason


@pytest.mark.parametrize(
    ("mode", "options", "words"),
    [
        (0o777, {}, "every user may remove"),
        (0o700, {"file-group": str(os.getegid())}, "engine removes files"),
        (0o770, {"file-group": str(os.getegid() + 4711)}, "file-group is"),
    ],
)
def test_a_directory_with_the_wrong_rights(sqlite_setup: SetUp, mode: int, options: dict[str, str], words: str) -> None:
    """Too open, or not for the group through which the engine works."""
    sqlite_setup.world.store.chmod(mode)
    assert words in sqlite_setup.only("warning", **options).reason


def test_a_directory_that_may_not_be_written(sqlite_setup: SetUp) -> None:
    """As this user is told by the system; nothing is written to find out."""
    whole = sqlite_setup.machine.place

    def place(path: Path) -> object:
        found = whole(path)
        return found and replace(found, may_write=path.name == "context-files")

    sqlite_setup.machine = replace(sqlite_setup.machine, place=place)  # type: ignore[arg-type]
    sqlite_setup.diagnose()
    assert [item.severity for item in sqlite_setup.items] == ["warning", "warning"]
    assert all("may not write" in item.reason for item in sqlite_setup.items)


def test_a_repository_that_others_can_read(sqlite_setup: SetUp) -> None:
    """It holds decrypted secrets."""
    Path(sqlite_setup.world.settings.snapshots).chmod(0o755)
    assert "holds secrets" in sqlite_setup.only("warning").reason


def test_clocks_that_are_apart(sqlite_setup: SetUp) -> None:
    """More than five minutes: gc refuses."""
    ahead = datetime.now(UTC) + timedelta(minutes=6)
    sqlite_setup.machine = replace(sqlite_setup.machine, now=lambda: ahead)
    item = sqlite_setup.only("error")
    assert item.kind == "clock"
    assert "gc refuses" in item.reason


def test_a_legacy_engine_beside_descriptors(sqlite_setup: SetUp) -> None:
    """It is alive, it wrote the newest context, and a parked run holds descriptors."""
    rows, now = sqlite_setup.world.rows, datetime.now(UTC)
    rows.add('{"a":1}', started=now)
    assert sqlite_setup.diagnose().exit_code == 0  # no engine is running
    rows.execute(
        "insert into qrtz_scheduler_state values ('z', 'node-1', :last, 7500)", last=int(now.timestamp() * 1000)
    )
    item = sqlite_setup.only("error")
    assert item.kind == "engine_form"
    assert "would take for values" in item.reason


def test_a_legacy_row_beside_an_engine_of_descriptors(sqlite_setup: SetUp) -> None:
    """One breaks the lists it is in."""
    rows, now = sqlite_setup.world.rows, datetime.now(UTC)
    rows.add(compact({"a": descriptor("MEMORY", inlineValue=1)}), started=now)
    rows.add('{"a":1}', started=now - DAY)
    assert "the engine writes descriptors" in sqlite_setup.only("error").reason


def test_parked_runs_in_both_forms(sqlite_setup: SetUp) -> None:
    """Whichever engine is started reads one of them."""
    sqlite_setup.world.rows.add('{"a":1}', status="RUNNING", started=datetime.now(UTC), ended=None)
    assert "one of them" in sqlite_setup.only("warning").reason


@pytest.mark.parametrize(
    ("context", "form"),
    [
        ("[1]", "invalid"),
        (compact({"a": descriptor("MEMORY", inlineValue=1), "b": 1}), "mixed"),
        (compact({"a": {"type": "MEMORY", "inlineValue": 1}}), "ambiguous"),
    ],
)
def test_contexts_that_are_neither_form(sqlite_setup: SetUp, context: str, form: str) -> None:
    """Of a run that can resume an error, with its id; of one that is over a warning."""
    run_id = sqlite_setup.world.rows.add(context, status="WAITING", started=datetime.now(UTC), ended=None)
    item = sqlite_setup.only("error")
    assert (item.kind, item.run_id) == ("form", run_id)
    assert form in item.reason
    sqlite_setup.world.rows.execute(_ENDED, id=run_id)
    assert sqlite_setup.only("warning").kind == "form"


@pytest.mark.parametrize("kind", ["JSON", "FILE"])
def test_values_of_which_the_published_engine_restores_nothing(sqlite_setup: SetUp, kind: str) -> None:
    """Where engine-reads says that it is the published one."""
    context = compact({"a": descriptor(kind, inlineValue="e30=", size=2)})
    sqlite_setup.world.rows.add(context, status="RUNNING", started=datetime.now(UTC), ended=None)
    assert sqlite_setup.only("error").kind == "engine_reads"
    assert sqlite_setup.diagnose(**{"engine-reads": "all"}).exit_code == 0


def test_files_of_runs_that_can_resume(sqlite_setup: SetUp) -> None:
    """One of two is gone; where all are, the settings lead to the wrong place."""
    world = sqlite_setup.world
    world.rows.add(compact({"large": "y" * 600}), status="RUNNING", started=datetime.now(UTC), ended=None)
    world.migrate(include_active=True)
    (first, second) = world.files()
    (world.store / first).unlink()
    item = sqlite_setup.only("error")
    assert (item.kind, item.reason[:6]) == ("file", "1 file")
    (world.store / second).unlink()
    assert sqlite_setup.only("error").kind == "locator"


def test_a_locator_that_leads_out(sqlite_setup: SetUp) -> None:
    """It is ambiguous, too: nothing says whose file that is."""
    context = compact({"a": descriptor("FILE", locator="/etc/passwd")})
    sqlite_setup.world.rows.add(context, status="RUNNING", started=datetime.now(UTC), ended=None)
    sqlite_setup.diagnose()
    assert {item.kind for item in sqlite_setup.items} == {"form", "locator"}


def test_a_repository_that_is_gone(sqlite_setup: SetUp) -> None:
    """It is on record: an error. Where none ever was, a notice."""
    shutil.rmtree(sqlite_setup.world.settings.snapshots)
    assert sqlite_setup.only("error").kind == "repository"
    sqlite_setup.world.rows.execute("delete from zenctx_store where kind = 'repository'")
    assert "yet" in sqlite_setup.only("notice").reason


def test_snapshots_that_are_old_or_damaged(sqlite_setup: SetUp) -> None:
    """The age is counted from the newest that can be used."""
    (manifest,) = (Path(sqlite_setup.world.settings.snapshots) / "snapshots").iterdir()
    later = datetime.now(UTC) + 10 * DAY
    sqlite_setup.machine = replace(sqlite_setup.machine, now=lambda: later)
    sqlite_setup.diagnose()
    assert any("10 days old" in item.reason for item in sqlite_setup.items)
    sqlite_setup.machine = replace(sqlite_setup.machine, now=lambda: datetime.now(UTC))
    manifest.chmod(0o600)
    manifest.write_bytes(b"damaged")
    sqlite_setup.diagnose()
    assert [(item.severity, item.kind) for item in sqlite_setup.items] == [
        ("error", "snapshot"),
        ("warning", "snapshot"),
    ]


def test_a_lock_that_is_held(setup: SetUp) -> None:
    """By a session of the server, or by a process of this machine; looking takes none, and waits for none.

    A session that has done nothing for a quarter of an hour was left behind: how to end it is said.
    """
    database = setup.world.database
    is_server = database.dialect == "postgresql"
    later = datetime.now(UTC) + QUIET + timedelta(minutes=1)
    with (
        database.connect() as connection,
        locks.held(database, connection, Lock.CONTENT, exclusive=True),
        database.connect() as other,
    ):
        item = setup.only("notice")
        (old,) = check_locks(database, other, setup.world.settings, later, setup.machine)
    assert item.kind == "lock"
    assert ("pid" if is_server else str(os.getpid())) in item.reason
    assert old.severity == ("warning" if is_server else "notice")
    assert ("pg_terminate_backend" in (old.hint or "")) is is_server
    assert setup.diagnose().exit_code == 0


def test_temporaries_trash_and_foreign_files(sqlite_setup: SetUp) -> None:
    """What writes that died left, what is no value, and what a clean-up should have emptied."""
    store = sqlite_setup.world.store
    (store / "zenctx-tmp-1").write_bytes(b"")
    assert sqlite_setup.only("notice").kind == "temporary"
    (store / "zenctx-tmp-1").unlink()
    (store / "link").symlink_to("/etc")
    assert sqlite_setup.only("notice").kind == "foreign"
    (store / "link").unlink()
    old = store / ".trash" / "20260101T000000-abcd"
    old.mkdir(parents=True)
    os.utime(old, (0, 0))
    item = sqlite_setup.only("warning")
    assert item.reason.startswith("1 clean-up lies in the trash")


def test_operations_that_died_and_rows_in_quarantine(sqlite_setup: SetUp) -> None:
    """Each with the command that goes on; one that runs just now is none."""
    with sqlite_setup.world.database.connect() as connection:
        journal.begin(connection, "gc", {})
        assert sqlite_setup.diagnose().exit_code == 0
        journal.begin(connection, "scrub", {}, clock=lambda: datetime.now(UTC) - 2 * DAY)
    assert "run 'zenctx scrub' again" in (sqlite_setup.only("warning").hint or "")
    with sqlite_setup.world.database.connect() as connection:
        journal.finish(connection, journal.begin(connection, "scrub", {}), 12, {})
        sqlite_setup.only("warning")
        journal.finish(connection, journal.begin(connection, "scrub", {}), 0, {})
    assert sqlite_setup.diagnose().exit_code == 0, "it was gone on with"
    sqlite_setup.world.rows.execute("delete from zenctx_operation where command = 'scrub'")
    run_id = sqlite_setup.world.rows.add('{"a":1}')
    insert = "insert into zenctx_quarantine values (:id, 'descriptors', 'why', 'f', 'o', :now)"
    sqlite_setup.world.rows.execute(insert, id=run_id, now=sqlite_setup.world.rows.moment(datetime.now(UTC)))
    assert sqlite_setup.only("warning").reason == "1 row could not be converted, and is in quarantine"


def test_a_role_that_may_only_read(postgres_world: World, postgres_url: str) -> None:
    """All is looked at; what is hidden is said, and a half of the rights is a warning."""
    setup = built(postgres_world, postgres_url)
    rows = setup.world.rows
    rows.execute("drop role if exists zenctx_looker")
    rows.execute("create role zenctx_looker")
    rows.execute("grant usage on schema public to zenctx_looker")
    rows.execute("grant select on all tables in schema public to zenctx_looker")
    mark = "&" if "?" in postgres_url else "?"
    setup.url = f"{postgres_url}{mark}options=-c%20role%3Dzenctx_looker"
    try:
        assert "may only read" in setup.only("notice").reason
        rows.execute("drop schema if exists other cascade")
        rows.execute("create schema other")
        rows.execute("create table other.workflow_runs (id uuid)")
        setup.diagnose()
        assert any("that of public is used" in item.reason for item in setup.items)
        rows.execute("drop schema other cascade")
        rows.execute("grant update (context) on workflow_runs to zenctx_looker")
        assert "zenctx's own tables" in setup.only("warning").reason
        rows.execute("revoke select on qrtz_scheduler_state, node_executions from zenctx_looker")
        setup.diagnose()
        assert sorted(item.kind for item in setup.items) == ["engine", "rights", "rights"]
        rows.execute("alter table workflow_runs enable row level security")
        setup.diagnose()
        assert any("hides rows" in item.reason for item in setup.items)
        rows.execute("alter table workflow_runs disable row level security")
        rows.execute("revoke update (context) on workflow_runs from zenctx_looker")
        rows.execute("drop table zenctx_revision")
        setup.diagnose()
        severities = {item.kind: item.severity for item in setup.items}
        assert severities["revision"] == "notice", "who may only read misses nothing"
    finally:
        rows.execute("drop owned by zenctx_looker")
        rows.execute("drop role zenctx_looker")


def test_nothing_is_written(sqlite_setup: SetUp) -> None:
    """The operation opens the database for reading alone."""
    asked: list[bool] = []
    whole = Database.open.__func__  # type: ignore[attr-defined]

    def spied(url: str, *, read_only: bool, **rest: str) -> Database:
        asked.append(read_only)
        return whole(Database, url, read_only=read_only, **rest)  # type: ignore[no-any-return]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "open", spied)
        sqlite_setup.diagnose()
    assert asked == [True]
