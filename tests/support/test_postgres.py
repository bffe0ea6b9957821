"""The PostgreSQL of the tests is real, fresh for each test, asks for its password, and outlives nobody."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.support.postgres import Database, Server, all_postgres_bins, running_server

ROOT = Path(__file__).parents[2]


def _ask(url: str, statement: str) -> list[tuple[str | None, ...]]:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True, connect_timeout=5) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_versions_come_newest_first() -> None:
    """The newest server is the first that is offered."""
    versions = list(all_postgres_bins())
    assert versions == sorted(versions, reverse=True)


def test_clearing_removes_all(newest_postgres: Database) -> None:
    """Tables, enums and schemas of an earlier test are gone, even where it left a transaction open."""
    newest_postgres.clear()
    _ask(newest_postgres.url, "create type mood as enum ('calm'); create table things (mood mood); create schema other")
    with closing(psycopg.connect(newest_postgres.url.replace("+psycopg", ""))) as left_open:
        left_open.execute("select * from things")
        newest_postgres.clear()
    assert _ask(newest_postgres.url, "select to_regclass('things')::text, to_regtype('mood')::text") == [(None, None)]
    assert _ask(newest_postgres.url, "select count(*)::text from pg_namespace where nspname = 'other'") == [("0",)]


@pytest.mark.parametrize("postgres_url", ["newest", "oldest"], indirect=True)
def test_a_test_may_ask_for_the_oldest_version(postgres_url: str) -> None:
    """Both ends of the range of versions serve the same queries."""
    assert _ask(postgres_url, "select jsonb_build_object('a', 1.10)::text") == [('{"a": 1.10}',)]


def test_tcp_asks_for_the_password(postgres_server: Server) -> None:
    """Over TCP the right password is let in and a wrong one is not."""
    assert _ask(postgres_server.tcp_url(), "select 'in'") == [("in",)]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        _ask(postgres_server.tcp_url(password="wrong"), "select 'in'")


def test_a_killed_server_recovers() -> None:
    """What was committed is there after a crash and a new start; in between nothing answers."""
    with running_server(next(iter(all_postgres_bins().values())), durable=True) as server:
        assert _ask(server.url(), "show fsync") == [("on",)]
        _ask(server.url(), "create table kept as select 'kept' as word")
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            _ask(server.url(), "select 1")
        server.start()
        assert _ask(server.url(), "table kept") == [("kept",)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent is gone")
def test_the_server_dies_with_its_parent() -> None:
    """A test run that is killed leaves no server behind."""
    code = """
import time
from tests.support.postgres import all_postgres_bins, running_server

with running_server(next(iter(all_postgres_bins().values()))):
    time.sleep(60)
"""
    with tempfile.TemporaryDirectory(prefix="zenctx-") as folder:
        environment = {**os.environ, "TMPDIR": folder}
        with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment) as parent:
            _wait(lambda: _is_ready(Path(folder)))
            parent.kill()
        _wait(lambda: not list(Path(folder).glob("*/data/postmaster.pid")))


def _is_ready(folder: Path) -> bool:
    return any("ready" in path.read_text() for path in folder.glob("*/data/postmaster.pid"))


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
