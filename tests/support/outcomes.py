"""The last lines of a command that did not end with 0, collected from the reports that the source makes."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from importlib import import_module

from tests.support.messages import TOLD, tidy
from tests.support.texts_of_code import ANY, Module, Place, bindings_at, modules, parameters_of

_SAID = ("message", "next_step")
_MARKS = " ,;:.()"
_SEVERAL_WORDS = re.compile(r"[A-Za-z]{2,}[^…]* [^…]*[A-Za-z]{2,}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A sentence of a last line, or a part of one, with `…` for what varies; and the module that makes the report."""

    module: str
    text: str

    @property
    def parts(self) -> list[str]:
        """What stands between the `…`, in lower case: that it is found is what can be asked."""
        return parts_of(self.text)

    @property
    def is_sentence(self) -> bool:
        """Whether it is what somebody would look for: a single word is not."""
        return _SEVERAL_WORDS.search(self.text) is not None


def parts_of(text: str) -> list[str]:
    """Give what stands between the `…` of a text, in lower case and without the marks around it."""
    return [part.strip(_MARKS) for part in text.lower().split(ANY) if part.strip(_MARKS)]


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where an expression stands: `function` is None at the top of a module."""

    module: Module
    function: ast.FunctionDef | None
    line: int

    @property
    def place(self) -> Place:
        return Place(self.module, bindings_at(self.function, self.line) if self.function else {})


@cache
def outcomes() -> tuple[Outcome, ...]:
    """Collect all, each once, in the order of modules and lines."""
    found: dict[Outcome, None] = {}
    for module in modules().values():
        for function, call in _calls(module):
            given = _given(module, call)
            if not {*_SAID, "exit_code"} <= given.keys():
                continue
            spot = _Spot(module, function, call.lineno)
            if _is_always_done(spot, given["exit_code"]):
                continue
            walk = _Walk(function, set())
            texts = [text for name in _SAID for text in walk.texts(spot, given[name])]
            found |= dict.fromkeys(Outcome(module.name, text) for text in map(tidy, texts))
    return tuple(found)


def _calls(module: Module) -> list[tuple[ast.FunctionDef | None, ast.Call]]:
    return _calls_of(module.name)


@cache
def _calls_of(name: str) -> list[tuple[ast.FunctionDef | None, ast.Call]]:
    def inside(node: ast.AST, function: ast.FunctionDef | None) -> Iterator[tuple[ast.FunctionDef | None, ast.Call]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Constant | ast.expr_context | ast.operator | ast.alias):
                continue
            if isinstance(child, ast.Call):
                yield function, child
            yield from inside(child, child if isinstance(child, ast.FunctionDef) else function)

    return list(inside(modules()[name].tree, None))


def _given(module: Module, call: ast.Call) -> dict[str, ast.expr]:
    """Give what a call sets each field of a class of ours to; a default where the class has one."""
    if not isinstance(call.func, ast.Name):
        return {}
    source, original = module.imports.get(call.func.id, (module.name, call.func.id))
    if source not in modules() or original not in modules()[source].classes:
        return {}
    defaults = _fields(source, original)
    positional = dict(zip(defaults, call.args, strict=False))
    return {**defaults, **positional, **{each.arg: each.value for each in call.keywords if each.arg}}


@cache
def _fields(source: str, name: str) -> dict[str, ast.expr]:
    """Give the fields of a class in their order, with what each is where nothing is said."""
    kind = getattr(import_module(source), name)
    if is_dataclass(kind):
        return {
            each.name: ast.Constant(each.default if isinstance(each.default, int) else None) for each in fields(kind)
        }
    return dict.fromkeys(getattr(kind, "_fields", ()), ast.Constant(None))


def _is_always_done(spot: _Spot, code: ast.expr) -> bool:
    return all(_constant(place.module, node) == 0 for place, node in spot.place.values(code))


def _constant(module: Module, node: ast.expr) -> object:
    """What a name of a module, or a constant, stands for; None where only a run can tell."""
    if isinstance(node, ast.Name):
        return getattr(import_module(module.name), node.id, None)
    return node.value if isinstance(node, ast.Constant) else None


@dataclass(frozen=True, slots=True)
class _Walk:
    """Goes from an expression to every text that may become a part of it; to no place twice."""

    maker: ast.FunctionDef | None
    """The function that makes the report: what it is handed is looked up at its callers, of others at the call."""
    seen: set[tuple[str, int, int, str]]

    def texts(self, spot: _Spot, node: ast.AST) -> Iterator[str]:
        """Give the texts, those of an f-string with `…` for what is put into it, and then what that may be."""
        match node:
            case ast.Constant(value=str(text)):
                yield text
            case ast.JoinedStr(values=parts):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else ANY for part in parts)
            case ast.Name(id=name):
                yield from self._named(spot, name)
            case ast.Call():
                yield from self._called(spot, node)
            case ast.Attribute(attr=name):
                yield from self._of_attribute(spot, name)
        for child in _within(node):
            yield from self.texts(spot, child)

    def _is_new(self, spot: _Spot, what: str) -> bool:
        key = (spot.module.name, spot.function.lineno if spot.function else 0, spot.line, what)
        is_new = key not in self.seen
        self.seen.add(key)
        return is_new

    def _named(self, spot: _Spot, name: str) -> Iterator[str]:
        if not self._is_new(spot, name):
            return
        if spot.function is not None:
            yield from self._bound(spot, spot.function, name)
        source, original = spot.module.imports.get(name, (spot.module.name, name))
        if source in modules():
            module = modules()[source]
            for value in module.constants.get(original, []):
                yield from self.texts(_Spot(module, None, 0), value)

    def _bound(self, spot: _Spot, function: ast.FunctionDef, name: str) -> Iterator[str]:
        """What a name of a function is set to, what is appended to it, and what it is handed."""
        for value in bindings_at(function, spot.line).get(name, []):
            yield from self.texts(spot, value)
        for call in (each for each in ast.walk(function) if isinstance(each, ast.Call)):
            if call.lineno <= spot.line and ast.unparse(call.func) in {f"{name}.append", f"{name}.extend"}:
                yield from self.texts(_Spot(spot.module, function, call.lineno), call.args[0])
        if function is self.maker and name in parameters_of(function):
            yield from self._of_parameter(spot.module, function, name)

    def _of_parameter(self, module: Module, function: ast.FunctionDef, name: str) -> Iterator[str]:
        """What the callers in the same module hand over."""
        for caller, call in _calls(module):
            if isinstance(call.func, ast.Name) and call.func.id == function.name:
                given = dict(zip(parameters_of(function), call.args, strict=False))
                given |= {each.arg: each.value for each in call.keywords if each.arg}
                if name in given:
                    yield from self.texts(_Spot(module, caller, call.lineno), given[name])

    def _called(self, spot: _Spot, call: ast.Call) -> Iterator[str]:
        given = [*call.args, *(each.value for each in call.keywords)]
        if len(given) > 2 and all(isinstance(each, ast.Constant) for each in given[-2:]):
            given = given[-1:]  # a count, what one is, and what several are
        for argument in given:
            yield from self.texts(spot, argument)
        match call.func:
            case ast.Name(id=name):
                source, original = spot.module.imports.get(name, (spot.module.name, name))
                module = modules().get(source)
                if module and original in module.functions:
                    yield from self._returned(module, module.functions[original])
            case ast.Attribute(value=ast.Name(id="self"), attr=name) if name in spot.module.functions:
                yield from self._returned(spot.module, spot.module.functions[name])
            case ast.Attribute(value=value):
                yield from self.texts(spot, value)

    def _returned(self, module: Module, function: ast.FunctionDef) -> Iterator[str]:
        if not self._is_new(_Spot(module, function, 0), "return"):
            return
        for node in ast.walk(function):
            if isinstance(node, ast.Return | ast.Yield) and node.value:
                yield from self.texts(_Spot(module, function, node.lineno), node.value)

    def _of_attribute(self, spot: _Spot, name: str) -> Iterator[str]:
        """What the same package sets a field of that name to, or a property gives; TOLD are collected as messages."""
        if name in {*TOLD, "message", "hint"} or not self._is_new(_Spot(spot.module, None, 0), f".{name}"):
            return
        package = spot.module.name.rpartition(".")[0]
        near = {source for source, _ in spot.module.imports.values()} & modules().keys()
        for module in map(modules().__getitem__, sorted(near | {spot.module.name})):
            if name in module.functions and _is_property(module.functions[name]):
                yield from self._returned(module, module.functions[name])
            if module.name.rpartition(".")[0] == package and package != "zenctx.operations":
                for function, call in _calls(module):
                    yield from self._set_there(_Spot(module, function, call.lineno), call, name)

    def _set_there(self, spot: _Spot, call: ast.Call, name: str) -> Iterator[str]:
        given = _given(spot.module, call)
        if name in given:
            yield from self.texts(spot, given[name])


def _within(node: ast.AST) -> Iterator[ast.AST]:
    """Give the parts of an expression that may become a part of its text; of one and many, many."""
    match node:
        case ast.Tuple(elts=[ast.Constant(value=str()), ast.Constant(value=str()) as many]):
            yield many
        case ast.JoinedStr(values=parts) | ast.Dict(values=parts):
            yield from (part for part in parts if isinstance(node, ast.Dict) or isinstance(part, ast.FormattedValue))
        case _ if type(node) in _PARTS:
            yield from (getattr(node, name) for name in _PARTS[type(node)])
        case _:
            yield from ast.iter_child_nodes(node)


_PARTS: dict[type[ast.AST], tuple[str, ...]] = {
    ast.IfExp: ("body", "orelse"),
    ast.comprehension: ("iter",),
    ast.Subscript: ("value",),
    ast.Attribute: ("value",),
    ast.FormattedValue: ("value",),
    ast.Compare: (),
    ast.Call: (),
    ast.Name: (),
}


def _is_property(function: ast.FunctionDef) -> bool:
    return any(isinstance(each, ast.Name) and each.id == "property" for each in function.decorator_list)
