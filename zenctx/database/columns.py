"""Column types that mean the same in PostgreSQL and in SQLite."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Integer, Text, Uuid
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH_MILLISECONDS = 1000.0


class UtcTime(TypeDecorator[datetime]):
    """A moment: `timestamptz` in PostgreSQL, ISO 8601 text in UTC in SQLite; an aware `datetime` in Python.

    From SQLite it also reads what JDBC writes, milliseconds since 1970; what is no time at all is read as None.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Give the type of the database's own column."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Give what is stored; ValueError for a time without a zone, which would mean another moment elsewhere."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        moment = value.astimezone(UTC)
        return iso_utc(moment) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Give the moment in UTC, or None."""
        if value is None:
            return None
        return read_moment(value) if dialect.name == "sqlite" else value.astimezone(UTC)


def utc_now() -> datetime:
    """Give the present moment; the clock wherever none is passed in."""
    return datetime.now(UTC)


def iso_utc(moment: datetime) -> str:
    """Give a moment as text of one length, so that texts sort as moments do: `2026-01-31T23:59:59.000001Z`."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def read_moment(value: str | float | None) -> datetime | None:
    """Give the moment that a stored time means: ISO 8601 text, or milliseconds since 1970; None for anything else."""
    if value is None:
        return None
    try:
        if not isinstance(value, str):
            return _from_epoch(value)
        read = _from_text(value)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError, TypeError):  # a blob, which SQLite may hold, is of another type
        return None


def _from_text(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        # A column of text turns the number that JDBC writes into its digits.
        return _from_epoch(float(text))


def _from_epoch(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / _EPOCH_MILLISECONDS, UTC)


EngineId = Text().with_variant(Uuid(as_uuid=False), "postgresql")
"""The id of a row of the engine's: `uuid` in PostgreSQL, text in SQLite; the usual 36 characters in Python."""

SortedText = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that sorts by its bytes, whatever the database's language."""

SerialId = BigInteger().with_variant(Integer(), "sqlite")
"""A number that the database gives out."""
