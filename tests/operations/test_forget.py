"""Removing snapshots: what a policy or a name says, nothing that is the last, and never half of one."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.operations.comparing import Made, add_snapshot, repository_of
from tests.operations.world import World
from tests.snapshots.samples import HEADER
from zenctx.config import Settings, load_settings
from zenctx.context.retention import Policy, parse_duration
from zenctx.database import journal
from zenctx.database.rows import Selection
from zenctx.errors import LockedError, NotFoundError, PartialError, RefusedError, StoreError, UsageError
from zenctx.operations import forget as operation
from zenctx.operations.forget import Action, ForgetPlan, ForgetReport, ForgetRequest
from zenctx.operations.snapshotting.request import SnapshotRequest
from zenctx.snapshots.model import SnapshotInfo
from zenctx.snapshots.repository import Repository

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
RUN, OTHER = "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "9a1c8f52-0a5e-4d37-8f0e-5b3b8a5b9d02"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give settings with a repository in a folder of its own."""
    return load_settings({"db": "sqlite:///unused.db"}, config_file=None, environ={}, cwd=tmp_path)


@pytest.fixture
def repository(settings: Settings) -> Repository:
    """Give an empty repository."""
    return repository_of(settings)


def add(repository: Repository, age: int, **made: Any) -> SnapshotInfo:
    """Add a snapshot that is so many days old."""
    made.setdefault("runs", {RUN: f'{{"age":{age}}}'})
    return add_snapshot(repository, Made(created_at=NOW - age * DAY, **made))


def left(repository: Repository) -> set[str]:
    """Give the ids of the snapshots that are there."""
    return {info.snapshot_id for info in repository.snapshots()}


def planned(repository: Repository, **asked: Any) -> ForgetPlan:
    """Make a plan; what is no field of the request is one of the policy."""
    names = ("snapshots", "tags", "run_ids", "remove_all")
    request = {name: asked.pop(name) for name in names if name in asked}
    return operation.plan(repository, ForgetRequest(policy=Policy(**asked), **request), NOW)


def carried_out(repository: Repository, settings: Settings, **asked: Any) -> ForgetReport:
    """Make a plan and carry it out, without a journal."""
    return operation.execute(repository, planned(repository, **asked), settings, None)


def test_a_policy_removes_what_no_rule_keeps(repository: Repository, settings: Settings) -> None:
    """The plan gives a reason for each; a rehearsal counts the same and removes nothing; objects stay."""
    made = [add(repository, age, files={(RUN, "k"): b"%d" % age}, runs={RUN: "{}"}) for age in range(5)]
    plan = planned(repository, last=2, within=parse_duration("1d", option="-"))
    assert [(item.short_id, item.action) for item in plan.items] == [
        (info.short_id, Action.KEEP if age < 2 else Action.REMOVE) for age, info in enumerate(made)
    ]
    assert all(item.reason for item in plan.items)
    rehearsed = operation.rehearse(repository, plan)
    assert (rehearsed.dry_run, len(left(repository))) == (True, 5)
    objects = {entry.checksum for entry in repository.objects()}
    report = operation.execute(repository, plan, settings, None)
    assert replace(report.summary, recorded="") == replace(rehearsed.summary, recorded="")
    assert (report.summary.removed, report.summary.kept, report.summary.left, report.exit_code) == (3, 2, 2, 0)
    assert left(repository) == {info.snapshot_id for info in made[:2]}
    assert {entry.checksum for entry in repository.objects()} == objects
    assert "zenctx gc" in (report.next_step or "")


def test_snapshots_are_removed_by_name(repository: Repository, settings: Settings) -> None:
    """By id, prefix or place; one that is not there is an error, and then none is removed."""
    made = [add(repository, age) for age in range(5)]
    with pytest.raises(NotFoundError):
        planned(repository, snapshots=(made[0].short_id, "0123456789ab"))
    report = carried_out(repository, settings, snapshots=(made[4].snapshot_id, made[1].short_id, "latest~1"))
    assert report.summary.removed == 2
    assert left(repository) == {made[at].snapshot_id for at in (0, 2, 3)}


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({}, RefusedError),
        ({"tags": ("a",)}, RefusedError),
        ({"snapshots": ("latest",), "last": 1}, UsageError),
        ({"snapshots": ("latest",), "tags": ("a",)}, UsageError),
        ({"snapshots": ("latest",), "run_ids": (RUN,)}, UsageError),
    ],
)
def test_what_is_not_said_clearly_is_not_done(
    repository: Repository, asked: dict[str, Any], error: type[Exception]
) -> None:
    """No policy and no name, or both."""
    add(repository, 1)
    with pytest.raises(error):
        planned(repository, **asked)


