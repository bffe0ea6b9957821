"""Whether the directories can do what is asked of them: there, bound, writable, with room, on a fitting file system."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from zenctx.config import Settings
from zenctx.database.engine import Connection
from zenctx.errors import SettingsError, StoreError
from zenctx.operations.collection.guards import check_store
from zenctx.operations.collection.prepare import store_facts, trash_of
from zenctx.operations.diagnosis.finding import error, notice, of_error, warning
from zenctx.operations.diagnosis.machine import Machine
from zenctx.operations.live_files import LiveFiles
from zenctx.operations.verification.report import FindingItem, Severity, counted
from zenctx.store.access import resolve_access
from zenctx.store.base import EntryKind
from zenctx.store.volume import Place, Room

_MIB, _GIB = 1024**2, 1024**3
NO_ROOM, LITTLE_ROOM = 100 * _MIB, _GIB
"""Below the first nothing should be begun; below the second the next night may fail."""
LITTLE_INODES = 0.02
_LISTED = 200_000
"""Entries of the store that are looked at; `gc --dry-run` and `verify` look at all."""
_UNSAFE_KINDS = {
    "tmpfs": (Severity.WARNING, "it is in memory, and gone after a restart"),
    "ramfs": (Severity.WARNING, "it is in memory, and gone after a restart"),
    "overlay": (Severity.NOTICE, "it may be a container's own layer, which goes with the container"),
    "nfs": (Severity.NOTICE, "locks and syncs hold only as far as its server and mount options keep them"),
    "nfs4": (Severity.NOTICE, "locks and syncs hold only as far as its server and mount options keep them"),
    "cifs": (Severity.WARNING, "its locks and modes are not those of POSIX"),
    "smb3": (Severity.WARNING, "its locks and modes are not those of POSIX"),
    "vfat": (Severity.WARNING, "it keeps neither modes nor owners"),
    "exfat": (Severity.WARNING, "it keeps neither modes nor owners"),
}


def check_bond(live: LiveFiles, connection: Connection, *, has_records: bool) -> Iterator[FindingItem]:
    """Looks whether directory and database belong to each other, as gc does before it removes anything."""
    facts = store_facts(live, connection, has_records=has_records)
    refusal = check_store(facts)
    if refusal is not None:
        yield error("store", refusal.message, refusal.hint, path=live.store.root)


def check_directory(name: str, path: Path, settings: Settings, machine: Machine) -> Iterator[FindingItem]:
    """Looks at one configured directory. Writes nothing: rights are asked for, not tried."""
    origin = f"{name} comes from: {settings.origins[name]}"
    try:
        place, room = machine.place(path), machine.room(path)
    except OSError as failed:
        reason = f"the directory of {name} cannot be looked at: {failed.strerror}"
        yield error("directory", reason, f"look at the rights of the directories above it; {origin}", path=path)
        return
    if place is None:
        if path.exists() or path.is_symlink():
            yield error("directory", f"what {name} names is no directory", f"name a directory; {origin}", path=path)
        elif name == "persistent-file-dir" and machine.place(path.parent) is None:
            hint = f"check the name, and that its volume is mounted; {origin}"
            yield notice("directory", f"{name} is not there, and neither is the directory above it", hint, path=path)
    else:
        yield from _rights(name, path, place, settings)
    yield from _room(name, path, room)


def _rights(name: str, path: Path, place: Place, settings: Settings) -> Iterator[FindingItem]:
    group = settings.file_group or "GROUP"
    if not place.may_read:
        hint = f"run zenctx as a user of the directory's group, or 'chgrp -R {group}' it"
        yield error("directory", f"this user may not read the directory of {name}", hint, path=path)
    elif not place.may_write and name != "file-storage-dir":
        hint = f"run zenctx as a user who may, or give the group the right: 'chmod g+rwx {path}'"
        yield warning("directory", f"this user may not write the directory of {name}", hint, path=path)
    if place.mode & 0o002 and not place.mode & 0o1000:
        yield warning(
            "directory",
            f"every user may remove and replace the files of {name} (mode {place.mode:04o})",
            f"'chmod o-w {path}'",
            path=path,
        )
    if name == "persistent-file-dir":
        yield from _access(path, place, settings)
    elif name == "snapshots" and place.mode & 0o077:
        yield warning(
            "directory",
            f"others than the owner may look into the repository, which holds secrets (mode {place.mode:04o})",
            f"'chmod go-rwx {path}'",
            path=path,
        )


def _access(path: Path, place: Place, settings: Settings) -> Iterator[FindingItem]:
    """The engine reads and removes the files through the group of the directory."""
    try:
        access = resolve_access(settings.file_mode, settings.file_group)
    except SettingsError:
        return  # the settings' own check says it
    if access.group is not None and place.group != access.group:
        reason = f"the directory belongs to the group {place.group}, and file-group is {settings.file_group}"
        hint = f"'chgrp {settings.file_group} {path}', or set file-group to the directory's"
        yield warning("directory", reason, hint, path=path)
    missing = access.directory_mode & 0o070 & ~place.mode
    if access.group is not None and missing:
        reason = f"the group may read files and not remove them (mode {place.mode:04o}), and the engine removes files"
        yield warning("directory", reason, f"'chmod g+rwx {path}'", path=path)


def _room(name: str, path: Path, room: Room) -> Iterator[FindingItem]:
    if room.is_read_only:
        yield error("directory", f"the file system of {name} is read-only", "mount it for writing", path=path)
    if room.free_bytes < LITTLE_ROOM:
        reason = f"{room.free_bytes // _MIB:,} MiB are free where {name} lies"
        add = error if room.free_bytes < NO_ROOM else warning
        yield add("room", reason, "make room: 'zenctx gc --dry-run' says what would go, 'zenctx forget' too", path=path)
    if room.inodes and room.free_inodes < LITTLE_INODES * room.inodes:
        reason = f"{room.free_inodes:,} of {room.inodes:,} inodes are free where {name} lies"
        yield warning("room", reason, "remove small files there: 'zenctx gc --dry-run' says what would go", path=path)
    if room.kind in _UNSAFE_KINDS:
        severity, why = _UNSAFE_KINDS[room.kind]
        add = warning if severity is Severity.WARNING else notice
        reason = f"{name} lies on a file system of the kind {room.kind}: {why}"
        yield add("file_system", reason, f"set {name} to a directory on a local disk, if that is not meant", path=path)


def check_store_content(live: LiveFiles, settings: Settings, now: datetime) -> Iterator[FindingItem]:
    """Looks for what was left in the store: temporaries of writes that died, what cannot be read, old trash."""
    if not live.store.exists():
        return
    kinds: dict[EntryKind, int] = dict.fromkeys(EntryKind, 0)
    seen = 0
    for entry in islice(live.store.scan(), _LISTED):
        seen += 1
        kinds[entry.kind] += 1
    root = live.store.root
    if kinds[EntryKind.TEMPORARY]:
        what = counted(kinds[EntryKind.TEMPORARY], "temporary file")
        reason = f"{what} of writes that did not finish, or that go on just now"
        yield notice("temporary", reason, "'zenctx gc' removes them after 24 hours", path=root)
    if kinds[EntryKind.UNREADABLE]:
        reason = f"{_directories(kinds[EntryKind.UNREADABLE])} in the store may not be read by this user"
        yield warning(
            "directory", reason, f"run zenctx as the user who made them, or 'chmod -R g+rX {root}'", path=root
        )
    if kinds[EntryKind.UNKNOWN]:
        reason = f"{counted(kinds[EntryKind.UNKNOWN], 'entry').replace('entrys', 'entries')} of the store are no values"
        yield notice("foreign", reason, "'zenctx verify' names them; move them elsewhere", path=root)
    if seen == _LISTED:
        yield notice(
            "store", f"the first {_LISTED:,} entries were looked at", "'zenctx verify' looks at all", path=root
        )
    yield from _trash(settings, now)


def _trash(settings: Settings, now: datetime) -> Iterator[FindingItem]:
    try:
        with trash_of(settings) as trash:
            limit = now - timedelta(days=settings.trash_retention_days + 1)
            old = [gc_id for gc_id in trash.ids() if trash.changed_at(gc_id) < limit.timestamp()]
    except (StoreError, SettingsError) as failed:
        yield of_error("trash", failed)
        return
    if old:
        reason = (
            f"{counted(len(old), 'clean-up')} lie in the trash for longer than trash-retention-days, since {old[0][:8]}"
        )
        hint = "'zenctx gc' empties it: see that it runs every night ('zenctx schedule')"
        yield warning(
            "trash", reason.replace("1 clean-up lie", "1 clean-up lies"), hint, path=settings.persistent_file_dir.path
        )


def _directories(count: int) -> str:
    return "1 directory" if count == 1 else f"{count:,} directories"
