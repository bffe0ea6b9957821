"""The guides of docs/: links, options and settings are there, commands run as they stand, samples are what they say."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.run import CASES
from tests.database.conftest import opened
from tests.support.documents import ROOT, code_blocks
from tests.support.engine_schema import create_engine_schema, create_quartz_tables
from tests.support.guides import DOCS, Reader, broken_links, known_options, lines_to_paste
from tests.support.rows import Rows
from tests.support.scripts import statements
from zenctx.config import OPTIONS, load_settings
from zenctx.context.forms import Form, detect
from zenctx.database.engine import write_transaction

GUIDES = ("runbook", "troubleshooting", "tuning", "security", "engine-integration")
TEXTS = {name: (DOCS / f"{name}.md").read_text() for name in GUIDES}
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", GUIDES)
def test_every_link_leads_somewhere(name: str) -> None:
    """To a file that is there, or a heading in it; and README.md leads to the guide."""
    assert broken_links(DOCS / f"{name}.md") == []
    assert f"docs/{name}.md" in README


def test_every_option_exists() -> None:
    """What a guide names is in the help of a command."""
    named = {name: set(re.findall(r"(?<=[ `'])--[a-z][a-z-]*[a-z](?![a-z-])", text)) for name, text in TEXTS.items()}
    known = known_options() | {"--rows", "--rounds"}  # the last two are those of `make bench`
    assert {name: options - known for name, options in named.items() if options - known} == {}


def test_every_setting_exists() -> None:
    """Names with dashes between backquotes are settings."""
    known = {option.name for option in OPTIONS}
    for name in ("tuning", "security", "engine-integration", "runbook"):
        named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", TEXTS[name])) - {"zenctx-"}
        assert named <= known, name
        assert named


@pytest.fixture(scope="module")
def playground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Give a playground with a snapshot; `RUN` is a run of it."""
    with pytest.MonkeyPatch.context() as patch:
        reader = Reader.make(tmp_path_factory.mktemp("guides"), patch)
        reader.must("zenctx demo --runs 6")
        reader.must("cd zenctx-demo")
        reader.must("zenctx snapshot --all --tag nightly")
        listed = reader.must("zenctx runs --status RUNNING --limit 0 --quiet")
        reader.names["RUN"] = listed[-1].split()[0]
        reader.must("zenctx migrate --include-active")
        reader.names["RECIPIENT"] = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
        yield reader


@pytest.mark.parametrize("name", ["troubleshooting", "tuning", "engine-integration", "security"])
def test_the_commands_run(playground: Reader, name: str) -> None:
    """Each line of a block ends with the code that its comment states."""
    blocks = list(lines_to_paste(TEXTS[name]))
    assert blocks
    for block in blocks:
        for line in block:
            playground.must(line.command, line.exit_code)


def test_the_sample_of_the_integration_is_descriptors() -> None:
    """The three kinds of values, as a strict reader takes them."""
    ((_, lines),) = code_blocks(TEXTS["engine-integration"], "json")
    found = detect("\n".join(lines).encode(), lambda _locator: True)
    assert found.form is Form.DESCRIPTORS
    assert [entry.descriptor.type for entry in found.entries if entry.descriptor] == ["MEMORY", "JSON", "FILE"]


def test_settings_that_are_shown_load(tmp_path: Path) -> None:
    """A reader who copies a block gets settings."""
    blocks = [lines for text in TEXTS.values() for _, lines in code_blocks(text, "toml")]
    for lines in blocks:
        file = tmp_path / "zenctx.toml"
        file.write_text("\n".join(lines))
        load_settings({}, config_file=file, environ={}, cwd=tmp_path)
    assert blocks


def test_figures_of_the_tuning_are_those_of_the_benchmarks() -> None:
    """Each figure with a decimal point in a table of the guide, and every case that it names, is there, too."""
    benchmarks = (DOCS / "benchmarks.md").read_text()
    rows = [line for line in TEXTS["tuning"].splitlines() if line.startswith(("| ", "200,000 files"))]
    figures = {figure for row in rows for figure in re.findall(r"\d+\.\d+", row)}
    assert {figure for figure in figures if figure not in benchmarks} == set()
    assert len(figures) > 8
    named = re.findall(r'^make bench ARGS="([a-z ]+)', TEXTS["tuning"], re.MULTILINE)
    assert {case for cases in named for case in cases.split()} <= set(CASES)


SECURITY = TEXTS["security"]
GRANTED = {
    "zenctx_reader": (
        "zenctx runs", "zenctx verify", "zenctx migrate --dry-run", "zenctx gc --dry-run",
        "zenctx snapshot --all", "zenctx audit --limit 1",
    ),
    "zenctx": (
        "zenctx db upgrade", "zenctx migrate --include-active", "zenctx snapshot --all", "zenctx gc",
        "zenctx restore latest", "zenctx scrub --yes", "zenctx verify", "zenctx doctor",
    ),
}  # fmt: skip
"""What each role of the guide can do, in this order."""


@pytest.fixture
def production(postgres_url: str) -> Iterator[Rows]:
    """Give a database of the engine on PostgreSQL with three runs; the roles of the guide are gone after it."""
    with opened(postgres_url) as database:
        with database.connect() as connection, write_transaction(connection):
            create_engine_schema(connection)
            create_quartz_tables(connection)
        rows = Rows(database)
        for file in sorted((ROOT / "examples" / "contexts").glob("*.json")):
            rows.add(file.read_text().strip())
        yield rows
        for role in GRANTED:
            rows.execute(f"drop owned by {role}")
            rows.execute(f"drop role {role}")


def test_the_rights_of_the_guide_suffice(
    production: Rows, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The roles as they are granted there do what the guide says, with its further grants for restore and scrub."""
    ((_, lines),) = code_blocks(SECURITY, "sql")
    further = re.findall(r"`(grant [a-z_, ()]+ on \w+)`", SECURITY.replace("\n  ", " "))
    assert len(further) == 3
    for statement in (*statements("\n".join(lines)), *(f"{grant} to zenctx" for grant in further)):
        production.execute(statement)
    reader = Reader.make(tmp_path, monkeypatch)
    for role, commands in GRANTED.items():
        monkeypatch.setenv("ZENCTX_DB", f"{postgres_url}{'&' if '?' in postgres_url else '?'}options=-crole%3D{role}")
        for command in commands:
            if command == "zenctx restore latest":
                production.execute("delete from workflow_runs where id in (select id from workflow_runs limit 1)")
            reader.must(command, 4 if "audit" in command else 0)
    assert len(production.fetch("select 1 from workflow_runs")) == 3
