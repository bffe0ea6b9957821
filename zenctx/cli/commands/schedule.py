"""`zenctx schedule`: when the clean-up runs, for crontab or systemd."""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command


@command(
    settings=["orphan-cleanup-schedule"],
    examples="""
    zenctx schedule
    zenctx schedule --systemd
    zenctx schedule --orphan-cleanup-schedule '0 30 3 ? * MON-FRI'
    """,
)
def schedule(
    invocation: Invocation,
    systemd: Annotated[
        bool, typer.Option("--systemd", help="The units of a systemd timer in place of the line.")
    ] = False,
) -> int:
    """Print the crontab line, or the systemd units, that run the clean-up.

    The time is that of the setting orphan-cleanup-schedule, six fields of Quartz, converted; what cannot be converted
    is said. The settings file is named, passwords are not: what the environment sets must be set there, too. Nothing is
    opened or changed.
    """
    # Lazy: like every other operation.
    from zenctx.operations import schedule as operation

    settings = invocation.settings
    arguments = [_program(), "gc", "--quiet"]
    if invocation.sources.file is not None:
        arguments += ["--config", str(invocation.sources.file.absolute())]
    for file in invocation.sources.spring:
        arguments += ["--spring", str(file.absolute())]
    convert = operation.systemd if systemd else operation.crontab
    report = convert(settings, arguments, Path.cwd())
    invocation.output.begin(())
    invocation.output.show(report.summary.text)
    return invocation.output.finish(report)


def _program() -> str:
    found = shutil.which(sys.argv[0]) if sys.argv else None
    return str(Path(found).absolute()) if found and Path(found).name == "zenctx" else "zenctx"
