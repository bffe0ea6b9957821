"""Workflows and runs for tests, made and compared alike on both databases."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from zenctx.database.columns import iso_utc
from zenctx.database.engine import Database, write_transaction

DAY = timedelta(days=1)

_INSERT = """
    insert into workflow_runs (id, workflow_id, status, started_at, ended_at, context)
    values (:id, :workflow, {status}, :started, :ended, {context})"""
# On PostgreSQL in a schema of their own: the one with the tables stays as it was made, and is used again.
_ORIGINALS = {"sqlite": "originals", "postgresql": "remembered.originals"}
_CHANGED = {
    "sqlite": "cast(r.context as blob) is not cast(o.context as blob)",
    "postgresql": "r.context is distinct from o.context",
}


def compact(context: object) -> str:
    """Give the JSON text of a context as the engine writes it, without a blank."""
    return json.dumps(context, ensure_ascii=False, separators=(",", ":"))


class Rows:
    """The runs of a database that has the engine's tables. What is not said is that of a run long finished."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.is_sqlite = database.dialect == "sqlite"
        self.originals = _ORIGINALS[database.dialect]
        """The table of the contexts that were remembered."""
        self.workflow_id = self.add_workflow()
        marks = (":status", ":context") if self.is_sqlite else ("cast(:status as workflow_status_enum)",) * 2
        context = ":context" if self.is_sqlite else "cast(:context as jsonb)"
        self._insert = _INSERT.format(status=marks[0], context=context)
        self._context = context

    def add_workflow(self, name: str = "Orders") -> str:
        """Adds a workflow; gives its id."""
        workflow_id = str(uuid4())
        self.execute("insert into workflows (id, name) values (:id, :name)", id=workflow_id, name=name)
        return workflow_id

    def add(
        self,
        context: str | bytes | None,
        *,
        run_id: str | None = None,
        status: str = "SUCCESS",
        started: datetime | None = None,
        ended: datetime | timedelta | None = 2 * DAY,
        workflow: str | None = None,
    ) -> str:
        """Adds a run; gives its id. `ended` may be how long ago that was; None: it has not ended.

        Bytes are stored as a blob, which only SQLite takes.
        """
        now = datetime.now(UTC)
        end = now - ended if isinstance(ended, timedelta) else ended
        values = self._values(context, run_id, status, started or (end or now) - DAY, end, workflow)
        self.execute(self._insert, **values)
        return str(values["id"])

    def add_all(self, contexts: Iterable[str]) -> list[str]:
        """Adds finished runs in one transaction; gives their ids in the same order."""
        end = datetime.now(UTC) - 2 * DAY
        rows = [self._values(context, None, "SUCCESS", end - DAY, end, None) for context in contexts]
        with self.database.connect() as connection, write_transaction(connection):
            connection.execute(text(self._insert), rows)
        return [str(row["id"]) for row in rows]

    def replace(self, run_id: str, context: str | bytes | None) -> None:
        """Writes another context, as the engine does: over whatever is there."""
        self.execute(f"update workflow_runs set context = {self._context} where id = :id", id=run_id, context=context)

    def text(self, run_id: str) -> bytes | None:
        """Gives the exact text of a context."""
        kind = "blob" if self.is_sqlite else "text"
        (value,) = self.fetch(f"select cast(context as {kind}) from workflow_runs where id = :id", id=run_id)[0]
        return value.encode() if isinstance(value, str) else value

    def remember(self) -> None:
        """Keeps a copy of all contexts, for `changed`."""
        if not self.is_sqlite:
            self.execute("create schema if not exists remembered")
        self.execute(f"drop table if exists {self.originals}")
        self.execute(f"create table {self.originals} as select id, context from workflow_runs")

    def changed(self) -> list[str]:
        """Gives the runs whose context is not what it was: another text on SQLite, another `jsonb` on PostgreSQL."""
        unlike = _CHANGED[self.database.dialect]
        kept = f"{self.originals} o left join workflow_runs r on r.id = o.id"
        return [run_id for (run_id,) in self.fetch(f"select cast(o.id as text) from {kept} where {unlike}")]

    def execute(self, statement: str, **parameters: object) -> None:
        """Runs a statement in a transaction of its own, over a connection of its own."""
        with self.database.connect() as connection, write_transaction(connection):
            connection.execute(text(statement), parameters)

    def fetch(self, query: str, **parameters: object) -> Sequence[Any]:
        """Runs a query over a connection of its own; gives all its rows."""
        with self.database.connect() as connection:
            return connection.execute(text(query), parameters).all()

    def _values(
        self,
        context: str | bytes | None,
        run_id: str | None,
        status: str,
        started: datetime,
        ended: datetime | None,
        workflow: str | None,
    ) -> dict[str, object]:
        return {
            "id": str(uuid4()) if run_id is None else run_id,
            "workflow": workflow or self.workflow_id,
            "status": status,
            "started": self.moment(started),
            "ended": ended and self.moment(ended),
            "context": context,
        }

    def moment(self, at: datetime) -> object:
        """Gives a time as the database's column takes it."""
        return iso_utc(at) if self.is_sqlite else at
