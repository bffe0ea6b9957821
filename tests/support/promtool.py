"""Prometheus' own checker: of metrics, of alert rules, and of what these say of given figures."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def promtool(*arguments: str | Path, given: str | None = None) -> str:
    """Run promtool, with a text as its input; it must find nothing wrong. Give what it says.

    Without one the test is skipped here, and fails where CI is set.
    """
    ran = subprocess.run([_program(), *arguments], input=given, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    return ran.stdout + ran.stderr


def _program() -> str:
    """Find the one that the environment names, that on PATH, or that which `make test` has fetched."""
    beside = Path(sys.executable).parent
    found = os.environ.get("ZENCTX_TEST_PROMTOOL") or shutil.which("promtool") or shutil.which("promtool", path=beside)
    if found:
        return found
    reason = "no promtool: install Prometheus, or let 'make test' fetch it"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
