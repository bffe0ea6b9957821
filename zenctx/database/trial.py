"""Whether the database would take what a run is to be written with: asked by reading alone, and told in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from zenctx.database.engine import SQLITE, Connection, Database
from zenctx.database.errors import RejectedValueError
from zenctx.database.run_columns import RunColumns
from zenctx.database.run_writes import RunWrite, bound_context, expression

_ALL_CONTEXTS = "select count(cast(value as jsonb)) from unnest(cast(:contexts as text[])) as given (value)"


@dataclass(frozen=True, slots=True)
class Trial:
    """Tries values on a database, which casts them as it does where it stores them; it writes nothing.

    What only a constraint or a trigger of the table can say is not known before.
    """

    database: Database
    connection: Connection
    columns: RunColumns

    def refusals(self, writes: Sequence[RunWrite]) -> Mapping[str, str]:
        """Gives by run id why the database does not take some runs; the others it does. No transaction stays open."""
        try:
            self._try(writes)
        except (RejectedValueError, ValueError, OverflowError) as error:
            if len(writes) == 1:
                return {writes[0].run_id: self.why(writes[0], error)}
            middle = len(writes) // 2
            return {**self.refusals(writes[:middle]), **self.refusals(writes[middle:])}
        return {}

    def why(self, write: RunWrite, error: Exception) -> str:
        """Says why the database does not take a run, and names the column where one is refused by itself."""
        if isinstance(error, RejectedValueError):
            return f"the database does not take {error.reason}{self._refused_part(write)}"
        if isinstance(error, UnicodeDecodeError):
            return "the database does not take a text that is not UTF-8"
        return "a value of it is not what its class of storage says"

    def _try(self, writes: Sequence[RunWrite]) -> None:
        dialect = self.connection.dialect.name
        contexts = [bound_context(dialect, write) for write in writes]
        try:
            with self.database.translated_errors():
                if dialect != SQLITE:
                    self.connection.execute(text(_ALL_CONTEXTS), {"contexts": contexts})
                for write, context in zip(writes, contexts, strict=True):
                    self._try_row(write, context, dialect)
        finally:
            self.connection.rollback()

    def _try_row(self, write: RunWrite, context: object, dialect: str) -> None:
        """Binds the values of a new row, and what SQLite is to store as something else than text."""
        values = dict(write.columns.values)
        if values or (dialect == SQLITE and write.storage):
            bound = {f"c{number}": value for number, value in enumerate(values.values())}
            given = self.columns.expressions(write.columns)
            if dialect == SQLITE:
                given.append(expression(dialect, write.storage))
                bound["context"] = context
            self.connection.execute(text("select " + ", ".join(f"{each} is null" for each in given)), bound)

    def _refused_part(self, write: RunWrite) -> str:
        for name, value in write.columns.values.items():
            if isinstance(value, str) and self._refuses(value, self.columns.types[name]):
                return f" in its column {name}"
        if write.context is not None and self._refuses(write.context.decode(), "jsonb"):
            return " in its context"
        return ""

    def _refuses(self, value: str, kind: str) -> bool:
        if self.connection.dialect.name == SQLITE:
            return False
        try:
            with self.database.translated_errors():
                self.connection.execute(text(f"select cast(:value as {kind}) is null"), {"value": value})
        except RejectedValueError:
            return True
        finally:
            self.connection.rollback()
        return False
