"""Create the table of pinned runs, whose files no clean-up removes."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Spelt out here, not taken from the package: a revision must go on making the same tables when the package changes.
TIME = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
SORTED_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "zenctx_pin",
        sa.Column("run_id", SORTED_TEXT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True, comment="why, in the words of who pinned it"),
        sa.Column("who", sa.Text(), nullable=False, comment="user@host"),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="zenctx_pin_pkey"),
    )


def downgrade() -> None:
    """Drop the table, with the pins in it."""
    op.drop_table("zenctx_pin")
