"""No planted secret is left in a finished run, and nothing else of it has changed."""

import base64
import json
import os
import signal
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.operations.reader import as_reader
from tests.operations.restorations import Shelter
from tests.operations.scrubbing import MASK, PIN, SECRET, Vault, compact, holding, inline, memory
from tests.operations.world import World
from zenctx.database.secret_writes import SecretWriter
from zenctx.errors import DatabaseError, RefusedError
from zenctx.operations.gc import pin
from zenctx.store.local import LocalStore

KEY_ID = "AKIA-not-a-key-id"
RESERVED = {"http-1": {"API_KEY": SECRET, "ID": KEY_ID}, "n": PIN}
KEPT = '"number":1.10,"large":18446744073709551616,"text":"é\\u00e9 \\/ plain","__zenflow_trigger":"t"'


@pytest.fixture
def vault(world: World) -> Vault:
    """Give a world in which secrets can be planted, on SQLite and then on PostgreSQL."""
    return Vault(world)


def everywhere(vault: Vault, secret: str = SECRET, pin: object = PIN, **row: Any) -> str:
    """Adds a run of descriptors that has a secret wherever one can be; gives its id."""
    run_id = vault.world.rows.add(None, **row)
    document = compact({"deep": [{"x": f"<{secret}>"}], "pin": pin, "kept": 1.5}).encode()
    context = {
        "__zenflow_secrets": memory(RESERVED),
        "a.output.memory": memory({"echo": f"Bearer {secret}", "pin": pin, "near": 1048151623}),
        "a.output.json": inline("JSON", document),
        "a.output.inline": inline("FILE", f"not JSON: {secret}".encode()),
        "a.output.file": vault.put(run_id, "a.output.file", document),
        "a.output.bytes": memory(base64.b64encode(f"u:{secret}".encode()).decode()),
        "a.output.kept": vault.put(run_id, "a.output.kept", b'{"kept": 2.50}'),
        f"a.output.{secret}": memory(1),
        f"a.output.{KEY_ID}": vault.put(run_id, f"a.output.{KEY_ID}", b"1"),
        "a.output.password": memory("letmein"),
    }
    vault.world.rows.replace(run_id, compact(context))
    vault.set_error(run_id, f"401 from https://u:{secret}@h/ \n")
    vault.add_node(run_id, compact({"body": json.dumps({"e": secret}), "pin": pin}), f"failed: {secret}")
    vault.add_node(run_id, compact(f"whole {secret}"), None, "b")
    vault.add_state(run_id, compact({"consumers": {f"a.output.{secret}": ["b"], "a.output.password": ["c"]}}))
    return run_id


def test_no_planted_secret_is_left_anywhere(vault: Vault) -> None:
    """In no table, no file, no base64 document; the files have the sizes and checksums that are said."""
    run_id = everywhere(vault)
    assert len(holding(vault.dump(), SECRET, KEY_ID)) == 7
    report, items = vault.scrub(names=True)
    assert report.exit_code == 0, report
    assert items[run_id].action == "scrubbed"
    assert (report.summary.scrubbed, report.summary.files, report.summary.nodes) == (1, 2, 2)
    assert holding(vault.dump(), SECRET, KEY_ID) == []
    assert not any(KEY_ID in name for name in vault.world.files())
    left = json.loads(vault.world.rows.text(run_id) or b"")
    assert "__zenflow_secrets" not in left
    assert left["a.output.memory"]["inlineValue"] == {"echo": f"Bearer {MASK}", "pin": MASK, "near": 1048151623}
    assert left["a.output.password"]["inlineValue"] == MASK
    assert len(left) == 9
    assert vault.world.verify()[0].exit_code == 0
    assert len(vault.world.files()) == 3
    state = vault.world.rows.fetch("select state from zenctx_runtime_state")[0][0]
    assert json.loads(state)["consumers"]["a.output.password"] == ["c"]
    assert vault.audit(finished=True, names=True)[0].exit_code == 0
    again, _ = vault.scrub(names=True)
    assert (again.exit_code, again.summary.scrubbed) == (0, 0)


