"""The configured schedule as a line of crontab, or as the units of a systemd timer."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from zenctx.config import Settings
from zenctx.context import quartz


@dataclass(frozen=True, slots=True)
class ScheduleSummary:
    """The schedule as it is configured and as it was converted; `text` is what to install."""

    schedule: str
    kind: str
    converted: str
    notes: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class ScheduleReport:
    """The outcome of converting the schedule."""

    summary: ScheduleSummary
    message: str
    next_step: str | None
    exit_code: int = 0
    dry_run: bool = False
    command: str = "schedule"


_SERVICE = """\
# zenctx-gc.service
[Unit]
Description=Clean up the context files of ZenFlow

[Service]
Type=oneshot
WorkingDirectory={directory}
ExecStart={command}
"""
_TIMER = """\
# zenctx-gc.timer
[Unit]
Description=When the context files of ZenFlow are cleaned up ({schedule})

[Timer]
OnCalendar={calendar}
Persistent=true

[Install]
WantedBy=timers.target
"""


def crontab(settings: Settings, arguments: list[str], directory: Path) -> ScheduleReport:
    """Gives the line of crontab; what crontab cannot say is said. SettingsError for what only Quartz can."""
    converted = quartz.as_crontab(quartz.read(settings.orphan_cleanup_schedule))
    # A percent sign is the end of a command to cron.
    command = f"cd {shlex.quote(str(directory))} && {shlex.join(arguments)}".replace("%", "\\%")
    text = f"{converted.text} {command}"
    summary = ScheduleSummary(settings.orphan_cleanup_schedule, "crontab", converted.text, converted.notes, text)
    return ScheduleReport(summary, "\n".join(converted.notes), "'crontab -e' takes the line")


def systemd(settings: Settings, arguments: list[str], directory: Path) -> ScheduleReport:
    """Gives the service and the timer of systemd. SettingsError for what only Quartz can say."""
    converted = quartz.as_systemd(quartz.read(settings.orphan_cleanup_schedule))
    command = " ".join(map(_systemd_word, arguments))
    service = _SERVICE.format(directory=_escaped(str(directory)), command=command)
    timer = _TIMER.format(schedule=_escaped(settings.orphan_cleanup_schedule), calendar=converted.text)
    text = f"{service}\n{timer}"
    summary = ScheduleSummary(settings.orphan_cleanup_schedule, "systemd", converted.text, converted.notes, text)
    step = "put each into /etc/systemd/system, then 'systemctl enable --now zenctx-gc.timer'"
    return ScheduleReport(summary, "\n".join(converted.notes), step)


def _systemd_word(word: str) -> str:
    escaped = _escaped(word).replace("$", "$$")
    plain = all(character.isalnum() or character in "-_./:=,@%$" for character in escaped)
    if plain and escaped:
        return escaped
    quoted = escaped.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'


def _escaped(text: str) -> str:
    """A percent sign begins a specifier to systemd."""
    return text.replace("%", "%%")
