"""What `metrics` makes of the journal, of the repository and of rights: counts that outlive processes."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.operations.reader import as_reader
from tests.operations.stores import Shelf
from tests.operations.world import World
from tests.support.rows import compact
from zenctx.context.rules import OnMissing
from zenctx.database import journal
from zenctx.database.journal import Alike
from zenctx.database.rows import Selection
from zenctx.errors import StoreError
from zenctx.operations.context_store import ContextFailedError
from zenctx.operations.measuring.catalogue import VALUE_FAILURES
from zenctx.operations.measuring.journal import samples_of, value_failures
from zenctx.operations.measuring.places import space_samples
from zenctx.operations.metrics import measure
from zenctx.operations.verify import VerifyRequest, verify_on_record

BEGAN = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
NIGHT = timedelta(days=1)
SNAPSHOT = {"missing": 2, "altered": 1, "refused": 0, "unreadable": 0, "runs": 9}


def operation(command: str, night: int = 0, exit_code: int | None = 0, **changed: object) -> Alike:
    """Gives an operation of one night, ten seconds long; without an exit code it has not ended."""
    began, is_over = BEGAN + night * NIGHT, exit_code is not None
    outcome = None if not is_over else "done" if exit_code == 0 else "failed"
    finished = began + timedelta(seconds=10) if is_over else None
    plain = Alike(command, outcome, exit_code, None, {}, {}, 1, began, finished)
    return replace(plain, **changed)  # type: ignore[arg-type]


def measured(*operations: Alike) -> dict[tuple[str, ...], float]:
    """Gives the values by the rest of the metric's name and its labels; without failures that there were none of."""
    return {
        (sample.metric.name.removeprefix("zenctx_"), *(value for _, value in sample.labels)): sample.value
        for sample in samples_of(operations)
        if sample.value or sample.metric is not VALUE_FAILURES
    }


def test_the_last_run_the_last_success_and_all_outcomes() -> None:
    """A failure does not hide when the command last did its work, and what runs now has no end."""
    found = measured(operation("gc"), operation("gc", 1, 12), operation("gc", 2, None))
    assert found == {
        ("operation_last_start_timestamp_seconds", "gc"): (BEGAN + 2 * NIGHT).timestamp(),
        ("operation_last_success_timestamp_seconds", "gc"): BEGAN.timestamp() + 10,
        ("operation_last_duration_seconds", "gc"): 10,
        ("operation_last_exit_code", "gc"): 12,
        ("operations_unfinished", "gc"): 1,
        ("operations_total", "gc", "done"): 1,
        ("operations_total", "gc", "failed"): 1,
    }


def test_what_died_is_unfinished_until_the_command_is_run_to_its_end() -> None:
    """Not for ever: an alert that nothing ends is switched off. A failure ends nothing."""
    died, unfinished = operation("gc", 0, None), ("operations_unfinished", "gc")
    assert measured(died, operation("gc", 1, 12), operation("migrate", 2))[unfinished] == 1
    assert measured(died, operation("gc", 1, 3))[unfinished] == 0
    assert measured(died, operation("gc", 1), operation("gc", 2, None))[unfinished] == 1


