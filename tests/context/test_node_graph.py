"""What is understood of a workflow's definition, and what is said not to be."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zenctx.context.node_graph import NodeGraph, read_graph

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["nodes", "key", "a", "{{a.output.x}}"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["nodes", "key", "next", "config", "metadata", "aliases", "secrets", "x"]), inner
        )
    ),
    max_leaves=12,
)


def read(nodes: object, **metadata: object) -> NodeGraph:
    """Reads a definition that is understood."""
    found = read_graph(json.dumps({"nodes": nodes, "metadata": metadata}))
    assert isinstance(found, NodeGraph)
    return found


def test_what_follows_a_node() -> None:
    """What its `next` names, and the nodes that its config names: branches keep theirs there; a ring ends."""
    found = read(
        [
            {"key": "a", "next": ["b"]},
            {"key": "b", "config": {"input": {"cases": [{"then": "c"}], "other": ["elsewhere"]}}},
            {"key": "c", "next": ["a", "unknown"]},
            {"key": "d"},
        ]
    )
    assert found.from_here_on(frozenset({"b", "unknown"})) == {"a", "b", "c"}
    assert found.from_here_on(frozenset({"d"})) == {"d"}


def test_what_a_node_reads() -> None:
    """By templates in its config, by aliases, by what the engine noted; secrets and functions apart."""
    texts = ["{{x.output.a}} and {{x.output.b:none}}", {"deep": ["{{ total }}", "{{now()}}", "{{secrets.KEY}}"]}]
    found = read(
        [{"key": "n", "config": {"input": {"texts": texts}}}, {"key": "x"}],
        aliases={"total": "{{x.output.t}}", "odd": 1},
        nodeConsumers={"x.output.c": {"consumers": ["n"]}, "x.output.a": {"consumers": ["n", "x"]}, "y": None},
        secrets={"OTHER": ["n"], "NOT": ["x"]},
        profileRequiredNodes=["n"],
    )
    node = found.nodes["n"]
    assert dict(node.reads) == {"x.output.a": False, "x.output.b": True, "x.output.c": False, "x.output.t": False}
    assert node.secrets == {"KEY", "OTHER"}
    assert node.needs_profile
    assert not found.nodes["x"].needs_profile
    assert (found.producer("x.output.a"), found.producer("z.output.a"), found.producer("x")) == ("x", None, None)


@pytest.mark.parametrize(("name", "is_timer"), [("flow.timeout", True), ("flow.wait", False), ("timeouts", False)])
def test_which_node_is_a_timer(name: str, is_timer: bool) -> None:
    """By the name of what it runs."""
    assert read([{"key": "n", "pluginNode": {"nodeKey": name}}]).nodes["n"].is_timer is is_timer


@pytest.mark.parametrize(
    "text", [None, "{", "[]", "{}", '{"nodes":{}}', '{"nodes":[]}', '{"nodes":[{"key":null}]}', "[" * 5000]
)
def test_what_is_not_understood(text: str | None) -> None:
    """Is said in a clause."""
    assert isinstance(read_graph(text), str)


@settings(max_examples=30)
@given(ANY_JSON)
def test_no_definition_is_too_strange(value: object) -> None:
    """Whatever it holds, it is understood or not; and then all can be asked of it."""
    found = read_graph(json.dumps(value))
    if isinstance(found, NodeGraph):
        assert found.from_here_on(frozenset(found.nodes)) == found.nodes.keys()
