"""Tests of the command line as a process: exit codes, pipes, signals, terminals, what a start imports."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.cli.processes import SAMPLE, ZENCTX, environment, run, run_in_terminal
from tests.cli.samples import RUN_ID
from zenctx import __version__

LISTING = (*SAMPLE, "listing")
EXPLICIT_START = "import sys; from zenctx.cli.main import main; sys.argv[1:] = {arguments!r}; main()"


def start(*arguments: str, script: str = EXPLICIT_START) -> list[str]:
    """Gives the command that starts zenctx as its start script does."""
    return [sys.executable, "-c", script.format(arguments=list(arguments))]


def imported(*arguments: str) -> set[str]:
    """Gives the names of the modules that a call of zenctx imports."""
    script = "import sys, atexit; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); " + EXPLICIT_START
    done = subprocess.run(start(*arguments, script=script), capture_output=True, check=True, env=environment())
    return set(done.stderr.decode().split())


def test_the_version_costs_no_import() -> None:
    """`--version` answers before Typer, and even before `re`, is imported."""
    assert run(*ZENCTX, "--version").stdout == f"zenctx {__version__}\n"
    assert not {"typer", "re", "dataclasses", "importlib.metadata", "zenctx.errors"} & imported("--version")


def test_the_version_meets_a_closed_pipe_like_any_command() -> None:
    """The short way out does not skip the care for standard output."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(start("--version"), stdout=writing, stderr=subprocess.PIPE, check=False, env=environment())
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_help_imports_no_command_and_no_heavy_library() -> None:
    """`--help` needs the list of commands, not the commands."""
    modules = imported("--help")
    assert not {"sqlalchemy", "alembic", "psycopg", "pydantic", "rich", "orjson", "msgspec"} & modules
    assert not any(name.startswith(("zenctx.cli.commands", "zenctx.operations", "zenctx.config")) for name in modules)


def test_a_command_imports_only_what_it_needs(tmp_path: Path) -> None:
    """Texts are not given to the library that converts; off a terminal nothing is laid out."""
    file = tmp_path / "playground"
    assert run(*ZENCTX, "demo", str(file)).exit_code == 0
    modules = imported("runs", "--quiet", "--db", f"sqlite:///{file}/zenctx.db")
    assert "zenctx.operations.runs" in modules
    assert not {"pydantic", "rich", "multiprocessing", "psycopg"} & modules


@pytest.mark.parametrize(
    ("words", "named"), [(("inspect",), "RUN"), (("runs", "--workflow"), "--workflow"), (("runs", "--db"), "--db")]
)
def test_an_argument_that_is_no_text_is_refused(words: tuple[str, ...], named: str) -> None:
    """A shell hands over any bytes: one sentence, before anything is opened."""
    done = run(*ZENCTX, *words, "a\udcff")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"Error: {named} is not UTF-8 text.\n")


@pytest.mark.parametrize("format_", ["table", "json", "jsonl"])
def test_a_reader_that_leaves_ends_the_command_quietly(format_: str) -> None:
    """As with `| head -1`: code 141, not a word on standard error."""
    with subprocess.Popen(
        [sys.executable, *LISTING, "--count", "50000", "--format", format_],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 141


@pytest.mark.parametrize("arguments", [["--help"], ["listing", "--help"], ["listing"], ["deep", "raw"]])
def test_a_reader_that_never_was_is_found_at_the_last_flush(arguments: list[str]) -> None:
    """A short output meets the closed pipe only when it is flushed; the interpreter does not complain either."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, *SAMPLE, *arguments], stdout=writing, stderr=subprocess.PIPE, check=False, env=environment()
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "arguments", [["listing"], ["listing", "--json"], ["listing", "--count", "50000", "--json"], ["--help"], []]
)
def test_a_full_disk_behind_standard_output_is_one_sentence(arguments: list[str]) -> None:
    """The command says that its output is lost, once, and does not end with 0."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, *SAMPLE, *arguments], stdout=full, stderr=subprocess.PIPE, check=False, env=environment()
        )
    assert done.returncode == 1
    assert done.stderr.decode() == "Error: Standard output cannot be written: No space left on device.\n"


def test_a_closed_standard_output_is_no_error() -> None:
    """A command that has nowhere to write (`>&-`) still does its work."""
    command = f"{sys.executable} -m tests.cli.samples listing >&-"
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, check=False, env=environment())
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_ctrl_c_is_130(arguments: list[str]) -> None:
    """An interrupted command says so; with JSON its document says it, too."""
    done = run(*SAMPLE, "deep", "work", "--interrupt-at", "2", *arguments)
    assert (done.exit_code, done.stderr) == (130, "Error: Interrupted.\n")
    if arguments:
        document = json.loads(done.stdout)
        assert (document["exit_code"], document["error"]["kind"]) == (130, "interrupted")


@pytest.mark.parametrize("within", ["raise KeyboardInterrupt", "exec('raise KeyboardInterrupt')"])
def test_ctrl_c_while_the_program_starts_is_130_without_a_traceback(within: str) -> None:
    """Before there is a command there is nothing to say; nor does it end by a signal where a text was executed."""
    script = f"""
import sys
from zenctx.cli.main import main
class Impatient:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            {within}
sys.meta_path.insert(0, Impatient())
main()
"""
    done = run("-c", script)
    assert (done.exit_code, done.stdout, done.stderr) == (130, "", "")


