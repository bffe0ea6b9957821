"""A world seen by somebody who may only read the engine's tables."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from tests.operations.world import World
from zenctx.database.engine import Database

ENGINE_TABLES = ("workflow_runs", "workflows", "node_executions")


@contextmanager
def as_reader(world: World, *grants: str) -> Iterator[World]:
    """Give the world over a read-only session; on PostgreSQL of a role with SELECT rights to the engine's tables only.

    `grants` are names of further tables.
    """
    url = world.database.engine.url
    if world.rows.is_sqlite:
        with Database.open(url.render_as_string(hide_password=False), read_only=True) as database:
            yield replace(world, database=database)
        return
    role = f"zenctx_reader_{os.getpid()}"
    world.rows.execute(f"create role {role} login")
    try:
        world.rows.execute(f"grant select on {', '.join((*ENGINE_TABLES, *grants))} to {role}")
        with Database.open(url.set(username=role).render_as_string(hide_password=False), read_only=True) as database:
            yield replace(world, database=database)
    finally:
        world.rows.execute(f"drop owned by {role}")
        world.rows.execute(f"drop role {role}")
