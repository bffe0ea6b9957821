"""examples/cron and examples/systemd: the jobs run as they stand there, a night of them is silent, a bad one is not."""

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.cli.conftest import console, folder  # noqa: F401 - fixtures
from tests.cli.console import Console, zenctx
from tests.support.documents import ROOT
from tests.support.guides import known_options
from tests.support.rows import compact

EXAMPLES = ROOT / "examples"
CRONTAB = (EXAMPLES / "cron" / "zenctx.crontab").read_text()
UNITS = sorted((EXAMPLES / "systemd").iterdir())
METRICS = "/var/lib/prometheus/node-exporter"
FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
LARGE = {"report.output.rows": ["a row"] * 300_000}


@dataclass(frozen=True, slots=True)
class Job:
    """A command of the crontab: the fields of its time, and its words behind `cd ... && zenctx`."""

    fields: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def file(self) -> str:
        """The name of the file of its metrics."""
        return Path(self.words[-1]).name


def _jobs() -> Iterator[Job]:
    for line in CRONTAB.splitlines():
        if line and not line.startswith("#") and not re.match(r"[A-Z]+=", line):
            *fields, command = line.split(None, 5)
            # What cron does: a percent sign that is not escaped ends the command.
            assert "%" not in command.replace("\\%", "")
            start, _, call = (
                command.replace("\\%", "%").replace("$(date +%u)", f"{datetime.now(UTC):%u}").partition(" && ")
            )
            assert start == "cd /srv/zenflow"
            yield Job(tuple(fields), tuple(shlex.split(call)[1:]))


JOBS = tuple(_jobs())


def _in_order() -> list[Job]:
    """Those of a night by their times; the one that runs all the time stands at the end, for it sees them all."""
    return sorted(JOBS, key=lambda job: (job.fields[1] == "*", int(job.fields[1].replace("*", "0"))))


def _samples(directory: Path) -> dict[str, dict[str, float]]:
    """Give what the files hold by metric and by the values of its labels, as Prometheus' own parser reads them."""
    found: dict[str, dict[str, float]] = {}
    for file in sorted(directory.glob("*.prom")):
        for family in text_string_to_metric_families(file.read_text()):
            for sample in family.samples:
                found.setdefault(sample.name, {})[",".join(sample.labels.values())] = sample.value
    return found


def _night(console: Console, directory: Path) -> list[tuple[str, int, str, str]]:  # noqa: F811
    """Run the jobs of a night; give for each its command, exit code and what it says on either stream."""
    ended = []
    for job in _in_order():
        words = [word.replace(METRICS, str(directory)) for word in job.words]
        result = zenctx(*words, env={"ZENCTX_DB": console.url, "ZENCTX_PERSISTENT_FILE_RETENTION_DAYS": "0"})
        ended.append((job.words[0], result.exit_code, result.stdout, result.stderr))
    return ended


def _fill(console: Console) -> dict[str, str]:  # noqa: F811
    """Make a parked run, a finished one and one that is then deleted, each with a value in a file; give their ids."""
    rows = console.rows
    ids = {
        "parked": rows.add(
            compact({**LARGE, "a.output.x": 1}), status="RUNNING", started=datetime.now(UTC), ended=None
        ),
        "finished": rows.add(compact(LARGE)),
        "deleted": rows.add(compact(LARGE)),
    }
    console.lines("migrate", "--include-active", "--quiet")
    rows.execute("delete from workflow_runs where id = :id", id=ids["deleted"])
    return ids


