"""The parts of the guides that are made from the code: docs/cli.md, and the messages of docs/troubleshooting.md.

`make docs` writes them anew; a test fails while they are not what this module makes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from typer.testing import CliRunner

from tests.support.messages import Message, collected
from tests.support.texts_of_code import ROOT
from zenctx.cli.app import COMMANDS, app
from zenctx.cli.group import Entry

CLI = ROOT / "docs" / "cli.md"
TROUBLESHOOTING = ROOT / "docs" / "troubleshooting.md"
OTHERS = "*"
"""The part that takes the messages of modules that no other part names."""

_MOST_HINTS = 3
_PART = re.compile(r"^<!-- messages of: (?P<modules>[^>]+) -->\n(?P<rows>.*?)^<!-- end -->$", re.MULTILINE | re.DOTALL)
_INTRODUCTION = """\
# Commands

The help of every command, as `zenctx COMMAND --help` prints it. What exit codes and messages mean, and what to do then,
is in [troubleshooting.md](troubleshooting.md); the settings are in [configuration.md](configuration.md).

<!-- Made by `make docs` from the help texts: change those, not this file. -->
"""


def help_of(words: str) -> str:
    """Give the help of a command, or of the application, in 80 columns."""
    result = CliRunner().invoke(app, [*words.split(), "--help"], prog_name="zenctx", env={"COLUMNS": "80"})
    assert result.exit_code == 0, result.output
    return result.stdout.strip("\n")


def cli_guide() -> str:
    """Give the text of docs/cli.md."""
    return "\n".join([_INTRODUCTION, _block("zenctx", "", "##"), *_sections(COMMANDS)])


def _sections(entries: Sequence[Entry]) -> Iterator[str]:
    section = ""
    for entry in entries:
        if " " not in entry.words and entry.section != section:
            section = entry.section
            yield f"## {section}\n"
        yield _block(f"zenctx {entry.words}", entry.words, "####" if " " in entry.words else "###")


def _block(title: str, words: str, level: str) -> str:
    return f"{level} {title}\n\n```\n{help_of(words)}\n```\n"


def modules_of_parts(guide: str) -> list[tuple[str, ...]]:
    """Give the modules that each part of the guide names, in its order."""
    return [tuple(match["modules"].split()) for match in _PART.finditer(guide)]


def part_of(module: str, parts: Sequence[tuple[str, ...]]) -> int:
    """Give which part a module belongs to: the one that names most of its name."""
    name = module.removeprefix("zenctx.")
    matching = [
        (len(prefix), at)
        for at, prefixes in enumerate(parts)
        for prefix in prefixes
        if prefix in {OTHERS, name} or name.startswith(f"{prefix}.")
    ]
    return max(matching)[1]


def with_messages(guide: str) -> str:
    """Give a guide with the messages in its parts as the code has them."""
    parts = modules_of_parts(guide)
    rows: dict[int, list[Message]] = {at: [] for at in range(len(parts))}
    for message in collected().messages:
        rows[part_of(message.module, parts)].append(message)
    tables = map(_table, rows.values())
    return _PART.sub(lambda match: f"<!-- messages of: {match['modules']} -->\n{next(tables)}<!-- end -->", guide)


def _table(messages: Sequence[Message]) -> str:
    merged: dict[str, list[Message]] = {}
    for message in messages:
        merged.setdefault(message.text, []).append(message)
    if not merged:
        return ""
    lines = [_row(text, same) for text, same in merged.items()]
    return "\n| message | code | what to do |\n|---|---|---|\n" + "".join(lines) + "\n"


def _row(text: str, same: Sequence[Message]) -> str:
    codes = ", ".join(str(code) for code in sorted({each.exit_code for each in same if each.exit_code is not None}))
    hints = list(dict.fromkeys(hint for each in same for hint in each.hint.split(" / ") if hint.strip(" …")))
    return f"| {_cell(text)} | {codes} | {_cell(' *or* '.join(hints[:_MOST_HINTS]))} |\n"


def _cell(text: str) -> str:
    # As little as can be: whoever searches the text of the file for a message is to find it.
    return text.replace("|", r"\|").replace("<", "&lt;")


def generated() -> Mapping[str, str]:
    """Give the guides that are made, whole or in part, by their paths, as they should be."""
    return {str(CLI): cli_guide(), str(TROUBLESHOOTING): with_messages(TROUBLESHOOTING.read_text())}


def main() -> None:
    """Write them."""
    CLI.write_text(cli_guide())
    TROUBLESHOOTING.write_text(with_messages(TROUBLESHOOTING.read_text()))


if __name__ == "__main__":
    main()
