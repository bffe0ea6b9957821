"""A repository to test."""

from pathlib import Path

import pytest

from tests.snapshots.samples import local_repository
from zenctx.snapshots.repository import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """An empty repository on a local directory."""
    return local_repository(tmp_path)
