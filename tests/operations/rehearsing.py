"""A run that would resume, with all that an engine keeps beside it, in which tests plant obstacles."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.operations.world import World
from tests.support.engine_schema import create_quartz_tables
from tests.support.rows import DAY, compact
from zenctx.context.convert import LargeValue
from zenctx.database.engine import write_transaction
from zenctx.operations.doctor import FindingItem, RehearsalReport, rehearse
from zenctx.operations.live_files import live_files

LONG = 500
SECRET = "sk-never-to-be-seen"
NODE, LATER = "charge", "notify"
DEFINITION: dict[str, Any] = {
    "nodes": [
        {"key": "fetch", "next": [NODE], "config": {"input": {"url": "https://example.org"}}},
        {
            "key": NODE,
            "next": [LATER],
            "config": {"input": {"amount": "{{fetch.output.amount}}", "token": "{{secrets.API_KEY}}"}},
            "pluginNode": {"pluginKey": "core", "nodeKey": "flow.timeout"},
        },
        {"key": LATER, "next": [], "config": {"input": {"text": "{{total}} {{charge.output.id}} {{x.y:none}}"}}},
    ],
    "metadata": {
        "aliases": {"total": "{{fetch.output.body.total}}"},
        "nodeConsumers": {"fetch.output.amount": {"type": "any", "consumers": [NODE], "aliases": []}},
        "secrets": {"API_KEY": [NODE]},
        "profileRequiredNodes": [LATER],
    },
}
VALUES: dict[str, Any] = {
    "__zenflow_secrets": {NODE: {"API_KEY": SECRET}},
    "__zenflow__profiles": {LATER: {"secrets": {"password": SECRET}, "profileId": "1"}},
    "fetch.output.amount": 12,
    "fetch.output.body": {"total": 12, "large": "x" * 600},
}


@dataclass
class Patient:
    """A sound run in a world; every part of it can be changed before it is rehearsed."""

    world: World
    has_engine: bool = True
    run_id: str = ""
    items: list[FindingItem] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Makes the run, its workflow, the records of its nodes and its timer, as an engine leaves them."""
        if self.run_id:
            return
        if self.has_engine:
            with self.world.database.connect() as connection, write_transaction(connection):
                create_quartz_tables(connection)
            self.check_in()
        self.define(DEFINITION)
        now = datetime.now(UTC)
        self.run_id = self.world.rows.add(None, status="RUNNING", started=now, ended=None)
        self.replace({key: self._described(key, value) for key, value in VALUES.items()})
        self.begin("fetch", "SUCCESS", {"amount": 12, "body": {"total": 12}})
        self.begin(NODE, "WAITING")
        if self.has_engine:
            self.schedule(NODE, "timeout-jobs")

    def _described(self, key: str, value: object) -> dict[str, object]:
        """A descriptor as an engine writes it: a long value lies in a file."""
        content = compact(value).encode()
        if len(content) < LONG:
            return descriptor("MEMORY", inlineValue=value)
        live = live_files(self.world.settings)
        live.store.prepare()
        (stored,) = live.put(self.run_id, [LargeValue(0, key, content)])
        properties = {"locator": stored.locator, "size": stored.size, "checksum": stored.checksum}
        return descriptor("FILE", mediaType="application/json", **properties)

    def rehearse(self, run_id: str | None = None) -> RehearsalReport:
        """Rehearses; what was found is in `items`."""
        self.items = []
        return rehearse(self.world.database, self.world.settings, run_id or self.run_id, self.items.append)

    def only(self, severity: str = "error") -> FindingItem:
        """Rehearses, and gives the one thing that was found."""
        report = self.rehearse()
        assert [item.severity for item in self.items] == [severity], [item.reason for item in self.items]
        assert report.exit_code == (0 if severity == "notice" else 4)
        (item,) = self.items
        assert item.hint
        assert SECRET not in repr(item)
        verdict = report.message.splitlines()[-1]
        start = {"error": "would not resume: ", "warning": "would resume, with a warning: ", "notice": "would resume"}
        assert verdict.startswith(start[severity])
        return item

    def define(self, definition: object) -> None:
        """Gives the workflow another definition."""
        text = definition if isinstance(definition, str) else json.dumps(definition)
        kind = "text" if self.world.rows.is_sqlite else "jsonb"
        self.world.rows.execute(f"update workflows set definition = cast(:text as {kind})", text=text)

    def change(self, **columns: str) -> None:
        """Sets columns of the run's row to expressions of SQL."""
        assignments = ", ".join(f"{name} = {value}" for name, value in columns.items())
        self.world.rows.execute(f"update workflow_runs set {assignments} where id = :id", id=self.run_id)

    def context(self) -> dict[str, Any]:
        """The context as it is stored."""
        text = self.world.rows.text(self.run_id)
        assert text is not None
        found: dict[str, Any] = json.loads(text)
        return found

    def replace(self, context: dict[str, Any]) -> None:
        """Stores another context, as the engine would."""
        self.world.rows.replace(self.run_id, compact(context))

    def without(self, key: str) -> None:
        """Takes an entry out of the context."""
        context = self.context()
        del context[key]
        self.replace(context)

    def set_value(self, key: str, value: object) -> None:
        """Puts a MEMORY value into the context."""
        self.replace({**self.context(), key: descriptor("MEMORY", inlineValue=value)})

    def begin(self, node: str, status: str, output: object = None) -> None:
        """Records an execution of a node; WAITING and RUNNING have not ended."""
        now = datetime.now(UTC)
        is_over = status not in ("WAITING", "RUNNING", "RETRYING")
        moment, rows = self.world.rows.moment, self.world.rows
        kind = "text" if rows.is_sqlite else "jsonb"
        rows.execute(
            "insert into node_executions (id, workflow_run_id, node_key, status, output, started_at, ended_at)"
            f" values (:id, :run, :node, :status, cast(:output as {kind}), :started, :ended)",
            id=str(uuid4()),
            run=self.run_id,
            node=node,
            status=status,
            output=None if output is None else json.dumps(output),
            started=moment(now - timedelta(minutes=2)),
            ended=moment(now - timedelta(minutes=1)) if is_over else None,
        )

    def schedule(self, node: str, group: str, *, state: str | None = "WAITING", fires: timedelta = DAY) -> None:
        """Schedules a job for a node, with a trigger of that state (None: without one)."""
        name = f"{self.run_id}:{node}"
        execute = self.world.rows.execute
        execute(
            "insert into qrtz_job_details values ('z', :name, :group, null, 'J', true, false, false, false, null)",
            name=name,
            group=group,
        )
        if state is not None:
            execute(
                "insert into qrtz_triggers (sched_name, trigger_name, trigger_group, job_name, job_group,"
                " trigger_state, trigger_type, start_time, next_fire_time)"
                " values ('z', :name, 't', :name, :group, :state, 'SIMPLE', 0, :fires)",
                name=name,
                group=group,
                state=state,
                fires=int((datetime.now(UTC) + fires).timestamp() * 1000),
            )

    def unschedule(self) -> None:
        """Takes all jobs away."""
        for table in ("qrtz_triggers", "qrtz_job_details"):
            self.world.rows.execute(f"delete from {table}")

    def check_in(self, ago: timedelta = timedelta(seconds=1)) -> None:
        """Lets an engine have checked in so long ago."""
        self.world.rows.execute("delete from qrtz_scheduler_state")
        self.world.rows.execute(
            "insert into qrtz_scheduler_state values ('z', 'node-1', :last, 7500)",
            last=int((datetime.now(UTC) - ago).timestamp() * 1000),
        )


def descriptor(kind: str, **properties: object) -> dict[str, object]:
    """Gives a descriptor with all six properties."""
    names = ("locator", "mediaType", "size", "checksum", "inlineValue")
    return {"type": kind, **dict.fromkeys(names), "size": -1, **properties}
