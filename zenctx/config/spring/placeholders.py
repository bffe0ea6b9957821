"""Resolves `${NAME:default}`, nested, as Spring does."""

from collections.abc import Callable
from dataclasses import dataclass, field

MAX_LENGTH = 65_536
MAX_STEPS = 1_000
MAX_DEPTH = 40


class UnresolvableError(Exception):
    """A placeholder cannot be resolved; the text says why, as the end of a sentence that begins with the key."""


@dataclass(slots=True)
class Resolution:
    """Resolves the placeholders of one text: `lookup` gives the text of a name, or None; `used` collects such names."""

    lookup: Callable[[str], str | None]
    used: list[str] = field(default_factory=list)
    steps: int = 0

    def resolve(self, text: str, within: tuple[str, ...] = (), depth: int = 0) -> str:
        """Gives the text with every placeholder replaced.

        `within` are the names whose texts are being resolved, `depth` counts what is nested in what. A `${` that is
        never closed stays as it is. Raises UnresolvableError.
        """
        if "\\${" in text:
            raise UnresolvableError(r"holds \${, which versions of Spring read differently")
        if depth > MAX_DEPTH:
            raise UnresolvableError("nests placeholders too deep")
        parts: list[str] = []
        done = length = 0
        while (start := text.find("${", done)) >= 0 and (end := _end(text, start)) is not None:
            parts += [text[done:start], self._placeholder(text[start + 2 : end], within, depth + 1)]
            length += len(parts[-1])
            if length > MAX_LENGTH:
                raise UnresolvableError("grows out of proportion when its placeholders are resolved")
            done = end + 1
        return "".join([*parts, text[done:]])

    def _placeholder(self, inside: str, within: tuple[str, ...], depth: int) -> str:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise UnresolvableError("grows out of proportion when its placeholders are resolved")
        colon = _colon(inside)
        name = self.resolve(inside[:colon], within, depth)
        if name in within:
            raise UnresolvableError(f"needs ${{{name}}}, which needs itself")
        found = self.lookup(name)
        if found is not None:
            self.used.append(name)
            return self.resolve(found, (*within, name), depth)
        if colon is None:
            raise UnresolvableError(f"needs ${{{name}}}, which is set nowhere")
        return self.resolve(inside[colon + 1 :], within, depth)


def _end(text: str, start: int) -> int | None:
    """Gives the place of the brace that closes the placeholder at `start`; braces inside count in pairs."""
    depth = 0
    for index in range(start + 1, len(text)):
        if text[index] == "{":
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
    return None


def _colon(inside: str) -> int | None:
    """Gives the place of the first colon that is not within a nested placeholder."""
    depth = 0
    for index, character in enumerate(inside):
        if character == ":" and depth == 0:
            return index
        depth += (character == "{") - (character == "}")
    return None
