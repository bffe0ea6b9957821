"""Completion for a shell that is named; without a name Typer looks which shell called us, and ignores what follows."""

from typing import TYPE_CHECKING, NoReturn

import typer
from typer.completion import install_callback, show_callback

from zenctx.errors import UsageError

if TYPE_CHECKING:
    from typer._click import Context

SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")
COMPLETION_HELP = {
    "show_completion": "Print the script that completes commands for a shell: --show-completion zsh, or this shell.",
    "install_completion": "Install it for a shell, or for this shell.",
}


def complete_for(context: "Context", option: str, shell: str) -> NoReturn:
    """Shows or installs the completion for a shell, and exits. Raises UsageError for an unknown shell."""
    if shell not in SHELLS:
        raise UsageError(f"there is no completion for {shell}", hint=f"it is made for {', '.join(SHELLS[:-1])}")
    callback = show_callback if option == "--show-completion" else install_callback
    try:
        callback(context, context.command.get_params(context)[0], shell)
    except SystemExit as ending:
        # As every other ending: what was printed may have no reader.
        raise typer.Exit(0) from ending
    raise typer.Exit(0)
