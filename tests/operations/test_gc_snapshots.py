"""Objects of the repository: those that no snapshot needs go after a day, and no other."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.operations.cleaning import DAY, Cleaner
from tests.operations.world import World
from zenctx.context.descriptor import sha256_checksum
from zenctx.context.retention import Verdict
from zenctx.errors import RefusedError
from zenctx.operations import forget
from zenctx.operations.repository import bind_repository, open_repository
from zenctx.snapshots.model import SnapshotFile, SnapshotHeader, SnapshotInfo, SnapshotRun
from zenctx.snapshots.repository import Repository

NEEDED, UNNEEDED = b"needed" * 100, b"unneeded" * 100


@pytest.fixture
def cleaner(world: World) -> Cleaner:
    """Clean up a world with a file that is needed."""
    cleaner = Cleaner(world)
    cleaner.run_with_file(status="RUNNING", ended=None)
    return cleaner


@pytest.fixture
def repository(cleaner: Cleaner) -> Repository:
    """A repository on record, with one object that no snapshot needs."""
    repository = open_repository(cleaner.world.settings, create=True)
    with cleaner.world.database.connect() as connection:
        bind_repository(repository, connection)
    repository.put_object(UNNEEDED)
    return repository


def take(repository: Repository, cleaner: Cleaner, content: bytes) -> None:
    """Take a snapshot of one run that holds one file."""
    now = cleaner.now()
    header = SnapshotHeader(1, now, (), False, "0", "me", "sqlite", "here", None, None, "all")
    with repository.lock_shared(), repository.write(header) as manifest:
        stored = manifest.put_object(content)
        file = SnapshotFile("a", "./a", stored.size, stored.checksum, 1, 1, None)
        run_id = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
        columns: dict[str, str | None] = {"id": run_id, "status": "RUNNING"}
        manifest.add(SnapshotRun(run_id, columns, b"{}", None, "empty", "parked", (file,)))
        manifest.commit()


def test_objects_that_no_snapshot_needs_go_after_a_day(cleaner: Cleaner, repository: Repository) -> None:
    """Those that one needs stay; --no-snapshots leaves all of them."""
    take(repository, cleaner, NEEDED)
    assert cleaner.collect().paths("removed") == {}
    cleaner.ahead = 2 * DAY
    assert cleaner.collect(snapshots=False).paths("removed") == {}
    assert cleaner.collect().report.summary.by_class["object"].files == 1
    assert [entry.checksum for entry in repository.objects()] == [sha256_checksum(NEEDED)]
    repository_again = open_repository(cleaner.world.settings)
    with repository_again.lock_exclusive():
        repository_again.remove(repository_again.snapshots()[0])
    # A list of references that is empty may be one that is not there.
    with pytest.raises(RefusedError, match="has no snapshot at all, and 1 objects") as caught:
        cleaner.collect()
    assert "--no-snapshots" in str(caught.value.hint)
    assert cleaner.collect(snapshots=False).report.exit_code == 0
    assert cleaner.collect(accept_no_references=True).report.summary.by_class["object"].files == 1
    assert list(repository.objects()) == []


def test_a_snapshot_that_was_taken_meanwhile_keeps_its_objects(cleaner: Cleaner, repository: Repository) -> None:
    """It may need what was there already."""
    take(repository, cleaner, NEEDED)
    cleaner.ahead = 2 * DAY

    def meanwhile(_summary: object) -> bool:
        take(repository, cleaner, UNNEEDED)
        return True

    cleaned = cleaner.collect(confirm=meanwhile)
    assert (cleaned.paths("removed"), len(cleaned.paths("skipped"))) == ({}, 1)
    assert repository.has_object(sha256_checksum(UNNEEDED))


def test_a_snapshot_that_goes_while_it_is_read_needs_nothing(
    cleaner: Cleaner, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless it comes back before anything is removed, as from an archive."""
    take(repository, cleaner, NEEDED)
    cleaner.ahead = 2 * DAY
    (manifest,) = Path(cleaner.world.settings.snapshots).glob("snapshots/*")
    content, read = manifest.read_bytes(), Repository.references

    def references(each: Repository, info: SnapshotInfo) -> Iterator[tuple[str, int]]:
        manifest.unlink(missing_ok=True)
        return read(each, info)

    def come_back(_summary: object) -> bool:
        monkeypatch.setattr(Repository, "references", read)
        manifest.write_bytes(content)
        return True

    monkeypatch.setattr(Repository, "references", references)
    cleaned = cleaner.collect(confirm=come_back)
    assert (cleaned.report.summary.by_class["object"].files, len(cleaned.paths("skipped"))) == (1, 1)
    assert repository.has_object(sha256_checksum(NEEDED))


def test_a_damaged_snapshot_keeps_every_object(cleaner: Cleaner, repository: Repository) -> None:
    """Nobody can say what it needs."""
    take(repository, cleaner, NEEDED)
    (manifest,) = Path(cleaner.world.settings.snapshots).glob("snapshots/*")
    manifest.chmod(0o600)
    manifest.write_bytes(b"damaged")
    cleaner.ahead = 2 * DAY
    cleaned = cleaner.collect()
    assert cleaned.paths("removed") == {}
    assert any("snapshot" in reason for reason in cleaned.reasons("noticed"))
    assert len(list(repository.objects())) == 2


def test_a_repository_on_record_that_cannot_be_read_refuses(cleaner: Cleaner, repository: Repository) -> None:
    """It may be on a volume that is not mounted; it can be left out."""
    place = Path(cleaner.world.settings.snapshots)
    place.rename(place.with_name("unmounted"))
    with pytest.raises(RefusedError, match="cannot be read") as caught:
        cleaner.collect()
    assert "--no-snapshots" in str(caught.value.hint)
    assert cleaner.collect(snapshots=False).report.exit_code == 0
    assert repository.repository_id


