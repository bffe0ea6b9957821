"""The tree of commands: each is imported only when it is called, and every error of it ends in one place."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import typer
from typer.main import get_command

from zenctx.cli.arguments import COMMON_OPTIONS
from zenctx.cli.completion import COMPLETION_HELP, complete_for
from zenctx.cli.exit_codes import EXIT_CODES, of_command
from zenctx.cli.help import Command, CommandGroup, write_exit_codes
from zenctx.cli.session import Session
from zenctx.cli.streams import translated
from zenctx.errors import UsageError

if TYPE_CHECKING:
    from typer._click import Command as AnyCommand
    from typer._click import Context, HelpFormatter, Parameter


class Entry(NamedTuple):
    """One command: its words (`config show`), its line in the help, the section it stands in.

    The function is looked up when the command is called: `zenctx.cli.commands.config:show`, or `target`. Without a
    function (`branch`) it is the group whose commands follow. A command may have others below it without being a group:
    `gc log` beside `gc --dry-run`.
    """

    words: str
    summary: str
    section: str = "Commands"
    target: str = ""
    branch: bool = False

    @property
    def name(self) -> str:
        """The last word."""
        return self.words.rpartition(" ")[2]

    @property
    def function(self) -> tuple[str, str]:
        """Module and name of the declared command."""
        if self.target:
            module, _, name = self.target.partition(":")
            return module, name
        first, _, _ = self.words.partition(" ")
        return f"zenctx.cli.commands.{first}", self.name.replace("-", "_")


class Group(CommandGroup):
    """A group that shows its help when nothing follows it, and suggests the nearest name for one it does not know."""

    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        """Parses as usual; without anything to parse shows the help and exits with 2."""
        if not args and not ctx.resilient_parsing:
            with translated():
                typer.echo(ctx.get_help())
            raise typer.Exit(2)
        first = args[0].partition("=")[0] if args else ""
        if first in COMMON_OPTIONS and not ctx.resilient_parsing:
            raise UsageError(
                f"{first} stands before the command.", hint=f"Write it behind: {ctx.command_path} COMMAND {first}"
            )
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: "Context", args: list[str]) -> tuple[str | None, "AnyCommand | None", list[str]]:
        """Finds the command. Raises UsageError with the nearest names."""
        if ctx.resilient_parsing or self.get_command(ctx, args[0]) is not None:
            return super().resolve_command(ctx, args)
        near = get_close_matches(args[0], self.list_commands(ctx))
        raise UsageError(f"No such command: {args[0]}.", hint=f"Did you mean {' or '.join(near)}?" if near else None)


class RootGroup(Group):
    """The whole application: opens the session and lets no error past it."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: "Context | None" = None, **extra: Any
    ) -> "Context":
        """Parses the arguments before the command within a new session."""
        if extra.get("resilient_parsing"):
            return super().make_context(info_name, args, parent, **extra)
        session = Session(args)
        # The parser empties `args`; the session has looked at them first.
        return session.guard(lambda: super(RootGroup, self).make_context(info_name, args, parent, obj=session, **extra))

    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        """Parses as usual; the two options of completion take the name of a shell, too."""
        if len(args) > 1 and args[0] in ("--show-completion", "--install-completion"):
            complete_for(ctx, args[0], args[1])
        return super().parse_args(ctx, args)

    def get_params(self, ctx: "Context") -> list["Parameter"]:
        """Gives the parameters, those of completion with words of our own."""
        parameters = super().get_params(ctx)
        for parameter in parameters:
            if parameter.name in COMPLETION_HELP:
                parameter.help = COMPLETION_HELP[parameter.name]  # type: ignore[attr-defined]
        return parameters

    def format_epilog(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Writes every exit code, and the examples."""
        write_exit_codes(EXIT_CODES, formatter, rest="any other one is a failure, too")
        super().format_epilog(ctx, formatter)

    def invoke(self, ctx: "Context") -> Any:
        """Runs the command; its exit code, or that of its error, is the program's."""
        session: Session = ctx.obj

        def run() -> int:
            code: int = super(RootGroup, self).invoke(ctx)
            session.close()
            return session.record(code)

        raise typer.Exit(session.guard(run))


class LazyCommand(Command):
    """Stands in for a command in lists and completions, and becomes it when it is called."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.name, short_help=entry.summary, rich_help_panel=entry.section, rich_markup_mode=None)
        self._entry = entry
        self._below: dict[str, AnyCommand] = {}
        self._loaded: AnyCommand | None = None

    def add_below(self, command: "AnyCommand", name: str) -> None:
        """Takes a command that is called by the word `name` behind this one."""
        self._below[name] = command

    def make_context(
        self, info_name: str | None, args: list[str], parent: "Context | None" = None, **extra: Any
    ) -> "Context":
        """Imports the command and parses its arguments; or hands them to one below it."""
        if args and args[0] in self._below:
            return self._below[args[0]].make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        if parent is not None and isinstance(parent.obj, Session):
            parent.obj.command = self._entry.words
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded.make_context(info_name, args, parent, **extra)

    def _load(self) -> "AnyCommand":
        module, name = self._entry.function
        declared = getattr(import_module(module), name)
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(self._entry.name, cls=Command, epilog=declared.examples)(declared.function)
        command = get_command(single)
        if isinstance(command, Command):
            command.exit_codes = of_command(declared.exit_codes)
            command.below = [(name, each.short_help or "") for name, each in self._below.items()]
        return command


def grow(root: Group, entries: Iterable[Entry]) -> None:
    """Hangs the commands into the root; the entry of a branch stands before those of its commands."""
    groups = {"": root}
    leading: dict[str, LazyCommand] = {}
    for entry in entries:
        parent, _, name = entry.words.rpartition(" ")
        command: AnyCommand = _branch(entry) if entry.branch else LazyCommand(entry)
        if parent in leading:
            leading[parent].add_below(command, name)
        else:
            groups[parent].add_command(command, name)
        if isinstance(command, Group):
            groups[entry.words] = command
        elif isinstance(command, LazyCommand):
            leading[entry.words] = command


def build_app(entries: Sequence[Entry]) -> typer.Typer:
    """Makes the application of these commands."""

    class Root(RootGroup):
        """The root with its commands."""

        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            grow(self, entries)

    return typer.Typer(
        cls=Root,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def _branch(entry: Entry) -> Group:
    return Group(
        name=entry.name,
        help=entry.summary,
        short_help=entry.summary,
        rich_help_panel=entry.section,
        rich_markup_mode=None,
    )
