"""docs/runbook.md: each situation is brought about in a playground, and its commands are run as they stand there."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.guides import DOCS, Reader, broken_links, lines_to_paste, sections

GUIDE = (DOCS / "runbook.md").read_text()
STOP = "# "
PERSISTENT = Path("data/context-files/persistent")


@pytest.fixture(scope="module")
def playground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Give a playground of contexts in files, with a snapshot; `RUN` is a parked run with a large value."""
    with pytest.MonkeyPatch.context() as patch:
        reader = Reader.make(tmp_path_factory.mktemp("runbook"), patch)
        for command in ("zenctx demo", "cd zenctx-demo", "zenctx migrate", "zenctx snapshot --all --tag nightly"):
            reader.must(command)
        reader.names["RUN"] = _parked_run_with_a_file()
        yield reader


def _parked_run_with_a_file() -> str:
    with closing(sqlite3.connect("zenctx.db")) as connection:
        found = connection.execute("select id from workflow_runs where status = 'RUNNING'").fetchall()
    return next(str(run_id) for (run_id,) in found if (PERSISTENT / run_id).exists())


def _execute(statement: str, *values: str) -> None:
    with closing(sqlite3.connect("zenctx.db")) as connection, connection:
        connection.execute(statement, values)


def _empty_a_context(run_id: str) -> None:
    _execute("update workflow_runs set context = '{}' where id = ?", run_id)


def _lose_the_files(run_id: str) -> None:
    shutil.rmtree(PERSISTENT / run_id)


def _unmount(_run_id: str) -> None:
    PERSISTENT.rename("elsewhere")
    PERSISTENT.mkdir()


def _mount() -> None:
    PERSISTENT.rmdir()
    Path("elsewhere").rename(PERSISTENT)


def _save_by_an_old_engine(_run_id: str) -> None:
    _execute("""update workflow_runs set context = '{"a.output.x":1.10}' where id in
        (select id from workflow_runs where status = 'SUCCESS' limit 1)""")


def _lose_the_directory(_run_id: str) -> None:
    shutil.rmtree(PERSISTENT)


def _nothing(_run_id: str) -> None:
    """All is well, and the commands say so."""


SITUATIONS: dict[str, Callable[[str], None]] = {
    "Before anything else": _nothing,
    "A run does not go on": _nothing,
    "A context was lost or overwritten": _empty_a_context,
    "Files are missing or damaged": _lose_the_files,
    "A volume is not mounted": _unmount,
    "The disk is full": _nothing,
    "The engine and the contexts do not fit": _save_by_an_old_engine,
    "The database is older than the files": _nothing,
    "A command was killed, or is locked out": _nothing,
    "The night failed": _nothing,
    "The directory or the machine is lost": _lose_the_directory,
}
FOR_THE_READER: dict[str, Callable[[], None]] = {
    "# Stop the engine, or make sure that it has let go of the run.": lambda: None,
    "# Mount the volume.": _mount,
}


@pytest.mark.parametrize("title", SITUATIONS)
def test_each_situation_ends_well(playground: Reader, title: str) -> None:
    """Its commands end with the codes that the guide states, and after them every value can be read back."""
    (block,) = lines_to_paste(sections(GUIDE)[title])
    SITUATIONS[title](playground.names["RUN"])
    for line in block:
        if line.command.startswith(STOP):
            FOR_THE_READER[line.command]()
        else:
            playground.must(line.command, line.exit_code)
    playground.must("zenctx verify --quiet")


def test_no_block_is_left_out() -> None:
    """Every section with commands is a situation above, and every section stands in the table at the top."""
    with_commands = {title for title, text in sections(GUIDE).items() if "```sh" in text}
    assert with_commands == set(SITUATIONS)
    table = GUIDE.partition("\n## ")[0]
    assert [title for title in sections(GUIDE) if f"[{title}](#" not in table] == ["When to stop"]


def test_every_link_leads_somewhere() -> None:
    """To a file that is there, or a heading in it."""
    assert broken_links(DOCS / "runbook.md") == []
