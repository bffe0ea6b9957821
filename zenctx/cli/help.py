"""Help pages in plain text: own options first, common ones last, examples as they were typed."""

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from typer.core import TyperCommand, TyperGroup

from zenctx.cli.ready_values import take_ready_values

if TYPE_CHECKING:
    # Typer names these classes in the methods that a subclass may replace, and exports them nowhere.
    from typer._click import Command as AnyCommand
    from typer._click import Context, HelpFormatter, Parameter

_WIDEST_NAME = 28
_ANGLES = re.compile(r"<(?:list\[)?(.*?)\]?>")
_KINDS = {"int": "N", "int range": "N", "str": "TEXT"}


class Command(TyperCommand):
    """A command whose options stand in sections by their `rich_help_panel`, and whose epilog keeps its lines.

    `exit_codes`: what its codes mean.
    """

    exit_codes: Mapping[int, str] = MappingProxyType({})
    below: Sequence[tuple[str, str]] = ()
    """Commands that are called by one more word, with their lines."""

    def get_params(self, ctx: "Context") -> list["Parameter"]:
        """Gives the parameters, quick ones."""
        return take_ready_values(super().get_params(ctx))

    def collect_usage_pieces(self, ctx: "Context") -> list[str]:
        """Gives `[OPTIONS] RUN [KEY]`."""
        arguments = [each for each in self.get_params(ctx) if each.param_type_name == "argument"]
        return ["[OPTIONS]", *(_usage_of(argument) for argument in arguments)]

    def format_options(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Writes the sections of arguments and options."""
        _write_section("Commands", self.below, formatter, max((len(name) for name, _ in self.below), default=0))
        write_parameters(self.get_params(ctx), ctx, formatter)

    def format_epilog(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Writes the exit codes, and the examples line by line."""
        write_exit_codes(self.exit_codes, formatter, rest="those of every command: zenctx --help")
        write_examples(self.epilog, formatter)


class CommandGroup(TyperGroup):
    """A group that lists its commands in sections by their `rich_help_panel`, before its options."""

    def get_params(self, ctx: "Context") -> list["Parameter"]:
        """Gives the parameters, quick ones."""
        return take_ready_values(super().get_params(ctx))

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
        record = _record(parameter, ctx)
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


def write_exit_codes(codes: Mapping[int, str], formatter: "HelpFormatter", *, rest: str) -> None:
    """Writes a section of exit codes; `rest` says something of those that are not listed."""
    if codes:
        rows = [(str(code), meaning) for code, meaning in codes.items()]
        width = max(len(code) for code, _ in rows)
        _write_section(f"Exit codes ({rest})", rows, formatter, width)


def _usage_of(argument: "Parameter") -> str:
    name = _name_of(argument)
    return name if argument.required else f"[{name}]"


def _name_of(argument: "Parameter") -> str:
    return argument.metavar or (argument.name or "").upper()


def _record(parameter: "Parameter", ctx: "Context") -> tuple[str, str] | None:
    """Gives a parameter's name and text, without Typer's words for types: `--limit N`, `--to descriptors|legacy`."""
    record = parameter.get_help_record(ctx)
    if record is None:
        return None
    if parameter.param_type_name == "argument":
        return _name_of(parameter), record[1].replace("  [required]", "")
    name = _ANGLES.sub(lambda match: _KINDS.get(match[1], match[1]), record[0])
    return name, record[1]


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
