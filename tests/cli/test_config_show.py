"""Tests of `zenctx config show`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from zenctx.cli.app import app
from zenctx.config import OPTIONS


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a home and a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    for option in OPTIONS:
        monkeypatch.delenv(option.variable, raising=False)


def show(*arguments: str, env: dict[str, str] | None = None) -> Result:
    """Runs the command."""
    return CliRunner().invoke(app, ["config", "show", *arguments], env=env)


def test_every_setting_has_a_value_and_an_origin(tmp_path: Path) -> None:
    """Option, variable, file and default are told apart, in the order of the documentation."""
    (tmp_path / "zenctx.toml").write_text("trash-retention-days = 3\n")
    result = show("--json", "--engine-reads", "all", env={"ZENCTX_FILE_MODE": "0400"})
    items = json.loads(result.stdout)["items"]
    origins = {item["setting"]: (item["value"], item["origin"]) for item in items}
    assert [item["setting"] for item in items] == [option.name for option in OPTIONS]
    assert origins["engine-reads"] == ("all", "option --engine-reads")
    assert origins["file-mode"] == ("0400", "ZENCTX_FILE_MODE")
    assert origins["trash-retention-days"] == ("3", str(tmp_path / "zenctx.toml"))
    assert origins["checksum-enabled"] == ("true", "default")


def test_the_summary_counts_what_was_changed() -> None:
    """The last line of the text and the summary of the document agree."""
    summary = json.loads(show("--json", "--db", "sqlite:///x.db").stdout)["summary"]
    assert summary == {"settings": len(OPTIONS), "changed": 1}
    text = show("--db", "sqlite:///x.db").stdout
    assert text.endswith(f"{len(OPTIONS)} settings, 1 of them changed from the default.\n")


@pytest.mark.parametrize("format_", ["table", "json", "jsonl"])
def test_passwords_are_masked_in_every_format(format_: str) -> None:
    """A password in a URL is shown nowhere."""
    result = show("--format", format_, "--db", "postgresql://u:geheim@db/x", "--snapshots", "s3://k:geheim@bucket")
    assert result.exit_code == 0
    assert "geheim" not in result.output
    assert "postgresql://u:***@db/x" in result.stdout


def test_the_applications_own_settings(tmp_path: Path) -> None:
    """--spring may stand repeatedly; what its files set is told with file and key, and secrets are masked."""
    (tmp_path / "application.yml").write_text("spring.datasource: {url: 'jdbc:postgresql:x', password: '${PW}'}\n")
    (tmp_path / "more.properties").write_text("zenflow.context.refvalue.checksum-enabled=false\n")
    arguments = ("--json", "--spring", "application.yml", "--spring", "more.properties")
    result = show(*arguments, env={"PW": "geheim"})
    shown = {item["setting"]: (item["value"], item["origin"]) for item in json.loads(result.stdout)["items"]}
    first, second = tmp_path / "application.yml", tmp_path / "more.properties"
    assert shown["spring"] == (f"{first}, {second}", "option --spring")
    assert shown["checksum-enabled"] == ("false", f"{second}: zenflow.context.refvalue.checksum-enabled")
    assert shown["db"] == (
        "jdbc:postgresql:x?password=***",
        f"{first}: spring.datasource.url; {first}: spring.datasource.password, with PW",
    )
    assert "geheim" not in result.output
    assert show(*arguments, env={"PW": ""}).exit_code == 0
    without = show(*arguments)
    assert (without.exit_code, without.stdout.count("needs ${PW}, which is set nowhere")) == (12, 1)


def test_a_wrong_setting_is_one_sentence() -> None:
    """The setting is named, the code is that of setup, nothing is listed."""
    result = show("--file-mode", "0777")
    assert result.exit_code == 12
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert "file-mode" in result.stderr


def test_nothing_is_created(tmp_path: Path) -> None:
    """Looking at settings writes no file."""
    assert show().exit_code == 0
    assert list(tmp_path.iterdir()) == []
