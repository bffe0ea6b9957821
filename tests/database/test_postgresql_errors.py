"""What PostgreSQL reports becomes one sentence of ours, with the right class, and without values or passwords."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import Connection, make_url, text

from tests.support.postgres import Server, running_server
from zenctx.database.engine import Database, write_transaction
from zenctx.database.errors import (
    DatabaseBusyError,
    LostConnectionError,
    RejectedValueError,
    TransientDatabaseError,
    UnreachableError,
)
from zenctx.errors import DatabaseError, ZenctxError

SECRET = "s3cret-value"


@pytest.fixture
def role(postgres_server: Server) -> Iterator[str]:
    """Give the URL of a role that may log in with a password, and nothing else."""
    name = "zenctx_test_limited"
    with psycopg.connect(
        make_url(postgres_server.url()).set(drivername="postgresql").render_as_string(), autocommit=True
    ) as admin:
        admin.execute(f"create role {name} login password '{SECRET}'".encode())
        admin.execute("create table closed (v text)")
        try:
            yield postgres_server.tcp_url(user=name, password=SECRET)
        finally:
            admin.execute("drop table closed")
            admin.execute(f"drop role {name}".encode())


def failure(url: str) -> DatabaseError:
    """Give the error that connecting ends in: code 12, one line, no password anywhere."""
    with pytest.raises(DatabaseError) as caught, Database.open(url, read_only=True) as database, database.connect():
        pass
    error = caught.value
    assert error.exit_code == DatabaseError.exit_code
    assert "\n" not in error.message
    assert SECRET not in f"{error.message} {error.hint}"
    assert error.__suppress_context__
    return error


def test_a_wrong_password_is_said_so(role: str) -> None:
    """Neither the password that was tried nor the user is shown."""
    wrong = make_url(role).set(password=f"{SECRET}-wrong").render_as_string(hide_password=False)
    error = failure(wrong)
    assert error.message.endswith("refuses the user or the password")
    assert not isinstance(error, TransientDatabaseError)


def test_a_missing_password_is_said_so(role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server asks for one and none is set."""
    monkeypatch.setenv("PGPASSFILE", "/dev/null")
    url = make_url(role)
    assert failure(f"postgresql://{url.username}@{url.host}:{url.port}/postgres").message.endswith(
        "asks for a password and none is set"
    )


def test_an_unknown_database_or_role_is_named(postgres_server: Server) -> None:
    """The server's own words are shown: they hold names only."""
    error = failure(postgres_server.url("no_such_database"))
    assert error.message.endswith('cannot be opened: database "no_such_database" does not exist')
    error = failure(postgres_server.url().replace("postgres@", "nobody_such@"))
    assert error.message.endswith('cannot be opened: role "nobody_such" does not exist')


def test_a_closed_port_is_unreachable() -> None:
    """It may be tried again by those who wait for a restart."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    error = failure(f"postgresql://u:{SECRET}@127.0.0.1:{port}/zen")
    assert isinstance(error, UnreachableError)
    assert error.message == f'PostgreSQL database "zen" at 127.0.0.1:{port} cannot be reached: nothing listens there'


def test_a_missing_socket_is_unreachable() -> None:
    """The folder of the socket is named."""
    error = failure("postgresql:///zen?host=/no/such/folder")
    assert error.message == 'PostgreSQL database "zen" at /no/such/folder cannot be reached: no such socket'


def test_an_unknown_host_is_unreachable() -> None:
    """By a name that can never exist."""
    error = failure(f"postgresql://u:{SECRET}@no-such-host.invalid/zen")
    assert isinstance(error, UnreachableError)
    assert error.message.endswith("cannot be reached: the host name is unknown")


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection and says nothing: the wait has an end."""
    monkeypatch.delenv("PGCONNECT_TIMEOUT", raising=False)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        error = failure(f"postgresql://u:{SECRET}@127.0.0.1:{port}/zen?connect_timeout=2&gssencmode=disable")
    assert isinstance(error, UnreachableError)
    assert error.message.endswith("no answer in time")


