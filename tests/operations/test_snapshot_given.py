"""A context from elsewhere becomes the snapshot of one run; no database is needed."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.operations.taking import file_descriptor
from tests.operations.world import VECTORS
from tests.support.rows import compact
from zenctx.config import Settings, load_settings
from zenctx.errors import InvalidContextError, NotFoundError, RefusedError, StoreError
from zenctx.operations.repository import open_repository
from zenctx.operations.snapshot import rehearse_given, snapshot_given
from zenctx.operations.snapshotting.given import read_given
from zenctx.operations.snapshotting.report import SnapshotItem, SnapshotReport
from zenctx.operations.snapshotting.request import SnapshotRequest
from zenctx.snapshots.model import SnapshotInfo, SnapshotRun

RUN = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose database is not there."""
    return load_settings({"db": "sqlite:///nowhere.db"}, config_file=None, environ={}, cwd=tmp_path)


def take_given(settings: Settings, path: Path | str, run_id: str | None = None) -> SnapshotReport:
    """Take a snapshot of a file."""
    return snapshot_given(settings, read_given(str(path), run_id), SnapshotRequest(), lambda _item: None)


def only(settings: Settings) -> tuple[SnapshotInfo, SnapshotRun]:
    """Give the newest snapshot and its one run."""
    repository = open_repository(settings)
    info = repository.snapshots()[0]
    (run,) = repository.read(info)
    return info, run


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*/*.json")), ids=lambda path: path.name)
def test_every_vector_is_taken_with_its_exact_text(settings: Settings, path: Path) -> None:
    """Byte for byte, for the run that is named."""
    take_given(settings, path, RUN)
    info, run = only(settings)
    assert (run.run_id, run.context, run.columns) == (RUN, path.read_bytes(), {"id": RUN})
    assert (run.run_class, run.runtime_state, run.storage) == ("given", None, {})
    assert (info.header.dialect, info.header.database) == ("given", f"the file {path}")


def test_a_run_is_made_up_where_none_is_named(settings: Settings, tmp_path: Path) -> None:
    """The same context is the same run each time, so that two snapshots of it can be compared."""
    file = tmp_path / "context.json"
    ids = []
    for text in ('{"a":1}', '{"a":1}', '{"a":2}'):
        file.write_text(text)
        take_given(settings, file)
        ids.append(only(settings)[1].run_id)
    assert (ids[0] == ids[1], ids[1] == ids[2], len(ids[0])) == (True, False, 36)


def test_standard_input_is_read(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash stands for it; a line feed at its end is a part of the text."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b'{"a":1.10}\n')))
    take_given(settings, "-", RUN)
    info, run = only(settings)
    assert (run.context, info.header.database) == (b'{"a":1.10}\n', "standard input")


def test_its_files_are_taken_where_they_are_here(settings: Settings, tmp_path: Path) -> None:
    """Those that are not are missing; that the whole directory is not here makes no difference."""
    file = tmp_path / "context.json"
    locator = "./data/context-files/persistent/r/a"
    file.write_text(compact({"a": file_descriptor(b"bytes", locator)}))
    report = take_given(settings, file)
    assert (report.exit_code, report.summary.files, report.summary.file_bytes) == (3, 1, 0)
    live = tmp_path / locator
    live.parent.mkdir(parents=True)
    live.write_bytes(b"bytes")
    report = take_given(settings, file)
    assert (report.exit_code, report.summary.file_bytes) == (0, 5)


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"{", b'\xef\xbb\xbf{"a":1}', b'{"a":"\xff"}', b'{"a":1,"a":2}'])
def test_what_is_no_context_is_refused(settings: Settings, tmp_path: Path, text: bytes) -> None:
    """With the reason, and nothing is written: it is more likely a mistake than a broken row."""
    file = tmp_path / "context.json"
    file.write_bytes(text)
    with pytest.raises(InvalidContextError, match=r"context\.json is no context: ") as caught:
        take_given(settings, file)
    assert caught.value.exit_code == 4
    assert not Path(settings.snapshots).exists()


def test_files_that_cannot_be_read_are_named(settings: Settings, tmp_path: Path) -> None:
    """One that is not there, and a directory."""
    with pytest.raises(NotFoundError, match=r"there is no file .*nowhere\.json"):
        take_given(settings, tmp_path / "nowhere.json")
    with pytest.raises(StoreError, match="directory"):
        take_given(settings, tmp_path)


def test_a_dry_run_and_a_switched_off_persistence_write_nothing(settings: Settings, tmp_path: Path) -> None:
    """The dry run tells of the run; taking it is refused."""
    file = tmp_path / "context.json"
    file.write_text('{"a":1}')
    items: list[SnapshotItem] = []
    off = load_settings({"db": "sqlite:///x.db", "persistence.enabled": "false"}, environ={}, cwd=tmp_path)
    report = rehearse_given(off, read_given(str(file), RUN), SnapshotRequest(), items.append)
    assert (report.exit_code, report.dry_run, [item.run_id for item in items]) == (0, True, [RUN])
    with pytest.raises(RefusedError):
        take_given(off, file)
    assert not Path(settings.snapshots).exists()