def test_the_first_failure_can_be_seen() -> None:
    """Counters are there from the beginning, since Prometheus sees no increase in one that begins with a failure."""
    samples = [sample for sample in samples_of([]) if sample.metric is VALUE_FAILURES]
    assert {sample.value for sample in samples} == {0}
    found = {tuple(value for _, value in sample.labels) for sample in samples}
    assert {("damaged", "restoration"), ("quarantined", "creation"), ("other", "release")} <= found
    assert len(found) == len(samples) < 30


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (operation("snapshot", counts=SNAPSHOT), {("restoration", "missing"): 2, ("restoration", "altered"): 1}),
        (operation("migrate", counts={"direction": "descriptors", "newly_quarantined": 3, "quarantined": 5}),
         {("creation", "quarantined"): 3}),
        (operation("migrate", counts={"direction": "legacy", "newly_quarantined": 3}),
         {("restoration", "quarantined"): 3}),
        (operation("verify", exit_code=4, counts={"error_kinds": {"damaged": 2, "shared": 1, "manifest": 9}}),
         {("restoration", "damaged"): 2, ("restoration", "shared"): 1}),
        (operation("verify", exit_code=4, counts={"error_kinds": {"missing": 2, "released": 1}}),
         {("restoration", "missing"): 3}),
        (operation("restore", counts={"failed": 2}), {("restoration", "failed"): 2}),
        (operation("cat", exit_code=4, error_kind="damaged_file"), {("restoration", "damaged"): 1}),
        (operation("cat", exit_code=4, error_kind="damaged_file", number=7), {("restoration", "damaged"): 7}),
        (operation("cat", exit_code=4, error_kind="missing_file"), {("restoration", "missing"): 1}),
        (operation("cat", exit_code=10, error_kind="not_found"), {}),
        (operation("restore_context", exit_code=4, error_kind="invalid_context", counts={"value_failures": {}}),
         {("restoration", "invalid"): 1}),
        (operation("save_context", counts={"failures": 3, "value_failures": {"creation": {"data": 2, "new": 1}}}),
         {("creation", "invalid"): 2, ("creation", "other"): 1}),
        (operation("context_store", counts={"value_failures": {"release": {"other": 1}, "elsewhere": {"x": 1}}}),
         {("release", "other"): 1}),
        # What somebody else has written there is no reason to fail.
        (operation("snapshot", counts={"missing": "2", "altered": True, "refused": None}), {}),
        (operation("verify", counts={"error_kinds": [1]}), {}),
        (operation("x", counts={"value_failures": {"creation": 3, "release": {"other": -1}}}), {}),
    ],
)  # fmt: skip
def test_failures_of_values(given: Alike, expected: Mapping[tuple[str, str], int]) -> None:
    """By stage and by one of a few reasons, whichever command met them."""
    assert value_failures(given) == expected


def verified(night: int, altered: int, **asked: object) -> Alike:
    """Gives a verification that read content back."""
    counts = {"errors": altered, "warnings": 0, "notices": 5, "altered": altered, "error_kinds": {}}
    return operation("verify", night, 4 if altered else 0, arguments=asked, counts=counts)


def failures_of(*operations: Alike) -> float | None:
    """Gives the checksum failures."""
    return measured(*operations).get(("verify_checksum_failures",))


def test_the_last_verification_of_everything_counts() -> None:
    """Not one by size alone or of some runs, nor one that could not be carried out."""
    whole = verified(0, 2)
    assert failures_of(whole) == 2
    assert failures_of(whole, verified(1, 0)) == 0
    others = (verified(1, 0, quick=True), verified(2, 0, runs=["a"]), operation("verify", 3, 12))
    assert failures_of(whole, *others) == 2
    assert failures_of(*others) is None


def test_the_parts_of_a_verification_are_added_up() -> None:
    """The last of each part; another way to part, or a whole one, begins anew."""
    week = [verified(night, night % 2, subset=[night + 1, 3]) for night in range(3)]
    assert failures_of(*week) == 1
    assert failures_of(*week, verified(3, 0, subset=[2, 3])) == 0
    assert failures_of(*week, verified(3, 0, subset=[1, 2])) == 0
    assert failures_of(*week, verified(3, 4, subset=[1, 1])) == 4
    assert measured(*week)["verify_findings", "error"] == 0


def test_of_a_damaged_file_one_part_tells(sqlite_world: World) -> None:
    """Though the others see its size, too: the parts add up to one."""
    sqlite_world.options = {"memory-threshold-bytes": "50"}
    sqlite_world.rows.add(compact({"f": "x" * 60}))
    sqlite_world.migrate()
    path = sqlite_world.store / sqlite_world.files()[0]
    path.chmod(0o600)
    path.write_bytes(b"short")
    altered = [sqlite_world.verify(subset=(part, 3))[0].altered for part in (1, 2, 3)]
    assert sorted(altered) == [0, 0, 1]
    assert sqlite_world.verify()[0].altered == 1
    assert sqlite_world.verify(quick=True)[0].altered == 0


