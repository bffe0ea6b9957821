"""The least that moving large values into files can cost: read with COPY, hash, write, fsync."""

import hashlib
import os
import sys
from pathlib import Path

import psycopg

VALUES = "copy (select context ->> 'b.output.s' from workflow_runs) to stdout (format binary)"


def main() -> None:
    """Takes the address of the database, and a folder for the files."""
    folder = Path(sys.argv[2])
    folder.mkdir()
    with psycopg.connect(sys.argv[1]) as connection, connection.cursor() as cursor, cursor.copy(VALUES) as copy:
        copy.set_types(["bytea"])  # as it is sent: nothing is decoded
        for number, (content,) in enumerate(copy.rows()):
            hashlib.sha256(content).hexdigest()
            with (folder / str(number)).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())


main()