def test_all_that_is_no_secret_stays_as_it_was(vault: Vault) -> None:
    """Numbers, spellings and blanks of texts; rows and files of other runs to the byte."""
    run_id = vault.world.rows.add(f'{{{KEPT},"__zenflow_secrets":{compact(RESERVED)},"copy":{compact([SECRET, 1e2])}}}')
    node_id = vault.add_node(run_id, f'{{"n":1.10, "s":{compact(SECRET)} ,"t":[ ]}}', "kept")
    other = vault.world.rows.add(f"{{{KEPT}}}")
    vault.add_node(other, f"{{{KEPT}}}", "an error")
    before = vault.dump()
    assert vault.scrub()[0].exit_code == 0
    after = vault.dump()
    changed = {place for place in before if before[place] != after.get(place)}
    assert changed == {("workflow_runs", run_id, "context"), ("node_executions", node_id, "output")}
    assert {place[0] for place in after.keys() - before.keys()} == {"zenctx_operation"}
    text = (vault.world.rows.text(run_id) or b"").decode()
    output = vault.world.rows.fetch("select cast(output as text) from node_executions where id = :id", id=node_id)
    if vault.world.rows.is_sqlite:
        assert text == f'{{{KEPT},"copy":["{MASK}",100.0]}}'
        assert output[0][0] == f'{{"n":1.10, "s":"{MASK}" ,"t":[ ]}}'
    else:
        assert json.loads(text) == {**json.loads(f"{{{KEPT}}}"), "copy": [MASK, 100.0]}
        assert '"number": 1.10,' in text
        assert output[0][0] == f'{{"n": 1.10, "s": "{MASK}", "t": []}}'


PAGED = {"next_page_token": "page-2-of-17", "Cookie": "choc-chip-1", "n": 1.10}
"""Names that broad patterns match, over values that are no secrets."""


def test_a_name_alone_takes_nothing_away(vault: Vault) -> None:
    """Without `names` what stands under it stays to the byte, unless a reserved key says that the value is secret."""
    plain, echoed = vault.world.rows.add(None), vault.world.rows.add(None)
    nodes = {}
    for run_id, secret in ((plain, {}), (echoed, {"__zenflow_secrets": memory({"k": PAGED["next_page_token"]})})):
        context = {
            "a.output.next_page_token": memory("page-1-of-17"),
            "a.output.body": memory(PAGED),
            "a.output.file": vault.put(run_id, "a.output.file", compact({"deep": [PAGED]}).encode()),
        }
        vault.world.rows.replace(run_id, compact({**context, **secret}))
        nodes[run_id] = vault.add_node(run_id, compact({"body": PAGED, "text": compact(PAGED)}))
    before = vault.dump()
    report, items = vault.scrub()
    assert (report.exit_code, list(items)) == (0, [echoed])
    assert report.summary.by_kind == {"reserved key": 1, "same value": 4}
    after = vault.dump()
    kept = [place for place in before if place[1].startswith((plain, nodes[plain]))]
    assert {place[0] for place in kept} == {"workflow_runs", "node_executions", "file"}
    assert [after[place] for place in kept] == [before[place] for place in kept]
    left = json.loads(vault.world.rows.text(echoed) or b"")
    assert left["a.output.next_page_token"] == memory("page-1-of-17")
    assert left["a.output.body"]["inlineValue"] == {**PAGED, "next_page_token": MASK}
    assert vault.audit()[0].exit_code == vault.scrub()[0].summary.scrubbed == 0


def test_names_say_what_is_secret_where_they_are_asked(sqlite_world: World) -> None:
    """An audit and a scrub agree with and without them, and say which option the next command needs."""
    vault = Vault(sqlite_world)
    vault.world.rows.add(compact({"a": PAGED, "b": "see page-2-of-17", "__zenflow_secrets": RESERVED}))
    audited, _ = vault.audit()
    assert audited.summary.by_kind == vault.scrub(dry_run=True)[0].summary.by_kind == {"reserved key": 1}
    assert "'zenctx scrub --dry-run'" in (audited.next_step or "")
    audited, _ = vault.audit(names=True)
    rehearsed, _ = vault.scrub(dry_run=True, names=True)
    assert audited.summary.by_kind == rehearsed.summary.by_kind == {"reserved key": 1, "name": 2, "same value": 1}
    assert "'zenctx scrub --names --dry-run'" in (audited.next_step or "")
    assert "'zenctx scrub --names'" in (rehearsed.next_step or "")
    assert vault.scrub(names=True)[0].summary.by_kind == audited.summary.by_kind
    assert vault.audit(names=True)[0].exit_code == 0
    arguments = vault.world.rows.fetch("select arguments from zenctx_operation")[0][0]
    assert '"names": true' in (arguments if isinstance(arguments, str) else json.dumps(arguments))


