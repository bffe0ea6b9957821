"""The engine's tables for an SQLite file, as its own migrations would make them; only `zenctx demo` creates them."""

from sqlalchemy import Connection

_NEW_ID = (
    "(lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'"
    " || substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))))"
)
_NOW = "(strftime('%Y-%m-%dT%H:%M:%f', 'now') || 'Z')"

# JSON columns are declared `text`: to SQLite `jsonb` would be a numeric type, and turn a text of digits into a number.
_STATEMENTS = (
    f"""
    create table workflows (
        id text primary key not null default {_NEW_ID},
        project_id text,
        name text not null,
        definition text,
        is_active boolean not null default true,
        deleted_at text
    )""",
    f"""
    create table workflow_runs (
        id text primary key not null default {_NEW_ID},
        workflow_id text not null references workflows (id) on delete cascade,
        status text not null,
        error text,
        trigger_type text,
        started_at text not null default {_NOW},
        ended_at text,
        context text,
        retry_of text references workflow_runs (id) on delete set null,
        retry_attempt integer default 0,
        next_retry_at text
    )""",
    "create index idx_workflow_runs_workflow_id on workflow_runs (workflow_id)",
    f"""
    create table node_executions (
        id text primary key not null default {_NEW_ID},
        workflow_run_id text not null references workflow_runs (id) on delete cascade,
        node_key text not null,
        status text not null,
        error text,
        attempts integer not null default 0,
        output text,
        started_at text,
        ended_at text
    )""",
)


def create_engine_tables(connection: Connection) -> None:
    """Create workflows, workflow_runs and node_executions, empty, in the open transaction of an SQLite connection."""
    for statement in _STATEMENTS:
        connection.exec_driver_sql(statement)
