"""What the tests run in a process of its own: to be killed, to lack rights, or to fill a small disk.

python -m tests.store.child put ROOT SIZE    prepares, stores SIZE bytes; prints the outcome as JSON
python -m tests.store.child loop ROOT        stores values for ever; prints each name when it was told it
python -m tests.store.child hold ROOT        holds the lock exclusively for ever; prints a line when it has it
"""

import hashlib
import itertools
import json
import os
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from zenctx.errors import ZenctxError
from zenctx.store.base import NewFile, StoredFile
from zenctx.store.local import LocalStore


def sealed(size: int) -> bytes:
    """Random content that begins with the hash of its rest, so that a file alone shows whether it is whole."""
    rest = os.urandom(size)
    return hashlib.sha256(rest).digest() + rest


def is_sealed(content: bytes) -> bool:
    """Whether content of `sealed` is whole."""
    return content[:32] == hashlib.sha256(content[32:]).digest()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _chunked(content: bytes) -> Iterator[bytes]:
    return (content[at : at + 50_000] for at in range(0, len(content), 50_000))


def _put(store: LocalStore, size: int) -> None:
    outcome: dict[str, object] = {"stored": None, "error": None}
    try:
        store.prepare()
        outcome["stored"] = store.put("run", "key", b"x" * size).name
    except ZenctxError as error:
        outcome["error"] = {"kind": error.kind, "message": error.message, "hint": error.hint}
    outcome["left"] = sorted(str(path.name) for path in store.root.rglob("*") if path.is_file())
    _say(json.dumps(outcome))


def _round(store: LocalStore, number: int) -> list[StoredFile]:
    run = f"run {number % 50}"
    large = sealed(secrets.randbelow(700_000))
    stored = [store.put(run, "one", large), store.put(run, "chunked", _chunked(large))]
    return stored + store.put_many(NewFile(f"{run}/{n}", "many", sealed(n)) for n in range(5))


def _loop(store: LocalStore) -> None:
    for number in itertools.count():
        for stored in _round(store, number):
            _say(stored.name)


def _hold(store: LocalStore) -> None:
    with store.lock_exclusive():
        _say("held")
        time.sleep(60)


def main(verb: str, root: str, *arguments: str) -> None:
    """Carry out one of the verbs above."""
    store = LocalStore(Path(root), file_mode=0o440, file_group=None)
    if verb == "put":
        _put(store, int(arguments[0]))
    else:
        store.prepare()
        {"loop": _loop, "hold": _hold}[verb](store)


if __name__ == "__main__":
    main(*sys.argv[1:])
