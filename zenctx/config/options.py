"""Every setting of zenctx: its name, default, type and meaning, in the order in which they are shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from zenctx.config.values import (
    Given,
    choice,
    parse_boolean,
    parse_database,
    parse_days,
    parse_directory,
    parse_file_mode,
    parse_files,
    parse_group,
    parse_keep,
    parse_locator_root,
    parse_path,
    parse_patterns,
    parse_prefix,
    parse_repository,
    parse_schedule,
    parse_text,
    size,
)
from zenctx.context.rules import EngineReads, FileStrategy, OnMissing

T_co = TypeVar("T_co", covariant=True)

VARIABLE_PREFIX = "ZENCTX_"

# The same as zenctx.context.estimate.MAX_INLINE_BYTES, which costs an import of msgspec; a test compares them.
MAX_INLINE_BYTES = 15_000_000


@dataclass(frozen=True, slots=True)
class Option(Generic[T_co]):
    """A setting: kebab-case `name`, `default` as text (a description where it is computed), `kind` of value, `doc`."""

    name: str
    default: str
    kind: str
    doc: str
    parse: Callable[[Given], T_co]

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return VARIABLE_PREFIX + self.attribute.upper()

    @property
    def attribute(self) -> str:
        """The attribute of `Settings` that holds its value."""
        return self.name.replace("-", "_").replace(".", "_")


DB = Option(
    "db",
    "zenctx.db in the user's data directory",
    "database URL",
    "The database that holds the engine's tables, as a SQLAlchemy or JDBC URL.",
    parse_database,
)
FILE_STORAGE_DIR = Option(
    "file-storage-dir",
    "./data/context-files",
    "directory",
    "Where the engine keeps its temporary files.",
    parse_directory,
)
PERSISTENT_FILE_DIR = Option(
    "persistent-file-dir",
    "./data/context-files/persistent",
    "directory",
    "Where the files of large values live.",
    parse_directory,
)
ENGINE_DIR = Option(
    "engine-dir",
    "the directory against which persistent-file-dir resolves",
    "directory",
    "The engine's working directory: relative locators start there.",
    parse_path,
)
LOCATOR_ROOT = Option(
    "locator-root",
    "not set",
    "path",
    "The persistent directory as the engine sees it, where that differs from what zenctx sees (containers).",
    parse_locator_root,
)
MEMORY_THRESHOLD_BYTES = Option(
    "memory-threshold-bytes",
    "1048576",
    "bytes",
    "Values up to this estimated size are kept as MEMORY.",
    size(),
)
JSON_THRESHOLD_BYTES = Option(
    "json-threshold-bytes",
    "2097152",
    "bytes",
    "Objects and arrays up to this size are kept as JSON, larger ones as FILE.",
    size(),
)
BASE64_THRESHOLD_BYTES = Option(
    "base64-threshold-bytes",
    "524288",
    "bytes",
    "The application's own limit for values that it hands on as base64 text.",
    size(),
)
INLINE_FILE_THRESHOLD_BYTES = Option(
    "inline-file-threshold-bytes",
    "1048576",
    "bytes",
    "Under the file strategy hybrid, FILE values up to this size are kept inline.",
    size(most=MAX_INLINE_BYTES),
)
FILE_STRATEGY = Option(
    "file-strategy",
    "hybrid",
    "one of hybrid, inline, persistent",
    "How FILE values are kept when the engine reads both ways.",
    choice(FileStrategy),
)
ENGINE_READS = Option(
    "engine-reads",
    "published",
    "one of published, all",
    "Which descriptors the engine can restore from its database.",
    choice(EngineReads),
)
CHECKSUM_ENABLED = Option(
    "checksum-enabled",
    "true",
    "true or false",
    "Whether descriptors carry a SHA-256 checksum.",
    parse_boolean,
)
FILE_MODE = Option(
    "file-mode",
    "0440",
    "octal file mode",
    "The mode of persistent files, which are written once and never changed.",
    parse_file_mode,
)
FILE_GROUP = Option(
    "file-group",
    "not set",
    "group",
    "The group of persistent files, so that the engine's user can read them.",
    parse_group,
)
TEMP_FILE_PREFIX = Option(
    "temp-file-prefix",
    "zenflow-ctx-",
    "beginning of a file name",
    "How the names of the engine's temporary files begin.",
    parse_prefix,
)
PERSISTENCE_ENABLED = Option(
    "persistence.enabled",
    "true",
    "true or false",
    "Whether contexts are kept at all: with false, every command that writes refuses.",
    parse_boolean,
)
ON_MISSING = Option(
    "on-missing",
    "fail",
    "one of fail, skip, null, empty",
    "What becomes of a value whose file is missing when a context is restored.",
    choice(OnMissing),
)
PERSISTENT_FILE_RETENTION_DAYS = Option(
    "persistent-file-retention-days",
    "30",
    "days",
    "How long the files of a finished run are kept.",
    parse_days,
)
TRASH_RETENTION_DAYS = Option(
    "trash-retention-days",
    "7",
    "days",
    "How long a removed file can still be brought back.",
    parse_days,
)
ORPHAN_CLEANUP_ENABLED = Option(
    "orphan-cleanup-enabled",
    "true",
    "true or false",
    "Whether files that no run refers to are removed too.",
    parse_boolean,
)
ORPHAN_CLEANUP_SCHEDULE = Option(
    "orphan-cleanup-schedule",
    "0 0 2 * * ?",
    "Quartz cron expression",
    "When the clean-up is meant to run.",
    parse_schedule,
)
SNAPSHOTS = Option(
    "snapshots",
    "zenctx-snapshots beside the persistent directory",
    "directory or URL",
    "The repository of snapshots.",
    parse_repository,
)
SNAPSHOT_KEEP = Option(
    "snapshot-keep",
    "not set",
    "list of rules",
    "Which snapshots gc keeps (last 7, daily 14, monthly 12, within 30d, tag x); it forgets the others.",
    parse_keep,
)
REDACT_KEYS = Option(
    "redact-keys",
    "*password*, *passwd*, *passphrase*, *secret*, *credential*, *token, *api?key, *apikey, *access?key, *accesskey, "
    "*private?key, *privatekey, *authorization, *cookie",
    "list of name patterns",
    "Names whose values are secret, besides the engine's reserved keys, in any case of letters.",
    parse_patterns,
)
METRICS_DATABASE = Option(
    "metrics-database",
    "not set",
    "text",
    "What the label `database` of every metric says, where one host looks after several databases.",
    parse_text,
)

SPRING = Option(
    "spring",
    "not set",
    "list of files",
    "The application's own settings, which take the place of defaults: its application.yml.",
    parse_files,
)

OPTIONS: tuple[Option[object], ...] = (
    DB,
    SPRING,
    FILE_STORAGE_DIR,
    PERSISTENT_FILE_DIR,
    ENGINE_DIR,
    LOCATOR_ROOT,
    FILE_MODE,
    FILE_GROUP,
    TEMP_FILE_PREFIX,
    ENGINE_READS,
    FILE_STRATEGY,
    MEMORY_THRESHOLD_BYTES,
    JSON_THRESHOLD_BYTES,
    BASE64_THRESHOLD_BYTES,
    INLINE_FILE_THRESHOLD_BYTES,
    CHECKSUM_ENABLED,
    PERSISTENCE_ENABLED,
    ON_MISSING,
    PERSISTENT_FILE_RETENTION_DAYS,
    TRASH_RETENTION_DAYS,
    ORPHAN_CLEANUP_ENABLED,
    ORPHAN_CLEANUP_SCHEDULE,
    SNAPSHOTS,
    SNAPSHOT_KEEP,
    REDACT_KEYS,
    METRICS_DATABASE,
)
