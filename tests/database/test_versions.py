"""Versions of written rows: in the order of their ids, and by parts."""

from zenctx.database.rows import Span
from zenctx.database.versions import MAX_TOLD, WrittenVersions


def test_those_of_a_part_are_told_and_learned() -> None:
    """A part has its last id, and not the one that it begins behind; what is learned is known as if it were our own."""
    ours, theirs = WrittenVersions(), WrittenVersions()
    for run_id, version in (("a", "1"), ("c", "3"), ("b", "2"), ("d", "4")):
        ours.add(("a", run_id), version)
    told = ours.pairs(Span("a", "c"))
    assert told == [("b", "2"), ("c", "3")]
    assert ours.pairs(Span()) == [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]
    theirs.add_pairs(told)
    assert (theirs.beyond(""), theirs.beyond("b")) == (("2", "3"), ("3",))


def test_not_more_is_told_than_a_record_should_hold() -> None:
    """What is left out is looked at again, which is never wrong."""
    versions = WrittenVersions()
    versions.add_pairs((f"{number:05}", str(number)) for number in range(MAX_TOLD + 1))
    assert len(versions.pairs(Span())) == MAX_TOLD