def test_ctrl_c_after_the_command_has_ended_changes_its_code_no_more() -> None:
    """While the interpreter stops, which takes longer than some commands do."""
    script = """
import atexit, os, signal, sys
from zenctx.cli.main import main
atexit.register(os.kill, os.getpid(), signal.SIGINT)
sys.argv = ["zenctx", "--help"]
main()
"""
    done = run("-c", script)
    assert (done.exit_code, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["listing"], 0),
        (["listing", "--exit-code", "3"], 3),
        (["listing", "--fail-at", "0"], 5),
        (["listing", "--nope"], 2),
        (["deep", "crash"], 1),
        ([], 2),
    ],
)
def test_the_code_of_the_report_or_error_is_that_of_the_process(arguments: list[str], code: int) -> None:
    """What a script sees is what the command meant."""
    assert run(*SAMPLE, *arguments).exit_code == code


def test_a_pipe_sees_no_progress() -> None:
    """Nothing moves in a log or a cron mail."""
    done = run(*SAMPLE, "deep", "work", "--steps", "3")
    assert (done.stdout, done.stderr) == ("Worked.\n", "")


@pytest.mark.parametrize("width", [80, 200])
def test_a_table_fits_its_terminal(width: int) -> None:
    """No line is wider than the terminal, ids stand whole, and what is left out is named."""
    shown = run_in_terminal(width, [*LISTING, "--key", "fetch." + "long." * 12 + "end"])
    assert shown.exit_code == 0
    assert all(cell_len(line) <= width for line in shown.lines)
    assert [line.split()[0] for line in shown.lines if line.startswith("0000")] == [RUN_ID.format(n) for n in range(3)]
    assert ("(no room for: path, started, workflow; --json has all)" in shown.plain) == (width == 80)
    assert shown.lines[-1] == "Look at one of them."


def test_a_long_text_is_folded_or_loses_its_middle() -> None:
    """At 200 columns a path keeps its beginning and its end."""
    shown = run_in_terminal(200, LISTING)
    assert "./data/context-files/" in shown.plain
    assert "…" in shown.plain
    assert "fetch-output-body-1f2e3d.json" in shown.plain


def test_a_terminal_gets_pages_that_join() -> None:
    """Beyond the first page there is no second header and no lost row."""
    shown = run_in_terminal(200, [*LISTING, "--count", "450", "--quiet"])
    assert [line.split()[0] for line in shown.lines] == ["Run", *map(RUN_ID.format, range(450))]
    # Wider numbers further down widen their column and break no line.
    assert all(cell_len(line) <= 200 for line in shown.lines)


def test_markup_and_escapes_from_data_are_harmless_on_a_terminal() -> None:
    """Markup stays text, wide characters are measured, nothing from data steers."""
    shown = run_in_terminal(80, [*LISTING, "--key", "[b]日本[/nope]\x1b[2J"])
    assert shown.exit_code == 0
    assert r"[b]日本[/nope]\x1b[2J".replace(" ", "") in "".join(shown.plain.split())
    assert "\x1b[2J" not in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "variables"), [(["--no-color"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"})]
)
def test_colour_can_be_refused(arguments: list[str], variables: dict[str, str]) -> None:
    """The option, NO_COLOR and a dumb terminal each leave no escape sequence at all."""
    assert "\x1b" in run_in_terminal(80, LISTING).stdout
    assert "\x1b" not in run_in_terminal(80, [*LISTING, *arguments], variables).stdout


def test_json_on_a_terminal_is_harmless_and_off_it_verbatim() -> None:
    """On a terminal hidden characters are spelled as JSON escapes; in a pipe not a byte changes."""
    arguments = [*LISTING, "--count", "1", "--json", "--key", "\x9b\u202e"]
    shown, piped = run_in_terminal(80, arguments), run(*arguments)
    assert r"\u009b\u202e" in shown.stdout
    assert "\x9b\u202e" in piped.stdout
    assert json.loads(shown.stdout) == json.loads(piped.stdout)


def test_an_ascii_terminal_gets_ascii() -> None:
    """Neither data nor our own ellipsis fails where the encoding is narrow."""
    shown = run_in_terminal(200, [*LISTING, "--key", "日本"], {"PYTHONIOENCODING": "ascii"})
    assert shown.exit_code == 0
    assert shown.stdout.isascii()
    assert r"\u65e5\u672c" in shown.plain


def test_progress_moves_on_a_terminal_and_is_gone_at_the_end() -> None:
    """Label, count and rates are shown while it works, rows in between stay whole, the last line is the message."""
    shown = run_in_terminal(100, [*SAMPLE, "deep", "work", "--steps", "40", "--rows"])
    assert "Converting" in shown.plain
    assert "/40 rows" in shown.plain
    assert "KiB/s" in shown.plain
    assert r"Second half \x1b[31m" in shown.plain
    assert "half way" in [line.rpartition("\r")[2] for line in shown.lines]
    assert shown.lines[-1] == "Worked."
    assert shown.stdout.count("\x1b[?25l") == shown.stdout.count("\x1b[?25h") > 0


@pytest.mark.parametrize(
    ("arguments", "variables"), [(["--quiet"], {}), (["--format", "jsonl"], {}), ([], {"TERM": "dumb"})]
)
def test_progress_can_be_unwanted(arguments: list[str], variables: dict[str, str]) -> None:
    """Not with --quiet, not beside JSON, not where the cursor cannot move."""
    shown = run_in_terminal(100, [*SAMPLE, "deep", "work", "--steps", "3", *arguments], variables)
    assert "Converting" not in shown.plain


def test_an_error_is_told_below_the_progress() -> None:
    """Ctrl-C on a terminal takes the bar away before the sentence."""
    shown = run_in_terminal(100, [*SAMPLE, "deep", "work", "--interrupt-at", "5"])
    assert shown.exit_code == 130
    assert "Converting" in shown.plain
    assert shown.stdout.rpartition("\x1b[2K")[2].strip() == "Error: Interrupted."
