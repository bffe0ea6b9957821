"""What one look at the server cannot tell, and two can: who fell silent, who is gone, what was never archived."""

from dataclasses import replace

from zenctx.database.pressure import Pressure, Replica


class Watch:
    """Remembers what was seen, from one look to the next. Times are seconds of the caller's clock.

    A replica that is gone for `gone_seconds` is not missed any more.
    """

    def __init__(self, gone_seconds: float) -> None:
        self._gone_seconds = gone_seconds
        self._timeline: str | None = None
        self._heard: dict[int, tuple[float | None, float]] = {}
        self._most = 0
        self._fewer_since: float | None = None
        self._archived_from = 0

    def completed(self, seen: Pressure, now: float) -> Pressure:
        """Gives what was seen, completed by what was seen before.

        A lag is as the replica last told it: of one that fell silent it is at least as long as the silence. What is to
        be archived and never was counts from the first look. Another timeline is another server, with other replicas.
        """
        if seen.timeline != self._timeline:
            self._timeline, self._archived_from, self._most = seen.timeline, seen.wal_at, 0
        replicas = tuple(self._with_silence(each, now) for each in seen.replicas)
        self._heard = {each.number: self._heard[each.number] for each in replicas}
        archive_bytes = seen.archive_bytes
        if seen.archives and archive_bytes is None:
            archive_bytes = seen.wal_at - self._archived_from
        return replace(seen, replicas=replicas, archive_bytes=archive_bytes, missing=self._missing(len(replicas), now))

    def _with_silence(self, replica: Replica, now: float) -> Replica:
        """By our own clock: those of the servers may differ."""
        replied_at, heard = self._heard.get(replica.number, (None, now))
        if replica.replied_at != replied_at or not replica.lag_bytes:
            heard = now
        self._heard[replica.number] = (replica.replied_at, heard)
        return replica._replace(lag_seconds=max(replica.lag_seconds or 0, now - heard))

    def _missing(self, count: int, now: float) -> int:
        if count >= self._most:
            self._most, self._fewer_since = count, None
        elif self._fewer_since is None:
            self._fewer_since = now
        elif now - self._fewer_since >= self._gone_seconds:
            self._most, self._fewer_since = count, None
        return self._most - count