def test_a_server_that_hangs_up_is_unreachable() -> None:
    """As a proxy without a backend does."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.settimeout(5)
        port = listener.getsockname()[1]
        url = f"postgresql://u:{SECRET}@127.0.0.1:{port}/zen?sslmode=disable&gssencmode=disable"

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        error = failure(url)
        thread.join()
    assert isinstance(error, UnreachableError)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("nonsense=1", 'invalid connection option "nonsense"'),
        ("sslmode=wrong", 'invalid sslmode value: "wrong"'),
        ("options=-c%20nonsense=1", 'unrecognized configuration parameter "nonsense"'),
    ],
)
def test_a_wrong_parameter_is_named(postgres_server: Server, query: str, reason: str) -> None:
    """What libpq or the server says about it is shown."""
    assert failure(f"{postgres_server.tcp_url()}?{query}").message.endswith(f"cannot be opened: {reason}")


def test_missing_rights_name_the_table(role: str) -> None:
    """With the advice to have them granted."""
    with (
        Database.open(role, read_only=True) as database,
        pytest.raises(DatabaseError, match="refuses: permission denied for table closed") as caught,
        database.connect() as connection,
    ):
        connection.execute(text("select * from closed"))
    assert caught.value.hint == "ask the owner of the database to grant it"


def test_a_read_only_session_refuses_to_write(postgres_url: str) -> None:
    """`read_only` holds on the server's side, whatever is executed."""
    with (
        Database.open(postgres_url, read_only=True) as database,
        pytest.raises(DatabaseError, match="is read-only"),
        database.connect() as connection,
    ):
        connection.execute(text("create table t (v text)"))


@pytest.mark.parametrize(
    ("statement", "kind", "words"),
    [
        ("select * from zenctx_store", DatabaseError, 'relation "zenctx_store" does not exist'),
        ("select nope from pg_class", DatabaseError, 'column "nope" does not exist'),
        ("create table nope.t (v text)", DatabaseError, 'schema "nope" does not exist'),
        (f"select '{SECRET}'::jsonb", RejectedValueError, "does not take a value that it cannot parse"),
        (f"select '{SECRET}'::uuid", RejectedValueError, "does not take a value that it cannot parse"),
        (f"""select '{{"{SECRET}": "\\u0000"}}'::jsonb""", RejectedValueError, r"the character \u0000"),
        ("select '1e400000'::jsonb", RejectedValueError, "a number of that size"),
        (f"select repeat('{SECRET}', 100000000)", RejectedValueError, "a value of that size"),
        ("select repeat('[', 100000)::jsonb", RejectedValueError, "nested so deeply"),
        ("select 1/0", RejectedValueError, "a value (SQLSTATE 22012)"),
    ],
)
def test_statements_that_fail(postgresql: Database, statement: str, kind: type[ZenctxError], words: str) -> None:
    """Names of tables and columns are shown, values never: the server's own detail lines would quote them."""
    with pytest.raises(kind) as caught, postgresql.connect() as connection:
        connection.exec_driver_sql(statement)
    assert words in caught.value.message
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("state", "kind", "words"),
    [
        ("40001", TransientDatabaseError, "in favour of a concurrent one"),
        ("40P01", TransientDatabaseError, "deadlock"),
        ("53100", DatabaseError, "no space left on its disk"),
        ("53200", TransientDatabaseError, "out of memory"),
        ("53300", UnreachableError, "no connection left"),
        ("57P01", LostConnectionError, "closed the connection"),
        ("57P03", UnreachableError, "not ready for connections"),
        ("08006", LostConnectionError, "closed the connection"),
        ("23514", RejectedValueError, "check constraint"),
        ("P0001", RejectedValueError, "trigger"),
        ("P0004", RejectedValueError, "a value (SQLSTATE P0004)"),
        ("45000", RejectedValueError, "a value (SQLSTATE 45000)"),
        ("22021", RejectedValueError, "not valid UTF-8"),
        ("23505", DatabaseError, "reported an error (SQLSTATE 23505)"),
        ("XX001", DatabaseError, "reported an error (SQLSTATE XX001)"),
        ("58030", DatabaseError, f"reported an error: {SECRET}"),
    ],
)
def test_states_that_cannot_be_brought_about_here(
    postgresql: Database, state: str, kind: type[ZenctxError], words: str
) -> None:
    """The server is made to report them. Only a state that never quotes values has its text shown."""
    with pytest.raises(kind) as caught, postgresql.connect() as connection:
        connection.exec_driver_sql(
            f"do $$ begin raise exception using errcode = '{state}', message = '{SECRET}', detail = '{SECRET}'; end $$"
        )
    assert type(caught.value) is kind
    assert words in caught.value.message
    if not state.startswith("58"):
        assert SECRET not in caught.value.message
    if isinstance(caught.value, RejectedValueError):
        assert caught.value.sqlstate == state


