"""Guides as a reader follows them: their commands run in one playground, in this process where that can be."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cli.console import Runner
from tests.support.documents import ROOT, Shell, code_blocks
from zenctx.cli.app import app
from zenctx.config import OPTIONS

DOCS = ROOT / "docs"
_NEEDS_A_SHELL = re.compile(r"[|<>;&`*]|\$\(")
_CUT = re.compile(r"(zenctx [^|]*) \| cut -c(\d*)-(\d*)")
_CODE = re.compile(r"\bexits with (\d+)")


@dataclass(slots=True)
class Reader:
    """Runs the lines of a guide in a folder, off a terminal, as a user without settings of their own.

    `names` are the variables that the guide speaks of, such as RUN. Commands of zenctx run in this process; what takes
    a shell, in one.
    """

    patch: pytest.MonkeyPatch
    shell: Shell
    names: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path, patch: pytest.MonkeyPatch) -> "Reader":
        """Make one, whose working directory is the folder."""
        shell = Shell.make(folder)
        for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
            patch.setenv(name, shell.variables[name])
        for option in OPTIONS:
            patch.delenv(option.variable, raising=False)
        patch.chdir(folder)
        return cls(patch, shell)

    def run(self, command: str) -> tuple[int, list[str]]:
        """Run a line; give its exit code and the lines that appear. `cd` stays."""
        for name, value in self.names.items():
            command = command.replace(f"${name}", value)
        if cut := _CUT.fullmatch(command):
            code, printed = self.run(cut[1])
            return code, [line[int(cut[2] or 1) - 1 : int(cut[3]) if cut[3] else None].rstrip() for line in printed]
        if command.startswith("zenctx ") and not _NEEDS_A_SHELL.search(command):
            result = Runner().invoke(app, shlex.split(command)[1:], prog_name="zenctx")
            return result.exit_code, [line.rstrip() for line in result.output.splitlines()]
        code, printed = self.shell.run(command)
        self.patch.chdir(self.shell.folder)
        return code, printed

    def must(self, command: str, code: int = 0) -> list[str]:
        """Run a line that has to end with a code; give what appears."""
        ended, printed = self.run(command)
        assert ended == code, f"{command} ends with {ended}, not {code}:\n" + "\n".join(printed)
        return printed


@dataclass(frozen=True, slots=True)
class Line:
    """A line to paste: its number, the command without its comment, and the code that the comment states (else 0)."""

    number: int
    command: str
    exit_code: int


def lines_to_paste(document: str, language: str = "sh") -> Iterator[list[Line]]:
    """Give the lines of each block. What is nothing but a comment is for the reader to do, and stays as it is."""
    for first, lines in code_blocks(document, language):
        yield [_line(number, text) for number, text in enumerate(lines, start=first) if text.strip()]


def _line(number: int, text: str) -> Line:
    command, _, comment = text.partition(" #")
    stated = _CODE.search(comment)
    return Line(number, command.strip(), int(stated[1]) if stated else 0)


def sections(document: str) -> dict[str, str]:
    """Give the texts of a guide by their headings of the second level."""
    parts = re.split(r"^## (.*)\n", document, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def console_differences(reader: Reader, name: str, document: str) -> Iterator[str]:
    """Run the console blocks in their order; tell which shown lines do not appear in theirs (`...` is any lines)."""
    for first, lines in code_blocks(document, "console"):
        printed: list[str] = []
        for number, line in enumerate(lines, start=first):
            if line.startswith("$ "):
                stated = _line(number, line.removeprefix("$ "))
                printed = reader.must(stated.command, stated.exit_code)
            elif line != "...":
                if line not in printed:
                    yield f"{name}:{number} shows\n{line}\nbut there is\n" + "\n".join(printed)
                    return
                printed = printed[printed.index(line) + 1 :]


def headings(document: str) -> set[str]:
    """Give the anchors of a document's headings, as web pages make them."""
    found = re.findall(r"^#+ (.*)$", document, re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", line.lower()).replace(" ", "-") for line in found}


def broken_links(path: Path) -> list[str]:
    """Give the links of a document that lead to no file, or to no heading of it."""
    document, broken = path.read_text(), []
    for target in re.findall(r"\]\(([^)\s:]+)\)", document):
        file, _, anchor = target.partition("#")
        place = path.parent / file if file else path
        if not place.exists() or (anchor and anchor not in headings(place.read_text())):
            broken.append(target)
    return broken


def known_options() -> set[str]:
    """Give every option of every command, from docs/cli.md, which a test holds to the help."""
    return set(re.findall(r"--[a-z][a-z-]*[a-z]", (DOCS / "cli.md").read_text()))
