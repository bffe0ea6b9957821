"""Reads a YAML text as Spring does: documents of keys and texts. Nothing in it is ever constructed or called."""

import re
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol

from zenctx.config.spring.model import Entry
from zenctx.config.spring.scalars import application_text
from zenctx.errors import SettingsError

MAX_NODES = 20_000
MAX_DEPTH = 50
MAX_KEY = 2_000

_MERGE = "tag:yaml.org,2002:merge"
_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_QUOTED = re.compile(r" ?(['\"])(.*?)\1", re.DOTALL)


class _Node(Protocol):
    """A node as PyYAML composes it."""

    id: str
    tag: str
    value: Any
    style: str | None
    start_mark: Any


def read_yaml(text: str, name: str) -> Iterator[list[Entry]]:
    """Gives the entries of each document, nested keys joined by dots and lists as `key[0]`.

    `name` is how messages call the text; they quote no value. Raises SettingsError for what is not YAML, what the
    application would refuse too (a key twice, a tag), and for what grows out of proportion.
    """
    yaml = _library()
    walk = _Walk(name)
    try:
        for root in yaml.compose_all(text, Loader=yaml.SafeLoader):
            yield list(walk.document(root))
    except yaml.MarkedYAMLError as error:
        raise _malformed(error.problem or error.context, error.problem_mark or error.context_mark, name) from None
    except yaml.YAMLError:
        raise SettingsError(f"{name} is not valid YAML: it holds a control character") from None
    except (RecursionError, ValueError):
        raise SettingsError(f"{name} is no settings file: it nests too deep") from None


def _library() -> ModuleType:
    try:
        # Lazy: an extra, and slow to import.
        return import_module("yaml")
    except ImportError:
        raise SettingsError(
            "the application's YAML settings need the package PyYAML, which is not installed",
            hint="install zenctx with its extra: pip install 'zenctx[spring]'",
        ) from None


def _malformed(problem: object, mark: object, name: str) -> SettingsError:
    what = _QUOTED.sub(_harmless, str(problem or "it cannot be read"))
    line, column = getattr(mark, "line", 0) + 1, getattr(mark, "column", 0) + 1
    return SettingsError(
        f"{name} is not valid YAML at line {line}, column {column}: {what}",
        hint="texts that begin with a special character stand in quotes; tabs cannot indent",
    )


def _harmless(quoted: re.Match[str]) -> str:
    """Keeps what is one character or a kind of token: `password: *hunter2` is an alias, of which PyYAML says more."""
    return quoted[0] if len(quoted[2]) < 2 or quoted[2].startswith("<") else ""


class _Walk:
    """Goes through the nodes; every visit counts, so that aliases cannot multiply them without end."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._left = MAX_NODES

    def document(self, root: _Node | None) -> Iterator[Entry]:
        """Gives the entries of a document; an empty one has none."""
        if root is None or (root.id == "scalar" and not root.value):
            return
        if root.id != "mapping":
            raise self._refused(root, "holds no keys at its top")
        yield from self._node(root, "", 0)

    def _node(self, node: _Node, key: str, depth: int) -> Iterator[Entry]:
        self._count(node, depth)
        if len(key) > MAX_KEY:
            raise self._refused(node, f"has a key of more than {MAX_KEY} characters")
        if node.id == "scalar":
            yield self._scalar(node, key)
            return
        if node.tag not in _COLLECTIONS:
            raise self._refused(node, "has a tag, which the application does not take")
        if not node.value:
            yield Entry(key, "", "", _line(node))
        elif node.id == "sequence":
            for index, item in enumerate(node.value):
                yield from self._node(item, f"{key}[{index}]", depth + 1)
        else:
            for name, value in self._pairs(node, depth).items():
                joined = name if not key else f"{key}{name}" if name.startswith("[") else f"{key}.{name}"
                yield from self._node(value, joined, depth + 1)

    def _pairs(self, node: _Node, depth: int) -> dict[str, _Node]:
        """Gives the values by key; own keys win over merged ones (`<<`), and the first merged one over the next."""
        self._count(node, depth)
        own: dict[str, _Node] = {}
        merged: list[_Node] = []
        for key, value in node.value:
            if key.tag == _MERGE:
                merged += value.value if value.id == "sequence" else [value]
                continue
            if key.id != "scalar":
                raise self._refused(key, "has a key that is not a text")
            if key.value in own:
                raise self._refused(key, f"names {key.value[:60]!r} twice")
            own[key.value] = value
        for mapping in merged:
            if mapping.id != "mapping":
                raise self._refused(mapping, "merges what holds no keys")
            for name, value in self._pairs(mapping, depth + 1).items():
                own.setdefault(name, value)
        return own

    def _scalar(self, node: _Node, key: str) -> Entry:
        read = application_text(node.tag, node.value, is_plain=node.style is None)
        if read is None:
            raise self._refused(node, "has a tag, which the application does not take")
        text, trap = read
        return Entry(key, text, node.value, _line(node), trap)

    def _count(self, node: _Node, depth: int) -> None:
        self._left -= 1
        if self._left < 0:
            raise self._refused(node, f"grows beyond {MAX_NODES} values")
        if depth > MAX_DEPTH:
            raise self._refused(node, f"nests deeper than {MAX_DEPTH} levels")

    def _refused(self, node: _Node, what: str) -> SettingsError:
        return SettingsError(f"{self._name} cannot be read: line {_line(node)} {what}")


def _line(node: _Node) -> int:
    return int(node.start_mark.line) + 1