def test_a_night_is_silent_and_a_bad_one_is_not(console: Console, tmp_path: Path) -> None:  # noqa: F811
    """All is done without a word, and is in the metrics; with a broken directory there is one sentence, and a code."""
    directory = tmp_path / "node-exporter"
    directory.mkdir()
    ids = _fill(console)

    assert _night(console, directory) == [(name, 0, "", "") for name in ("snapshot", "gc", "verify", "metrics")]

    persistent = console.folder / "data" / "context-files" / "persistent"
    kept = {path.parent.name for path in console.files()} - {".trash"}
    assert kept == {ids["parked"], ids["deleted"]}, "what was deleted is kept for a day, what is finished is not"
    samples = _samples(directory)
    assert samples["zenctx_command_success"] == dict.fromkeys(("snapshot", "gc", "verify", "metrics"), 1.0)
    assert json.loads(zenctx("snapshots", "--json").stdout)["summary"]["listed"] == 1

    persistent.rename(persistent.with_name("elsewhere"))
    ended = {name: (code, stdout, stderr) for name, code, stdout, stderr in _night(console, directory)}
    codes = {name: code for name, (code, *_) in ended.items()}
    assert codes == {"snapshot": 5, "gc": 5, "verify": 4, "metrics": 12}
    for name in ("snapshot", "gc", "metrics"):
        _, stdout, stderr = ended[name]
        said = [line.partition(" ")[0] for line in stderr.splitlines()]
        assert (stdout, said) == ("", ["Error:", "Hint:"]), name
        assert str(persistent) in stderr
    assert str(persistent) in ended["verify"][1]
    samples = _samples(directory)
    assert samples["zenctx_command_last_exit_code"] == codes
    assert set(samples["zenctx_command_error"]) == {"snapshot,refused", "gc,refused", "metrics,store"}
    assert samples["zenctx_command_success"] == dict.fromkeys(codes, 0.0)
    assert 0.0 in samples["zenctx_collector_success"].values()


def test_the_crontab_is_one() -> None:
    """Times are within their ranges, and nothing runs beside what would lock it out."""
    assert [job.words[0] for job in _in_order()] == ["snapshot", "gc", "verify", "metrics"]
    for job in JOBS:
        assert len(job.fields) == len(FIELDS)
        for field, (least, most) in zip(job.fields, FIELDS, strict=True):
            assert field == "*" or re.fullmatch(r"\*/\d+", field) or least <= int(field) <= most
        assert {word for word in job.words if word.startswith("--")} <= known_options()
        assert job.words[-2:] == ("--textfile", f"{METRICS}/zenctx_{job.words[0]}.prom")
    assert "\nPATH=" in CRONTAB


def _unit(path: Path) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(path.read_text())
    return unit


def test_the_units_are_the_jobs_of_the_crontab() -> None:
    """The same commands at the same times; each timer starts a service of its name."""
    services = {path.stem: _unit(path) for path in UNITS if path.suffix == ".service"}
    timers = {path.stem: _unit(path) for path in UNITS if path.suffix == ".timer"}
    assert set(services) == set(timers) == {f"zenctx-{job.words[0]}" for job in JOBS}
    for job in JOBS:
        name = f"zenctx-{job.words[0]}"
        service, timer = services[name], timers[name]
        assert _command(service["Service"]["ExecStart"]) == job.words
        assert service["Service"]["WorkingDirectory"] == "/srv/zenflow"
        assert METRICS in service["Service"]["ReadWritePaths"]
        assert timer["Install"]["WantedBy"] == "timers.target"
        minute, hour, *_ = job.fields
        at = "*:0/5" if hour == "*" else f"*-*-* {int(hour):02}:{int(minute):02}:00"
        assert timer["Timer"]["OnCalendar"] == at


def _command(start: str) -> tuple[str, ...]:
    words = shlex.split(start.replace("%%", "%").replace("$$", "$"))
    if words[:2] == ["/bin/sh", "-c"]:
        words = shlex.split(words[2].removeprefix("exec ").replace("$(date +%u)", f"{datetime.now(UTC):%u}"))
    assert words[0] == "/usr/local/bin/zenctx"
    return tuple(words[1:])


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """Where systemd is installed it finds nothing wrong with them; else they hold known sections alone."""
    program = tmp_path / "zenctx"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for path in UNITS:
        (tmp_path / path.name).write_text(path.read_text().replace("/usr/local/bin/zenctx", str(program)))
        assert set(_unit(path).sections()) <= {"Unit", "Service", "Timer", "Install"}
    analyze = shutil.which("systemd-analyze")
    if analyze is not None:
        units = [str(tmp_path / path.name) for path in UNITS]
        done = subprocess.run(
            [analyze, "verify", *units], capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
        )
        assert "zenctx" not in done.stderr, done.stderr
