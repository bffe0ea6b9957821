"""docs/doctor.md: its examples are what the playground gives, and its tables have every finding that there is."""

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.support.documents import ROOT, code_blocks
from tests.support.guides import Reader, broken_links, lines_to_paste
from zenctx.cli.app import app
from zenctx.config import load_settings
from zenctx.database.engine import Database
from zenctx.operations.doctor import FindingItem, diagnose, rehearse

PATH = ROOT / "docs" / "doctor.md"
GUIDE = PATH.read_text()
RUN = "919b7234-3d46-43e4-a669-2763052cf4d9"
SHOWN_FOLDER = "/home/ops/zenctx-demo"
_RANDOM = re.compile(r"(?<=store)[0-9a-f-]{36}|(?<=-6d7d6d7ab3990068-)[0-9a-f]{16}")
_KINDS = (
    (
        ROOT / "zenctx" / "operations" / "diagnosis",
        re.compile(r'\b(?:error|warning|notice|add|of_error)\(\s*"([a-z_]+)"'),
    ),
    (ROOT / "zenctx" / "context", re.compile(r'\bObstacle\(\s*"([a-z_]+)"')),
)


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """Give a reader in a playground that was migrated and has a snapshot."""
    reader = Reader.make(tmp_path, monkeypatch)
    for line in ("zenctx demo", "cd zenctx-demo", "zenctx migrate", "zenctx snapshot"):
        reader.must(line)
    reader.names["RUN"] = RUN
    return reader


def _plain(text: str, folder: Path) -> str:
    """A text without what differs from one playground to the next, nor how its lines are broken."""
    return _RANDOM.sub("*", re.sub(r"\s+", "", text.replace(str(folder), SHOWN_FOLDER)))


def test_the_commands_work_and_the_examples_are_what_is_found(reader: Reader) -> None:
    """Every finding and the last lines are shown, wherever their lines are broken, and no other."""
    folder = reader.shell.folder
    for lines in lines_to_paste(GUIDE):
        for line in lines:
            assert reader.run(line.command)[0] in (0, 4)  # 4 where the machine is short of room
    (folder / "data/context-files/persistent").rename(folder / "data/context-files/unmounted")
    setup, run = ("\n".join(lines) for _, lines in code_blocks(GUIDE, "text"))
    settings = load_settings({}, environ={}, cwd=folder)
    found: list[FindingItem] = []
    diagnose(settings, found.append)
    with Database.open(settings.db, read_only=True) as database:
        of_run: list[FindingItem] = []
        report = rehearse(database, settings, RUN, of_run.append)
    # What the machine of the test is short of is no part of the example.
    found = [item for item in found if item.kind not in ("room", "file_system")]
    for shown, items in ((setup, found), (run, of_run)):
        wanted = _RANDOM.sub("*", re.sub(r"\s+", "", shown))
        for item in items:
            for text in (item.reason, f"what to do: {item.hint}"):
                assert _plain(text, folder) in wanted
        assert re.findall(r"^(?:error|warning|notice) +(\w+)", shown, re.MULTILINE) == [item.kind for item in items]
    for sentence in report.message.splitlines():
        assert _plain(sentence, folder)[1:] in re.sub(r"\s+", "", run)


def test_every_finding_is_explained() -> None:
    """Each kind that the checks give has its row, and no other has."""
    given: set[str] = set()
    for folder, pattern in _KINDS:
        for file in folder.glob("*.py"):
            given |= set(pattern.findall(file.read_text()))
    rows = re.findall(r"^\| ((?:`[a-z_]+`(?:, | \(of settings\) )?)+) ?\|", GUIDE, re.MULTILINE)
    explained = {kind for row in rows for kind in re.findall(r"`([a-z_]+)`", row)} - {"error", "warning", "notice"}
    assert explained == given | {"database"}
    assert broken_links(PATH) == []


def test_every_command_that_is_named_exists() -> None:
    """In the guide and in what the checks say to do: the command, and each of its options."""
    texts = [GUIDE, *(file.read_text() for folder, _ in _KINDS for file in folder.glob("*.py"))]
    helps: dict[str, Any] = {}
    for text in texts:
        for words, options in re.findall(r"['`]zenctx ((?:db |config )?[a-z]+)((?: [^'`\n|]*)?)['`]", text):
            if words not in helps:
                helps[words] = CliRunner().invoke(app, [*words.split(), "--help"], prog_name="zenctx")
                assert helps[words].exit_code == 0, words
            named = set(re.findall(r"--[a-z-]+", options))
            assert named <= set(re.findall(r"--[a-z-]+", helps[words].output)), (words, options)
    assert len(helps) > 8
