"""`zenctx metrics`: every metric, from what happened; valid text; and what it says when something is away."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.console import RUN, Console, document_of, missing_file, zenctx
from tests.cli.eventful import Past
from tests.support.promtool import promtool
from tests.support.rows import compact
from zenctx.cli.textfile import COMMAND_METRICS
from zenctx.operations.measuring.catalogue import METRICS
from zenctx.operations.measuring.journal import OTHER, REASONS

GUIDE = Path(__file__).parents[2] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(zenctx_\w+)` \| (\w+) \| ([^|]*) \| ([^|]*) \|$", re.MULTILINE)


def samples(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Gives the values by metric and the values of its labels (by name), as Prometheus' own parser reads them."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_everything_that_happened_is_measured(past: Past) -> None:
    """Runs, files, secrets, snapshots, commands, failures; every metric that there is has a value."""
    assert promtool("check", "metrics", given=past.text) == ""
    found = samples(past.text)
    assert set(found) == {metric.name for metric in (*METRICS, *COMMAND_METRICS)}
    assert found["zenctx_runs"]["parked",] == 1
    assert found["zenctx_runs"]["unreadable",] == 1
    assert {form: count for (form,), count in found["zenctx_contexts"].items() if count} == {
        "descriptors": 3,
        "invalid": 1,
        "null": 1,
    }
    assert found["zenctx_dangling_locators"] == {("parked",): 1, ("other",): 1}
    assert found["zenctx_plaintext_secret_runs"][()] == 1
    assert found["zenctx_quarantined_rows"][()] == 1
    assert (found["zenctx_orphan_files"][()], found["zenctx_trash_files"][()]) == (1, 1)
    assert found["zenctx_verify_checksum_failures"][()] == 1
    assert found["zenctx_verify_findings"]["error",] == 3
    assert {state: count for (state,), count in found["zenctx_snapshots"].items() if count} == {
        "complete": 1,
        "incomplete": 1,
    }
    assert {kind: count for kind, count in found["zenctx_value_failures_total"].items() if count} == {
        ("quarantined", "creation"): 1,
        ("altered", "restoration"): 1,
        ("damaged", "restoration"): 1,
        ("invalid", "restoration"): 1,
        ("missing", "restoration"): 2,
    }
    assert found["zenctx_operations_total"]["snapshot", "partial"] == 1
    assert found["zenctx_operation_last_exit_code"]["gc",] == 0
    assert found["zenctx_command_last_exit_code"]["inspect",] == 10


def test_what_is_printed_is_prometheus_text(console: Console) -> None:
    """Nothing but that, on either database: it may be sent to promtool or a push gateway."""
    console.rows.add('{"a":1}', run_id=RUN)
    text = "\n".join(console.lines("metrics")) + "\n"
    assert samples(text)["zenctx_contexts"]["legacy",] == 1
    assert promtool("check", "metrics", given=text) == ""
    quiet = samples("\n".join(console.lines("metrics", "--quiet")) + "\n")
    assert set(quiet) == set(samples(text)), "what was asked for is shown"


def test_as_json_it_is_the_same(sqlite_console: Console) -> None:
    """One item a value."""
    document = sqlite_console.document("metrics")
    assert document["summary"]["failed"] == []
    assert document["summary"]["values"] == len(document["items"])
    item = next(item for item in document["items"] if item["labels"] == {"class": "parked"})
    assert item == {"metric": "zenctx_runs", "kind": "gauge", "labels": {"class": "parked"}, "value": 0}
    *lines, last = map(json.loads, sqlite_console.lines("metrics", "--format", "jsonl"))
    assert (len(lines), last["type"]) == (len(document["items"]), "summary")


def test_with_a_textfile_nothing_but_a_count_is_printed(sqlite_console: Console, tmp_path: Path) -> None:
    """And with --quiet not even that."""
    (line,) = sqlite_console.lines("metrics", "--textfile", str(tmp_path / "a.prom"))
    assert re.fullmatch(r"Measured \d+ values of \d+ metrics\.", line)


def test_a_label_has_few_values_and_none_of_them_is_of_one_run(past: Past) -> None:
    """No id, no key, no path, no text of an error: a name of each is the most that Prometheus should be given."""
    for name, values in samples(past.text).items():
        assert len(values) <= 30, name
        for labels in values:
            assert not past.run_ids & set(labels)
            assert all(re.fullmatch(r"[a-z0-9. _-]{1,30}", label) for label in labels), labels


@pytest.fixture
def migrated(sqlite_console: Console) -> Console:
    """A database that is bound to a directory with a file."""
    sqlite_console.rows.add(compact({"large": "x" * 1_200_000}), run_id=RUN)
    sqlite_console.lines("migrate")
    sqlite_console.lines("snapshot", "--all")
    return sqlite_console


@pytest.mark.parametrize(
    ("broken", "parts"),
    [("data/context-files/persistent", {"files"}), ("data/zenctx-snapshots", {"repository"})],
)
def test_a_directory_that_is_away(migrated: Console, tmp_path: Path, broken: str, parts: set[str]) -> None:
    """One sentence, the code of a set-up error, the failure in the metrics, and all else as ever."""
    path = tmp_path / "zenctx.prom"
    migrated.lines("metrics", "--quiet", "--textfile", str(path))
    before = samples(path.read_text())
    shutil.move(migrated.folder / broken, tmp_path / "away")
    result = migrated.run("metrics", "--quiet", "--textfile", str(path))
    assert (result.exit_code, result.stdout, result.stderr.count("Error: ")) == (12, "", 1)
    assert "volume is mounted" in result.stderr
    found = samples(path.read_text())
    assert {part for (part,), success in found["zenctx_collector_success"].items() if not success} == parts
    assert found["zenctx_contexts"] == before["zenctx_contexts"]
    assert found["zenctx_command_last_exit_code"]["metrics",] == 12
    gone = {"files": "zenctx_files", "repository": "zenctx_snapshots"}[next(iter(parts))]
    assert gone in before
    assert gone not in found
    assert promtool("check", "metrics", given=path.read_text()) == ""


@pytest.mark.usefixtures("folder")
def test_a_database_that_is_away(tmp_path: Path) -> None:
    """What can be told without it is told; the document has the error, too.

    Whether there ought to be a repository, where none is found, only the database knows.
    """
    path = tmp_path / "zenctx.prom"
    address = "postgresql://zenctx:secret-word@127.0.0.1:1/zenflow"
    result = zenctx("metrics", "--json", "--db", address, "--textfile", str(path))
    assert document_of(result)["error"]["kind"] == "database"
    assert (result.exit_code, result.stderr.count("Error: ")) == (12, 1)
    found = samples(path.read_text())
    failed = {part for (part,), success in found["zenctx_collector_success"].items() if not success}
    assert failed == {"journal", "runs", "files", "repository"}
    assert "zenctx_filesystem_avail_bytes" in found
    assert "secret-word" not in path.read_text() + result.output


def test_without_tables_of_zenctx(console: Console) -> None:
    """Before the first migration everything but the journal is there."""
    for table in ("zenctx_operation", "zenctx_quarantine", "zenctx_revision"):
        console.rows.execute(f"drop table {table}")
    console.rows.add('{"a":1}')
    found = samples("\n".join(console.lines("metrics")) + "\n")
    assert found["zenctx_tables_current"][()] == 0
    assert found["zenctx_contexts"]["legacy",] == 1
    assert "zenctx_operations_total" not in found


def test_failures_of_single_values_are_counted_over_all_commands(console: Console) -> None:
    """Also of commands that only look; in another process the count goes on."""
    (console.folder / "data/context-files/persistent").mkdir(parents=True)
    console.rows.add(compact({"a": missing_file()}), run_id=RUN)
    other = console.rows.add("{}")
    for command in (("cat", RUN, "a"), ("inspect", RUN, "a"), ("diff", RUN, other), ("diff", RUN, RUN)):
        assert console.run(*command).exit_code == 4, command
    found = samples("\n".join(console.lines("metrics")) + "\n")["zenctx_value_failures_total"]
    assert found["missing", "restoration"] == 4


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Gives the rows of the guide: name, kind, labels, meaning."""
    for name, kind, labels, meaning in ROW.findall(GUIDE.read_text()):
        yield name, kind, labels.strip(), meaning.strip()


def test_every_metric_is_documented_as_it_is() -> None:
    """Name, kind, labels and meaning; none that there is not."""
    known = {
        (metric.name, metric.kind, ", ".join(f"`{label}`" for label in metric.labels), metric.help)
        for metric in (*METRICS, *COMMAND_METRICS)
    }
    assert set(rows()) == known
    assert len(list(rows())) == len(known)


def test_every_reason_is_documented() -> None:
    """Each value that the label may have."""
    (listed,) = re.findall(r"^`reason` is one of (.*?)\.$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"`(\w+)`", listed)) == {*REASONS.values(), OTHER}
