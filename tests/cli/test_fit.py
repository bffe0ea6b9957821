"""Tests of how columns share a terminal."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from zenctx.cli.columns import Column, plain
from zenctx.cli.fit import GAP, fit, shorten


def column(squeeze: str = "fold", *, drop: int = 0, least: int = 12) -> Column:
    """A column of which only the behaviour counts."""
    return Column("h", "a", plain, squeeze=squeeze, drop=drop, least=least)  # type: ignore[arg-type]


COLUMNS = st.builds(
    column, st.sampled_from(["fold", "middle", "never", "below"]), drop=st.integers(0, 3), least=st.integers(4, 20)
)


def total(widths: tuple[int, ...]) -> int:
    """The cells that columns take with the gaps between them."""
    return sum(widths) + GAP * max(len(widths) - 1, 0)


def test_columns_that_fit_keep_their_width() -> None:
    """Nothing is squeezed without need."""
    assert fit([column(), column("never")], [20, 36], 80).widths == (20, 36)


def test_ids_stay_whole_while_anything_else_can_give_way() -> None:
    """Text is squeezed before an id is."""
    assert fit([column("never"), column("middle"), column()], [36, 80, 60], 80).widths == (36, 12, 28)


def test_the_column_with_the_highest_drop_goes_first() -> None:
    """A column is left out only when squeezing would not be enough, and the most dispensable first."""
    columns = [column("never"), column("never", drop=1), column("never", drop=2)]
    assert fit(columns, [36, 20, 36], 80).hidden == (2,)
    assert fit(columns, [36, 20, 36], 40).hidden == (1, 2)


@given(st.lists(st.tuples(COLUMNS, st.integers(1, 300)), max_size=8), st.integers(80, 200))
def test_the_terminal_is_never_overrun_as_long_as_columns_can_give_way(
    columns: list[tuple[Column, int]], width: int
) -> None:
    """What is shown fits, unless the least widths of the columns that must stay are too wide together."""
    kept = fit([each for each, _ in columns], [natural for _, natural in columns], width)
    least = [
        min(natural, 4 if each.squeeze == "never" else each.least)
        for at, (each, natural) in enumerate(columns)
        if at in kept.shown
    ]
    assert total(kept.widths) <= max(width, total(tuple(least)))
    assert sorted((*kept.shown, *kept.hidden, *kept.below)) == list(range(len(columns)))
    assert not any(columns[at][0].squeeze == "below" for at in kept.hidden)


def test_sentences_move_below_before_anything_else_gives_way() -> None:
    """They do so together, and only where there is no room; nothing is dropped that then fits."""
    columns = [column("never"), column("below"), column(drop=1), column("below")]
    assert fit(columns, [36, 20, 10, 5], 80).below == ()
    narrow = fit(columns, [36, 40, 10, 5], 80)
    assert (narrow.shown, narrow.below, narrow.hidden) == ((0, 2), (1, 3), ())


def test_a_page_keeps_what_the_first_one_decided() -> None:
    """A sentence beside its row stays there, and folds, however long the next one is."""
    columns = [column("never"), column("below")]
    assert fit(columns, [36, 90], 80, shown=(0, 1)).widths == (36, 42)
    assert fit(columns, [36, 10], 80, shown=(0,)).below == (1,)


def test_empty_columns_go_first() -> None:
    """What says nothing gives way to what says something, whatever their order is otherwise."""
    columns = [column("never"), column("never", drop=1), column("never", drop=2)]
    assert fit(columns, [36, 20, 36], 80, empty=[1]).hidden == (1,)
    assert fit(columns, [36, 20, 36], 80, empty=[0, 2]).hidden == (2,)


def test_a_long_text_loses_its_middle() -> None:
    """Beginning and end stay, the end gets the odd cell."""
    assert shorten("abcdefghij", 6, "…") == "ab…hij"
    assert shorten("abcdefghij", 6, "...") == "a...ij"
    assert shorten("abc", 3, "…") == "abc"


@given(st.text(), st.integers(3, 40))
def test_a_shortened_text_fits(text: str, width: int) -> None:
    """Wide characters count twice; the result is never wider than asked."""
    assert cell_len(shorten(text, width, "…")) <= width
