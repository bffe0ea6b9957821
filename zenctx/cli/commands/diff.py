"""`zenctx diff`: what differs between two contexts, documents or snapshots."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from zenctx.cli import columns
from zenctx.cli.arguments import Format
from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command
from zenctx.cli.terminal import neutralise_json
from zenctx.context.rawjson import RawJson
from zenctx.errors import UsageError

if TYPE_CHECKING:
    from zenctx.operations.comparison.report import DiffReport, DiffSummary
    from zenctx.operations.diff import DiffRequest, Sources

_SHOWN_CHARACTERS = 60


def _beginning(value: RawJson | None) -> str:
    """Gives what a cell shows of a value: all of a short one."""
    if value is None:
        return "-"
    text = value.text[: 4 * _SHOWN_CHARACTERS].decode(errors="ignore")
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def _pointer(value: str | None) -> str:
    return value or "-"


_RUN = columns.identifier("run", "run_id")
_KEYS = (
    columns.text("difference", "difference"),
    columns.text("key", "key", least=16),
)
_STORAGE = (
    columns.text("in A", "storage_a", drop=2),
    columns.text("in B", "storage_b", drop=2),
)
_VALUES = (
    columns.Column("pointer", "pointer", _pointer, least=10),
    columns.Column("A", "before", _beginning, squeeze="middle"),
    columns.Column("B", "after", _beginning, squeeze="middle"),
)
_REASON = (columns.remark("reason", "reason"),)
FACTS = (
    columns.text("A", "a"),
    columns.text("B", "b"),
    columns.text("equal", "equal"),
    columns.number("keys compared", "keys"),
    columns.number("added", "added"),
    columns.number("removed", "removed"),
    columns.number("changed", "changed"),
    columns.number("moved", "moved"),
    columns.number("unknown", "unknown"),
    columns.number("hidden", "hidden"),
)


@dataclass(frozen=True, slots=True)
class _Silent:
    """The report of a patch: so that the text is the patch and nothing else."""

    summary: "DiffSummary"
    exit_code: int
    message: str = ""
    next_step: str | None = None
    dry_run: bool = False


@command(
    settings=["snapshots", "persistent-file-dir", "file-storage-dir", "engine-dir", "locator-root"],
    examples="""
    zenctx diff latest:3f2504e0-4f89-41d3-9a0c-0305e82c3301 3f2504e0-4f89-41d3-9a0c-0305e82c3301
    zenctx diff latest~1 latest --keys-only
    zenctx diff before.json after.json --patch > changes.json
    curl -s https://example.org/context.json | zenctx diff - ./context.json --json
    """,
    exit_codes={
        4: "values differ, or cannot be compared; each is named",
        5: "--patch would have to show a secret, or cannot say what differs",
        10: "no such run, snapshot or file",
    },
)
def diff(
    invocation: Invocation,
    a: Annotated[
        str, typer.Argument(metavar="A", help="A run id, SNAPSHOT:RUN, SNAPSHOT, a JSON file, or - for stdin.")
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="What to compare with it, in the same words.")],
    patch: Annotated[
        bool, typer.Option("--patch", help="Write a JSON Patch (RFC 6902) that turns the values of A into those of B.")
    ] = False,
    keys_only: Annotated[
        bool, typer.Option("--keys-only", help="One line for each key that differs, without values.")
    ] = False,
    show_secrets: Annotated[bool, typer.Option("--show-secrets", help="Show secrets, which are hidden else.")] = False,
) -> int:
    """Compare two contexts, JSON files or snapshots.

    Values are compared: wherever they are kept, however they are spelled, numbers by all of their digits. Keys are
    added, removed or changed; inside a value a JSON Pointer (RFC 6901) leads to what differs. A value that is equal and
    kept elsewhere has moved; that alone is no difference. Secrets are hidden, and that they differ is told. Two
    snapshots are compared run by run.
    """
    # Lazy: SQLAlchemy loads slowly.
    from zenctx.operations.comparison.contexts import Showing
    from zenctx.operations.comparison.reference import check_pair, parse_reference
    from zenctx.operations.diff import DiffRequest

    if patch and keys_only:
        raise UsageError("--patch and --keys-only contradict each other", hint="give one of them")
    request = DiffRequest(parse_reference(a), parse_reference(b), Showing(keys_only, show_secrets))
    check_pair(request.a, request.b)
    return _with_sources(invocation, request, wants_patch=patch)


def _with_sources(invocation: Invocation, request: "DiffRequest", *, wants_patch: bool) -> int:
    from zenctx.database.engine import Database
    from zenctx.operations.diff import Sources

    work = _patch if wants_patch else _diff
    settings = invocation.settings
    if not request.needs_database:
        return work(invocation, request, Sources(settings, None, lambda: sys.stdin.buffer))
    with Database.open(settings.db, read_only=True) as database:
        return work(invocation, request, Sources(settings, database, lambda: sys.stdin.buffer))


def _diff(invocation: Invocation, request: "DiffRequest", sources: "Sources") -> int:
    from zenctx.operations import diff as operation

    values = () if request.showing.keys_only else _VALUES
    run = (_RUN,) if request.is_of_snapshots else ()
    shown = (*run, *_KEYS, *values, *_STORAGE, *_REASON)
    invocation.output.begin(shown, facts=FACTS if invocation.verbose else ())
    report = operation.diff(sources, request, invocation.output.item, invocation.progress("Comparing"))
    if report.failures and request.needs_database:
        invocation.note_failures(report.exit_code, report.failures)
    return invocation.output.finish(report)


def _patch(invocation: Invocation, request: "DiffRequest", sources: "Sources") -> int:
    from zenctx.context.patch import patch_text
    from zenctx.operations import diff as operation

    operations, report = operation.patch(sources, request)
    if invocation.format is Format.TABLE:
        # A program reads it: not a byte more, and nothing that is no JSON.
        text = neutralise_json(patch_text(operations).decode()).encode()
        invocation.bytes_to_stdout().write(text + b"\n")
        return _ended(invocation, report)
    invocation.output.begin(())
    for each in operations:
        invocation.output.item(operation.patch_item(each))
    return _ended(invocation, report)


def _ended(invocation: Invocation, report: "DiffReport") -> int:
    return invocation.output.finish(_Silent(report.summary, report.exit_code))
