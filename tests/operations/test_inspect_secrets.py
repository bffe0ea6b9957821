"""Secrets never show: not under their own keys, and not where a node has copied them."""

import base64
import json
from collections.abc import Iterator

import pytest

from tests.operations.test_inspect import NOTHING, look, show
from tests.operations.world import VECTORS, World
from tests.support.rows import compact
from zenctx.errors import NotFoundError, RefusedError
from zenctx.operations.cat import cat

SECRET = "sk-not-a-real-secret"
PASSWORD = 'p/ss "wörd"\n12'
ALL = (SECRET, "ghp_notARealToken", "hunter2", "https://hooks.example.org/cb?token=abc123", "abc123")
RESERVED = {"__zenflow_secrets": {"http-1": {"API_KEY": SECRET, "DB": PASSWORD}}}


def spellings(secret: str) -> Iterator[str]:
    """Give a secret as it may appear in any output."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield base64.b64encode(secret.encode()).decode()
    yield base64.b64encode(f"user:{secret}".encode()).decode()[8:-4]


def assert_hidden(output: object, *secrets: str) -> None:
    """Make sure that no spelling of the secrets is in an output."""
    text = str(output)
    for secret in secrets:
        for spelling in spellings(secret):
            assert spelling not in text


@pytest.mark.parametrize("converted", [False, True])
def test_the_vector_of_reserved_keys_shows_no_secret(world: World, converted: bool) -> None:
    """In no item and no summary, as legacy values or as descriptors, one by one or all together."""
    world.options = {"memory-threshold-bytes": "50"} if converted else {}
    run_id = world.rows.add((VECTORS / "legacy" / "11_reserved_keys.json").read_text())
    if converted:
        world.migrate()
    report, items = look(world, run_id)
    assert_hidden((report, items), *ALL)
    reserved = {key for key, item in items.items() if item.reserved}
    assert reserved == {key for key in items if key.startswith("__zenflow_")}
    assert (len(reserved), report.summary.hidden) == (4, 4)
    assert "--show-secrets" in (report.next_step or "")
    for key in items:
        value = show(world, run_id, key)
        assert_hidden(value, *ALL)
        assert value.hidden is (key in reserved)
    for key in reserved:
        with (
            pytest.raises(RefusedError) as caught,
            cat(world.database, world.settings, run_id, key, show_secrets=False),
        ):
            pytest.fail("something was handed out")
        assert_hidden((caught.value.message, caught.value.hint), *ALL)


def test_secrets_can_be_asked_for(world: World) -> None:
    """With --show-secrets they are shown as they are stored."""
    run_id = world.rows.add(compact({"__zenflow_secrets": {"a": PASSWORD, "b": SECRET}}))
    report, items = look(world, run_id, show_secrets=True)
    assert report.summary.hidden == 0
    assert "p/ss" in (items["__zenflow_secrets"].preview or "")
    assert SECRET.encode() in show(world, run_id, "__zenflow_secrets", show_secrets=True).value.text


COPIES = {
    "plain": SECRET,
    "in a text": f"curl -H 'Authorization: Bearer {SECRET}'",
    "with escapes": f"x{PASSWORD}y",
    "in base64": base64.b64encode(SECRET.encode()).decode(),
    "in base64 with a user": base64.b64encode(f"user:{SECRET}".encode()).decode(),
    "in JSON in a text": json.dumps({"a": PASSWORD}),
    "deep down": {"a": [{"b": f"<{SECRET}>"}]},
    "as a name": {f"k{SECRET}": 1},
}


@pytest.mark.parametrize("options", [{}, {"memory-threshold-bytes": "5"},
                                     {"memory-threshold-bytes": "5", "engine-reads": "all"}],
                         ids=["legacy", "in files", "inline"])  # fmt: skip
def test_copies_of_secrets_are_hidden_wherever_they_are(world: World, options: dict[str, str]) -> None:
    """Under another key, inside a text or document, as a member's name, in base64; in the row, inline or in a file."""
    world.options = options
    run_id = world.rows.add(compact({**RESERVED, **COPIES, "harmless": "a value to be seen"}))
    if options:
        world.migrate()
    report, items = look(world, run_id)
    assert_hidden((report, items), SECRET, PASSWORD)
    for key in COPIES:
        value = show(world, run_id, key)
        assert_hidden(value.value.text.decode(), SECRET, PASSWORD)
        assert (value.hidden, b"***" in value.value.text) == (True, True)
        with pytest.raises(RefusedError), cat(world.database, world.settings, run_id, key, show_secrets=False):
            pytest.fail("something was handed out")
    assert show(world, run_id, "harmless").value.text == b'"a value to be seen"'


def test_a_key_may_hold_a_secret(world: World) -> None:
    """Then it is masked, and so is what was made of it: the file's name, the reason, the nearest key."""
    world.options = {"memory-threshold-bytes": "50"}
    key = f"cache.{SECRET}"
    run_id = world.rows.add(compact({**RESERVED, key: "x" * 100, "plain": 1}))
    world.migrate()
    report, items = look(world, run_id)
    assert_hidden((report, items), SECRET)
    assert items["cache.***"].locator == items["cache.***"].path == "***"
    with pytest.raises(NotFoundError) as caught:
        show(world, run_id, key[:-1])
    assert_hidden(caught.value.hint, SECRET)
    mixed = json.loads(world.rows.text(run_id) or b"")
    world.rows.replace(run_id, compact({**RESERVED, key: mixed[key] | {"size": 1}, "plain": 1}))
    report, items = look(world, run_id)
    assert_hidden((report, items), SECRET)


def test_what_is_named_like_a_secret_is_hidden(world: World) -> None:
    """A key by its last step, a member by its name, in any case of letters, however short the value is."""
    world.options = {"redact-keys": "*password*, *token"}
    context = {"login.output.Password": "abc", "body": {"user": "eve", "accessToken": "x1", "rows": [{"PASSWORD": 7}]}}
    run_id = world.rows.add(compact(context))
    _, items = look(world, run_id)
    assert (items["login.output.Password"].hidden, items["login.output.Password"].preview) == (True, None)
    value = show(world, run_id, "body")
    assert json.loads(value.value.text) == {"user": "eve", "accessToken": "***", "rows": [{"PASSWORD": "***"}]}
    assert show(world, run_id, "body", "/user").value.text == b'"eve"'
    assert show(world, run_id, "body", "/accessToken").value.text == b'"***"'
    for key in context:
        with pytest.raises(RefusedError), cat(world.database, world.settings, run_id, key, show_secrets=False):
            pytest.fail("something was handed out")


def test_raw_bytes_with_a_secret_in_them_are_not_written_out(sqlite_world: World) -> None:
    """Also when it lies across the pieces in which a file is read."""
    content = b"\xff" * (1024 * 1024 - 7) + SECRET.encode() + b"\xff" * 100
    (sqlite_world.folder / "data" / "context-files").mkdir(parents=True)
    (sqlite_world.folder / "data" / "context-files" / "raw").write_bytes(content)
    file = {**NOTHING, "type": "FILE", "size": len(content), "locator": "./data/context-files/raw"}
    secrets = {"type": "MEMORY", "size": 1, **NOTHING, "inlineValue": RESERVED["__zenflow_secrets"]}
    run_id = sqlite_world.rows.add(compact({"raw": file, "__zenflow_secrets": secrets}))
    with (
        pytest.raises(RefusedError),
        cat(sqlite_world.database, sqlite_world.settings, run_id, "raw", show_secrets=False),
    ):
        pytest.fail("something was handed out")
