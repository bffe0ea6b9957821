"""Which keys the nodes of a workflow consume, by its definition: pure, and never sure where it need not be.

The engine writes into `metadata` of a definition, under `nodeConsumers`, who reads which output: the key as
`<node>.output.<path>`, its `consumers`, and under `aliases` the names that stand for a template such as
`{{node.output.x}}`. It keeps an output only where it has consumers. What a template of a node names counts as well, so
that metadata which are behind the nodes call nothing dead that is read.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from zenctx.context.redact import is_reserved

_TEMPLATE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_REFERENCE = re.compile(r"[^\s(){},'\"|+*/<>=!&?:]+")
"""What may be a key within a template, which may also call functions and compare."""
_OUTPUT = ".output."
_ENDS = (".", "[")


class Consumed:
    """The keys that some node reads."""

    def __init__(self, references: Iterable[str]) -> None:
        self._references = frozenset(references)

    def is_dead(self, key: str) -> bool:
        """Tells whether no node reads a key, nor a part of its value, nor a value that it is a part of.

        Only the outputs of nodes are ever dead: other keys are the engine's, or somebody's who says nothing of it.
        """
        if is_reserved(key) or _OUTPUT not in key:
            return False
        return not any(_overlap(key, reference) for reference in self._references)


def consumed_keys(definition: bytes) -> Consumed | None:
    """Gives what a definition says of consumers; None where it cannot be read or says nothing of them."""
    try:
        parsed = msgspec.json.decode(definition, type=_Definition)
        nodes = msgspec.json.decode(parsed.nodes)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    usages = parsed.metadata.nodeConsumers
    if not usages:
        return None
    read = {key for key, usage in usages.items() if usage is not None and usage.consumers}
    read.update(reference for text in _texts(nodes) for reference in _references(text))
    return Consumed(_with_aliases(read, _stands_for(parsed.metadata)))


class _Usage(msgspec.Struct):
    consumers: list[str] | None = None
    aliases: list[str] | None = None


class _Metadata(msgspec.Struct):
    nodeConsumers: dict[str, _Usage | None] | None = None  # noqa: N815 - the engine's name
    aliases: dict[str, str | None] | None = None


class _Definition(msgspec.Struct):
    nodes: msgspec.Raw
    metadata: _Metadata


def _stands_for(metadata: _Metadata) -> dict[str, set[str]]:
    """Gives for each alias the keys that it may stand for."""
    found = {name: set(_references(template or "")) for name, template in (metadata.aliases or {}).items()}
    for key, usage in (metadata.nodeConsumers or {}).items():
        for name in (usage.aliases if usage is not None else None) or ():
            found.setdefault(name, set()).add(key)
    return found


def _with_aliases(read: set[str], aliases: Mapping[str, set[str]]) -> set[str]:
    """Gives what is read, by its own name and through aliases, which may stand for one another."""
    found: set[str] = set()
    waiting = read
    while waiting:
        found |= waiting
        meant = (keys for name, keys in aliases.items() if any(_overlap(name, each) for each in waiting))
        waiting = {key for keys in meant for key in keys} - found
    return found


def _references(text: str) -> Iterator[str]:
    """Yields all that may be a key in the templates of a text."""
    for match in _TEMPLATE.finditer(text):
        yield from (each.rstrip("[].") for each in _REFERENCE.findall(match[1]))


def _texts(value: object) -> Iterator[str]:
    """Yields the texts of a parsed document."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, list):
            waiting += each
        elif isinstance(each, dict):
            waiting += [*each, *each.values()]


def _overlap(key: str, reference: str) -> bool:
    if key == reference:
        return True
    return any(key.startswith(reference + end) or reference.startswith(key + end) for end in _ENDS)
