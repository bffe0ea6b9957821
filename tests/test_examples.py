"""The examples beside demo.sh: settings that load, contexts that are what they are said to be."""

from pathlib import Path

import pytest

from zenctx.config import OPTIONS, Settings, load_settings
from zenctx.context.forms import Form, detect
from zenctx.context.rules import EngineReads

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
