"""Which store of live files, and which repositories of snapshots, belong to a database: recorded in the database.

The other half of the bond is the id in the marker of the directory. A gc that is pointed at the wrong directory, or at
a copy of the database, finds that the halves do not match.
"""

from datetime import datetime
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Connection, delete, select, text

from zenctx.context.datastruct import DataStruct
from zenctx.database.columns import utc_now
from zenctx.database.engine import SQLITE, write_transaction
from zenctx.database.schema import zenctx_store
from zenctx.errors import RefusedError


class BoundKind(StrEnum):
    """What is bound to a database."""

    STORE = "store"
    """The one store of live files."""
    REPOSITORY = "repository"
    """A repository of snapshots; there may be several."""


class StoreBinding(DataStruct, frozen=True):
    """One bond: the marker's id, where the store was then, and the identity of the database that was bound."""

    kind: BoundKind
    store_id: str
    location: str
    database_identity: str | None
    created_at: datetime

    def is_of_another(self, identity: str | None) -> bool:
        """Whether it was another database that was bound, of which this one is a copy; False where nobody can tell."""
        return None not in {identity, self.database_identity} and identity != self.database_identity


def bound_store(connection: Connection) -> StoreBinding | None:
    """Give the store of live files that this database is bound to, or None."""
    return next(iter(bindings(connection, BoundKind.STORE)), None)


def bindings(connection: Connection, kind: BoundKind) -> list[StoreBinding]:
    """Give everything of this kind that is bound to this database, oldest first."""
    query = select(zenctx_store).where(zenctx_store.c.kind == kind.value).order_by(zenctx_store.c.created_at)
    return [
        StoreBinding(BoundKind(row.kind), row.store_id, row.location, row.database_identity, row.created_at)
        for row in connection.execute(query)
    ]


def bind(connection: Connection, kind: BoundKind, store_id: str, location: str) -> None:
    """Record a bond in a transaction of its own; a bond that exists already is left as it is.

    RefusedError if the database is bound to another store of live files, or is a copy of the one that was bound.
    """
    identity = database_identity(connection)
    connection.rollback()
    with write_transaction(connection):
        existing = bindings(connection, kind)
        same = next((binding for binding in existing if binding.store_id == store_id), None)
        if same is not None:
            _refuse_copy(same, identity)
        elif existing and kind is BoundKind.STORE:
            raise RefusedError(
                f"the database is bound to another store, last seen at {existing[0].location}",
                hint="check the setting persistent-file-dir",
            )
        else:
            connection.execute(
                zenctx_store.insert().values(
                    kind=kind.value,
                    store_id=store_id,
                    location=location,
                    database_identity=identity,
                    created_at=utc_now(),
                )
            )


def database_identity(connection: Connection) -> str | None:
    """Give what tells this database from a copy of it: server and database number, or the path of an SQLite file.

    None where the server does not say.
    """
    if connection.dialect.name == SQLITE:
        return f"sqlite:{Path(str(connection.engine.url.database)).resolve()}"
    if not connection.scalar(text("select has_function_privilege('pg_control_system()', 'execute')")):
        return None
    query = (
        "select 'postgresql:' || system_identifier || '/' || oid"
        " from pg_control_system(), pg_database where datname = current_database()"
    )
    return str(connection.execute(text(query)).scalar_one())


def _refuse_copy(binding: StoreBinding, identity: str | None) -> None:
    if binding.is_of_another(identity):
        raise RefusedError(
            f"this database is a copy: the store at {binding.location} belongs to the one it was copied from",
            hint="give the copy a store of its own",
        )


def unbind_store(connection: Connection, store_id: str) -> None:
    """Forget a store of live files, in a transaction of its own; its files stay as they are."""
    with write_transaction(connection):
        connection.execute(
            delete(zenctx_store).where(
                zenctx_store.c.kind == BoundKind.STORE.value, zenctx_store.c.store_id == store_id
            )
        )
