"""`migrate` on PostgreSQL against one hand-written statement over the whole table; its memory; what needs no bar."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from statistics import median
from time import monotonic

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import URL, create_engine, make_url

from benchmarks import processes, sample
from benchmarks.figures import Figure, megabytes, seconds, speed
from benchmarks.processes import Usage
from tests.support.engine_schema import create_engine_schema
from tests.support.postgres import all_postgres_bins, running_server

FEWER = 10
"""Memory is compared with that for this part of the rows."""

FEWER_WIDE = 40
"""Wide rows hold as much as so many others."""

LARGE = (1_000_000, 10_000_000)
"""Characters of a value that goes to a file: anything between."""

# What somebody would write who knows both forms and has an hour; the sizes are the engine's rule as far as SQL has it.
HAND_WRITTEN = """
    update workflow_runs set context = (
        select jsonb_object_agg(k, jsonb_build_object(
            'type', 'MEMORY', 'locator', null, 'mediaType', null,
            'size', case jsonb_typeof(v) when 'string' then 2 * length(v #>> '{}') when 'number' then 8
                when 'boolean' then 1 when 'null' then 0 else octet_length(v::text) end,
            'checksum', null, 'inlineValue', v))
        from jsonb_each(context) as e(k, v))"""

_COPY = """
    copy workflow_runs (id, workflow_id, status, trigger_type, started_at, ended_at, context) from stdin"""


class Bench:
    """A database with a table of rows, which is put back before each measurement."""

    def __init__(self, url: str, folder: Path) -> None:
        given = make_url(url)
        self.url = url
        self.conninfo = make_conninfo(dbname=given.database, user=given.username, **_texts(given))
        self.folder = folder
        self._connection = psycopg.connect(self.conninfo, autocommit=True)

    def create(self) -> None:
        """Makes the engine's tables and zenctx's."""
        engine = create_engine(self.url)
        with engine.begin() as connection:
            create_engine_schema(connection)
        engine.dispose()
        self._execute("insert into workflows (id, name) values (%s, 'bench')", sample.WORKFLOW_ID)
        self.zenctx("db", "upgrade")

    def load(self, rows: Iterable[sample.SampleRow]) -> None:
        """Takes the rows that every measurement begins with."""
        self._execute("truncate workflow_runs cascade")
        with self._connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            for row in rows:
                times = row.started_at, row.ended_at
                copy.write_row((row.run_id, sample.WORKFLOW_ID, row.status, "WEBHOOK", *times, row.context))
        self._execute("drop table if exists kept")
        self._execute("create table kept as select * from workflow_runs")

    def put_back(self, limit: int | None = None) -> None:
        """Gives the same fresh table again, with all that maintenance does done."""
        self._execute("truncate workflow_runs, zenctx_conversion cascade")
        self._execute("insert into workflow_runs select * from kept limit %s", limit)
        self._execute("vacuum (analyze) workflow_runs")
        self._execute("checkpoint")

    def remove_files(self) -> None:
        """Removes the files of runs that were put back, for the room they take; the store stays."""
        for folder in (self.folder / "data/context-files/persistent").glob("[!.z]*/"):
            rmtree(folder)

    def zenctx(self, *arguments: str, accept: tuple[int, ...] = (0,)) -> Usage:
        """Runs a command of zenctx on the database."""
        command = [*processes.zenctx_command(), *arguments, "--db", self.url]
        return processes.run(command, self.folder, accept)

    def hand_written(self) -> float:
        """Runs the statement; gives its seconds alone, without any process around it."""
        started = monotonic()
        self._execute(HAND_WRITTEN)
        return monotonic() - started

    def hand_written_in_halves(self) -> float:
        """Runs the statement in two sessions at once, each over half of the ids: what two processors can give."""
        started = monotonic()
        with ThreadPoolExecutor(2) as sessions:
            for done in [sessions.submit(self._half, comparison) for comparison in ("<", ">=")]:
                done.result()
        return monotonic() - started

    def _half(self, comparison: str) -> None:
        statement = f"{HAND_WRITTEN} where id {comparison} '80000000-0000-0000-0000-000000000000'"
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute(statement.encode())

    def wal(self) -> int:
        """Gives how many bytes of WAL the server has written so far."""
        row = self._connection.execute("select pg_current_wal_insert_lsn() - '0/0'").fetchone()
        return int(row[0]) if row else 0

    def read_all(self, copy: str) -> None:
        """Reads all that a COPY gives, and does nothing with it."""
        with self._connection.cursor() as cursor, cursor.copy(copy.encode()) as rows:
            for _ in rows:
                pass

    def _execute(self, statement: str, *arguments: object) -> None:
        self._connection.execute(statement.encode(), arguments or None)


def migrate_and_memory(rows: int, rounds: int) -> Iterator[Figure]:
    """Measures `migrate` against the statement, alternating; its memory; `--check`, `verify` and the way back."""
    with running_bench() as bench:
        bench.load(sample.rows(rows))
        ours: list[Usage] = []
        theirs: list[float] = []
        for _ in range(rounds):
            bench.put_back()
            theirs.append(bench.hand_written())
            bench.put_back()
            ours.append(bench.zenctx("migrate", "--include-active"))
        yield speed(f"migrate, PostgreSQL, {rows:,} rows", [usage.wall for usage in ours], theirs, 1.0)
        yield from _after_migration(bench, rows)
        bench.put_back(rows // FEWER)
        few = bench.zenctx("migrate", "--include-active")
        yield _memory(rows, max(usage.peak for usage in ours), few.peak)


def workers(rows: int, rounds: int) -> Iterator[Figure]:
    """Measures one worker and two against the statement, on rows of 1.5 KB and of 60 KB; and their WAL."""
    for kind, sampled in (
        (f"{rows:,} rows of 1.5 KB", sample.rows(rows)),
        (f"{rows // FEWER_WIDE:,} rows of 60 KB", sample.wide_rows(rows // FEWER_WIDE, 60_000)),
    ):
        with running_bench() as bench:
            bench.load(sampled)
            yield from _with_workers(bench, kind, rounds)


def _with_workers(bench: Bench, kind: str, rounds: int) -> Iterator[Figure]:
    seconds_of: dict[int, list[float]] = {0: [], 1: [], 2: []}
    wal_of: dict[int, list[int]] = {0: [], 1: [], 2: []}
    halves: list[float] = []
    for _ in range(rounds):
        bench.put_back()
        halves.append(bench.hand_written_in_halves())
        for count in (0, 1, 2):
            bench.put_back()
            before = bench.wal()
            arguments = ("migrate", "--include-active", "--workers", str(count))
            seconds_of[count].append(bench.zenctx(*arguments).wall if count else bench.hand_written())
            wal_of[count].append(bench.wal() - before)
    yield speed(f"migrate, one worker, {kind}", seconds_of[1], seconds_of[0], 1.0)
    yield speed(f"migrate, two workers, {kind}", seconds_of[2], seconds_of[0], 1.8)
    yield speed(f"the statement in two halves at once, {kind}", halves, seconds_of[0])
    ours, theirs = median(wal_of[2]), median(wal_of[0])
    yield Figure(f"WAL, {kind}", megabytes(ours), megabytes(theirs), f"{ours / theirs:.2f}", "at most 1.1")


def large_values(rows: int, rounds: int) -> Iterator[Figure]:
    """Measures values of 1 to 10 MB that go to files against reading, hashing, writing and syncing the same bytes."""
    with running_bench() as bench:
        bench.load(sample.large_rows(rows, *LARGE))
        ours, theirs = [], []
        for number in range(rounds):
            bench.put_back()
            plain = [processes.PYTHON, str(Path(__file__).parent / "peers/plain_files.py")]
            theirs.append(processes.run([*plain, bench.conninfo, f"plain{number}"], bench.folder).wall)
            rmtree(bench.folder / f"plain{number}")
            ours.append(bench.zenctx("migrate", "--include-active").wall)
            bench.remove_files()
        yield speed(f"migrate, PostgreSQL, {rows:,} values of 1 to 10 MB to files", ours, theirs, 0.8)


def _after_migration(bench: Bench, rows: int) -> Iterator[Figure]:
    for name, arguments in (
        ("migrate --check", ("migrate", "--check")),
        ("verify", ("verify",)),
        ("migrate --to legacy", ("migrate", "--to", "legacy", "--include-active")),
    ):
        usage = bench.zenctx(*arguments)
        yield Figure(f"{name}, PostgreSQL, {rows:,} rows", seconds([usage.wall]))


def _memory(rows: int, many: int, few: int) -> Figure:
    case = f"migrate, peak memory, {rows:,} rows; peer: {rows // FEWER:,} rows"
    return Figure(case, megabytes(many), megabytes(few), f"{many / few:.2f}", "same, below 150 MB")


@contextmanager
def running_bench() -> Iterator[Bench]:
    """Gives a bench on a server of its own, for the block."""
    bins = list(all_postgres_bins().values())
    if not bins:
        raise RuntimeError("there is no PostgreSQL to start: 'make bench' installs one")
    with running_server(bins[0], durable=True) as server:
        folder = server.folder / "home"
        folder.mkdir()
        bench = Bench(server.url(), folder)
        bench.create()
        yield bench


def _texts(url: URL) -> dict[str, str]:
    return {name: str(value) for name, value in url.query.items()}
