"""Tests of `zenctx doctor RUN`: each planted obstacle is found and named, and of a sound run nothing is said."""

import base64
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.database.conftest import opened
from tests.operations.rehearsing import DEFINITION, LATER, NODE, SECRET, VALUES, Patient, descriptor
from tests.operations.world import World, make_world
from tests.support.rows import DAY, Rows, compact
from zenctx.database.engine import Database
from zenctx.errors import NotFoundError
from zenctx.operations.doctor import rehearse

NAME = "zenctx.db"


@pytest.fixture
def patient(world: World) -> Patient:
    """Give a run that would resume, on SQLite and then on PostgreSQL."""
    return Patient(world)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Patient:
    """Give a sound run on SQLite that no test touches."""
    folder = tmp_path_factory.mktemp("healthy")
    with opened(f"sqlite:///{folder / NAME}") as database:
        return Patient(make_world(database, folder))


@pytest.fixture
def sqlite_patient(healthy: Patient, tmp_path: Path) -> Iterator[Patient]:
    """Give a copy of it: for what no database has a part in."""
    shutil.copytree(healthy.world.folder, tmp_path, dirs_exist_ok=True)
    with opened(f"sqlite:///{tmp_path / NAME}") as database:
        yield Patient(World(database, tmp_path, Rows(database)), run_id=healthy.run_id)


def files(patient: Patient) -> list[Path]:
    """The files of the run."""
    return [patient.world.store / name for name in patient.world.files()]


def test_of_a_sound_run_nothing_is_said(patient: Patient) -> None:
    """It would resume, and what was looked at is counted; nothing was changed, and nothing created."""
    before = patient.world.rows.text(patient.run_id), patient.world.files()
    report = patient.rehearse()
    assert (report.exit_code, patient.items) == (0, [])
    assert report.message.splitlines()[-1] == "would resume"
    summary = report.summary
    assert (summary.run_class, summary.form, summary.keys, summary.nodes) == ("parked", "descriptors", 4, (NODE,))
    assert (summary.would_resume, summary.files, summary.bytes) == (True, 1, 623)
    assert (patient.world.rows.text(patient.run_id), patient.world.files()) == before
    for run_id in ("00000000-0000-4000-8000-0000000000ff", "no id"):
        with pytest.raises(NotFoundError):
            patient.rehearse(run_id)


def test_a_finished_run_does_not_resume(sqlite_patient: Patient) -> None:
    """Its status and the reason are named."""
    sqlite_patient.unschedule()
    status = "'SUCCESS'"
    sqlite_patient.change(status=status, ended_at="started_at")
    sqlite_patient.rehearse()
    (item,) = [item for item in sqlite_patient.items if item.kind == "status"]
    assert item.reason == "the run is finished (status SUCCESS): it ended with success"


def test_a_run_without_a_sign_of_life_does_not_resume(sqlite_patient: Patient) -> None:
    """Unless a timer will wake it, however far away."""
    old = sqlite_patient.world.rows.moment(_long_ago())
    sqlite_patient.world.rows.execute("update workflow_runs set started_at = :old", old=old)
    sqlite_patient.world.rows.execute("update node_executions set started_at = :old, ended_at = null", old=old)
    sqlite_patient.world.rows.execute("update node_executions set ended_at = :old where status = 'SUCCESS'", old=old)
    assert sqlite_patient.rehearse().exit_code == 0
    sqlite_patient.unschedule()
    sqlite_patient.rehearse()
    assert "no sign of life" in sqlite_patient.items[0].reason


def _long_ago() -> datetime:
    return datetime.now(UTC) - 40 * DAY


def test_a_run_without_a_context_would_begin_anew(sqlite_patient: Patient) -> None:
    """An engine takes an empty context for a run that has not begun."""
    for text in (None, "{}"):
        sqlite_patient.world.rows.replace(sqlite_patient.run_id, text)
        assert sqlite_patient.only().kind == "empty"


def test_a_workflow_that_is_gone(sqlite_patient: Patient) -> None:
    """Where foreign keys are not kept, as in a copy."""
    with sqlite_patient.world.database.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("pragma foreign_keys = off")
        driver.execute("delete from workflows")
    sqlite_patient.rehearse()
    assert sqlite_patient.items[0].kind == "workflow"
    assert "does not exist" in sqlite_patient.items[0].reason


