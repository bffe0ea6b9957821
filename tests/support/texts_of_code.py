"""Reads the source of zenctx, and says which texts an expression of it may become."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from math import prod
from pathlib import Path

ROOT = Path(__file__).parents[2]
ANY = "…"
"""What stands in a text for a name, a number, or another text."""
_DEEPEST = 12
_MOST = 6
"""More texts than so many that differ in several places are told as one."""

Bindings = Mapping[str, Sequence[ast.expr]]


@dataclass(slots=True)
class Module:
    """One source file: its functions and classes by name, its constants, and what it imports from others of ours."""

    name: str
    tree: ast.Module
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)
    constants: Bindings = field(default_factory=dict)


@cache
def modules() -> dict[str, Module]:
    """Read all modules of zenctx, by their names."""
    found = {}
    for path in sorted((ROOT / "zenctx").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        found[name] = _read(name, ast.parse(path.read_text()))
    return found


def _read(name: str, tree: ast.Module) -> Module:
    module = Module(name, tree, constants=_bound(tree.body))
    for node in _statements(tree.body, into_definitions=True):
        match node:
            case ast.FunctionDef():
                module.functions.setdefault(node.name, node)
            case ast.ClassDef():
                module.classes[node.name] = node
            case ast.ImportFrom(module=str(source)) if source.startswith("zenctx"):
                module.imports |= {alias.asname or alias.name: (source, alias.name) for alias in node.names}
    return module


def parameters_of(function: ast.FunctionDef) -> list[str]:
    """Give the names of its parameters, without `self`."""
    given = function.args
    return [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs) if each.arg != "self"]


@dataclass(frozen=True, slots=True)
class Assignment:
    """What one or several names are set to together: in which line, and within which lines its block stands."""

    names: tuple[str, ...]
    value: ast.expr
    line: int
    block: range
    replaces: bool = True


def bindings_at(function: ast.FunctionDef, line: int) -> Bindings:
    """Give what the names of a function may be set to in a line; its parameters are set to nothing that is known."""
    found: dict[str, Sequence[ast.expr]] = {name: [] for name in parameters_of(function)}
    for name in _by_names(function):
        if len(name) == 1:
            found[name[0]] = [each.value for each in _reaching(_by_names(function)[name], line)]
    return found


def pairs_at(function: ast.FunctionDef, line: int) -> Iterator[tuple[tuple[str, ...], list[ast.expr]]]:
    """Give the names that are set together, `sentence, hint = _CODES[code]`, and what they are taken from."""
    for names, assignments in _by_names(function).items():
        if len(names) > 1:
            yield names, [each.value for each in _reaching(assignments, line)]


def _reaching(assignments: Sequence[Assignment], line: int) -> list[Assignment]:
    """Those from the last one on that is always passed on the way to a line; all where there is none before it."""
    before = [each for each in assignments if each.line <= line]
    passed = [each.line for each in before if line in each.block and each.replaces]
    return [each for each in before if each.line >= max(passed, default=0)] or list(assignments)


@cache
def _by_names(function: ast.FunctionDef) -> dict[tuple[str, ...], list[Assignment]]:
    found: dict[tuple[str, ...], list[Assignment]] = {}
    for assignment in _assignments(function.body):
        found.setdefault(assignment.names, []).append(assignment)
        if len(assignment.names) > 1:
            for name, value in _unpacked(assignment):
                single = Assignment((name,), value, assignment.line, assignment.block)
                found.setdefault((name,), []).append(single)
    return found


def _bound(body: Sequence[ast.stmt]) -> Bindings:
    found: dict[str, list[ast.expr]] = {}
    for assignment in _assignments(body):
        if len(assignment.names) == 1:
            found.setdefault(assignment.names[0], []).append(assignment.value)
    return found


def _statements(body: Sequence[ast.stmt], *, into_definitions: bool = False) -> Iterator[ast.stmt]:
    return (statement for statement, _ in _placed(body, into_definitions=into_definitions))


def _placed(body: Sequence[ast.stmt], *, into_definitions: bool = False) -> Iterator[tuple[ast.stmt, range]]:
    """Give each statement with the lines of its block."""
    lines = range(body[0].lineno, (body[-1].end_lineno or 0) + 1)
    for statement in body:
        is_definition = isinstance(statement, ast.FunctionDef | ast.ClassDef)
        if is_definition and not into_definitions:
            continue
        yield statement, lines
        inner = [getattr(statement, name, ()) for name in ("body", "orelse", "finalbody")]
        blocks = [block.body for name in ("handlers", "cases") for block in getattr(statement, name, ())]
        for block in (*inner, *blocks):
            if block:
                yield from _placed(block, into_definitions=into_definitions)


def _assignments(body: Sequence[ast.stmt]) -> Iterator[Assignment]:
    for statement, around in _placed(body):
        block = around
        match statement:
            case ast.Assign(targets=[target], value=value) | ast.AnnAssign(target=target, value=ast.expr() as value):
                replaces = True
            case ast.AugAssign(target=target, value=value):
                value, replaces = ast.BinOp(ast.Constant(ANY), ast.Add(), value), False
            case ast.For(target=target, iter=source):
                # Of a table every row, each time anew.
                value, replaces = ast.Subscript(source, ast.Constant(ANY)), True
                block = range(statement.lineno, (statement.end_lineno or 0) + 1)
            case _:
                continue
        if isinstance(target, ast.Name | ast.Tuple):
            parts = target.elts if isinstance(target, ast.Tuple) else [target]
            yield Assignment(tuple(map(ast.unparse, parts)), value, statement.lineno, block, replaces)


def _unpacked(assignment: Assignment) -> Iterator[tuple[str, ast.expr]]:
    for at, name in enumerate(assignment.names):
        yield name, ast.Subscript(assignment.value, ast.Constant(at))


@dataclass(frozen=True, slots=True)
class Place:
    """Where an expression stands: a module, and what the names around it are set to."""

    module: Module
    bindings: Bindings
    depth: int = _DEEPEST

    def rows(self, sources: Sequence[ast.expr], width: int) -> Iterator[tuple[ast.expr, ...]]:
        """Give the rows of so many parts that expressions come down to."""
        for source in sources:
            for _, value in self.values(source):
                if isinstance(value, ast.Tuple) and len(value.elts) == width:
                    yield tuple(value.elts)

    def texts(self, node: ast.expr) -> list[str]:
        """Give each text that an expression may be; `…` stands for what only a run can tell, none for None."""
        found = [text for place, value in self.values(node) for text in place._texts(value)]
        return list(dict.fromkeys(found))

    def _texts(self, node: ast.expr) -> list[str]:
        match node:
            case ast.Constant(value=None):
                return []
            case ast.Constant(value=value):
                return [value] if isinstance(value, str) else [ANY]
            case ast.JoinedStr(values=parts):
                return self._joined(parts)
            case ast.FormattedValue(value=value):
                return self._words(value)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._joined([left, right])
            case _:
                return [ANY]

    def _joined(self, parts: Sequence[ast.expr]) -> list[str]:
        each = [self.texts(part) or [""] for part in parts]
        several = [texts for texts in each if len(texts) > 1]
        if len(several) > 1 and prod(map(len, several)) > _MOST:
            each = [texts if len(texts) == 1 else [ANY] for texts in each]
        return ["".join(parts) for parts in product(*each)]

    def _words(self, node: ast.expr) -> list[str]:
        """What is put into a text: words as they are, anything else as `…`."""
        texts = [text if re.search("[a-z]{2}", text) or not text else ANY for text in self.texts(node)]
        return texts or [ANY]

    def values(self, node: ast.expr) -> list[tuple["Place", ast.expr]]:
        """Give what an expression comes down to: names are looked up, of choices each is taken."""
        if self.depth == 0:
            return [(self, ast.Constant(ANY))]
        deeper = Place(self.module, self.bindings, self.depth - 1)
        match node:
            case ast.IfExp(body=one, orelse=other) | ast.BoolOp(values=[one, other]):
                return [*deeper.values(one), *deeper.values(other)]
            case ast.Name(id=name):
                return deeper._named(name) or [(self, node)]
            case ast.Subscript(value=container, slice=ast.Constant(value=at)):
                return deeper._items(container, at) or [(self, node)]
            case ast.Subscript(value=container):
                return deeper._items(container, ANY) or [(self, node)]
            case ast.Call(func=ast.Attribute(value=container, attr="get"), args=[_, *default]):
                found = [*deeper._items(container, ANY), *(pair for each in default for pair in deeper.values(each))]
                return found or [(self, node)]
            case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)):
                return deeper._returned(name) or [(self, node)]
            case _:
                return [(self, node)]

    def _named(self, name: str) -> list[tuple["Place", ast.expr]]:
        if name in self.bindings:
            return [pair for value in self.bindings[name] for pair in self.values(value)]
        if name in self.module.constants:
            place = Place(self.module, {}, self.depth)
            return [pair for value in self.module.constants[name] for pair in place.values(value)]
        source, original = self.module.imports.get(name, ("", ""))
        other = modules().get(source)
        return Place(other, {}, self.depth - 1)._named(original) if other and self.depth else []

    def _items(self, container: ast.expr, at: object) -> list[tuple["Place", ast.expr]]:
        found = []
        for place, value in self.values(container):
            match value:
                case ast.Call(args=[ast.Dict(values=items)]) | ast.Dict(values=items):
                    found += [(place, item) for item in items]
                case ast.Tuple(elts=items) | ast.List(elts=items):
                    found += [(place, item) for number, item in enumerate(items) if at in (number, ANY)]
        return [pair for place, item in found for pair in place.values(item)]

    def _returned(self, name: str) -> list[tuple["Place", ast.expr]]:
        function = self.module.functions.get(name)
        if function is None:
            return []
        found = []
        for each in _statements(function.body):
            if isinstance(each, ast.Return) and each.value:
                place = Place(self.module, bindings_at(function, each.lineno), self.depth - 1)
                found += place.values(each.value)
        return found
