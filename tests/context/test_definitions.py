"""Which keys are dead follows from a definition; where that says too little, none is."""

import json

import pytest

from zenctx.context.definitions import consumed_keys

NODES = [{"key": "mail", "config": {"input": {"to": "{{ upper(fetch.output.user.mail) }}", "n": ["{{alias}}"]}}}]


def definition(consumers: object, **metadata: object) -> bytes:
    """A definition with these `nodeConsumers`."""
    return json.dumps({"nodes": NODES, "metadata": {"nodeConsumers": consumers, **metadata}}).encode()


def dead(text: bytes, *keys: str) -> list[str]:
    """Those of some keys that are dead."""
    consumed = consumed_keys(text)
    assert consumed is not None
    return [key for key in keys if consumed.is_dead(key)]


def test_a_key_without_consumers_is_dead() -> None:
    """And one with consumers is not, nor a part of it, nor what it is a part of."""
    text = definition({"a.output.x": {"consumers": ["mail"]}, "a.output.y": {"consumers": []}, "a.output.z": None})
    assert dead(text, "a.output.x", "a.output.x.deep", "a.output.x[0]", "a.output.y", "a.output.z", "b.output.x") == [
        "a.output.y",
        "a.output.z",
        "b.output.x",
    ]
    assert dead(text, "fetch.output.user", "fetch.output.users", "a.output.xy") == ["fetch.output.users", "a.output.xy"]


def test_an_alias_that_is_read_reads_what_it_stands_for() -> None:
    """Also through another alias, and by the names that stand beside the consumers."""
    usage = {"q.output.v": {"consumers": ["n"]}, "r.output.v": {"aliases": ["alias"]}}
    text = definition(
        usage, aliases={"alias": "{{other.name}}", "other.name": "{{p.output.v}}", "idle": "{{s.output.v}}"}
    )
    assert dead(text, "p.output.v", "q.output.v", "r.output.v", "s.output.v") == ["s.output.v"]


def test_only_outputs_are_ever_dead() -> None:
    """Reserved keys are the engine's; what is no node's output may be read in ways that no definition shows."""
    text = definition({"a.output.x": {"consumers": ["mail"]}})
    assert dead(text, "__zenflow_secrets", "__zenflow_x.output.y", "rows", "", "a.output") == []


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b'{"nodes":[]}',
        b'{"nodes":[],"metadata":null}',
        b'{"nodes":[],"metadata":{}}',
        definition({}),
        definition(None),
        definition([1]),
        definition({"a.output.x": 7}),
        b'{"nodes":"\xff","metadata":{"nodeConsumers":{"a.output.x":{}}}}',
        b'{"nodes":' + b"[" * 2000,
    ],
)
def test_a_definition_that_says_too_little_calls_nothing_dead(text: bytes) -> None:
    """It cannot be read, is of another kind, or says nothing of consumers."""
    assert consumed_keys(text) is None
