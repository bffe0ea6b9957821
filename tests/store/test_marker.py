"""The marker that gives a store its identity."""

import json
import os
import stat
import threading
import uuid

import pytest

from tests.store.conftest import listing
from zenctx.errors import StoreError
from zenctx.store import marker
from zenctx.store.local import LocalStore
from zenctx.store.names import MARKER


def test_the_marker_is_small_json(local: LocalStore) -> None:
    """It holds the format version and a random UUID, and has the mode of the values."""
    identity = local.create_id()
    path = local.root / MARKER
    assert json.loads(path.read_bytes()) == {"format": 1, "id": identity}
    assert uuid.UUID(identity).version == 4
    assert stat.S_IMODE(path.stat().st_mode) == 0o440


def test_stores_differ(local: LocalStore) -> None:
    """Two stores have two ids."""
    other = LocalStore(local.root / "other", file_mode=0o440, file_group=None)
    other.prepare()
    assert other.create_id() != local.create_id()


def test_many_at_once_agree(local: LocalStore) -> None:
    """However many make the id of a store at the same moment, all of them are told the same one."""
    together = threading.Barrier(8)
    told: list[str] = []

    def make() -> None:
        together.wait()
        told.append(local.create_id())

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == [local.read_id()] * 8
    assert listing(local.root) == [MARKER]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"format": 1}',
        '{"format": 1, "id": 7}',
        '{"format": 1, "id": "x"}',
        '{"format": true, "id": "%s"}',
        '{"format": "1", "id": "%s"}',
        '{"id": "%s"}',
        "[" * 4000,
        '{"format": 1, "id": "%s"}' + " " * 5000,
        "\xff",
    ],
)
def test_a_malformed_marker_is_an_error(local: LocalStore, text: str) -> None:
    """A marker that zenctx did not write is never taken for no marker, nor replaced."""
    path = local.root / MARKER
    content = text.replace("%s", str(uuid.uuid4())).encode("latin-1")
    path.write_bytes(content)
    for use in (local.read_id, local.create_id):
        with pytest.raises(StoreError, match="not what zenctx wrote"):
            use()
    assert path.read_bytes() == content


def test_a_newer_format_is_said(local: LocalStore) -> None:
    """A store of a later version is not touched by this one."""
    (local.root / MARKER).write_text('{"format": 2, "whatever": []}')
    with pytest.raises(StoreError, match="format 2") as caught:
        local.read_id()
    assert caught.value.hint == "Use the newer zenctx that wrote it."


@pytest.mark.parametrize("trick", ["link", "dangling link", "pipe", "directory"])
def test_a_marker_that_is_no_file_is_an_error(local: LocalStore, trick: str) -> None:
    """A link, a pipe or a directory in its place is neither followed nor waited for."""
    path = local.root / MARKER
    elsewhere = local.root.parent / "elsewhere"
    if "dangling" not in trick:
        elsewhere.write_text(json.dumps({"format": 1, "id": str(uuid.uuid4())}))
    if trick == "pipe":
        os.mkfifo(path)
    elif trick == "directory":
        path.mkdir()
    else:
        path.symlink_to(elsewhere)
    for use in (local.read_id, local.create_id):
        with pytest.raises(StoreError, match="not what zenctx wrote"):
            use()


def test_a_marker_that_vanishes_is_said(local: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """An id that is not on the disk is not given out."""
    monkeypatch.setattr(marker, "read_marker", lambda _root: None)
    with pytest.raises(StoreError, match="was removed"):
        local.create_id()
