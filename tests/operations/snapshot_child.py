"""Snapshots in processes of their own, to be killed or to run side by side.

python -m tests.operations.snapshot_child URL FOLDER OPTIONS    (OPTIONS: settings as JSON)

It takes a snapshot of all runs for each line that it serves; see `tests.operations.forked`.
"""

import json
import sys
from functools import partial
from pathlib import Path

from tests.operations.forked import serve
from tests.operations.taking import request
from zenctx.config import load_settings
from zenctx.database.engine import Database
from zenctx.errors import ZenctxError
from zenctx.operations.snapshot import snapshot


def run(url: str, folder: Path, options: dict[str, str], _line: str) -> int:
    """Take a snapshot; give its exit code."""
    settings = load_settings({"db": url, **options}, config_file=None, environ={}, cwd=folder)
    with Database.open(url, read_only=False) as database:
        try:
            return snapshot(database, settings, request(), lambda _item: None).exit_code
        except ZenctxError as error:
            return error.exit_code


def main(url: str, folder: str, options: str) -> None:
    """Take snapshots."""
    serve(partial(run, url, Path(folder), json.loads(options)))


if __name__ == "__main__":
    main(*sys.argv[1:])
