"""Redaction: no secret of a run gets through, in any spelling or place; what is no secret stays verbatim."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.context import texts
from zenctx.context.rawjson import Member, encode_string, split_object
from zenctx.context.redact import MASK, Redactor, is_reserved, redactor_for

VECTOR = Path(__file__).parents[1] / "vectors" / "legacy" / "11_reserved_keys.json"
PATTERNS = ("*password*", "*token", "*api?key", "*apikey", "*secret*")
SECRET = 'sk-not/a+real\\"sécret'  # it is spelled in several ways in JSON

_CHARACTERS = 'aZ7+/"\\\\u\n\r\x1f \u00e9\u2028\U0001f680'
secrets = st.binary(min_size=8, max_size=12).map(
    lambda drawn: "".join(_CHARACTERS[b % len(_CHARACTERS)] for b in drawn)
)
secrets = secrets.filter(lambda text: len(text.strip()) >= 8)
binary = st.binary(max_size=7)


def redactor(context: dict[str, Any], patterns: tuple[str, ...] = PATTERNS) -> Redactor:
    """Make the redactor of a context."""
    return redactor_for(split_object(json.dumps(context).encode()), patterns)


def of_secret(*found: Any) -> Redactor:
    """Make the redactor of a run that has some secrets where the engine keeps them."""
    return redactor({"__zenflow_secrets": {"http-1": {"A": list(found)}}}, ())


def shown(by: Redactor, value: Any) -> Any:
    """Redact a value, and read what is left."""
    return json.loads(by.redact(json.dumps(value).encode()))


def standard(content: bytes) -> str:
    """Spell bytes in base64."""
    return base64.b64encode(content).decode()


def for_urls(content: bytes) -> str:
    """Spell bytes in the other alphabet of base64, without padding."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


@pytest.mark.parametrize("show", [json.dumps, lambda value: json.dumps(value, ensure_ascii=False), str])
def test_no_secret_of_the_vector_gets_through(show: Callable[[Any], str]) -> None:
    """The keys with secrets are hidden; the others, and a copy of each secret in them, show nothing of it."""
    members = split_object(VECTOR.read_bytes())
    by = redactor_for(members, PATTERNS)
    hidden = [member.name for member in members if by.hides_key(member.name)]
    assert hidden == [member.name for member in members if member.name.startswith("__zenflow_")]
    for secret in ("sk-not-a-real-secret", "ghp_notARealToken", "https://hooks.example.org/cb?token=abc123"):
        for copied in (secret, [f"Bearer {secret}!"], {secret: 1}, {"x": standard(b"user:" + secret.encode() + b"!")}):
            assert secret not in show(shown(by, copied))
            assert MASK in show(shown(by, copied))


@given(
    secrets, binary, binary, st.sampled_from([standard, for_urls]), st.lists(st.integers(0, 3), min_size=1, max_size=3)
)
def test_a_secret_is_found_in_every_spelling(
    secret: str, before: bytes, after: bytes, spell: Callable[[bytes], str], ways: list[int]
) -> None:
    """Plain, escaped in any way, in base64 at every alignment, nested, as a name: what holds it is masked whole."""
    by = of_secret(secret)
    token = texts.spelled(secret, ways)
    encoded = spell(before + secret.encode() + after)
    inner = json.dumps({"k": [secret]}, ensure_ascii=False)
    for text in (token, encode_string(f"<{secret}>"), encode_string(encoded), encode_string(inner)):
        assert json.loads(by.redact(b'[{"a":[%b]}, 1.10]' % text)) == [{"a": [MASK]}, 1.10]
        assert by.redact(b'{%b : {"a":5}}' % text) == b'{"***" : {"a":5}}'
        assert by.holds_secret_bytes(text)
    assert by.holds_secret(secret + "!")
    assert secret not in by.redact_text(f"the key {secret} is unknown, {secret}")


@given(texts.trees, secrets)
def test_what_holds_no_secret_stays_verbatim(tree: texts.Tree, secret: str) -> None:
    """Redaction of a value without secrets gives its own bytes."""
    text = tree.render([b" ", b""])
    by = of_secret(secret)
    assume(not any(spelling in repr(json.loads(text, parse_int=str, parse_float=str)) for spelling in by.secrets))
    assert by.redact(text) == text
    assert Redactor(None).redact(text) == text


