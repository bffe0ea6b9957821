"""Redaction: what of a context must not be shown, by its key, by a name inside a value, and by the value itself.

The engine keeps decrypted secrets under reserved keys; nodes may copy them elsewhere. Redaction works on JSON text,
so what remains is shown as it was stored.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cache, cached_property

from zenctx.context.rawjson import Member, encode_string
from zenctx.context.scanner import Kind, Token, decode_string, end_of_value, scan

RESERVED_PREFIX = "__zenflow_"
MASK = "***"
MIN_SECRET_CHARACTERS = 8

BASE64_STARTS = (0, 2, 3)
"""Where in a group of four characters the first stands that depends on nothing before the byte 0, 1 or 2 of three."""

SECRET_KEYS = ("__zenflow_secrets", "__zenflow__profiles", "__zenflow_callback_url")
"""The engine's keys that hold secrets, or may; its other keys hold none."""

_TEXTS = (Kind.STRING, Kind.NUMBER)
_STEP = re.compile(r"[^.\[\]]+")
_ESCAPES = re.compile(rb'(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))+')
_NESTED_DOCUMENTS = 3
_LONGEST_ESCAPE = 12  # bytes that one character may take: as \uXXXX, twice for a pair
_MASK_TOKEN = b'"' + MASK.encode() + b'"'


def is_reserved(key: str) -> bool:
    """Tells whether a context key is one of the engine's own."""
    return key.startswith(RESERVED_PREFIX)


@dataclass(frozen=True)
class Redactor:
    """Decides what is secret. `names` matches the names of secrets; `secrets` are texts known to be secret."""

    names: re.Pattern[str] | None
    secrets: tuple[str, ...] = ()

    def hides_key(self, key: str) -> bool:
        """Tells whether the whole value of a context key is hidden: reserved, or a step of it named like a secret."""
        return is_reserved(key) or self.hides_name(key) or any(map(self.hides_name, _STEP.findall(key)))

    def hides_name(self, name: str) -> bool:
        """Tells whether a member inside a value is hidden for its name."""
        return self.names is not None and self.names.fullmatch(name) is not None

    def redact(self, value: bytes) -> bytes:
        """Gives JSON text with `"***"` for members named like secrets and for texts that hold a known secret."""
        out: list[bytes] = []
        end = 0
        for token, hidden_until in self.hidden_parts(value):
            out += [value[end : token.start], _MASK_TOKEN]
            end = hidden_until
        return b"".join([*out, value[end:]])

    def holds_secret(self, text: str) -> bool:
        """Tells whether a decoded text contains a known secret, plain or in base64."""
        return self.holds_secret_bytes(text.encode())

    def holds_secret_bytes(self, content: bytes) -> bool:
        """Tells whether bytes contain a known secret, plain or in base64, however JSON may have escaped it."""
        if not self.secrets:
            return False
        return any(secret in reading for reading in _readings(content) for secret in self._encoded)

    @property
    def longest(self) -> int:
        """The length in bytes of the longest spelling of a known secret; what a reader by chunks must let overlap."""
        return max((_LONGEST_ESCAPE * len(secret) for secret in self.secrets), default=0)

    def redact_text(self, text: str) -> str:
        """Gives a message or key with every known secret in it masked."""
        for secret in self.secrets:
            text = text.replace(secret, MASK)
        return text

    @cached_property
    def _encoded(self) -> tuple[bytes, ...]:
        return tuple(secret.encode() for secret in self.secrets)

    def hidden_parts(self, value: bytes) -> Iterator[tuple[Token, int]]:
        """Yields the first token, and the end, of every part of a JSON text that must not be shown."""
        tokens = scan(value)
        for token in tokens:
            kind, start, end = token
            if kind is Kind.NAME:
                name = decode_string(value[start:end])
                if self.holds_secret(name):
                    yield token, end
                if self.hides_name(name):
                    first = next(tokens)
                    yield first, end_of_value(first, tokens)
            elif kind in _TEXTS and self.holds_secret(_decoded(value[start:end])):
                yield token, end


def redactor_for(members: Iterable[Member], patterns: Sequence[str]) -> Redactor:
    """Makes the redactor of one context: secrets are what stands under the engine's secret keys and named keys.

    `members` hold plain JSON values (descriptors unwrapped); `patterns` are shell-style and ignore case.
    """
    names = compiled_patterns(tuple(patterns))
    bare = Redactor(names)
    found: set[str] = set()
    for member in members:
        if member.name in SECRET_KEYS or (bare.hides_key(member.name) and not is_reserved(member.name)):
            found.update(texts_of(member.value))
        elif names is not None:
            for first, end in bare.hidden_parts(member.value):
                found.update(texts_of(member.value[first.start : end]))
    # A secret that was read from a file may be used without the line's end.
    found |= {text.strip() for text in found}
    spellings = {spelling for text in found if len(text) >= MIN_SECRET_CHARACTERS for spelling in _spellings(text)}
    return Redactor(names, tuple(sorted(spellings, key=lambda text: (-len(text), text))))


@cache
def compiled_patterns(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    """Gives what matches the names that shell-style patterns mean, in any case; None where there are none."""
    if not patterns:
        return None
    return re.compile("|".join(translate(pattern) for pattern in patterns), re.IGNORECASE)


def texts_of(value: bytes) -> Iterator[str]:
    """Yields the strings and the numbers of a JSON text."""
    for kind, start, end in scan(value):
        if kind in _TEXTS:
            yield _decoded(value[start:end])


def _decoded(token: bytes) -> str:
    return decode_string(token) if token.startswith(b'"') else token.decode()


def _readings(content: bytes) -> Iterator[bytes]:
    """Yields some content, and what it is without the escapes of JSON, and of JSON in a string of JSON."""
    yield content
    for _ in range(_NESTED_DOCUMENTS):
        if b"\\" not in content:
            return
        content = _ESCAPES.sub(_unescaped, content)
        yield content


def _unescaped(match: re.Match[bytes]) -> bytes:
    try:
        return decode_string(b'"' + match[0] + b'"').encode()
    except ValueError:  # half of a pair, cut off by the end of a piece
        return match[0]


def _spellings(secret: str) -> Iterator[str]:
    """Yields a secret as it may reappear: as it is or escaped, and both in base64 at each of three alignments."""
    for text in {secret, encode_string(secret)[1:-1].decode()}:
        yield text
        for shift in range(3):
            yield from base64_cores(text.encode(), shift)


def base64_cores(content: bytes, shift: int) -> Iterator[str]:
    """Yields what stands for some bytes wherever they follow `shift` bytes (0, 1 or 2) in base64, in both alphabets.

    It begins at the character `BASE64_STARTS[shift]` of a group of four.
    """
    for alphabet in (None, b"-_"):
        encoded = base64.b64encode(b"\0" * shift + content, alphabet).decode().rstrip("=")
        # The characters at either end depend on the bytes around the secret: only those between are its own.
        yield encoded[BASE64_STARTS[shift] : len(encoded) - (1 if (shift + len(content)) % 3 else 0)]
