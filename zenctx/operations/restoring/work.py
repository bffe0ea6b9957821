"""Carrying a restoration out: files first, then rows, and nothing more.

Order, and why a crash at any point is harmless:

1. The plan looks at every run; what is to be replaced goes into a safety snapshot, which is complete before any row is
   touched. A crash leaves everything as it was.
2. The files of a run are copied out of the repository under new names, compared with their checksums, synced, renamed,
   their directories synced. A crash leaves files that no row names, each whole; gc finds them.
3. One transaction writes some runs: context, runtime state, the record of their conversion, each run only if it is as
   the plan saw it. A crash before its commit leaves the rows as they were; after it, all that they name is on disk.
4. Links between runs come last, since a run may try again one that is restored after it. A crash before leaves runs
   that name none; running it again finds and mends them.

Nothing is ever deleted here but files of this restoration that no row came to name.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from zenctx.database.conversions import is_run_id
from zenctx.database.planned import Known, Link, PlannedRun, PlannedRuns
from zenctx.database.restoring import NEUTRAL, RunWriter
from zenctx.database.run_writes import RunWrite, SeenRun
from zenctx.operations.live_files import LiveFiles
from zenctx.operations.progress import Progress
from zenctx.operations.restoring.decide import Decision, Judge
from zenctx.operations.restoring.look import MAX_BYTES, Looker, Pair
from zenctx.operations.restoring.masking import redactor_of
from zenctx.operations.restoring.report import Action, RestoreItem, Tally
from zenctx.operations.restoring.stage import DamagedObjectError, Staged, stage
from zenctx.snapshots.model import SnapshotRun
from zenctx.snapshots.repository import Repository

OnItem = Callable[[RestoreItem], None]

MAX_WRITES = 100
"""The most runs that are written in one transaction."""
_LINKS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Tools:
    """What a restoration works with."""

    repository: Repository
    live: LiveFiles
    judge: Judge
    looker: Looker
    planned: PlannedRuns
    tally: Tally
    on_item: OnItem
    progress: Progress
    redact_keys: Sequence[str]


def plan(tools: Tools, runs: Iterable[SnapshotRun]) -> None:
    """Decides about every run, and names those that are not to be written."""
    for pair in tools.looker.look(runs):
        decision = planned(tools, pair)
        if not decision.writes:
            tell(tools, decision)
        tools.progress.advance(1, len(pair.run.context or b""))


def tell(
    tools: Tools,
    decision: Decision,
    *,
    action: Action | None = None,
    reason: str | None = None,
    remark: str | None = None,
    is_rehearsal: bool = False,
) -> None:
    """Counts a run and hands its item out, as it was decided or as it came to be (`action`, and `reason` why).

    `remark` is said where there is no other reason. A rehearsal names what stays the same, too, and no new id.
    """
    became = action or decision.action
    target = decision.target if became is decision.action else None
    files, size = (target.file_count, target.file_bytes) if target else (0, 0)
    tools.tally.count(became, files=files, file_bytes=size)
    tools.tally.partly += became is decision.action and decision.is_partial
    if became is Action.SAME and decision.reason is None and not is_rehearsal:
        return
    if reason is None:
        said = (decision.reason, *(target.notes if target else ()), *decision.notes)
        reason = "; ".join(note for note in said if note) or remark
        if reason is not None:
            # It may name a key, and a key may hold a secret.
            reason = redactor_of(decision, tools.judge.source, tools.redact_keys).redact_text(reason)
    tools.on_item(
        RestoreItem(
            run_id=decision.run.run_id,
            key=None,
            action=became,
            new_run_id=decision.run_id if target and became is Action.COPY and not is_rehearsal else None,
            bytes=len(decision.run.context or b""),
            files=files,
            file_bytes=size,
            reason=reason,
        )
    )


def tell_unlinked(tools: Tools, link: Link) -> None:
    """Counts and names a run that comes back without the one that it tried again."""
    reason = f"the run {link.retry_of}, which it tried again, is not here"
    tools.tally.unlinked += 1
    tools.on_item(RestoreItem(link.run_id, None, Action.UNLINKED, None, None, 0, 0, reason))


def planned(tools: Tools, pair: Pair) -> Decision:
    """Decides about a run, and notes it in the plan."""
    decision = tools.judge.decide(pair.run, pair.seen, pair.around)
    tools.tally.with_keys += decision.has_keys
    entry = PlannedRun(
        pair.run.run_id,
        writes=decision.writes,
        replaces=decision.action is Action.REPLACE,
        seen=_fingerprint(pair.seen),
        retry_of=_link(decision, pair.seen, tools),
        is_new=decision.action is Action.INSERT,
    )
    if tools.planned.add(entry):
        return decision
    return Decision(pair.run, Action.FAIL, "the snapshot has it twice")


def _link(decision: Decision, seen: SeenRun | None, tools: Tools) -> str | None:
    """The run that a row is to name: it names none, because that one was deleted, or is to be restored."""
    is_whole = decision.is_held and decision.action is not Action.COPY and not tools.judge.request.keys
    if not is_whole or not tools.looker.columns.has_links or (seen is not None and seen.retry_of is not None):
        return None
    return decision.run.columns.get("retry_of")


def _fingerprint(seen: SeenRun | None) -> bytes | None:
    if seen is None:
        return None
    text = seen.row.text
    digest = hashlib.sha256(b"-" if text is None else b"%d " % len(text) + text)
    digest.update(repr(seen.state).encode())
    return digest.digest()


@dataclass
class Restorer:
    """Writes the planned runs, some in one transaction."""

    tools: Tools
    writer: RunWriter
    bind: Callable[[], None]
    written: int = 0
    _waiting: list[tuple[Decision, Staged, RunWrite]] = field(default_factory=list)
    _size: int = 0

    def restore(self, runs: Iterable[SnapshotRun]) -> None:
        """Writes every run that the plan wants to be written, if it is still as the plan saw it."""
        wanted = (run for run in runs if (known := self.tools.planned.find(run.run_id)) and known.writes)
        for pair in self.tools.looker.look(wanted):
            self._take(pair)
            self.tools.progress.advance(1, len(pair.run.context or b""))
        self._flush()

    def link(self) -> None:
        """Lets runs name the runs that they try again."""
        for links in pieces(self.tools.planned.links()):
            for link in self.writer.link(links):
                if link.is_new:
                    tell_unlinked(self.tools, link)

    def _take(self, pair: Pair) -> None:
        known = self.tools.planned.find(pair.run.run_id)
        if known is None or (not self._is_copy and known.seen != _fingerprint(pair.seen)):
            self._not_written(Decision(pair.run, Action.CHANGED), Action.CHANGED, _CHANGED)
            return
        decision, staged = self._staged(pair)
        if staged is None or decision.target is None:
            tell(self.tools, decision)
            if not decision.is_held:
                self.tools.planned.forget_link(pair.run.run_id)
            return
        write = RunWrite(
            decision.run_id,
            decision.target.final_text(staged.contents),
            decision.state,
            decision.seen,
            decision.row,
            _direction(decision, known),
            decision.keeps_state,
            pair.run.storage.get("context", ""),
        )
        self._waiting.append((decision, staged, write))
        self._size += len(write.context or b"")
        if len(self._waiting) >= MAX_WRITES or self._size >= MAX_BYTES:
            self._flush()

    @property
    def _is_copy(self) -> bool:
        return self.tools.judge.request.as_new_run

    def _staged(self, pair: Pair) -> tuple[Decision, Staged | None]:
        """Decides again, now that it counts, and writes the files; None where nothing is to be written.

        An object that turns out to be damaged is one that the snapshot lacks, and is decided about as such.
        """
        tools = self.tools
        damaged: frozenset[str] = frozenset()
        while True:
            decision = tools.judge.decide(pair.run, pair.seen, pair.around, damaged)
            if decision.target is None:
                return decision, None
            try:
                return decision, stage(tools.repository, tools.live, decision.run_id, decision.target, self.bind)
            except DamagedObjectError as error:
                damaged |= {error.key}

    def _flush(self) -> None:
        waiting, self._waiting, self._size = self._waiting, [], 0
        if not waiting:
            return
        outcome = self.writer.write([write for _, _, write in waiting])
        self.written += len(outcome.written)
        written, refused = frozenset(outcome.written), dict(outcome.refused)
        for decision, staged, write in waiting:
            if write.run_id in written:
                tell(self.tools, decision)
                self._link_copy(decision)
                continue
            # It is certain that no row names them: the transaction that would have is not what was committed.
            self.tools.live.store.discard(staged.names)
            if write.run_id in refused:
                self._not_written(decision, Action.FAIL, refused[write.run_id])
            else:
                self._not_written(decision, Action.CHANGED, _CHANGED)

    def _not_written(self, decision: Decision, action: Action, reason: str) -> None:
        self.tools.planned.forget_link(decision.run.run_id)
        tell(self.tools, replace(decision, target=None), action=action, reason=reason)

    def _link_copy(self, decision: Decision) -> None:
        retry_of = decision.row.retry_of
        if decision.action is Action.COPY and retry_of is not None:
            self.tools.planned.add(PlannedRun(decision.run_id, writes=False, retry_of=retry_of, is_new=True))


_CHANGED = "somebody has written it since the plan was made: it was left as it is"


def _direction(decision: Decision, known: Known) -> str | None:
    """What is to be on record of a run, so that the way back from descriptors unwraps what was wrapped, and only that.

    A context that was put back was converted as it was when the snapshot was taken, not as its row was since.
    """
    target = decision.target
    if target is None or not is_run_id(decision.run_id):
        return None
    if target.direction is not None:
        return target.direction
    if decision.action is Action.COPY:
        return known.earlier
    if decision.keys_only or known.earlier == known.latest:
        return None
    return known.earlier or NEUTRAL


def pieces(links: Iterator[Link]) -> Iterator[list[Link]]:
    """Yields links some at a time."""
    piece: list[Link] = []
    for link in links:
        piece.append(link)
        if len(piece) == _LINKS_AT_ONCE:
            yield piece
            piece = []
    if piece:
        yield piece
