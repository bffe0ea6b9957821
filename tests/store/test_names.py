"""Names made from arbitrary text."""

import re

from hypothesis import given
from hypothesis import strategies as st

from zenctx.store.names import file_name, is_reserved, run_directory, split_name, temporary_name

ANY_TEXT = st.text(st.characters(), max_size=400) | st.from_regex(r"\A(\.|-|zenctx-|ZenFlow-ctx-|[/~])+[a-z.]*\Z")
UUIDS = st.uuids().map(str)
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,39}-[0-9a-f]{16}-[0-9a-f]{16}(\.[a-z]+)?")


@given(key=ANY_TEXT, suffix=st.sampled_from(["", ".json", ".dat"]))
def test_any_key_gives_a_harmless_name(key: str, suffix: str) -> None:
    """A file name is short ASCII, never hidden, never reserved, never like a temporary of the engine or an option."""
    name = file_name(key, suffix)
    assert FILE_NAME.fullmatch(name)
    assert len(name) <= 83
    assert not is_reserved(name)
    assert not name.lower().startswith("zenflow-ctx-")
    assert split_name(name) == [name]


@given(key=ANY_TEXT, other=ANY_TEXT)
def test_the_hash_tells_keys_apart(key: str, other: str) -> None:
    """The middle part of a name depends on the key alone, and differs between keys."""
    first, again, different = (file_name(text).split("-")[-2] for text in (key, key, other))
    assert first == again
    assert (first == different) == (key == other)


@given(run_id=ANY_TEXT | UUIDS, other=ANY_TEXT | UUIDS)
def test_any_run_id_gives_a_directory_of_its_own(run_id: str, other: str) -> None:
    """A directory is one harmless component; two ids share one only when they are equal, whatever the case."""
    directory = run_directory(run_id)
    assert re.fullmatch(r"[0-9a-f-]{36}|run-[0-9a-f]{32}", directory)
    assert (directory.lower() == run_directory(other).lower()) == (run_id == other)


@given(run_id=UUIDS)
def test_a_uuid_is_its_own_directory(run_id: str) -> None:
    """The engine's run ids are the names of their directories."""
    assert run_directory(run_id) == run_id


def test_random_parts_do_not_repeat() -> None:
    """Names of the same key, and temporaries, are new each time."""
    assert len({file_name("k") for _ in range(1000)} | {temporary_name() for _ in range(1000)}) == 2000


def test_a_readable_key_stays_readable() -> None:
    """An operator recognises the key in the name."""
    assert file_name("fetch.output.body", ".json").startswith("fetch.output.body-")
    assert file_name("zenctx-tmp-x").startswith("key-zenctx-tmp-x-")
    assert file_name("...").startswith("value-")
