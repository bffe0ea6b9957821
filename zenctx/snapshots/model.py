"""What a snapshot holds: plain values, without files or formats."""

from datetime import datetime

from msgspec import field

from zenctx.context.datastruct import DataStruct

MANIFEST_FORMAT = 1
"""The format of the manifests that this zenctx writes, and the only one that it reads."""

SHORT_ID = 12
"""How many hexadecimal digits of a snapshot's id are shown."""

REDACTED = "redacted"
"""The tag of a snapshot whose secrets were replaced: it is not what the runs were, and never the latest."""


class SnapshotFile(DataStruct, frozen=True):
    """One FILE value of a run: the key and locator of its descriptor, and what was found under that locator.

    `checksum` (`sha256:<hex>`) names the object that holds the bytes, of which there are `size`. None: the file could
    not be had, and `problem` says why ("missing: ...", "altered: ..."); `size` is then what the descriptor says, or -1.
    A file that was had may have a problem, too. `mtime_ns`, `ctime_ns` and `inode` are those of the live file, None
    where they are not known.
    """

    key: str
    locator: str
    size: int
    checksum: str | None
    mtime_ns: int | None
    inode: int | None
    problem: str | None
    ctime_ns: int | None = None


class RuntimeStateText(DataStruct, frozen=True):
    """The runtime state of a run that the library saved: its format and its exact text."""

    format_version: int
    state: str


class SnapshotRun(DataStruct, frozen=True):
    """One run, whole.

    `columns` is every column of the row but `context`, as text in the database's own exact spelling (times as ISO UTC
    with microseconds), None for SQL NULL. `context` is the exact text as bytes, valid JSON and UTF-8 or not, None for
    SQL NULL. `form` and `run_class` are what zenctx found them to be at the time. `storage` names the class of storage
    of those columns of SQLite's (`context` among them) that hold something else than their text (`integer`, `real`,
    `blob` and others: see `zenctx.database.stored_values`); it is empty for nearly all runs.
    """

    run_id: str
    columns: dict[str, str | None]
    context: bytes | None
    runtime_state: RuntimeStateText | None
    form: str
    run_class: str
    files: tuple[SnapshotFile, ...]
    storage: dict[str, str] = field(default_factory=dict)


class SeenConversions(DataStruct, frozen=True):
    """Which records of converted batches a snapshot's rows are after: up to `last`, but for those in `unseen`.

    `operation_id` is of the one that wrote the last: it tells these records from another database's.
    """

    last: int
    operation_id: str
    unseen: tuple[int, ...] = ()


class SnapshotHeader(DataStruct, frozen=True):
    """What a snapshot says of itself.

    `created_at` is aware, when the rows were read; `version` and `who` are those of the zenctx that took it.
    `database` is the address with its password masked, `database_identity` and `store_id` what tells the database and
    the store of live files from others. `selection` says in words which runs were asked for, `named_runs` how many
    of them were named one by one; None: it was not written down. `applied_at` is for the rows of a read replica: what
    its primary committed up to then is among them, later changes may not be. `conversions` is None where it could
    not be seen.
    """

    format: int
    created_at: datetime
    tags: tuple[str, ...]
    is_safety: bool
    version: str
    who: str
    dialect: str
    database: str
    database_identity: str | None
    store_id: str | None
    selection: str
    named_runs: int | None = None
    applied_at: datetime | None = None
    conversions: SeenConversions | None = None


class SnapshotTotals(DataStruct, frozen=True):
    """The counts of a snapshot; sizes in bytes.

    `files` counts all, `missing` those with a `problem`: that could not be had, or not as their descriptors say.
    `file_bytes` is what was had.
    """

    runs: int
    context_bytes: int
    files: int
    file_bytes: int
    missing: int


class SnapshotInfo(DataStruct, frozen=True):
    """One snapshot of a repository: `snapshot_id` is the SHA-256 of its manifest, `name` the manifest's name."""

    snapshot_id: str
    name: str
    header: SnapshotHeader
    totals: SnapshotTotals

    @property
    def short_id(self) -> str:
        """The id as it is shown."""
        return self.snapshot_id[:SHORT_ID]

    @property
    def created_at(self) -> datetime:
        """When its rows were read, in UTC."""
        return self.header.created_at

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags it was given."""
        return self.header.tags

    @property
    def is_safety(self) -> bool:
        """Whether a restore took it of what it was about to replace."""
        return self.header.is_safety

    @property
    def is_redacted(self) -> bool:
        """Whether its secrets were replaced."""
        return REDACTED in self.header.tags

    @property
    def is_complete(self) -> bool:
        """Whether every file of its runs was had as its descriptor says."""
        return self.totals.missing == 0


class DamagedManifest(DataStruct, frozen=True):
    """A manifest that cannot be read: its name, the id that the name gives (None: none), and a sentence."""

    name: str
    snapshot_id: str | None
    reason: str
