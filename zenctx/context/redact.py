"""Redaction: what of a context must not be shown, by its key, by a name inside a value, and by the value itself.

The engine keeps decrypted secrets under reserved keys; nodes may copy them elsewhere. Redaction works on JSON text,
so what remains is shown as it was stored.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate

from zenctx.context.rawjson import Member, encode_string
from zenctx.context.scanner import Kind, Token, decode_string, end_of_value, scan

RESERVED_PREFIX = "__zenflow_"
MASK = "***"
MIN_SECRET_CHARACTERS = 8

_SECRET_KEYS = ("__zenflow_secrets", "__zenflow__profiles", "__zenflow_callback_url")
_MASK_TOKEN = b'"' + MASK.encode() + b'"'


def is_reserved(key: str) -> bool:
    """Tells whether a context key is one of the engine's own."""
    return key.startswith(RESERVED_PREFIX)


@dataclass(frozen=True)
class Redactor:
    """Decides what is secret. `patterns` are shell-style name patterns; `secrets` are texts known to be secret."""

    names: re.Pattern[str] | None
    secrets: tuple[str, ...] = ()

    def hides_key(self, key: str) -> bool:
        """Tells whether the whole value of a context key is hidden: reserved, or named like a secret."""
        return is_reserved(key) or self._named(key) or self._named(key.rpartition(".")[2])

    def redact(self, value: bytes) -> bytes:
        """Gives JSON text with `"***"` for members named like secrets and for strings that hold a known secret."""
        out: list[bytes] = []
        end = 0
        for token, hidden_until in self.hidden_parts(value):
            out += [value[end : token.start], _MASK_TOKEN]
            end = hidden_until
        return b"".join([*out, value[end:]])

    def holds_secret(self, text: str) -> bool:
        """Tells whether a decoded text contains a known secret, plain or in base64."""
        return any(secret in text for secret in self.secrets)

    def holds_secret_bytes(self, content: bytes) -> bool:
        """Tells whether bytes contain a known secret, plain or in base64."""
        return any(secret.encode(errors="surrogatepass") in content for secret in self.secrets)

    @property
    def longest(self) -> int:
        """The length in bytes of the longest known secret; what a reader by chunks must let overlap."""
        return max((len(secret.encode(errors="surrogatepass")) for secret in self.secrets), default=0)

    def redact_text(self, text: str) -> str:
        """Gives a message or key with every known secret in it masked."""
        for secret in self.secrets:
            text = text.replace(secret, MASK)
        return text

    def _named(self, name: str) -> bool:
        return self.names is not None and self.names.fullmatch(name) is not None

    def hidden_parts(self, value: bytes) -> Iterator[tuple[Token, int]]:
        """Yields the first token, and the end, of every part of a JSON text that must not be shown."""
        tokens = scan(value)
        for token in tokens:
            if token.kind is Kind.NAME:
                name = decode_string(value[token.start : token.end])
                if self._named(name):
                    first = next(tokens)
                    yield first, end_of_value(first, tokens)
                elif self.holds_secret(name):
                    yield token, token.end
            elif token.kind is Kind.STRING and self.holds_secret(decode_string(value[token.start : token.end])):
                yield token, token.end


def redactor_for(members: Iterable[Member], patterns: Sequence[str]) -> Redactor:
    """Makes the redactor of one context: secrets are the strings under the engine's secret keys and named keys.

    `members` hold plain JSON values (descriptors unwrapped); `patterns` are shell-style and ignore case.
    """
    names = _compiled(patterns)
    bare = Redactor(names)
    found: set[str] = set()
    for member in members:
        if member.name in _SECRET_KEYS or (bare.hides_key(member.name) and not is_reserved(member.name)):
            found.update(_strings(member.value))
        elif names is not None:
            for first, end in bare.hidden_parts(member.value):
                found.update(_strings(member.value[first.start : end]))
    long_enough = sorted(text for text in found if len(text) >= MIN_SECRET_CHARACTERS)
    spellings = {spelling for text in long_enough for spelling in _spellings(text)}
    return Redactor(names, tuple(sorted(spellings, key=len, reverse=True)))


def _compiled(patterns: Sequence[str]) -> re.Pattern[str] | None:
    if not patterns:
        return None
    return re.compile("|".join(translate(pattern) for pattern in patterns), re.IGNORECASE)


def _strings(value: bytes) -> Iterator[str]:
    for token in scan(value):
        if token.kind is Kind.STRING:
            yield decode_string(value[token.start : token.end])


def _spellings(secret: str) -> Iterator[str]:
    """Yields a secret as it may reappear: plain, escaped in JSON, and in base64 at any of the three alignments."""
    yield secret
    escaped = encode_string(secret)[1:-1].decode()
    if escaped != secret:
        yield escaped
    content = secret.encode()
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + content).decode().rstrip("=")
        # The characters at either end depend on the bytes around the secret: only those between are its own.
        core = encoded[(0, 2, 3)[shift] : len(encoded) - (1 if (shift + len(content)) % 3 else 0)]
        if len(core) >= MIN_SECRET_CHARACTERS:
            yield core
