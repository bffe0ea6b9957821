"""Every sentence with which zenctx ends or explains itself, collected from its source."""

import ast
import dataclasses
import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module

from tests.support.texts_of_code import ANY, Module, Place, bindings_at, modules, pairs_at, parameters_of
from zenctx.errors import ZenctxError

TOLD = ("reason", "problem", "note", "why")
"""Fields and parameters in which a sentence for people stands; so is a message with a hint beside it."""
_WORD = re.compile(r"[a-z]{3,}")
_MORE = re.compile(r"(?:;| and)? ?(?:and )?… more$")
_SEVERAL = re.compile(r"…(?:[ ,:;]*…)+")
_LENGTH = re.compile(r"… (?:more )?(?:hours|days|minutes|seconds)\b")
DETAILS = ("zenctx.snapshots.", "zenctx.context.descriptor")
"""Modules whose ValueErrors become the second half of a message."""


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Message:
    """One sentence, the module that says it, what it says to do, and what zenctx ends with because of it.

    The exit code is None where nothing ends by the sentence alone.
    """

    module: str
    text: str
    exit_code: int | None
    hint: str


@dataclasses.dataclass(frozen=True, slots=True)
class Collected:
    """What the source says, and the places where it makes an error of which no word can be told from it."""

    messages: tuple[Message, ...]
    unresolved: tuple[str, ...]


@cache
def collected() -> Collected:
    """Collect all, in the order of modules and lines, each sentence once in a module."""
    found: dict[tuple[str, str], Message] = {}
    unresolved: dict[str, None] = {}
    for place, call in _all_calls():
        told = list(_of_call(place, call))
        found |= {(each.module, each.text): each for each in told if (each.module, each.text) not in found}
        if not told and any(issubclass(kind, ZenctxError) for kind in _kinds(place, call.func)):
            unresolved[f"{place.module.name}: {ast.unparse(call)}"] = None
    return Collected(tuple(found.values()), tuple(unresolved))


def _all_calls() -> Iterator[tuple[Place, ast.Call]]:
    for module in modules().values():
        yield from _calls(module, module.tree, None)


def _calls(module: Module, node: ast.AST, function: ast.FunctionDef | None) -> Iterator[tuple[Place, ast.Call]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Constant | ast.Name | ast.expr_context | ast.operator | ast.alias):
            continue
        if isinstance(child, ast.Call) and (child.args or child.keywords):
            yield from ((place, child) for place in _places(module, function, child))
        yield from _calls(module, child, child if isinstance(child, ast.FunctionDef) else function)


def _places(module: Module, function: ast.FunctionDef | None, call: ast.Call) -> Iterator[Place]:
    """Where a call stands; several where it uses names that are set together, one for each row of their table."""
    if function is None:
        yield Place(module, {})
        return
    bindings = bindings_at(function, call.lineno)
    plain, rows = Place(module, bindings), []
    for names, sources in pairs_at(function, call.lineno):
        if _uses(call, names):
            rows += [zip(names, row, strict=True) for row in plain.rows(sources, len(names))]
    yield from (Place(module, {**bindings, **{name: [part] for name, part in row}}) for row in rows)
    if not rows:
        yield plain


def _uses(call: ast.Call, names: Sequence[str]) -> bool:
    return any(isinstance(node, ast.Name) and node.id in names for node in ast.walk(call))


def _of_call(place: Place, call: ast.Call) -> Iterator[Message]:
    for kind in _kinds(place, call.func):
        names = _fields(kind)
        if issubclass(kind, ZenctxError):
            yield from _messages(place, _texts_of_error(place, kind, call), kind.exit_code, call, names)
        elif issubclass(kind, Exception):
            is_ours = kind.__module__.startswith("zenctx") or place.module.name.startswith(DETAILS)
            yield from _messages(place, place.texts(call.args[0]) if call.args and is_ours else [], None, call, names)
        else:
            yield from _told(place, call, names)
    for function in _functions(place, call.func):
        names = parameters_of(function)
        code = _raised(place, function)
        yield from _told(place, call, names, code)


