"""Reading YAML and properties: the application's values, its traps, and texts that mean harm."""

import sys
import time

import pytest

from zenctx.config.spring.json_text import read_json
from zenctx.config.spring.model import Entry
from zenctx.config.spring.properties_text import read_properties
from zenctx.config.spring.yaml_text import read_yaml
from zenctx.errors import SettingsError


def read(text: str) -> dict[str, str]:
    """Reads the first document of a YAML text."""
    return {entry.key: entry.text for entry in next(iter(read_yaml(text, "x.yml")), [])}


def refused(text: str) -> str:
    """Gives the sentence with which a YAML text is refused."""
    with pytest.raises(SettingsError) as caught:
        list(read_yaml(text, "x.yml"))
    assert "\n" not in caught.value.message
    return caught.value.message


def test_keys_are_joined() -> None:
    """Nested keys with dots, lists with numbers, keys in brackets without a dot; empty ones are empty texts."""
    text = "a: {b.c: 1, '[x/y]': 2}\nlist: [p, {q: r}]\nnone:\nempty: {}\nnothing: []\n"
    expected = {"a.b.c": "1", "a[x/y]": "2", "list[0]": "p", "list[1].q": "r", "none": "", "empty": "", "nothing": ""}
    assert read(text) == expected


def test_documents_and_lines() -> None:
    """Each document has its own entries, with their lines; an empty one has none."""
    texts = list(read_yaml("a: 1\n---\n---\n# only a comment\nb: 2\n", "x.yml"))
    assert [[(entry.key, entry.line) for entry in entries] for entries in texts] == [[("a", 1)], [], [("b", 5)]]
    assert list(read_yaml("", "x.yml")) == []


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("yes", "true"),
        ("Off", "false"),
        ("'yes'", "yes"),
        ("~", ""),
        ("1_048_576", "1048576"),
        ("+5", "5"),
        ("0x10", "16"),
        ("0b11", "3"),
        ("'0440'", "0440"),
        ("2026-01-01", "2026-01-01"),
        ("1.5", "1.5"),
        ("08", "08"),
        ("!!str 0440", "0440"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("|\n  two\n  lines", "two\nlines"),
    ],
)
def test_scalars_are_what_the_application_gets(written: str, text: str) -> None:
    """YAML makes truth and numbers of plain texts, never dates; quotes keep a text."""
    (entry,) = next(iter(read_yaml(f"a: {written}", "x.yml")))
    assert (entry.text, entry.trap) == (text, None)


@pytest.mark.parametrize(
    "written", ["0440", "1:30", "12e45", "1.10", "0.0001", "1e400", ".inf", ".nan", "1.0e+3", "0x" + "f" * 200]
)
def test_traps_are_known(written: str) -> None:
    """Octal, base 60 and re-spelled numbers are marked, and none is ever worked out."""
    (entry,) = next(iter(read_yaml(f"a: {written}", "x.yml")))
    assert entry.trap


def test_anchors_and_merges() -> None:
    """Own keys win over merged ones, the first merged mapping over the next."""
    text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {<<: [*x, *y], a: 3}\n"
    assert {key: value for key, value in read(text).items() if key[0] == "z"} == {"z.a": "3", "z.b": "1", "z.c": "2"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: 2\na: 3", "line 3 names 'a' twice"),
        ("a: !!python/object/apply:os.system [id]", "line 1 has a tag"),
        ("a: !hunter22 x", "line 1 has a tag"),
        ("a: !!binary aGk=", "line 1 has a tag"),
        ("- a", "holds no keys at its top"),
        ("just text", "holds no keys at its top"),
        ("? [a, b]\n: c", "has a key that is not a text"),
        ("a: {<<: [x]}", "merges what holds no keys"),
        ("a: &a {b: *a}", "nests deeper than 50 levels"),
        ("a: &a {<<: *a, b: 1}", "nests deeper than 50 levels"),
        ("a: [" * 60 + "]" * 60, "nests deeper than 50 levels"),
        ("[\n" * 100_000, "nests too deep"),
        ("a: " + "{a: " * 20_000, "nests too deep"),
        ("a: @version@", "line 1, column 4: found character '@' that cannot start any token"),
        ("a: b: c", "line 1, column 5: mapping values are not allowed here"),
        ("a:\n\tb: 1", "line 2, column 1: found character"),
        ("password: *hunter22", "line 1, column 11: found undefined alias"),
        ("password: !hunter22!x y", "line 1, column 11: found undefined tag handle"),
        ("a: 'open", "line 1, column 9: found unexpected end of stream"),
        ("a: 1\n...\nb: 2", "line 3, column 1: expected '<document start>', but found '<block mapping start>'"),
        ("a: &hunter22 1\nb: &hunter22 2\n- x", "is not valid YAML at line"),
        ('password: "\\hunter22"', "line 1, column 13: found unknown escape character 'h'"),
        ("a: \x01", "control character"),
        (f"? {'k' * 2001}\n: [1, 2]", "has a key of more than 2000 characters"),
    ],
)
def test_what_is_refused(text: str, sentence: str) -> None:
    """One sentence with the place, and nothing that may be a piece of a password."""
    message = refused(text)
    assert message.startswith("x.yml ")
    assert sentence in message
    assert "hunter22" not in message


