"""Reads a Java properties text as Spring does: documents of keys and texts."""

import re
from collections.abc import Iterator

from zenctx.config.spring.model import Entry
from zenctx.errors import SettingsError

MAX_LINES = 20_000

_COMMENT = re.compile(r"[ \t\f]*[#!]")
_SEPARATOR = re.compile(r"[#!]---\s*")
_KEY = re.compile(r"((?:[^\\=: \t\f]|\\.)*)[ \t\f]*(?:[=:][ \t\f]*)?(.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_LETTERS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def read_properties(text: str, name: str) -> Iterator[list[Entry]]:
    """Gives the entries of each document; a line `#---` ends one. `name` is how messages call the text.

    Raises SettingsError for an escape that is none, and for a text of very many lines.
    """
    entries: list[Entry] = []
    for number, line in _logical_lines(text, name):
        if _SEPARATOR.fullmatch(line):
            yield entries
            entries = []
        elif line and not _COMMENT.match(line) and (match := _KEY.fullmatch(line)):
            value = _unescaped(match[2], name, number)
            entries.append(Entry(_unescaped(match[1], name, number), value, value, number))
    yield entries


def _logical_lines(text: str, name: str) -> Iterator[tuple[int, str]]:
    """Gives lines with their number, those that end in a backslash joined to the next."""
    lines = re.split(r"\r\n|\r|\n", text)
    if len(lines) > MAX_LINES:
        raise SettingsError(f"{name} cannot be read: it has more than {MAX_LINES} lines")
    pieces: list[str] = []
    start = 1
    for number, line in enumerate(lines, start=1):
        if not pieces:
            start = number
        piece = line.lstrip(" \t\f")
        is_comment = not pieces and _COMMENT.match(line)
        if not is_comment and _continues(piece):
            pieces.append(piece[:-1])
            continue
        yield start, line if is_comment else "".join([*pieces, piece])
        pieces = []
    if pieces:
        yield start, "".join(pieces)


def _continues(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _unescaped(text: str, name: str, line: int) -> str:
    def letter(match: re.Match[str]) -> str:
        code = match[1]
        if code == "u":
            raise SettingsError(f"{name} cannot be read: line {line} has a \\u without four hexadecimal digits")
        return chr(int(code[1:], 16)) if len(code) > 1 else _LETTERS.get(code, code)

    return _ESCAPE.sub(letter, text)
