"""Help pages in plain text: own options first, common ones last, examples as they were typed."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    # Typer names these classes in the methods that a subclass may replace, and exports them nowhere.
    from typer._click import Command as AnyCommand
    from typer._click import Context, HelpFormatter, Parameter

_WIDEST_NAME = 28


class Command(TyperCommand):
    """A command whose options stand in sections by their `rich_help_panel`, and whose epilog keeps its lines."""

    def format_options(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Writes the sections of arguments and options."""
        write_parameters(self.get_params(ctx), ctx, formatter)

    def format_epilog(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Writes the examples, line by line."""
        write_examples(self.epilog, formatter)


class CommandGroup(TyperGroup):
    """A group that lists its commands in sections by their `rich_help_panel`, before its options."""

    def format_options(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Writes the sections of commands, then those of options."""
        sections: dict[str, list[AnyCommand]] = {}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                sections.setdefault(_panel(command) or "Commands", []).append(command)
        width = max((len(name) for name in self.list_commands(ctx)), default=0)
        for title, commands in sections.items():
            rows = [(command.name or "", command.short_help or "") for command in commands]
            _write_section(title, rows, formatter, width)
        write_parameters(self.get_params(ctx), ctx, formatter)

    def format_epilog(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Writes the examples, line by line."""
        write_examples(self.epilog, formatter)


def write_parameters(parameters: Iterable["Parameter"], ctx: "Context", formatter: "HelpFormatter") -> None:
    """Writes arguments, own options, then each panel of options in order; `--help` goes into the last of them."""
    sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
    for parameter in parameters:
        record = parameter.get_help_record(ctx)
        if record is None:
            continue
        title = _panel(parameter) or ("Arguments" if parameter.param_type_name == "argument" else "Options")
        if parameter.name == "help":
            title = list(sections)[-1]
        sections.setdefault(title, []).append(record)
    widths = [len(name) for rows in sections.values() for name, _ in rows]
    width = min(max(widths, default=0), _WIDEST_NAME)
    for title, rows in sections.items():
        _write_section(title, rows, formatter, width)


def write_examples(examples: str | None, formatter: "HelpFormatter") -> None:
    """Writes a section of lines as they are."""
    if examples:
        with formatter.section("Examples"):
            formatter.write(textwrap.indent(textwrap.dedent(examples).strip("\n"), "  ") + "\n")


def _write_section(title: str, rows: Sequence[tuple[str, str]], formatter: "HelpFormatter", width: int) -> None:
    if rows:
        with formatter.section(title):
            for name, text in rows:
                formatter.write(_row(name, text, width, formatter.width))


def _row(name: str, text: str, name_width: int, width: int) -> str:
    """Gives one name with its text beside it, wrapped at spaces only: `--dry-run` is never torn."""
    indent = " " * (name_width + 4)
    first = f"  {name:<{name_width}}  " if len(name) <= name_width else f"  {name}\n{indent}"
    lines = textwrap.wrap(text, max(width - len(indent), 20), break_on_hyphens=False, break_long_words=False)
    return (first + f"\n{indent}".join(lines)).rstrip() + "\n"


def _panel(owner: object) -> str | None:
    panel: str | None = getattr(owner, "rich_help_panel", None)
    return panel
