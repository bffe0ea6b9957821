"""Tests of the tree of commands, its help and its errors."""

import json
import re
import traceback
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.cli import samples
from zenctx import __version__
from zenctx.cli.app import COMMANDS
from zenctx.cli.app import app as real_app
from zenctx.cli.arguments import COMMON_OPTIONS, Flags, Format, read_flags
from zenctx.cli.group import Entry, build_app
from zenctx.config import OPTIONS


def invoke(*arguments: str, env: dict[str, str] | None = None) -> Result:
    """Runs the sample application."""
    return CliRunner().invoke(samples.app, list(arguments), env=env, prog_name="sample")


def test_help_lists_every_command_without_importing_one() -> None:
    """A command whose module is missing is listed with its line, in its section, like any other."""
    result = invoke("--help")
    assert result.exit_code == 0
    assert "Look:\n  listing  List made-up runs.\n  broken   A command whose module is missing.\n" in result.stdout
    assert "Fail:\n  deep     Commands below a command.\n" in result.stdout
    assert invoke("-h").stdout == result.stdout


@pytest.mark.parametrize("arguments", [[], ["deep"]])
def test_a_group_without_a_command_shows_its_help(arguments: list[str]) -> None:
    """The help comes with the code of a usage error."""
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert result.stdout == invoke(*arguments, "--help").stdout


def test_help_of_a_command_has_own_options_first_and_examples_as_typed() -> None:
    """Sections stand in the order own, settings, common; examples keep their spaces and brackets."""
    output = invoke("listing", "-h").stdout
    places = [output.index(title) for title in ("\nOptions:", "\nSettings for this call:", "\nCommon options:")]
    assert places == sorted(places)
    assert output.index("--count") < output.index("--persistent-file-dir") < output.index("--db URL")
    assert output.endswith(
        "Examples:\n  sample listing --count 3 [RUN]\n  sample listing --count 1000000 --format jsonl   |   wc -l\n"
    )
    assert "-h, --help" in output[places[2] :]


def test_every_common_option_is_in_the_help() -> None:
    """The names that are known without parsing are those that commands take."""
    output = invoke("deep", "raw", "--help").stdout
    section = output.partition("Common options:")[2]
    assert re.findall(r"^  (--[a-z-]+)", section, re.MULTILINE) == list(COMMON_OPTIONS)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["listng"], "No such command: listng.\nHint: Did you mean listing?"),
        (["xyzzy"], "No such command: xyzzy.\nHint: See `zenctx --help`."),
        (["deep", "crush"], "No such command: crush.\nHint: Did you mean crash?"),
        (["listing", "--cout", "3"], "No such option: --cout.\nHint: Did you mean --count or --quiet?"),
        (["listing", "--zzz"], "No such option: --zzz.\nHint: See `zenctx listing --help`."),
        (["--db", "x", "listing"], "--db stands before the command.\nHint: Write it behind: sample COMMAND --db"),
        (["listing", "--db"], "Option '--db' requires an argument.\nHint: See `zenctx listing --help`."),
        (
            ["listing", "--format", "xml"],
            (
                "Invalid value for '--format': 'xml' is not one of 'table', 'json', 'jsonl'.\n"
                "Hint: See `zenctx listing --help`."
            ),
        ),
        (["listing", "--json", "--format", "jsonl"], "--json and --format jsonl contradict each other."),
        (
            ["listing", "postgresql://u:geheim@db/x"],
            "Got unexpected extra argument(s) (postgresql://u:***@db/x).\nHint: See `zenctx listing --help`.",
        ),
        (["listing", "\x1b]0;x\x07\u202e"], "Got unexpected extra argument(s) (\\x1b]0;x\\x07\\u202e)."),
    ],
)
def test_a_usage_error_is_one_sentence_and_a_hint(arguments: list[str], sentence: str) -> None:
    """Exit code 2, the nearest name where there is one, nothing from the arguments obeyed or betrayed."""
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {sentence}\n")
    assert "geheim" not in result.output


