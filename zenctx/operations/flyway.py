"""A script among Flyway's: named as the next version, with the file beside it that says how it is to be run."""

import re
from dataclasses import dataclass
from pathlib import Path

from zenctx.errors import RefusedError, StoreError, UsageError

DESCRIPTION = "refvalue_context_schema"
_VERSIONED = re.compile(r"[VBU](?P<major>[0-9]+)(?:[._][0-9]+)*__(?P<description>.+)\.[^.]+")
_CONFIGURATION = "executeInTransaction=false\n"
"""The script commits after each batch, which it cannot do inside a transaction of Flyway's."""


@dataclass(frozen=True, slots=True)
class FlywayFiles:
    """What was written: the script, and the configuration of this one script, which Flyway finds by its name."""

    path: str
    configuration_path: str
    version: str


def write_migration(directory: Path, script: str) -> FlywayFiles:
    """Writes a script into a directory of Flyway's, behind the versions that it and those below it have.

    Raises UsageError where there is no such directory, RefusedError where the script is there already, StoreError where
    it cannot be written.
    """
    if not directory.is_dir():
        raise UsageError(f"there is no directory {directory}", hint="--flyway takes the one of the other migrations")
    try:
        version = _next_version(directory)
        path = directory / f"V{version}__{DESCRIPTION}.sql"
        configuration = path.with_name(f"{path.name}.conf")
        # The configuration first: without it Flyway would run the script in a transaction.
        _create(configuration, _CONFIGURATION)
        _create(path, script)
    except OSError as error:
        raise StoreError(f"the script cannot be written to {directory}: {error.strerror}") from None
    return FlywayFiles(str(path), str(configuration), version)


def _next_version(directory: Path) -> str:
    """One more than the first number of the highest version, with as many digits at least."""
    highest, digits = 0, 1
    for path in directory.rglob("*"):
        if (match := _VERSIONED.fullmatch(path.name)) is None:
            continue
        if match["description"] == DESCRIPTION:
            raise RefusedError(
                f"the script is there already: {path}",
                hint="Flyway would run a second one; to write it anew, before it was ever run, remove it first",
            )
        if int(match["major"]) >= highest:
            highest, digits = int(match["major"]), len(match["major"])
    return f"{highest + 1:0{digits}}"


def _create(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
