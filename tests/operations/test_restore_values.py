"""The values of a snapshot as JSON: exact, without secrets unless they are asked for, and without a database."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.operations.restorations import Shelter
from tests.operations.world import VECTORS
from tests.support.rows import compact
from zenctx.context.canonical import canonical
from zenctx.context.rules import OnMissing
from zenctx.errors import DamagedFileError, DataError, NotFoundError, RefusedError
from zenctx.operations.restoring.report import ValuesReport
from zenctx.operations.restoring.request import RestoreRequest
from zenctx.operations.restoring.values import write_values
from zenctx.store.private_file import new_private_file

SECRET = "sk-live-0123456789"


def values(shelter: Shelter, *runs: str, show_secrets: bool = False, **asked: Any) -> tuple[bytes, ValuesReport]:
    """Give the document and the report of a snapshot's values."""
    pieces: list[bytes] = []
    request = RestoreRequest("latest", run_ids=runs, **asked)
    report = write_values(shelter.world.settings, request, pieces.append, "here", show_secrets=show_secrets)
    return b"".join(pieces), report


def test_the_context_of_one_run_is_one_object(shelter: Shelter) -> None:
    """Values out of descriptors and files, numbers as they are spelled; bytes that are no JSON as base64."""
    run_id = shelter.add_files({"file": b'{"a": 1.10}', "bytes": b"\xff"}, {"big": 2**70, "null": None})
    shelter.take()
    shelter.delete_runs()
    shelter.lose_store()
    written, report = values(shelter, run_id)
    assert canonical(written) == canonical(
        compact({"file": {"a": 1.1}, "bytes": "/w==", "big": 2**70, "null": None}).encode()
    )
    assert b"1.10" in written
    assert (report.summary.runs, report.summary.values, report.summary.bytes) == (1, 4, len(written))


def test_the_contexts_of_all_runs_are_an_object_by_id(shelter: Shelter) -> None:
    """However many there are, so that a program knows what it gets."""
    run_id = shelter.world.rows.add(compact({"a": 1}))
    shelter.take()
    assert json.loads(values(shelter)[0]) == {run_id: {"a": 1}}
    other = shelter.world.rows.add("{}")
    shelter.take()
    assert json.loads(values(shelter)[0]) == {run_id: {"a": 1}, other: {}}


@pytest.mark.parametrize("file", sorted((VECTORS / "legacy").glob("*.json")), ids=lambda file: file.stem)
def test_every_legacy_vector_is_written_as_it_was(shelter: Shelter, file: Path) -> None:
    """The same values, wherever they lay."""
    if file.stem == "10_lookalikes":
        pytest.skip("it is mixed: what looks like a descriptor is read as one")
    run_id = shelter.world.rows.add(file.read_text())
    shelter.world.migrate()
    shelter.take()
    assert canonical(values(shelter, run_id, show_secrets=True)[0]) == canonical(file.read_bytes())


def test_only_some_keys_are_written(shelter: Shelter) -> None:
    """A key that no run has is not found."""
    run_id = shelter.world.rows.add(compact({"a": 1, "b": 2}))
    shelter.take()
    assert json.loads(values(shelter, run_id, keys=("b",))[0]) == {"b": 2}
    with pytest.raises(NotFoundError):
        values(shelter, keys=("c",))


@pytest.mark.parametrize(
    "context",
    [
        {"__zenflow_secrets": {"token": SECRET}},
        {"__zenflow_secrets": {"token": SECRET}, "copy": f"Bearer {SECRET}"},
        {"http.output.password": "x"},
        {"a": {"api_key": "y"}},
    ],
)
def test_a_secret_is_written_only_when_it_is_asked_for(shelter: Shelter, context: dict[str, object]) -> None:
    """Under the engine's keys, under telling names, and wherever it reappears; other keys can be had."""
    run_id = shelter.world.rows.add(compact({**context, "plain": 1}))
    shelter.take()
    with pytest.raises(RefusedError, match="secret") as refused:
        values(shelter, run_id)
    assert SECRET not in str(refused.value)
    key = list(context)[-1]
    with pytest.raises(RefusedError):
        values(shelter, run_id, keys=(key,))
    assert json.loads(values(shelter, run_id, keys=("plain",))[0]) == {"plain": 1}
    assert json.loads(values(shelter, run_id, show_secrets=True)[0]) == {**context, "plain": 1}


def test_a_file_that_the_snapshot_lacks_is_named(shelter: Shelter) -> None:
    """Or left out, null or empty, where somebody says so; one that is damaged is not handed out either."""
    run_id = shelter.add_files({"a": b"[1]", "b": b"[2]"})
    shelter.live_paths(run_id)[0].unlink()
    shelter.take()
    with pytest.raises(DamagedFileError, match="'a'"):
        values(shelter, run_id)
    assert json.loads(values(shelter, run_id, on_missing=OnMissing.SKIP)[0]) == {"b": [2]}
    path = shelter.object_path(b"[2]")
    path.chmod(0o600)
    path.write_bytes(b"[3]")
    with pytest.raises(DamagedFileError):
        values(shelter, run_id, keys=("b",))
    assert json.loads(values(shelter, run_id, on_missing=OnMissing.NULL)[0]) == {"a": None, "b": None}
    assert json.loads(values(shelter, run_id, on_missing=OnMissing.EMPTY)[0]) == {"a": {}, "b": {}}


def test_what_is_no_object_has_no_values(shelter: Shelter) -> None:
    """The run is named."""
    run_id = shelter.world.rows.add("[1]")
    shelter.take()
    with pytest.raises(DataError, match=run_id):
        values(shelter, run_id)


def test_a_private_file_is_whole_or_not_there(tmp_path: Path) -> None:
    """For its owner alone; what is there already is never replaced; an error leaves nothing."""
    path = tmp_path / "values.json"
    with pytest.raises(TypeError), new_private_file(path) as file:
        file.write(None)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
    with new_private_file(path) as file:
        file.write(b"whole")
        assert not path.exists()
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"whole", 0o600)
    with pytest.raises(RefusedError, match="already"), new_private_file(path):
        pytest.fail("never opened")
    assert list(tmp_path.iterdir()) == [path]