@given(texts.trees, st.lists(st.sampled_from(texts.PROPERTY_NAMES), min_size=1, unique=True))
def test_named_members_are_masked_at_every_level(tree: texts.Tree, names: list[str]) -> None:
    """Whatever the value under such a name is, nothing of it is left, and everything else is."""

    def masked(value: Any) -> Any:
        if isinstance(value, list):
            return [masked(part) for part in value]
        if isinstance(value, dict):
            return {name: MASK if name in names else masked(part) for name, part in value.items()}
        return value

    by = redactor_for([], names)
    text = tree.render()
    found = json.loads(by.redact(text), parse_float=str, parse_int=str)
    assert found == masked(json.loads(text, parse_float=str, parse_int=str))


@pytest.mark.parametrize(
    ("key", "is_hidden"),
    [
        ("__zenflow_secrets", True),
        ("__zenflow__profiles", True),
        ("__zenflow_anything", True),
        ("__zenflow", False),
        ("x__zenflow_secrets", True),
        ("http.output.token", True),
        ("http.output.TOKEN", True),
        ("http.output.token.value", True),
        ("http.output.token[0].value", True),
        ("http.output.tokens", False),
        ("http.output.myPassword.hash", True),
        ("http.output.body", False),
        ("api-key", True),
        ("apiXkey", True),
        ("", False),
    ],
)
def test_keys_are_hidden_by_name(key: str, is_hidden: bool) -> None:
    """Reserved keys, and keys one step of which is named like a secret, in letters of either case."""
    assert redactor({}).hides_key(key) == is_hidden
    assert is_reserved(key) == key.startswith("__zenflow_")


@pytest.mark.parametrize(
    "context",
    [
        {"__zenflow_secrets": {"n": {"A": SECRET}}},
        {"__zenflow_secrets": [[SECRET]]},
        {"__zenflow__profiles": {"n": {"secrets": {"x": SECRET}}}},
        {"__zenflow_callback_url": SECRET},
        {"login.output.password": SECRET},
        {"login.output.token.value": {"deep": [SECRET]}},
        {"login.output.body": {"user": {"apiKey": SECRET}}},
        {"__zenflow_entrypoint": {"password": SECRET}},
        {"__zenflow_secrets": {"n": SECRET + "\n"}},
    ],
    ids=str,
)
def test_secrets_are_learnt_from_wherever_they_are_kept(context: dict[str, Any]) -> None:
    """Reserved keys, named keys, named members inside a value: a copy elsewhere is masked."""
    by = redactor(context)
    assert shown(by, {"copy": f"Bearer {SECRET}"}) == {"copy": MASK}


def test_other_reserved_keys_hold_no_secrets_to_look_for() -> None:
    """The names of nodes are all over a context, and are no secrets."""
    by = redactor({"__zenflow_entrypoint_listtrigger-1": [{"nodeKey": "fetch-the-orders"}]})
    assert shown(by, "fetch-the-orders") == "fetch-the-orders"


@pytest.mark.parametrize(
    ("secret", "is_masked"), [("hunter2", False), ("hunter22", True), (1234567, False), (12345678, True)]
)
def test_only_long_secrets_are_looked_for(secret: Any, is_masked: bool) -> None:
    """Seven characters stand in too many texts by chance; a number counts like its digits."""
    by = of_secret(secret)
    assert shown(by, [secret, f"<{secret}>"]) == ([MASK, MASK] if is_masked else [secret, f"<{secret}>"])


def test_a_name_that_is_a_secret_and_named_like_one_is_masked_too() -> None:
    """Masking the value alone would show the name."""
    by = redactor({"__zenflow_secrets": {"n": "tok-1234567"}}, ("tok*",))
    assert by.redact(b'{"tok-1234567":"x"}') == b'{"***":"***"}'


@given(secrets, st.lists(st.integers(0, 3), min_size=1, max_size=3), st.integers(0, 40))
def test_overlapping_pieces_hold_what_the_whole_holds(secret: str, ways: list[int], cut: int) -> None:
    """A reader by pieces that keeps `longest` bytes of the last one misses nothing, escapes included."""
    by = of_secret(secret)
    content = b'["padding",' + texts.spelled(secret, ways) + b"]"
    first, second = content[:cut], content[cut:]
    assert by.holds_secret_bytes(first[-by.longest :] + second) or by.holds_secret_bytes(first)


def test_without_secrets_nothing_is_found() -> None:
    """An ordinary run."""
    by = Redactor(None)
    assert by.longest == 0
    assert not by.holds_secret_bytes(b"\\u0041")
    assert by.redact_text("text") == "text"
    assert not by.hides_key("password")


def test_values_that_are_no_json_are_the_callers_business() -> None:
    """Members hold JSON text: bytes have become base64 text before."""
    member = Member("__zenflow_secrets", b'"__zenflow_secrets"', b'"c2VjcmV0LWluLWEtZmlsZQ=="')
    assert redactor_for([member], ()).holds_secret("c2VjcmV0LWluLWEtZmlsZQ==")
