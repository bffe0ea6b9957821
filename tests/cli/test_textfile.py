"""`--textfile`: every command writes how it ended, well or not, and leaves what others wrote there."""

import os
import stat
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.console import ABSENT, RUN, Console, zenctx
from tests.support.promtool import promtool
from zenctx.cli import textfile
from zenctx.cli.textfile import COMMAND_METRICS, Ending
from zenctx.operations.measuring.model import GAUGE, Metric, of_database

MEASURED = Metric("zenctx_something", GAUGE, "Something that metrics measures.")


def read(path: Path) -> dict[tuple[str, str], float]:
    """Gives the values of a file by metric and command, which Prometheus' own parser must take."""
    found: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(path.read_text()):
        for sample in family.samples:
            key = sample.name.removeprefix("zenctx_").removeprefix("command_"), sample.labels.get("command", "")
            assert key not in found
            found[key] = sample.value
    return found


def ending(command: str, exit_code: int = 0, at: float = 1000.0, error: str | None = None) -> Ending:
    """Gives an ending."""
    return Ending(command, at, 2.5, exit_code, error)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that is not there yet."""
    return tmp_path / "zenctx.prom"


def test_a_command_writes_how_it_ended(sqlite_console: Console, path: Path) -> None:
    """When, after how long, with which code; nothing of it on the screen."""
    before = time.time()
    result = sqlite_console.run("verify", "--quiet", "--textfile", str(path))
    assert (result.exit_code, result.output) == (0, "")
    found = read(path)
    assert before - 1 <= found["last_run_timestamp_seconds", "verify"] <= time.time() + 1
    assert found["last_success_timestamp_seconds", "verify"] == found["last_run_timestamp_seconds", "verify"]
    assert 0 < found["last_duration_seconds", "verify"] < 60
    assert (found["last_exit_code", "verify"], found["success", "verify"]) == (0, 1)
    assert ("error", "verify") not in found
    assert promtool("check", "metrics", given=path.read_text()) == ""


def test_a_failure_is_written_too_and_the_last_success_stays(path: Path) -> None:
    """Until the command ends well again."""
    textfile.write(path, ending("gc"))
    textfile.write(path, ending("gc", 12, at=2000.0, error="database"))
    found = read(path)
    assert found["last_run_timestamp_seconds", "gc"] == 2000
    assert found["last_success_timestamp_seconds", "gc"] == 1000
    assert (found["last_exit_code", "gc"], found["success", "gc"], found["error", "gc"]) == (12, 0, 1)
    textfile.write(path, ending("gc", at=3000.0))
    found = read(path)
    assert found["last_success_timestamp_seconds", "gc"] == 3000
    assert ("error", "gc") not in found


@pytest.mark.parametrize(
    ("arguments", "command", "code", "kind"),
    [
        (("inspect", ABSENT), "inspect", 10, "not_found"),
        (("gc", "--no-such-option"), "gc", 2, "usage"),
        (("runs", "--config", "absent.toml"), "runs", 12, "settings"),
        (("db", "current"), "db current", 0, None),
        (("gc", "--dry-run"), "gc --dry-run", 0, None),
    ],
)
def test_whatever_ends_a_command(
    sqlite_console: Console, path: Path, arguments: tuple[str, ...], command: str, code: int, kind: str | None
) -> None:
    """An error of the command, of its options or of the settings; a dry run is told from a real one."""
    result = sqlite_console.run(*arguments, "--textfile", str(path))
    assert result.exit_code == code
    assert read(path)["last_exit_code", command] == code
    assert (f'kind="{kind}"' in path.read_text()) == (kind is not None)


def test_without_a_database_the_failure_is_in_the_metrics(folder: Path, path: Path) -> None:
    """One sentence, the right code, a valid file."""
    result = zenctx("snapshot", "--quiet", "--textfile", str(path), "--db", f"sqlite:///{folder}/absent.db")
    assert (result.exit_code, result.stdout, result.stderr.count("Error: ")) == (12, "", 1)
    assert read(path)["last_exit_code", "snapshot"] == 12
    assert 'kind="database"' in path.read_text()


def test_commands_on_one_file_leave_each_other_alone(path: Path) -> None:
    """Each replaces its own; the measurements are those of `metrics` alone."""
    textfile.write(path, ending("metrics"), [MEASURED.sample(5)])
    textfile.write(path, ending("gc", 3))
    found = read(path)
    assert (found["something", ""], found["success", "metrics"], found["success", "gc"]) == (5, 1, 0)
    textfile.write(path, ending("metrics", 12))
    found = read(path)
    assert ("something", "") not in found, "what could not be measured must not look as if it were"
    assert (found["success", "metrics"], found["last_exit_code", "gc"]) == (0, 3)


def test_databases_that_have_names_are_told_apart(path: Path) -> None:
    """Each replaces its own, and what was written before it had a name, or while that could not be read."""
    textfile.write(path, ending("gc"))
    textfile.write(path, ending("metrics"), of_database([MEASURED.sample(1)], None))
    for name, value in (("live", 2), ("test", 3)):
        textfile.write(path, replace(ending("gc", at=2000.0), database=name))
        measured = of_database([MEASURED.sample(value)], name)
        textfile.write(path, replace(ending("metrics"), database=name), measured)
    families = {family.name: family.samples for family in text_string_to_metric_families(path.read_text())}
    assert {each.labels.get("database"): each.value for each in families["zenctx_something"]} == {"live": 2, "test": 3}
    assert all(each.labels.get("database") for samples in families.values() for each in samples)
    textfile.write(path, replace(ending("gc", 12, at=3000.0), database="live"))
    success = {"live": 2000, "test": 2000}
    families = {family.name: family.samples for family in text_string_to_metric_families(path.read_text())}
    of_gc = [
        each for each in families["zenctx_command_last_success_timestamp_seconds"] if each.labels["command"] == "gc"
    ]
    assert {each.labels["database"]: each.value for each in of_gc} == success
    assert promtool("check", "metrics", given=path.read_text()) == ""


def test_the_settings_name_the_database(sqlite_console: Console, path: Path) -> None:
    """On every metric, printed or written; where settings cannot be read it is missing, until they can be again."""
    assert sqlite_console.run("gc", "--config", "absent.toml", "--textfile", str(path)).exit_code == 12
    (sqlite_console.folder / "zenctx.toml").write_text('metrics-database = "a \\"b\\""')
    assert sqlite_console.run("gc", "--textfile", str(path)).exit_code == 0
    assert sqlite_console.run("metrics", "--textfile", str(path)).exit_code == 0
    printed = "\n".join(sqlite_console.lines("metrics")) + "\n"
    for text in (path.read_text(), printed):
        found = [each for family in text_string_to_metric_families(text) for each in family.samples]
        assert {each.labels.get("database") for each in found} == {'a "b"'}
        assert promtool("check", "metrics", given=text) == ""


def test_many_at_once_lose_nothing(path: Path) -> None:
    """Each takes its turn; whoever reads meanwhile finds the file whole."""
    threads = [
        threading.Thread(target=textfile.write, args=(path, ending(f"command {number}"))) for number in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(name == "success" for name, _ in read(path)) == 12
    assert os.listdir(path.parent) == [path.name]  # noqa: PTH208 - hidden files, too


def test_everybody_may_read_it(path: Path) -> None:
    """The node exporter runs as a user of its own, and the umask of root's cron is strict."""
    before = os.umask(0o077)
    try:
        textfile.write(path, ending("gc"))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    """The file it leads to is what is replaced."""
    link = tmp_path / "link.prom"
    link.symlink_to(path)
    textfile.write(link, ending("gc"))
    assert link.is_symlink()
    assert read(path)["success", "gc"] == 1


