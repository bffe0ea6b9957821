"""Every metric that `metrics` gives: base units, few labels, whose values are known before."""

from zenctx.operations.measuring.model import COUNTER, GAUGE, Metric

BUILD_INFO = Metric("zenctx_build_info", GAUGE, "Always 1; the label tells the version of zenctx.", ("version",))

COLLECTOR_SUCCESS = Metric(
    "zenctx_collector_success", GAUGE, "1 if a part of the metrics could be measured, else 0.", ("collector",)
)
COLLECTOR_DURATION = Metric(
    "zenctx_collector_duration_seconds", GAUGE, "How long measuring a part of the metrics took.", ("collector",)
)

RUNS = Metric("zenctx_runs", GAUGE, "Runs by class: what may still happen to them.", ("class",))
CONTEXTS = Metric("zenctx_contexts", GAUGE, "Runs by the form of their context.", ("form",))
CONTEXT_BYTES = Metric("zenctx_context_bytes", GAUGE, "Length of the contexts as text, by their form.", ("form",))
REFERENCED_FILES = Metric(
    "zenctx_referenced_files", GAUGE, "Descriptors that name a file, by the class of their run.", ("class",)
)
REFERENCED_FILE_BYTES = Metric(
    "zenctx_referenced_file_bytes", GAUGE, "Size of those files as the descriptors say, by class.", ("class",)
)
SECRET_RUNS = Metric(
    "zenctx_plaintext_secret_runs",
    GAUGE,
    "Finished runs whose context holds secrets as plain text, by its reserved keys; audit looks everywhere.",
)
QUARANTINED = Metric("zenctx_quarantined_rows", GAUGE, "Rows that could not be converted.")

FILES = Metric("zenctx_files", GAUGE, "Files of values in the persistent directory.")
FILE_BYTES = Metric("zenctx_file_bytes", GAUGE, "Size of the files of values in the persistent directory.")
ORPHANS = Metric("zenctx_orphan_files", GAUGE, "Files that no run names.")
ORPHAN_BYTES = Metric("zenctx_orphan_file_bytes", GAUGE, "Size of the files that no run names.")
OLDEST_ORPHAN = Metric(
    "zenctx_orphan_oldest_timestamp_seconds",
    GAUGE,
    "When the oldest file that no run names was last changed; time() minus this is its age.",
)
TEMPORARIES = Metric("zenctx_temporary_files", GAUGE, "Files left over from writes that did not finish.")
UNSEEN = Metric("zenctx_unreadable_directories", GAUGE, "Directories of runs that may not be looked into.")
DANGLING = Metric(
    "zenctx_dangling_locators",
    GAUGE,
    "Descriptors whose file is not there; those of parked runs prevent a resumption.",
    ("runs",),
)
TRASH_FILES = Metric("zenctx_trash_files", GAUGE, "Files that gc has removed and not yet deleted.")
TRASH_BYTES = Metric("zenctx_trash_bytes", GAUGE, "Size of the files that gc has removed and not yet deleted.")

SNAPSHOTS = Metric("zenctx_snapshots", GAUGE, "Snapshots in the repository by what they are good for.", ("state",))
LAST_SNAPSHOT = Metric(
    "zenctx_snapshot_last_timestamp_seconds", GAUGE, "As of when the newest snapshot of a state is.", ("state",)
)
LAST_SNAPSHOT_RUNS = Metric("zenctx_snapshot_last_runs", GAUGE, "Runs in the newest snapshot of a state.", ("state",))
LAST_SNAPSHOT_BYTES = Metric(
    "zenctx_snapshot_last_bytes", GAUGE, "Contexts and files in the newest snapshot of a state.", ("state",)
)

FREE_BYTES = Metric(
    "zenctx_filesystem_avail_bytes", GAUGE, "Space that this user may still fill, by directory.", ("directory",)
)
SIZE_BYTES = Metric("zenctx_filesystem_size_bytes", GAUGE, "Size of the file system, by directory.", ("directory",))
FREE_FILES = Metric(
    "zenctx_filesystem_files_free", GAUGE, "Files that may still be created, by directory.", ("directory",)
)

_COMMAND = ("command",)
TABLES = Metric("zenctx_tables_current", GAUGE, "1 if zenctx's own tables are there and up to date, else 0.")
OPERATIONS = Metric(
    "zenctx_operations_total", COUNTER, "Commands in the journal that have ended, by outcome.", ("command", "outcome")
)
UNFINISHED = Metric(
    "zenctx_operations_unfinished",
    GAUGE,
    "Commands in the journal that run, or have died and were not run to their end since.",
    _COMMAND,
)
LAST_START = Metric(
    "zenctx_operation_last_start_timestamp_seconds", GAUGE, "When the command last began, by the journal.", _COMMAND
)
LAST_SUCCESS = Metric(
    "zenctx_operation_last_success_timestamp_seconds",
    GAUGE,
    "When the command last ended with exit code 0, by the journal.",
    _COMMAND,
)
LAST_DURATION = Metric(
    "zenctx_operation_last_duration_seconds", GAUGE, "How long the command last took, by the journal.", _COMMAND
)
LAST_EXIT_CODE = Metric(
    "zenctx_operation_last_exit_code", GAUGE, "The exit code of the command's last run, by the journal.", _COMMAND
)
VALUE_FAILURES = Metric(
    "zenctx_value_failures_total",
    COUNTER,
    "Values that could not be described, restored or released, counted over all commands in the journal.",
    ("stage", "reason"),
)
CHECKSUM_FAILURES = Metric(
    "zenctx_verify_checksum_failures",
    GAUGE,
    "Files and objects whose size or checksum was wrong when verify last read all of them back.",
)
VERIFY_FINDINGS = Metric(
    "zenctx_verify_findings", GAUGE, "What verify found when it last read everything back, by severity.", ("severity",)
)

METRICS = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""All of them, in the order in which they stand here."""