@pytest.mark.parametrize(
    ("column", "value", "words"), [("is_active", "false", "not active"), ("deleted_at", "now", "deleted")]
)
def test_a_workflow_that_does_not_run(sqlite_patient: Patient, column: str, value: str, words: str) -> None:
    """Not active, or marked as deleted."""
    expression = value if value == "false" else "'2026-01-01T00:00:00Z'"
    sqlite_patient.world.rows.execute(f"update workflows set {column} = {expression}")
    item = sqlite_patient.only()
    assert item.kind == "workflow"
    assert words in item.reason


def test_a_null_among_the_entries(sqlite_patient: Patient) -> None:
    """The map of a running context takes none."""
    sqlite_patient.replace({**sqlite_patient.context(), "fetch.output.nothing": None})
    item = sqlite_patient.only()
    assert (item.kind, item.key) == ("null", "fetch.output.nothing")


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        ({**descriptor("MEMORY", inlineValue=1), "extra": 1}, "not_a_descriptor"),
        (descriptor("JSON", inlineValue="e30=", size=7), "not_a_descriptor"),
        (descriptor("JSON", inlineValue="no base64!"), "not_a_descriptor"),
        (descriptor("UNHEARD_OF", inlineValue=1), "not_a_descriptor"),
        ("plain", "not_a_descriptor"),
    ],
)
def test_an_entry_that_is_no_descriptor(sqlite_patient: Patient, entry: object, kind: str) -> None:
    """One unknown or missing property, an unknown type, a contradiction: the engine reads the whole row or nothing."""
    sqlite_patient.replace({**sqlite_patient.context(), "odd": entry})
    item = sqlite_patient.only()
    assert (item.kind, item.key) == (kind, "odd")


def test_too_deep_for_the_engine(sqlite_patient: Patient) -> None:
    """Its reader stops at 1000 levels."""
    text = compact(sqlite_patient.context())[:-1] + ',"deep":' + "[" * 1000 + "]" * 1000 + "}"
    sqlite_patient.world.rows.replace(sqlite_patient.run_id, text)
    assert "1000 levels" in sqlite_patient.only().reason


def test_a_number_too_long_for_the_engine(sqlite_patient: Patient) -> None:
    """The key is named, the value is not."""
    entry = compact(descriptor("MEMORY", inlineValue="@")).replace('"@"', "1" * 1001)
    text = compact(sqlite_patient.context())[:-1] + f',"long":{entry}}}'
    sqlite_patient.world.rows.replace(sqlite_patient.run_id, text)
    item = sqlite_patient.only()
    assert (item.kind, item.key) == ("limit", "long")
    assert len(item.reason) < 200


def test_a_number_too_long_inside_a_json_value(sqlite_patient: Patient) -> None:
    """Limits hold for what base64 carries, too."""
    content = b"[" + b"1" * 1001 + b"]"
    entry = descriptor("JSON", inlineValue=base64.b64encode(content).decode(), size=len(content))
    sqlite_patient.replace({**sqlite_patient.context(), "long": entry})
    assert sqlite_patient.only().kind == "limit"


@pytest.mark.parametrize("kind", ["JSON", "FILE"])
def test_values_of_which_the_published_engine_restores_nothing(sqlite_patient: Patient, kind: str) -> None:
    """JSON and inline FILE are; a file by its locator is not among them."""
    sqlite_patient.replace({**sqlite_patient.context(), "odd": descriptor(kind, inlineValue="e30=", size=2)})
    item = sqlite_patient.only()
    assert (item.kind, item.key) == ("not_restored", "odd")
    sqlite_patient.world.options["engine-reads"] = "all"
    assert sqlite_patient.rehearse().exit_code == 0


