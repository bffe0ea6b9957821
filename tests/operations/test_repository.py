"""The repository of the settings: opened, made, and recorded in the database."""

from pathlib import Path

import pytest

from tests.operations.world import World
from zenctx.config import Settings, load_settings
from zenctx.database.store_binding import BoundKind, bindings
from zenctx.errors import NotFoundError, SettingsError
from zenctx.operations.repository import bind_repository, object_store, open_repository


def settings_for(snapshots: str, tmp_path: Path) -> Settings:
    """Settings whose repository is at an address."""
    return load_settings({"snapshots": snapshots}, config_file=None, environ={"HOME": str(tmp_path)}, cwd=tmp_path)


def test_a_repository_is_made_only_when_asked_for(tmp_path: Path) -> None:
    """Reading commands make nothing, and say where it was looked for and who makes it."""
    settings = settings_for("kept/snapshots", tmp_path)
    with pytest.raises(NotFoundError, match="kept/snapshots") as caught:
        open_repository(settings)
    assert "zenctx snapshot" in (caught.value.hint or "")
    assert list(tmp_path.iterdir()) == []
    made = open_repository(settings, create=True)
    assert open_repository(settings).repository_id == made.repository_id
    assert made.location == str(tmp_path / "kept" / "snapshots")


def test_an_address_that_is_no_directory_is_a_setting_to_change(tmp_path: Path) -> None:
    """It is said before anything is opened, without the password in it."""
    with pytest.raises(SettingsError, match="no directory") as caught:
        object_store(settings_for("s3://user:hunter2@bucket/prefix", tmp_path))
    assert "hunter2" not in f"{caught.value.message}{caught.value.hint}"


def test_a_database_remembers_its_repositories(world: World, tmp_path: Path) -> None:
    """Each once, however often it is written to."""
    with world.database.connect() as connection:
        for name in ("one", "two", "one"):
            repository = open_repository(settings_for(name, tmp_path), create=True)
            bind_repository(repository, connection)
        found = bindings(connection, BoundKind.REPOSITORY)
    assert [binding.location for binding in found] == [str(tmp_path / "one"), str(tmp_path / "two")]