def test_the_last_one_stays_unless_that_is_insisted_on(repository: Repository, settings: Settings) -> None:
    """Safety snapshots do not count as ones that are left; nor do incomplete ones."""
    only = add(repository, 1)
    add(repository, 0, is_safety=True)
    add(repository, 0, files={(RUN, "k"): None})
    assert only.snapshot_id in planned(repository, within=parse_duration("1h", option="-")).kept
    with pytest.raises(RefusedError, match="no complete snapshot would be left") as caught:
        planned(repository, snapshots=("latest", only.short_id))
    assert "--unsafe-remove-all" in (caught.value.hint or "")
    report = carried_out(repository, settings, snapshots=("latest", only.short_id), remove_all=True)
    assert (report.summary.removed, report.summary.left) == (2, 1)


def test_a_policy_by_tags_alone_may_keep_nothing(repository: Repository) -> None:
    """Then it is refused, as removing the last one by name is."""
    add(repository, 1)
    with pytest.raises(RefusedError, match="would be left"):
        operation.plan(repository, ForgetRequest(policy=Policy(tags=("release",))), NOW)


def test_safety_snapshots_stay_for_a_time_of_their_own(repository: Repository, settings: Settings) -> None:
    """They neither count for a rule nor are kept by one."""
    old, new = (add(repository, age, is_safety=True) for age in (8, 6))
    usual = [add(repository, age) for age in (9, 7, 5)]
    carried_out(repository, settings, last=2)
    assert left(repository) == {new.snapshot_id, *(info.snapshot_id for info in usual[1:])}
    assert old.snapshot_id not in left(repository)


def test_only_snapshots_of_a_run_or_with_a_tag_are_decided_about(repository: Repository, settings: Settings) -> None:
    """The others are neither counted nor removed; a run's snapshots are those that hold nothing else."""
    both = add(repository, 9, runs={RUN: "{}", OTHER: "{}"})
    of_run = [add(repository, age, selection="1 named run", tags=("a",) if age == 3 else ()) for age in (8, 5, 3)]
    of_other = [add(repository, age, runs={OTHER: "{}"}, selection="1 named run") for age in (7, 4)]
    empty = add(repository, 2, runs={})
    plan = planned(repository, run_ids=(RUN.upper(),), last=1)
    assert {item.snapshot_id for item in plan.items} == {info.snapshot_id for info in of_run}
    carried_out(repository, settings, run_ids=(RUN,), last=1)
    kept = {both.snapshot_id, of_run[2].snapshot_id, empty.snapshot_id, *(info.snapshot_id for info in of_other)}
    assert left(repository) == kept
    assert planned(repository, tags=(), last=1).items
    operation_plan = operation.plan(repository, ForgetRequest(policy=Policy(last=1), tags=("a",)), NOW)
    assert [item.snapshot_id for item in operation_plan.items] == [of_run[2].snapshot_id]


def test_snapshots_of_single_runs_do_not_displace_each_other(repository: Repository, settings: Settings) -> None:
    """Nor those of all runs: the same words may mean other runs."""
    night = add(repository, 2)
    one, other = (
        add(repository, age, runs={run: "{}"}, selection="1 named run") for age, run in ((1, RUN), (0, OTHER))
    )
    carried_out(repository, settings, last=1, daily=1)
    assert left(repository) == {night.snapshot_id, one.snapshot_id, other.snapshot_id}


