"""`migrate` on SQLite against a script as one would write it on an afternoon."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import processes, sample
from benchmarks.figures import Figure, seconds, speed
from zenctx.database.engine import Database, write_transaction
from zenctx.database.engine_tables import create_engine_tables

_NAIVE = Path(__file__).parent / "peers/naive_sqlite.py"
_INSERT = """
    insert into workflow_runs (id, workflow_id, status, trigger_type, started_at, ended_at, context)
    values (?, ?, ?, 'WEBHOOK', ?, ?, ?)"""


def migrate_sqlite(rows: int, rounds: int) -> Iterator[Figure]:
    """Measures `migrate` against the script, alternating, each on its own copy of the file; then the rest."""
    with TemporaryDirectory(prefix="zenctx-bench-") as name:
        folder = Path(name)
        create(folder / "kept.db", rows)
        _zenctx(folder, "kept.db", "db", "upgrade")
        ours, theirs = [], []
        for _ in range(rounds):
            shutil.copyfile(folder / "kept.db", folder / "theirs.db")
            theirs.append(processes.run([processes.PYTHON, str(_NAIVE), "theirs.db"], folder).wall)
            shutil.copyfile(folder / "kept.db", folder / "ours.db")
            ours.append(_zenctx(folder, "ours.db", "migrate", "--include-active"))
        yield speed(f"migrate, SQLite, {rows:,} rows", ours, theirs, 3.0)
        for arguments in (("migrate", "--check"), ("verify",), ("migrate", "--to", "legacy", "--include-active")):
            case = f"{' '.join(arguments[:3])}, SQLite, {rows:,} rows"
            yield Figure(case, seconds([_zenctx(folder, "ours.db", *arguments)]))


def create(path: Path, rows: int) -> None:
    """Makes a file with the engine's tables and so many runs."""
    with Database.create_sqlite(path) as database, database.connect() as connection, write_transaction(connection):
        create_engine_tables(connection)
    with sqlite3.connect(path) as plain:
        plain.execute("insert into workflows (id, name) values (?, 'bench')", (sample.WORKFLOW_ID,))
        plain.executemany(
            _INSERT,
            (
                (row.run_id, sample.WORKFLOW_ID, row.status, row.started_at, row.ended_at, row.context)
                for row in sample.rows(rows)
            ),
        )
    plain.close()


def _zenctx(folder: Path, file: str, *arguments: str) -> float:
    command = [*processes.zenctx_command(), *arguments, "--db", f"sqlite:///{folder / file}"]
    return processes.run(command, folder).wall