def test_aliases_cannot_multiply() -> None:
    """Nine levels of nine aliases each would be a thousand million values."""
    levels = [f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 9)}]" for level in range(1, 10)]
    started = time.monotonic()
    assert "grows beyond 20000 values" in refused("\n".join(["l0: &l0 x", *levels]))
    merges = [f"m{level}: &m{level} {{<<: [{', '.join([f'*m{level - 1}'] * 9)}]}}" for level in range(1, 10)]
    assert "grows beyond 20000 values" in refused("\n".join(["m0: &m0 {x: 1}", *merges]))
    assert time.monotonic() - started < 20


def test_without_the_library_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML comes with an extra."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(SettingsError, match="PyYAML, which is not installed") as caught:
        list(read_yaml("a: 1", "x.yml"))
    assert caught.value.hint == "install zenctx with its extra: pip install 'zenctx[spring]'"


def properties(text: str) -> list[list[tuple[str, str]]]:
    """Reads a properties text."""
    return [[(entry.key, entry.text) for entry in entries] for entries in read_properties(text, "x.properties")]


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("a=b", "a", "b"),
        ("a = b c ", "a", "b c "),
        ("  a:b=c", "a", "b=c"),
        ("a b", "a", "b"),
        ("a", "a", ""),
        ("a=", "a", ""),
        (r"a\ b\=c=d", "a b=c", "d"),
        ("a=b\\\n   c\\\n  #d", "a", "bc#d"),
        (r"a=C:\\x\u00e9\t", "a", "C:\\x\u00e9\t"),
        ("a=b\\\\", "a", "b\\"),
        ("a=b\\", "a", "b"),
        ("a=${X:#y}", "a", "${X:#y}"),
    ],
)
def test_properties_lines(line: str, key: str, value: str) -> None:
    """Separators, escapes and continued lines are those of Java."""
    assert properties(line) == [[(key, value)]]


def test_properties_documents() -> None:
    """`#---` and `!---` end a document; comments and empty lines are nothing, and continue nothing."""
    assert properties("# c \\\na=1\r\n\r\n#---\n! x\nb=2\n!---\nc=3") == [[("a", "1")], [("b", "2")], [("c", "3")]]


def test_two_backslashes_continue_nothing() -> None:
    """They are one at the end of a value."""
    assert properties("a=b\\\\\nc=d") == [[("a", "b\\"), ("c", "d")]]


def test_properties_that_are_refused() -> None:
    """An escape that is none, and a text without end."""
    with pytest.raises(SettingsError, match=r"line 2 has a \\u without four hexadecimal digits"):
        properties("a=1\nb=\\u12g4")
    with pytest.raises(SettingsError, match="more than 20000 lines"):
        properties("\n" * 30_000)


def test_json_texts() -> None:
    """Keys are joined as in YAML, numbers stay as they are written; what is no object is refused unseen."""
    text = '{"a": {"b": [1.10, true, null]}, "c": {}, "d": "x"}'
    (entries,) = read_json(text, "X")
    assert [(entry.key, entry.text) for entry in entries] == [
        ("a.b[0]", "1.10"),
        ("a.b[1]", "true"),
        ("a.b[2]", ""),
        ("c", ""),
        ("d", "x"),
    ]
    assert list(read_json(" ", "X")) == []
    for wrong in ("{hunter22", '["hunter22"]', '"hunter22"', "[" * 100_000):
        with pytest.raises(SettingsError) as caught:
            list(read_json(wrong, "X"))
        assert caught.value.message in ("X is not valid JSON", "X is not a JSON object")


def test_an_entry_knows_what_was_written() -> None:
    """So that a text of which YAML makes something else can be told."""
    assert next(iter(read_yaml("a: no", "x.yml"))) == [Entry("a", "false", "no", 1)]