@pytest.mark.parametrize("runs", [(RUN,), (RUN, OTHER)])
def test_whether_runs_were_named_is_written_down_or_said_in_words(runs: tuple[str, ...]) -> None:
    """Manifests of old have no number of them, but the words that `snapshot` wrote."""
    header = replace(HEADER, named_runs=None)
    named, others = SnapshotRequest(Selection(run_ids=runs)), SnapshotRequest(Selection(statuses=("ERROR",)))
    for request, is_named in ((named, True), (others, False), (SnapshotRequest(resumable=True), False)):
        assert operation.is_of_named_runs(replace(header, selection=request.describe())) is is_named
    assert operation.is_of_named_runs(replace(header, selection="all runs", named_runs=len(runs)))
    assert not operation.is_of_named_runs(replace(header, selection="1 named run", named_runs=0))


def damage(repository: Repository, info: SnapshotInfo) -> None:
    """Cut off the end of a manifest."""
    path = Path(repository.location) / info.name
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-9])


def test_damaged_manifests_stay_until_they_are_named(repository: Repository, settings: Settings) -> None:
    """A policy names them and leaves them."""
    made = [add(repository, age) for age in range(3)]
    damage(repository, made[0])
    plan = planned(repository, last=1)
    assert {item.name: item.action for item in plan.items if item.state == "damaged"} == {made[0].name: Action.KEEP}
    report = operation.execute(repository, plan, settings, None)
    assert (report.summary.removed, report.summary.damaged) == (1, 1)
    assert "damaged" in report.message.lower()
    carried_out(repository, settings, snapshots=(made[0].short_id,))
    assert repository.damaged() == []
    assert left(repository) == {made[1].snapshot_id}


def test_nothing_is_removed_when_what_was_to_be_kept_is_gone(repository: Repository, settings: Settings) -> None:
    """Somebody else has been at work since the plan; what came meanwhile is no obstacle."""
    made = [add(repository, age) for age in (2, 1)]
    plan = planned(repository, last=1)
    add(repository, 0)
    repository.remove(made[1])
    with pytest.raises(RefusedError, match="gone meanwhile"):
        operation.execute(repository, plan, settings, None)
    assert made[0].snapshot_id in left(repository)


def test_others_at_work_keep_it_from_removing(repository: Repository, settings: Settings) -> None:
    """A snapshot that is being taken or restored holds the repository."""
    for age in (2, 1):
        add(repository, age)
    plan = planned(repository, last=1)
    with repository.lock_shared(), pytest.raises(LockedError):
        operation.execute(repository, plan, settings, None)
    assert len(left(repository)) == 2


def test_where_persistence_is_switched_off_nothing_is_removed(repository: Repository, settings: Settings) -> None:
    """As by every command that writes."""
    for age in (2, 1):
        add(repository, age)
    with pytest.raises(RefusedError, match="persistence"):
        carried_out(repository, replace(settings, persistence_enabled=False), last=1)
    assert len(left(repository)) == 2


def test_an_error_half_way_says_so(repository: Repository, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was removed is gone, the rest is whole, and running it again goes on."""
    for age in range(4):
        add(repository, age)
    remove = Repository.remove
    outcomes: Iterator[bool] = iter([True, False])

    def failing(self: Repository, info: SnapshotInfo) -> bool:
        if next(outcomes):
            return remove(self, info)
        raise StoreError("the directory cannot be written")

    plan = planned(repository, last=1)
    with monkeypatch.context() as patch:
        patch.setattr(Repository, "remove", failing)
        with pytest.raises(PartialError, match="stopped after 1 removed"):
            operation.execute(repository, plan, settings, None)
    assert len(left(repository)) == 3
    carried_out(repository, settings, last=1)
    assert len(left(repository)) == 1


def test_the_journal_knows_what_was_removed(world: World) -> None:
    """By id, with the policy; a failure, too."""
    repository = repository_of(world.settings)
    made = [add(repository, age) for age in (2, 1)]
    plan = planned(repository, last=1)
    with repository.lock_shared(), pytest.raises(LockedError):
        operation.execute(repository, plan, world.settings, world.database)
    report = operation.execute(repository, plan, world.settings, world.database)
    with world.database.connect() as connection:
        found = {entry.outcome: entry for entry in journal.latest(connection, command="forget")}
    assert set(found) == {"done", "locked"}
    done = found["done"]
    assert done.id in report.summary.recorded
    assert done.arguments["removed"] == [made[0].snapshot_id]
    assert done.arguments["policy"] == {"last": 1, "safety_days": 7}
    assert done.counts["removed"] == 1
