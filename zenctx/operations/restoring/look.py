"""The runs of a snapshot beside the rows that are there now, some at a time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from zenctx.context.classes import ZOMBIE_AGE
from zenctx.database import runs
from zenctx.database.conversions import is_run_id
from zenctx.database.engine import Connection, Database
from zenctx.database.engine_state import Liveness, database_time, last_signs, pending_retries
from zenctx.database.restoring import at_work, existing_runs, existing_workflows, read_links, read_states
from zenctx.database.rows import RunRow
from zenctx.database.run_columns import RunColumns
from zenctx.database.run_writes import SeenRun
from zenctx.operations.restoring.decide import Surroundings, is_text
from zenctx.snapshots.model import SnapshotRun

MAX_RUNS, MAX_BYTES = 500, 4 * 1024 * 1024
"""The most that is looked at together: runs, and bytes of their contexts (one run always is)."""


class Pair(NamedTuple):
    """A run of the snapshot and what is there of it, if anything is."""

    run: SnapshotRun
    seen: SeenRun | None
    around: Surroundings


@dataclass(frozen=True, slots=True)
class Looker:
    """Looks at rows over a connection; no transaction stays open.

    `has_own_tables`: the tables of zenctx are there. `only_new`: no run that is there matters.
    """

    database: Database
    connection: Connection
    columns: RunColumns
    liveness: Liveness
    has_own_tables: bool
    only_new: bool

    def look(self, wanted: Iterable[SnapshotRun]) -> Iterator[Pair]:
        """Yields every run with its row, some in another order than they came."""
        for batch in _batches(wanted):
            yield from self._pairs(batch)

    def _pairs(self, batch: Sequence[SnapshotRun]) -> Iterator[Pair]:
        waiting = {run.run_id: run for run in batch}
        workflows = self._workflows(batch)
        # Most of those that are gone would each be looked for by itself.
        asked = [] if self.only_new else [run_id for run_id in waiting if self._may_exist(run_id)]
        there = existing_runs(self.connection, asked)
        ids = [run_id for run_id in asked if run_id in there]
        states = read_states(self.connection, ids) if self.has_own_tables else {}
        links = read_links(self.connection, ids) if self.columns.has_links else {}
        for rows in runs.read_in_order(self.database, self.connection, ids):
            around = self._around(rows, workflows)
            for row in rows:
                run = waiting.pop(row.run_id)
                yield Pair(run, SeenRun(row, states.get(row.run_id), links.get(row.run_id)), around)
        around = self._around([], workflows)
        for run in waiting.values():
            yield Pair(run, None, around)

    def _may_exist(self, run_id: str) -> bool:
        """Whether the database can be asked for a run of this id at all."""
        return is_run_id(run_id) if self.database.dialect == "postgresql" else is_text(run_id)

    def _workflows(self, batch: Sequence[SnapshotRun]) -> frozenset[str] | None:
        asked = {run.columns.get("workflow_id") or "" for run in batch}
        return existing_workflows(self.connection, sorted(each for each in asked if self._may_exist(each)))

    def _around(self, rows: Sequence[RunRow], workflows: frozenset[str] | None) -> Surroundings:
        now = database_time(self.connection)
        unfinished = [row for row in rows if row.ended_at is None or row.status in ("RUNNING", "WAITING")]
        ids = [row.run_id for row in unfinished]
        old = [row.run_id for row in unfinished if row.started_at and now - row.started_at > ZOMBIE_AGE]
        around = Surroundings(
            now=now,
            liveness=self.liveness,
            columns=self.columns,
            workflows=workflows,
            # Nothing need help to find them, so they are looked for only where they matter.
            signs=last_signs(self.connection, ids if self.liveness.alive else old),
            at_work=at_work(self.connection, ids) if self.liveness.alive else frozenset(),
            retries=pending_retries(self.connection, old),
        )
        self.connection.rollback()
        return around


def _batches(wanted: Iterable[SnapshotRun]) -> Iterator[list[SnapshotRun]]:
    batch: dict[str, SnapshotRun] = {}
    size = 0
    for run in wanted:
        length = len(run.context or b"")
        if batch and (len(batch) == MAX_RUNS or size + length > MAX_BYTES or run.run_id in batch):
            yield list(batch.values())
            batch, size = {}, 0
        batch[run.run_id] = run
        size += length
    if batch:
        yield list(batch.values())
