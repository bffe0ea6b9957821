"""One half of a pause in one process: saves a context through the library, or restores and reads it."""

import json
import os
import sqlite3
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.peers.values import large, small
from zenctx import ContextStore, Database, RuntimeContext, load_settings
from zenctx.database import revisions
from zenctx.database.engine import write_transaction
from zenctx.database.engine_tables import create_engine_tables

RUN = "00000000-0000-4000-8000-000000000002"


def main() -> None:
    """Takes `save`, a count of small values and the bytes of a large one; or `restore`."""
    if sys.argv[1] == "save":
        _create()
    settings = load_settings({"db": "sqlite:///zenctx.db"}, config_file=None, environ={}, cwd=Path.cwd())
    with ContextStore.open(settings) as store:
        if sys.argv[1] == "save":
            with store.new_context() as context:
                _save(store, context, int(sys.argv[2]), int(sys.argv[3]))
        else:
            _restore(store)


def _save(store: ContextStore, context: RuntimeContext, values: int, bytes_: int) -> None:
    for key, value in small(values):
        context.put(key, value)
    if bytes_:
        context.put_stream("large", large(bytes_))
    started = time.monotonic()
    store.save_context(RUN, context)
    seconds = time.monotonic() - started
    print(json.dumps({"seconds": seconds, "keys": len(context), "bytes": bytes_}))


def _restore(store: ContextStore) -> None:
    started, read = time.monotonic(), 0
    with store.restore_context(RUN) as context:
        for key in context:
            if key != "large":
                context.get(key)
                continue
            with context.open_stream(key) as stream:
                while chunk := stream.read(1 << 20):
                    read += len(chunk)
        seconds = time.monotonic() - started
        print(json.dumps({"seconds": seconds, "keys": len(context), "bytes": read}))


def _create() -> None:
    with Database.create_sqlite(Path("zenctx.db")) as database:
        with database.connect() as connection, write_transaction(connection):
            create_engine_tables(connection)
        revisions.upgrade(database)
    with sqlite3.connect("zenctx.db") as plain:
        plain.execute("insert into workflows (id, name) values (?, 'bench')", (RUN,))
        plain.execute("insert into workflow_runs (id, workflow_id, status) values (?, ?, 'RUNNING')", (RUN, RUN))
    plain.close()
    os.sync()  # so that what made the database is not measured with what comes next


main()
