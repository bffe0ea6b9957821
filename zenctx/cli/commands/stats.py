"""`zenctx stats`: what runs and files take, by class, form, type, status and workflow; on a page, too."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zenctx.cli import columns
from zenctx.cli.arguments import Format
from zenctx.cli.bars import bar_column
from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command

if TYPE_CHECKING:
    from zenctx.operations.statistics.report import StatItem

FACTS = (
    columns.text("database", "database"),
    columns.moment("as of", "taken_at"),
    columns.number("runs", "runs"),
    columns.size("contexts", "context_bytes"),
    columns.number("entries", "entries"),
    columns.number("files named by runs", "referenced_files"),
    columns.size("their size", "referenced_file_bytes"),
    columns.number("files in the store", "files"),
    columns.size("their size", "file_bytes"),
    columns.number("files without a run", "orphans"),
    columns.size("their size", "orphan_bytes"),
    columns.number("files not there", "dangling"),
    columns.number("files in the trash", "trash_files"),
    columns.size("their size", "trash_bytes"),
    columns.number("finished runs with secrets", "secret_runs"),
    columns.number("quarantined rows", "quarantined"),
    columns.number("dead keys", "dead_keys"),
    columns.size("their size", "dead_bytes"),
    columns.number("workflows not judged", "unjudged_workflows"),
    columns.text("kept for growth", "recorded"),
    columns.text("page", "html"),
)


@command(
    settings=["persistent-file-dir", "file-storage-dir", "engine-dir", "locator-root"],
    examples="""
    zenctx stats
    zenctx stats --top 25 --verbose
    zenctx stats --html /var/www/reports/zenctx.html --quiet
    zenctx stats --json | jq '.items[] | select(.section == "workflow")'
    """,
    exit_codes={5: "--html names a file that is no report of zenctx"},
)
def stats(
    invocation: Invocation,
    top: Annotated[int, typer.Option(metavar="N", min=0, max=1000, help="Lines in each section of the largest.")] = 10,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page with charts, too: one file, which needs nothing else."),
    ] = None,
    no_record: Annotated[
        bool, typer.Option("--no-record", help="Do not keep the sums in the journal, from which growth is told.")
    ] = False,
) -> int:
    """Show what runs and files take, and how that grows.

    Runs by class and form; bytes in the database and in files by status, type and workflow; the largest runs and
    values; how old runs are; dead keys, which no node of their workflow reads; what gc would remove now, in 7 and in
    30 days. Growth is told from the sums of earlier calls, which are kept in the journal at most once an hour, where it
    can be written. Nothing else is changed. The page takes the place of an earlier one, and of no other file.
    """
    # Lazy: SQLAlchemy loads slowly, and few want a page.
    from zenctx.cli.html.file import check_page, write_page
    from zenctx.cli.html.report import page
    from zenctx.database.engine import Database
    from zenctx.operations.stats import StatsRequest
    from zenctx.operations.stats import stats as operation

    if html is not None:
        check_page(html)
    output, settings = invocation.output, invocation.settings
    shown = _Shown(invocation)
    with Database.open(settings.db, read_only=True) as database:
        request = StatsRequest(top=top, record=not no_record)
        report = operation(database, settings, request, shown.item, invocation.progress("Counting"))
    if html is not None:
        write_page(html, page(report))
        report = replace(
            report,
            summary=replace(report.summary, html=str(html)),
            message=f"{report.message}\nThe page is {html}",
        )
    return output.finish(report)


class _Shown:
    """Shows items, in the text format section by section, each under its title."""

    def __init__(self, invocation: Invocation) -> None:
        self._output = invocation.output
        self._is_text = invocation.format is Format.TABLE
        self._section = ""
        self._facts = FACTS if invocation.verbose else ()
        self._output.begin(_columns(""), facts=self._facts)

    def item(self, item: "StatItem") -> None:
        """Shows one line, below the title of its section where it is the first."""
        if self._is_text and item.section != self._section:
            # Lazy: as above.
            from zenctx.operations.statistics.report import TITLES, Section

            self._output.show(("\n" if self._section else "") + TITLES[Section(item.section)])
            self._output.begin(_columns(item.section), facts=self._facts)
            self._section = item.section
        self._output.item(item)


def _columns(section: str) -> tuple[columns.Column, ...]:
    """What a section shows: nothing that none of its lines has."""
    can_draw = (getattr(sys.stdout, "encoding", None) or "ascii").lower().startswith("utf")
    known = {
        "what": columns.text(section, "name", squeeze="middle", least=16),
        "run": columns.identifier("run", "run_id"),
        "runs": columns.number("runs", "runs"),
        "entries": columns.number("entries", "entries", drop=3),
        "database": columns.Column("in database", "bytes", columns.signed_bytes, justify="right", squeeze="never"),
        "held": columns.Column("held", "bytes", columns.signed_bytes, justify="right", squeeze="never"),
        "files": columns.number("files", "files", drop=4),
        "in files": columns.Column("in files", "file_bytes", columns.signed_bytes, justify="right", squeeze="never"),
        "bar": bar_column("share", "share", can_draw=can_draw),
        "of run": columns.identifier("run", "run_id", drop=1),
        "of workflow": columns.identifier("workflow", "workflow_id", drop=5),
        "id": columns.identifier("id", "workflow_id", drop=5),
    }
    return tuple(known[name] for name in _SHOWN.get(section, _USUAL))


_USUAL = ("what", "runs", "database", "files", "in files", "bar")
_SHOWN = {
    "status": ("what", "runs", "entries", "database", "files", "in files", "bar"),
    "type": ("what", "entries", "database", "files", "in files", "bar"),
    "workflow": ("what", "runs", "entries", "database", "files", "in files", "bar", "id"),
    "run": ("run", "database", "in files", "bar", "of workflow"),
    "key": ("what", "database", "in files", "bar", "of run", "of workflow"),
    "dead key": ("what", "runs", "held", "bar", "of workflow"),
    "forecast": ("what", "runs", "files", "in files", "bar"),
    "growth": ("what", "runs", "database", "files", "in files"),
}