def test_a_null_character_is_rejected_by_the_driver(postgresql: Database) -> None:
    """It fails before the server sees it, and is the same to us."""
    with pytest.raises(RejectedValueError) as caught, postgresql.connect() as connection:
        connection.execute(text("select cast(:v as text)"), {"v": f"{SECRET}\0"})
    assert caught.value.reason == "the character \\u0000 in a value"


def test_lock_timeout_and_statement_timeout_are_transient(postgresql: Database) -> None:
    """A held lock counts as busy (code 11); a statement cut short may be tried again."""
    take_lock = text("select pg_advisory_xact_lock(1)")
    with postgresql.connect() as holder, write_transaction(holder):
        holder.execute(take_lock)
        with pytest.raises(DatabaseBusyError) as caught, postgresql.connect({"lock_timeout": "10"}) as other:
            other.execute(take_lock)
    assert caught.value.exit_code == 11
    with pytest.raises(TransientDatabaseError), postgresql.connect({"statement_timeout": "10"}) as other:
        other.execute(text("select pg_sleep(5)"))


def terminate(database: Database, victim: Connection) -> None:
    """End the session of a connection, as an administrator or a restart does."""
    pid = victim.scalar(text("select pg_backend_pid()"))
    with database.connect() as other:
        other.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})


def test_a_terminated_session_is_lost_without_noise(postgresql: Database, caplog: pytest.LogCaptureFixture) -> None:
    """It is not replaced behind our back, since its settings and locks are gone; a new connection works."""
    with caplog.at_level(logging.WARNING):
        with postgresql.connect({"lock_timeout": "10"}) as victim:
            terminate(postgresql, victim)
            with pytest.raises(LostConnectionError), postgresql.translated_errors():
                victim.execute(text("select 1"))
            victim.rollback()
            with pytest.raises(LostConnectionError, match="settings and locks"), postgresql.translated_errors():
                victim.execute(text("select 1"))
        with postgresql.connect() as connection:
            assert connection.scalar(text("select 1")) == 1
    assert caplog.records == []


def copy_out(connection: Connection) -> None:
    """Run COPY on the driver's cursor, past SQLAlchemy."""
    with connection.connection.cursor().copy("copy (select 1) to stdout") as copy:
        list(copy)


def test_a_connection_lost_in_the_driver_itself_is_noticed(
    postgresql: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Errors that SQLAlchemy has not seen are translated all the same, and closing makes no noise."""
    with caplog.at_level(logging.WARNING):
        with postgresql.connect() as victim:
            terminate(postgresql, victim)
            with pytest.raises(LostConnectionError), postgresql.translated_errors():
                copy_out(victim)
        with pytest.raises(RejectedValueError), postgresql.connect() as connection:
            connection.connection.cursor().execute("select '{'::jsonb")
    assert caplog.records == []


def kill_and_use(server: Server, connection: Connection) -> None:
    """Crash the server under an open connection."""
    server.kill()
    connection.execute(text("select 1"))


def test_a_server_that_goes_away_is_lost_then_unreachable(postgres_server: Server) -> None:
    """A crash in the middle, and the attempt to reconnect: both can be waited out."""
    with running_server(postgres_server.bin_dir) as server, Database.open(server.url(), read_only=True) as database:
        with pytest.raises(LostConnectionError), database.connect() as connection:
            kill_and_use(server, connection)
        with pytest.raises(UnreachableError), database.connect():
            pass
        server.start()
        with database.connect() as connection:
            assert connection.scalar(text("select 1")) == 1
