"""Contexts that cannot be converted: left unchanged, on record without their values, tried again when they change."""

from collections.abc import Sequence

import pytest

from tests.operations.world import LEGACY, World
from tests.support.rows import compact
from zenctx.errors import ZenctxError
from zenctx.operations.migration.report import QuarantinedItem

SECRET = "hunter2hunter2"

INVALID: dict[str, tuple[str | bytes, str]] = {
    "broken": ('{"a":"' + SECRET, "not valid JSON at byte 5"),
    "trailing comma": ('{"a":"' + SECRET + '",}', "not valid JSON"),
    "empty text": ("", "not valid JSON at byte 0"),
    "array": (f'["{SECRET}"]', "a JSON array, not an object"),
    "number": ("42", "a JSON number, not an object"),
    "string": (f'"{SECRET}"', "a JSON string, not an object"),
    "null": ("null", "JSON null, not an object"),
    "duplicate keys": (f'{{"a":"{SECRET}","a":1}}', "the key 'a' stands twice"),
    "duplicate keys, spelled apart": (f'{{"a":"{SECRET}","\\u0061":1}}', "the key 'a' stands twice"),
    "half a pair": (f'{{"a":"{SECRET}\\ud83d"}}', "half of a surrogate pair"),
    "half a pair, deep down": (f'{{"a":[{{"b":"\\ude80{SECRET}"}}]}}', "half of a surrogate pair"),
    "half a pair in a key": (f'{{"\\ud83d":"{SECRET}"}}', "half of a surrogate pair"),
    "not UTF-8": (b'{"a":"' + SECRET.encode() + b'\xff"}', "not UTF-8 at byte 20"),
    "a blob of zeros": (b"\x00\x00", "not valid JSON at byte 0"),
    "number with a plus": ('{"a":+1}', "not valid JSON at byte 5"),
}


@pytest.mark.parametrize("kind", INVALID)
def test_what_is_no_context_is_quarantined(sqlite_world: World, kind: str) -> None:
    """SQLite takes anything: it is named with the place and never the value, and left as it is, in both directions."""
    content, reason = INVALID[kind]
    run_id = sqlite_world.rows.add(content)
    sqlite_world.rows.remember()
    for direction in ("descriptors", "legacy"):
        outcome = sqlite_world.migrate(LEGACY if direction == "legacy" else "descriptors")  # type: ignore[arg-type]
        assert outcome.actions == {run_id: "quarantine"}
        assert reason in (outcome.reasons[run_id] or "")
        assert outcome.report.exit_code == 3
        (item,) = sqlite_world.quarantined()
        assert (item.run_id, item.direction, item.reason) == (run_id, direction, outcome.reasons[run_id])
        assert SECRET not in str(outcome) + str(item)
    assert sqlite_world.rows.changed() == []
    assert sqlite_world.check().exit_code == 4


@pytest.mark.parametrize("content", ['["x"]', "42", '"x"', "null", "true"])
def test_jsonb_that_is_no_object_is_quarantined(postgres_world: World, content: str) -> None:
    """PostgreSQL takes any document; a JSON null is not the absence of a context."""
    run_id = postgres_world.rows.add(content)
    postgres_world.rows.remember()
    assert postgres_world.migrate().actions == {run_id: "quarantine"}
    assert postgres_world.rows.changed() == []


@pytest.mark.parametrize(
    "run_id", ["run-1", "", "3F2504E0-4F89-41D3-9A0C-0305E82C3301", "3f2504e04f8941d39a0c0305e82c3301"]
)
def test_a_run_whose_id_is_no_uuid_is_quarantined(sqlite_world: World, run_id: str) -> None:
    """What was converted could not be recorded for it; where nothing is to be converted, it does not matter."""
    sqlite_world.rows.add('{"a":1}', run_id=run_id)
    sqlite_world.rows.remember()
    outcome = sqlite_world.migrate()
    assert outcome.actions == {run_id: "quarantine"}
    assert "UUID" in (outcome.reasons[run_id] or "")
    assert sqlite_world.rows.changed() == []
    assert sqlite_world.migrate(LEGACY).report.exit_code == 0
    descriptor = {"type": "MEMORY", "locator": None, "mediaType": None, "size": 8, "checksum": None, "inlineValue": 1}
    sqlite_world.rows.replace(run_id, compact({"a": descriptor}))
    assert sqlite_world.migrate().report.exit_code == 0


