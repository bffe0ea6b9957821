"""Profile expressions and the expansion of groups."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zenctx.config.spring.profiles import ExpressionError, expand, matches


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("prod", True),
        ("dev", False),
        ("!dev", True),
        ("!!prod", True),
        ("prod & eu", True),
        ("prod&!eu", False),
        ("dev | eu", True),
        ("(prod & dev) | eu", True),
        ("prod & (dev | eu)", True),
        ("!(prod & eu)", False),
        (" prod-eu_1.2 ", False),
        ("Prod", False),
    ],
)
def test_expressions(expression: str, *, holds: bool) -> None:
    """Names compare exactly; operators and parentheses as in Spring."""
    assert matches(expression, ["prod", "eu"]) is holds


@pytest.mark.parametrize(
    "expression",
    ["", " ", "&", "prod &", "| prod", "prod & eu | dev", "(prod", "prod)", "()", "!", "a ( b", "!" * 501, "(" * 600],
)
def test_malformed_expressions(expression: str) -> None:
    """What Spring refuses is not guessed at, `&` and `|` side by side included."""
    with pytest.raises(ExpressionError):
        matches(expression, ["prod"])


@given(st.text(alphabet="ab()&|! ", max_size=40))
def test_an_expression_holds_or_is_malformed(expression: str) -> None:
    """Nothing else comes of any text; a negated one holds where the plain one does not."""
    try:
        value = matches(expression, ["a"])
    except ExpressionError:
        return
    assert matches(f"!({expression})", ["a"]) is not value


def test_groups_follow_their_name_and_end() -> None:
    """Members stand behind the group, members of members too, and a group within itself does no harm."""
    groups = {"prod": ["db", "eu"], "db": ["pool"], "eu": ["prod", "db"]}
    assert expand(["base", "prod"], lambda name: groups.get(name, [])) == ["base", "prod", "db", "pool", "eu"]
