"""What the two sides of a comparison are called on the command line: a run, a run of a snapshot, a file, a snapshot."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from zenctx.errors import UsageError

STDIN = "-"
_LATEST = re.compile(r"latest(~[0-9]{1,9})?")
_SNAPSHOT_ID = re.compile(r"[0-9a-f]{4,64}")


class SideKind(StrEnum):
    """What a side of a comparison is."""

    RUN = "run"
    SNAPSHOT_RUN = "snapshot_run"
    SNAPSHOT = "snapshot"
    FILE = "file"
    STDIN = "stdin"


@dataclass(frozen=True, slots=True)
class Reference:
    """One side as it was named: `run_id`, `snapshot` and `path` are set where the kind has them."""

    kind: SideKind
    text: str
    run_id: str = ""
    snapshot: str = ""
    path: str = ""


def parse_reference(text: str) -> Reference:
    """Tells what a text names; looks whether there is such a file, and opens nothing.

    `-` is standard input. What holds a slash or ends in `.json` is a file; `latest`, `latest~2` and the beginning of an
    id a snapshot; either of them, a colon and a run's id a run of a snapshot; a UUID a run. Anything else is a file
    where there is one of that name, else a run. Raises UsageError for the empty text.
    """
    if not text:
        raise UsageError("an empty argument names nothing", hint="give a run id, SNAPSHOT:RUN, SNAPSHOT or a file")
    if text == STDIN:
        return Reference(SideKind.STDIN, text)
    if "/" in text or text.endswith(".json"):
        return Reference(SideKind.FILE, text, path=text)
    snapshot, colon, run_id = text.partition(":")
    if colon and run_id and _is_snapshot(snapshot):
        return Reference(SideKind.SNAPSHOT_RUN, text, run_id=run_id, snapshot=snapshot)
    if _is_uuid(text):
        return Reference(SideKind.RUN, text, run_id=text)
    if _is_snapshot(text):
        return Reference(SideKind.SNAPSHOT, text, snapshot=text)
    if Path(text).exists():
        return Reference(SideKind.FILE, text, path=text)
    return Reference(SideKind.RUN, text, run_id=text)


def check_pair(a: Reference, b: Reference) -> None:
    """Raises UsageError for two sides that cannot be compared with each other."""
    if a.kind is b.kind is SideKind.STDIN:
        raise UsageError("both sides are standard input", hint="give '-' for one of them")
    if (a.kind is SideKind.SNAPSHOT) != (b.kind is SideKind.SNAPSHOT):
        snapshot = a if a.kind is SideKind.SNAPSHOT else b
        raise UsageError(
            f"{snapshot.text!r} is a whole snapshot, and the other side is not",
            hint=f"write {snapshot.text}:RUN for one run of it",
        )


def _is_snapshot(text: str) -> bool:
    return _LATEST.fullmatch(text) is not None or _SNAPSHOT_ID.fullmatch(text) is not None


def _is_uuid(text: str) -> bool:
    # With its dashes: 32 hexadecimal digits alone are the beginning of a snapshot's id.
    if "-" not in text:
        return False
    try:
        UUID(text)
    except ValueError:
        return False
    return True
