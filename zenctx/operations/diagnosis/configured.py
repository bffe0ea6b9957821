"""Whether the effective settings make sense together, and against the engine's limits."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from zenctx.config import Settings
from zenctx.context.estimate import MAX_INLINE_BYTES, MAX_STRING_CHARACTERS
from zenctx.context.quartz import read as read_schedule
from zenctx.context.rules import EngineReads, FileStrategy, OnMissing
from zenctx.errors import SettingsError
from zenctx.operations.diagnosis.finding import notice, of_error, warning
from zenctx.operations.live_files import live_files
from zenctx.operations.verification.report import FindingItem
from zenctx.store.access import resolve_access

_MEMORY_LIMIT = 2 * MAX_STRING_CHARACTERS
"""The estimated size of the longest string that the engine's reader takes: two bytes for each character."""


def check_settings(settings: Settings) -> Iterator[FindingItem]:
    """Looks at values and at how they go together; opens nothing but the status of settings files."""
    yield from _thresholds(settings)
    yield from _choices(settings)
    yield from _places(settings)
    yield from _names(settings)
    yield from _password(settings)


def _thresholds(settings: Settings) -> Iterator[FindingItem]:
    if settings.memory_threshold_bytes > _MEMORY_LIMIT:
        yield warning(
            "setting",
            f"memory-threshold-bytes is {settings.memory_threshold_bytes:,}, and the engine's reader takes strings of "
            f"{MAX_STRING_CHARACTERS:,} characters, which are {_MEMORY_LIMIT:,} by its estimate",
            _set("memory-threshold-bytes", settings, f"to {_MEMORY_LIMIT:,} or less; 1048576 is the engine's own"),
        )
    if settings.json_threshold_bytes > MAX_INLINE_BYTES:
        yield warning(
            "setting",
            f"json-threshold-bytes is {settings.json_threshold_bytes:,}, and more than {MAX_INLINE_BYTES:,} bytes do "
            "not fit a string of the engine's reader as base64",
            _set("json-threshold-bytes", settings, f"to {MAX_INLINE_BYTES:,} or less; 2097152 is the engine's own"),
        )
    if settings.memory_threshold_bytes > settings.json_threshold_bytes:
        yield notice(
            "setting",
            "memory-threshold-bytes is above json-threshold-bytes, so no value is ever kept as JSON",
            _set("memory-threshold-bytes", settings, "below json-threshold-bytes, if that is not meant"),
        )


def _choices(settings: Settings) -> Iterator[FindingItem]:
    if not settings.persistence_enabled:
        yield notice(
            "setting",
            "persistence.enabled is false: every command that writes refuses",
            _set("persistence.enabled", settings, "to true before contexts are converted, restored or cleaned up"),
        )
    if settings.on_missing is not OnMissing.FAIL:
        yield warning(
            "setting",
            f"on-missing is {settings.on_missing}: a value whose file is missing is replaced when a run is restored",
            _set("on-missing", settings, "to fail, and give --on-missing where a single restoration needs it"),
        )
    if settings.engine_reads is EngineReads.ALL and settings.file_strategy is FileStrategy.INLINE:
        yield notice(
            "setting",
            f"file-strategy is inline: values of more than {MAX_INLINE_BYTES:,} bytes are refused",
            _set("file-strategy", settings, "to hybrid where there are larger ones"),
        )
    if not settings.redact_keys:
        yield warning(
            "setting",
            "redact-keys is empty: values of keys named like secrets are shown",
            _set("redact-keys", settings, "to the names of secrets, or leave it out for the usual ones"),
        )
    if settings.trash_retention_days == 0:
        yield warning(
            "setting",
            "trash-retention-days is 0: what gc removes can be brought back only until the next clean-up",
            _set("trash-retention-days", settings, "to some days; 7 is the default"),
        )


def _places(settings: Settings) -> Iterator[FindingItem]:
    storage, persistent = settings.file_storage_dir.path, settings.persistent_file_dir.path
    database = Path(settings.db.removeprefix("sqlite:///")) if settings.db.startswith("sqlite:////") else None
    for name, path in (("snapshots", Path(settings.snapshots)), ("db", database)):
        for where, root in (("file-storage-dir", storage), ("persistent-file-dir", persistent)):
            if path is not None and path.is_absolute() and _is_inside(path, root):
                yield warning(
                    "setting",
                    f"{name} lies inside {where}, which the engine and gc clean up",
                    _set(name, settings, "to a place outside of both directories"),
                    path=path,
                )
                break
    if storage != persistent and _real(storage) == _real(persistent):
        yield warning(
            "setting",
            "file-storage-dir and persistent-file-dir are the same directory by way of a link",
            _set("persistent-file-dir", settings, "to a directory of its own"),
            path=persistent,
        )


def _names(settings: Settings) -> Iterator[FindingItem]:
    """What is named must be there: locators lead back to their files, a group has a number, a schedule has times."""
    try:
        live_files(settings).locators.locator_for("00000000-0000-4000-8000-000000000000/doctor")
    except SettingsError as found:
        yield of_error("locator", found)
    try:
        resolve_access(settings.file_mode, settings.file_group)
    except SettingsError as found:
        yield of_error("setting", found)
    try:
        read_schedule(settings.orphan_cleanup_schedule)
    except SettingsError as found:
        yield notice("setting", found.message, found.hint or _set("orphan-cleanup-schedule", settings, "to another"))


def _password(settings: Settings) -> Iterator[FindingItem]:
    """A password in a settings file that everybody on the machine may read."""
    origin = Path(settings.origins["db"])
    if settings.shown()["db"] == settings.db or not origin.is_absolute():
        return
    try:
        mode = origin.stat().st_mode
    except OSError:
        return
    if mode & stat.S_IROTH:
        yield warning(
            "password",
            "the settings file holds the password of the database, and every user of this machine may read it",
            f"'chmod o-r {origin}', or keep the password in ~/.pgpass or in ZENCTX_DB",
            path=origin,
        )


def _set(name: str, settings: Settings, how: str) -> str:
    return f"set {name} {how}; it comes from: {settings.origins[name]}"


def _is_inside(path: Path, root: Path) -> bool:
    return Path(_real(path)).is_relative_to(_real(root))


def _real(path: Path) -> str:
    return os.path.realpath(path)
