"""What a check finds, with what to do about it, and how findings are counted as they come."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from zenctx.context.rawjson import quoted
from zenctx.errors import ZenctxError
from zenctx.operations.verification.report import FindingItem, Severity, counted

OnFinding = Callable[[FindingItem], None]
WITHOUT_HINT = "see docs/doctor.md"


def error(kind: str, reason: str, hint: str, *, run_id: str | None = None, path: object = None) -> FindingItem:
    """Something that does not work, or that costs a value when it is gone on with."""
    return _finding(Severity.ERROR, kind, reason, hint, run_id, path)


def warning(kind: str, reason: str, hint: str, *, run_id: str | None = None, path: object = None) -> FindingItem:
    """Something that needs a decision, soon."""
    return _finding(Severity.WARNING, kind, reason, hint, run_id, path)


def notice(kind: str, reason: str, hint: str, *, run_id: str | None = None, path: object = None) -> FindingItem:
    """Something worth knowing, and what could not be seen; it changes no exit code."""
    return _finding(Severity.NOTICE, kind, reason, hint, run_id, path)


def of_error(kind: str, found: ZenctxError, *, path: object = None) -> FindingItem:
    """An error of zenctx's own as the finding that it is."""
    return error(kind, found.message, found.hint or WITHOUT_HINT, path=path)


def grant(hidden: str) -> str:
    """What to do where a table cannot be looked at, from the clause that says why."""
    if hidden.startswith("this role"):
        return "let its owner grant select on it to the role of zenctx"
    return "check that this is the database of the engine, and the right schema; without it the rest is looked at"


def _finding(severity: Severity, kind: str, reason: str, hint: str, run_id: str | None, path: object) -> FindingItem:
    return FindingItem(severity, kind, run_id, None, None if path is None else str(path), None, reason, hint)


def with_key(item: FindingItem, key: str | None) -> FindingItem:
    """The same finding, about a key of its run."""
    return replace(item, key=key)


@dataclass(slots=True)
class Collected:
    """Counts findings, hands them on masked, and remembers the first of each severity for the last line."""

    on_item: OnFinding
    mask: Callable[[FindingItem], FindingItem] = lambda item: item
    counts: dict[Severity, int] = field(default_factory=lambda: dict.fromkeys(Severity, 0))
    first: dict[Severity, str] = field(default_factory=dict)

    def add(self, item: FindingItem) -> None:
        """Takes one finding."""
        item = self.mask(item)
        severity = Severity(item.severity)
        self.counts[severity] += 1
        self.first.setdefault(severity, item.reason if item.key is None else f"{quoted(item.key)}: {item.reason}")
        self.on_item(item)

    def run(self, kind: str, check: Callable[[], Iterable[FindingItem]]) -> None:
        """Takes what a check finds. A check that fails itself is a finding, and keeps no other from being made."""
        try:
            for item in check():
                self.add(item)
        except ZenctxError as failed:
            self.add(of_error(kind, failed))

    @property
    def exit_code(self) -> int:
        """4 where an error or warning was found."""
        return 4 if self.counts[Severity.ERROR] or self.counts[Severity.WARNING] else 0

    @property
    def words(self) -> str:
        """How much was found, in words."""
        found = [counted(self.counts[severity], severity.value) for severity in Severity if self.counts[severity]]
        return ", ".join(found) or "all well"
