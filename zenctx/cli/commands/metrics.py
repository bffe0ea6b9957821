"""`zenctx metrics`: what there is to watch, as Prometheus text."""

from dataclasses import replace

from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command


@command(
    settings=["persistent-file-dir", "file-storage-dir", "engine-dir", "locator-root", "snapshots"],
    examples="""
    zenctx metrics
    zenctx metrics --quiet --textfile /var/lib/prometheus/node-exporter/zenctx_metrics.prom
    zenctx metrics --json | jq '.items[] | select(.metric == "zenctx_contexts")'
    """,
)
def metrics(invocation: Invocation) -> int:
    """Print Prometheus metrics: runs, files, snapshots, commands, room.

    With --textfile they go to that file, from which the node exporter collects them, and nothing is printed. A part
    that cannot be measured, such as the runs of a database that is away, is left out, zenctx_collector_success says so,
    and the exit code is that of its error; the other parts are there. Changes nothing.
    """
    # Lazy: SQLAlchemy loads slowly.
    from zenctx.cli.prometheus import families_of, render
    from zenctx.operations.metrics import measure

    output = invocation.output
    output.begin(())
    report = measure(invocation.settings, invocation.progress("Measuring"))
    for item in report.items():
        output.item(item)
    if not invocation.to_textfile(report.samples):
        output.show(render(families_of(report.samples).values()))
        report = replace(report, message="")
    if report.errors:
        raise report.errors[0]
    return output.finish(report)
