"""The playground: the same every time, made in a directory of its own, and whole."""

from pathlib import Path

import pytest

from tests.support.rows import Rows
from zenctx.config import load_settings
from zenctx.context.direction import Direction
from zenctx.database.engine import Database
from zenctx.errors import RefusedError, StoreError
from zenctx.operations import migrate as operation
from zenctx.operations.demo import make_playground
from zenctx.operations.migration.request import MigrationRequest


def contexts(directory: Path) -> list[bytes]:
    """Give the contexts of a playground, in order."""
    with Database.open(f"sqlite:///{directory / 'zenctx.db'}", read_only=True) as database, database.connect() as at:
        rows = at.exec_driver_sql("select cast(context as blob) from workflow_runs order by rowid").all()
    return [row[0] for row in rows]


def test_a_playground_makes_the_whole_way(tmp_path: Path) -> None:
    """With the settings that lie in it, its contexts become descriptors and come back byte for byte."""
    report = make_playground(tmp_path / "new" / "play", 40)
    assert (report.exit_code, report.summary.runs) == (0, 40)
    directory = Path(report.summary.path)
    before = contexts(directory)
    assert (len(before), sum(map(len, before))) == (40, report.summary.bytes)
    settings = load_settings({}, config_file=directory / "zenctx.toml", environ={}, cwd=tmp_path)
    with Database.open(settings.db, read_only=False) as database:
        there = operation.migrate(database, settings, MigrationRequest(), lambda _item: None)
        assert (there.exit_code, there.summary.converted) == (0, 40)
        assert there.summary.files > 0
        request = MigrationRequest(Direction.LEGACY)
        assert operation.migrate(database, settings, request, lambda _item: None).exit_code == 0
    assert contexts(directory) == before


def test_it_is_the_same_every_time(tmp_path: Path) -> None:
    """What a tour prints does not depend on the day."""
    for name in ("a", "b"):
        make_playground(tmp_path / name, 20)
    assert contexts(tmp_path / "a") == contexts(tmp_path / "b")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A directory with anything in it, or a file of that name, is left as it is."""
    (tmp_path / "mine").write_text("mine")
    for place in (tmp_path, tmp_path / "mine"):
        with pytest.raises(RefusedError) as caught:
            make_playground(place, 1)
        assert caught.value.exit_code == 5
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    with pytest.raises((RefusedError, StoreError)):
        make_playground(tmp_path / "mine" / "below", 1)
    assert (tmp_path / "mine").read_text() == "mine"


def test_an_empty_playground_has_its_tables(tmp_path: Path) -> None:
    """With no runs at all it is still a database to work on."""
    make_playground(tmp_path / "play", 0)
    with Database.open(f"sqlite:///{tmp_path / 'play' / 'zenctx.db'}", read_only=False) as database:
        rows = Rows(database)
        rows.add('{"a":1}')
        assert rows.fetch("select count(*) from workflow_runs") == [(1,)]