def test_an_unforeseen_error_is_one_sentence_without_its_values() -> None:
    """Class and place are told; the text of the error may hold anything and is not."""
    result = invoke("deep", "crash")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: Unexpected: ValueError (")
    assert re.search(r"\(zenctx/cli/\w+\.py:\d+\)\.\n", result.stderr)
    assert "hunter2" not in result.output
    assert "Traceback" not in result.output


def test_verbose_adds_the_traceback_without_locals_and_passwords() -> None:
    """The traceback names the lines; values of variables, passwords and control characters are not in it."""
    result = invoke("deep", "crash", "--verbose")
    assert "Traceback" in result.stderr
    assert "postgresql://admin:***@db/x" in result.stderr
    assert "hunter2@" not in result.stderr
    assert "\x1b" not in result.stderr


def test_an_error_of_the_system_tells_what_the_system_said() -> None:
    """A full disk is named even where nobody expected it."""
    assert "No space left on device: /data/file" in invoke("deep", "crash", "--how", "disk").stderr


def test_an_error_in_the_output_does_not_hide_the_first() -> None:
    """A column that fails again while the output is ended changes nothing."""
    result = invoke("deep", "crash", "--how", "column")
    assert result.exit_code == 1
    assert "AttributeError" in result.stderr


def test_an_interruption_has_its_own_code() -> None:
    """Ctrl-C is 130 and a word, not a traceback."""
    result = invoke("deep", "crash", "--how", "interrupt")
    assert (result.exit_code, result.stderr) == (130, "Error: Interrupted.\n")


def test_bytes_are_not_followed_by_a_document() -> None:
    """When a value is being written, an error is told on standard error alone."""
    result = invoke("deep", "raw", "--fail", "--json", "--size", "2")
    assert result.exit_code == 5
    assert result.stdout_bytes == b"\x00\xff\x00\xff"
    assert "half way" in result.stderr


def test_settings_come_from_options_of_the_command(tmp_path: Path) -> None:
    """An option named after a setting reaches the settings under its name."""
    app = build_app([*samples.COMMANDS, Entry("location", "Show.", target="tests.cli.samples:location")])
    app.callback()(samples.root)
    settings = tmp_path / "zenctx.toml"
    settings.write_text('persistent-file-dir = "from-file"\nengine-reads = "all"\n')
    result = CliRunner().invoke(app, ["location", "--config", str(settings)])
    assert result.stdout == "from-file all\n"


def test_unknown_settings_files_are_errors_of_setup() -> None:
    """A file named on the command line must exist."""
    result = CliRunner().invoke(real_app, ["config", "show", "--config", "/no/such/file.toml"])
    assert result.exit_code == 12
    assert result.stderr.startswith("Error: ")
    assert traceback.format_exc() == "NoneType: None\n"


def test_version_is_an_option_of_the_application() -> None:
    """The application answers it as the start does."""
    result = CliRunner().invoke(real_app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"zenctx {__version__}\n")


def test_every_command_of_the_application_can_be_called_for_help() -> None:
    """Each entry finds its function, and its help begins with the same verb as its line in the list."""
    for entry in COMMANDS:
        result = CliRunner().invoke(real_app, [*entry.words.split(), "--help"], prog_name="zenctx")
        assert result.exit_code == 0, entry.words
        paragraphs = [" ".join(paragraph.split()) for paragraph in result.stdout.split("\n\n")]
        assert paragraphs[1].split()[0] == entry.summary.split()[0], entry.words


def test_completion_offers_commands_and_options() -> None:
    """The shell is told commands without importing them, and a command's own options."""

    def complete(words: str) -> list[str]:
        env = {"_SAMPLE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
        return invoke(env=env).stdout.split()

    assert complete("sample bro") == ["broken"]
    assert complete("sample deep cr") == ["crash"]
    assert complete("sample listing --cou") == ["--count"]


@pytest.mark.parametrize(
    ("arguments", "flags"),
    [
        ([], Flags()),
        (["--json"], Flags(format=Format.JSON)),
        (["--format", "jsonl", "--quiet"], Flags(format=Format.JSONL, quiet=True)),
        (["--format=json", "--dry-run", "--verbose"], Flags(format=Format.JSON, dry_run=True, verbose=True)),
        (["--format", "xml", "--no-color"], Flags(no_color=True)),
        (["--format"], Flags()),
        (["--", "--json"], Flags()),
    ],
)
def test_flags_are_found_in_bare_arguments(arguments: list[str], flags: Flags) -> None:
    """What shapes an error message is known before the arguments are understood."""
    assert read_flags(arguments) == flags


@pytest.mark.parametrize(
    ("shell", "words"), [("zsh", "#compdef zenctx"), ("bash", "complete -o default"), ("fish", "complete --command")]
)
def test_completion_is_shown_for_the_shell_that_is_named(shell: str, words: str) -> None:
    """Not for the one that happens to be running."""
    result = CliRunner().invoke(real_app, ["--show-completion", shell], prog_name="zenctx")
    assert result.exit_code == 0
    assert words in result.stdout


def test_quiet_and_verbose_contradict_each_other() -> None:
    """One of them is a mistake."""
    result = invoke("listing", "--quiet", "--verbose")
    assert result.exit_code == 2
    assert result.stderr == "Error: --quiet and --verbose contradict each other.\nHint: Give one of them.\n"


def test_verbose_tells_the_settings_that_matter(tmp_path: Path) -> None:
    """On standard error, passwords masked, with their origins."""
    app = build_app([*samples.COMMANDS, Entry("location", "Show.", target="tests.cli.samples:location")])
    app.callback()(samples.root)
    result = CliRunner().invoke(app, ["location", "--verbose", "--db", "postgresql://u:geheim@db/x"])
    database, files, engine = result.stderr.splitlines()
    assert database == "db = postgresql://u:***@db/x (option --db)"
    assert files.startswith("persistent-file-dir = /")
    assert engine.startswith("engine-dir = /")
    assert tmp_path.exists()


def test_settings_options_show_the_kind_of_value() -> None:
    """Choices are listed, other kinds named."""
    output = invoke("listing", "--help").stdout
    assert "--persistent-file-dir DIRECTORY" in output
    assert "--engine-reads published|all" in output
    assert {"persistent-file-dir", "engine-reads"} < {option.name for option in OPTIONS}


def test_the_document_of_a_group_is_valid_json() -> None:
    """An unknown command below a group has a document, too."""
    assert json.loads(invoke("deep", "nothing", "--json").stdout)["exit_code"] == 2
