"""Progress on a terminal: one line that counts, measures and estimates, and that is gone when the work is done."""

import contextlib
from collections.abc import Iterator, Sequence
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID
from rich.table import Column as RichColumn
from rich.text import Text

from zenctx.cli.columns import count, human_bytes, time_span
from zenctx.cli.terminal import neutralise

_INTERVAL = 0.1
"""Seconds between two updates of the display; calls in between only add up."""


class TerminalProgress:
    """Shows `zenctx.operations.progress.Progress` on standard error; `label` stands until the first note."""

    def __init__(self, label: str, *, colour: bool) -> None:
        console = Console(stderr=True, force_terminal=True, color_system="standard" if colour else None)
        self._bar = Progress(*_columns(), console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
        self._label = neutralise(label)
        self._task: TaskID | None = None
        self._done = 0
        self._bytes = 0
        self._shown_at = 0.0

    def start(self, total: int | None, unit: str) -> None:
        """Shows a new line for a phase of `total` things."""
        self.finish()
        self._done = self._bytes = 0
        self._task = self._bar.add_task("", total=total, label=Text(self._label), unit=neutralise(unit), size=0)
        self._bar.start()

    def advance(self, n: int, bytes_: int = 0) -> None:
        """Counts; the display follows ten times a second."""
        self._done += n
        self._bytes += bytes_
        if monotonic() - self._shown_at >= _INTERVAL:
            self._show()

    def note(self, text: str, **_facts: object) -> None:
        """Puts other words before the bar."""
        self._label = neutralise(text[:1].upper() + text[1:])
        if self._task is not None:
            self._bar.update(self._task, label=Text(self._label))

    def finish(self) -> None:
        """Takes the line away."""
        if self._task is not None:
            self._bar.stop()
            self._bar.remove_task(self._task)
            self._task = None

    @contextlib.contextmanager
    def hidden(self) -> Iterator[None]:
        """Takes the line away while something else is written to the same terminal."""
        if self._task is None:
            yield
            return
        self._bar.stop()
        try:
            yield
        finally:
            self._bar.start()

    def _show(self) -> None:
        if self._task is not None:
            self._shown_at = monotonic()
            self._bar.update(self._task, completed=self._done, size=self._bytes)


class _Label(ProgressColumn):
    """What is going on; the first to give way on a narrow terminal."""

    def __init__(self) -> None:
        super().__init__(RichColumn(ratio=1, no_wrap=True, overflow="ellipsis"))

    def render(self, task: Task) -> Text:
        """The label or the last note."""
        label: Text = task.fields["label"]
        return label


class _Count(ProgressColumn):
    """`12,000/50,000 rows`."""

    def render(self, task: Task) -> Text:
        """How many of how many."""
        total = "" if task.total is None else f"/{count(int(task.total))}"
        return Text(f"{count(int(task.completed))}{total} {task.fields['unit']}", no_wrap=True)


class _Rates(ProgressColumn):
    """`3,100/s 12.0 MiB/s`; the second only when bytes are told."""

    def render(self, task: Task) -> Text:
        """The speed of the last half minute, and the bytes since the start."""
        rates = [f"{count(round(task.speed))}/s"] if task.speed else []
        if task.fields["size"] and task.elapsed:
            rates.append(f"{human_bytes(round(task.fields['size'] / task.elapsed))}/s")
        return Text(" ".join(rates), no_wrap=True)


class _Left(ProgressColumn):
    """`2-3 min left`: by the speed of the last half minute, and by that since the start."""

    def render(self, task: Task) -> Text:
        """The shorter and the longer of the two."""
        average = task.completed / task.elapsed if task.elapsed else 0
        speeds = [speed for speed in (task.speed, average) if speed]
        if task.total is None or not speeds:
            return Text("")
        return Text(time_left(max(task.total - task.completed, 0), speeds), no_wrap=True)


def time_left(things: float, speeds: Sequence[float]) -> str:
    """Gives how long so many things will take at the fastest and at the slowest of some speeds a second."""
    return f"{time_span(things / max(speeds), things / min(speeds))} left"


def _columns() -> tuple[ProgressColumn, ...]:
    return (
        _Label(),
        BarColumn(bar_width=20, complete_style="cyan", finished_style="cyan"),
        _Count(),
        _Rates(),
        _Left(),
    )
