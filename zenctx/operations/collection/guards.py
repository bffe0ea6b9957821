"""When a clean-up refuses: pure decisions over what was found, each with its sentence and the way past it."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from zenctx.context.datastruct import DataStruct
from zenctx.context.gc_rules import Category
from zenctx.errors import RefusedError
from zenctx.operations.collection.report import Tally
from zenctx.operations.collection.request import GcRequest

MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)


class Refusal(DataStruct, frozen=True):
    """Why a clean-up may not go on, and what to do about it."""

    message: str
    hint: str

    def as_error(self) -> RefusedError:
        """Gives the error that it is where nothing else is done."""
        return RefusedError(self.message, hint=self.hint)


class StoreFacts(DataStruct, frozen=True):
    """What is known of the bond between the database and the directory.

    `marker_id`: the id in the directory; `bound_id`: the id in the database (None each: there is none);
    `can_be_bound`: whether the database has tables to record it in; `bound_identity` and `identity`: of the database
    when it was bound, and now.
    """

    directory: str
    exists: bool
    is_empty: bool
    can_be_bound: bool
    marker_id: str | None
    bound_id: str | None
    bound_identity: str | None
    identity: str | None


def check_store(facts: StoreFacts) -> Refusal | None:
    """Whether the directory is the one that belongs to the database, and the database the one that it belongs to."""
    if not facts.can_be_bound:
        return None
    if facts.bound_id is None:
        if facts.is_empty:
            return None
        return Refusal(
            f"the database is bound to no store, and there are files in {facts.directory}",
            "'zenctx db bind' binds it to the configured directory, if that is the right one",
        )
    if facts.marker_id != facts.bound_id:
        what = "has no marker" if facts.marker_id is None else "belongs to another database or store"
        return Refusal(
            f"the directory {facts.directory} {what}, and the database is bound to the store {facts.bound_id}",
            "check that the right volume is mounted; 'zenctx db bind --replace' accepts another directory for good",
        )
    if None not in {facts.identity, facts.bound_identity} and facts.identity != facts.bound_identity:
        return Refusal(
            f"this database is a copy: the files in {facts.directory} belong to the one that it was copied from",
            "give the copy a store of its own; if it has taken the other's place, 'zenctx db bind --replace' says so",
        )
    return None


def check_clocks(machine: datetime, database: datetime, request: GcRequest) -> Refusal | None:
    """Whether both clocks tell about the same time: ages are told by one, ends of runs by the other."""
    apart = abs(machine - database)
    if apart <= MAX_CLOCK_DIFFERENCE or request.ignore_clocks:
        return None
    return Refusal(
        f"the clocks of this machine and of the database are {_length(apart)} apart, and ages cannot be told",
        "set the wrong one right; --ignore-clocks goes by the earlier one",
    )


def check_repository(unreadable: str | None, request: GcRequest) -> Refusal | None:
    """Whether every repository on record can be read (`unreadable`: why one cannot)."""
    if unreadable is None or not request.snapshots:
        return None
    return Refusal(
        f"a repository of snapshots is on record and cannot be read: {unreadable}",
        "see that it can be; --no-snapshots leaves snapshots and their objects alone",
    )


def check_policy(leaves_none: str | None) -> Refusal | None:
    """Whether the policy of the settings leaves a snapshot (`leaves_none`: what would not be left)."""
    if leaves_none is None:
        return None
    return Refusal(
        f"by snapshot-keep {leaves_none}",
        "take a snapshot, or keep more; --unsafe-remove-all-snapshots does it all the same, --no-snapshots leaves them",
    )


def check_objects(objects: int, *, has_snapshots: bool, request: GcRequest) -> Refusal | None:
    """Whether the repository that so many objects would go from has a snapshot at all that might need them."""
    if not objects or has_snapshots or request.accept_no_references:
        return None
    return Refusal(
        f"the repository has no snapshot at all, and {objects:,} objects in it would go: is it whole?",
        "see that its snapshots are there, or take one; --no-snapshots leaves the objects alone, "
        "--accept-no-references removes them",
    )


def check_tally(tally: Tally, removed: int, request: GcRequest) -> Iterator[Refusal]:
    """Whether what was found is what a healthy database looks like."""
    has_no_values = request.only_trash or not tally.listed
    goes = tally.by_category.keys() - {Category.DIRECTORY}
    if has_no_values and not tally.runs and goes and not request.accept_no_references:
        what = "in the trash may be needed" if request.only_trash else "may be needed"
        yield Refusal(
            f"the database has no run at all, so nothing says what {what}: is it the right one?",
            "--accept-no-references removes it all the same",
        )
    if request.only_trash:
        return
    if tally.listed and not tally.references and not request.accept_no_references:
        what = "has no run at all" if not tally.runs else "has no run that names a file"
        yield Refusal(
            f"the database {what}, and there are {tally.listed:,} files in the store: is it the right one?",
            "--accept-no-references removes them all the same",
        )
    if not request.limit.allows(removed, tally.listed):
        yield Refusal(
            f"{removed:,} of {tally.listed:,} files would go, and the limit is {request.limit}",
            "look at the plan with --dry-run; --max-delete N or P% allows more",
        )


def _length(apart: timedelta) -> str:
    minutes = round(apart.total_seconds() / 60)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"
