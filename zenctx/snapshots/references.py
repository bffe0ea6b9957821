"""Which snapshot a reference means: an id, the beginning of one, `latest`, or `latest~N`."""

import re
from collections.abc import Callable, Iterable, Sequence

from zenctx.errors import DamagedFileError, NotFoundError
from zenctx.snapshots.layout import id_in_name
from zenctx.snapshots.model import SHORT_ID, DamagedManifest, SnapshotInfo

_LATEST = re.compile(r"latest(?:~([0-9]{1,9}))?")
_PREFIX = re.compile(r"[0-9a-f]{1,64}")
_LISTED = 5

Look = Callable[[str], SnapshotInfo | DamagedManifest]
"""Reads the ends of the manifest of a name; raises `NotFoundError` when it is gone."""


def find(reference: str, names: Sequence[str], look: Look) -> SnapshotInfo:
    """The snapshot that `reference` means among the manifests of `names`, newest first; see `Repository.find`."""
    latest = _LATEST.fullmatch(reference)
    if latest is not None:
        return _nth_latest(int(latest[1] or 0), names, look)
    if _PREFIX.fullmatch(reference.lower()):
        return _whole(_only(reference.lower(), names), look)
    raise NotFoundError(
        f"{reference[:100]!a} names no snapshot", hint="Give an id, or the beginning of one, or 'latest'."
    )


def _nth_latest(count: int, names: Iterable[str], look: Look) -> SnapshotInfo:
    """The snapshot with so many others after it; safety snapshots and redacted ones are passed over."""
    found = 0
    for name in names:
        if id_in_name(name) is None:
            continue  # a stranger's file, which was never a snapshot
        try:
            info = _whole(name, look)
        except NotFoundError:
            continue  # removed since it was listed
        if not info.is_safety and not info.is_redacted:
            if found == count:
                return info
            found += 1
    if found == 0:
        raise NotFoundError("there is no snapshot yet", hint="'zenctx snapshot' takes one.")
    raise NotFoundError(f"there are only {found} snapshots, so latest~{count} is none of them")


def _whole(name: str, look: Look) -> SnapshotInfo:
    info = look(name)
    if isinstance(info, DamagedManifest):
        # An older one in its place would be the wrong one, silently.
        raise DamagedFileError(info.reason, hint="Name another snapshot by its id; 'zenctx snapshots' lists them.")
    return info


def _only(prefix: str, names: Iterable[str]) -> str:
    matching = [name for name in names if (id_in_name(name) or "").startswith(prefix)]
    if not matching:
        raise NotFoundError(f"no snapshot has an id that begins with {prefix}", hint="'zenctx snapshots' lists them.")
    if len(matching) > 1:
        shown = ", ".join((id_in_name(name) or "")[:SHORT_ID] for name in matching[:_LISTED])
        more = f" and {len(matching) - _LISTED} more" if len(matching) > _LISTED else ""
        message = f"{len(matching)} snapshots have an id that begins with {prefix}: {shown}{more}"
        raise NotFoundError(message, hint="Give more of its digits.")
    return matching[0]
