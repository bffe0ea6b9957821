"""Imports an archive in a process of its own, to be killed."""

import sys
from pathlib import Path

from zenctx.config import load_settings
from zenctx.operations.import_ import ImportRequest, import_archive


def main() -> None:
    """Takes a folder, the archive and the directory of the repository."""
    folder, archive, snapshots = map(Path, sys.argv[1:])
    settings = load_settings(
        {"db": "sqlite:///unused.db", "snapshots": str(snapshots)}, config_file=None, environ={}, cwd=folder
    )
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    with archive.open("rb") as file:
        import_archive(settings, ImportRequest(str(archive)), file)


main()
