"""A playground: an SQLite database with the engine's tables and legacy contexts of real shape, and its settings."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from zenctx.context.rawjson import Member, join_members, split_object
from zenctx.database import revisions
from zenctx.database.columns import utc_now
from zenctx.database.engine import Connection, Database, write_transaction
from zenctx.database.engine_tables import create_engine_tables
from zenctx.database.schema import workflow_runs, workflows
from zenctx.errors import RefusedError, SetupError, StoreError
from zenctx.operations.progress import SILENT, Progress

SETTINGS_NAME = "zenctx.toml"
DATABASE_NAME = "zenctx.db"
_CHUNK = 100
_STATUSES = ("SUCCESS", "SUCCESS", "ERROR", "RUNNING")
_WORKFLOWS = ("Order intake", "Invoice approval", "Onboarding")
_LARGE_EVERY, _LARGE_BELOW = 8, 1000
_WORDS = ("pending", "shipped", "returned", "in stock", "quy trình", "工作流程", "backorder", "paid")

_SETTINGS = f"""\
# A playground of zenctx. Directories are relative to this file.
db = "sqlite:///{DATABASE_NAME}"
file-storage-dir = "./data/context-files"
persistent-file-dir = "./data/context-files/persistent"
"""


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """Where the playground is and what is in it."""

    path: str
    runs: int
    bytes: int


@dataclass(frozen=True, slots=True)
class DemoReport:
    """The outcome of making a playground."""

    summary: DemoSummary
    message: str
    next_step: str | None
    exit_code: int = 0
    dry_run: bool = False
    command: str = "demo"


def make_playground(directory: Path, count: int, progress: Progress = SILENT) -> DemoReport:
    """Makes a playground of `count` runs in a new or empty directory; the same content every time.

    Of the first thousand runs every eighth has a large value: more would only fill the disk.

    Raises RefusedError where something is in the directory already, StoreError where it cannot be made.
    """
    _make_directory(directory)
    with Database.create_sqlite(directory / DATABASE_NAME) as database:
        with database.connect() as connection, write_transaction(connection):
            create_engine_tables(connection)
            progress.start(count, "runs")
            written = _fill(connection, count, utc_now(), progress)
            progress.finish()
        revisions.upgrade(database)
    _write_settings(directory / SETTINGS_NAME)
    noun = "run" if count == 1 else "runs"
    message = f"Made a playground in {directory}: {count:,} {noun} with legacy contexts, {written:,} bytes"
    step = f"'cd {directory}' and try 'zenctx runs', 'zenctx migrate --dry-run', 'zenctx migrate' and 'zenctx verify'"
    return DemoReport(DemoSummary(str(directory), count, written), message, step)


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise RefusedError(f"the directory {directory} is not empty", hint="name a new one, or remove it first")
    except FileExistsError:
        raise RefusedError(f"there is a file named {directory}", hint="name a new directory") from None
    except OSError as error:
        raise StoreError(f"the directory {directory} cannot be made: {error.strerror}") from None


def _write_settings(path: Path) -> None:
    try:
        path.write_text(_SETTINGS, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"the file {path} cannot be written: {error.strerror}") from None


def _fill(connection: Connection, count: int, now: datetime, progress: Progress) -> int:
    random = Random(20260101)  # noqa: S311 - the same playground every time, nothing secret
    ids = [_uuid(random) for _ in _WORKFLOWS]
    definition = json.dumps({"nodes": []})
    connection.execute(
        workflows.insert(),
        [
            {"id": i, "name": n, "definition": definition, "is_active": True}
            for i, n in zip(ids, _WORKFLOWS, strict=True)
        ],
    )
    written = 0
    for rows in _chunks(random, ids, count, now):
        connection.execute(workflow_runs.insert(), rows)
        size = sum(len(row["context"].encode()) for row in rows)
        progress.advance(len(rows), size)
        written += size
    return written


def _chunks(random: Random, ids: list[str], count: int, now: datetime) -> Iterator[list[dict[str, Any]]]:
    templates = _templates()
    for start in range(0, count, _CHUNK):
        yield [_run(random, ids, number, now, templates) for number in range(start, min(start + _CHUNK, count))]


def _run(random: Random, ids: list[str], number: int, now: datetime, templates: list[list[Member]]) -> dict[str, Any]:
    status = _STATUSES[number % len(_STATUSES)]
    started = now - timedelta(days=random.randint(2, 25), seconds=random.randint(0, 86_000))
    which = number % len(templates)
    members = [*templates[which], Member("run.output.number", b'"run.output.number"', b"%d" % number)]
    if number < _LARGE_BELOW and number % _LARGE_EVERY == _LARGE_EVERY - 1:
        members.append(_large(random, number))
    return {
        "id": _uuid(random),
        "workflow_id": ids[which % len(ids)],
        "status": status,
        "trigger_type": "WEBHOOK",
        "started_at": started,
        "ended_at": None if status == "RUNNING" else started + timedelta(minutes=random.randint(1, 90)),
        "context": join_members(members).decode(),
    }


def _large(random: Random, number: int) -> Member:
    """A value that is too large to stay in the row: every second one a report of objects, else a long text."""
    if number % (2 * _LARGE_EVERY) == _LARGE_EVERY - 1:
        rows = [{"id": i, "state": random.choice(_WORDS), "price": i / 100} for i in range(30_000)]
        value = json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()
        return Member("report.output.rows", b'"report.output.rows"', value)
    lines = "\\n".join(f"{i};{random.choice(_WORDS)};{random.random():.6f}" for i in range(30_000))
    return Member("export.output.csv", b'"export.output.csv"', f'"{lines}"'.encode())


def _templates() -> list[list[Member]]:
    package = Path(str(files("zenctx")))
    for place in (package / "examples" / "contexts", package.parent / "examples" / "contexts"):
        if place.is_dir():
            return [split_object(path.read_bytes().strip()) for path in sorted(place.glob("*.json"))]
    raise SetupError("the sample contexts are missing from this installation", hint="install it again")


def _uuid(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))
