"""The least that moving large values into files can cost: read, hash, write, fsync."""

import hashlib
import os
import sys
from pathlib import Path

import psycopg

VALUES = "select context ->> 'b.output.s' from workflow_runs"


def main() -> None:
    """Takes the address of the database, and a folder for the files."""
    folder = Path(sys.argv[2])
    folder.mkdir()
    with psycopg.connect(sys.argv[1]) as connection, connection.cursor("walk") as cursor:
        cursor.itersize = 10
        for number, (value,) in enumerate(cursor.execute(VALUES)):
            content = value.encode()
            hashlib.sha256(content).hexdigest()
            with (folder / str(number)).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())


main()
