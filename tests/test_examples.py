"""The examples beside demo.sh: settings that load, contexts that are what they are said to be."""

from dataclasses import replace
from pathlib import Path

import pytest

from zenctx.config import OPTIONS, Settings, load_settings
from zenctx.context.forms import Form, detect
from zenctx.context.rules import EngineReads
from zenctx.database.url import parse_database_url

EXAMPLES = Path(__file__).parents[1] / "examples"
SETTINGS_FILE = EXAMPLES / "zenctx.toml"
CONTEXTS = sorted((EXAMPLES / "contexts").glob("*.json"))


def _settings() -> Settings:
    return load_settings({}, config_file=SETTINGS_FILE, environ={}, cwd=EXAMPLES)


def test_the_production_settings_load() -> None:
    """Each of them is a setting with a value that it takes, for an engine in a container."""
    settings = _settings()

    assert settings.persistent_file_dir.path == Path("/srv/zenflow/data/context-files/persistent")
    assert settings.locator_root == "/app/data/context-files/persistent"
    assert settings.engine_dir == Path("/srv/zenflow")
    assert (settings.engine_reads, settings.file_mode, settings.file_group) == (EngineReads.PUBLISHED, 0o440, "zenflow")
    assert settings.persistence_enabled


def test_the_production_settings_hold_no_password() -> None:
    """The URL shows how to do without: there is nothing in it to be masked."""
    settings = _settings()

    assert settings.db == settings.shown()["db"] == "postgresql://zenctx@db.example.org:5432/zenflow?sslmode=require"


def test_the_production_settings_hide_no_less_than_the_defaults() -> None:
    """Whoever copies the example does not lose a pattern of the default list."""
    (default,) = (option.default for option in OPTIONS if option.name == "redact-keys")

    assert set(_settings().redact_keys) > set(default.split(", "))


def _of_the_application(tmp_path: Path, environ: dict[str, str]) -> Settings:
    empty = tmp_path / "empty.toml"
    empty.touch()
    files = [EXAMPLES / "application.yml"]
    return load_settings({}, config_file=empty, spring_files=files, environ=environ, cwd=tmp_path)


def test_the_applications_settings_are_the_same_as_options(tmp_path: Path) -> None:
    """Profiles, groups, documents and placeholders of the example end in what options would say."""
    spring = _of_the_application(tmp_path, {"DB_PASSWORD": "p&w", "DB_HOST": "a:1,b"})
    options = {
        "db": "jdbc:postgresql://a:1,b:5432/zenflow?currentSchema=flow&sslmode=require&user=zenctx&password=p%26w",
        "file-storage-dir": "/srv/zenflow/data/context-files",
        "persistent-file-dir": "/srv/zenflow/data/context-files/persistent",
        "engine-dir": str(EXAMPLES),
        "persistent-file-retention-days": "60",
        "orphan-cleanup-schedule": "0 30 3 * * ?",
    }
    same = load_settings(options, config_file=tmp_path / "empty.toml", environ={}, cwd=tmp_path)
    assert replace(spring, origins=same.origins, spring=()) == same
    assert parse_database_url(spring.db).password == "p&w"


def test_the_applications_settings_on_a_developers_machine(tmp_path: Path) -> None:
    """Another profile, and none of the first one's."""
    settings = _of_the_application(tmp_path, {"ZENFLOW_PROFILE": "development"})
    assert settings.db == f"jdbc:sqlite:{EXAMPLES}/data/zenflow.db"
    assert settings.persistent_file_dir.text == "./data/context-files/persistent"
    assert settings.persistent_file_retention_days == 30


@pytest.mark.parametrize("file", CONTEXTS, ids=lambda file: file.stem)
def test_the_contexts_are_legacy(file: Path) -> None:
    """Each sample context is one that there is something to convert in."""
    assert detect(file.read_bytes().strip(), lambda _locator: True).form is Form.LEGACY


def test_every_example_is_named_in_the_overview() -> None:
    """examples/README.md names each file and folder beside it, and links to nothing else."""
    overview = (EXAMPLES / "README.md").read_text()
    named = {line.split("](")[1].split(")")[0] for line in overview.splitlines() if line.startswith("- [")}

    assert named == {path.name for path in EXAMPLES.iterdir()} - {"README.md", "__pycache__"}
    assert CONTEXTS
