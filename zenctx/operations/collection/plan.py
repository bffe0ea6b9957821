"""A plan: what would go, item by item, in a file of JSON lines with the identity of store and database and a digest.

The plan of a dry run, the one that is saved and the one that is carried out are the same file.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import IO, Any

import orjson

from zenctx import __version__
from zenctx.context.datastruct import DataStruct
from zenctx.context.gc_rules import GcRules
from zenctx.errors import DamagedFileError, NotFoundError, RefusedError, StoreError
from zenctx.operations.collection.spool import no_room

FORMAT = "zenctx-gc-plan"
VERSION = 1
_LONGEST_LINE = 1024 * 1024


class PlanItem(DataStruct, frozen=True):
    """One thing that goes: `path` below the directory that `root` names, and what it was when it was looked at."""

    category: str
    root: str
    path: str
    run_id: str | None
    bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    age_days: float
    reason: str

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the others of a plan."""
        return self.root, self.path


class PlanHeader(DataStruct, frozen=True):
    """What a plan is for: made when, for which database and store, by which rules."""

    created_at: str
    version: str
    database: str
    database_identity: str | None
    store: str
    store_id: str | None
    repository_id: str | None
    rules: dict[str, Any]

    def gc_rules(self) -> GcRules:
        """Gives the rules that the plan was made by."""
        times = ("retention", "trash_retention", "grace", "temp_age")
        given = dict(self.rules)
        for name in times:
            given[name] = None if given[name] is None else timedelta(seconds=given[name])
        return GcRules(**given)


def header(  # noqa: PLR0913, PLR0917 - one argument for each thing that a plan is bound to
    now: datetime,
    database: str,
    database_identity: str | None,
    store: str,
    store_id: str | None,
    repository_id: str | None,
    rules: GcRules,
) -> PlanHeader:
    """Makes the header of a plan."""
    times = {name: value.total_seconds() if isinstance(value, timedelta) else value for name, value in _fields(rules)}
    return PlanHeader(now.isoformat(), __version__, database, database_identity, store, store_id, repository_id, times)


def _fields(rules: GcRules) -> Iterator[tuple[str, Any]]:
    for name in (
        "retention",
        "trash_retention",
        "grace",
        "orphans",
        "include_zombies",
        "include_soft_deleted",
        "temp_age",
    ):
        yield name, getattr(rules, name)


class Plan(DataStruct, frozen=True):
    """A whole plan, in a file."""

    header: PlanHeader
    path: Path
    items_count: int

    def items(self) -> Iterator[PlanItem]:
        """Yields the items in their order."""
        with self.path.open("rb") as file:
            file.readline()
            for line in file:
                values = orjson.loads(line)
                if "end" in values:
                    return
                yield PlanItem(**values)


class PlanWriter:
    """Writes a plan item by item. Raises StoreError where there is no room for it."""

    def __init__(self, path: Path, head: PlanHeader) -> None:
        self._path, self._header = path, head
        self._digest = hashlib.sha256()
        self.count = 0
        with no_room():
            self._file: IO[bytes] = path.open("xb")
        self._write({"format": FORMAT, "format_version": VERSION, **asdict(head)})

    def add(self, item: PlanItem) -> None:
        """Adds one item."""
        self._write({name: getattr(item, name) for name in PlanItem.__struct_fields__})
        self.count += 1

    def close(self) -> None:
        """Lets go of the file, whether the plan is whole or not."""
        with suppress(OSError):  # a whole one was closed by `finish`
            self._file.close()

    def finish(self) -> Plan:
        """Ends the plan with its digest."""
        digest = self._digest.hexdigest()
        self._write({"end": True, "items": self.count, "digest": f"sha256:{digest}"})
        with no_room():
            self._file.close()
        return Plan(self._header, self._path, self.count)

    def _write(self, value: dict[str, Any]) -> None:
        line = orjson.dumps(value) + b"\n"
        self._digest.update(line)
        with no_room():
            self._file.write(line)


def save(plan: Plan, target: Path) -> None:
    """Writes a plan to a file of its own (0600), whole or not at all; an older plan there is replaced, nothing else is.

    Raises RefusedError where something else lies there, StoreError where it cannot be written.
    """
    try:
        if target.exists() and not _is_plan(target):
            raise RefusedError(
                f"the file {target} is no plan of a clean-up, and stays as it is", hint="name another file"
            )
        temporary = target.with_name(f"{target.name}.{token_hex(6)}.tmp")
        try:
            _copy(plan.path, temporary)
            temporary.replace(target)
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()
    except OSError as error:
        raise StoreError(f"the plan cannot be written to {target}: {error.strerror}") from None


def _copy(source: Path, target: Path) -> None:
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as written, source.open("rb") as read:
        while chunk := read.read(1024 * 1024):
            written.write(chunk)
        written.flush()
        os.fsync(written.fileno())


def _is_plan(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(256).startswith(b'{"format":"' + FORMAT.encode() + b'"')


def load(path: Path) -> Plan:
    """Reads a saved plan; all of it is compared with its digest before anything else.

    Raises NotFoundError where there is no such file, DamagedFileError for one that is no whole plan.
    """
    try:
        with path.open("rb") as file:
            return _checked(file, path)
    except FileNotFoundError:
        raise NotFoundError(f"there is no plan {path}", hint="'zenctx gc --dry-run --plan FILE' saves one") from None
    except OSError as error:
        raise StoreError(f"the plan {path} cannot be read: {error.strerror}") from None


def _checked(file: IO[bytes], path: Path) -> Plan:
    damaged = DamagedFileError(f"the file {path} is not a whole plan of a clean-up", hint="make a new one")
    digest = hashlib.sha256()
    first = _object(file.readline(_LONGEST_LINE), damaged)
    if first.pop("format", None) != FORMAT:
        raise damaged
    if first.pop("format_version", None) != VERSION:
        raise RefusedError(f"the plan {path} is of a format that this zenctx does not know", hint="make a new one")
    file.seek(0)
    count = -1
    while line := file.readline(_LONGEST_LINE):
        values = _object(line, damaged)
        if "end" in values:
            if values.get("digest") != f"sha256:{digest.hexdigest()}" or values.get("items") != count or file.read(1):
                raise damaged
            return Plan(_header(first, damaged), path, count)
        digest.update(line)
        count += 1
    raise damaged


def _object(line: bytes, damaged: DamagedFileError) -> dict[str, Any]:
    try:
        values = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise damaged from None
    if not isinstance(values, dict):
        raise damaged
    return values


def _header(values: dict[str, Any], damaged: DamagedFileError) -> PlanHeader:
    try:
        head = PlanHeader(**values)
        head.gc_rules()
    except (TypeError, KeyError, ValueError):
        raise damaged from None
    return head
