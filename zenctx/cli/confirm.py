"""Asks on a terminal before something cannot be taken back; elsewhere nobody is asked, and the guards hold."""

import sys

from zenctx.cli.terminal import neutralise
from zenctx.errors import RefusedError

_YES = ("y", "yes")


def will_ask(*, yes: bool) -> bool:
    """Tells whether there is somebody to ask, who has not said `yes` beforehand."""
    return not yes and _is_terminal(sys.stdin) and _is_terminal(sys.stderr)


def confirm(question: str) -> None:
    """Asks on standard error. Raises RefusedError for any answer but yes."""
    sys.stderr.write(f"{neutralise(question)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in _YES:
        raise RefusedError("not confirmed, and so nothing was done", hint="--yes does it without asking")


def _is_terminal(stream: object) -> bool:
    isatty = getattr(stream, "isatty", None)
    return bool(isatty and isatty())
