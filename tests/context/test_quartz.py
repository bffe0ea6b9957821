"""Schedules of Quartz in the words of crontab and systemd."""

import pytest

from zenctx.context.quartz import as_crontab, as_systemd, read
from zenctx.errors import SettingsError


@pytest.mark.parametrize(
    ("quartz", "crontab", "systemd"),
    [
        ("0 0 2 * * ?", "0 2 * * *", "*-*-* 02:00:00"),
        ("0 30 3 ? * MON-FRI", "30 3 * * 1,2,3,4,5", "Mon,Tue,Wed,Thu,Fri *-*-* 03:30:00"),
        ("0 0/15 * * * ?", "*/15 * * * *", "*-*-* *:00..59/15:00"),
        ("0 5/10 8-18 1,15 JAN,JUL ?", "5-59/10 8-18 1,15 1,7 *", "*-01,07-01,15 08..18:05..59/10:00"),
        ("0 0 4 ? * 1", "0 4 * * 0", "Sun *-*-* 04:00:00"),
        ("0 0 0 */2 * ? *", "0 0 */2 * *", "*-*-01..31/2 00:00:00"),
        ("0 0 2 ? * FRI-MON", "0 2 * * 0,1,5,6", "Sun,Mon,Fri,Sat *-*-* 02:00:00"),
        ("0 0 22-2/2 * NOV-JAN ?", "0 22,0,2 * 11,12,1 *", "*-11,12,01-* 22,00,02:00:00"),
        ("0 0 2 30-2 * ?", "0 2 30,31,1,2 * *", "*-*-30,31,01,02 02:00:00"),
    ],
)
def test_what_both_can_say(quartz: str, crontab: str, systemd: str) -> None:
    """Without anything left out."""
    schedule = read(quartz)
    assert (as_crontab(schedule).text, as_crontab(schedule).notes) == (crontab, ())
    assert as_systemd(schedule).text == systemd


def test_what_crontab_leaves_out() -> None:
    """Seconds and years, which systemd knows."""
    schedule = read("0/30 0 2 * * ? 2027")
    assert len(as_crontab(schedule).notes) == 2
    assert as_systemd(schedule).text == "2027-*-* 02:00:00..59/30"


@pytest.mark.parametrize(
    ("quartz", "why"),
    [
        ("0 2 * * *", "5 fields"),
        ("0 0 2 L * ?", "Quartz's alone"),
        ("0 0 2 15W * ?", "Quartz's alone"),
        ("0 0 2 ? * 6#3", "Quartz's alone"),
        ("0 0 2 ? * 6L", "Quartz's alone"),
        ("0 60 2 * * ?", "60 is no minutes"),
        ("0 0 2 * * ? 2030-2027", "goes backwards"),
        ("0 0/0 2 * * ?", "is no step"),
        ("0 0 2 * FOO ?", "FOO is no month"),
    ],
)
def test_what_cannot_be_said(quartz: str, why: str) -> None:
    """The setting is named, and what is wrong with it."""
    with pytest.raises(SettingsError, match=why) as caught:
        read(quartz)
    assert "orphan-cleanup-schedule" in caught.value.message


def test_both_kinds_of_days_at_once() -> None:
    """To crontab two restrictions mean either of them."""
    with pytest.raises(SettingsError, match="either"):
        as_crontab(read("0 0 2 1 * MON"))