def test_another_repository_than_the_one_on_record_refuses(cleaner: Cleaner, repository: Repository) -> None:
    """Its objects are needed by the snapshots of another database."""
    cleaner.world.options["snapshots"] = str(cleaner.world.folder / "other")
    open_repository(cleaner.world.settings, create=True)
    with pytest.raises(RefusedError, match="is another one"):
        cleaner.collect()
    assert Path(repository.location).is_dir()


def keeping(cleaner: Cleaner, monkeypatch: pytest.MonkeyPatch, rules: str) -> None:
    """Set a policy for snapshots."""
    given = replace(cleaner.world.settings, snapshot_keep=rules)
    monkeypatch.setattr(type(cleaner.world), "settings", property(lambda _world: given))


def test_the_policy_of_the_settings_forgets_snapshots(
    cleaner: Cleaner, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dry run and a plan tell which; what they alone needed goes with them."""
    take(repository, cleaner, NEEDED)
    cleaner.ahead = 2 * DAY
    take(repository, cleaner, NEEDED + b"too")
    newest, oldest = (info.snapshot_id for info in repository.snapshots())
    keeping(cleaner, monkeypatch, "last 1")
    rehearsed = cleaner.rehearse()
    assert rehearsed.report.summary.by_class["snapshot"].files == 1
    assert [item.path for item in rehearsed.items if item.category == "snapshot"] == [oldest]
    assert len(repository.snapshots()) == 2
    by_class = cleaner.collect().report.summary.by_class
    assert (by_class["snapshot"].files, by_class["object"].files) == (1, 2)
    assert [info.snapshot_id for info in repository.snapshots()] == [newest]
    assert [entry.checksum for entry in repository.objects()] == [sha256_checksum(NEEDED + b"too")]


def test_a_saved_plan_forgets_no_more_than_it_says(
    cleaner: Cleaner, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot that the policy came to give up since stays."""
    keeping(cleaner, monkeypatch, "last 1")
    take(repository, cleaner, NEEDED)
    cleaner.ahead = DAY
    take(repository, cleaner, NEEDED)
    plan = cleaner.world.folder / "gc.plan"
    cleaner.rehearse(save_plan=plan)
    cleaner.ahead = 2 * DAY
    take(repository, cleaner, NEEDED)
    _newest, middle, oldest = (info.snapshot_id for info in repository.snapshots())
    cleaner.apply(plan)
    left = [info.snapshot_id for info in repository.snapshots()]
    assert middle in left
    assert oldest not in left


def test_a_snapshot_that_stays_after_all_keeps_its_objects(
    cleaner: Cleaner, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan has them, and nobody removed the snapshot that needs them."""
    keeping(cleaner, monkeypatch, "last 1")
    take(repository, cleaner, NEEDED)
    cleaner.ahead = 2 * DAY
    take(repository, cleaner, NEEDED + b"too")
    oldest = repository.snapshots()[1]
    monkeypatch.setattr(Repository, "remove", lambda _repository, info: info.snapshot_id != oldest.snapshot_id)
    cleaned = cleaner.collect()
    assert cleaned.report.summary.by_class["object"].files == 1
    assert "a snapshot needs it now" in cleaned.reasons("skipped")
    assert repository.has_object(sha256_checksum(NEEDED))


def test_a_policy_that_leaves_no_snapshot_is_refused(
    cleaner: Cleaner, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever made it so: nothing goes at all, unless that is what is asked for."""
    keeping(cleaner, monkeypatch, "last 1")
    none = "no rule keeps it"
    monkeypatch.setattr(
        forget, "decide", lambda found, *_: [Verdict(each.snapshot_id, kept=False, reasons=(none,)) for each in found]
    )
    take(repository, cleaner, NEEDED)
    cleaner.ahead = 2 * DAY
    assert cleaner.rehearse().report.exit_code == 5
    with pytest.raises(RefusedError, match="by snapshot-keep no complete snapshot would be left") as caught:
        cleaner.collect()
    assert "--unsafe-remove-all-snapshots" in str(caught.value.hint)
    assert len(list(repository.objects())) == 2
    assert "snapshot" not in cleaner.collect(snapshots=False).report.summary.by_class
    assert cleaner.collect(remove_all_snapshots=True).report.summary.by_class["snapshot"].files == 1
    assert (list(repository.snapshots()), list(repository.objects())) == ([], [])


def test_nothing_is_forgotten_when_what_was_to_stay_is_gone(
    cleaner: Cleaner, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The policy decides anew next time."""
    keeping(cleaner, monkeypatch, "last 1")
    take(repository, cleaner, NEEDED)
    cleaner.ahead = DAY
    take(repository, cleaner, NEEDED)

    def meanwhile(_summary: object) -> bool:
        with repository.lock_exclusive():
            repository.remove(repository.snapshots()[0])
        return True

    cleaned = cleaner.collect(confirm=meanwhile)
    assert "snapshot" not in cleaned.report.summary.by_class
    assert len(repository.snapshots()) == 1


def test_left_overs_of_killed_writers_go_from_the_repository(cleaner: Cleaner, repository: Repository) -> None:
    """Nobody else is at work there meanwhile."""
    left = Path(cleaner.world.settings.snapshots) / "zenctx-tmp-0123456789abcdef01234567"
    left.write_bytes(b"half")
    cleaner.collect()
    assert not left.exists()
    assert repository.has_object(sha256_checksum(UNNEEDED))
