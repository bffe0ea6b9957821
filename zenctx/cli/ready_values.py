"""Values that need no conversion: for them the library that converts is not even imported, a tenth of a start."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from zenctx.cli.streams import translated
from zenctx.errors import UsageError

if TYPE_CHECKING:
    # Typer names these classes in the methods that a subclass may replace, and exports them nowhere.
    from typer._click import Context, Parameter


def take_ready_values(parameters: "list[Parameter]") -> "list[Parameter]":
    """Lets parameters take what is right as it is: nothing, their own default, a text where a text is wanted.

    Gives the same parameters. All else goes the usual way: numbers, choices, paths. A text that is not UTF-8 raises
    UsageError: no database could be asked for it.
    """
    for parameter in parameters:
        if "process_value" not in vars(parameter):
            setattr(parameter, "process_value", _shortened(parameter, parameter.process_value))  # noqa: B010 - mypy
    return parameters


def _shortened(parameter: "Parameter", convert: "Callable[[Context, Any], Any]") -> "Callable[[Context, Any], Any]":
    kind = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)
    many = parameter.nargs != 1 or getattr(parameter, "multiple", False)

    def is_ready(value: Any) -> bool:
        if value is None or value == ():
            return not parameter.required
        return value is parameter.default or (kind is str and isinstance(value, str))

    def process(ctx: "Context", value: Any) -> Any:
        if kind in (str, list[str]) and value:
            _require_unicode([value] if isinstance(value, str) else value, parameter)
        if not is_ready(value):
            # What is eager writes and ends: --help.
            with translated() if parameter.is_eager else nullcontext():
                return convert(ctx, value)
        if many and value is None:
            value = ()
        return value if parameter.callback is None else parameter.callback(ctx, parameter, value)

    return process


def _require_unicode(texts: Sequence[str], parameter: "Parameter") -> None:
    try:
        for text in texts:
            text.encode()
    except UnicodeEncodeError:
        name = parameter.opts[0] if parameter.param_type_name == "option" else (parameter.name or "").upper()
        raise UsageError(f"{name} is not UTF-8 text.") from None