def test_the_rest_is_converted(sqlite_world: World) -> None:
    """One bad row among many does not stop them, and is counted apart; the census adds up."""
    good = sqlite_world.rows.add_all(f'{{"a":{number}}}' for number in range(30))
    bad = sqlite_world.rows.add("{")
    more = sqlite_world.rows.add_all(f'{{"a":{number}}}' for number in range(30))
    outcome = sqlite_world.migrate(batch_rows=7)
    summary = outcome.report.summary
    assert (summary.converted, summary.quarantined) == (len(good) + len(more), 1)
    assert summary.census is not None
    assert (summary.census.total, summary.census.descriptors, summary.census.invalid) == (61, 60, 1)
    assert outcome.actions == {bad: "quarantine"}
    assert "--list-quarantined" in (outcome.report.next_step or "")


def test_a_quarantined_row_is_not_tried_until_it_changes(sqlite_world: World) -> None:
    """As long as its text is the one that failed it is only counted; once it is another, it is converted by itself."""
    run_id = sqlite_world.rows.add("{")
    first = sqlite_world.migrate()
    assert first.actions == {run_id: "quarantine"}
    again = sqlite_world.migrate()
    assert again.actions == {run_id: "quarantined"}
    assert again.reasons == first.reasons
    assert (again.report.exit_code, again.report.summary.quarantined) == (3, 1)
    (item,) = sqlite_world.quarantined()
    assert item.operation_id == first.report.summary.operation_id
    sqlite_world.rows.replace(run_id, '{"a":1}')
    mended = sqlite_world.migrate()
    assert (mended.report.exit_code, mended.report.summary.converted, mended.items) == (0, 1, [])
    assert sqlite_world.quarantined() == []


def test_retry_quarantined_tries_again(world: World) -> None:
    """What failed for a reason outside the row is converted when asked for; what fails again is named once."""
    world.options = {"memory-threshold-bytes": "10"}
    found, lost, _ = world.rows.add_all(compact({"a": "x" * length}) for length in (20, 20, 1))
    world.migrate()
    for run_id in (found, lost):
        (world.store / run_id).rename(world.folder / run_id)
    assert world.migrate(LEGACY).actions == {found: "quarantine", lost: "quarantine"}
    (world.folder / found).rename(world.store / found)
    assert world.migrate(LEGACY).actions == {found: "quarantined", lost: "quarantined"}
    retried = world.migrate(LEGACY, retry_quarantined=True)
    assert [(item.run_id, item.action) for item in retried.items] == [(lost, "quarantine")]
    assert (retried.report.summary.converted, retried.report.summary.quarantined) == (1, 1)
    assert (retried.report.exit_code, retried.report.summary.complete) == (3, True)
    assert [item.run_id for item in world.quarantined()] == [lost]


def test_a_rehearsal_quarantines_nothing(sqlite_world: World) -> None:
    """It names what it would quarantine, and puts nothing on record."""
    run_id = sqlite_world.rows.add("[]")
    outcome = sqlite_world.rehearse()
    assert outcome.actions == {run_id: "quarantine"}
    assert (outcome.report.exit_code, outcome.report.summary.quarantined) == (0, 1)
    assert sqlite_world.quarantined() == []


REFUSED = (
    ("22003", "a number of that size"),
    ("54000", "a value of that size or shape"),
    ("P0001", "a trigger of its own"),
)


def refuse(world: World, state: str, *, keys: Sequence[str]) -> None:
    """Let PostgreSQL refuse to store descriptors under some keys, with an error of a value."""
    names = ", ".join(f"'{key}'" for key in keys)
    world.rows.execute(
        f"""
        create function refuse() returns trigger language plpgsql as $$
        begin
            if new.context ?| array[{names}] and new.context::text like '%MEMORY%' then
                raise exception 'Key (context)=({SECRET})' using errcode = '{state}';
            end if;
            return new;
        end $$"""
    )
    world.rows.execute("create trigger refuse before update on workflow_runs for each row execute function refuse()")