def _told(place: Place, call: ast.Call, names: Sequence[str], code: int | None = None) -> Iterator[Message]:
    for name in (*TOLD, *(["message"] if "hint" in names else [])):
        if name in names:
            yield from _messages(place, place.texts(_argument(call, names, name)), code, call, names)


def _messages(
    place: Place, texts: Sequence[str], code: int | None, call: ast.Call, names: Sequence[str]
) -> Iterator[Message]:
    hint = " / ".join(dict.fromkeys(place.texts(_argument(call, names, "hint"))))
    least = 1 if code is not None else 2
    for text in texts:
        words = " ".join(text.replace(ANY, " ").split())
        if len(_WORD.findall(words)) >= least and (" " in words or code is not None):
            yield Message(place.module.name, tidy(text), code, tidy(hint))


def _kinds(place: Place, function: ast.expr) -> Iterator[type]:
    """The classes of ours that a call may make something of."""
    for where, value in place.values(function):
        if isinstance(value, ast.Name) and value.id.lstrip("_")[0].isupper():
            source, original = where.module.imports.get(value.id, (where.module.name, value.id))
            kind = getattr(import_module(source), original, None) or getattr(__builtins__, original, None)
            if isinstance(kind, type):
                yield kind


def _functions(place: Place, function: ast.expr) -> Iterator[ast.FunctionDef]:
    """The functions that a call may be of: by name, those of an object by the name alone."""
    if isinstance(function, ast.Attribute):
        yield from _methods().get(function.attr, [])
        return
    for where, value in place.values(function):
        if isinstance(value, ast.Name):
            source, original = where.module.imports.get(value.id, (where.module.name, value.id))
            found = modules()[source].functions.get(original) if source in modules() else None
            if found:
                yield found


@cache
def _methods() -> dict[str, list[ast.FunctionDef]]:
    """Those methods that are told a sentence."""
    found: dict[str, list[ast.FunctionDef]] = {}
    for module in modules().values():
        for function in module.functions.values():
            if {*TOLD, "message"} & set(parameters_of(function)):
                found.setdefault(function.name, []).append(function)
    return found


def _raised(place: Place, function: ast.FunctionDef) -> int | None:
    """What zenctx ends with where a function does nothing but raise what it is told."""
    match function.body:
        case [*_, ast.Raise(exc=ast.Call(func=kind))]:
            codes = [each.exit_code for each in _kinds(place, kind) if issubclass(each, ZenctxError)]
            return codes[0] if codes else None
        case _:
            return None


def _argument(call: ast.Call, names: Sequence[str], name: str) -> ast.expr:
    """Give what a parameter of a call is set to."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    for known, value in zip(names, call.args, strict=False):
        if known == name:
            return value
    return ast.Constant(None)


def _fields(kind: type) -> list[str]:
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind) if field.init]
    return list(getattr(kind, "_fields", ()))


def _texts_of_error(place: Place, kind: type, call: ast.Call) -> list[str]:
    """What it says: its first argument, or what the class itself makes of its arguments."""
    definition = modules()[kind.__module__]
    init = next((node for node in definition.classes[kind.__name__].body if _is_init(node)), None)
    if not isinstance(init, ast.FunctionDef) or kind is ZenctxError:
        return place.texts(call.args[0]) if call.args else []
    names = parameters_of(init)
    given = {name: [*map(ast.Constant, place.texts(_argument(call, names, name)))] for name in names}
    return [
        text
        for handed in _handed_on(init)
        for text in Place(definition, {**bindings_at(init, handed.lineno), **given}).texts(handed)
    ]


def _is_init(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name == "__init__"


def _handed_on(init: ast.FunctionDef) -> Iterator[ast.expr]:
    for node in ast.walk(init):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "super().__init__" and node.args:
            yield node.args[0]


def tidy(text: str) -> str:
    """Give a text on one line, with one `…` for several beside each other and for a length of time."""
    return _SEVERAL.sub(ANY, _LENGTH.sub(ANY, _MORE.sub("", " ".join(text.split()))))
