"""`zenctx inspect`: the entries of a context, or one value in full."""

from typing import TYPE_CHECKING, Annotated

import typer

from zenctx.cli import columns
from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command
from zenctx.context.datastruct import DataStruct
from zenctx.context.rawjson import indented
from zenctx.context.redact import MASK

if TYPE_CHECKING:
    from zenctx.operations.inspect import ValueItem


class _Preview(columns.Column, frozen=True):
    """The beginning of a value, or that it is secret."""

    def cell(self, item: object) -> str:
        """Gives the text of the cell."""
        return MASK if getattr(item, "hidden", False) else columns.Column.cell(self, item)


COLUMNS = (
    columns.text("key", "key", least=32),
    columns.text("type", "descriptor_type", drop=1),
    columns.text("json", "json_type", drop=4),
    columns.size("size", "size"),
    columns.text("storage", "storage", drop=1),
    columns.text("checksum", "checksum", drop=3),
    columns.text("media type", "media_type", drop=5),
    columns.text("reserved", "reserved", drop=6),
    columns.remark("problem", "reason"),
    _Preview("value", "preview", columns.plain, squeeze="middle", drop=2, least=18),
)
FILE_COLUMNS = (
    columns.remark("locator", "locator", labelled=True),
    columns.remark("path", "path", labelled=True),
)
FACTS = (
    columns.identifier("workflow", "workflow_id"),
    columns.text("status", "status"),
    columns.text("form", "form"),
    columns.number("keys", "keys"),
    columns.size("size", "bytes"),
    columns.number("hidden", "hidden"),
    columns.number("problems", "problems"),
)


class ValueSummary(DataStruct, frozen=True):
    """Whether anything of the value is hidden."""

    hidden: bool


class ValueReport(DataStruct, frozen=True):
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
    zenctx inspect 3f2504e0-4f89-41d3-9a0c-0305e82c3301 --json | jq '.items[] | select(.reason)'
    """,
    exit_codes={
        4: "something is wrong with the context, an entry or a file: it is named",
        5: "the locator of the value leaves the configured directories; nothing was opened",
        10: "no such run, key, or part of the value",
    },
)
def inspect(
    invocation: Invocation,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The id of the run.")],
    key: Annotated[str | None, typer.Argument(metavar="KEY", help="The key of one value, to see it in full.")] = None,
    pointer: Annotated[
        str | None, typer.Option(metavar="/a/0", help="Only this part of the value: a JSON Pointer (RFC 6901).")
    ] = None,
    show_secrets: Annotated[bool, typer.Option("--show-secrets", help="Show secrets, which are hidden else.")] = False,
) -> int:
    """Show the entries of a context, or one value in full.

    Secrets are hidden: the engine's reserved keys, keys named like secrets, and the same secrets where they reappear.
    Sizes are those that the descriptors give, else the bytes of the JSON text. With --verbose it tells locators and
    files, too.
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
            shown, facts = ((*COLUMNS, *FILE_COLUMNS), FACTS) if invocation.verbose else (COLUMNS, ())
            output.begin(shown, facts=facts)
            return output.finish(operation.inspect(database, settings, run, output.item, show_secrets=show_secrets))
        value = operation.inspect_key(database, settings, run, key, pointer, show_secrets=show_secrets)
    output.begin(())
    output.item(value)
    output.show(indented(value.value.text).decode())
    return output.finish(_value_report(value))


def _value_report(value: "ValueItem") -> ValueReport:
    if not value.hidden:
        return ValueReport(ValueSummary(hidden=False), "", None)  # so that the text is the value and nothing else
    return ValueReport(ValueSummary(hidden=True), "Secrets are hidden", "--show-secrets shows them")
