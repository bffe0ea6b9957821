"""zenctx as a test calls it: beside a database with both sets of tables, in a folder of its own."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from typer import Typer
from typer.main import get_command
from typer.testing import CliRunner, Result

from tests.support.rows import Rows
from zenctx.cli.app import app

RUN = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
OTHER = "9a1c8f52-0a5e-4d37-8f0e-5b3b8a5b9d02"
ABSENT = "00000000-0000-4000-8000-0000000000ff"
ENVELOPE = {"command", "version", "dry_run", "exit_code", "error", "summary", "items"}
VECTORS = Path(__file__).parents[1] / "vectors"


def vector(name: str) -> str:
    """Gives the text of a context among the vectors, such as `legacy/12_realistic`."""
    return (VECTORS / f"{name}.json").read_text()


def descriptor(**properties: object) -> dict[str, object]:
    """Gives a descriptor of a small number, with some properties changed (`type_` is the type)."""
    plain = {"locator": None, "mediaType": None, "size": 8, "checksum": None, "inlineValue": 1}
    type_ = properties.pop("type_", "MEMORY")
    return {"type": type_, **plain, **properties}


def missing_file(name: str = "gone.json") -> dict[str, object]:
    """Gives a descriptor whose file is not there."""
    locator = f"./data/context-files/persistent/{RUN}/{name}"
    return descriptor(type_="FILE", locator=locator, size=5, inlineValue=None)


class Runner(CliRunner):
    """Calls the same application each time: to build it takes as long as most of its commands."""

    def invoke(self, app: Typer, *arguments: Any, **named: Any) -> Result:
        """Calls it as the runner of Typer does."""
        with patch("typer.testing._get_command", _built):
            return super().invoke(app, *arguments, **named)


_built = cache(get_command)


def zenctx(*arguments: str, env: dict[str, str] | None = None) -> Result:
    """Runs the command line in this process, off a terminal."""
    return Runner().invoke(app, list(arguments), env=env, prog_name="zenctx")


def document_of(result: Result) -> dict[str, Any]:
    """Gives the one JSON document on standard output, whose shape and exit code are those that every call has."""
    document: dict[str, Any] = json.loads(result.stdout)
    assert set(document) == ENVELOPE
    assert document["exit_code"] == result.exit_code
    return document


@dataclass(frozen=True, slots=True)
class Console:
    """Calls zenctx for one database; the working directory is `folder`, where large values go, too."""

    url: str
    folder: Path
    rows: Rows

    def run(self, *arguments: str, env: dict[str, str] | None = None) -> Result:
        """Runs a command on the database."""
        return zenctx(*arguments, "--db", self.url, env=env)

    def lines(self, *arguments: str) -> list[str]:
        """Runs a command that must end well; gives the lines of its standard output."""
        result = self.run(*arguments)
        assert (result.exit_code, result.stderr) == (0, "")
        return result.stdout.splitlines()

    def document(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Runs a command with --json, which must end with this code; gives its document."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == code, result.output
        return document_of(result)

    def files(self) -> list[Path]:
        """Gives the files of large values."""
        found = self.folder.glob("data/context-files/persistent/*/*")
        return sorted(path for path in found if not path.name.startswith(("zenctx-", ".")))

    def state(self) -> object:
        """Gives what may not change when a command refuses: every file with its content, every context."""
        files = {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
        return files, self.rows.fetch("select cast(id as text), cast(context as text) from workflow_runs order by id")
