"""Where a page is written: whole or not at all, readable by its owner alone, in the place of no other file."""

import os
from pathlib import Path

from zenctx.errors import RefusedError, StoreError
from zenctx.store.faults import shown
from zenctx.store.private_file import new_private_file

MARK = "<!-- a report of zenctx -->"
"""How every page begins, behind its first line."""
START = f"<!DOCTYPE html>\n{MARK}\n"


def check_page(path: Path) -> None:
    """Makes sure, before anything is counted, that the page can be written.

    Raises RefusedError where what has this name is no page of zenctx, StoreError where that cannot be read, or where
    its directory is missing or cannot be written.
    """
    _check_name(path)
    directory = path.absolute().parent
    if not directory.is_dir():
        raise StoreError(f"there is no directory {shown(directory)} for the page", hint="create it, or name another")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise StoreError(f"the directory {shown(directory)} of the page cannot be written by this user")


def _check_name(path: Path) -> None:
    try:
        if not path.exists() and not path.is_symlink():
            return
        if path.is_file():
            with path.open("rb") as file:
                if file.read(len(START)) == START.encode():
                    return
    except OSError as error:
        raise StoreError(f"{shown(path)} cannot be read: {error.strerror}") from None
    raise RefusedError(
        f"{shown(path)} is there, and is no report of zenctx", hint="name another file, or remove it first"
    )


def write_page(path: Path, text: str) -> None:
    """Writes a page (0600), in the place of an earlier one. Raises as `check_page` does, and StoreError."""
    check_page(path)
    with new_private_file(path, replace=True) as sink:
        sink.write(text.encode("utf-8", "replace"))
