"""`zenctx inspect`: the entries of a context, or one value in full."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from zenctx.cli import columns
from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command
from zenctx.context.rawjson import indented

if TYPE_CHECKING:
    from zenctx.operations.inspect import ValueItem

COLUMNS = (
    columns.text("key", "key"),
    columns.text("type", "descriptor_type"),
    columns.text("json", "json_type", drop=2),
    columns.size("size", "size"),
    columns.text("storage", "storage"),
    columns.text("checksum", "checksum", drop=1),
    columns.text("media type", "media_type", drop=4),
    columns.text("reserved", "reserved", drop=5),
    columns.text("problem", "reason", drop=3),
    columns.text("value", "preview", squeeze="middle", drop=6),
)


@dataclass(frozen=True, slots=True)
class ValueSummary:
    """Whether anything of the value is hidden."""

    hidden: bool


@dataclass(frozen=True, slots=True)
class ValueReport:
    """The report of one value."""

    summary: ValueSummary
    message: str
    next_step: str | None
    exit_code: int = 0
    dry_run: bool = False


@command(
    settings=["persistent-file-dir", "file-storage-dir", "engine-dir", "locator-root"],
    examples="""
    zenctx inspect 3f2504e0-4f89-41d3-9a0c-0305e82c3301
    zenctx inspect 3f2504e0-4f89-41d3-9a0c-0305e82c3301 http.output.body --pointer /items/0
    """,
)
def inspect(
    invocation: Invocation,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The id of the run.")],
    key: Annotated[str | None, typer.Argument(metavar="[KEY]", help="The key of one value, to see it in full.")] = None,
    pointer: Annotated[
        str | None, typer.Option(metavar="/a/0", help="Only this part of the value: a JSON Pointer (RFC 6901).")
    ] = None,
    show_secrets: Annotated[bool, typer.Option("--show-secrets", help="Show secrets, which are hidden else.")] = False,
) -> int:
    """Show the entries of a context, or one value in full.

    Secrets are hidden: the engine's reserved keys, keys named like secrets, and the same secrets where they reappear.
    Exits with 4 where an entry cannot be restored as it was stored.
    """
    # Lazy: SQLAlchemy loads slowly.
    from zenctx.database.engine import Database
    from zenctx.errors import UsageError
    from zenctx.operations import inspect as operation

    if pointer is not None and key is None:
        raise UsageError("--pointer needs a KEY", hint="name the value that it leads into")
    settings, output = invocation.settings, invocation.output
    with Database.open(settings.db, read_only=True) as database:
        if key is None:
            output.begin(COLUMNS)
            return output.finish(operation.inspect(database, settings, run, output.item, show_secrets=show_secrets))
        value = operation.inspect_key(database, settings, run, key, pointer, show_secrets=show_secrets)
    output.begin(())
    output.item(value)
    output.show(indented(value.value.text).decode())
    return output.finish(_value_report(value))


def _value_report(value: "ValueItem") -> ValueReport:
    step = "--show-secrets shows it" if value.hidden else None
    hidden = ", secrets hidden" if value.hidden else ""
    return ValueReport(ValueSummary(value.hidden), f"Run {value.run_id}, {value.key}{hidden}", step)
