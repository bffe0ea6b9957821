"""Tests of `zenctx snapshots`."""

import json
from pathlib import Path

import pytest

from tests.cli.console import RUN, Console, zenctx

FIELDS = {
    *("snapshot_id", "short_id", "created_at", "tags", "runs", "files", "bytes", "missing", "state", "is_safety"),
    *("database", "selection", "name", "reason"),
}


@pytest.fixture
def three(console: Console) -> Console:
    """Three snapshots, the second and third with tags."""
    console.rows.add('{"a":1}', run_id=RUN, status="RUNNING", ended=None)
    for tags in ([], ["--tag", "nightly"], ["--tag", "nightly", "--tag", "before upgrade"]):
        console.lines("snapshot", "--quiet", *tags)
    return console


def manifests(console: Console) -> list[Path]:
    """Give the manifests, oldest first."""
    return sorted((console.folder / "data/zenctx-snapshots/snapshots").iterdir())


def test_the_newest_comes_first(three: Console) -> None:
    """With its id as other commands take it, its tags and its extent."""
    header, first, second, third, *rest = three.lines("snapshots")
    assert header.split() == ["SNAPSHOT", "AS", "OF", "TAGS", "RUNS", "FILES", "SIZE", "STATE", "SAFETY", "REASON"]
    assert "nightly, before upgrade" in first
    assert ("nightly" in second, "upgrade" in second, "nightly" in third) == (True, False, False)
    assert first.split()[-7:] == ["1", "0", *first.split()[-5:-3], "complete", "no", "-"]
    assert rest == ["", "3 snapshots."]


def test_json_has_every_field(three: Console) -> None:
    """The id whole and short, the manifest by its name."""
    document = three.document("snapshots")
    first = document["items"][0]
    assert set(first) == FIELDS
    assert first["short_id"] == first["snapshot_id"][:12]
    assert first["snapshot_id"] in first["name"]
    assert (first["tags"], first["runs"], first["files"], first["missing"]) == (["nightly", "before upgrade"], 1, 0, 0)
    assert (first["state"], first["is_safety"], first["reason"]) == ("complete", False, None)
    assert first["selection"] == "runs that can still be resumed"
    summary = document["summary"]
    assert (summary["listed"], summary["damaged"], summary["more"]) == (3, 0, False)
    assert summary["repository"] == str(three.folder / "data/zenctx-snapshots")


def test_lines_of_json_are_the_same_items(three: Console) -> None:
    """One object a line."""
    lines = [json.loads(line) for line in three.lines("snapshots", "--format", "jsonl")]
    assert [line.pop("type") for line in lines] == ["item", "item", "item", "summary"]
    assert lines[:3] == three.document("snapshots")["items"]


def test_tags_and_a_limit_choose(three: Console) -> None:
    """Several tags must all be there; what the limit leaves out is told."""
    ids = [item["snapshot_id"] for item in three.document("snapshots")["items"]]

    def listed(*arguments: str) -> list[str]:
        return [item["snapshot_id"] for item in three.document("snapshots", *arguments)["items"]]

    assert listed("--tag", "nightly") == ids[:2]
    assert listed("--tag", "nightly", "--tag", "before upgrade") == ids[:1]
    assert listed("--limit", "2") == ids[:2]
    assert listed("--limit", "0") == ids
    assert three.lines("snapshots", "--limit", "1")[-2:] == [
        "1 snapshot, newest first; there are more.",
        "--limit 0 lists all.",
    ]
    assert three.lines("snapshots", "--tag", "weekly") == ["No snapshot has the tag weekly."]


@pytest.mark.parametrize("damage", ["cut", "empty", "garbage"])
def test_a_damaged_manifest_is_named_and_hides_no_other(three: Console, damage: str) -> None:
    """It ends with 3: what can be listed is listed."""
    _, broken, _ = manifests(three)
    whole = broken.read_bytes()
    broken.chmod(0o600)
    broken.write_bytes({"cut": whole[:-5], "empty": b"", "garbage": bytes(len(whole))}[damage])
    document = three.document("snapshots", code=3)
    assert [item["state"] for item in document["items"]] == ["complete", "complete", "damaged"]
    item = document["items"][-1]
    assert (item["name"], item["created_at"], item["runs"]) == (f"snapshots/{broken.name}", None, None)
    assert "damaged" in item["reason"]
    assert document["summary"]["damaged"] == 1
    result = three.run("snapshots")
    assert "1 manifest is damaged: its snapshot cannot be used." in result.stdout.splitlines()


def test_without_a_repository_it_is_not_found(folder: Path) -> None:
    """An empty place may be a volume that is not mounted; nothing is made there, and no database is opened."""
    result = zenctx("snapshots", "--db", "sqlite:///nowhere.db")
    assert result.exit_code == 10
    assert "'zenctx snapshot' makes one" in result.stderr.replace("\n", " ")
    assert list(folder.iterdir()) == []


def test_an_empty_repository_says_so(console: Console) -> None:
    """A snapshot of nothing has made it."""
    console.lines("snapshot")
    assert console.lines("snapshots") == ["There are no snapshots."]


def test_verbose_tells_what_was_asked_for_and_where(three: Console) -> None:
    """The selection, the database without its password, and the file of the manifest."""
    result = three.run("snapshots", "--verbose")
    assert result.exit_code == 0
    assert "runs that can still be resumed" in result.stdout
    assert manifests(three)[0].name in result.stdout
