"""`zenctx config`: the settings that are in effect."""

from dataclasses import dataclass

from zenctx.cli import columns
from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command
from zenctx.config import OPTIONS, Settings

COLUMNS = (
    columns.identifier("setting", "setting"),
    columns.text("value", "value"),
    columns.text("origin", "origin", squeeze="middle", least=20),
)


@dataclass(frozen=True, slots=True)
class SettingItem:
    """One setting: its name, its effective value as text with passwords masked, and where that comes from."""

    setting: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class SettingsSummary:
    """How many settings there are, and how many of them somebody set."""

    settings: int
    changed: int


@dataclass(frozen=True, slots=True)
class SettingsReport:
    """The report of `config show`."""

    summary: SettingsSummary
    message: str
    dry_run: bool = False
    exit_code: int = 0
    next_step: str | None = None


@command(
    settings=[option.name for option in OPTIONS if option.name not in ("db", "spring", "persistence.enabled")],
    examples="""
    zenctx config show
    zenctx config show --json
    ZENCTX_FILE_GROUP=zenflow zenctx config show --config /etc/zenctx.toml
    """,
)
def show(invocation: Invocation) -> int:
    """Show every setting with its value and where it comes from.

    The first of these that names a setting wins: an option, a variable ZENCTX_*, the settings file, the
    application's own settings (--spring), the default. Passwords are masked. Nothing is opened but these files.
    """
    settings = invocation.settings
    invocation.output.begin(COLUMNS)
    for item in items(settings):
        invocation.output.item(item)
    return invocation.output.finish(report(settings))


def items(settings: Settings) -> list[SettingItem]:
    """Gives every setting in the order of the documentation."""
    return [SettingItem(name, value, settings.origins[name]) for name, value in settings.shown().items()]


def report(settings: Settings) -> SettingsReport:
    """Counts them."""
    origins = list(settings.origins.values())
    summary = SettingsSummary(settings=len(origins), changed=len(origins) - origins.count("default"))
    return SettingsReport(summary, f"{summary.settings} settings, {summary.changed} of them changed from the default")
