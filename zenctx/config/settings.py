"""The settings of one run of zenctx: read from every source, checked, each with its origin."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os.path import normpath
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from zenctx.config import options as opt
from zenctx.config.options import OPTIONS, Option
from zenctx.config.sources import (
    find_file,
    from_environment,
    from_file,
    from_options,
    from_spring_option,
    user_directory,
)
from zenctx.config.urls import escape_path, mask_url
from zenctx.config.values import Directory, Given
from zenctx.context.rules import EngineReads, FileStrategy, OnMissing, StorageRules
from zenctx.errors import SettingsError

T = TypeVar("T")

_NONE: Mapping[str, str] = MappingProxyType({})

DEFAULT = "default"
DATABASE_NAME = "zenctx.db"
REPOSITORY_NAME = "zenctx-snapshots"


@dataclass(frozen=True, slots=True)
class Settings:
    """What zenctx works with. Sizes are bytes, paths absolute; docs/configuration.md tells what each one means.

    `db` may hold a password: whoever shows it takes `shown`. `origins` tells by setting name where each value is from:
    `option --db`, `ZENCTX_DB`, the path of a settings file, the place in the application's own, or `default`.
    """

    db: str
    spring: tuple[Path, ...]
    file_storage_dir: Directory
    persistent_file_dir: Directory
    engine_dir: Path
    locator_root: str | None
    file_mode: int
    file_group: str | None
    temp_file_prefix: str
    engine_reads: EngineReads
    file_strategy: FileStrategy
    memory_threshold_bytes: int
    json_threshold_bytes: int
    base64_threshold_bytes: int
    inline_file_threshold_bytes: int
    checksum_enabled: bool
    persistence_enabled: bool
    on_missing: OnMissing
    persistent_file_retention_days: int
    trash_retention_days: int
    orphan_cleanup_enabled: bool
    orphan_cleanup_schedule: str
    snapshots: str
    snapshot_keep: str | None
    redact_keys: tuple[str, ...]
    metrics_database: str | None
    origins: Mapping[str, str]

    def storage_rules(self) -> StorageRules:
        """Gives what decides where a value is kept."""
        return StorageRules(
            memory_threshold=self.memory_threshold_bytes,
            json_threshold=self.json_threshold_bytes,
            inline_file_threshold=self.inline_file_threshold_bytes,
            engine_reads=self.engine_reads,
            file_strategy=self.file_strategy,
            checksums=self.checksum_enabled,
        )

    def shown(self) -> dict[str, str]:
        """Gives every value as text by setting name, in the order of `OPTIONS`; passwords are masked."""
        return {option.name: _shown(option, getattr(self, option.attribute)) for option in OPTIONS}


def load_settings(
    options: Mapping[str, str] = _NONE,
    *,
    config_file: Path | None = None,
    spring_files: Sequence[Path] = (),
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Settings:
    """Reads the settings: options by setting name, variables, the settings file, the application's own, defaults.

    `config_file` and `spring_files` are the files named on the command line; `environ` and `cwd` (absolute) are the
    process's own unless they are given. Creates nothing. Raises
    SettingsError for a file that cannot be read, an unknown name, a value out of range, or values that contradict
    each other.
    """
    environ = os.environ if environ is None else environ
    cwd = Path.cwd() if cwd is None else cwd
    path = find_file(config_file, cwd)
    layers = (
        from_file(path) if path is not None else {},
        from_environment(environ, cwd),
        from_options(options, cwd),
        from_spring_option(spring_files, cwd),
    )
    found = {name: given for layer in layers for name, given in layer.items()}
    settings = _settings(_Values({**_from_application(found, environ), **found}, cwd))
    _check_directories(settings)
    return settings


def _from_application(found: Mapping[str, Given], environ: Mapping[str, str]) -> dict[str, Given]:
    """Gives what the application's own settings say of all that nobody has set here."""
    spring, engine_dir = found.get(opt.SPRING.name), found.get(opt.ENGINE_DIR.name)
    if spring is None:
        return {}
    # Lazy: only those who name such a file pay for its readers.
    from zenctx.config.spring import Application, from_spring  # noqa: PLC0415

    application = Application(
        files=opt.SPRING.parse(spring),
        environ=environ,
        engine_dir=opt.ENGINE_DIR.parse(engine_dir) if engine_dir is not None else None,
    )
    return from_spring(application, {option.name for option in OPTIONS} - set(found))


