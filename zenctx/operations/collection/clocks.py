"""By which clocks a clean-up goes."""

from collections.abc import Callable
from datetime import datetime

from zenctx.context.datastruct import DataStruct
from zenctx.database.columns import utc_now
from zenctx.database.engine import Connection
from zenctx.database.engine_state import database_time


class Clocks(DataStruct, frozen=True):
    """What tells the time: this machine, and the database."""

    machine: Callable[[], datetime] = utc_now
    database: Callable[[Connection], datetime] = database_time


CLOCKS = Clocks()
"""The real ones."""
