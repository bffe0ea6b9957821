"""Spring's profiles: expressions over them, and which ones are active."""

import re
from collections.abc import Callable, Collection, Sequence

MAX_EXPRESSION = 500

_TOKEN = re.compile(r"[()&|!]|[^()&|!]+")


class ExpressionError(Exception):
    """A profile expression is malformed."""


def matches(expression: str, active: Collection[str]) -> bool:
    """Tells whether a profile expression holds: names, `!`, `&`, `|`, parentheses.

    Raises ExpressionError where Spring refuses, too: `&` and `|` side by side without parentheses, for one.
    """
    tokens = [token.strip() for token in _TOKEN.findall(expression)]
    tokens = [token for token in tokens if token]
    if not tokens or len(expression) > MAX_EXPRESSION:
        raise ExpressionError
    value, rest = _any_or_all(tokens, active)
    if rest:
        raise ExpressionError
    return value


def expand(profiles: Sequence[str], group_of: Callable[[str], Sequence[str]]) -> list[str]:
    """Gives the profiles, each followed by the members of its group, members of members included; none twice."""
    expanded: list[str] = []
    waiting = list(reversed(profiles))
    while waiting:
        profile = waiting.pop()
        if profile not in expanded:
            expanded.append(profile)
            waiting += reversed(group_of(profile))
    return expanded


def _any_or_all(tokens: Sequence[str], active: Collection[str]) -> tuple[bool, Sequence[str]]:
    value, rest = _single(tokens, active)
    values, operators = [value], set()
    while rest and rest[0] in ("&", "|"):
        operators.add(rest[0])
        value, rest = _single(rest[1:], active)
        values.append(value)
    if len(operators) > 1:
        raise ExpressionError
    return (any(values) if "|" in operators else all(values)), rest


def _single(tokens: Sequence[str], active: Collection[str]) -> tuple[bool, Sequence[str]]:
    if not tokens or tokens[0] in (")", "&", "|"):
        raise ExpressionError
    first, rest = tokens[0], tokens[1:]
    if first == "!":
        value, rest = _single(rest, active)
        return not value, rest
    if first == "(":
        value, rest = _any_or_all(rest, active)
        if not rest or rest[0] != ")":
            raise ExpressionError
        return value, rest[1:]
    return first in active, rest
