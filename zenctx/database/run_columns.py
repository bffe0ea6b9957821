"""The columns of `workflow_runs` as the catalog knows them, and the row of a snapshot made to fit them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from zenctx.database.columns import iso_utc, read_moment
from zenctx.database.engine import SQLITE
from zenctx.database.stored_values import BLOB, INTEGER, REAL, TEXT, parameter
from zenctx.errors import DataError

CONTEXT = "context"

# Generated columns cannot be written; `format_type` gives the type as a cast takes it, schema and all. A cast to
# varchar(3) would cut a text in silence, so texts are cast without a length, and the table refuses what is too long.
_POSTGRESQL = """
    select
        attname,
        format_type(atttypid, case when is_limited then null else atttypmod end),
        case when is_limited then atttypmod - 4 end,
        attnotnull,
        atthasdef or attidentity <> ''
    from pg_catalog.pg_attribute
    cross join lateral (select atttypid in ('varchar'::regtype, 'bpchar'::regtype) and atttypmod > 4) as t (is_limited)
    where attrelid = to_regclass('workflow_runs') and attnum > 0 and not attisdropped and attgenerated = ''"""
_SQLITE = """
    select name, type, null, "notnull", dflt_value is not null
    from pragma_table_xinfo('workflow_runs') where hidden = 0"""
_BOOLEANS = {"t": 1, "true": 1, "f": 0, "false": 0}
_NUMBERS = (INTEGER, REAL)


@dataclass(frozen=True, slots=True)
class FittedRow:
    """The values of a row by column, as the driver takes them. `as_text`: those whose bytes are stored as a text."""

    values: Mapping[str, object] = field(default_factory=dict)
    as_text: frozenset[str] = frozenset()

    @property
    def retry_of(self) -> str | None:
        """The run that it tries again."""
        value = self.values.get("retry_of")
        return None if value is None else str(value)

    def without_link(self) -> "FittedRow":
        """Gives the same row without naming another run."""
        return FittedRow({**self.values, "retry_of": None}, self.as_text)


@dataclass(frozen=True, slots=True)
class RunColumns:
    """Name and type of each column that can be written, but for the context.

    `lengths`: the most characters that some take. `required` may not be null, and `without_default` must be given.
    """

    types: Mapping[str, str]
    is_sqlite: bool
    lengths: Mapping[str, int] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    without_default: frozenset[str] = frozenset()

    @property
    def has_links(self) -> bool:
        """Whether a run can name the one that it tries again."""
        return "retry_of" in self.types

    def fit(self, columns: Mapping[str, str | None], storage: Mapping[str, str]) -> FittedRow:
        """Gives the values that have a column here.

        `storage` names SQLite's class of those that are not text (see `zenctx.database.stored_values`). Raises
        DataError for a value that cannot be had as this database would have it, and for one that must not be lacking.
        """
        fitted = {name: self._fitted(name, columns[name], storage.get(name)) for name in self.types if name in columns}
        self._require(columns)
        return FittedRow(
            {name: value for name, (value, _) in fitted.items()},
            frozenset(name for name, (_, is_bytes_of_text) in fitted.items() if is_bytes_of_text),
        )

    def without_place(self, columns: Mapping[str, str | None]) -> list[str]:
        """Gives the names of columns that hold something and that the table here has not."""
        return sorted(name for name, value in columns.items() if value is not None and name not in self.types)

    def insertion(self, row: FittedRow, context: str) -> str:
        """Gives the statement that inserts a row; parameters are `c0`, `c1` and so on.

        `context` is the expression of its context. Names and types are those of the catalog, never a snapshot's.
        """
        names = ", ".join(_quoted(name) for name in (*row.values, CONTEXT))
        listed = ", ".join([*self.expressions(row), context])
        # Whoever inserts it at the same moment keeps it: the caller counts what was inserted.
        return f"insert into workflow_runs ({names}) values ({listed}) on conflict do nothing"  # noqa: S608 - see above

    def expressions(self, row: FittedRow) -> list[str]:
        """Gives the expressions of the values of a row, in their order."""
        return [self._expression(number, name, row) for number, name in enumerate(row.values)]

    def _expression(self, number: int, name: str, row: FittedRow) -> str:
        if self.is_sqlite:
            return f"cast(:c{number} as text)" if name in row.as_text else f":c{number}"
        return f"cast(:c{number} as {_escaped(self.types[name])})"

    def _require(self, columns: Mapping[str, str | None]) -> None:
        for name in sorted(self.required):
            if name in columns and columns[name] is None:
                raise DataError(f"its column {name} is empty, and may not be so here")
            if name not in columns and name in self.without_default:
                raise DataError(f"it has no column {name}, and the table here must have one")

        for name, length in self.lengths.items():
            if len(columns.get(name) or "") > length:
                raise DataError(f"its column {name} takes {length:,} characters, and the snapshot holds more")

    def _fitted(self, name: str, value: str | None, storage: str | None) -> tuple[object, bool]:
        if value is not None and not _is_text(value):
            raise DataError(f"the value of its column {name} is no text")
        if self.is_sqlite and storage is not None:
            return _as_stored(name, value, storage)
        if storage in (TEXT, BLOB):
            raise DataError(f"its column {name} holds bytes that are no text")
        kind = self.types[name].lower()
        if value is None:
            return None, False
        if self.is_sqlite:
            return (_BOOLEANS.get(value, value) if "bool" in kind else value), False
        if kind.startswith("timestamp") and (storage in _NUMBERS or _is_number(value)):
            # As JDBC writes times to SQLite: milliseconds since 1970.
            moment = read_moment(value)
            if moment is None:
                raise DataError(f"the time in its column {name} cannot be read")
            return iso_utc(moment), False
        return value, False


def read_columns(connection: Connection) -> RunColumns:
    """Reads the columns of the table from the catalog."""
    is_sqlite = connection.dialect.name == SQLITE
    query = text(_SQLITE if is_sqlite else _POSTGRESQL)
    rows = {name: rest for name, *rest in connection.execute(query) if name != CONTEXT}
    return RunColumns(
        {name: kind for name, (kind, *_) in rows.items()},
        is_sqlite,
        {name: length for name, (_, length, *_) in rows.items() if length is not None},
        frozenset(name for name, (_, _, is_required, _) in rows.items() if is_required),
        frozenset(name for name, (*_, has_default) in rows.items() if not has_default),
    )


def _as_stored(name: str, value: str | None, storage: str) -> tuple[object, bool]:
    try:
        expression, bound = parameter(value, storage)
    except ValueError:
        raise DataError(f"the value of its column {name} is not what a snapshot holds") from None
    return bound, expression != "?"


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return value[-1].isdigit()  # PostgreSQL has the time `infinity`, which is a number to Python, too


def _quoted(name: str) -> str:
    return _escaped('"' + name.replace('"', '""') + '"')


def _escaped(name: str) -> str:
    """A colon begins a parameter unless it is escaped."""
    return name.replace("\\", "\\\\").replace(":", "\\:")
