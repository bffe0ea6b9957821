"""`zenctx schedule`: a line for crontab, or units for systemd."""

from pathlib import Path

import pytest

from tests.cli.console import document_of, zenctx


def test_the_default_is_two_at_night(folder: Path) -> None:
    """In the working directory, where the settings are found."""
    result = zenctx("schedule")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == f"0 2 * * * cd {folder} && zenctx gc --quiet"


def test_a_settings_file_is_named(folder: Path) -> None:
    """By its whole path; a percent sign would end the command."""
    (folder / "50%.toml").write_text('orphan-cleanup-schedule = "0 */15 3 ? * MON-FRI"\n')
    line = zenctx("schedule", "--config", "50%.toml").stdout.splitlines()[0]
    assert line.startswith("*/15 3 * * 1,2,3,4,5 cd ")
    assert line.endswith(f"zenctx gc --quiet --config '{folder}/50\\%.toml'") or "50\\%.toml" in line


def test_the_applications_files_are_named(folder: Path) -> None:
    """Each by its whole path, so that the night has the settings of the day; the schedule may be theirs."""
    (folder / "application.properties").write_text("zenflow.context.refvalue.orphan-cleanup-schedule=0 30 3 * * ?\n")
    line = zenctx("schedule", "--spring", "application.properties").stdout.splitlines()[0]
    assert line == f"30 3 * * * cd {folder} && zenctx gc --quiet --spring {folder}/application.properties"


def test_systemd(folder: Path) -> None:
    """A service that runs once, and a timer."""
    document = document_of(zenctx("schedule", "--systemd", "--json"))
    text = document["summary"]["text"]
    assert f"WorkingDirectory={folder}" in text
    assert "OnCalendar=*-*-* 02:00:00" in text
    assert "[Timer]" in text


def test_what_crontab_cannot_say_is_said(folder: Path) -> None:
    """Seconds are left out, and told; what only Quartz knows is refused."""
    result = zenctx("schedule", "--orphan-cleanup-schedule", "30 0 2 * * ?")
    assert "Crontab knows no seconds" in result.stdout
    result = zenctx("schedule", "--orphan-cleanup-schedule", "0 0 2 L * ?")
    assert result.exit_code == 12
    assert "Quartz's alone" in result.stderr
    assert folder.is_dir()


@pytest.mark.parametrize("arguments", [(), ("--systemd",)])
def test_nothing_is_opened(folder: Path, arguments: tuple[str, ...]) -> None:
    """There need not be any database."""
    assert zenctx("schedule", *arguments, "--db", "sqlite:////nowhere/x.db").exit_code == 0
    assert list(folder.iterdir()) == []
