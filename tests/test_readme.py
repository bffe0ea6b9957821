"""README.md against the tool: its commands are run in their order, and what it shows is what they print."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import zenctx
from tests.support.documents import ROOT, code_blocks
from tests.support.guides import Reader, broken_links, known_options
from zenctx import errors
from zenctx.cli.failure import BROKEN_PIPE, INTERRUPTED
from zenctx.context.convert import wrap
from zenctx.context.rawjson import split_object
from zenctx.context.rules import StorageRules

README = (ROOT / "README.md").read_text()
PROMPT = "$ "
LEFT_OUT = "..."
TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")


@dataclass(frozen=True, slots=True)
class Step:
    """A command that README.md shows, the number of its line, and the lines shown below it."""

    line: int
    command: str
    shown: tuple[str, ...]


def _steps() -> Iterator[Step]:
    for first, lines in code_blocks(README, "console"):
        starts = [at for at, line in enumerate(lines) if line.startswith(PROMPT)]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            yield Step(first + start, lines[start].removeprefix(PROMPT), tuple(lines[start + 1 : end]))


STEPS = tuple(_steps())


def _difference(step: Step, printed: list[str]) -> str | None:
    """Say which line of README.md is not what the command prints; times may differ, `...` stands for any lines."""
    actual = [TIME.sub("<time>", line) for line in printed]
    at, skipping = 0, False
    for number, line in enumerate(step.shown, start=step.line + 1):
        wanted = TIME.sub("<time>", line.rstrip())
        if wanted == LEFT_OUT:
            skipping = True
            continue
        rest = actual[at:] if skipping else actual[at : at + 1]
        if wanted not in rest:
            found = printed[at] if at < len(printed) else "nothing more"
            return f"README.md:{number} has\n    {line}\nbut `{step.command}` prints there\n    {found}"
        at, skipping = at + rest.index(wanted) + 1, False
    if at < len(actual) and not skipping:
        return f"README.md:{step.line}: `{step.command}` prints more than is shown:\n    {printed[at]}"
    return None


def test_the_tour_is_what_a_reader_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command of the tour, run in order in one playground, succeeds and prints what README.md shows."""
    reader, complaints = Reader.make(tmp_path, monkeypatch), []
    for step in STEPS:
        printed = reader.must(step.command)
        complaints.append(_difference(step, printed))
    assert not any(complaints), "\n\n".join(filter(None, complaints))


def test_the_tour_uses_every_command_that_looks_or_migrates() -> None:
    """The blocks are found, and no verb of daily use is left out."""
    shown = " ".join(step.command for step in STEPS)
    used = set(re.findall(r"zenctx ([a-z]+)", shown))

    assert {"demo", "runs", "inspect", "cat", "migrate", "verify"} <= used


@pytest.mark.parametrize(
    ("shown", "complaint"),
    [
        (("a", "2026-01-01 00:00:00Z", "c"), None),
        (("a", "...", "c"), None),
        (("...",), None),
        (("a", "...", "d"), "README.md:9 has"),
        (("a", "x", "c"), "README.md:8 has"),
        (("a",), "prints more than is shown"),
        (("a", "...", "c", "d"), "nothing more"),
    ],
)
def test_the_comparison_of_the_tour_sees_what_differs(shown: tuple[str, ...], complaint: str | None) -> None:
    """Only times and what `...` stands for are let pass; a complaint names the line."""
    difference = _difference(Step(6, "zenctx x", shown), ["a", "2026-11-22 21:35:04Z", "c"])

    assert difference is None if complaint is None else complaint in str(difference)


def test_the_descriptor_is_what_zenctx_writes() -> None:
    """The example of a value and its descriptor is one of the sample contexts, converted."""
    example = re.search(r"^ +(?P<value>\S+) +is +(?P<descriptor>\{.*\})$", README, re.MULTILINE)
    assert example
    context = (ROOT / "examples" / "contexts" / "order.json").read_text().strip()

    converted = wrap(split_object(context.encode()), StorageRules()).text().decode()

    assert f":{example['value']}," in context
    assert f":{example['descriptor']}," in converted


def test_every_exit_code_is_in_the_table() -> None:
    """The table has the codes of all errors, of an interruption and of a closed pipe, and no others."""
    codes = {int(code) for code in re.findall(r"(?<=\| )\d+(?= \|)", README)}

    assert codes == {0, INTERRUPTED, BROKEN_PIPE, errors.ZenctxError.exit_code, *_codes_below(errors.ZenctxError)}


def _codes_below(error: type[errors.ZenctxError]) -> set[int]:
    return {code for kind in error.__subclasses__() for code in (kind.exit_code, *_codes_below(kind))}


def test_every_option_exists() -> None:
    """Each `--option` that README.md speaks of is one of a command."""
    assert set(re.findall(r"(?<=[ `])--[a-z-]+", README)) <= known_options()


def test_every_link_and_path_leads_somewhere() -> None:
    """The files that README.md links to or names are there."""
    paths = re.findall(r"`((?:zenctx|migrations|tests|examples|docs)/[^` ]*)`", README)

    assert broken_links(ROOT / "README.md") == []
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert paths


def test_every_guide_is_linked() -> None:
    """Whoever looks for a guide finds it in README.md."""
    guides = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}

    assert guides <= set(re.findall(r"\]\(([^)#]+)", README))


def test_it_stays_short() -> None:
    """A newcomer reads it to its end."""
    assert len(README.splitlines()) <= 120


def test_the_names_of_the_library_exist() -> None:
    """What README.md imports from zenctx can be imported."""
    (names,) = re.findall(r"from zenctx import ([\w,\s]+)", README)

    assert [name for name in re.findall(r"\w+", names) if not hasattr(zenctx, name)] == []


def test_every_make_target_exists() -> None:
    """Each `make ...` of README.md is a target of the Makefile."""
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE)) <= set(targets)
