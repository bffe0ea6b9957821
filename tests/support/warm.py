"""Python as a process that need not start: a server that has imported everything forks one for each call.

What it forks is a process of its own, with the caller's arguments, folder, environment and streams. The caller hands
on Ctrl-C and how it ended; killed, it leaves the other to its end. The server ends with whoever started it.
"""

import atexit
import gc
import importlib
import io
import marshal
import os
import pkgutil
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from typing import NoReturn

import zenctx
from tests.support.quick import pass_for_disk

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0
_SHARED = "TEST_WARM_PYTHON"

# What others import only when they need it.
_LATE = (
    "alembic.command",
    "platformdirs.unix",
    "psycopg",
    "rich.progress",
    "rich.table",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
)

# Run by an interpreter that imports little: it hands over what the new process is to have, and waits for its code.
_CALLER = """\
import _signal, _socket, array, marshal, posix, sys
server = _socket.socket(_socket.AF_UNIX)
server.connect(sys.argv[1])
server.sendmsg([b"!"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
server.sendall(marshal.dumps([sys.argv[2:], posix.getcwd(), dict(posix.environ)]))
server.shutdown(_socket.SHUT_WR)
process = int(server.recv(16))
_signal.signal(_signal.SIGINT, lambda number, _frame: posix.kill(process, number))
sys.exit(int(server.recv(16) or 1))
"""


def warm_zenctx() -> str:
    """Give a shell script's line that runs `zenctx` with the script's arguments, and start the server for it."""
    return "exec " + " ".join(f'"{part}"' for part in (*warm_python(), "-m", "zenctx")) + ' "$@"'


def share_warm_python() -> None:
    """Start the server now, for all processes that this one starts, too."""
    if _SHARED not in os.environ:
        os.environ[_SHARED] = str(_started()[0])


@cache
def warm_python() -> tuple[str, ...]:
    """Give what stands for the interpreter in a command `python -m MODULE ...` or `python FILE ...`.

    The server that it asks is started for it, unless there is one that is shared.
    """
    shared, server = os.environ.get(_SHARED), None
    if shared is None:
        folder, server = _started()
    else:
        folder = Path(shared)
    address, deadline = folder / "socket", time.monotonic() + PATIENCE_SECONDS
    while not address.exists():
        assert server is None or server.poll() is None, "the server of warm processes did not start"
        assert time.monotonic() < deadline, "the server of warm processes is not there"
        time.sleep(0.01)
    return sys.executable, "-ISE", str(folder / "caller.py"), str(address)


def _started() -> tuple[Path, "subprocess.Popen[bytes]"]:
    """Start a server; give its folder."""
    folder = Path(tempfile.mkdtemp(prefix="zenctx-warm-"))
    (folder / "caller.py").write_text(_CALLER)
    command: list[str | Path] = [sys.executable, "-m", "tests.support.warm", folder / "socket"]
    server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE)
    atexit.register(_end, server, folder)
    return folder, server


def _end(server: subprocess.Popen[bytes], folder: Path) -> None:
    server.kill()
    server.wait()
    shutil.rmtree(folder, ignore_errors=True)


def _serve(address: str) -> NoReturn:
    """Answer calls until nobody holds our standard input open any more."""
    _import_everything()
    pass_for_disk()
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
    for name in _LATE:
        importlib.import_module(name)


def _answer(call: socket.socket) -> NoReturn:
    _mark, streams, _flags, _address = socket.recv_fds(call, 1, 3)
    with call.makefile("rb") as asked:
        arguments, folder, variables = marshal.loads(asked.read())  # noqa: S302 - from our own caller
    child = os.fork()
    if child == 0:
        call.close()
        _become(folder, variables, streams)
        os._exit(_run(arguments))
    for stream in streams:
        os.close(stream)
    with suppress(BrokenPipeError):  # a caller that was killed is told nothing
        call.send(f"{child:16}".encode())
        call.send(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):16}".encode())
    os._exit(0)


def _become(folder: str, variables: dict[bytes, bytes], streams: list[int]) -> None:
    """Take over what a process has from the one that starts it."""
    os.chdir(folder)
    os.environ.clear()
    os.environb.update(variables)
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout, sys.stderr = _text(0, "r"), _text(1, "w"), _text(2, "w", errors="backslashreplace")


def _text(number: int, mode: str, errors: str = "strict") -> io.TextIOWrapper:
    raw = os.fdopen(number, f"{mode}b", closefd=False)
    encoding = os.environ.get("PYTHONIOENCODING", "utf-8")
    return io.TextIOWrapper(raw, encoding=encoding, errors=errors, line_buffering=os.isatty(number))


def _run(arguments: list[str]) -> int:
    """Run a module or a file as the main one; give the exit code."""
    code = 0
    try:
        if arguments[0] == "-m":
            sys.argv = arguments[1:]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = arguments
            runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as end:
        code = _code_of(end)
    except BaseException:  # noqa: BLE001 - as the interpreter does, whatever it is
        traceback.print_exc()
        code = 1
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _code_of(end: SystemExit) -> int:
    """Give the code of an end as the interpreter does, which shows what is no number."""
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    sys.stderr.write(f"{end.code}\n")
    return 1


if __name__ == "__main__":
    _serve(sys.argv[1])
