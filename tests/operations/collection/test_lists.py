"""The lists of a clean-up: those in memory are small, and bounded; where there is no room for others it is said."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from zenctx.context.gc_rules import GcRules
from zenctx.errors import StoreError
from zenctx.operations.collection.digests import DigestSet
from zenctx.operations.collection.plan import PlanWriter, header
from zenctx.operations.collection.shelf import Shelf
from zenctx.operations.collection.spool import Spool


def test_a_directory_is_settled_by_just_its_names() -> None:
    """Neither by more nor by fewer; and once."""
    shelf = Shelf()
    assert shelf.put("run", ["a", "ä/b"])
    assert not shelf.settle("run", {"a"})
    assert not shelf.settle("run", {"a", "ä/b", "c"})
    assert not shelf.settle("other", {"a", "ä/b"})
    assert shelf.settle("run", {"ä/b", "a"})
    assert not shelf.settle("run", {"ä/b", "a"})
    assert list(shelf.take_all()) == []


def test_names_that_stand_behind_quotes_settle_a_directory() -> None:
    """All of them in it, and no other; what stands before the first quote means nothing."""
    shelf = Shelf()
    assert shelf.put("run", ["a", "b/c"])
    for joined in (
        '{"run/a',
        '{"run/a"run/b/c"run/d',
        '{"other/a"run/a"run/b/c',
        '{"run/a"run/b/c"other/a',
        "run/a",
        "{",
    ):
        assert shelf.settle_joined("run", joined) == 0
    assert shelf.settle_joined("run", '{"run/b/c"run/a"run/a') == 2
    assert shelf.settle_joined("run", '{"run/b/c"run/a') == 0


def test_what_has_no_room_is_not_taken() -> None:
    """Nor is a directory without files; what was taken comes back whole."""
    shelf = Shelf(most=450)
    assert not shelf.put("empty", [])
    assert shelf.put("one", ["a", "b"])
    assert shelf.put("two", ["c"])
    assert not shelf.put("three", ["d"])
    assert shelf.take("two") == ["c"]
    assert shelf.take("three") is None
    assert list(shelf.take_all()) == [("one", ["a", "b"])]


def test_checksums_are_found() -> None:
    """Those that were given, in any number, and no other."""
    digests = [f"sha256:{hashlib.sha256(str(number).encode()).hexdigest()}" for number in range(1000)]
    found = DigestSet([*digests[:500], *digests[:10]])
    assert [digest in found for digest in digests] == [number < 500 for number in range(1000)]
    assert digests[0] not in DigestSet([])


def test_no_room_for_a_list_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do about it, for what was read and for the plan."""
    rules = GcRules(timedelta(), timedelta())
    writer = PlanWriter(tmp_path / "plan", header(datetime.now(UTC), "here", None, "there", None, None, rules))
    writer.close()
    with Path("/dev/full").open("wb", buffering=0) as full, Spool() as spool:
        monkeypatch.setattr(writer, "_file", full)
        with pytest.raises(StoreError, match="No space left on device") as caught:
            writer.finish()
        assert "TMPDIR" in (caught.value.hint or "")
        monkeypatch.setitem(spool._files, ("listed", 0), full)
        with pytest.raises(StoreError, match="temporary directory"):
            spool.put_into("listed", 0, ["x"])
