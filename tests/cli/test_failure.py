"""Tests of how an error becomes sentences."""

import pytest
import typer

from zenctx.cli.failure import as_sentence, as_step, describe
from zenctx.errors import RefusedError


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("the file is gone", "The file is gone."),
        ("The end.", "The end."),
        ("zenctx knows better", "zenctx knows better."),
        ("--quick reads nothing", "--quick reads nothing."),
        ("/etc/x is not valid", "/etc/x is not valid."),
        ("is it there?", "Is it there?"),
    ],
)
def test_a_message_becomes_a_sentence(text: str, sentence: str) -> None:
    """A capital, unless the first word is no plain one, and a full stop."""
    assert as_sentence(text) == sentence


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("run 'zenctx db upgrade'", "Run 'zenctx db upgrade'."),
        ("is the server running?", "Is the server running?"),
        ("write sqlite:////path/to/file.db", "Write sqlite:////path/to/file.db"),
        ("leave out --db and --config", "Leave out --db and --config"),
        ("decide with --run ID --assume legacy|descriptors", "Decide with --run ID --assume legacy|descriptors"),
        ('texts stand in quotes: file-mode = "0440"', 'Texts stand in quotes: file-mode = "0440".'),
        ("write it as %40", "Write it as %40"),
    ],
)
def test_what_to_do_has_no_full_stop_that_would_be_copied(text: str, step: str) -> None:
    """Behind a path, a URL or an option there is none."""
    assert as_step(text) == step


def test_an_interruption_may_say_what_was_done() -> None:
    """An operation raises it anew with what to do; else there is nothing to add."""
    assert describe(KeyboardInterrupt("run it again")).hint == "Run it again."
    assert describe(KeyboardInterrupt()).hint is None
    assert describe(typer.Abort()).exit_code == 130


def test_passwords_are_masked_wherever_an_error_came_from() -> None:
    """In the message and in the hint."""
    failure = describe(RefusedError("no postgresql://u:geheim@db/x", hint="set password=geheim there"))
    assert failure.lines == ["Error: No postgresql://u:***@db/x.", "Hint: Set password=*** there."]
