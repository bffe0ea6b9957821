"""Names of members whose values are secret: the engine's, and those that the configured patterns match."""

import re
from collections.abc import Sequence

from zenctx.context.datastruct import DataStruct
from zenctx.context.redact import SECRET_KEYS, compiled_patterns

_STEP = re.compile(r"[^.\[\]]+")
_OUTPUT = re.compile(r"\.output(?=[.\[])")
_BORDER = r'[".\[\]]'
_SPECIAL = re.compile(r"[\[\]]")


class SecretNames(DataStruct, frozen=True):
    """What names secrets. `hint` finds, in the lower-case text of a document, where such a name may stand.

    `hint` None: it may stand anywhere. Each name has at least one of `literals` in it, which are found much quicker.
    """

    pattern: re.Pattern[str] | None
    hint: re.Pattern[bytes] | None
    literals: tuple[bytes, ...] = ()
    engine_keys: bool = True

    @classmethod
    def of(cls, patterns: Sequence[str]) -> "SecretNames":
        """Makes it of shell-style patterns, which ignore case; the engine's own keys count always."""
        known = (*SECRET_KEYS, *patterns)
        return cls(compiled_patterns(tuple(patterns)), _hint(known), tuple(dict.fromkeys(map(_literal, known))))

    def names(self, name: str) -> bool:
        """Tells whether the value of a member of this name is secret."""
        return (self.engine_keys and name in SECRET_KEYS) or (
            self.pattern is not None and self.pattern.fullmatch(name) is not None
        )

    def key(self, key: str) -> bool:
        """Tells whether the value of a context key is secret: a step of its path is named so.

        A node's own name does not count: what a node `refresh-token` gives out is not all secret.
        """
        if key.startswith("__zenflow_"):
            return key in SECRET_KEYS
        return any(map(self.names, steps_of(key)))

    def may_stand_in(self, document: bytes) -> bool:
        """Tells cheaply whether a JSON document can have a member, or a context a key, of such a name.

        A name may be spelled by escapes.
        """
        if self.hint is None or (self.engine_keys and b"\\u" in document):
            return True
        lowered = document.lower()
        return any(literal in lowered for literal in self.literals) and self.hint.search(lowered) is not None


NO_NAMES = SecretNames(None, re.compile(rb"(?!)"), engine_keys=False)
"""No name is that of a secret."""


def steps_of(key: str) -> list[str]:
    """Gives a context key and the steps of its path, without a node's own name."""
    node_ends = _OUTPUT.search(key)
    return [key, *_STEP.findall(key[node_ends.end() :] if node_ends else key)]


def _hint(patterns: Sequence[str]) -> re.Pattern[bytes] | None:
    if any(not pattern.isascii() or _SPECIAL.search(pattern) or not pattern.strip("*") for pattern in patterns):
        return None
    return re.compile(b"|".join(_part(pattern.lower()) for pattern in patterns))


def _literal(pattern: str) -> bytes:
    """The longest part of a pattern that every name it matches has in it."""
    return max(re.split(r"[*?]", pattern.lower()), key=len).encode()


def _part(pattern: str) -> bytes:
    """What stands in a text wherever a name, or a step of a key, that the pattern matches does, with its borders."""
    begins, ends = "" if pattern.startswith("*") else _BORDER, "" if pattern.endswith("*") else _BORDER
    middle = "".join({"*": '[^"]*', "?": "."}.get(each, re.escape(each)) for each in pattern.strip("*"))
    return f"{begins}{middle}{ends}".encode()
