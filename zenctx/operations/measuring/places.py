"""What the repository and the file systems tell: snapshots, and how much room there is."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from zenctx.errors import NotFoundError, StoreError
from zenctx.operations.measuring import catalogue
from zenctx.operations.measuring.model import Sample
from zenctx.snapshots.model import SnapshotInfo
from zenctx.snapshots.repository import Repository
from zenctx.store.faults import shown

COMPLETE, INCOMPLETE = "complete", "incomplete"
SAFETY, REDACTED, DAMAGED = "safety", "redacted", "damaged"
STATES = (COMPLETE, INCOMPLETE, SAFETY, REDACTED, DAMAGED)


def snapshot_samples(repository: Repository | None) -> Iterator[Sample]:
    """Gives the metrics of a repository; without one there are no snapshots."""
    newest: dict[str, SnapshotInfo] = {}
    counts: Counter[str] = Counter()
    if repository is not None:
        for info in repository.snapshots():  # newest first
            counts[_state(info)] += 1
            newest.setdefault(_state(info), info)
        counts[DAMAGED] = len(repository.damaged())
    for state in STATES:
        yield catalogue.SNAPSHOTS.sample(counts[state], state=state)
    for state, info in newest.items():
        if state in (COMPLETE, INCOMPLETE):
            size = info.totals.context_bytes + info.totals.file_bytes
            yield catalogue.LAST_SNAPSHOT.sample(round(info.created_at.timestamp(), 3), state=state)
            yield catalogue.LAST_SNAPSHOT_RUNS.sample(info.totals.runs, state=state)
            yield catalogue.LAST_SNAPSHOT_BYTES.sample(size, state=state)


def _state(info: SnapshotInfo) -> str:
    if info.is_safety or info.is_redacted:
        return SAFETY if info.is_safety else REDACTED
    return COMPLETE if info.is_complete else INCOMPLETE


def space_samples(directories: Mapping[str, Path]) -> Iterator[Sample]:
    """Gives the room for each directory, where it or what is to hold it one day lies. Raises StoreError."""
    for name, directory in directories.items():
        yield from _space(name, directory)


def _space(name: str, directory: Path) -> Iterator[Sample]:
    try:
        found = os.statvfs(_existing((directory, *directory.parents)))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StoreError(f"the space of {shown(directory)} cannot be told: {reason}") from error
    yield catalogue.FREE_BYTES.sample(found.f_bavail * found.f_frsize, directory=name)
    yield catalogue.SIZE_BYTES.sample(found.f_blocks * found.f_frsize, directory=name)
    if found.f_files:  # some file systems make room for more as they go
        yield catalogue.FREE_FILES.sample(found.f_favail, directory=name)


def _existing(paths: Iterable[Path]) -> Path:
    for path in paths:
        if path.exists():
            return path
    raise NotFoundError("no directory at all")
