"""`zenctx stats`: sections in the text, items in JSON, growth from the journal, and the page it writes."""

import json
from datetime import UTC, datetime, timedelta

from tests.cli.console import Console, document_of
from tests.support.rows import compact
from zenctx.cli.bars import bar_column
from zenctx.cli.html.file import START
from zenctx.database import journal
from zenctx.operations.statistics import growth
from zenctx.operations.statistics.report import Sums

NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)


def fill(console: Console) -> None:
    """Some runs of two workflows."""
    other = console.rows.add_workflow("<b>Returns</b>\x1b[31m")
    console.rows.add(compact({"__zenflow_secrets": {"p": "hunter22"}, "a.output.x": "x" * 200}))
    console.rows.add(compact({"a.output.x": 1}), status="ERROR", workflow=other)
    console.rows.add(None, status="RUNNING", ended=None)


def operations(console: Console) -> list[journal.Operation]:
    """What the journal has of it."""
    with console.rows.database.connect() as connection:
        return journal.latest(connection, command="stats")


def test_sections_of_text_and_items_of_json(console: Console) -> None:
    """The same figures; no value, and nothing that steers the terminal."""
    fill(console)
    result = console.run("stats", "--top", "1")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "Runs by class"
    for title in ("Runs by form of the context", "Storage by type", "Largest runs", "What gc would remove"):
        assert title in lines
    assert "3 runs with " in lines[-2]
    assert "'zenctx audit'" in lines[-1]
    assert "hunter22" not in result.stdout
    assert "\x1b" not in result.stdout
    document = document_of(console.run("stats", "--json"))
    items = document["items"]
    assert {item["name"]: item["runs"] for item in items if item["section"] == "class"} == {
        "executing": 1,
        "finished": 2,
    }
    assert {item["name"]: item["runs"] for item in items if item["section"] == "form"} == {"null": 1, "legacy": 2}
    assert {item["name"] for item in items if item["section"] == "workflow"} == {"Orders", "<b>Returns</b>\x1b[31m"}
    assert (document["summary"]["runs"], document["summary"]["secret_runs"]) == (3, 1)


def test_what_a_line_is_about_is_said(sqlite_console: Console) -> None:
    """A context that cannot be read has no key; what a dead key holds may lie in files, too."""
    definition = compact({"nodes": [], "metadata": {"nodeConsumers": {"a.output.y": {"consumers": ["b"]}}}})
    sqlite_console.rows.execute("update workflows set definition = :text", text=definition)
    sqlite_console.rows.add("[1, 2, 3]")
    (sqlite_console.folder / "zenctx.toml").write_text("memory-threshold-bytes = 50\n")
    sqlite_console.rows.add(compact({"a.output.x": "x" * 200}))
    assert sqlite_console.run("migrate", "--quiet").exit_code == 3
    items = document_of(sqlite_console.run("stats", "--json"))["items"]
    (whole,) = [item for item in items if item["section"] == "key" and item["bytes"] == len("[1, 2, 3]")]
    assert (whole["name"], whole["key"]) == ("(unreadable context)", None)
    (dead,) = [item for item in items if item["section"] == "dead key"]
    assert dead["bytes"] == len('"' + "x" * 200 + '"'), "in a file"
    text = sqlite_console.run("stats").stdout
    assert "DEAD KEY    RUNS   HELD" in text
    page = sqlite_console.folder / "page.html"
    sqlite_console.lines("stats", "--quiet", "--html", str(page))
    assert ">1 entry, " in page.read_text()
    dead_keys = page.read_text().partition("Dead keys")[2].partition("</section>")[0]
    assert "in the database" not in dead_keys


def test_sums_are_kept_for_growth_once_an_hour(console: Console) -> None:
    """And are not where that is not wanted; what has grown since is told."""
    console.rows.add('{"a":1}')
    assert document_of(console.run("stats", "--json", "--no-record"))["summary"]["recorded"] is False
    assert operations(console) == []
    assert document_of(console.run("stats", "--json"))["summary"]["recorded"] is True
    console.rows.add('{"a":2}')
    second = document_of(console.run("stats", "--json"))
    assert second["summary"]["recorded"] is False
    (grown,) = [item for item in second["items"] if item["section"] == "growth"]
    assert (grown["runs"], grown["bytes"] > 0) == (1, True)
    (entry,) = operations(console)
    assert (entry.outcome, entry.counts["runs"]) == ("done", 1)


