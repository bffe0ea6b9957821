"""Runs zenctx's revisions on the connection or engine that the caller gives, or writes them as SQL."""

from typing import Any

from alembic import context
from sqlalchemy import Connection, Engine

from zenctx.database.schema import METADATA, PREFIX, REVISION_TABLE


def include_name(name: str | None, kind: str, _parents: Any) -> bool:
    """Keep comparisons of the schema to our own tables: the others in the database are none of our business."""
    return kind != "table" or (name is not None and name.startswith(PREFIX))


def configure(**where: Any) -> None:
    """Set up Alembic for our tables on what `where` names."""
    context.configure(
        target_metadata=METADATA,
        version_table=REVISION_TABLE,
        include_name=include_name,
        render_as_batch=True,
        transactional_ddl=True,
        **where,
    )


def run(connection: Connection) -> None:
    """Run the revisions on a connection, within its transaction if one is open."""
    configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()


def run_offline() -> None:
    """Write the revisions as SQL for the dialect that the caller names."""
    configure(dialect_name=context.config.attributes["dialect"], literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    target = context.config.attributes["connection"]
    if isinstance(target, Engine):
        with target.connect() as opened:
            run(opened)
    else:
        run(target)
