"""The step-by-step migration of README.md, done on both databases beside an engine that starts and stops."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.documents import ROOT, Shell, code_blocks
from tests.support.engine_schema import create_engine_schema, create_quartz_tables
from tests.support.rows import Rows, compact
from zenctx.database.engine import Database, write_transaction

README = (ROOT / "README.md").read_text()
STOP = "# Stop the engine."
WAY_BACK = "zenctx migrate --to legacy"
CHECK_IN = "insert into qrtz_scheduler_state values ('zenflow', 'engine-1', :now, 7500)"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the steps: the command without its comment, and the exit code that README.md states."""

    number: int
    command: str
    exit_code: int


def _lines() -> list[Line]:
    (block,) = [(first, lines) for first, lines in code_blocks(README, "sh") if STOP in lines]
    return [
        Line(number, text.partition("#")[0].strip() or text, _stated_code(text))
        for number, text in enumerate(block[1], start=block[0])
    ]


def _stated_code(text: str) -> int:
    stated = re.search(r"exits with (\d+)", text)
    return int(stated[1]) if stated else 0


@pytest.fixture
def production(database_url: str, tmp_path: Path) -> Iterator[Rows]:
    """Give a database of the engine: finished runs, a parked one with a large value, and a living scheduler."""
    if database_url.startswith("sqlite"):
        Database.create_sqlite(tmp_path / "zenctx.db").close()
    with Database.open(database_url, read_only=False) as database:
        with database.connect() as connection, write_transaction(connection):
            create_engine_schema(connection)
            create_quartz_tables(connection)
        rows = Rows(database)
        for file in sorted((ROOT / "examples" / "contexts").glob("*.json")):
            rows.add(file.read_text().strip())
        started = datetime.now(UTC) - timedelta(days=3)
        rows.add(compact({"report": ["row"] * 300_000}), status="RUNNING", started=started, ended=None)
        rows.execute(CHECK_IN, now=int(time.time() * 1000))
        rows.remember()
        yield rows


def test_the_steps_migrate_a_database_and_lead_back(production: Rows, database_url: str, tmp_path: Path) -> None:
    """Each step ends with the code that README.md states, and the way back restores every value."""
    shell = Shell.make(tmp_path, ZENCTX_DB=database_url)
    for line in _lines():
        if line.command == STOP:
            production.execute("update qrtz_scheduler_state set last_checkin_time = 0")
        elif not line.command.startswith("#"):
            code, printed = shell.run(line.command)
            assert code == line.exit_code, f"README.md:{line.number}: {line.command}:\n" + "\n".join(printed)

    assert WAY_BACK in README
    assert len(production.changed()) == 4
    assert shell.run(WAY_BACK)[0] == 0
    assert production.changed() == []