@pytest.mark.parametrize("content", [b"db = 'x'\n", b"node_load1 3\n", b"\xff\xfe", b"zenctx_a 1\nmore\n", None])
def test_what_is_not_ours_is_left_as_it_is(sqlite_console: Console, path: Path, content: bytes | None) -> None:
    """A mistyped name must not cost anybody a file; nothing else is done either."""
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    result = sqlite_console.run("migrate", "--textfile", str(path))
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: --textfile: {path} is no file of zenctx's metrics")
    assert path.is_dir() if content is None else path.read_bytes() == content
    assert sqlite_console.rows.fetch("select * from zenctx_operation") == []


def test_an_empty_file_is_filled(path: Path) -> None:
    """As `mktemp` and `touch` make it."""
    path.touch()
    textfile.write(path, ending("gc"))
    assert read(path)["success", "gc"] == 1


def test_a_directory_that_is_not_there_is_told_before_anything_is_done(sqlite_console: Console) -> None:
    """In one sentence."""
    result = sqlite_console.run("migrate", "--textfile", "no/such/zenctx.prom")
    assert result.exit_code == 12
    assert "there is no directory" in result.stderr.lower()
    assert sqlite_console.rows.fetch("select * from zenctx_operation") == []


def test_a_file_that_cannot_be_written_at_the_end_is_no_success(
    sqlite_console: Console, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work is done, and its output says so; the code does not say that all is well."""
    sqlite_console.rows.add('{"a":1}', run_id=RUN)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(textfile, "new_private_file", refuse)
    result = sqlite_console.run("runs", "--textfile", str(path))
    assert RUN in result.stdout
    assert result.exit_code != 0
    assert result.stderr.startswith("Error: The command ended with 0, and its metrics are not written: ")


def test_every_metric_of_commands_is_written(path: Path) -> None:
    """So that none is documented in vain."""
    textfile.write(path, ending("gc"))
    textfile.write(path, ending("forget", 12, error="store"))
    assert {name for name, _ in read(path)} == {
        metric.name.removeprefix("zenctx_command_") for metric in COMMAND_METRICS
    }


def test_help_writes_nothing(path: Path) -> None:
    """It is no run of the command."""
    assert zenctx("gc", "--textfile", str(path), "--help").exit_code == 0
    assert not path.exists()


def test_without_the_option_nothing_of_it_is_loaded() -> None:
    """Who wants no metrics does not wait for them."""
    script = (
        "import sys\nfrom typer.testing import CliRunner\nfrom zenctx.cli.app import app\n"
        "CliRunner().invoke(app, ['schedule'])\nprint('zenctx.cli.textfile' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
