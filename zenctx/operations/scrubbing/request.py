"""What an audit and a scrub are asked to do."""

from dataclasses import dataclass, field

from zenctx.database.rows import Selection


@dataclass(frozen=True, slots=True)
class AuditRequest:
    """Which runs to search; `finished` only those that are over; at most `limit` with secrets are named (None: all).

    Reserved keys say what is secret; with `names` so does what `redact-keys` matches, and `values` are texts that count
    as secrets in every run.
    """

    selection: Selection = field(default_factory=Selection)
    finished: bool = False
    limit: int | None = None
    names: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScrubRequest:
    """Which runs to scrub, at most `limit` of them; `snapshot`: what is changed goes into a safety snapshot first.

    `names` and `values` say what is secret, as for an audit: what that finds by them is what a scrub removes.
    """

    selection: Selection = field(default_factory=Selection)
    limit: int | None = None
    snapshot: bool = False
    names: bool = False
    values: tuple[str, ...] = ()