def test_a_reserved_key_is_one_however_deep(sqlite_world: World) -> None:
    """As a step of a key, in a document, in a document within a text: without `names`, and under its own name."""
    vault = Vault(sqlite_world)
    reserved = {"__zenflow_secrets": {"k": "letters-only"}}
    context = {"a.output.__zenflow_secrets": "all-letters", "b": reserved, "c": "all-letters, letters-only"}
    vault.world.rows.add(compact(context))
    alone = vault.world.rows.add(None)
    vault.add_node(alone, compact({"text": compact(reserved)}))
    audited, _ = vault.audit()
    assert audited.summary.by_kind == {"reserved key": 3, "same value": 1}
    assert vault.scrub()[0].summary.by_kind == audited.summary.by_kind
    assert holding(vault.dump(), "letters-only", "all-letters") == []


def test_a_dry_run_says_the_same_and_changes_nothing(sqlite_world: World) -> None:
    """It names what the scrub then does."""
    vault = Vault(sqlite_world)
    run_id = everywhere(vault)
    before = vault.dump()
    report, items = vault.scrub(dry_run=True)
    assert vault.dump() == before
    done, told = vault.scrub()
    assert items[run_id].action == "scrub"
    assert (items[run_id].places, items[run_id].nodes) == (told[run_id].places, told[run_id].nodes)
    assert (report.summary.places, report.summary.by_kind) == (done.summary.places, done.summary.by_kind)
    assert report.dry_run
    assert SECRET not in str((report, items, done, told, vault.world.rows.fetch("select * from zenctx_operation")))


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"status": "RUNNING", "ended": None}, "parked"),
        ({"status": "WAITING", "ended": None}, "parked"),
        ({"status": "ERROR", "ended": timedelta(hours=1)}, "retrying"),
        ({"status": "RUNNING", "ended": None, "started": datetime(2020, 1, 1, tzinfo=UTC)}, "zombie"),
    ],
)
def test_a_run_that_may_go_on_keeps_its_secrets(sqlite_world: World, row: dict[str, Any], what: str) -> None:
    """It is counted, or refused where it was named; what is over beside it is scrubbed."""
    vault = Vault(sqlite_world)
    run_id = everywhere(vault, **row)
    over = everywhere(vault)
    before = vault.world.rows.text(run_id)
    with pytest.raises(RefusedError, match=f"is {what}"):
        vault.scrub(runs=(run_id,))
    report, items = vault.scrub()
    assert (report.exit_code, report.summary.left_out, list(items)) == (0, {what: 1}, [over])
    assert vault.world.rows.text(run_id) == before
    audited, found = vault.audit()
    assert (audited.exit_code, {item.run_id for item in found}) == (4, {run_id})
    assert vault.audit(finished=True)[0].exit_code == 0


def test_a_run_whose_row_names_a_retry_keeps_its_secrets(sqlite_world: World) -> None:
    """However long ago it failed, and though no job of the scheduler is to be seen."""
    vault = Vault(sqlite_world)
    run_id = everywhere(vault, status="ERROR")
    soon = vault.world.rows.moment(datetime.now(UTC) + timedelta(hours=1))
    vault.world.rows.execute("update workflow_runs set next_retry_at = :at where id = :id", at=soon, id=run_id)
    with pytest.raises(RefusedError, match="is retrying"):
        vault.scrub(runs=(run_id,))
    report, _ = vault.scrub()
    assert (report.summary.scrubbed, report.summary.left_out) == (0, {"retrying": 1})


LEFT = {
    "mixed": compact({"a": memory(SECRET), "__zenflow_secrets": {"k": SECRET}}),
    "ambiguous": compact({"__zenflow_secrets": {"type": "MEMORY", "inlineValue": SECRET}}),
    "invalid": f'[{{"__zenflow_secrets": {compact(SECRET)}}}]',
}