def test_a_verification_is_on_record(world: World) -> None:
    """With what it found, on either database; the metrics of another process know it."""
    world.options = {"memory-threshold-bytes": "50", "db": _url(world)}
    run_id = world.rows.add(compact({"f": "x" * 60}))
    world.migrate()
    path = world.store / world.files()[0]
    path.chmod(0o600)
    path.write_bytes(b"y" * path.stat().st_size)
    request = VerifyRequest(Selection())
    assert verify_on_record(world.database, world.settings, request, lambda _item: None).exit_code == 4
    with world.database.connect() as connection:
        (last,) = journal.latest(connection, command="verify")
    assert (last.exit_code, last.outcome) == (4, "problems")
    assert run_id not in str(asdict(last))
    found = {(sample.metric.name, sample.labels): sample.value for sample in measure(world.settings).samples}
    assert found["zenctx_verify_checksum_failures", ()] == 1
    assert found["zenctx_value_failures_total", (("reason", "damaged"), ("stage", "restoration"))] == 1


def test_persistence_that_is_switched_off_leaves_no_record(world: World) -> None:
    """Then nothing at all is written."""
    world.options = {"persistence.enabled": "false", "db": _url(world)}
    assert verify_on_record(world.database, world.settings, VerifyRequest(Selection()), lambda _: None).exit_code == 0
    assert world.rows.fetch("select * from zenctx_operation") == []


def test_the_right_to_read_the_engines_tables_is_enough(world: World) -> None:
    """Then there is no journal, and nothing is written; verify works as well."""
    world.rows.add('{"a":1}')
    world.rows.remember()
    with as_reader(world) as reader:
        reader.options["db"] = _url(reader)
        if world.rows.is_sqlite:
            Path(str(world.database.sqlite_path)).chmod(0o400)
        report = measure(reader.settings)
        verify_on_record(reader.database, reader.settings, VerifyRequest(Selection()), lambda _item: None)
    values = {(sample.metric.name, *(value for _, value in sample.labels)): sample.value for sample in report.samples}
    assert (report.errors, report.exit_code) == ((), 0)
    assert values["zenctx_contexts", "legacy"] == 1
    assert ("zenctx_operations_total", "verify", "done") not in values
    assert world.rows.changed() == []


def test_a_journal_that_somebody_has_spoiled(sqlite_world: World) -> None:
    """Counts that are no JSON, times that are none: what can be told is told."""
    with sqlite_world.database.connect() as connection:
        journal.finish(connection, journal.begin(connection, "gc", {}), 0, {})
        journal.finish(connection, journal.begin(connection, 'x"\n\\y', {}), 0, {})
    sqlite_world.rows.execute("update zenctx_operation set counts = '{', started_at = 'soon'")
    sqlite_world.options["db"] = _url(sqlite_world)
    report = measure(sqlite_world.settings)
    assert report.errors == ()
    assert {"zenctx_operations_total"} <= {sample.metric.name for sample in report.samples}


def test_a_store_of_contexts_counts_what_failed_and_what_stopped_nobody(shelf: Shelf) -> None:
    """Files that were done without are on record once the store is closed; what failed was so at once, and once."""
    shelf.save(kept=1, large="x" * 5000)
    (shelf.world.store / shelf.world.files()[0]).unlink()
    store = shelf.store()
    with pytest.raises(ContextFailedError):
        store.restore_context(shelf.run_id)
    store.restore_context(shelf.run_id, on_missing=OnMissing.NULL)
    assert [command for command, _, _ in shelf.journal()] == ["restore_context"]
    store.close()
    store.close()
    assert [(command, outcome) for command, outcome, _ in shelf.journal()[1:]] == [("context_store", "partial")]
    with shelf.world.database.connect() as connection:
        assert measured(*journal.alike(connection))["value_failures_total", "missing", "restoration"] == 2


def test_room_is_that_of_where_a_directory_will_be(tmp_path: Path) -> None:
    """One that is not there yet is made below one that is."""
    values = {sample.metric.name: sample.value for sample in space_samples({"persistent": tmp_path / "a/b"})}
    assert 0 < values["zenctx_filesystem_avail_bytes"] <= values["zenctx_filesystem_size_bytes"]
    with pytest.raises(StoreError, match="cannot be told"):
        list(space_samples({"persistent": Path("/proc/self/fdinfo/x" * 400)}))


def _url(world: World) -> str:
    return world.database.engine.url.render_as_string(hide_password=False)
