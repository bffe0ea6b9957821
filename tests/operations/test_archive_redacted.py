"""A redacted export: no secret is left anywhere, everything else is as it was, and restoring it is refused."""

import base64
import json
from typing import Any

import pytest

from tests.operations.taking import contents, file_descriptor, latest, put_file, repository, take
from tests.operations.test_archive import exported, taken_in
from tests.operations.world import World
from tests.support.rows import compact
from zenctx.errors import NotFoundError, RefusedError
from zenctx.operations import restore as operation
from zenctx.operations.restoring.request import RestoreRequest
from zenctx.snapshots.model import SnapshotRun
from zenctx.snapshots.zstd import ZstdDecompressor

SECRET = "hunter2-hunter2"
PLAIN = {"type": "MEMORY", "locator": None, "mediaType": None, "size": 8, "checksum": None, "inlineValue": 1}
IN_BASE64 = base64.b64encode(f"user:{SECRET}".encode()).decode()


def legacy() -> dict[str, Any]:
    """Give a legacy context with the secret in many places."""
    return {
        "__zenflow_secrets": {"db": SECRET},
        "http.output.body": {"ok": 1.5, "password": "other-secret", "note": f"as {SECRET} says"},
        "http.output.headers": [f"Basic {IN_BASE64}"],
        "http.output.apiKey": "another-one",
        "plain": {"number": 12, "__zenflow_secrets": "inner-secret"},
        f"key-{SECRET}": 1,
    }


def descriptors(world: World) -> dict[str, Any]:
    """Give a context of descriptors with the secret inline, in files, and in base64."""
    large = compact({"rows": [1, 2.5], "token": "other-secret", "text": SECRET}).encode()
    binary, harmless = b"\\x00\\xff" + SECRET.encode(), b"nothing to hide"
    inline = compact({"password": "other-secret"}).encode()
    return {
        "__zenflow_secrets": {**PLAIN, "inlineValue": {"db": SECRET}},
        "memory": {**PLAIN, "inlineValue": [SECRET, 1.10]},
        "json": {**PLAIN, "type": "JSON", "size": len(inline), "inlineValue": base64.b64encode(inline).decode()},
        "large": file_descriptor(large, put_file(world, "files/large", large)),
        "binary": file_descriptor(binary, put_file(world, "files/binary", binary)),
        "harmless": file_descriptor(harmless, put_file(world, "files/harmless", harmless)),
        "token": file_descriptor(b"secret-file", put_file(world, "files/token", b"secret-file")),
        "untouched": {**PLAIN, "inlineValue": 1},
    }


def redacted(world: World) -> SnapshotRun:
    """Export without secrets, import elsewhere; give the one run."""
    _, archive = exported(world, redact=True)
    content = ZstdDecompressor().decompress(archive)
    for secret in (SECRET, IN_BASE64[7:-3], "other-secret", "another-one", "inner-secret", "secret-file"):
        assert secret.encode() not in content
    taken_in(world, archive)
    (run,) = contents(world, repository(world).snapshots()[0]).values()
    root = world.folder / "elsewhere"
    for path in (path for path in root.rglob("*") if path.is_file()):
        assert SECRET.encode() not in path.read_bytes()
    return run


def test_a_legacy_context_keeps_all_but_its_secrets(sqlite_world: World) -> None:
    """By key, by name inside of values, and the same value wherever it reappears."""
    sqlite_world.rows.add(compact(legacy()), status="RUNNING", ended=None)
    sqlite_world.rows.execute(f"update workflow_runs set error = 'login with {SECRET} failed'")
    take(sqlite_world)
    run = redacted(sqlite_world)
    context = json.loads(run.context or b"")
    assert context["__zenflow_secrets"] == "***"
    assert context["http.output.body"] == {"ok": 1.5, "password": "***", "note": "***"}
    assert (context["http.output.headers"], context["http.output.apiKey"]) == (["***"], "***")
    assert context["plain"] == {"number": 12, "__zenflow_secrets": "***"}
    assert list(context)[-1] == "***5"
    assert run.columns["error"] == "login with *** failed"


def test_other_columns_are_looked_into(sqlite_world: World) -> None:
    """Also those that zenctx does not know: by their names, as JSON, and for known secrets."""
    sqlite_world.rows.add(compact(legacy()), status="RUNNING", ended=None)
    sqlite_world.rows.execute("alter table workflow_runs add column token text")
    sqlite_world.rows.execute("alter table workflow_runs add column extra text")
    sqlite_world.rows.execute(
        """update workflow_runs set token = 'other-secret', extra = '{"n": 1.50, "password": "inner-secret"}'"""
    )
    take(sqlite_world)
    columns = redacted(sqlite_world).columns
    assert (columns["token"], columns["extra"]) == ("***", '{"n": 1.50, "password": "***"}')
    assert columns["status"] == "RUNNING"


