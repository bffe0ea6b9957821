"""docs/secrets.md: its commands print what it shows, and what it names is there."""

import re
from pathlib import Path

import pytest

from tests.support.guides import DOCS, Reader, broken_links, console_differences, known_options

PATH = DOCS / "secrets.md"
GUIDE = PATH.read_text()


def test_the_commands_print_what_the_guide_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one playground, in their order."""
    assert list(console_differences(Reader.make(tmp_path, monkeypatch), "docs/secrets.md", GUIDE)) == []


def test_options_and_links_lead_somewhere() -> None:
    """Each option is one of a command, each link leads to a file or a heading."""
    assert set(re.findall(r"(?<=[ `])--[a-z-]+", GUIDE)) <= known_options()
    assert broken_links(PATH) == []