def test_a_context_in_the_form_that_the_engine_does_not_write(sqlite_patient: Patient) -> None:
    """Told by the newest other runs; where none tells, that is said."""
    rows, key = sqlite_patient.world.rows, "a"
    soon = datetime.now(UTC) + timedelta(minutes=1)
    other = rows.add(compact({key: 1}), started=soon)
    item = sqlite_patient.only()
    assert item.kind == "engine_form"
    assert "legacy" in item.reason
    rows.execute("delete from workflow_runs where id = :id", id=other)
    rows.replace(sqlite_patient.run_id, compact(VALUES))
    rows.add(compact({key: descriptor("MEMORY", inlineValue=1)}), started=soon)
    item = sqlite_patient.only()
    assert "migrate --run" in (item.hint or "")


def test_what_zenctx_converted_tells_nothing_of_the_engine(sqlite_patient: Patient) -> None:
    """It is said that nothing can be told."""
    sqlite_patient.world.rows.replace(sqlite_patient.run_id, compact(VALUES))
    sqlite_patient.world.migrate(include_active=True)
    assert sqlite_patient.only("notice").kind == "engine_form"


def test_a_file_that_is_missing(sqlite_patient: Patient) -> None:
    """With its path, and who released it where that is on record."""
    (file,) = files(sqlite_patient)
    file.unlink()
    item = sqlite_patient.only()
    assert (item.kind, item.key, item.path) == ("file", "fetch.output.body", str(file))
    assert "restore" in (item.hint or "")


@pytest.mark.parametrize(("change", "words"), [(b"", "0 bytes"), (b"y" * 623, "checksum")])
def test_a_file_that_was_altered(sqlite_patient: Patient, change: bytes, words: str) -> None:
    """By its size, or by its content alone."""
    (file,) = files(sqlite_patient)
    file.chmod(0o600)
    file.write_bytes(change)
    assert words in sqlite_patient.only().reason


def test_a_file_that_is_no_json(sqlite_patient: Patient) -> None:
    """The engine would read null from it, where descriptor and file agree that it is."""
    (file,) = files(sqlite_patient)
    file.chmod(0o600)
    file.write_bytes(b"{no json")
    context = sqlite_patient.context()
    context["fetch.output.body"] |= {"size": 8, "checksum": None}
    sqlite_patient.replace(context)
    assert "no JSON" in sqlite_patient.only().reason


def test_a_file_name_that_the_engine_may_not_open(sqlite_patient: Patient) -> None:
    """A warning: it depends on the engine's locale."""
    (file,) = files(sqlite_patient)
    name = "gr\u00f6\u00dfe.json"
    file.rename(file.with_name(name))
    context = sqlite_patient.context()
    context["fetch.output.body"]["locator"] = context["fetch.output.body"]["locator"].replace(file.name, name)
    sqlite_patient.replace(context)
    item = sqlite_patient.only(severity="warning")
    assert (item.key, "not ASCII" in item.reason) == ("fetch.output.body", True)


def test_a_locator_where_the_engine_would_not_look(sqlite_patient: Patient) -> None:
    """Another engine-dir leads elsewhere; a locator that leaves the directories is not followed."""
    sqlite_patient.world.options["engine-dir"] = "/somewhere/else"
    patient = sqlite_patient
    patient.rehearse()
    assert {item.key for item in patient.items} == {"fetch.output.body"}
    del patient.world.options["engine-dir"]
    context = patient.context()
    context["fetch.output.body"]["locator"] = "../../etc/passwd"
    patient.replace(context)
    patient.rehearse()
    assert all(item.severity == "error" for item in patient.items)
    assert any("leads out" in item.reason for item in patient.items)


@pytest.mark.parametrize(("key", "node"), [("__zenflow_secrets", NODE), ("__zenflow__profiles", LATER)])
def test_secrets_that_a_node_needs(sqlite_patient: Patient, key: str, node: str) -> None:
    """The whole map, or the part of one node; the node is named, a value never is."""
    sqlite_patient.set_value(key, {"another": {"API_KEY": SECRET}})
    item = sqlite_patient.only()
    assert (item.kind, item.key) == ("secret", key)
    assert repr(node) in item.reason
    sqlite_patient.without(key)
    assert repr(node) in sqlite_patient.only().reason


