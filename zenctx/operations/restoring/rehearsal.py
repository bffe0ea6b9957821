"""What a restoration would do, found out without writing anything: the same decisions, and what would come of them.

Objects are read as they would be, and the database is asked whether it takes the values; so what would fail, or come
back in part, is told by a dry run, too. What somebody does in between, and what only a constraint or a trigger of the
table can say, it cannot know.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from zenctx.context.convert import StoredContent
from zenctx.database.planned import Link
from zenctx.database.restoring import existing_runs
from zenctx.database.run_writes import RunWrite
from zenctx.database.trial import Trial
from zenctx.errors import DamagedFileError
from zenctx.operations.live_files import chunks
from zenctx.operations.restoring.compare import Change, KeyChange
from zenctx.operations.restoring.decide import Decision
from zenctx.operations.restoring.equality import equal_keys
from zenctx.operations.restoring.look import MAX_BYTES, Pair
from zenctx.operations.restoring.masking import redactor_of
from zenctx.operations.restoring.report import Action, RestoreItem
from zenctx.operations.restoring.target import Target
from zenctx.operations.restoring.work import MAX_WRITES, Tools, pieces, planned, tell, tell_unlinked
from zenctx.snapshots.model import SnapshotRun

_FORM_ALONE = "every value is equal: only its form, or where it lies, would change"


class _Rehearsed(NamedTuple):
    """A run, what would be written of it, and the keys whose objects are damaged."""

    decision: Decision
    write: RunWrite | None
    damaged: frozenset[str]


@dataclass
class Rehearsal:
    """Tells what would become of every run and of each of its keys."""

    tools: Tools
    trial: Trial
    _waiting: list[_Rehearsed] = field(default_factory=list)
    _size: int = 0

    def rehearse(self, runs: Iterable[SnapshotRun]) -> None:
        """Looks at every run, and last at the links between them."""
        for pair in self.tools.looker.look(runs):
            rehearsed = self._rehearsed(pair)
            self._waiting.append(rehearsed)
            self._size += len(pair.run.context or b"")
            if len(self._waiting) >= MAX_WRITES or self._size >= MAX_BYTES:
                self._tell_waiting()
            self.tools.progress.advance(1, len(pair.run.context or b""))
        self._tell_waiting()
        for links in pieces(self.tools.planned.links()):
            for link in self._unlinked(links):
                tell_unlinked(self.tools, link)

    def _rehearsed(self, pair: Pair) -> _Rehearsed:
        """Decides as the restoration will: an object that turns out to be damaged is one that the snapshot lacks."""
        decision = planned(self.tools, pair)
        damaged: frozenset[str] = frozenset()
        while decision.target is not None and (key := self._damaged(decision.target)) is not None:
            damaged |= {key}
            decision = self.tools.judge.decide(pair.run, pair.seen, pair.around, damaged)
        return _Rehearsed(decision, _write(decision), damaged)

    def _damaged(self, target: Target) -> str | None:
        """Gives the key of the first file whose object is not what its name says."""
        for key, file in target.files.items():
            try:
                with closing(self.tools.repository.open_object(file.checksum or "", file.size)) as content:
                    for _ in chunks(content):
                        pass
            except DamagedFileError:
                return key
        return None

    def _tell_waiting(self) -> None:
        waiting, self._waiting, self._size = self._waiting, [], 0
        refused = self.trial.refusals([each.write for each in waiting if each.write is not None])
        for rehearsed in waiting:
            decision, write, _ = rehearsed
            if write is not None and write.run_id in refused:
                self.tools.planned.forget(decision.run.run_id)
                tell(self.tools, replace(decision, target=None), action=Action.FAIL, reason=refused[write.run_id])
                continue
            if not decision.is_held:
                self.tools.planned.forget(decision.run.run_id)
            elif decision.action is Action.COPY and decision.row.retry_of is not None:
                self.tools.planned.link(decision.run.run_id, decision.row.retry_of)
            self._tell(rehearsed)

    def _tell(self, rehearsed: _Rehearsed) -> None:
        decision = rehearsed.decision
        if not decision.writes:
            tell(self.tools, decision, is_rehearsal=True)
            return
        changes = list(self._changes(rehearsed))
        kinds = {change.change for change, _ in changes}
        is_form_alone = Change.CONVERTED in kinds and kinds <= {Change.CONVERTED, Change.SAME}
        tell(self.tools, decision, is_rehearsal=True, remark=_FORM_ALONE if is_form_alone else None)
        redactor = redactor_of(decision, self.tools.judge.source, self.tools.redact_keys)
        for (key, change, size), reason in changes:
            item = RestoreItem(decision.run.run_id, redactor.redact_text(key), change, None, size, 0, 0, reason)
            self.tools.on_item(item)

    def _changes(self, rehearsed: _Rehearsed) -> Iterator[tuple[KeyChange, str | None]]:
        """Tells values that change from those that are equal, and only kept in another form or place."""
        decision = rehearsed.decision
        changed = {each.key for each in decision.changes if each.change is Change.CHANGED} - rehearsed.damaged
        places = equal_keys(self.tools.repository, self.tools.live, decision, changed)
        for change in decision.changes:
            if change.key in places:
                yield change._replace(change=Change.CONVERTED), f"an equal value, now {places[change.key]}"
            else:
                yield change, None

    def _unlinked(self, links: list[Link]) -> Iterator[Link]:
        there = existing_runs(self.tools.looker.connection, {link.retry_of for link in links})
        are_copies = self.tools.judge.request.as_new_run
        for link in links:
            known = None if are_copies else self.tools.planned.find(link.retry_of)
            if link.is_new and link.retry_of not in there and not (known and known.writes):
                yield link


def _write(decision: Decision) -> RunWrite | None:
    """What the restoration would write, with the locators of old in place of those of the files that it would make."""
    target = decision.target
    if target is None:
        return None
    contents = {key: StoredContent(file.locator, file.size, file.checksum or "") for key, file in target.files.items()}
    contents |= {value.key: StoredContent("-", len(value.content), "-") for value in target.large}
    # Which run it tries again is put in last, where that one is there.
    row = decision.row if decision.row.retry_of is None else decision.row.without_link()
    storage = decision.run.storage.get("context", "")
    return RunWrite(decision.run_id, target.final_text(contents), decision.state, decision.seen, row, storage=storage)