@pytest.mark.parametrize(("state", "reason"), REFUSED)
def test_values_that_postgresql_refuses_are_found(postgres_world: World, state: str, reason: str) -> None:
    """By halving the batch: the others are written, these are named without their values and left as they are."""
    ids = postgres_world.rows.add_all(f'{{"k{number}":"{SECRET}"}}' for number in range(40))
    postgres_world.rows.remember()
    refuse(postgres_world, state, keys=["k3", "k4", "k31"])
    bad = {ids[3], ids[4], ids[31]}
    outcome = postgres_world.migrate()
    assert outcome.actions == dict.fromkeys(bad, "quarantine")
    assert all(reason in (text or "") for text in outcome.reasons.values())
    summary = outcome.report.summary
    assert (outcome.report.exit_code, summary.converted, summary.quarantined) == (3, 37, 3)
    assert set(postgres_world.rows.changed()) == set(ids) - bad
    assert SECRET not in str(outcome) + str(postgres_world.quarantined())


@pytest.mark.parametrize(("when", "how"), [("before", "abort"), ("after", "fail")])
def test_rows_that_sqlite_refuses_are_found(sqlite_world: World, when: str, how: str) -> None:
    """The others are written, and these are named without their values and left as they are, also by a late trigger."""
    ids = sqlite_world.rows.add_all(f'{{"k{number}":"{SECRET}"}}' for number in range(60))
    sqlite_world.rows.remember()
    bad = {ids[3], ids[4], ids[55]}
    sqlite_world.rows.execute(
        f"create trigger refuse {when} update of context on workflow_runs when new.id in {tuple(bad)} "
        f"begin select raise({how}, '{SECRET}'); end"
    )
    outcome = sqlite_world.migrate()
    assert outcome.actions == dict.fromkeys(bad, "quarantine")
    assert all("a constraint of its own" in (text or "") for text in outcome.reasons.values())
    summary = outcome.report.summary
    assert (outcome.report.exit_code, summary.converted, summary.quarantined) == (3, 57, 3)
    assert set(sqlite_world.rows.changed()) == set(ids) - bad
    assert SECRET not in str(outcome) + str(sqlite_world.quarantined())
    sqlite_world.rows.execute("drop trigger refuse")
    assert sqlite_world.migrate(retry_quarantined=True).report.exit_code == 0


def test_a_trigger_that_ends_the_transaction_stops_and_changes_nothing(sqlite_world: World) -> None:
    """Nothing can be told apart then; what it says names no value."""
    ids = sqlite_world.rows.add_all(f'{{"k{number}":"{SECRET}"}}' for number in range(3))
    sqlite_world.rows.remember()
    sqlite_world.rows.execute(
        f"create trigger refuse before update on workflow_runs when new.id = '{ids[1]}' "
        f"begin select raise(rollback, '{SECRET}'); end"
    )
    with pytest.raises(ZenctxError) as caught:
        sqlite_world.migrate()
    assert "a constraint of its own" in caught.value.message
    assert SECRET not in caught.value.message
    assert sqlite_world.rows.changed() == []


def test_when_every_row_is_refused_the_end_is_not_well(postgres_world: World) -> None:
    """A migration that converts nothing because nothing can be written says so by its exit code."""
    run_id = postgres_world.rows.add('{"k":1}')
    refuse(postgres_world, "22003", keys=["k"])
    report = postgres_world.migrate().report
    assert (report.exit_code, report.summary.converted, report.summary.quarantined) == (3, 0, 1)
    assert [item.run_id for item in postgres_world.quarantined()] == [run_id]


def test_quarantine_is_empty_where_there_are_no_tables_of_ours(sqlite_world: World) -> None:
    """Listing it needs nothing but rights to read."""
    for table in ("zenctx_revision", "zenctx_quarantine"):
        sqlite_world.rows.execute(f"drop table {table}")
    empty: list[QuarantinedItem] = []
    assert sqlite_world.quarantined() == empty
