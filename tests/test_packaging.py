"""The pinned requirements are complete, hashed, and silent about where the packages come from."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = ("requirements.txt", "requirements-dev.txt")


def _pins(name: str) -> dict[str, str]:
    """Give the packages of a requirements file, each with the lines that belong to it."""
    text = (ROOT / name).read_text()
    return {entry.split()[0]: entry for entry in re.split(r"\n(?=\w)", text) if not entry.startswith("#")}


@pytest.mark.parametrize("name", FILES)
def test_every_package_is_pinned_and_hashed(name: str) -> None:
    """Each entry names one exact version and at least one SHA-256."""
    for package, entry in _pins(name).items():
        assert "==" in package
        assert "--hash=sha256:" in entry


@pytest.mark.parametrize("name", FILES)
def test_no_registry_is_named(name: str) -> None:
    """Neither a host nor an option about indexes is in the files: the reader's own settings decide."""
    assert not re.search(r"://|^--|^-[a-z] ", (ROOT / name).read_text(), re.MULTILINE)


def test_demo_and_tests_use_the_same_versions() -> None:
    """What the program runs with is a part of what it is tested with."""
    assert _pins("requirements.txt").items() <= _pins("requirements-dev.txt").items()
