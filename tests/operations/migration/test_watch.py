"""What only several looks at the server tell, by a clock of the test."""

import pytest

from zenctx.database.pressure import Pressure, Replica
from zenctx.operations.migration.watch import Watch

GONE = 300.0


def looks(watch: Watch, *seen: tuple[float, Pressure]) -> Pressure:
    """Look at several moments; give what the last one told."""
    completed = [watch.completed(each, now) for now, each in seen]
    return completed[-1]


def replicas(*each: tuple[int, float, int]) -> Pressure:
    """Give replicas by number, by when they replied last, and by their lag in bytes."""
    return Pressure(replicas=tuple(Replica(number, at, lag, 0.001) for number, at, lag in each))


def test_a_replica_that_answers_is_as_far_behind_as_it_says() -> None:
    """Whatever its clock says."""
    seen = looks(Watch(GONE), (0, replicas((1, -1e9, 5000))), (60, replicas((1, -1e9 + 60, 5000))))
    assert [each.lag_seconds for each in seen.replicas] == [0.001]


def test_a_replica_that_falls_silent_is_behind_for_so_long() -> None:
    """What it told last grows old, unless there is nothing that it has not applied."""
    silent, other = (1, 50.0, 5000), (2, 50.0, 5000)
    seen = looks(Watch(GONE), (0, replicas(silent, other)), (40, replicas(silent, (2, 90.0, 5000))))
    assert [each.lag_seconds for each in seen.replicas] == [40, 0.001]
    idle = looks(Watch(GONE), (0, replicas((1, 50.0, 0))), (40, replicas((1, 50.0, 0))))
    assert [each.lag_seconds for each in idle.replicas] == [0.001]


def test_a_replica_that_is_gone_is_missed_for_a_time() -> None:
    """Until it is back, under another number; or until nobody waits for it any more, for another one then."""
    two, one = replicas((1, 0, 0), (2, 0, 0)), replicas((1, 0, 0))
    watch = Watch(GONE)
    assert looks(watch, (0, two), (10, one)).missing == 1
    assert looks(watch, (20, replicas((1, 0, 0), (3, 0, 0)))).missing == 0
    assert looks(watch, (30, one), (330, one)).missing == 0
    assert looks(watch, (331, Pressure())).missing == 1


def test_another_server_has_other_replicas() -> None:
    """After a replica was promoted, those of the server before are not missed."""
    seen = looks(Watch(GONE), (0, replicas((1, 0, 0))), (1, Pressure(timeline="00000002")))
    assert seen.missing == 0


@pytest.mark.parametrize(("archives", "expected"), [(True, 500), (False, None)])
def test_what_was_never_archived_counts_from_the_first_look(archives: bool, expected: int | None) -> None:
    """A server that is to archive, and has no command for it, never fails."""
    first, later = (Pressure(wal_at=at, archives=archives) for at in (1000, 1500))
    assert looks(Watch(GONE), (0, first), (1, later)).archive_bytes == expected


def test_what_was_archived_is_counted_by_the_server() -> None:
    """Also where that was nothing at the first look."""
    first = Pressure(wal_at=1000, archives=True)
    assert looks(Watch(GONE), (0, first), (1, Pressure(wal_at=9000, archives=True, archive_bytes=7))).archive_bytes == 7
