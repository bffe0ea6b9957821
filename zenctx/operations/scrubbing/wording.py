"""An audit and a scrub in words: what was found or done, and what to do next."""

from collections.abc import Mapping

from zenctx.context.secrets import FindKind
from zenctx.operations.scrubbing.outside import Outside
from zenctx.operations.scrubbing.report import AuditReport, AuditSummary, ScrubReport, ScrubSummary

DONE, PARTIAL, PROBLEMS = 0, 3, 4
_NAMES = "'zenctx audit --names' looks for what stands under names such as password, too"


def audited(summary: AuditSummary) -> AuditReport:
    """The report of an audit."""
    message = _found(summary)
    rest = summary.with_secrets - summary.finished
    if summary.finished and rest:
        message += f"; {summary.finished:,} of them {_is(summary.finished)} over"
    if summary.unreadable:
        message += f"; {_runs(summary.unreadable)} could not be searched to the end"
    if summary.unsearched:
        message += f"; the table {summary.unsearched} may not be read, and was not searched"
    message += _outside(Outside(summary.snapshots, summary.trash_files))
    if summary.with_secrets:
        return AuditReport(PROBLEMS, summary, message, _what_to_do(summary))
    is_partial = summary.unreadable or summary.unsearched
    step = None if summary.names or not summary.searched else _NAMES
    return AuditReport(PARTIAL if is_partial else DONE, summary, message, step)


def _found(summary: AuditSummary) -> str:
    if not summary.searched:
        return "There was no run to search"
    if not summary.with_secrets:
        kinds = [kind for kind in FindKind if summary.names or kind is not FindKind.NAME]
        return f"No secrets in plain text in {_runs(summary.searched)}, by {', '.join(kinds[:-1])} or {kinds[-1]}"
    places = _places(summary.by_kind)
    more = ", and there may be more: the limit was reached" if summary.more else ""
    has = "holds" if summary.with_secrets == 1 else "hold"
    return f"{_runs(summary.with_secrets)} of {summary.searched:,} {has} secrets in plain text ({places}){more}"


def _what_to_do(summary: AuditSummary) -> str:
    if summary.finished:
        return f"'zenctx scrub{_names(summary)} --dry-run' shows what can be removed from runs that are over"
    return f"these runs are not over and need their secrets: 'zenctx scrub{_names(summary)}' removes them once they are"


def scrubbed(summary: ScrubSummary, *, dry_run: bool) -> ScrubReport:
    """The report of a scrub, or of its rehearsal."""
    is_partial = summary.left or summary.changed or summary.failed
    message = "; ".join(_done(summary, dry_run=dry_run))
    message += _outside(Outside(summary.snapshots, summary.trash_files))
    return ScrubReport(PARTIAL if is_partial else DONE, summary, message, _next_step(summary, dry_run=dry_run), dry_run)


def _done(summary: ScrubSummary, *, dry_run: bool) -> list[str]:
    done = f"No secrets to remove in {_runs(summary.searched)} that {_is(summary.searched)} over"
    if summary.scrubbed:
        what = "Would remove" if dry_run else "Removed"
        places = "1 secret" if summary.places == 1 else f"{summary.places:,} secrets"
        done = f"{what} {places} from {_runs(summary.scrubbed)} of {summary.searched:,} ({_places(summary.by_kind)})"
    files = "1 file" if summary.files == 1 else f"{summary.files:,} files"
    left_out = sum(summary.left_out.values())
    told = (
        (summary.files, f"{files} {'to be written' if dry_run else 'written'} anew"),
        (summary.left, f"{_runs(summary.left)} with secrets left as {_is(summary.left)}"),
        (summary.changed, f"{_runs(summary.changed)} changed meanwhile, left as {_is(summary.changed)}"),
        (summary.failed, f"{_runs(summary.failed)} failed, left as {_is(summary.failed)}"),
        (left_out, f"{_runs(left_out)} left out: not over"),
        (summary.more, "there may be more: the limit was reached"),
    )
    return [done, *(text for count, text in told if count)]


def _next_step(summary: ScrubSummary, *, dry_run: bool) -> str | None:
    if dry_run:
        keeps = "--snapshot keeps what was there, secrets and all"
        return f"'zenctx scrub{_names(summary)}' does it; {keeps}" if summary.scrubbed else None
    if summary.changed:
        return "run the same command again"
    if summary.foreign_files:
        return "'zenctx gc' removes files that no run names any more; until then they hold secrets"
    if summary.safety_snapshot_id is not None:
        short = summary.safety_snapshot_id[:12]
        back = "brings contexts and files back, not the outputs of nodes and errors"
        return f"'zenctx restore {short}' {back}; 'zenctx forget {short}', then 'zenctx gc', remove that, too"
    return None


def _names(summary: AuditSummary | ScrubSummary) -> str:
    """The option that a scrub needs to remove what was found."""
    return " --names" if FindKind.NAME in summary.by_kind else ""


def _outside(outside: Outside) -> str:
    lines = []
    if outside.snapshots:
        kept = "1 snapshot" if outside.snapshots == 1 else f"{outside.snapshots:,} snapshots"
        lines.append(f"{kept} of the repository: 'zenctx forget', then 'zenctx gc'")
    if outside.trash_files:
        kept = "1 file" if outside.trash_files == 1 else f"{outside.trash_files:,} files"
        lines.append(f"{kept} in the trash: 'zenctx gc --purge'")
    return "".join(f"\nNot searched: {line}" for line in lines)


def _places(by_kind: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} by {kind}" for kind, count in sorted(by_kind.items()))


def _runs(count: int) -> str:
    return f"{count:,} {'run' if count == 1 else 'runs'}"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
