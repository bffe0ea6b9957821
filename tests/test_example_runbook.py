"""examples/runbook.sh: a maintenance window that ends well, one with a mishap, and those that never begin or end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.guides import Reader

SCRIPT = Path(__file__).parents[1] / "examples" / "runbook.sh"

# In place of zenctx: each call is noted, and ends as the test says for its first words.
STAND_IN = """\
#!/bin/sh
echo "$1" >> calls
case "$1" in
  snapshot) echo '{"type":"summary","summary":{"snapshot_id":"0123456789abcdef"}}' ;;
esac
for failing in $FAILING; do test "$1" != "$failing" || exit 4; done
"""
LOSE_A_CONTEXT = "import sqlite3; c = sqlite3.connect('zenctx.db'); c.execute(\"{}\"); c.commit(); c.close()".format(
    "update workflow_runs set context = '{}' where status = 'RUNNING'"
)


def _window(folder: Path, variables: dict[str, str], *command: str) -> tuple[int, str]:
    """Run the script; give its exit code and what it says."""
    hooks = {"STOP_ENGINE": str(folder / "stop"), "START_ENGINE": str(folder / "start")}
    for hook in hooks.values():
        Path(hook).write_text(f'#!/bin/sh\necho {Path(hook).name} >> "{folder}/engine"\n')
        Path(hook).chmod(0o755)
    done = subprocess.run(
        [SCRIPT, *command], cwd=folder, env={**variables, **hooks}, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, check=False, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout


def _engine(folder: Path) -> list[str]:
    file = folder / "engine"
    return file.read_text().split() if file.exists() else []


def test_a_mishap_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program loses contexts: that is seen, they are put back to the byte, and the engine starts."""
    reader = Reader.make(tmp_path, monkeypatch)
    for command in ("zenctx demo", "cd zenctx-demo", "zenctx migrate --quiet", "zenctx snapshot --quiet"):
        reader.must(command)
    shown = reader.must("zenctx runs --limit 0 --quiet")
    code, said = _window(Path.cwd(), reader.shell.variables, sys.executable, "-c", LOSE_A_CONTEXT)

    assert code == 1, said
    assert "Values differ" in said
    assert said.rstrip().endswith("# Everything is as it was before.")
    assert _engine(Path.cwd()) == ["stop", "start"]
    assert reader.must("zenctx runs --limit 0 --quiet") == shown
    reader.must("zenctx verify")


@pytest.fixture
def stand_in(tmp_path: Path) -> dict[str, str]:
    """Give the variables under which a stand-in takes the place of zenctx, which ends well."""
    script = tmp_path / "zenctx"
    script.write_text(STAND_IN)
    script.chmod(0o755)
    return {**os.environ, "ZENCTX": str(script), "FAILING": ""}


@pytest.mark.parametrize(
    ("failing", "work", "code", "calls", "engine"),
    [
        ("", "true", 0, "doctor verify snapshot verify snapshot diff doctor", "stop start"),
        ("doctor", "true", 2, "doctor", ""),
        ("verify", "true", 2, "doctor verify", ""),
        ("", "false", 1, "doctor verify snapshot restore verify", "stop start"),
        ("restore", "false", 3, "doctor verify snapshot restore", "stop"),
        ("diff", "true", 1, "doctor verify snapshot verify snapshot diff restore verify", "stop start"),
        ("diff restore", "true", 3, "doctor verify snapshot verify snapshot diff restore", "stop"),
    ],
)
def test_the_engine_starts_unless_something_is_lost(
    *, tmp_path: Path, stand_in: dict[str, str], failing: str, work: str, code: int, calls: str, engine: str
) -> None:
    """Whatever fails ends as the script promises; only what could not be put back keeps the engine stopped."""
    ended, said = _window(tmp_path, {**stand_in, "FAILING": failing}, work)
    assert ended == code, said
    assert (tmp_path / "calls").read_text().split() == calls.split()
    assert _engine(tmp_path) == engine.split()


def test_nothing_to_do_is_said(tmp_path: Path, stand_in: dict[str, str]) -> None:
    """Without a command the engine is not even stopped."""
    code, said = _window(tmp_path, stand_in)
    assert (code, _engine(tmp_path)) == (2, [])
    assert "runbook.sh COMMAND" in said


def test_an_engine_that_does_not_stop_ends_it(tmp_path: Path, stand_in: dict[str, str]) -> None:
    """Nothing is done beside a running engine."""
    done = subprocess.run(
        [SCRIPT, "touch", "done"], cwd=tmp_path, env={**stand_in, "STOP_ENGINE": "false"}, capture_output=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert not (tmp_path / "done").exists()


def test_it_is_a_portable_script() -> None:
    """For any shell of POSIX."""
    assert SCRIPT.read_text().startswith("#!/bin/sh\n")
    assert os.access(SCRIPT, os.X_OK)
    assert subprocess.run(["sh", "-n", SCRIPT], check=False).returncode == 0
