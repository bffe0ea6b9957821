"""Finds secrets that stand in plain text in what runs have stored, and says where: never what they are."""

from collections.abc import Callable
from contextlib import suppress

from zenctx.config import Settings
from zenctx.context.classes import RunClass
from zenctx.database import runs
from zenctx.database.checks import require_engine_tables
from zenctx.database.engine import Database
from zenctx.database.secret_rows import find_places
from zenctx.operations.progress import SILENT, Progress
from zenctx.operations.scrubbing import wording
from zenctx.operations.scrubbing.outside import look_outside
from zenctx.operations.scrubbing.parts import RunParts, walk
from zenctx.operations.scrubbing.report import AuditItem, AuditReport, AuditSummary
from zenctx.operations.scrubbing.request import AuditRequest
from zenctx.operations.scrubbing.search import Searched, Searcher

OnItem = Callable[[AuditItem], None]


def audit(
    database: Database, settings: Settings, request: AuditRequest, on_item: OnItem, progress: Progress = SILENT
) -> AuditReport:
    """Searches runs, and hands out what was found as it goes. Changes nothing; needs rights to read only.

    Raises NotFoundError for a run that is not there, DatabaseError where the engine's tables cannot be read.
    """
    selection = runs.normalised(database, request.selection)
    searcher = Searcher.of(settings, request)
    counted = _Counted(request, on_item)
    with database.connect() as connection:
        require_engine_tables(connection)
        runs.require(database, connection, selection.run_ids)
        places = find_places(connection)
        progress.start(runs.count(database, connection, selection), "runs")
        connection.rollback()
        wanted = frozenset({RunClass.FINISHED}) if request.finished else None
        for parts in walk(database, connection, places, selection, wanted):
            if isinstance(parts, RunParts):
                with suppress(_EnoughError):
                    counted.take(searcher.search(parts))
                if counted.more:
                    break
            progress.advance(1, parts.size if isinstance(parts, RunParts) else 0)
    progress.finish()
    return wording.audited(counted.summary(settings, places.unread))


class _EnoughError(Exception):
    """So many runs as were asked for are named already."""


class _Counted:
    """What was found so far."""

    def __init__(self, request: AuditRequest, on_item: OnItem) -> None:
        self._limit = request.limit
        self._names = request.names
        self._on_item = on_item
        self.searched = self.with_secrets = self.finished = self.unreadable = 0
        self.by_kind: dict[str, int] = {}
        self.more = False

    def take(self, searched: Searched) -> None:
        """Counts a run, and tells what was found in it."""
        if searched.found and self.with_secrets == self._limit:
            self.more = True
            raise _EnoughError
        self.searched += 1
        self.with_secrets += bool(searched.found)
        self.finished += bool(searched.found) and searched.parts.run_class is RunClass.FINISHED
        self.unreadable += bool(searched.problems)
        for item in items_of(searched):
            self._on_item(item)
            if item.kind is not None:
                self.by_kind[item.kind] = self.by_kind.get(item.kind, 0) + item.places

    def summary(self, settings: Settings, unsearched: str | None) -> AuditSummary:
        """Gives the counts, and what lies outside of the database."""
        outside = look_outside(settings)
        return AuditSummary(
            searched=self.searched,
            with_secrets=self.with_secrets,
            finished=self.finished,
            by_kind=dict(sorted(self.by_kind.items())),
            unreadable=self.unreadable,
            more=self.more,
            snapshots=outside.snapshots,
            trash_files=outside.trash_files,
            unsearched=unsearched,
            names=self._names,
        )


def items_of(searched: Searched) -> list[AuditItem]:
    """Gives what was found in a run, part by part."""
    row = searched.parts.row
    common = (row.run_id, row.workflow_id, row.status, searched.parts.run_class.value)
    reason = "; ".join(dict.fromkeys(searched.problems)) or None
    items = [
        AuditItem(*common, each.place.value, each.key, each.pointer, each.kind.value, each.count, reason)
        for each in searched.found
    ]
    return items or ([AuditItem(*common, None, None, None, None, 0, reason)] if reason else [])
