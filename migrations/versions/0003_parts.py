"""Create the tables of migrations and of the parts that their workers share."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Spelt out here, not taken from the package: a revision must go on making the same tables when the package changes.
TIME = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
SORTED_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "zenctx_migration",
        sa.Column("id", SORTED_TEXT, nullable=False, comment="the operation that began it"),
        sa.Column("scope", sa.Text(), nullable=False, comment="SHA-256 of what is to be converted, and how"),
        sa.Column("sweep", sa.Integer(), nullable=False),
        sa.Column("resumed_sweep", sa.Integer(), nullable=False, comment="the last one that was found abandoned, or 0"),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="zenctx_migration_pkey"),
    )
    op.create_table(
        "zenctx_part",
        sa.Column("migration_id", SORTED_TEXT, nullable=False),
        sa.Column("sweep", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("after_id", sa.Text(), nullable=True, comment="runs behind this id"),
        sa.Column("up_to_id", sa.Text(), nullable=True, comment="up to and with this one"),
        sa.Column("done_at", TIME, nullable=True),
        sa.Column("operation_id", sa.Text(), nullable=True, comment="who did it"),
        sa.Column("counts", sa.Text(), nullable=True, comment="JSON"),
        sa.PrimaryKeyConstraint("migration_id", "sweep", "number", name="zenctx_part_pkey"),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("zenctx_part")
    op.drop_table("zenctx_migration")
