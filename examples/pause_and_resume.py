"""A workflow of three nodes that pauses inside a loop, in one process, and goes on in another.

    python examples/pause_and_resume.py start      fetches, prices two of five orders, saves the context and ends
    python examples/pause_and_resume.py resume     restores it, goes on in the loop, and finishes

`fetch` gives orders and a large catalogue, `price` reads both in every round of a loop, `report` reads what `price`
made. All of it is kept in the folder ./pause-and-resume, a playground such as `zenctx demo` makes.
"""
# ruff: noqa: INP001, T201  - a program by itself, which prints

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from zenctx import ContextStore, RuntimeContext, Settings, load_settings
from zenctx.operations.demo import make_playground

FOLDER = Path("pause-and-resume")
LOOP = "orders"

# Who will read what: a value is released when its last consumer has read it.
CONSUMERS = {
    "fetch.output.orders": ["price"],
    "fetch.output.catalogue": ["price"],
    "price.output.lines": ["report"],
}


@dataclass
class Order:
    """So many pieces of something."""

    article: str
    pieces: int


# The nodes


def fetch(context: RuntimeContext) -> None:
    """Gives the orders, and a catalogue that is too large to be held in memory: it is kept in a file."""
    context.write("orders", [Order(f"A{number * 1000}", number) for number in range(1, 6)])
    context.write_stream("catalogue", catalogue(), media_type="application/json")
    context.flush_pending_writes("fetch")
    print(f"fetch: five orders; the catalogue has {context.get_ref('fetch.output.catalogue').size:,} bytes")


def price(context: RuntimeContext) -> bool:
    """Prices one more order, the loop's next round; tells whether there was one."""
    orders = context.read("price", "fetch.output.orders", list[Order])
    lines = context.get("price.output.lines") if "price.output.lines" in context else []
    if len(lines) == len(orders):
        return False
    order = orders[len(lines)]
    cents = context.read_json("fetch.output.catalogue", f"/{order.article}/cents", int)
    context.consume("price", "fetch.output.catalogue")  # counts when the loop ends: the next round reads it again
    context.write("lines", [*lines, {"article": order.article, "cents": cents * order.pieces}])
    context.flush_pending_writes("price")
    print(f"price: order {len(lines) + 1} of {len(orders)}")
    return True


def report(context: RuntimeContext) -> None:
    """Adds up what was priced."""
    lines = context.read("report", "price.output.lines")
    print(f"report: {len(lines)} orders, {sum(line['cents'] for line in lines) / 100:,.2f} in all")


def catalogue() -> Iterator[bytes]:
    """Yields the JSON text of 50,000 articles, piece by piece."""
    for number in range(50_000):
        yield b'%s"A%d":{"cents":%d,"name":"Article %d"}' % (b"," if number else b"{", number, number % 977, number)
    yield b"}"


# The workflow


def start() -> None:
    """Runs up to the second order; then the run has to wait, for an approval perhaps."""
    if not FOLDER.exists():
        make_playground(FOLDER, 1)
    run_id = begin_run()
    with ContextStore.open(settings()) as store, store.new_context() as context:
        for key, nodes in CONSUMERS.items():
            context.add_consumers(key, nodes)
        fetch(context)
        context.start_loop(LOOP)
        price(context)
        price(context)
        saved = store.save_context(run_id, context)
    print(f"Paused: {saved.values} values saved, {saved.files} of them in a file. Go on with 'resume'.")


def resume() -> None:
    """Goes on where the newest run has paused."""
    run_id = paused_run()
    with ContextStore.open(settings()) as store, store.restore_context(run_id) as context:
        print(f"Resumed in the loop {context.active_loops[-1]!r} with {', '.join(context.keys())}")
        while price(context):
            pass
        context.end_loop(LOOP)
        print(f"The loop has ended, so orders and catalogue are released. Left: {', '.join(context.keys())}")
        report(context)
        saved = store.save_context(run_id, context)
    end_run(run_id)
    print(f"Finished: {saved.values} values left, {saved.superseded} file deleted.")


def settings() -> Settings:
    """Gives the settings of the playground."""
    return load_settings({}, config_file=FOLDER / "zenctx.toml", environ={}, cwd=Path.cwd())


# What the engine does: it makes the row of a run and sets its status. zenctx writes the context alone.


def begin_run() -> str:
    """Makes a run; gives its id."""
    with closing(sqlite3.connect(FOLDER / "zenctx.db")) as database, database:
        (run_id,) = database.execute(
            "insert into workflow_runs (workflow_id, status, trigger_type)"
            " select id, 'RUNNING', 'MANUAL' from workflows limit 1 returning id"
        ).fetchone()
    return str(run_id)


def paused_run() -> str:
    """Gives the id of the newest run that has not ended."""
    if not FOLDER.exists():
        sys.exit("There is nothing to resume: 'start' first.")
    with closing(sqlite3.connect(FOLDER / "zenctx.db")) as database:
        row = database.execute("select id from workflow_runs where status = 'RUNNING' order by rowid desc").fetchone()
    return str(row[0]) if row else sys.exit("There is nothing to resume: 'start' first.")


def end_run(run_id: str) -> None:
    """Marks a run as finished."""
    with closing(sqlite3.connect(FOLDER / "zenctx.db")) as database, database:
        database.execute("update workflow_runs set status = 'SUCCESS' where id = ?", (run_id,))


if __name__ == "__main__":
    actions = {"start": start, "resume": resume}
    if len(sys.argv) != 2 or sys.argv[1] not in actions:
        sys.exit(__doc__)
    actions[sys.argv[1]]()
