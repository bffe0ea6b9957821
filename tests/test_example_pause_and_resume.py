"""examples/pause_and_resume.py: it pauses in one process, goes on in another, and leaves no file behind."""

import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tests.cli.processes import environment
from tests.support.documents import ROOT
from tests.support.warm import warm_python

FILES = Path("pause-and-resume") / "data" / "context-files"


def _run(folder: Path, *arguments: str, python: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run the program in a folder, as somebody would whose own settings name another database."""
    return subprocess.run(
        [*(python or warm_python()), ROOT / "examples" / "pause_and_resume.py", *arguments],
        cwd=folder,
        env=environment(PYTHONPATH=str(ROOT), ZENCTX_DB="sqlite:////not/to/be/touched.db"),
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )


def _value_files(folder: Path) -> list[Path]:
    return [path for path in (folder / FILES).rglob("*") if path.is_file() and not path.name.startswith(".")]


def _statuses(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "pause-and-resume" / "zenctx.db")) as database:
        return [status for (status,) in database.execute("select status from workflow_runs order by rowid desc")]


def test_it_pauses_in_one_process_and_resumes_in_another(tmp_path: Path) -> None:
    """The second process goes on in the loop with the third order; the sum is right; the file is gone at the end."""
    started = _run(tmp_path, "start", python=(sys.executable, "-W", "error"))
    assert (started.returncode, started.stderr) == (0, "")
    (catalogue,) = _value_files(tmp_path)
    assert catalogue.is_relative_to(tmp_path / FILES / "persistent")
    assert _statuses(tmp_path)[0] == "RUNNING"

    resumed = _run(tmp_path, "resume")

    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert "price: order 2 of 5" in started.stdout
    assert [line for line in resumed.stdout.splitlines() if line.startswith(("price", "report", "Finished"))] == [
        "price: order 3 of 5",
        "price: order 4 of 5",
        "price: order 5 of 5",
        "report: 5 orders, 12.65 in all",
        "Finished: 0 values left, 1 file deleted.",
    ]
    assert _value_files(tmp_path) == []
    assert _statuses(tmp_path)[0] == "SUCCESS"


def test_the_newest_of_several_runs_is_resumed(tmp_path: Path) -> None:
    """Each start is a run of its own; each resumption finishes one."""
    assert [_run(tmp_path, "start").returncode for _ in range(2)] == [0, 0]
    assert [_run(tmp_path, "resume").returncode for _ in range(2)] == [0, 0]

    assert "RUNNING" not in _statuses(tmp_path)
    assert _value_files(tmp_path) == []


def test_what_cannot_be_resumed_is_said(tmp_path: Path) -> None:
    """Without a paused run, and without a word of what to do, one line or the description is shown."""
    nothing, wrong = _run(tmp_path, "resume"), _run(tmp_path)

    assert (nothing.returncode, nothing.stderr) == (1, "There is nothing to resume: 'start' first.\n")
    assert wrong.returncode == 1
    assert "examples/pause_and_resume.py start" in wrong.stderr
    assert list(tmp_path.iterdir()) == []
