"""What the text of a context names: every string that leads to a file, however it is written."""

import json
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zenctx.store.locators import Locators
from zenctx.store.mentions import STORAGE, Mentions

HOME = Path("/srv/engine")


def mentions(root: str | None = None, *, engine: Path = HOME, persistent: str = "./data/files/persistent") -> Mentions:
    """Look for the files of usual directories."""
    storage = (HOME / persistent).parent
    return Mentions(Locators((persistent, HOME / persistent), (str(storage), storage), engine, root))


NAME = {"run": {"a.json"}}
TEXTS = [
    '{"a":"./data/files/persistent/run/a.json"}',
    '{"a": {"locator": "./data/files/persistent/run/a.json"}, "b": "./data/files/persistent/run/a.json"}',
    '{"a":"/srv/engine/data/files/persistent/run/a.json"}',
    '{"a":"data/x/../files/./persistent//run/a.json"}',
    '{"a":"\\u002e/data/files/persistent/run/a.json"}',
    '{"a":".\\/data\\/files\\/persistent\\/run\\/a.json"}',
    '{"a":"./data/files/\\u0070ersistent/run/a.json"}',
    '{"q\\"":"\\\\","a":"./data/files/persistent/run/a.json"}',
    '{"./data/files/persistent/run/a.json":1}',
    '["./data/files/persistent/run/a.json"',
    '"./data/files/persistent/run/a.json"',
]


@pytest.mark.parametrize("text", TEXTS)
def test_every_spelling(text: str) -> None:
    """Also in what is no JSON object, or no JSON at all."""
    assert mentions().find(text.encode()) == NAME


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"a":"./data/files/persistent"}',
        '{"a":"./data/files/persistent/../../../etc/x"}',
        '{"a":"./data/files/persistent/zenctx-tmp-1"}',
        '{"a":"./data/files/persistent/.trash/x/run/a.json"}',
        '{"persistent":1,"a":"run/a.json"}',
    ],
)
def test_what_names_no_file(text: str) -> None:
    """Though it holds the name of the directory."""
    assert mentions().find(text.encode()) == {}


def test_temporary_files_of_the_engine_are_named_apart() -> None:
    """A file of the same name in the store is another one."""
    text = '{"a":"./data/files/zenflow-ctx-1","b":"./data/files/persistent/x"}'
    assert mentions().find(text.encode()) == {STORAGE: {"zenflow-ctx-1"}, "": {"x"}}


@pytest.mark.parametrize("shift", range(4))
def test_a_document_in_base64(shift: int) -> None:
    """A value of the type JSON, whose text begins anywhere."""
    inner = json.dumps({"p" * shift: "./data/files/persistent/run/a.json"}).encode()
    text = json.dumps({"a": {"type": "JSON", "inlineValue": b64encode(inner).decode()}}).encode()
    assert mentions().find(text) == NAME


def test_the_engine_may_see_another_directory() -> None:
    """In a container; and zenctx's own view counts as well."""
    text = b'{"a":"/data/persistent/run/a.json","b":"/srv/engine/data/files/persistent/run/b.json"}'
    assert mentions("/data/persistent").find(text) == {"run": {"a.json", "b.json"}}


def test_where_nothing_marks_a_locator_every_string_is_looked_at() -> None:
    """An engine that runs inside the directory writes names without it."""
    inside = mentions(engine=HOME / "data/files/persistent")
    assert inside.marks is None
    assert inside.find(b'{"a":"run/a.json","b":"x\\ny"}')["run"] == {"a.json"}


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.dictionaries(st.text(), inner) | st.lists(inner)
    )
)
def test_wherever_it_stands(around: object) -> None:
    """Between any other values, in either spelling of JSON."""
    context = {"x": around, "y": [around, {"z": "./data/files/persistent/run/a.json"}], "w": around}
    for ascii_only in (True, False):
        try:
            text = json.dumps(context, ensure_ascii=ascii_only).encode()
        except UnicodeEncodeError:
            continue
        assert "a.json" in mentions().find(text).get("run", set())
