"""One process at work: part after part of a sweep, until none is left that nobody has done."""

from dataclasses import replace

from zenctx.operations.migration.brakes import Stop
from zenctx.operations.migration.report import Tally
from zenctx.operations.migration.request import MigrationPlan
from zenctx.operations.migration.shares import Shares
from zenctx.operations.migration.sweep import OnItem, Sweeper, SweepTools
from zenctx.operations.migration.write import Writers
from zenctx.operations.progress import Progress


class Solo:
    """Does the parts of one sweep after the other. `total`: what it did in all of them."""

    def __init__(self, tools: SweepTools, writers: Writers, plan: MigrationPlan, on_item: OnItem) -> None:
        self.total = Tally()
        self._tools = tools
        self._writers = writers
        self._plan = plan
        self._on_item = on_item

    @property
    def converted(self) -> int:
        """How many rows it has converted, those of a sweep that failed half-way among them."""
        return self._writers.converted

    @property
    def stop(self) -> Stop | None:
        """Why it had to end early, if it had."""
        return self._tools.brakes.stop

    def end(self, reason: Stop) -> None:
        """Ends it after the batch that it is at."""
        self._tools.brakes.stop = self._tools.brakes.stop or reason

    def sweep(self, shares: Shares, progress: Progress, *, is_first: bool) -> Tally:
        """Does parts until all are done, by whomever; gives what was counted in those done here.

        `is_first`: rows that are not converted are named, and quarantined ones tried again where that was asked.
        """
        # Each sweep has a sweeper of its own: it must know what the one before it converted.
        plan = self._plan if is_first else replace(self._plan, tries_quarantined=False)
        sweeper = Sweeper(self._tools, plan, self._writers, self._on_item)
        counted = Tally()
        while not self._is_used_up and (part := shares.claim(self._tools.brakes)):
            limit = plan.request.limit
            left = None if limit is None else limit - self.total.converted
            self._writers.learn(part.written)
            tally = sweeper.sweep(progress, name_left=is_first, limit=left, span=part.span)
            done = part._replace(written=self._writers.written_in(part.span))
            shares.finish(done, tally, whole=sweeper.is_whole)
            self.total.add(tally)
            counted.add_all(tally)
        return counted

    @property
    def _is_used_up(self) -> bool:
        limit = self._plan.request.limit
        return limit is not None and self.total.converted >= limit
