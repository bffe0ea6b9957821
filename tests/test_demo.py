"""examples/demo.sh: it runs to its end, leaves nothing behind, and would notice a changed value."""

import subprocess
import sys
from pathlib import Path

from tests.cli.processes import environment
from tests.support.warm import warm_zenctx

ROOT = Path(__file__).parents[1]

# In place of zenctx: a playground of one run, and a way back that does not bring the same text back.
CARELESS = """\
import os, sqlite3, sys
verb, *rest = sys.argv[1:]
if verb == "demo":
    os.mkdir("zenctx-demo")
    os.chdir("zenctx-demo")
    os.mkdir("data")
with sqlite3.connect("zenctx.db") as connection:
    if verb == "demo":
        connection.execute("create table workflow_runs (id, context)")
        connection.execute("insert into workflow_runs values ('1', '{\\"total\\":1.10}')")
    if "legacy" in rest:
        connection.execute("update workflow_runs set context = '{\\"total\\":1.1}'")
connection.close()
"""


def _demo(tmp_path: Path, zenctx: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the demo with a command for zenctx, in the shell of someone who works on a database of their own.

    Temporary folders lie in `tmp_path / "tmp"`.
    """
    (tmp_path / "tmp").mkdir()
    variables = {
        "ZENCTX": zenctx,
        "ZENCTX_DB": "sqlite:////not/to/be/touched.db",
        "PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(tmp_path / "tmp"),
    }
    return subprocess.run(
        [ROOT / "examples" / "demo.sh", *arguments],
        cwd=tmp_path,
        env=environment(**variables),
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )


def _careless(tmp_path: Path) -> str:
    script = tmp_path / "careless.py"
    script.write_text(CARELESS)
    return f"{sys.executable} {script}"


def test_the_demo_ends_with_the_same_contexts(tmp_path: Path) -> None:
    """All goes well, before and after are the same, nothing is left behind; the user's own settings play no part."""
    zenctx = tmp_path / "zenctx"
    zenctx.write_text(f"#!/bin/sh\n{warm_zenctx()}\n")
    zenctx.chmod(0o755)
    done = _demo(tmp_path, str(zenctx))

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.endswith("24 contexts compared: before and after are the same.\n")
    assert "demo-key" not in done.stdout
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_demo_notices_a_changed_value(tmp_path: Path) -> None:
    """A tool that turns 1.10 into 1.1 fails the comparison, and with it the demo."""
    done = _demo(tmp_path, _careless(tmp_path))

    assert done.returncode == 1
    assert "before and after are the same" not in done.stdout
    assert "differ" in done.stdout
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_demo_keeps_a_playground_that_was_asked_for(tmp_path: Path) -> None:
    """In a directory that is named, the playground stays to look around in."""
    _demo(tmp_path, _careless(tmp_path), "kept")

    assert (tmp_path / "kept" / "zenctx-demo" / "zenctx.db").is_file()
    assert list((tmp_path / "tmp").iterdir()) == []
