"""Commands of a made-up application, one for each way in which a command can behave."""

import os
import signal
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from zenctx.cli import columns
from zenctx.cli.group import Entry, build_app
from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command
from zenctx.context.rawjson import RawJson
from zenctx.errors import RefusedError

RUN_ID = "00000000-0000-4000-8000-{:012d}"


@dataclass(frozen=True, slots=True)
class RunItem:
    """One line of the listing."""

    run_id: str
    workflow_id: str
    key: str
    path: str
    keys: int
    bytes: int
    started_at: datetime
    value: RawJson


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The counts of the listing."""

    runs: int
    bytes: int


@dataclass(frozen=True, slots=True)
class RunReport:
    """The report of the listing."""

    summary: RunSummary
    message: str
    exit_code: int = 0
    dry_run: bool = False
    next_step: str | None = None


COLUMNS = (
    columns.identifier("run", "run_id"),
    columns.text("key", "key"),
    columns.text("path", "path", squeeze="middle", drop=3, least=24),
    columns.number("keys", "keys"),
    columns.size("size", "bytes"),
    columns.moment("started", "started_at", drop=1),
    columns.identifier("workflow", "workflow_id", drop=2),
)
FACTS = (columns.number("runs", "runs"), columns.size("stored", "bytes"))


def run_item(number: int, *, key: str = "fetch.output.body") -> RunItem:
    """Gives the item of a number."""
    return RunItem(
        run_id=RUN_ID.format(number),
        workflow_id=RUN_ID.format(1_000_000 + number),
        key=key,
        path=f"./data/context-files/persistent/{RUN_ID.format(number)}/fetch-output-body-1f2e3d.json",
        keys=number * 1000,
        bytes=number * 1536,
        started_at=datetime(2026, 11, 22, 21, 35, 4, tzinfo=UTC),
        value=RawJson(b'{"amount":1.10,"big":1e400}'),
    )


@command(
    examples="""
    sample listing --count 3 [RUN]
    sample listing --count 1000000 --format jsonl   |   wc -l
    """,
    settings=("persistent-file-dir", "engine-reads"),
)
def listing(
    invocation: Invocation,
    *,
    count: Annotated[int, typer.Option(min=0, metavar="N", help="How many lines.")] = 3,
    key: Annotated[str, typer.Option(metavar="KEY", help="The key of each line.")] = "fetch.output.body",
    fail_at: Annotated[int | None, typer.Option(metavar="N", help="Refuse at this line.")] = None,
    exit_code: Annotated[int, typer.Option(metavar="N", help="The code to end with.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing.")] = False,
) -> int:
    """Lists made-up runs.

    A second paragraph.
    """
    invocation.output.begin(COLUMNS, facts=FACTS)
    for number in range(count):
        if number == fail_at:
            raise RefusedError(f"Run {number} is in use.", hint="Wait.")
        invocation.output.item(run_item(number, key=key))
    summary = RunSummary(runs=count, bytes=count * 1536)
    return invocation.output.finish(
        RunReport(summary, f"{count} runs.", exit_code, dry_run, "Look at one of them." if count else None)
    )


@command()
def crash(invocation: Invocation, *, how: str = "value") -> int:
    """Fails in a way nobody foresaw."""
    password = "hunter2-in-a-local"
    if how == "disk":
        raise OSError(28, "No space left on device", "/data/file")
    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "column":
        invocation.output.begin([columns.text("nothing", "no_such_attribute")])
        invocation.output.item(RunSummary(1, 1))
    raise ValueError(f"cannot reach postgresql://admin:hunter2@db/x \x1b[31m {len(password)}")


@command()
def work(
    invocation: Invocation, *, steps: int = 20, seconds: float = 0.02, rows: bool = False, interrupt_at: int = -1
) -> int:
    """Shows progress for a while."""
    progress = invocation.progress("Converting")
    invocation.output.begin(COLUMNS)
    progress.start(steps, "rows")
    for step in range(steps):
        progress.advance(1, 4096)
        if rows and step == steps // 2:
            invocation.output.show("half way")
            progress.note("second half \x1b[31m")
        time.sleep(seconds)
        if step == interrupt_at:
            os.kill(os.getpid(), signal.SIGINT)
    progress.finish()
    return invocation.output.finish(RunReport(RunSummary(steps, 0), "Worked."))


@command()
def raw(invocation: Invocation, *, size: int = 10, fail: bool = False) -> int:
    """Writes bytes."""
    sink = invocation.bytes_to_stdout()
    sink.write(b"\x00\xff" * size)
    if fail:
        raise RefusedError("Stopped half way.")
    return 0


@command()
def location(invocation: Invocation) -> int:
    """Shows two settings."""
    invocation.output.show(f"{invocation.settings.persistent_file_dir.text} {invocation.settings.engine_reads}")
    return 0


COMMANDS = (
    Entry("listing", "List made-up runs.", "Look", target="tests.cli.samples:listing"),
    Entry("broken", "A command whose module is missing.", "Look", target="tests.cli.no_such_module:broken"),
    Entry("deep", "Commands below a command.", "Fail", branch=True),
    Entry("deep crash", "Fail.", target="tests.cli.samples:crash"),
    Entry("deep work", "Work.", target="tests.cli.samples:work"),
    Entry("deep raw", "Write bytes.", target="tests.cli.samples:raw"),
)

app = build_app(COMMANDS)


@app.callback()
def root() -> None:
    """A made-up application."""


if __name__ == "__main__":
    # Without this the commands would be looked up in a second copy of this module.
    sys.modules["tests.cli.samples"] = sys.modules["__main__"]
    app(prog_name="sample")
