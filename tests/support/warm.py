"""`zenctx` as a process that need not start: a server that has imported everything forks one for each call.

What it forks is a process of its own, with the caller's arguments, folder, environment and streams; signals to the
caller do not reach it. The server ends with whoever started it.
"""

import atexit
import gc
import importlib
import io
import json
import os
import pkgutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import NoReturn

import zenctx
from zenctx.cli.main import main

ROOT = Path(__file__).parents[2]

# Run by an interpreter that imports little: it hands over what the new process is to have, and waits for its code.
_CALLER = """\
import _socket, array, json, os, sys
server = _socket.socket(_socket.AF_UNIX)
server.connect(sys.argv[1])
server.sendmsg([b"!"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
server.sendall(json.dumps([sys.argv[2:], os.getcwd(), dict(os.environ)]).encode())
server.shutdown(_socket.SHUT_WR)
sys.exit(int(server.recv(16) or 1))
"""


@cache
def warm_zenctx() -> str:
    """Give a shell script's line that runs `zenctx` with the script's arguments, and start the server for it."""
    folder = Path(tempfile.mkdtemp(prefix="zenctx-warm-"))
    caller, address = folder / "caller.py", folder / "socket"
    caller.write_text(_CALLER)
    server = subprocess.Popen([sys.executable, "-m", "tests.support.warm", address], cwd=ROOT, stdin=subprocess.PIPE)
    atexit.register(_end, server, folder)
    while not address.exists():
        assert server.poll() is None, "the server of warm processes did not start"
        time.sleep(0.01)
    return f'exec "{sys.executable}" -ISE "{caller}" "{address}" "$@"'


def _end(server: subprocess.Popen[bytes], folder: Path) -> None:
    server.kill()
    server.wait()
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def _serve(address: str) -> NoReturn:
    """Answer calls until nobody holds our standard input open any more."""
    _import_everything()
    gc.freeze()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(f"{address}.new")
        listening.listen(64)
        Path(f"{address}.new").rename(address)
        while True:
            call, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                _answer(call)
            call.close()
            _reap()


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _import_everything() -> None:
    for package in pkgutil.walk_packages(zenctx.__path__, "zenctx."):
        if not package.name.startswith(("zenctx.__main__", "zenctx.migrations")):
            importlib.import_module(package.name)
    for name in ("psycopg", "alembic.command", "sqlalchemy.dialects.postgresql.psycopg", "rich.table", "rich.progress"):
        importlib.import_module(name)


def _answer(call: socket.socket) -> NoReturn:
    _mark, streams, _flags, _address = socket.recv_fds(call, 1, 3)
    with call.makefile() as asked:
        arguments, folder, variables = json.load(asked)
    child = os.fork()
    if child == 0:
        call.close()
        with _as_process(arguments, folder, variables, streams) as ended:
            main()
        os._exit(ended[0])
    for stream in streams:
        os.close(stream)
    call.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())
    os._exit(0)


@contextmanager
def _as_process(
    arguments: list[str], folder: str, variables: dict[str, str], streams: list[int]
) -> Iterator[list[int]]:
    """Become the process that was asked for; what is yielded holds the exit code after the block."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    time.tzset()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.argv = ["zenctx", *arguments]
    sys.stdin, sys.stdout, sys.stderr = _text(0, "r"), _text(1, "w"), _text(2, "w", errors="backslashreplace")
    ended = [0]
    try:
        yield ended
    except SystemExit as end:
        ended[0] = end.code if isinstance(end.code, int) else int(end.code is not None)
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    sys.stdout.flush()
    sys.stderr.flush()


def _text(number: int, mode: str, errors: str = "strict") -> io.TextIOWrapper:
    raw = os.fdopen(number, f"{mode}b", closefd=False)
    return io.TextIOWrapper(raw, encoding="utf-8", errors=errors, line_buffering=os.isatty(number), write_through=False)


if __name__ == "__main__":
    _serve(sys.argv[1])
