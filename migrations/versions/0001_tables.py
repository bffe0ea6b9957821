"""Create zenctx's own tables."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Spelt out here, not taken from the package: a revision must go on making the same tables when the package changes.
TIME = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
SORTED_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def column(name: str, kind: Any, *rest: Any, comment: str | None = None, null: bool = False) -> sa.Column[Any]:
    """Give a column, which is not null unless `null` is set."""
    return sa.Column(name, kind, *rest, nullable=null, comment=comment)


def upgrade() -> None:
    """Create the tables, all of them new; nothing that exists is touched."""
    create_records_of_operations()
    create_records_of_runs()
    create_records_of_files()


def create_records_of_operations() -> None:
    """Create the journal, and the bond between the database and its store."""
    op.create_table(
        "zenctx_operation",
        column("id", SORTED_TEXT, comment="begins with the time"),
        column("command", sa.Text()),
        column("arguments", sa.Text(), comment="JSON, without secrets"),
        column("who", sa.Text(), comment="user@host"),
        column("version", sa.Text(), comment="of zenctx"),
        column("started_at", TIME),
        column("updated_at", TIME, comment="the last sign of life"),
        column("finished_at", TIME, null=True),
        column("outcome", sa.Text(), null=True, comment="null while it runs, or if it died"),
        column("exit_code", sa.Integer(), null=True),
        column("counts", sa.Text(), comment="JSON; grows while it runs"),
        column("error_kind", sa.Text(), null=True),
        column("error_message", sa.Text(), null=True, comment="without values"),
        sa.PrimaryKeyConstraint("id", name="zenctx_operation_pkey"),
    )
    op.create_table(
        "zenctx_store",
        column("kind", sa.Text(), comment="store (of live files) or repository (of snapshots)"),
        column("store_id", sa.Text(), comment="the id in the marker of the directory"),
        column("location", sa.Text(), comment="the directory or URL when it was bound, without secrets"),
        column(
            "database_identity", sa.Text(), null=True, comment="the database that was bound; a restored copy differs"
        ),
        column("created_at", TIME),
        sa.PrimaryKeyConstraint("kind", "store_id", name="zenctx_store_pkey"),
    )


def create_records_of_runs() -> None:
    """Create what is kept about runs: conversions, quarantine, the state of the library's contexts."""
    op.create_table(
        "zenctx_quarantine",
        column("run_id", SORTED_TEXT),
        column("direction", sa.Text(), comment="descriptors or legacy"),
        column("reason", sa.Text(), comment="without values"),
        column("fingerprint", sa.Text(), comment="SHA-256 of the text of the context, in hex"),
        column("operation_id", sa.Text()),
        column("created_at", TIME),
        sa.PrimaryKeyConstraint("run_id", name="zenctx_quarantine_pkey"),
    )
    op.create_table(
        "zenctx_conversion",
        column("id", SERIAL_ID, sa.Identity()),
        column("operation_id", sa.Text()),
        column("direction", sa.Text(), comment="descriptors or legacy"),
        column("first_run_id", SORTED_TEXT),
        column("last_run_id", SORTED_TEXT),
        column("run_count", sa.Integer()),
        column("run_ids", sa.LargeBinary(), comment="16 bytes each"),
        column("created_at", TIME),
        sa.PrimaryKeyConstraint("id", name="zenctx_conversion_pkey"),
    )
    op.create_index("zenctx_conversion_range_idx", "zenctx_conversion", ["first_run_id", "last_run_id"])
    op.create_table(
        "zenctx_runtime_state",
        column("run_id", SORTED_TEXT),
        column("format_version", sa.Integer()),
        column("state", sa.Text(), comment="JSON: consumers, aliases, loops"),
        column("updated_at", TIME),
        sa.PrimaryKeyConstraint("run_id", name="zenctx_runtime_state_pkey"),
    )


def create_records_of_files() -> None:
    """Create the record of the files that were released."""
    op.create_table(
        "zenctx_released_file",
        column("gc_id", SORTED_TEXT, comment="the id of the operation"),
        column("root", sa.Text(), comment="persistent, storage or snapshots"),
        column("path", SORTED_TEXT, comment="below the root"),
        column("run_id", SORTED_TEXT, null=True),
        column("key", sa.Text(), null=True),
        column("bytes", sa.BigInteger()),
        column("mtime_ns", sa.BigInteger()),
        column("reason", sa.Text()),
        column("released_at", TIME),
        column("state", sa.Text(), comment="released, trashed, restored or purged"),
        sa.PrimaryKeyConstraint("gc_id", "root", "path", name="zenctx_released_file_pkey"),
    )
    op.create_index("zenctx_released_file_path_idx", "zenctx_released_file", ["path"])


def downgrade() -> None:
    """Drop the tables, with the records in them."""
    op.drop_table("zenctx_released_file")
    op.drop_table("zenctx_runtime_state")
    op.drop_table("zenctx_conversion")
    op.drop_table("zenctx_quarantine")
    op.drop_table("zenctx_store")
    op.drop_table("zenctx_operation")
