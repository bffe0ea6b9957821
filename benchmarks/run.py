"""Measures zenctx side by side with what one would use instead, and prints the ratios. It judges nothing.

make bench                                    everything, some minutes
make bench ARGS="sqlite start --rows 5000"    some cases, fewer rows
"""

import argparse
from collections.abc import Callable, Iterator

from benchmarks import at_start, on_diff, on_gc, on_library, on_postgresql, on_snapshots, on_sqlite, on_stats
from benchmarks.figures import Figure, table

MORE = 4
"""Workers and counts are measured on so many times the rows: with fewer they are through before they are at speed."""
LARGE_VALUES = 200
LARGE_ROUNDS = 2

Case = Callable[[argparse.Namespace], Iterator[Figure]]
CASES: dict[str, Case] = {
    "start": lambda given: at_start.starts(given.rounds),
    "sqlite": lambda given: on_sqlite.migrate_sqlite(given.rows, given.rounds),
    "postgresql": lambda given: on_postgresql.migrate_and_memory(given.rows, given.rounds),
    "library": lambda given: on_library.contexts(given.rounds),
    "snapshots": lambda given: on_snapshots.snapshots(given.rounds),
    "verify": lambda given: on_snapshots.verifying(given.rounds),
    "diff": lambda given: on_diff.documents(given.rounds),
    "gc": lambda given: on_gc.rehearse(given.files, given.rounds),
    "stats": lambda given: on_stats.counting(MORE * given.rows, given.rounds),
    "workers": lambda given: on_postgresql.workers(MORE * given.rows, given.rounds),
    "large": lambda _given: on_postgresql.large_values(LARGE_VALUES, LARGE_ROUNDS),
}


def main() -> None:
    """Runs the cases that were named, or all; prints each figure as it comes, and the table at the end."""
    given = _arguments()
    figures: list[Figure] = []
    for name in given.cases or CASES:
        for figure in CASES[name](given):
            print(f"{figure.case}: {figure.zenctx} {figure.ratio}", flush=True)
            figures.append(figure)
    print(f"\n{table(figures)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"which of {', '.join(CASES)} (default: all)")
    parser.add_argument("--rows", type=int, default=50_000, help="rows in a table (default: 50000)")
    parser.add_argument("--files", type=int, default=200_000, help="files in a store (default: 200000)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each side (default: 3)")
    given = parser.parse_args()
    if unknown := [name for name in given.cases if name not in CASES]:
        parser.error(f"there is no case {unknown[0]!r}; there are {', '.join(CASES)}")
    return given


if __name__ == "__main__":
    main()
