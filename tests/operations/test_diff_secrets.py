"""A difference of secrets is told, and never what they are: in no item, pointer, message, reason or patch."""

import base64
import json
from pathlib import Path

import pytest

from tests.operations.comparing import Comparer, Made, add_snapshot, comparer, repository_of, write_all
from tests.operations.test_inspect_secrets import assert_hidden
from tests.operations.world import World
from tests.support.rows import compact
from zenctx.config import load_settings
from zenctx.errors import RefusedError

OLD, NEW = "sk-not-a-real-secret", "sk-another-unreal-one"
SHORT = "x7"


@pytest.fixture
def files(tmp_path: Path) -> Comparer:
    """Give what compares files; names like passwords are those of secrets."""
    options = {"db": "sqlite:///unused.db", "redact-keys": "*password*, *token"}
    return Comparer(load_settings(options, config_file=None, environ={}, cwd=tmp_path))


def context(secret: str, number: int = 1) -> dict[str, object]:
    """Give a context that holds a secret under every key that could hold one."""
    return {
        "__zenflow_secrets": {"a": {"KEY": secret, "PIN": SHORT + secret[-1]}},
        "login.output.password": secret + "!",
        "copy": {"header": f"Bearer {secret}", f"name-{secret}": 1, "plain": number},
        "list": ["a", secret, "b"],
        f"cache.{secret}": 1,
        "nested": {"accessToken": SHORT + secret[-1], "rows": [{"Password": secret}]},
    }


@pytest.mark.parametrize("options", [{}, {"memory-threshold-bytes": "5"}], ids=["legacy", "in files"])
@pytest.mark.parametrize("keys_only", [False, True])
def test_no_secret_of_either_side_is_shown(world: World, options: dict[str, str], keys_only: bool) -> None:
    """Wherever it was copied, on both sides; that it differs is told."""
    world.options = {"redact-keys": "*password*, *token"} | options
    runs = [world.rows.add(compact(context(*each))) for each in ((OLD, 1), (NEW, 2))]
    if options:
        world.migrate()
    compared = comparer(world).diff(*runs, keys_only=keys_only)
    assert_hidden((compared.report, compared.items), OLD, NEW)
    assert SHORT not in str((compared.report, compared.items))
    keys = {item.key for item in compared.items}
    assert keys == {"__zenflow_secrets", "login.output.password", "copy", "list", "cache.***", "nested"}
    assert compared.report.summary.hidden > 0
    assert "--show-secrets" in (compared.report.next_step or "")
    if not keys_only:
        (plain,) = (item for item in compared.items if item.pointer == "/plain")
        assert (plain.hidden, plain.before and plain.before.text) == (False, b"1")


def test_secrets_are_shown_where_that_is_asked_for(world: World) -> None:
    """As they are stored."""
    runs = [world.rows.add(compact({"__zenflow_secrets": {"a": secret}})) for secret in (OLD, NEW)]
    (item,) = comparer(world).diff(*runs, show_secrets=True).items
    assert (item.pointer, item.hidden) == ("/a", False)
    assert (item.before and item.before.text, item.after and item.after.text) == (
        f'"{OLD}"'.encode(),
        f'"{NEW}"'.encode(),
    )


@pytest.mark.parametrize("key", list(context(OLD)))
def test_a_patch_that_would_show_a_secret_is_refused(files: Comparer, tmp_path: Path, key: str) -> None:
    """Whichever value holds it; the refusal shows none, and --show-secrets overrides it."""
    secrets = {"__zenflow_secrets": {"a": {"KEY": OLD}, "b": {"KEY": NEW}}}
    old, new = ({**secrets, name: value} for name, value in _of_key(key))
    paths = write_all(tmp_path, {"a.json": json.dumps(old), "b.json": json.dumps(new)})
    with pytest.raises(RefusedError, match="a secret differs") as caught:
        files.patch(*paths)
    assert_hidden((caught.value.message, caught.value.hint), OLD, NEW)
    assert NEW.encode() in files.patch(*paths, show_secrets=True)[0]


def _of_key(key: str) -> list[tuple[str, object]]:
    contexts = context(OLD), context(NEW)
    position = list(context(OLD)).index(key)
    return [list(each.items())[position] for each in contexts]


def test_a_patch_beside_secrets_that_are_equal_is_given(files: Comparer, tmp_path: Path) -> None:
    """They are no part of it."""
    paths = write_all(tmp_path, {"a.json": compact(context(OLD, 1)), "b.json": compact(context(OLD, 2))})
    assert files.patch(*paths)[0] == b'[{"op":"replace","path":"/copy/plain","value":2}]'


def test_a_context_beside_a_document_shows_nothing(files: Comparer, tmp_path: Path) -> None:
    """Short secrets under the engine's keys would be seen in it."""
    paths = write_all(tmp_path, {"a.json": compact(context(SHORT)), "b.json": "[1]"})
    for pair in (paths, paths[::-1]):
        compared = files.diff(*pair)
        assert SHORT not in str((compared.report, compared.items))
        with pytest.raises(RefusedError):
            files.patch(*pair)


def test_secrets_in_snapshots_are_hidden(files: Comparer) -> None:
    """Of runs as of single ones."""
    run_id = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
    repository = repository_of(files.settings)
    made = [add_snapshot(repository, Made({run_id: compact(context(secret))})).short_id for secret in (OLD, NEW)]
    compared = files.diff(*made)
    assert_hidden((compared.report, compared.items), OLD, NEW)
    assert compared.report.exit_code == 4


def test_what_is_ambiguous_is_named_without_secrets(sqlite_world: World) -> None:
    """Its reason names a key."""
    nothing = {"locator": None, "mediaType": None, "size": 3, "checksum": None}
    odd = {**nothing, "type": "JSON", "inlineValue": "bm9wZQ=="}
    secret = {"type": "MEMORY", **nothing, "inlineValue": {"a": OLD}}
    runs = [
        sqlite_world.rows.add(compact({"__zenflow_secrets": secret, f"k.{OLD}": {**odd, "size": size}}))
        for size in (3, 5)
    ]
    compared = comparer(sqlite_world).diff(*runs)
    assert "ambiguous" in compared.report.message
    assert_hidden((compared.report, compared.items), OLD)


def test_what_is_ambiguous_and_base64_is_hidden(world: World) -> None:
    """It is compared as it is stored, and what it holds cannot be seen."""
    world.options = {"redact-keys": "*password*"}
    descriptor = {"type": "JSON", "locator": None, "mediaType": None, "size": 99, "checksum": None}
    texts = [base64.b64encode(json.dumps({"password": f"{SHORT}{end}"}).encode()).decode() for end in "ab"]
    runs = [world.rows.add(compact({"k": {**descriptor, "inlineValue": text}, "n": 1})) for text in texts]
    compared = comparer(world).diff(*runs)
    assert [(item.key, item.hidden) for item in compared.items] == [("k", True)]
    assert not any(text in str(compared.items) for text in texts)
