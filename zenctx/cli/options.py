"""Declares commands: a function takes an `Invocation` and its own parameters, and gets the common options for free."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from zenctx.cli.arguments import Flags, Format
from zenctx.cli.invocation import Invocation, SettingSources
from zenctx.cli.session import Session
from zenctx.config import OPTIONS
from zenctx.context.datastruct import DataStruct
from zenctx.errors import DataError, LocatorRefusedError, UsageError

P = ParamSpec("P")

COMMON = "Common options"
SETTINGS = "Settings for this call"
_NO_CODES: Mapping[int, str] = MappingProxyType({})


class Declared(DataStruct, frozen=True):
    """A command function as Typer takes it, the examples of its help, and what its exit codes mean."""

    function: Callable[..., int]
    examples: str
    exit_codes: Mapping[int, str]


def command(
    *, examples: str = "", settings: Sequence[str] = (), exit_codes: Mapping[int, str] = _NO_CODES
) -> Callable[[Callable[Concatenate[Invocation, P], int]], Declared]:
    """Declares a command.

    The function takes an Invocation and then parameters annotated for Typer; it gives the exit code. Its docstring is
    the help. `settings` names settings that this command takes as options, too, such as `persistent-file-dir`; they
    reach the function through `invocation.settings`. `examples` are shown in the help line by line, `exit_codes` with
    what they mean for this command (the empty text: what they usually mean); those that every command has are left out.
    """

    def declare(function: Callable[Concatenate[Invocation, P], int]) -> Declared:
        return Declared(_with_common_options(function, settings), examples, exit_codes)

    return declare


def _common(
    *,
    db: Annotated[
        str | None,
        typer.Option(metavar="URL", rich_help_panel=COMMON, help="The database: a SQLAlchemy or JDBC URL."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", rich_help_panel=COMMON, help="The settings file, in place of zenctx.toml."),
    ] = None,
    spring: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", rich_help_panel=COMMON, help="The application's own application.yml; may stand repeatedly."
        ),
    ] = None,
    format: Annotated[  # noqa: A002 - Typer takes the name of the option from it
        Format | None,
        typer.Option(
            metavar="table|json|jsonl",
            rich_help_panel=COMMON,
            help="How to write results: a table, one JSON document, or one JSON object a line.  [default: table]",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", rich_help_panel=COMMON, help="Short for --format json.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", rich_help_panel=COMMON, help="Show neither messages nor progress, only errors.")
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            rich_help_panel=COMMON,
            help="Show every row and count, which settings are used, and where an unexpected error came from.",
        ),
    ] = False,
    no_color: Annotated[
        bool, typer.Option("--no-color", rich_help_panel=COMMON, help="Use no colours; NO_COLOR does the same.")
    ] = False,
    textfile: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=COMMON,
            help="Write to this file, too, how the command ended, as Prometheus metrics for the node exporter.",
        ),
    ] = None,
) -> None:
    """Only its signature is used: the options that every command has."""


_COMMON_PARAMETERS = tuple(inspect.signature(_common).parameters.values())


def _with_common_options(function: Callable[..., int], settings: Sequence[str]) -> Callable[..., int]:
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    of_settings = {name.replace("-", "_"): name for name in settings}

    def run(context: typer.Context, /, **values: Any) -> int:
        common = {parameter.name: values.pop(parameter.name) for parameter in _COMMON_PARAMETERS}
        given = {name: values.pop(key) for key, name in of_settings.items()}
        invocation = _open(context, common, given, dry_run=bool(values.get("dry_run", False)))
        try:
            return function(invocation, **values)
        except (DataError, LocatorRefusedError) as error:
            invocation.note_failure(error)
            raise

    parameters = [
        Parameter("context", Parameter.KEYWORD_ONLY, annotation=typer.Context),
        *(parameter.replace(kind=Parameter.KEYWORD_ONLY) for parameter in own),
        *_setting_parameters(of_settings),
        *_COMMON_PARAMETERS,
    ]
    return _dressed(run, function, parameters)


def _dressed(
    run: Callable[..., int], function: Callable[..., int], parameters: Sequence[Parameter]
) -> Callable[..., int]:
    """Gives `run` the looks that Typer reads: a signature, its annotations, name and docstring."""

    def dressed(*, context: typer.Context, **values: Any) -> int:
        return run(context, **values)

    dressed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    dressed.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    dressed.__name__, dressed.__doc__ = function.__name__, function.__doc__
    return dressed


def _setting_parameters(names: Mapping[str, str]) -> list[Parameter]:
    known = {option.name: option for option in OPTIONS}
    return [
        Parameter(
            key,
            Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                str | None,
                typer.Option(
                    f"--{name}", metavar=_metavar(known[name].kind), rich_help_panel=SETTINGS, help=known[name].doc
                ),
            ],
        )
        for key, name in names.items()
    ]


def _metavar(kind: str) -> str:
    """Turns `one of a, b` and `a or b` into `a|b`, and `octal file mode` into `MODE`."""
    if kind.startswith("one of ") or " or " in kind:
        return kind.removeprefix("one of ").replace(", ", "|").replace(" or ", "|")
    return kind.rpartition(" ")[2].upper()


def _open(
    context: typer.Context, common: Mapping[str, Any], given: Mapping[str, str | None], *, dry_run: bool
) -> Invocation:
    session: Session = context.obj
    if common["quiet"] and common["verbose"]:
        raise UsageError("--quiet and --verbose contradict each other", hint="give one of them")
    session.flags = Flags(
        format=_format(common["format"], json=common["json"]),
        quiet=common["quiet"],
        verbose=common["verbose"],
        no_color=common["no_color"],
        dry_run=dry_run,
        textfile=common["textfile"],
    )
    session.check_textfile()
    options = {name: value for name, value in {"db": common["db"], **given}.items() if value is not None}
    return Invocation(session, SettingSources(options, common["config"], tuple(common["spring"] or ())))


def _format(chosen: Format | None, *, json: bool) -> Format:
    if json and chosen not in (None, Format.JSON):
        raise UsageError(f"--json and --format {chosen} contradict each other", hint="give one of them")
    return Format.JSON if json else chosen or Format.TABLE