class _Values:
    """The values that were found, over the defaults."""

    def __init__(self, found: Mapping[str, Given], cwd: Path) -> None:
        self._found = found
        self._cwd = cwd

    def given(self, option: Option[T]) -> T | None:
        """Gives what somebody set, else None."""
        given = self._found.get(option.name)
        return option.parse(given) if given else None

    def __getitem__(self, option: Option[T]) -> T:
        """Gives what somebody set, else the default."""
        default = Given(option.name, option.default, DEFAULT, f"the default of {option.name}", self._cwd)
        return option.parse(self._found.get(option.name, default))

    def base(self, option: Option[object]) -> Path:
        """Gives the directory against which the value of a setting resolves."""
        given = self._found.get(option.name)
        return given.base if given else self._cwd

    def origins(self) -> Mapping[str, str]:
        """Gives the origin of every setting."""
        return MappingProxyType(
            {
                option.name: self._found[option.name].origin if option.name in self._found else DEFAULT
                for option in OPTIONS
            }
        )


def _settings(values: _Values) -> Settings:
    storage, persistent = values[opt.FILE_STORAGE_DIR], values[opt.PERSISTENT_FILE_DIR]
    return Settings(
        db=values.given(opt.DB) or _default_database(),
        spring=values.given(opt.SPRING) or (),
        file_storage_dir=storage,
        persistent_file_dir=persistent,
        engine_dir=values.given(opt.ENGINE_DIR) or values.base(opt.PERSISTENT_FILE_DIR),
        locator_root=values.given(opt.LOCATOR_ROOT),
        file_mode=values[opt.FILE_MODE],
        file_group=values.given(opt.FILE_GROUP),
        temp_file_prefix=values[opt.TEMP_FILE_PREFIX],
        engine_reads=values[opt.ENGINE_READS],
        file_strategy=values[opt.FILE_STRATEGY],
        memory_threshold_bytes=values[opt.MEMORY_THRESHOLD_BYTES],
        json_threshold_bytes=values[opt.JSON_THRESHOLD_BYTES],
        base64_threshold_bytes=values[opt.BASE64_THRESHOLD_BYTES],
        inline_file_threshold_bytes=values[opt.INLINE_FILE_THRESHOLD_BYTES],
        checksum_enabled=values[opt.CHECKSUM_ENABLED],
        persistence_enabled=values[opt.PERSISTENCE_ENABLED],
        on_missing=values[opt.ON_MISSING],
        persistent_file_retention_days=values[opt.PERSISTENT_FILE_RETENTION_DAYS],
        trash_retention_days=values[opt.TRASH_RETENTION_DAYS],
        orphan_cleanup_enabled=values[opt.ORPHAN_CLEANUP_ENABLED],
        orphan_cleanup_schedule=values[opt.ORPHAN_CLEANUP_SCHEDULE],
        snapshots=values.given(opt.SNAPSHOTS) or _default_repository(storage.path, persistent.path),
        snapshot_keep=values.given(opt.SNAPSHOT_KEEP),
        redact_keys=values[opt.REDACT_KEYS],
        metrics_database=values.given(opt.METRICS_DATABASE),
        origins=values.origins(),
    )


def _default_database() -> str:
    directory = user_directory("data")
    if directory is None:
        raise SettingsError("there is no home directory to keep the default database in", hint="name one by --db")
    return f"sqlite:///{escape_path(str(directory / DATABASE_NAME))}"


def _default_repository(storage: Path, persistent: Path) -> str:
    """Gives the repository beside the persistent directory, or beside the directory of temporaries that holds it.

    What the engine may sweep is no place for snapshots.
    """
    beside = storage if _is_inside(persistent, storage) else persistent
    return str(beside.parent / REPOSITORY_NAME)


def _check_directories(settings: Settings) -> None:
    persistent = settings.persistent_file_dir.path
    if _is_inside(settings.file_storage_dir.path, persistent):
        raise SettingsError(
            "file-storage-dir must not lie in persistent-file-dir, where temporary files would pass for unused ones",
            hint=f"file-storage-dir comes from: {settings.origins['file-storage-dir']}; "
            f"persistent-file-dir from: {settings.origins['persistent-file-dir']}",
        )
    if settings.snapshots.startswith("/") and _is_inside(Path(settings.snapshots), persistent):
        raise SettingsError(
            "snapshots must not lie in persistent-file-dir, where its objects would pass for unused files",
            hint=f"snapshots comes from: {settings.origins['snapshots']}",
        )


def _is_inside(path: Path, root: Path) -> bool:
    """Tells whether `path` is `root` or lies below it, by their texts alone."""
    return Path(normpath(path)).is_relative_to(normpath(root))


def _shown(option: Option[object], value: object) -> str:
    match value:
        case None:
            return option.default
        case bool():
            return str(value).lower()
        case int() if option is opt.FILE_MODE:
            return f"{value:04o}"
        case Directory():
            return str(value.path)
        case () if option is opt.SPRING:
            return option.default
        case tuple():
            return ", ".join(map(str, value))
        case _:
            return mask_url(str(value))
