"""Comparing many runs: the memory it takes does not grow with their number."""

import io
import json
import tracemalloc
from pathlib import Path

import pytest

from tests.operations.comparing import Made, add_snapshot, numbered, repository_of
from zenctx.config import Settings, load_settings
from zenctx.operations.comparison.reference import parse_reference
from zenctx.operations.comparison.report import DiffItem
from zenctx.operations.diff import DiffRequest, Sources, diff

FEW, MANY = 2000, 8000
KIBI = 1024


def peak(settings: Settings, count: int) -> int:
    """Compare two snapshots of so many runs of 1.5 KB, a tenth of which differ; give the peak of memory in bytes."""
    repository = repository_of(settings)
    names = []
    for version in (0, 1):
        runs = {
            run: json.dumps({"n": number + (version if number % 10 == 0 else 0), "body": f"{number:x}" * 300})
            for number, run in enumerate(numbered(count))
        }
        names.append(add_snapshot(repository, Made(runs)).short_id)
    found = 0

    def count_item(_item: DiffItem) -> None:
        nonlocal found
        found += 1

    sources = Sources(settings, None, io.BytesIO)
    tracemalloc.start()
    try:
        diff(sources, DiffRequest(parse_reference(names[0]), parse_reference(names[1])), count_item)
        highest = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == count // 10
    return highest


@pytest.mark.soak
def test_memory_does_not_grow_with_the_number_of_runs(tmp_path: Path) -> None:
    """Four times as many runs take hardly any more."""
    settings = load_settings({"db": "sqlite:///unused.db"}, config_file=None, environ={}, cwd=tmp_path)
    peak(settings, 10)
    assert peak(settings, MANY) < peak(settings, FEW) + 1024 * KIBI
