"""The files of values, as they are searched: whole where that is no burden, else piece by piece."""

from dataclasses import dataclass
from os import SEEK_END
from typing import BinaryIO

from zenctx.context.descriptor import RefValueDescriptor, sha256_checksum
from zenctx.context.secrets import Secrets
from zenctx.database.released import ReleasedFile
from zenctx.errors import AlteredFileError, DamagedFileError, ZenctxError
from zenctx.operations.live_files import LiveFiles, check_content, chunks
from zenctx.store.names import run_directory

MAX_REWRITTEN = 64 * 1024 * 1024
"""The largest file, in bytes, that is taken into memory, to be searched as JSON and written anew."""


@dataclass(frozen=True, slots=True)
class FileContent:
    """The content of a file: None where it is too large, or not there; `problem` says why it cannot be written anew."""

    content: bytes | None = None
    problem: str | None = None


def read_file(live: LiveFiles, descriptor: RefValueDescriptor) -> FileContent:
    """Reads the file of a descriptor; raises nothing that a single file can be the cause of."""
    content = b""
    try:
        with live.open(descriptor) as file:
            if file.seek(0, SEEK_END) > MAX_REWRITTEN:
                return FileContent(problem=f"its file has more than {MAX_REWRITTEN // 1024 // 1024} MiB")
            file.seek(0)
            content = file.read()
        check_content(descriptor, len(content), sha256_checksum(content))
    except AlteredFileError:
        return FileContent(content, "its file is not what the descriptor says")
    except DamagedFileError:
        return FileContent()  # nothing is there, so no secret either
    except ZenctxError as error:
        return FileContent(problem=f"its file cannot be read ({error.kind})")
    return FileContent(content)


def large_file_holds(live: LiveFiles, descriptor: RefValueDescriptor, secrets: Secrets) -> bool | None:
    """Tells whether a large file holds a secret value, in constant memory; None where it cannot be read."""
    try:
        with live.open(descriptor) as file:
            return _any_piece_holds(file, secrets)
    except ZenctxError:
        return None


def _any_piece_holds(file: BinaryIO, secrets: Secrets) -> bool:
    before = b""
    for chunk in chunks(file):
        piece = before + chunk
        if secrets.holds(piece):
            return True
        before = piece[-secrets.longest :] if secrets.longest else b""
    return False


def own_file(live: LiveFiles, run_id: str, locator: str) -> ReleasedFile | None:
    """Gives the file of a locator if it is one that the store gave to this run, which no other run can name by right.

    None for any other file, which is left to gc, and for one that is gone.
    """
    try:
        located = live.locators.resolve(locator)
        directory, _, name = located.name.partition("/")
        if located.root != "persistent" or directory != run_directory(run_id) or "/" in name:
            return None
        status = live.store.stat(located.name)
    except ZenctxError:
        return None
    return ReleasedFile(located.name, None, status.size, status.mtime_ns)
