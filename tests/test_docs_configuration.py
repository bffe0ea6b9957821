"""docs/configuration.md against the settings that zenctx has."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from zenctx.cli.app import app
from zenctx.config import OPTIONS, Option, Settings, load_settings
from zenctx.config.spring.reading import _KEYS, _OTHERS
from zenctx.database.url import _JDBC_DETOURS, _JDBC_PLAIN

GUIDE = Path(__file__).parent.parent / "docs" / "configuration.md"
ROW = re.compile(
    r"^\| `(?P<name>[^`]+)` \| `(?P<variable>[^`]+)` \| (?P<default>[^|]+) \| (?P<doc>[^|]+) \|$", re.MULTILINE
)
TOML_BLOCK = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)

ROWS = {match["name"]: match for match in ROW.finditer(GUIDE.read_text())}
SPRING = GUIDE.read_text().partition("## The application's own settings")[2].partition("\n## ")[0]
TOML_BLOCKS = TOML_BLOCK.findall(GUIDE.read_text())


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_is_documented_as_it_is(option: Option[object]) -> None:
    """The guide has a row for each option, with its variable, its default and the meaning that the tool shows."""
    row = ROWS[option.name]

    assert row["variable"] == option.variable
    assert row["default"].strip("`") == option.default
    assert row["doc"] == option.doc


def test_no_unknown_option_is_documented() -> None:
    """Every row and every variable that the guide names belongs to an option, and none stands there twice."""
    assert len(ROW.findall(GUIDE.read_text())) == len(OPTIONS)
    assert set(ROWS) == {option.name for option in OPTIONS}
    variables = set(re.findall(r"ZENCTX_[A-Z0-9_]+", GUIDE.read_text())) - {"ZENCTX_", "ZENCTX_TEST_"}
    assert variables == {option.variable for option in OPTIONS}


def test_every_setting_is_an_option() -> None:
    """Settings and options are the same list."""
    attributes = {field.name for field in fields(Settings)} - {"origins"}
    assert attributes == {option.attribute for option in OPTIONS}


@pytest.mark.parametrize("block", TOML_BLOCKS)
def test_every_example_file_loads(tmp_path: Path, block: str) -> None:
    """A reader who copies an example gets settings, all of them from that file."""
    file = tmp_path / "zenctx.toml"
    file.write_text(block)

    settings = load_settings({}, config_file=file, environ={}, cwd=tmp_path)

    assert str(file) in settings.origins.values()


def test_the_guide_has_examples() -> None:
    """The examples are found, so that the test above tests something."""
    assert len(TOML_BLOCKS) == 2


@pytest.mark.parametrize("url", re.findall(r"^export ZENCTX_DB='?([^'\n]+)'?$", GUIDE.read_text(), re.MULTILINE))
def test_every_example_url_is_taken(tmp_path: Path, url: str) -> None:
    """The URLs of the guide are URLs that the setting takes."""
    settings = load_settings({}, config_file=None, environ={"ZENCTX_DB": url}, cwd=tmp_path)

    assert settings.db == url


@pytest.mark.parametrize("key", [*_KEYS.values(), *_OTHERS])
def test_every_key_of_the_application_is_documented(key: str) -> None:
    """In full, or by its last name in a row of its section."""
    section, _, name = key.rpartition(".")
    assert f"`{key}`" in SPRING or (f"`{section}." in SPRING and (f"`.{name}`" in SPRING or f"`{name}`" in SPRING))


def test_every_jdbc_parameter_is_documented() -> None:
    """Those that decide where a connection leads, and those that are refused."""
    assert {name for name in (*_JDBC_PLAIN.values(), *_JDBC_DETOURS[:2]) if f"`{name}`" not in SPRING} == set()


def test_the_command_for_the_applications_settings_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """It shows what is taken from the example, and from where."""
    (line,) = re.findall(r"^zenctx (config show .*)$", SPRING, re.MULTILINE)
    monkeypatch.chdir(GUIDE.parents[1])
    for option in OPTIONS:
        monkeypatch.delenv(option.variable, raising=False)
    result = CliRunner().invoke(app, line.split())
    assert result.exit_code == 0
    assert "examples/application.yml (document 2, profile files-on-srv & !container): " not in result.stdout
    assert "examples/application.yml (document 3, profile production, staging): zenflow.context" in result.stdout


def test_the_stated_limit_is_the_limit() -> None:
    """The greatest inline threshold of the guide is taken, one byte more is not."""
    stated = re.search(r"`inline-file-threshold-bytes` is at most (\d+)", GUIDE.read_text())
    assert stated
    name = "inline-file-threshold-bytes"
    load_settings({name: stated[1], "db": "sqlite://"}, config_file=None, environ={}, cwd=Path("/"))
    with pytest.raises(Exception, match=name):
        load_settings({name: str(int(stated[1]) + 1)}, config_file=None, environ={}, cwd=Path("/"))