@pytest.mark.parametrize("form", LEFT)
def test_a_context_that_could_be_read_in_two_ways_is_named_and_left(sqlite_world: World, form: str) -> None:
    """The secret stays, so the end is not success."""
    vault = Vault(sqlite_world)
    run_id = vault.world.rows.add(LEFT[form])
    vault.add_node(run_id, compact(SECRET))
    before = vault.dump()
    report, items = vault.scrub()
    assert (report.exit_code, report.summary.left, report.summary.scrubbed) == (3, 1, 0)
    assert form in (items[run_id].reason or "")
    assert {place for place, text in vault.dump().items() if before.get(place, text) != text} == set()
    assert vault.audit()[0].exit_code == 4


def test_a_context_that_cannot_be_read_is_named(sqlite_world: World) -> None:
    """Nobody knows what it holds: an audit that finds nothing else says so, too."""
    vault = Vault(sqlite_world)
    run_id = vault.world.rows.add(b'{"__zenflow_secrets": \xff')
    vault.world.rows.add('{"a":1}')
    report, found = vault.audit()
    assert (report.exit_code, report.summary.unreadable, [item.run_id for item in found]) == (3, 1, [run_id])
    assert vault.scrub()[0].exit_code == 3


def test_a_quarantined_run_is_left(sqlite_world: World) -> None:
    """Whoever looks into it may need it as it is."""
    vault = Vault(sqlite_world)
    run_id = vault.world.rows.add(compact({"__zenflow_secrets": RESERVED}))
    vault.world.rows.execute(
        "insert into zenctx_quarantine values (:id, 'descriptors', 'r', 'f', 'o', '2026-01-01T00:00:00Z')", id=run_id
    )
    report, items = vault.scrub()
    assert (report.exit_code, "quarantined" in (items[run_id].reason or "")) == (3, True)


def test_a_pinned_run_keeps_its_files(sqlite_world: World) -> None:
    """Somebody wants them as they are; where no file would change, the run is scrubbed."""
    vault = Vault(sqlite_world)
    pinned, bare = everywhere(vault), vault.world.rows.add(compact({"__zenflow_secrets": RESERVED}))
    for run_id in (pinned, bare):
        pin(vault.world.database, vault.world.settings, run_id, "evidence")
    report, items = vault.scrub()
    assert (items[pinned].action, items[bare].action, report.exit_code) == ("left", "scrubbed", 3)
    assert "pinned" in (items[pinned].reason or "")


def test_a_file_that_is_not_what_it_should_be_keeps_its_run(sqlite_world: World) -> None:
    """Altered with a secret in it: nothing of the run changes. One that is missing has none."""
    vault = Vault(sqlite_world)
    altered, missing = everywhere(vault), everywhere(vault)
    for name in vault.world.files():
        path = vault.world.store / name
        if name.startswith(altered):
            path.chmod(0o600)
            path.write_bytes(path.read_bytes() + b" ")
        else:
            path.unlink()
    before = vault.world.rows.text(altered)
    report, items = vault.scrub()
    assert (items[altered].action, items[missing].action, report.exit_code) == ("left", "scrubbed", 3)
    assert "not what the descriptor says" in (items[altered].reason or "")
    assert vault.world.rows.text(altered) == before


def test_a_legacy_context_stays_one(sqlite_world: World) -> None:
    """Where nothing else tells it from descriptors, the reserved key stays without its value."""
    vault = Vault(sqlite_world)
    run_id = vault.world.rows.add(compact({"__zenflow_secrets": RESERVED, "a": {"type": "MEMORY", "inlineValue": 1}}))
    assert vault.scrub()[0].exit_code == 0
    left = json.loads(vault.world.rows.text(run_id) or b"")
    assert left == {"__zenflow_secrets": MASK, "a": {"type": "MEMORY", "inlineValue": 1}}
    assert vault.audit()[0].exit_code == vault.scrub()[0].summary.scrubbed == 0


