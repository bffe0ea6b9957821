"""Exports and imports in processes of their own, to be killed.

python -m tests.operations.archive_child FOLDER ELSEWHERE ARCHIVE

Of the lines that it serves (see `tests.operations.forked`) "import" takes the archive into the repository ELSEWHERE,
"export" writes the latest snapshot of the folder's own repository to the file named ARCHIVE.out.
"""

import sys
from pathlib import Path

from tests.operations.forked import serve
from zenctx.config import load_settings
from zenctx.operations.export import ExportRequest, export
from zenctx.operations.import_ import ImportRequest, import_archive
from zenctx.store.private_file import new_private_file


def main(folder: str, elsewhere: str, archive: str) -> None:
    """Do what the lines say."""
    own = {"db": "sqlite:///unused.db"}

    def work(line: str) -> int:
        given = own if line == "export" else {**own, "snapshots": elsewhere}
        settings = load_settings(given, config_file=None, environ={}, cwd=Path(folder))
        if line == "export":
            with new_private_file(Path(f"{archive}.out"), replace=True) as sink:
                return export(settings, ExportRequest("latest"), sink, "a file").exit_code
        with Path(archive).open("rb") as file:
            return import_archive(settings, ImportRequest(archive), file).exit_code

    serve(work)


main(*sys.argv[1:])
