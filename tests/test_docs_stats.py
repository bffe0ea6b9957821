"""docs/stats.md: its commands print what it shows, and what it names exists."""

import re
from pathlib import Path

import pytest

from tests.support.documents import ROOT, code_blocks
from tests.support.guides import Reader, broken_links, console_differences, known_options
from zenctx.operations.statistics.report import TITLES

PATH = ROOT / "docs" / "stats.md"
GUIDE = PATH.read_text()


def test_the_commands_print_what_the_guide_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one playground; lines that are shown appear in their order."""
    assert list(console_differences(Reader.make(tmp_path, monkeypatch), "docs/stats.md", GUIDE)) == []
    assert sum(line != "..." for _, lines in code_blocks(GUIDE, "console") for line in lines) > 12


def test_every_section_and_option_is_there() -> None:
    """Each section is explained, each option exists, and each link leads somewhere."""
    for title in TITLES.values():
        assert title.partition(":")[0].replace("Storage by type", "by type").lower() in GUIDE.lower()
    assert set(re.findall(r"(?<=[ `])--[a-z-]+", GUIDE)) <= known_options() | {"--top"}
    assert broken_links(PATH) == []
