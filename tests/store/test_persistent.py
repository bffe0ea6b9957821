"""A stored file as a value: read by its locator, compared with its descriptor, kept when the value is released."""

from pathlib import Path

import pytest

from tests.store.conftest import RUN
from zenctx.context.values import FileValue, ValueFile
from zenctx.errors import DamagedFileError, LocatorRefusedError
from zenctx.store.local import LocalStore
from zenctx.store.locators import Locators
from zenctx.store.persistent import PersistentFile


@pytest.fixture
def locators(local: LocalStore, tmp_path: Path) -> Locators:
    """The locators of the local store."""
    return Locators(("./persistent", local.root), (".", tmp_path), tmp_path, None)


def test_a_stored_file_is_read_as_a_value(local: LocalStore, locators: Locators) -> None:
    """With the size and checksum of its descriptor; an alteration is found, and the release leaves the file."""
    stored = local.put(RUN, "k", b'{"a":1.10}', suffix=".json")
    file: ValueFile = PersistentFile(locators, locators.locator_for(stored.name), stored.size, stored.checksum)
    value = FileValue(file, "application/json")
    assert (value.read(), value.size, value.checksum) == ({"a": 1.1}, 10, stored.checksum)
    other = FileValue(PersistentFile(locators, file.locator or "", 10, "sha256:" + "0" * 64), "application/json")
    with pytest.raises(DamagedFileError, match="another checksum"):
        other.read()
    assert value.release()
    assert (local.root / stored.name).exists()


def test_a_locator_is_hostile_until_it_is_resolved(locators: Locators) -> None:
    """One that leads out is refused, and one that leads to nothing is told."""
    with pytest.raises(LocatorRefusedError):
        FileValue(PersistentFile(locators, "/etc/passwd", -1, None)).read()
    with pytest.raises(DamagedFileError, match="is missing"):
        FileValue(PersistentFile(locators, "./persistent/gone.dat", -1, None)).read()
