"""The engine's tables as its own migrations make them, for tests on either database."""

from sqlalchemy import Connection

from tests.support.shelved import SHELF
from zenctx.database.engine_tables import create_engine_tables

_POSTGRESQL = (
    "create type workflow_status_enum as enum ('RUNNING', 'SUCCESS', 'ERROR', 'WAITING')",
    "create type trigger_type_enum as enum ('MANUAL', 'SCHEDULE', 'WEBHOOK', 'EVENT')",
    """
    create table workflows (
        id uuid primary key default gen_random_uuid(),
        project_id uuid,
        name varchar(255) not null,
        definition jsonb,
        is_active boolean not null default true,
        deleted_at timestamptz
    )""",
    """
    create table workflow_runs (
        id uuid primary key default gen_random_uuid(),
        workflow_id uuid not null references workflows (id) on delete cascade,
        status workflow_status_enum not null,
        error text,
        trigger_type trigger_type_enum,
        started_at timestamptz not null default now(),
        ended_at timestamptz,
        context jsonb,
        retry_of uuid references workflow_runs (id) on delete set null,
        retry_attempt int default 0,
        next_retry_at timestamptz
    )""",
    "create index idx_workflow_runs_workflow_id on workflow_runs (workflow_id)",
    """
    create table node_executions (
        id uuid primary key default gen_random_uuid(),
        workflow_run_id uuid not null references workflow_runs (id) on delete cascade,
        node_key text not null,
        status text not null,
        error text,
        attempts int not null default 0,
        output jsonb,
        started_at timestamptz,
        ended_at timestamptz
    )""",
)

_QUARTZ = (
    """
    create table qrtz_job_details (
        sched_name varchar(120) not null,
        job_name varchar(200) not null,
        job_group varchar(200) not null,
        description varchar(250),
        job_class_name varchar(250) not null,
        is_durable bool not null,
        is_nonconcurrent bool not null,
        is_update_data bool not null,
        requests_recovery bool not null,
        job_data {binary},
        primary key (sched_name, job_name, job_group)
    )""",
    """
    create table qrtz_triggers (
        sched_name varchar(120) not null,
        trigger_name varchar(200) not null,
        trigger_group varchar(200) not null,
        job_name varchar(200) not null,
        job_group varchar(200) not null,
        description varchar(250),
        next_fire_time bigint,
        prev_fire_time bigint,
        priority integer,
        trigger_state varchar(16) not null,
        trigger_type varchar(8) not null,
        start_time bigint not null,
        end_time bigint,
        calendar_name varchar(200),
        misfire_instr smallint,
        job_data {binary},
        primary key (sched_name, trigger_name, trigger_group),
        foreign key (sched_name, job_name, job_group) references qrtz_job_details (sched_name, job_name, job_group)
    )""",
    """
    create table qrtz_scheduler_state (
        sched_name varchar(120) not null,
        instance_name varchar(200) not null,
        last_checkin_time bigint not null,
        checkin_interval bigint not null,
        primary key (sched_name, instance_name)
    )""",
)


def create_engine_schema(connection: Connection) -> None:
    """Create workflows, workflow_runs and node_executions in the connection's open transaction, on either database.

    On PostgreSQL with native enums, `jsonb`, time zones, foreign keys and the one index on `workflow_id`.
    """
    if connection.dialect.name == "sqlite":
        create_engine_tables(connection)
        return
    # Those that another test has put aside would be the same tables in a second schema.
    connection.exec_driver_sql(f"drop schema if exists {SHELF} cascade")
    for statement in _POSTGRESQL:
        connection.exec_driver_sql(statement)


def create_quartz_tables(connection: Connection) -> None:
    """Create the scheduler's tables that tell of jobs and of living engines, with Quartz's standard columns."""
    binary = "blob" if connection.dialect.name == "sqlite" else "bytea"
    for statement in _QUARTZ:
        connection.exec_driver_sql(statement.format(binary=binary))