def test_a_secret_that_is_not_there_by_its_name(sqlite_patient: Patient) -> None:
    """A warning: the engine may know it by another one."""
    sqlite_patient.set_value("__zenflow_secrets", {NODE: {"OTHER": SECRET}})
    item = sqlite_patient.only("warning")
    assert "'API_KEY'" in item.reason


def test_a_key_that_the_next_node_reads(patient: Patient) -> None:
    """It was made, and is not there."""
    patient.without("fetch.output.amount")
    item = patient.only()
    assert (item.kind, item.key) == ("key", "fetch.output.amount")
    assert "'charge' reads it" in item.reason
    assert "has made it" in item.reason


def test_a_key_that_a_later_node_reads_by_an_alias(sqlite_patient: Patient) -> None:
    """A warning; a part of a value that is there is there, what is made on the way or has a default is not missed."""
    sqlite_patient.without("fetch.output.body")
    item = sqlite_patient.only("warning")
    assert item.key == "fetch.output.body.total"
    assert "'notify' reads it" in item.reason


def test_a_key_that_was_never_made_is_not_missed(sqlite_patient: Patient) -> None:
    """Neither where its node gave nothing out by that name, nor where it did not run: a branch that was not taken."""
    sqlite_patient.without("fetch.output.amount")
    sqlite_patient.world.rows.execute("update node_executions set output = '{\"body\": 1}' where node_key = 'fetch'")
    assert sqlite_patient.rehearse().exit_code == 0
    sqlite_patient.world.rows.execute("delete from node_executions where node_key = 'fetch'")
    assert sqlite_patient.rehearse().exit_code == 0


def test_a_key_of_which_no_output_is_kept(sqlite_patient: Patient) -> None:
    """The node succeeded, and whether it made the key is not on record: an error all the same."""
    sqlite_patient.without("fetch.output.amount")
    sqlite_patient.world.rows.execute("update node_executions set output = null")
    assert "comes before" in sqlite_patient.only().reason


def test_a_definition_that_is_not_understood(sqlite_patient: Patient) -> None:
    """Is said to be; nothing is guessed."""
    sqlite_patient.define({"nodes": []})
    sqlite_patient.without("fetch.output.amount")
    assert sqlite_patient.only("notice").kind == "definition"


def test_a_timer_that_is_gone(sqlite_patient: Patient) -> None:
    """The node waits for a timer, and there is none."""
    sqlite_patient.unschedule()
    assert "waits for a timer" in sqlite_patient.only().reason


def test_a_retry_that_is_gone(sqlite_patient: Patient) -> None:
    """Of a node that is to be retried, and of a run that failed."""
    sqlite_patient.unschedule()
    sqlite_patient.world.rows.execute(
        "update node_executions set status = 'RETRYING' where node_key = :node", node=NODE
    )
    assert "no job" in sqlite_patient.only().reason
    status = "'ERROR'"
    sqlite_patient.change(status=status, ended_at="started_at")
    assert sqlite_patient.only().reason == "the run failed, and no job of the engine's scheduler will retry it"


def test_a_failed_run_with_a_retry_resumes(sqlite_patient: Patient) -> None:
    """The job says where it goes on."""
    sqlite_patient.unschedule()
    sqlite_patient.schedule(NODE, "retry-jobs")
    status = "'ERROR'"
    sqlite_patient.change(status=status, ended_at="started_at")
    report = sqlite_patient.rehearse()
    assert (report.exit_code, sqlite_patient.items, report.summary.run_class) == (0, [], "retrying")


def test_a_node_that_waits_for_a_call_needs_no_job(sqlite_patient: Patient) -> None:
    """Somebody outside wakes it."""
    definition = json.loads(json.dumps(DEFINITION))
    definition["nodes"][1]["pluginNode"]["nodeKey"] = "flow.wait"
    sqlite_patient.define(definition)
    sqlite_patient.unschedule()
    assert (sqlite_patient.rehearse().exit_code, sqlite_patient.items) == (0, [])


@pytest.mark.parametrize(("state", "words"), [("ERROR", "failed"), ("PAUSED", "paused"), (None, "no trigger")])
def test_a_trigger_that_does_not_fire(sqlite_patient: Patient, state: str | None, words: str) -> None:
    """The job is there, and nothing wakes it."""
    sqlite_patient.unschedule()
    sqlite_patient.schedule(NODE, "timeout-jobs", state=state)
    assert words in sqlite_patient.only().reason


