"""What is asked of the machine; passed in, so that a check is the same whatever machine it looks at."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from zenctx.database.columns import utc_now
from zenctx.store.volume import Place, Room, lock_holders, place_of, room_of


@dataclass(frozen=True, slots=True)
class Machine:
    """The clock, directories, file systems and file locks of this machine."""

    now: Callable[[], datetime] = utc_now
    place: Callable[[Path], Place | None] = place_of
    room: Callable[[Path], Room] = room_of
    lock_holders: Callable[[Path], list[int] | None] = lock_holders


MACHINE = Machine()
"""The real one."""
