"""docs/migration.md: its commands are run in their order and print what it shows; its steps migrate a database."""

import re
from pathlib import Path

import pytest

from tests.support.documents import ROOT, code_blocks
from tests.support.guides import Reader, broken_links, console_differences, known_options
from zenctx.config import OPTIONS

PATH = ROOT / "docs" / "migration.md"
GUIDE = PATH.read_text()
README = (ROOT / "README.md").read_text()
STOP = "# Stop the engine."


def test_the_commands_print_what_the_guide_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in its order, in one playground; lines that are shown appear in their order, `...` stands for others."""
    assert list(console_differences(Reader.make(tmp_path, monkeypatch), "docs/migration.md", GUIDE)) == []
    assert sum(line != "..." for _, lines in code_blocks(GUIDE, "console") for line in lines) > 16


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
    assert set(re.findall(r"(?<=[ `])--[a-z-]+", GUIDE)) <= known_options()
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", GUIDE))
    assert named <= {option.name for option in OPTIONS}
    assert named


def test_every_link_leads_somewhere() -> None:
    """To a file that is there, or a heading in it."""
    assert broken_links(PATH) == []