def test_it_works_where_nothing_can_be_kept(sqlite_console: Console) -> None:
    """Without zenctx's tables, and where persistence is disabled."""
    sqlite_console.rows.add('{"a":1}')
    disabled = {"ZENCTX_PERSISTENCE_ENABLED": "false"}
    assert document_of(sqlite_console.run("stats", "--json", env=disabled))["summary"]["recorded"] is False
    assert operations(sqlite_console) == []
    sqlite_console.rows.execute("drop table zenctx_revision")
    assert document_of(sqlite_console.run("stats", "--json"))["summary"]["recorded"] is False


def test_growth_is_told_since_a_day_a_week_and_a_month() -> None:
    """Against the last sums that are so old; those of the future are left out, and none is told twice."""
    days = (40, 31, 8, 2, 0.5, -1)
    earlier = [Sums(NOW - timedelta(days=day), 100 - int(day), 10, 1, 10) for day in days]
    told = list(growth.growth(earlier, Sums(NOW, 200, 5, 0, 20)))
    assert [item.runs for item in told] == [100, 102, 108, 131]
    assert (told[0].bytes, told[0].files, told[0].file_bytes) == (-5, -1, 10)
    assert [
        growth.is_due(each, NOW) for each in ([], earlier[:-1], [Sums(NOW - timedelta(minutes=5), 1, 1, 1, 1)])
    ] == [
        True,
        True,
        False,
    ]


def test_counts_of_another_version_are_left_out(sqlite_console: Console) -> None:
    """They may be anything."""
    with sqlite_console.rows.database.connect() as connection:
        for counts in ({}, {"runs": "many"}, {"runs": 1, "context_bytes": 1, "files": None, "file_bytes": 1}):
            journal.finish(connection, journal.begin(connection, "stats", {}), 0, counts)
    assert growth.history(sqlite_console.rows.database) == []


def test_the_page_is_private_and_replaces_only_a_page(sqlite_console: Console) -> None:
    """Whole, readable by its owner alone; no other file is lost to a wrong name."""
    fill(sqlite_console)
    page = sqlite_console.folder / "report.html"
    for _ in range(2):
        result = sqlite_console.run("stats", "--html", str(page), "--quiet")
        assert result.exit_code == 0, result.output
    text = page.read_text()
    assert text.startswith(START)
    assert page.stat().st_mode & 0o777 == 0o600
    assert "&lt;b&gt;Returns&lt;/b&gt;\\x1b[31m" in text
    assert "hunter22" not in text
    page.write_text("my notes")
    refused = sqlite_console.run("stats", "--html", str(page))
    assert refused.exit_code == 5
    assert "is no report of zenctx" in refused.stderr
    assert page.read_text() == "my notes"
    assert sqlite_console.run("stats", "--html", str(sqlite_console.folder)).exit_code == 5
    link = sqlite_console.folder / "link.html"
    link.symlink_to(sqlite_console.folder / "nowhere")
    assert sqlite_console.run("stats", "--html", str(link)).exit_code == 5
    absent = sqlite_console.folder / "absent" / "report.html"
    result = sqlite_console.run("stats", "--html", str(absent))
    assert (result.exit_code, result.stdout) == (12, ""), "told before anything is counted"


def test_bars_are_as_long_as_the_share() -> None:
    """What is there at all is seen; where blocks cannot be printed they are of another character."""
    drawn, written = (bar_column("", "share", can_draw=can_draw).show for can_draw in (True, False))
    assert [drawn(share) for share in (0.0, 0.0001, 0.5, 1.0, 7.0)] == ["", "▏", "█" * 8, "█" * 16, "█" * 16]
    assert [written(share) for share in (0.0, 0.0001, 1.0)] == ["", "#", "#" * 16]


def test_an_empty_database_is_no_problem(console: Console) -> None:
    """There is nothing to tell."""
    document = document_of(console.run("stats", "--json"))
    assert document["summary"]["runs"] == 0
    assert json.dumps(document)
    assert console.run("stats").stdout.splitlines()[-1] == "There are no runs."
