"""Whole processes, measured: seconds by the clock, seconds of processor time, peak memory."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PYTHON = sys.executable
_LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process used: `wall` and `cpu` in seconds, `peak` (resident memory) in bytes; and what it printed."""

    wall: float
    cpu: float
    peak: int
    output: str


def zenctx_command() -> list[str]:
    """Gives the command of this environment, as a user would call it."""
    script = Path(PYTHON).parent / "zenctx"
    return [str(script)] if script.exists() else [PYTHON, "-m", "zenctx"]


def run(command: Sequence[str], folder: Path, accept: Sequence[int] = (0,)) -> Usage:
    """Runs a command in a folder, which counts as its user's home. RuntimeError for an exit code not in `accept`."""
    result = folder / "usage.json"
    launch = [PYTHON, "-I", "-S", str(_LAUNCHER), str(result), *command]
    done = subprocess.run(launch, cwd=folder, env=_environment(folder), capture_output=True, text=True, check=True)
    figures = json.loads(result.read_text())
    if figures.pop("exit_code") not in accept:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stdout}{done.stderr}")
    return Usage(**figures, output=done.stdout)


def _environment(folder: Path) -> Mapping[str, str]:
    # Settings of the person who measures do not take part; byte code is kept, as it is for a user.
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("ZENCTX_") and name not in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
    }
    return {**kept, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
