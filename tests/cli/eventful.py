"""A database with a past: something of everything that there is to measure."""

import json
from dataclasses import dataclass
from pathlib import Path

from tests.cli.console import Console
from tests.support.rows import compact

SETTINGS = "memory-threshold-bytes = 50\njson-threshold-bytes = 60\n"
LARGE = {"value": "x" * 200}
SECRETS = {"__zenflow_secrets": {"token": "open-sesame-1234"}}


@dataclass(frozen=True, slots=True)
class Past:
    """What is left of it: the text of the metrics, and the ids of the runs."""

    text: str
    run_ids: frozenset[str]


def live(console: Console, textfile: Path) -> Past:
    """Let nights pass: runs of every kind, files lost and altered, snapshots, clean-ups, commands that fail.

    Each writes to one file; so does the measurement at the end.
    """
    (console.folder / "zenctx.toml").write_text(SETTINGS)
    rows = console.rows
    parked = rows.add(compact({"kept": LARGE, "lost": LARGE}), status="RUNNING", ended=None)
    altered = rows.add(compact({"altered": LARGE}))
    gone = rows.add(compact({"gone": LARGE}))
    rows.add(compact(SECRETS))
    rows.add("[]")
    rows.add(None)
    _run(console, 3, "migrate", "--include-active")
    _run(console, 0, "snapshot", "--textfile", str(textfile))
    _file_of(console, parked, "lost").unlink()
    path = _file_of(console, altered, "altered")
    path.chmod(0o600)
    path.write_bytes(b"y" * path.stat().st_size)
    rows.execute("delete from workflow_runs where cast(id as text) = :id", id=gone)
    _run(console, 4, "verify", "--textfile", str(textfile))
    _run(console, 3, "snapshot", "--all", "--textfile", str(textfile))
    _run(console, 0, "gc", "--retention-days", "0", "--max-delete", "100%", "--textfile", str(textfile))
    _run(console, 10, "inspect", "00000000-0000-4000-8000-000000000000", "--textfile", str(textfile))
    _run(console, 0, "metrics", "--textfile", str(textfile))
    ids = rows.fetch("select cast(id as text) from workflow_runs")
    return Past(textfile.read_text(), frozenset(str(each) for (each,) in ids))


def _run(console: Console, code: int, *arguments: str) -> None:
    result = console.run(*arguments)
    assert result.exit_code == code, result.output


def _file_of(console: Console, run_id: str, key: str) -> Path:
    context = json.loads(console.rows.text(run_id) or b"")
    return console.folder / str(context[key]["locator"])
