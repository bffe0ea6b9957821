"""The parts of the guides that are made from the code: each is what `make docs` would write, and holds all there is."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.support.generated import CLI, TROUBLESHOOTING, cli_guide, modules_of_parts, with_messages
from tests.support.guides import broken_links, sections
from tests.support.messages import collected
from tests.support.outcomes import outcomes, parts_of
from tests.support.texts_of_code import modules
from zenctx.cli.app import COMMANDS, app
from zenctx.cli.exit_codes import EXIT_CODES

GUIDE = TROUBLESHOOTING.read_text()
PASSED_ON = {
    "zenctx.config.spring.sources: SettingsError(f'{found.label} {error}'",
    "zenctx.database.url: SettingsError(message",
    "zenctx.operations.collection.guards: RefusedError(self.message",
    "zenctx.operations.metrics: StoreError(self.figures.store_problem",
    "zenctx.operations.migration.worker: PartialError(error.message",
    "zenctx.operations.repository: NotFoundError(error.message",
    "zenctx.operations.restoring.stage: DamagedObjectError(key, error.message",
    "zenctx.snapshots.references: DamagedFileError(info.reason",
}
"""Errors that say nothing of their own: their words are made elsewhere, and collected there."""


def test_the_commands_are_described_as_their_help_does() -> None:
    """docs/cli.md is what `make docs` writes, with a heading for each command."""
    text = CLI.read_text()
    assert text == cli_guide(), "docs/cli.md is stale: make docs"
    titles = set(re.findall(r"^#+ zenctx (.+)$", text, re.MULTILINE))
    assert titles == {entry.words for entry in COMMANDS}
    assert broken_links(CLI) == []


def test_every_message_is_found() -> None:
    """The troubleshooting guide has each sentence of the code, under the heading of its subject, and no other."""
    assert with_messages(GUIDE) == GUIDE, "docs/troubleshooting.md is stale: make docs"
    for text in ("has no marker, and the database is bound to the store", "cannot be reached: nothing listens there"):
        assert text in GUIDE
    assert len(collected().messages) > 600
    new = [place for place in collected().unresolved if not place.startswith(tuple(PASSED_ON))]
    assert new == [], "no word of these can be told from the source: write them so that it can, or name them above"


def test_every_last_line_is_found() -> None:
    """What a command says that ends with another code than 0: the guide has every sentence, and no stale one."""
    parts = {part for outcome in outcomes() for part in outcome.parts}
    assert len(parts) > 150
    cells = [part for cell in re.findall(r"^\| (.+?) \| ", GUIDE, re.MULTILINE) for part in parts_of(_plain(cell))]
    said = "\n".join(cells)
    missing = [each for each in outcomes() if each.is_sentence and not all(part in said for part in each.parts)]
    assert missing == [], f"add them to 'The last lines of a command' in {TROUBLESHOOTING.name}"
    rows = re.findall(
        r"^\| (.+) \| ([a-z, ]+) \| ([\d, ]+) \| ", sections(GUIDE)["The last lines of a command"], re.MULTILINE
    )
    assert len(rows) > 80
    sentences = sorted(parts, key=len, reverse=True)
    stale = {cell: rest for cell, *_ in rows if (rest := _without(_plain(cell), sentences))}
    assert stale == {}, "no command says this any more"
    assert {name for _, names, _ in rows for name in names.split(", ")} <= {entry.words for entry in COMMANDS}
    assert {int(code) for *_, codes in rows for code in codes.split(", ")} <= set(EXIT_CODES)


def _without(text: str, parts: list[str]) -> list[str]:
    """Give the words of a text that are in none of its parts."""
    for part in parts:
        # A short part, such as `is`, is not to be found within a word.
        before, after = (r"\b" if end.isalnum() else "" for end in (part[0], part[-1]))
        text = re.sub(f"{before}{re.escape(part)}{after}", "…", text)
    return re.findall(r"[a-z]{2,}", text)


FAILURES = (
    ("runs", "--no-such-option"),
    ("run",),
    ("inspect",),
    ("inspect", "x", "y", "z"),
    ("runs", "--limit"),
    ("runs", "--limit", "x"),
    ("runs", "--since", "yesterday"),
    ("runs", "--quiet", "--verbose"),
    ("runs", "--db", "mysql://x/y"),
    ("runs", "--db", "sqlite:////no/such/file.db"),
    ("runs", "--db", "postgresql://localhost:1/x"),
    ("runs", "--config", "/no/such/file.toml"),
    ("config", "show", "--spring", "/no/such/application.yml"),
    ("verify", "--subset", "8/7"),
    ("verify", "--snapshot", "latest"),
    ("diff", "a.json", "b.json"),
    ("gc", "--max-delete", "200%"),
    ("migrate", "--assume", "legacy"),
    ("schedule", "--orphan-cleanup-schedule", "0 0 2 L * ?"),
    ("runs", "--textfile", "/no/such/directory/x.prom"),
)


def test_what_zenctx_says_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The messages of calls that fail in many ways, looked for as a reader would: by their words."""
    monkeypatch.chdir(tmp_path)
    cells = re.findall(r"^\| (.+?) \| [\d, ]* ?\| ", GUIDE, re.MULTILINE)
    rows = [re.compile(".+".join(map(re.escape, _plain(cell).split("…")))) for cell in cells]
    for arguments in FAILURES:
        result = CliRunner().invoke(app, [*arguments, "--json"], prog_name="zenctx")
        said = json.loads(result.stdout)["error"]["message"]
        assert any(row.fullmatch(_plain(said)) for row in rows), said


def _plain(text: str) -> str:
    return text.replace("&lt;", "<").replace("\\|", "|").rstrip(".").lower()


def test_every_part_names_modules_that_there_are() -> None:
    """A module that was renamed leaves no part empty-handed."""
    names = [name.removeprefix("zenctx.") for name in modules()]
    named = [each for part in modules_of_parts(GUIDE) for each in part if each != "*"]
    assert [each for each in named if not any(f"{name}.".startswith(f"{each}.") for name in names)] == []


def test_every_exit_code_is_explained() -> None:
    """In the table of codes, in their order."""
    codes = re.findall(r"^\| (\d+) \| ", sections(GUIDE)["Exit codes"], re.MULTILINE)
    assert [int(code) for code in codes] == list(EXIT_CODES)


def test_every_link_leads_somewhere() -> None:
    """To a file that is there, or a heading in it."""
    assert broken_links(TROUBLESHOOTING) == []
