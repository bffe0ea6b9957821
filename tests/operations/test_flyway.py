"""A script among Flyway's: the next version, the file that says how to run it, and nothing written over."""

import errno
import os
from pathlib import Path

import pytest

from zenctx.errors import RefusedError, StoreError, UsageError
from zenctx.operations.flyway import write_migration

SCRIPT = "select 1;\n"


def add(folder: Path, *names: str) -> None:
    """Add empty files."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize(
    ("there", "version"),
    [
        ([], "1"),
        (["V1__a.sql", "V2__b.sql", "V10__c.sql"], "11"),
        (["V001__a.sql", "V009__b.sql"], "010"),
        (["V1.2__a.sql", "V1_10__b.sql", "2024/V3.1__c.sql"], "4"),
        (["V20240131120000__a.sql", "V7__b.java"], "20240131120001"),
        (["B5__baseline.sql", "U6__undo.sql", "R__view.sql", "V__x.sql", "notes.txt", "V9__x.sql.conf"], "10"),
    ],
)
def test_it_is_the_next_version(tmp_path: Path, there: list[str], version: str) -> None:
    """Behind all that are there, in the directory and below it, with as many digits."""
    add(tmp_path, *there)
    written = write_migration(tmp_path, SCRIPT)
    path = tmp_path / f"V{version}__refvalue_context_schema.sql"
    assert (written.path, written.version) == (str(path), version)
    assert path.read_text() == SCRIPT
    assert Path(written.configuration_path).name == f"{path.name}.conf"
    assert Path(written.configuration_path).read_text() == "executeInTransaction=false\n"


def test_it_is_not_written_twice(tmp_path: Path) -> None:
    """A second one would be run, too; it is named, wherever it is, and nothing is written."""
    add(tmp_path, "old/V3__refvalue_context_schema.sql")
    with pytest.raises(RefusedError, match=r"there already: .*old/V3__refvalue_context_schema\.sql"):
        write_migration(tmp_path, SCRIPT)
    assert [path.name for path in tmp_path.rglob("*.*")] == ["V3__refvalue_context_schema.sql"]


def test_a_directory_that_takes_no_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the system's reason."""

    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(StoreError, match=r"cannot be written to .*: No space left on device"):
        write_migration(tmp_path, SCRIPT)


def test_the_directory_must_be_there(tmp_path: Path) -> None:
    """One that is mistyped would never be looked at by Flyway."""
    with pytest.raises(UsageError, match="there is no directory"):
        write_migration(tmp_path / "mistyped", SCRIPT)
    assert list(tmp_path.iterdir()) == []
