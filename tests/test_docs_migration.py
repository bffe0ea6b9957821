"""docs/migration.md: its commands are run in their order and print what it shows; its steps migrate a database."""

import re
from pathlib import Path

from typer.testing import CliRunner

from tests.support.documents import ROOT, Shell, code_blocks
from zenctx.cli.app import COMMANDS, app
from zenctx.config import OPTIONS

GUIDE = (ROOT / "docs" / "migration.md").read_text()
README = (ROOT / "README.md").read_text()
STOP = "# Stop the engine."


def test_the_commands_print_what_the_guide_shows(tmp_path: Path) -> None:
    """Each in its order, in one playground; lines that are shown appear in their order, `...` stands for others."""
    shell = Shell.make(tmp_path)
    seen = 0
    for first, lines in code_blocks(GUIDE, "console"):
        printed: list[str] = []
        for number, line in enumerate(lines, start=first):
            if line.startswith("$ "):
                code, printed = shell.run(line.removeprefix("$ "))
                assert code == 0, f"docs/migration.md:{number}: {line}:\n" + "\n".join(printed)
            elif line != "...":
                assert line in printed, f"docs/migration.md:{number} shows\n{line}\nbut there is\n" + "\n".join(printed)
                printed = printed[printed.index(line) + 1 :]
                seen += 1
    assert seen > 8


def _steps(document: str) -> list[str]:
    (lines,) = [lines for _, lines in code_blocks(document, "sh") if STOP in lines]
    return [line.partition("#")[0].strip() or line for line in lines]


def test_the_steps_are_those_of_the_readme() -> None:
    """Those are run on both databases beside an engine that stops (tests/test_readme_migration.py)."""
    ours, theirs = _steps(GUIDE), _steps(README)
    assert ours == theirs[: len(ours)]
    assert len(ours) > 8


def test_every_option_and_setting_exists() -> None:
    """What the guide names is in the help, or among the settings."""
    helps = [CliRunner().invoke(app, [*entry.words.split(), "--help"], prog_name="zenctx").output for entry in COMMANDS]
    known = set(re.findall(r"--[a-z-]+", "".join(helps)))
    assert set(re.findall(r"(?<=[ `])--[a-z-]+", GUIDE)) <= known
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", GUIDE))
    assert named <= {option.name for option in OPTIONS}
    assert named


def test_every_link_leads_somewhere() -> None:
    """To a file that is there, or a heading of the guide."""
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lower()).replace(" ", "-")
        for line in re.findall(r"^#+ (.*)$", GUIDE, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^):]+)\)", GUIDE):
        assert target[1:] in headings if target.startswith("#") else (ROOT / "docs" / target).exists(), target
    assert "docs/migration.md" in README