def test_a_trigger_that_is_overdue(sqlite_patient: Patient) -> None:
    """Beside a running engine; without one it simply waits."""
    sqlite_patient.unschedule()
    sqlite_patient.schedule(NODE, "timeout-jobs", fires=-timedelta(hours=1))
    assert "should have fired" in sqlite_patient.only("warning").reason
    sqlite_patient.check_in(DAY)
    assert sqlite_patient.rehearse().exit_code == 0


def test_a_job_for_a_node_that_is_gone(sqlite_patient: Patient) -> None:
    """The workflow was changed since: the engine finds no such node."""
    sqlite_patient.unschedule()
    sqlite_patient.schedule("old", "timeout-jobs")
    sqlite_patient.rehearse()
    assert "'old' names a node" in sqlite_patient.items[0].reason


def test_nothing_that_would_wake_it(sqlite_patient: Patient) -> None:
    """Neither a job nor a node that waits."""
    sqlite_patient.unschedule()
    sqlite_patient.world.rows.execute("delete from node_executions where node_key = :node", node=NODE)
    assert "nothing is seen that would wake it" in sqlite_patient.only("warning").reason


def test_a_runtime_state_that_cannot_be_read(sqlite_patient: Patient) -> None:
    """Of another format, or not what zenctx wrote."""
    insert = "insert into zenctx_runtime_state values (:id, :format, :state, :now)"
    now = sqlite_patient.world.rows.moment(_long_ago())
    sqlite_patient.world.rows.execute(insert, id=sqlite_patient.run_id, format=1, state="[]", now=now)
    assert sqlite_patient.only().kind == "runtime_state"
    sqlite_patient.world.rows.execute("update zenctx_runtime_state set format_version = 9")
    assert "format 9" in sqlite_patient.only().reason
    sqlite_patient.world.rows.execute("update zenctx_runtime_state set format_version = 1, state = '{}'")
    assert sqlite_patient.rehearse().exit_code == 0


def test_secrets_are_masked_wherever_they_stand(sqlite_patient: Patient) -> None:
    """In a key, in the file's name that was made of it, in the words about either."""
    context = sqlite_patient.context()
    context[f"fetch.output.{SECRET}"] = context.pop("fetch.output.body") | {
        "locator": f"data/context-files/persistent/x/{SECRET}"
    }
    sqlite_patient.replace(context)
    report = sqlite_patient.rehearse()
    assert report.exit_code == 4
    assert SECRET not in repr((sqlite_patient.items, report))
    assert "***" in repr(sqlite_patient.items)


def test_without_the_engines_other_tables(sqlite_world: World) -> None:
    """What cannot be seen is said, and keeps nothing from being looked at."""
    patient = Patient(sqlite_world, has_engine=False)
    sqlite_world.rows.execute("drop table node_executions")
    report = patient.rehearse()
    assert report.exit_code == 0
    assert {item.severity for item in patient.items} == {"notice"}
    assert any("no table qrtz_job_details" in item.reason for item in patient.items)


def test_with_the_right_to_read_runs_alone(postgres_world: World) -> None:
    """The other tables are said to be hidden; zenctx's own are not needed."""
    patient = Patient(postgres_world)
    rows = postgres_world.rows
    rows.execute("drop role if exists zenctx_reader")
    rows.execute("create role zenctx_reader")
    rows.execute("grant usage on schema public to zenctx_reader")
    rows.execute("grant select on workflow_runs to zenctx_reader")
    url = postgres_world.database.engine.url.update_query_dict({"options": "-c role=zenctx_reader"})
    try:
        with Database.open(url.render_as_string(hide_password=False), read_only=True) as database:
            report = rehearse(database, postgres_world.settings, patient.run_id, patient.items.append)
    finally:
        rows.execute("drop owned by zenctx_reader")
        rows.execute("drop role zenctx_reader")
    assert report.exit_code == 0
    assert {item.kind for item in patient.items} == {"workflow", "wake_up"}
    assert all("may not read" in item.reason for item in patient.items)