def test_descriptors_and_their_files_stay_descriptors(sqlite_world: World) -> None:
    """Sizes and checksums are those of what is there now; what holds no secret is as it was, to the byte."""
    context = descriptors(sqlite_world)
    sqlite_world.rows.add(compact(context), status="RUNNING", ended=None)
    take(sqlite_world)
    (before,) = contents(sqlite_world).values()
    run = redacted(sqlite_world)
    found = json.loads(run.context or b"")
    assert run.form == before.form == "descriptors"
    assert found["untouched"] == context["untouched"]
    assert found["harmless"] == context["harmless"]
    assert found["memory"]["inlineValue"] == ["***", 1.10]
    assert base64.b64decode(found["json"]["inlineValue"]) == b'{"password":"***"}'
    assert found["token"]["type"] == found["__zenflow_secrets"]["type"] == "MEMORY"
    files = {file.key: file for file in run.files}
    assert set(files) == {"large", "binary", "harmless"}
    for key, file in files.items():
        with repository(sqlite_world).open_object(file.checksum or "", file.size) as content:
            text = content.read()
        assert found[key] == {**context[key], "size": len(text), "checksum": file.checksum}
        assert (file.mtime_ns is None) == (key != "harmless")
        if key == "large":
            assert text == b'{"rows":[1,2.5],"token":"***","text":"***"}'


@pytest.mark.parametrize("context", ["[1]", '{"a":1,"a":"hunter2-hunter2"}', '"hunter2-hunter2"', "{"])
def test_what_cannot_be_taken_apart_goes_as_a_whole(sqlite_world: World, context: str) -> None:
    """Nobody can say what is secret in it."""
    sqlite_world.rows.add(context, status="RUNNING", ended=None)
    take(sqlite_world)
    assert redacted(sqlite_world).context == b'"***"'


def test_an_entry_that_contradicts_itself_goes_as_a_whole(sqlite_world: World) -> None:
    """Its inline value cannot be looked into."""
    odd = {**PLAIN, "type": "JSON", "size": 3, "inlineValue": base64.b64encode(SECRET.encode()).decode() + "!"}
    sqlite_world.rows.add(compact({"a": odd, "b": PLAIN}), status="RUNNING", ended=None)
    take(sqlite_world)
    found = json.loads(redacted(sqlite_world).context or b"")
    assert found == {"a": {**PLAIN, "size": 6, "inlineValue": "***"}, "b": PLAIN}


def test_a_redacted_snapshot_stands_apart(sqlite_world: World) -> None:
    """It has the tag, is never the latest, and neither retention nor a snapshot takes it for what it was made of."""
    sqlite_world.rows.add(compact(legacy()), status="RUNNING", ended=None)
    take(sqlite_world)
    original = latest(sqlite_world)
    _, archive = exported(sqlite_world, redact=True)
    taken_in(sqlite_world, archive, "data/zenctx-snapshots")
    (copy,) = (info for info in repository(sqlite_world).snapshots() if info != original)
    assert copy.tags == ("redacted",)
    assert copy.header.store_id is None
    assert copy.header.selection == "all runs; redacted"
    assert repository(sqlite_world).find("latest") == original
    with pytest.raises(NotFoundError):
        repository(sqlite_world).find("latest~1")


def test_restoring_a_redacted_snapshot_is_refused(sqlite_world: World) -> None:
    """It would put *** in the place of what a parked run needs; --force does it all the same."""
    run_id = sqlite_world.rows.add(compact(legacy()), status="RUNNING", ended=None)
    take(sqlite_world)
    report = taken_in(sqlite_world, exported(sqlite_world, redact=True)[1])
    reference = report.summary.snapshot_id

    def restore(**asked: Any) -> int:
        request = RestoreRequest(reference, **asked)
        work = operation.restore(sqlite_world.database, sqlite_world.settings, request, lambda _item: None)
        return work.exit_code

    before = sqlite_world.rows.text(run_id)
    with pytest.raises(RefusedError, match="redacted"):
        restore()
    assert sqlite_world.rows.text(run_id) == before
    assert restore(force=True) == 0
    assert b"hunter2" not in (sqlite_world.rows.text(run_id) or b"")
