"""What one would do without a store: the values of a context pickled to a file, synced; and loaded again."""

import json
import os
import pickle
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.peers.values import large, small

FILE = Path("context.pickle")


def main() -> None:
    """Takes `save`, a count of small values and the bytes of a large one; or `restore`."""
    if sys.argv[1] == "save":
        _save(int(sys.argv[2]), int(sys.argv[3]))
    else:
        _restore()


def _save(values: int, bytes_: int) -> None:
    context: dict[str, object] = dict(small(values))
    if bytes_:
        context["large"] = b"".join(large(bytes_))
    os.sync()
    started = time.monotonic()
    with FILE.with_suffix(".new").open("wb") as file:
        pickle.dump(context, file)
        file.flush()
        os.fsync(file.fileno())
    FILE.with_suffix(".new").rename(FILE)
    seconds = time.monotonic() - started
    print(json.dumps({"seconds": seconds, "keys": len(context), "bytes": bytes_}))


def _restore() -> None:
    started = time.monotonic()
    with FILE.open("rb") as file:
        context = pickle.load(file)  # noqa: S301 - our own, a moment ago
    seconds = time.monotonic() - started
    print(json.dumps({"seconds": seconds, "keys": len(context), "bytes": len(context.get("large", b""))}))


main()
