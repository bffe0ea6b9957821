"""A real PgBouncer in front of a server of the tests."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.support.postgres import Server, as_ordinary_user, free_port

_FETCHED = Path(sys.prefix) / "pgbouncer"
_PATIENCE_SECONDS = 10.0
_SETTINGS = """
[databases]
* = host={host} port={port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listens}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
ignore_startup_parameters = extra_float_digits,options
"""


@contextmanager
def pooled(server: Server, mode: str) -> Iterator[str]:
    """Run a pooler in front of a server within the block; give the URL that leads through it."""
    with tempfile.TemporaryDirectory(prefix="zenctx-pgbouncer-") as name:
        listens = free_port()
        settings = Path(name) / "pgbouncer.ini"
        settings.write_text(_SETTINGS.format(host=server.folder, port=server.port, listens=listens, mode=mode))
        libraries = os.pathsep.join(str(path) for path in _FETCHED.glob("usr/lib/*"))
        command = [*as_ordinary_user(), _program(), "-q", str(settings)]
        with subprocess.Popen(command, env={**os.environ, "LD_LIBRARY_PATH": libraries}) as process:
            try:
                url = f"postgresql://postgres@127.0.0.1:{listens}/postgres"
                _wait_for(url)
                yield url
            finally:
                process.terminate()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, "the pooler does not answer"
            time.sleep(0.05)
        else:
            return


def _program() -> str:
    """Find the one on PATH, or that which `make soak` has fetched; without one the test is skipped."""
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path=_FETCHED / "usr/sbin")
    if found is None:
        pytest.skip("no pgbouncer: install it, or let 'make soak' fetch it")
    return found