def test_descriptors_stay_descriptors(sqlite_world: World) -> None:
    """Also where nothing but nulls would be left, which alone are legacy values."""
    vault = Vault(sqlite_world)
    run_id = vault.world.rows.add(compact({"__zenflow_secrets": memory(RESERVED), "a": None}))
    assert vault.scrub()[0].exit_code == 0
    left = json.loads(vault.world.rows.text(run_id) or b"")
    assert left == {"__zenflow_secrets": memory(MASK, 6), "a": None}
    assert vault.audit()[0].exit_code == vault.scrub()[0].summary.scrubbed == 0
    assert vault.world.check().exit_code == 0


def test_values_of_the_operator_are_removed_from_every_run(sqlite_world: World) -> None:
    """Also from runs whose own context says nothing of them."""
    vault = Vault(sqlite_world)
    run_id = vault.world.rows.add(None)
    vault.add_node(run_id, compact({"a": SECRET}))
    assert vault.audit()[0].exit_code == 0
    assert vault.audit(values=(SECRET,))[0].summary.by_kind == {"same value": 1}
    assert vault.scrub(values=(SECRET,))[0].summary.nodes == 1
    assert holding(vault.dump(), SECRET) == []


def test_a_secret_that_only_an_output_tells_of_is_removed_from_the_context(sqlite_world: World) -> None:
    """A node may have given out the whole context."""
    vault = Vault(sqlite_world)
    run_id = vault.world.rows.add(compact({"copy": f"x{SECRET}"}))
    vault.add_node(run_id, compact({"all": {"__zenflow_secrets": RESERVED}}))
    assert vault.scrub()[0].summary.by_kind == {"reserved key": 1, "same value": 1}
    assert vault.world.rows.text(run_id) == compact({"copy": "x***"}).encode()


