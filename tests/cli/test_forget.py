"""Tests of `zenctx forget`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.cli.console import RUN, Console, document_of, zenctx
from tests.operations.comparing import Made, add_snapshot, repository_of
from zenctx.cli import confirm
from zenctx.cli.app import app
from zenctx.config import load_settings
from zenctx.snapshots.repository import Repository

FIELDS = {
    *(
        "snapshot_id",
        "short_id",
        "created_at",
        "action",
        "tags",
        "runs",
        "bytes",
        "state",
        "is_safety",
        "name",
        "reason",
    ),
}


@pytest.fixture
def repository(folder: Path) -> Repository:
    """Give a repository of four snapshots, one a day."""
    settings = load_settings({"db": "sqlite:///unused.db"}, config_file=None, environ={}, cwd=folder)
    repository = repository_of(settings)
    now = datetime.now(UTC)
    for age in range(4):
        add_snapshot(repository, Made({RUN: f'{{"age":{age}}}'}, created_at=now - timedelta(days=age, minutes=1)))
    return repository


def test_a_dry_run_shows_what_would_be_done_and_why(repository: Repository) -> None:
    """A row for each snapshot, and the counts; nothing is removed, no database is needed."""
    result = zenctx("forget", "--keep-last", "2", "--dry-run")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["ACTION", "SNAPSHOT", "AS", "OF", "TAGS", "RUNS", "SIZE", "STATE", "REASON"]
    assert [line.split()[0] for line in lines[1:5]] == ["keep", "keep", "remove", "remove"]
    assert "one of the last 2" in lines[1]
    assert "2 snapshots would be removed, 2 kept; 2 left." in lines
    assert len(repository.snapshots()) == 4


def test_quiet_is_silent_where_snapshots_go(repository: Repository) -> None:
    """As from cron; a dry run shows what was asked for all the same, and JSON is JSON. What is damaged is named."""
    dry = zenctx("forget", "--keep-last", "3", "--dry-run", "--quiet").stdout
    assert [line.split()[0] for line in dry.splitlines()] == ["ACTION", "keep", "keep", "keep", "remove"]
    assert len(document_of(zenctx("forget", "--keep-last", "3", "--json", "--quiet"))["items"]) == 4
    done = zenctx("forget", "--keep-last", "2", "--quiet")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    assert len(repository.snapshots()) == 2
    (path, _) = sorted(Path(repository.location, "snapshots").iterdir())
    path.chmod(0o600)
    path.write_bytes(b"")
    damaged = zenctx("forget", "--keep-last", "1", "--quiet")
    assert (damaged.exit_code, [line.split()[0] for line in damaged.stdout.splitlines()]) == (0, ["ACTION", "keep"])


def test_what_is_removed_is_told(repository: Repository) -> None:
    """With the same items as the dry run; without a terminal nobody is asked."""
    dry = document_of(zenctx("forget", "--keep-last", "2", "--dry-run", "--json"))
    done = document_of(zenctx("forget", "--keep-last", "2", "--json"))
    assert done["items"] == dry["items"]
    assert (dry["dry_run"], done["dry_run"]) == (True, False)
    assert all(set(item) == FIELDS for item in done["items"])
    assert done["summary"]["removed"] == 2
    assert "not recorded" in done["summary"]["recorded"]
    assert len(repository.snapshots()) == 2


def test_the_journal_is_told_where_there_is_one(console: Console, repository: Repository) -> None:
    """The operation is named in the summary."""
    document = console.document("forget", "latest~3")
    assert document["summary"]["recorded"].startswith("recorded as ")
    assert len(repository.snapshots()) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 5, "nothing says which snapshots to keep"),
        (("--keep-last", "0"), 2, "--keep-last"),
        (("--keep-within", "soon"), 2, "--keep-within"),
        (("latest", "--keep-last", "1"), 2, "there is a policy too"),
        (("latest", "latest~1", "latest~2", "latest~3"), 5, "no complete snapshot would be left"),
        (("--keep-tag", "release"), 5, "no complete snapshot would be left"),
        (("latest~4",), 10, ""),
        (("0123abcd",), 10, ""),
    ],
)
def test_what_is_refused_removes_nothing(
    repository: Repository, arguments: tuple[str, ...], code: int, words: str
) -> None:
    """With a sentence that says why."""
    result = zenctx("forget", *arguments)
    assert result.exit_code == code
    assert words.lower() in result.stderr.lower()
    assert len(repository.snapshots()) == 4


def test_all_can_be_removed_on_purpose(repository: Repository) -> None:
    """By an option that is named by its danger."""
    assert zenctx("forget", "--keep-tag", "release", "--unsafe-remove-all").exit_code == 0
    assert repository.snapshots() == []


def test_where_there_is_no_repository_it_is_said(folder: Path) -> None:
    """And none is made."""
    result = zenctx("forget", "--keep-last", "1")
    assert result.exit_code == 10
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("answer", "code", "left"), [("y\n", 0, 1), ("YES\n", 0, 1), ("\n", 5, 4), ("", 5, 4), ("no\n", 5, 4)]
)
def test_on_a_terminal_it_asks(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, left: int
) -> None:
    """Anything but yes is no; --yes is not asked."""
    monkeypatch.setattr(confirm, "_is_terminal", lambda _stream: True)
    result = CliRunner().invoke(app, ["forget", "--keep-last", "1"], input=answer, prog_name="zenctx")
    assert result.exit_code == code
    assert "Remove 3 of these 4 snapshots for good? [y/N]" in result.output
    assert len(repository.snapshots()) == left


def test_yes_is_not_asked(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a dry run."""
    monkeypatch.setattr(confirm, "_is_terminal", lambda _stream: True)
    assert "[y/N]" not in zenctx("forget", "--keep-last", "1", "--dry-run").output
    assert "[y/N]" not in zenctx("forget", "--keep-last", "1", "--yes").output
    assert len(repository.snapshots()) == 1
