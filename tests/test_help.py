"""The help of every command: an example that is right, a word on every option, and what its exit codes mean."""

import re
import shlex
from importlib import import_module

import pytest
from typer.core import TyperCommand
from typer.main import get_command
from typer.testing import CliRunner

from zenctx import errors
from zenctx.cli.app import COMMANDS, app
from zenctx.cli.exit_codes import EVERY_COMMAND, EXIT_CODES
from zenctx.cli.failure import BROKEN_PIPE, INTERRUPTED
from zenctx.cli.options import Declared

ENTRIES = [entry for entry in COMMANDS if not entry.branch]
SECTIONS = r"^(?:Arguments|Options|Settings for this call|Common options):\n((?:  .*\n)+)"
CODES = r"^Exit codes \(those of every command: zenctx --help\):\n((?:  .*\n)+)"


def declared(words: str) -> Declared:
    """Gives the command of these words as it is declared."""
    (entry,) = (entry for entry in COMMANDS if entry.words == words)
    module, name = entry.function
    found = getattr(import_module(module), name)
    assert isinstance(found, Declared)
    return found


def help_of(words: str) -> str:
    """Gives what `--help` prints."""
    result = CliRunner().invoke(app, [*words.split(), "--help"], prog_name="zenctx")
    assert result.exit_code == 0
    return result.stdout


def options_of(words: str) -> set[str]:
    """Gives the names of the options that the help describes."""
    return set(re.findall(r"^  (?:-h, )?(--[a-z-]+)", help_of(words), re.MULTILINE))


@pytest.mark.parametrize("words", [entry.words for entry in ENTRIES])
def test_every_command_has_an_example_that_it_would_take(words: str) -> None:
    """Each example calls the command, and names no option that it has not."""
    examples = help_of(words).partition("\nExamples:\n")[2].splitlines()
    calls = [line.partition(f"zenctx {words}")[2] for line in examples if f"zenctx {words}" in line]
    assert calls
    assert len(calls) == len(examples)
    for call in calls:
        own = re.split(r" [|>&]", call)[0]
        assert {word for word in shlex.split(own) if word.startswith("--")} <= options_of(words)


@pytest.mark.parametrize("words", [entry.words for entry in ENTRIES])
def test_every_argument_and_option_is_described(words: str) -> None:
    """In a sentence or a few words, without the names of types in Python or of formats in C."""
    output = help_of(words)
    for section in re.findall(SECTIONS, output, re.MULTILINE):
        rows = re.split(r"\n(?=  \S)", section.rstrip("\n"))
        for row in rows:
            described = re.sub(r"\s+", " ", row).split(" ", 2)
            assert len(described) == 3, row
    assert not re.search(r"<(?:int|str|path|float|list)|%Y|\[\[|\{RUN\}|\[required\]", output)


@pytest.mark.parametrize("words", [entry.words for entry in ENTRIES])
def test_exit_codes_of_a_command_are_documented(words: str) -> None:
    """Those that not every command has, with what they mean for this one."""
    codes = declared(words).exit_codes
    section = re.search(CODES, help_of(words), re.MULTILINE)
    listed = re.findall(r"^  ([0-9]+) ", section[1] if section else "", re.MULTILINE)
    assert set(codes) <= set(EXIT_CODES) - EVERY_COMMAND
    assert [int(code) for code in listed] == sorted(codes)


def test_the_help_of_the_application_lists_every_exit_code() -> None:
    """Those of the tree of errors, and the two that signals bring."""
    section = help_of("").partition("\nExit codes (any other one is a failure, too):\n")[2].partition("\n\n")[0]
    listed = {int(line.split()[0]) for line in section.splitlines()}
    raised = {
        each.exit_code
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, errors.ZenctxError)
    }
    assert listed == set(EXIT_CODES) == raised | {0, INTERRUPTED, BROKEN_PIPE}


def test_codes_that_a_command_gives_by_its_report_are_documented() -> None:
    """Where looking can end with 4 or converting with 3, the help of that command says so."""
    with_four = {words for words in (entry.words for entry in ENTRIES) if 4 in declared(words).exit_codes}
    assert with_four == {
        "inspect", "cat", "diff", "verify", "doctor", "audit", "migrate", "snapshot", "restore", "export", "import",
        "gc", "db current",
    }  # fmt: skip
    with_three = {entry.words for entry in ENTRIES if 3 in declared(entry.words).exit_codes}
    assert with_three == {"migrate", "snapshot", "snapshots", "forget", "restore", "gc", "audit", "scrub"}
    writing = {entry.words for entry in ENTRIES if 5 in declared(entry.words).exit_codes}
    assert {"migrate", "restore", "db upgrade", "db bind", "demo"} <= writing


def test_every_group_says_what_it_holds() -> None:
    """A group lists its commands with one line each."""
    for entry in (entry for entry in COMMANDS if entry.branch):
        below = [each for each in COMMANDS if each.words.startswith(f"{entry.words} ")]
        assert below
        assert all(f"  {each.name}" in help_of(entry.words) for each in below)


def test_help_fits_a_terminal() -> None:
    """No line is wider than 80 cells, but for examples, which are meant to be copied."""
    for entry in COMMANDS:
        text = help_of(entry.words).partition("\nExamples:\n")[0]
        assert max(map(len, text.splitlines())) <= 80, entry.words


def test_the_application_is_one_command_line() -> None:
    """What Typer makes of it is a group whose commands are those of the list."""
    root = get_command(app)
    assert not isinstance(root, TyperCommand)
    assert {entry.words for entry in COMMANDS if " " not in entry.words} == set(root.list_commands(None))  # type: ignore[attr-defined]
