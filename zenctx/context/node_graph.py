"""The nodes of a workflow by its definition: what may follow each, what each one reads and needs.

Facts of the engine: a definition has `nodes` (a list; each has a `key`, and may have `next`, `config`, `pluginNode`)
and `metadata` (`aliases`, `nodeConsumers`, `secrets` by name, `profileRequiredNodes`). A node reads values by
templates in its config, `{{node.output.path}}`, behind a colon with a default, and secrets by `{{secrets.NAME}}`.
What has another shape is not understood, and nothing is concluded from it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_TEMPLATE = re.compile(r"\{\{\s*([a-zA-Z0-9_.\-\[\]]+)\s*(:[^}]*)?\}\}")
_SECRETS, _PROFILES, _OUTPUT = "secrets.", "profiles.", ".output."
_TIMER = re.compile(r"\b(?:timeout|delay|timer)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Node:
    """One node. `reads`: keys of the context, and whether a default stands beside each; `secrets`: names.

    `may_follow` has the keys that its `next` names, and every other node that its config names: branches and loops keep
    their targets there.
    """

    key: str
    may_follow: frozenset[str] = frozenset()
    reads: Mapping[str, bool] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    needs_profile: bool = False
    is_timer: bool = False


@dataclass(frozen=True, slots=True)
class NodeGraph:
    """The nodes of a workflow by their keys."""

    nodes: Mapping[str, Node]

    def from_here_on(self, keys: frozenset[str]) -> frozenset[str]:
        """Gives these nodes and all that may come after them, with too many rather than too few."""
        found: set[str] = set()
        waiting = [key for key in keys if key in self.nodes]
        while waiting:
            key = waiting.pop()
            if key not in found:
                found.add(key)
                waiting += self.nodes[key].may_follow
        return frozenset(found)

    def producer(self, key: str) -> str | None:
        """Gives the node that makes the value of a context key; None where that is no output of a node of this."""
        node, separator, _ = key.partition(_OUTPUT)
        return node if separator and node in self.nodes else None


def read_graph(text: str | None) -> NodeGraph | str:
    """Reads a definition from its JSON text (None: there is none); gives a clause where it is not understood: why."""
    if text is None:
        return "there is none"
    try:
        # Numbers play no part: as text they cost nothing and cannot overflow.
        document = json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return "it is no JSON that can be read"
    nodes = document.get("nodes") if isinstance(document, dict) else None
    if not isinstance(nodes, list) or not nodes:
        return "it has no list of nodes"
    if not all(isinstance(node, dict) and isinstance(node.get("key"), str) for node in nodes):
        return "a node of it has no key"
    return NodeGraph(_nodes(nodes, _Metadata(_part(document, "metadata", dict))))


class _Metadata:
    """What the engine has worked out of the nodes when the definition was saved; any of it may be missing."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.aliases = {name: key for name, key in _part(found, "aliases", dict).items() if isinstance(key, str)}
        self._consumers = _part(found, "nodeConsumers", dict)
        self._secrets = _part(found, "secrets", dict)
        self._profiles = _part(found, "profileRequiredNodes", list)

    def resolved(self, reference: str) -> str:
        """The key behind an alias, which is a template itself."""
        match = _TEMPLATE.search(self.aliases.get(reference, ""))
        return match[1] if match else reference

    def reads(self, node: str) -> dict[str, bool]:
        return {
            key: False for key, usage in self._consumers.items() if node in _strings(_part(usage, "consumers", list))
        }

    def secrets(self, node: str) -> set[str]:
        return {name for name, nodes in self._secrets.items() if node in _strings(nodes)}

    def needs_profile(self, node: str) -> bool:
        return node in _strings(self._profiles)


def _nodes(nodes: list[dict[str, Any]], metadata: _Metadata) -> dict[str, Node]:
    keys = frozenset(node["key"] for node in nodes)
    return {node["key"]: _node(node, keys, metadata) for node in nodes}


def _node(node: dict[str, Any], keys: frozenset[str], metadata: _Metadata) -> Node:
    key, config = node["key"], node.get("config")
    texts = list(_strings(config))
    by_template: dict[str, bool] = {}
    secrets = metadata.secrets(key)
    for match in (found for text in texts for found in _TEMPLATE.finditer(text)):
        if match[1].startswith(_SECRETS):
            secrets.add(match[1].removeprefix(_SECRETS))
            continue
        reference = metadata.resolved(match[1])
        by_template[reference] = match[2] is not None and by_template.get(reference, True)
    reads = {**metadata.reads(key), **by_template}
    return Node(
        key=key,
        may_follow=keys & {*_strings(node.get("next")), *texts},
        reads={name: has for name, has in reads.items() if not name.startswith((_SECRETS, _PROFILES))},
        secrets=frozenset(secrets),
        needs_profile=metadata.needs_profile(key),
        is_timer=any(_TIMER.search(text) for text in _strings(node.get("pluginNode"))),
    )


def _part(value: object, name: str, kind: type) -> Any:
    """A member of an object where both are what they should be, else an empty one."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, kind) else kind()


def _strings(value: object) -> Iterator[str]:
    """Every string in a JSON value, at whatever depth, names apart."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, str):
            yield found
        elif isinstance(found, dict):
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found
