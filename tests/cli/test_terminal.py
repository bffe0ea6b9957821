"""Tests of what reaches a terminal."""

import json
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zenctx.cli.terminal import mask_secrets, neutralise, neutralise_json, neutralise_lines, wrapped

DANGEROUS = {"Cc", "Cf", "Cs", "Zl", "Zp"}
ANY_TEXT = st.text(st.characters())


def is_dangerous(character: str) -> bool:
    """Whether a character may steer a terminal or hide."""
    return unicodedata.category(character) in DANGEROUS


def test_every_dangerous_character_of_unicode_is_escaped_and_no_other() -> None:
    """The list in the code is that of Unicode's own categories."""
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        if is_dangerous(character):
            assert all(map(str.isprintable, neutralise(character))), hex(number)
        elif unicodedata.category(character) != "Cn":
            assert neutralise(character) == character, hex(number)


@given(ANY_TEXT)
@example("\x1b]8;;http://x\x07link\x1b]8;;\x07")
@example("\u202egnp.exe")
@example("\udc80")
def test_no_dangerous_character_survives(text: str) -> None:
    """Whatever data holds, the result is one harmless line that UTF-8 can carry."""
    harmless = neutralise(text)
    assert not any(map(is_dangerous, harmless))
    assert harmless.encode().decode() == harmless


@given(ANY_TEXT)
def test_plain_text_stays_as_it_is(text: str) -> None:
    """Text without such characters is not touched."""
    plain = "".join(character for character in text if not is_dangerous(character))
    assert neutralise(plain) == plain


@given(ANY_TEXT)
def test_lines_keep_only_newlines_and_tabs(text: str) -> None:
    """Text of several lines keeps its lines and nothing else."""
    assert not any(map(is_dangerous, neutralise_lines(text).replace("\n", "").replace("\t", "")))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\nb\r\t\x00", r"a\nb\r\t\x00"),
        ("\x9b\x7f", r"\x9b\x7f"),
        ("\u202e\u2066\u200b\u2028", r"\u202e\u2066\u200b\u2028"),
        ("\U000e0041", r"\U000e0041"),
        ("[bold]x[/y] 日本語 é 👍", "[bold]x[/y] 日本語 é 👍"),
    ],
)
def test_escapes_are_readable(text: str, shown: str) -> None:
    """What was escaped can still be recognised."""
    assert neutralise(text) == shown


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_keeps_its_value(text: str) -> None:
    """The harmless spelling of a JSON text has the same value."""
    harmless = neutralise_json(json.dumps({text: text}, ensure_ascii=False))
    assert json.loads(harmless) == {text: text}
    assert not any(map(is_dangerous, harmless))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("no way to postgresql://u:p@ss@db/x now", "no way to postgresql://u:***@db/x now"),
        ("jdbc:postgresql://db/x?user=u&password=geheim&ssl=1", "jdbc:postgresql://db/x?user=u&password=***&ssl=1"),
        ("postgresql://u@db:5432/x", "postgresql://u@db:5432/x"),
        ("host=db PASSWORD=geheim user=u", "host=db PASSWORD=*** user=u"),
        ("run 12 at 10:15", "run 12 at 10:15"),
    ],
)
def test_passwords_in_a_sentence_are_masked(text: str, masked: str) -> None:
    """A password in a URL or a parameter is replaced, the rest of the sentence stays."""
    assert mask_secrets(text) == masked


def test_lines_break_at_spaces_only() -> None:
    """Commands and paths stay whole, however narrow the terminal is; what fits is not touched."""
    path = "/a/very/long/path/that-has-hyphens/and-more"
    assert wrapped(f"see {path} for more", 30).splitlines() == ["see", path, "for more"]
    assert wrapped("short", 30) == "short"
    assert wrapped("", 30) == ""
