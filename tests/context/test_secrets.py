"""Secrets in stored texts: found in every spelling, replaced where they stand, everything else as it is spelled."""

import base64
import html
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.context import texts
from zenctx.context.members import Change, edit_members
from zenctx.context.names import NO_NAMES, SecretNames
from zenctx.context.rawjson import join_members, split_object
from zenctx.context.secrets import FindKind, Secrets, named_values, secret_texts

MASK = "***"
SECRET = 'sk-not/a+real\\"sécret\n1'
NAMES = SecretNames.of(("*password*", "*token", "*api?key"))
Encode = Callable[[str], str]


def standard(text: str) -> str:
    """Spell a text in base64."""
    return base64.b64encode(text.encode()).decode()


def for_urls(text: str) -> str:
    """Spell a text in the other alphabet of base64, without padding."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def as_document(text: str) -> str:
    """Put a text into JSON, as a program does that escapes all but ASCII."""
    return json.dumps({"k": [1.0, text, None]})


ENCODERS: dict[str, Encode] = {
    "as it is": str,
    "in a text": lambda text: f"curl -u admin:{text} 'https://h/?a=1%20b' &amp; \\",
    "in JSON": as_document,
    "in JSON with blanks": lambda text: json.dumps([text, {"é": 1e400}], indent=1, ensure_ascii=False),
    "escaped": lambda text: json.dumps(f"{text} ", ensure_ascii=False)[1:-1],
    "in a URL": lambda text: f"https://h/p?q={quote(text, safe='*')}&r=%41",
    "in a form": lambda text: f"q={quote_plus(text, safe='*')}&r=1",
    "in HTML": lambda text: f"<p title='&#39;'>{html.escape(text)}</p>",
    "in base64": standard,
    "in base64 behind one": lambda text: f"Basic {standard(':' + text)}",
    "in base64 behind two": lambda text: f"Basic {standard('u:' + text + ':r')}.",
    "in base64 for URLs": lambda text: f"a b {for_urls('usé:' + text)}",
    "JSON in base64": lambda text: standard(as_document(text)),
}
secrets = st.text(st.sampled_from('aZ7+/"\\ué\n é\u2028\U0001f680-&%<'), min_size=8, max_size=14).filter(
    lambda text: len(text.strip()) == len(text) and not text.isdigit()
)


def cleaned(value: Any, *values: str, names: SecretNames = NAMES) -> Any:
    """Clean the document of a value; make sure that nothing is left to be found."""
    document = json.dumps(value, ensure_ascii=False).encode()
    by = Secrets(names, values)
    found = by.clean_document(document)
    assert (found.text != document) is bool(found.finds)
    assert by.clean_document(found.text) == (found.text, [])
    return json.loads(found.text)


@pytest.mark.parametrize("how", ENCODERS)
def test_a_secret_becomes_a_mask_in_every_spelling(how: str) -> None:
    """What stands around it stays as it was, to the letter."""
    encode = ENCODERS[how]
    assert cleaned({"a": encode(SECRET), "b": 1.50}, SECRET) == {"a": encode(MASK), "b": 1.50}


@settings(max_examples=60)
@given(secret=secrets, outer=st.sampled_from(sorted(ENCODERS)), inner=st.sampled_from(sorted(ENCODERS)))
def test_spellings_within_one_another_are_seen_through(secret: str, outer: str, inner: str) -> None:
    """Whatever the secret is made of, two encodings hide it as little as one."""
    assume(MASK not in secret)
    encode: Encode = lambda text: ENCODERS[outer](ENCODERS[inner](text))  # noqa: E731
    by = Secrets(NO_NAMES, [secret])
    document = json.dumps([encode(secret)]).encode()
    found = by.clean_document(document)
    assert found.finds
    assert not by.holds(found.text)
    left = json.loads(found.text)[0]
    assert secret not in left
    assert json.dumps(secret)[1:-1] not in left
    assert standard(secret)[:-4] not in left


@given(texts.documents)
def test_a_document_without_secrets_is_the_same_bytes(document: bytes) -> None:
    """Whatever stands in it."""
    assert Secrets(NO_NAMES, [SECRET, "another-secret"]).clean_document(document) == (document, [])


def test_names_hide_their_values_wherever_they_stand() -> None:
    """In any case, in documents within texts and base64; nothing, booleans and empty values are no secrets."""
    inner = {"db_Password": {"a": [1]}, "rest": 1}
    hidden = {"db_Password": MASK, "rest": 1}
    value = {"x": [inner, json.dumps(inner), standard(json.dumps(inner))], "hasPassword": True, "token": None}
    assert cleaned(value) == {
        "x": [hidden, json.dumps(hidden), standard(json.dumps(hidden))], "hasPassword": True, "token": None
    }  # fmt: skip
    assert cleaned({"x": {"__zenflow_secrets": {"a": 1}}}, names=SecretNames.of(())) == {
        "x": {"__zenflow_secrets": MASK}
    }
    assert cleaned({"password": "x"}, names=NO_NAMES) == {"password": "x"}


def test_where_and_by_what_something_was_found() -> None:
    """Each find has a pointer, in which no secret stands either."""
    document = json.dumps({"a/b": [0, {f"x{SECRET}": SECRET}], "api_Key": "k"}).encode()
    found = Secrets(NAMES, [SECRET]).clean_document(document).finds
    assert found == [
        (FindKind.VALUE, "/a~1b/1/***"), (FindKind.VALUE, "/a~1b/1/***"), (FindKind.NAME, "/api_Key")
    ]  # fmt: skip


def test_numbers_are_secret_as_a_whole_or_not_at_all() -> None:
    """What holds a secret number by chance, as part of another, is left; also in a text."""
    value = {"n": 12345678, "m": 912345678, "t": "pin 12345678, order 9123456780", "j": '{"p":12345678}'}
    assert cleaned(value, "12345678") == {
        "n": MASK, "m": 912345678, "t": f"pin {MASK}, order 9123456780", "j": f'{{"p":"{MASK}"}}'
    }  # fmt: skip


def test_names_that_hold_secrets_stay_different() -> None:
    """A database keeps one member of a name: two that become one would lose a value."""
    value = {SECRET: 1, f"{SECRET}2": 2, MASK: 3, "***1": 4}
    left = cleaned(value, SECRET)
    assert sorted(left.values()) == [1, 2, 3, 4]
    assert SECRET not in json.dumps(left, ensure_ascii=False)


def test_a_text_of_any_bytes_is_cleaned() -> None:
    """An error message need not be JSON, nor UTF-8."""
    by = Secrets(NO_NAMES, ["a-secret-value"])
    assert by.clean_text(b"\xff a-secret-value \x00").text == b"\xff *** \x00"
    assert by.clean_content(b"no secret").finds == []


def test_a_word_under_a_name_is_not_looked_for_elsewhere() -> None:
    """`disabled` stands in many places; what the engine keeps as a secret is looked for whatever it is."""
    assert set(secret_texts(b'["disabled","short7","a1b2c3d4 "]', by_name=True)) == {"a1b2c3d4 ", "a1b2c3d4"}
    assert set(secret_texts(b'["disabled","********"]', by_name=False)) == {"disabled"}
    document = json.dumps({"key": "-----BEGIN KEY-----", "kind": "short"})
    assert set(secret_texts(json.dumps([document]).encode(), by_name=False)) == {document, "-----BEGIN KEY-----"}
    assert list(named_values(b'{"a":{"token":"t","password":null}}', NAMES)) == [("token", b'"t"')]


def test_the_name_of_a_node_does_not_make_all_that_it_gives_out_secret() -> None:
    """The steps of a path do."""
    assert NAMES.key("refresh-token.output.password")
    assert NAMES.key("http.output.headers.x-token")
    assert NAMES.key("password")
    assert NAMES.key("http.output.token.value")
    assert NAMES.may_stand_in(b'{"http.output.token.value":1}')
    assert not NAMES.may_stand_in(b'{"http.output.tokens":1}')
    assert not NAMES.key("refresh-token.output.status")
    assert not NAMES.key("__zenflow_trigger_token")
    assert NAMES.key("__zenflow_secrets")


@given(texts.contexts, st.data())
def test_members_can_be_changed_one_by_one(document: bytes, data: st.DataObject) -> None:
    """The others keep their text, and the blanks between them."""
    members = split_object(document)
    changes = {
        number: data.draw(st.sampled_from([None, Change(b'"new%d"' % number, b"[ 1 ]")]))
        for number in range(len(members))
        if data.draw(st.booleans())
    }
    wanted = [
        member if number not in changes else member._replace(spelling=change.spelling, value=change.value)
        for number, member in enumerate(members)
        if (change := changes.get(number, Change(b"", b""))) is not None
    ]
    edited = edit_members(document, changes)
    assert [member[1:] for member in split_object(edited)] == [member[1:] for member in wanted]
    if not changes:
        assert edited == document
    assert split_object(edited) == split_object(join_members(wanted))
