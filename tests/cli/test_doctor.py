"""Tests of `zenctx doctor`."""

import pytest

from tests.cli.console import ABSENT, RUN, Console
from tests.support.rows import compact

FIELDS = {"severity", "kind", "run_id", "key", "path", "bytes", "reason", "hint", "snapshot_id"}
SECRET = "sk-never-to-be-seen"


@pytest.fixture
def parked(sqlite_console: Console) -> Console:
    """A parked run in the form of descriptors, with a secret."""
    context = compact({"__zenflow_secrets": {"n": {"K": SECRET}}, "large": "x" * 700_000})
    sqlite_console.rows.add(context, run_id=RUN, status="RUNNING", ended=None)
    assert sqlite_console.run("migrate").exit_code == 0
    return sqlite_console


def test_the_whole_is_looked_at(parked: Console) -> None:
    """A table of findings, what was looked at, how much was found; the code is that of the worst."""
    result = parked.run("doctor")
    header, *_ = result.stdout.splitlines()
    assert header.split() == ["SEVERITY", "FINDING", "KEY", "REASON", "PATH", "WHAT", "TO", "DO"]
    assert "\nserver            SQLite 3." in result.stdout
    document = parked.document("doctor", code=result.exit_code)
    assert document["summary"]["rows"] == 1
    assert all(set(item) == FIELDS and item["hint"] for item in document["items"])
    is_bad = any(item["severity"] != "notice" for item in document["items"])
    assert result.exit_code == (4 if is_bad else 0)


def test_a_run_is_rehearsed(parked: Console) -> None:
    """The last line is the verdict; a missing file changes it, and no secret is shown."""
    result = parked.run("doctor", RUN)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "Would resume."
    (file,) = parked.files()
    file.unlink()
    result = parked.run("doctor", RUN)
    assert result.exit_code == 4
    assert result.stdout.splitlines()[-1].startswith("Would not resume: 'large': the file ")
    document = parked.document("doctor", RUN, code=4)
    assert document["summary"]["would_resume"] is False
    assert SECRET not in result.stdout + repr(document)


def test_a_run_that_is_not_there(parked: Console) -> None:
    """One sentence, and the code 10."""
    result = parked.run("doctor", ABSENT)
    assert result.exit_code == 10
    assert ABSENT in result.stderr


def test_a_database_that_is_not_there(parked: Console) -> None:
    """It is a finding among the others, and the code is 12."""
    database = parked.rows.database.sqlite_path
    assert database is not None
    database.unlink()
    document = parked.document("doctor", code=12)
    assert document["items"][-1]["kind"] == "database"
    assert document["summary"]["errors"] >= 1