def test_somebody_who_writes_meanwhile_wins(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is left wholly as it was, its new files are gone again, and the next scrub takes it."""
    run_id = everywhere(vault)
    calm = everywhere(vault)
    write = SecretWriter.write
    written = vault.world.rows.text(run_id)

    def late(self: SecretWriter, *arguments: Any) -> Any:
        vault.world.rows.execute("update node_executions set attempts = 9 where workflow_run_id = :id", id=run_id)
        vault.world.rows.execute("update workflow_runs set error = 'x' where id = :id", id=run_id)
        return write(self, *arguments)

    monkeypatch.setattr(SecretWriter, "write", late)
    report, items = vault.scrub()
    assert (items[run_id].action, items[calm].action, report.exit_code) == ("changed", "scrubbed", 3)
    assert vault.world.rows.text(run_id) == written
    assert len([name for name in vault.world.files() if name.startswith(run_id)]) == 3
    monkeypatch.undo()
    assert vault.scrub()[0].exit_code == 0
    assert holding(vault.dump(), SECRET) == []


def test_a_node_that_changes_meanwhile_keeps_its_run(postgres_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the row of the run is as it was."""
    vault = Vault(postgres_world)
    run_id = everywhere(vault)
    lock = SecretWriter._lock

    def late(self: SecretWriter, run_ids: Any) -> Any:
        vault.world.rows.execute("update node_executions set attempts = 9 where node_key = 'b'")
        return lock(self, run_ids)

    monkeypatch.setattr(SecretWriter, "_lock", late)
    before = vault.world.rows.text(run_id)
    assert vault.scrub()[1][run_id].action == "changed"
    assert vault.world.rows.text(run_id) == before


# The child calls nothing but SQLite, and dies: threads of the test runner cannot harm it.
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("point", [(SecretWriter, "_update"), (LocalStore, "discard")])
def test_killed_at_any_point_a_run_is_wholly_old_or_new(
    sqlite_world: World, point: tuple[type, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the transaction, or after it with old files still there: the next scrub finishes."""
    vault = Vault(sqlite_world)
    run_id = everywhere(vault)
    before = vault.world.rows.text(run_id)
    child = os.fork()
    if not child:
        monkeypatch.setattr(*point, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        try:
            vault.scrub()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert (vault.world.rows.text(run_id) == before) is (point[1] == "_update")
    assert holding(vault.dump(), SECRET)
    assert vault.scrub()[0].exit_code == 0
    assert holding(vault.dump(), SECRET, KEY_ID) == []
    named = json.loads(vault.world.rows.text(run_id) or b"")
    assert named["a.output.file"]["locator"].rpartition("/")[2] in str(vault.world.files())
    assert vault.world.verify()[0].summary.errors == 0


def test_a_safety_snapshot_brings_contexts_and_files_back(sqlite_world: World) -> None:
    """It holds the secrets, and the report says what lies outside."""
    vault = Vault(sqlite_world)
    run_id = everywhere(vault)
    before = json.loads(vault.world.rows.text(run_id) or b"")
    report, _ = vault.scrub(snapshot=True)
    assert report.summary.safety_snapshot_id is not None
    assert report.summary.snapshots == 1
    assert "zenctx restore" in (report.next_step or "")
    Shelter(vault.world).restore(report.summary.safety_snapshot_id, force=True)
    after = json.loads(vault.world.rows.text(run_id) or b"")
    assert {key: {**value, "locator": None} for key, value in after.items()} == {
        key: {**value, "locator": None} for key, value in before.items()
    }


def test_nothing_of_a_secret_stays_in_the_pages_of_the_file(sqlite_world: World) -> None:
    """SQLite leaves deleted text in free pages and in its log, unless it is told not to."""
    vault = Vault(sqlite_world)
    secret = "a-plain-secret-value-"
    for _ in range(5):
        vault.world.rows.add(compact({"__zenflow_secrets": {"k": secret}, "b": secret + "x" * 9000}))
    assert vault.scrub()[0].exit_code == 0
    path = vault.world.database.sqlite_path
    assert path is not None
    stored = [each.read_bytes() for each in path.parent.glob(f"{path.name}*") if each.is_file()]
    assert all(secret.encode() not in content for content in stored)


def test_a_context_keeps_its_class_of_storage(sqlite_world: World) -> None:
    """SQLite may hold it as a blob, and an output, too."""
    vault = Vault(sqlite_world)
    run_id = vault.world.rows.add(compact({"__zenflow_secrets": RESERVED, "a": [SECRET]}).encode())
    node_id = vault.add_node(run_id, "1")
    vault.world.rows.execute("update node_executions set output = :o", o=compact(SECRET).encode())
    assert vault.scrub()[0].exit_code == 0
    assert vault.world.rows.fetch("select typeof(context), context from workflow_runs") == [("blob", b'{"a":["***"]}')]
    query = "select typeof(output), output from node_executions where id = :id"
    assert vault.world.rows.fetch(query, id=node_id) == [("blob", b'"***"')]


def test_where_nothing_may_be_written_nothing_is(sqlite_world: World) -> None:
    """Persistence is switched off: refused; a rehearsal works."""
    vault = Vault(sqlite_world)
    everywhere(vault)
    vault.world.options["persistence.enabled"] = "false"
    with pytest.raises(RefusedError, match="persistence"):
        vault.scrub()
    assert vault.scrub(dry_run=True)[0].summary.scrubbed == 1


def test_a_limit_ends_a_scrub_and_an_audit(sqlite_world: World) -> None:
    """Both say that there may be more."""
    vault = Vault(sqlite_world)
    for _ in range(3):
        vault.world.rows.add(compact({"__zenflow_secrets": RESERVED}))
    audited, items = vault.audit(limit=2)
    assert (len(items), audited.summary.more) == (2, True)
    assert vault.scrub(limit=2)[0].summary.more
    report, _ = vault.scrub(limit=2)
    assert (report.summary.scrubbed, report.summary.more) == (1, False)


def test_tables_that_may_not_be_read(postgres_world: World) -> None:
    """An audit goes on without the outputs of nodes, and says so; a scrub would leave secrets there for ever."""
    run_id = postgres_world.rows.add(compact({"a": 1}))
    Vault(postgres_world).add_node(run_id, compact({"__zenflow_secrets": "x"}))
    with as_reader(postgres_world) as reader:
        assert Vault(reader).audit()[0].exit_code == 4
        assert Vault(reader).scrub(dry_run=True)[0].summary.scrubbed == 1
        postgres_world.rows.execute(f"revoke select on node_executions from zenctx_reader_{os.getpid()}")
        report, _ = Vault(reader).audit()
        assert (report.exit_code, report.summary.unsearched) == (3, "node_executions")
        with pytest.raises(DatabaseError, match="node_executions"):
            Vault(reader).scrub(dry_run=True)
