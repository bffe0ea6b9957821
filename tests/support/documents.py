"""Code blocks of a document, and a shell that runs their lines as a reader would."""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.cli.processes import environment
from tests.support.warm import warm_zenctx

ROOT = Path(__file__).parents[2]


def code_blocks(document: str, language: str) -> Iterator[tuple[int, list[str]]]:
    """Find the code blocks of a language: the number of the first line of each, and its lines."""
    for match in re.finditer(rf"^```{language}\n(.*?)^```$", document, re.MULTILINE | re.DOTALL):
        yield document.count("\n", 0, match.start(1)) + 1, match[1].splitlines()


@dataclass(slots=True)
class Shell:
    """Runs one line after the other in a folder, off a terminal, with `zenctx` on the PATH."""

    folder: Path
    variables: dict[str, str]

    @classmethod
    def make(cls, folder: Path, **variables: str) -> Self:
        """Make a shell in which `zenctx` is the code of this checkout, and nobody's own settings count."""
        home = folder / "home"
        script = home / "bin" / "zenctx"
        script.parent.mkdir(parents=True)
        script.write_text(f"#!/bin/sh\n{warm_zenctx()}\n")
        script.chmod(0o755)
        path = f"{script.parent}{os.pathsep}{os.environ['PATH']}"
        inherited = environment(HOME=str(home), XDG_CONFIG_HOME=str(home), XDG_DATA_HOME=str(home), PATH=path)
        own = {name: value for name, value in inherited.items() if not name.startswith("ZENCTX_")}
        return cls(folder, own | variables)

    def run(self, command: str) -> tuple[int, list[str]]:
        """Run a line; give its exit code and the lines that appear, without spaces at their ends. `cd` stays."""
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            text=True,
            timeout=120,
        )
        if command.startswith("cd ") and done.returncode == 0:
            self.folder /= command.removeprefix("cd ")
        return done.returncode, [line.rstrip() for line in done.stdout.splitlines()]
