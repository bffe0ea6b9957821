"""The tables as data: the engine's that we read and never create or alter, and our own (prefix `zenctx_`).

Our own are created by the revisions in `migrations/`; a test compares the two.
"""

from sqlalchemy import BigInteger, Boolean, Column, Identity, Index, Integer, LargeBinary, MetaData, Table, Text

from zenctx.database.columns import EngineId, SerialId, SortedText, UtcTime

PREFIX = "zenctx_"
REVISION_TABLE = "zenctx_revision"
REVISIONS = ("0001", "0002", "0003")
"""Every revision of our tables, oldest first. Known here so that a check needs no Alembic, which loads slowly."""

ENGINE = MetaData()
"""The engine's tables. Columns of JSON and of enum types are declared as text: read them by `cast(column, Text)`."""

workflow_runs = Table(
    "workflow_runs",
    ENGINE,
    Column("id", EngineId, primary_key=True),
    Column("workflow_id", EngineId, nullable=False),
    Column("status", Text, nullable=False),
    Column("error", Text),
    Column("trigger_type", Text),
    Column("started_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("context", Text),
    Column("retry_of", EngineId),
    Column("retry_attempt", Integer),
    Column("next_retry_at", UtcTime),
)

workflows = Table(
    "workflows",
    ENGINE,
    Column("id", EngineId, primary_key=True),
    Column("project_id", EngineId),
    Column("name", Text),
    Column("definition", Text),
    Column("is_active", Boolean),
    Column("deleted_at", UtcTime),
)

node_executions = Table(
    "node_executions",
    ENGINE,
    Column("id", EngineId, primary_key=True),
    Column("workflow_run_id", EngineId, nullable=False),
    Column("node_key", Text),
    Column("status", Text),
    Column("error", Text),
    Column("attempts", Integer),
    Column("output", Text),
    Column("started_at", UtcTime),
    Column("ended_at", UtcTime),
)

METADATA = MetaData(naming_convention={"pk": "%(table_name)s_pkey"})
"""Our own tables. No foreign key leads to the engine's: its deletes must not touch our records, nor wait for them."""

zenctx_store = Table(
    "zenctx_store",
    METADATA,
    Column("kind", Text, primary_key=True, comment="store (of live files) or repository (of snapshots)"),
    Column("store_id", Text, primary_key=True, comment="the id in the marker of the directory"),
    Column("location", Text, nullable=False, comment="the directory or URL when it was bound, without secrets"),
    Column("database_identity", Text, comment="the database that was bound; a restored copy differs"),
    Column("created_at", UtcTime, nullable=False),
)

zenctx_quarantine = Table(
    "zenctx_quarantine",
    METADATA,
    Column("run_id", SortedText, primary_key=True),
    Column("direction", Text, nullable=False, comment="descriptors or legacy"),
    Column("reason", Text, nullable=False, comment="without values"),
    Column("fingerprint", Text, nullable=False, comment="SHA-256 of the text of the context, in hex"),
    Column("operation_id", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

zenctx_operation = Table(
    "zenctx_operation",
    METADATA,
    Column("id", SortedText, primary_key=True, comment="begins with the time"),
    Column("command", Text, nullable=False),
    Column("arguments", Text, nullable=False, comment="JSON, without secrets"),
    Column("who", Text, nullable=False, comment="user@host"),
    Column("version", Text, nullable=False, comment="of zenctx"),
    Column("started_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False, comment="the last sign of life"),
    Column("finished_at", UtcTime),
    Column("outcome", Text, comment="null while it runs, or if it died"),
    Column("exit_code", Integer),
    Column("counts", Text, nullable=False, comment="JSON; grows while it runs"),
    Column("error_kind", Text),
    Column("error_message", Text, comment="without values"),
)

zenctx_released_file = Table(
    "zenctx_released_file",
    METADATA,
    Column("gc_id", SortedText, primary_key=True, comment="the id of the operation"),
    Column("root", Text, primary_key=True, comment="persistent, storage or snapshots"),
    Column("path", SortedText, primary_key=True, comment="below the root"),
    Column("run_id", SortedText),
    Column("key", Text),
    Column("bytes", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("released_at", UtcTime, nullable=False),
    Column("state", Text, nullable=False, comment="released, trashed, restored or purged"),
    Index("zenctx_released_file_path_idx", "path"),
)

zenctx_conversion = Table(
    "zenctx_conversion",
    METADATA,
    Column("id", SerialId, Identity(), primary_key=True),
    Column("operation_id", Text, nullable=False),
    Column("direction", Text, nullable=False, comment="descriptors or legacy"),
    Column("first_run_id", SortedText, nullable=False),
    Column("last_run_id", SortedText, nullable=False),
    Column("run_count", Integer, nullable=False),
    Column("run_ids", LargeBinary, nullable=False, comment="16 bytes each"),
    Column("created_at", UtcTime, nullable=False),
    Index("zenctx_conversion_range_idx", "first_run_id", "last_run_id"),
)

zenctx_runtime_state = Table(
    "zenctx_runtime_state",
    METADATA,
    Column("run_id", SortedText, primary_key=True),
    Column("format_version", Integer, nullable=False),
    Column("state", Text, nullable=False, comment="JSON: consumers, aliases, loops"),
    Column("updated_at", UtcTime, nullable=False),
)

zenctx_pin = Table(
    "zenctx_pin",
    METADATA,
    Column("run_id", SortedText, primary_key=True),
    Column("reason", Text, comment="why, in the words of who pinned it"),
    Column("who", Text, nullable=False, comment="user@host"),
    Column("created_at", UtcTime, nullable=False),
)

zenctx_migration = Table(
    "zenctx_migration",
    METADATA,
    Column("id", SortedText, primary_key=True, comment="the operation that began it"),
    Column("scope", Text, nullable=False, comment="SHA-256 of what is to be converted, and how"),
    Column("sweep", Integer, nullable=False),
    Column("resumed_sweep", Integer, nullable=False, comment="the last one that was found abandoned, or 0"),
    Column("created_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
)

zenctx_part = Table(
    "zenctx_part",
    METADATA,
    Column("migration_id", SortedText, primary_key=True),
    Column("sweep", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("after_id", Text, comment="runs behind this id"),
    Column("up_to_id", Text, comment="up to and with this one"),
    Column("done_at", UtcTime),
    Column("operation_id", Text, comment="who did it"),
    Column("counts", Text, comment="JSON"),
)
