"""Placeholders: what each one resolves to, and that no text makes the resolution run wild."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zenctx.config.spring.placeholders import MAX_LENGTH, Resolution, UnresolvableError

Part = str | tuple[str, "tuple[Part, ...] | None"]
"""A literal, or a placeholder: its name and the parts of its default."""

LITERALS = st.text(alphabet="ab:/ .@?&=-'#é", max_size=6)


def resolve(text: str, names: Mapping[str, str]) -> str:
    """Resolves a text with these names."""
    return Resolution(names.get).resolve(text)


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("plain", "plain"),
        ("${HOST}", "db"),
        ("//${HOST}:${PORT}/x", "//db:5433/x"),
        ("${NONE:localhost}", "localhost"),
        ("${NONE:}", ""),
        ("${EMPTY:default}", ""),
        ("${NONE:jdbc:postgresql://h:1/x}", "jdbc:postgresql://h:1/x"),
        ("${NONE:${ALSO_NONE:${HOST}}}", "db"),
        ("${HOST:${NONE}}", "db"),
        ("${${KIND}_HOST}", "main"),
        ("${${NONE:prod}_HOST:x}", "main"),
        ("${URL}", "//db/x"),
        ("${NONE:{a}}", "{a}"),
        ("pa${ss", "pa${ss"),
        ("$HOST {HOST} $ ${HOST", "$HOST {HOST} $ ${HOST"),
        ("${HOST}}", "db}"),
    ],
)
def test_placeholders(text: str, resolved: str) -> None:
    """Names and defaults may hold placeholders; the first colon ends the name; what is no placeholder stays."""
    names = {"HOST": "db", "PORT": "5433", "EMPTY": "", "KIND": "prod", "prod_HOST": "main", "URL": "//${HOST}/x"}
    assert resolve(text, names) == resolved


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("${NONE}", "needs ${NONE}, which is set nowhere"),
        ("${NONE:${ALSO}}", "needs ${ALSO}, which is set nowhere"),
        ("${A}", "needs ${A}, which needs itself"),
        ("${SELF:x}", "needs ${SELF}, which needs itself"),
        (r"a\${HOST}", "versions of Spring read differently"),
        ("${L0}", "grows out of proportion"),
        ("${E0}", "grows out of proportion"),
        ("${BIG}" * 10, "grows out of proportion"),
        ("${x:" * 3000 + "y" + "}" * 3000, "nests placeholders too deep"),
        ("${D0}", "nests placeholders too deep"),
    ],
)
def test_what_cannot_be_resolved_ends_in_one_sentence(text: str, sentence: str) -> None:
    """A missing name, a circle, or a text that would grow without end."""
    names = {"A": "${B}", "B": "x${A}", "SELF": "${SELF}", "BIG": "x" * 7_000}
    names |= {f"L{level}": f"${{L{level + 1}}}" * 10 for level in range(20)} | {"L20": "ten bytes."}
    names |= {f"E{level}": f"${{E{level + 1}}}" * 2 for level in range(30)} | {"E30": ""}
    names |= {f"D{level}": f"${{D{level + 1}}}" for level in range(2000)} | {"D2000": "x"}
    with pytest.raises(UnresolvableError) as caught:
        resolve(text, names)
    assert sentence in str(caught.value)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[tuple[Part, ...], dict[str, tuple[Part, ...]]]:
    """Draws a text and the texts of some names, each of which needs only later names."""
    names = [f"N{index}" for index in range(draw(st.integers(0, 4)))]
    known: dict[str, tuple[Part, ...]] = {}
    for name in reversed(names):
        known[name] = draw(parts(sorted(known)))
    return draw(parts(names)), known


def parts(names: list[str]) -> st.SearchStrategy[tuple[Part, ...]]:
    """Gives texts of literals and placeholders of known names, and of unknown ones with a default."""
    reference = st.sampled_from(names) if names else st.nothing()

    def longer(inner: st.SearchStrategy[tuple[Part, ...]]) -> st.SearchStrategy[tuple[Part, ...]]:
        known = st.tuples(reference, st.none() | inner)
        unknown = st.tuples(st.sampled_from(["gone", "not.there"]), inner)
        return st.lists(LITERALS | known | unknown, max_size=3).map(tuple)

    return st.recursive(LITERALS.map(lambda text: (text,)), longer, max_leaves=4)


def written(text: tuple[Part, ...]) -> str:
    """Writes a text as it would stand in a file."""
    return "".join(
        part
        if isinstance(part, str)
        else f"${{{part[0]}}}"
        if part[1] is None
        else f"${{{part[0]}:{written(part[1])}}}"
        for part in text
    )


def meant(text: tuple[Part, ...], known: Mapping[str, tuple[Part, ...]]) -> str:
    """Gives what a text is to become."""
    return "".join(
        part if isinstance(part, str) else meant(known[part[0]] if part[0] in known else part[1] or (), known)
        for part in text
    )


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_every_text_becomes_what_it_means(world: tuple[tuple[Part, ...], dict[str, tuple[Part, ...]]]) -> None:
    """However placeholders nest in names' texts and in defaults."""
    text, known = world
    assert resolve(written(text), {name: written(value) for name, value in known.items()}) == meant(text, known)


@settings(max_examples=300, deadline=None)
@given(
    st.text(alphabet="${}:\\ab", max_size=60),
    st.dictionaries(st.text(alphabet="ab", max_size=2), st.text(alphabet="${}:\\ab", max_size=20), max_size=4),
)
def test_no_text_runs_wild(text: str, names: dict[str, str]) -> None:
    """Broken, unbalanced and circular texts end in a text of bounded length or in one sentence."""
    try:
        resolved = resolve(text, names)
    except UnresolvableError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either outcome is right
    else:
        assert len(resolved) <= MAX_LENGTH + 60
