"""docs/library.md: its Python blocks are run in their order, and give what their comments show."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import zenctx
from tests.support.documents import ROOT, Shell, code_blocks

GUIDE = (ROOT / "docs" / "library.md").read_text()
GIVES, RAISES = "# -> ", "# raises "
BLOCKS = tuple(code_blocks(GUIDE, "python"))


@dataclass(frozen=True, slots=True)
class Shown:
    """What the comment behind a line says: the line's value, or the error that it raises; `...` stands for any text."""

    raises: bool
    text: str

    def fits(self, outcome: str) -> bool:
        """Tell whether an outcome is what is shown."""
        return re.fullmatch(re.escape(self.text).replace(r"\.\.\.", ".*"), outcome, re.DOTALL) is not None


def _shown(line: str) -> Shown | None:
    for mark in (GIVES, RAISES):
        before, found, text = line.rpartition(mark)
        if found and before.strip():
            return Shown(mark == RAISES, text.strip())
    return None


class Checker(ast.NodeTransformer):
    """Puts a comparison around each expression whose line shows what comes of it."""

    def __init__(self, first: int, lines: list[str]) -> None:
        self.lines, self.first = lines, first
        self.seen = 0

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        """Make `expression  # -> text` a call of `check` with a lambda of the expression."""
        shown = _shown(self.lines[(node.end_lineno or 0) - 1])
        if shown is None:
            return node
        self.seen += 1
        call = ast.parse(f"check({self.first + node.lineno - 1}, {shown.raises}, {shown.text!r}, None)").body[0]
        assert isinstance(call, ast.Expr)
        assert isinstance(call.value, ast.Call)
        nothing = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
        call.value.args[-1] = ast.Lambda(nothing, node.value)
        return ast.fix_missing_locations(ast.copy_location(call, node))


def _check(line: int, raises: bool, text: str, expression: object) -> None:
    assert callable(expression)
    shown = Shown(raises, text)
    if not raises:
        outcome = repr(expression())
        assert shown.fits(outcome), f"docs/library.md:{line} shows\n    {text}\nand gives\n    {outcome}"
        return
    with pytest.raises(zenctx.ZenctxError) as caught:
        expression()
    outcome = f"{type(caught.value).__name__}: {caught.value}"
    assert shown.fits(outcome), f"docs/library.md:{line} shows\n    {text}\nand raises\n    {outcome}"


def _compiled(first: int, lines: list[str]) -> tuple[object, int]:
    checker = Checker(first, lines)
    tree = ast.increment_lineno(checker.visit(ast.parse("\n".join(lines))), first - 1)
    return compile(tree, "docs/library.md", "exec"), checker.seen


def _commands() -> Iterator[str]:
    for _, lines in code_blocks(GUIDE, "console"):
        yield from (line.removeprefix("$ ") for line in lines)


def test_the_guide_is_what_a_reader_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block runs, one after the other in the playground of the guide, and each shown result is the result."""
    shell = Shell.make(tmp_path)
    for command in _commands():
        code, printed = shell.run(command)
        assert code == 0, printed
    monkeypatch.chdir(shell.folder)
    for name in [name for name in shell.variables if name.startswith("ZENCTX_")]:
        monkeypatch.delenv(name)

    namespace: dict[str, object] = {"check": _check, "__name__": "guide"}
    for first, lines in BLOCKS:
        code_object, _ = _compiled(first, lines)
        exec(code_object, namespace)  # type: ignore[arg-type]  # noqa: S102 - our own guide


def test_every_shown_result_is_compared() -> None:
    """No comment that shows a result stands where the test above does not see it."""
    shown = sum(len(re.findall(f"\\S  ({GIVES}|{RAISES})", "\n".join(lines))) for _, lines in BLOCKS)

    assert sum(_compiled(first, lines)[1] for first, lines in BLOCKS) == shown > 30


def test_the_guide_names_what_is_public() -> None:
    """Each name that the guide imports from zenctx is public."""
    imported = re.findall(r"^from zenctx import ([\w, ]+)$", GUIDE, re.MULTILINE)

    assert {name for names in imported for name in names.split(", ")} <= set(zenctx.__all__)


def test_every_link_leads_somewhere() -> None:
    """The files that the guide links to are there."""
    links = re.findall(r"\]\(([^):]+)\)", GUIDE)

    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


@pytest.mark.parametrize(
    ("shown", "outcome", "fits"),
    [("(1, 2)", "(1, 2)", True), ("(1, 2)", "(1, 3)", False), ("A: b...", "A: bc\nd", True), ("b", "bc", False)],
)
def test_the_comparison_sees_what_differs(*, shown: str, outcome: str, fits: bool) -> None:
    """Only what `...` stands for may be anything."""
    assert Shown(raises=False, text=shown).fits(outcome) is fits
