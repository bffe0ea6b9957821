"""Prometheus' text format: what is written is read back by Prometheus' own readers and by ours."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from tests.support.promtool import promtool
from zenctx.cli.prometheus import families_of, parse, render
from zenctx.cli.terminal import neutralise
from zenctx.operations.measuring.model import COUNTER, GAUGE, Metric, Sample

PLAIN = Metric("zenctx_plain_bytes", GAUGE, "A value.")
NAMED = Metric("zenctx_named_total", COUNTER, 'With "quotes", a \\ and\nlines.', ("first", "second"))


def text_of(*samples: Sample) -> str:
    """Gives the text of samples."""
    return render(families_of(samples).values())


def test_families_stand_together_with_help_and_type() -> None:
    """By name, their samples by labels, whatever the order in which they come."""
    samples = (NAMED.sample(2, first="b", second="x"), PLAIN.sample(7), NAMED.sample(1, first="a", second="x"))
    assert text_of(*samples).splitlines() == [
        '# HELP zenctx_named_total With "quotes", a \\\\ and\\\\nlines.',
        "# TYPE zenctx_named_total counter",
        'zenctx_named_total{first="a",second="x"} 1',
        'zenctx_named_total{first="b",second="x"} 2',
        "# HELP zenctx_plain_bytes A value.",
        "# TYPE zenctx_plain_bytes gauge",
        "zenctx_plain_bytes 7",
    ]


@given(st.text(), st.text(), st.floats() | st.integers(-(2**70), 2**70))
def test_whatever_the_labels_hold_both_readers_agree(first: str, second: str, value: float) -> None:
    """Quotes, backslashes, newlines, control characters and lone surrogates; numbers to the last digit."""
    text = text_of(NAMED.sample(value, first=first, second=second), PLAIN.sample(value))
    (named, plain) = text_string_to_metric_families(text)
    (sample,) = named.samples
    assert sample.labels == {"first": neutralise(first), "second": neutralise(second)}
    assert plain.samples[0].value == pytest.approx(float(value), nan_ok=True, rel=0, abs=0)
    assert render(parse(text).values()) == text
    read = float(next(iter(parse(text)["zenctx_plain_bytes"].samples.values())))
    assert read == value or (math.isnan(read) and math.isnan(value)) or read == float(value)


def test_promtool_finds_nothing_wrong() -> None:
    """Not with hostile labels either."""
    hostile = 'a"b\\c\nd\x1b[31m\u202e{}=,'
    text = text_of(NAMED.sample(math.inf, first=hostile, second=""), PLAIN.sample(1e300))
    assert promtool("check", "metrics", given=text) == ""


@pytest.mark.parametrize("line", ["name", "name {} x", "1name 2", 'name{a="b} 1', 'name{a="b"} 1 2 3', "\0", "<html>"])
def test_what_is_no_metric_is_refused(line: str) -> None:
    """So that a file of something else is never taken for ours."""
    with pytest.raises(ValueError, match=r"no sample of|could not convert"):
        parse(f"zenctx_a 1\n{line}\n")


def test_a_label_that_is_missing_is_a_mistake() -> None:
    """As is one too many: the names of a metric's labels are always the same."""
    with pytest.raises(ValueError, match="zenctx_named_total"):
        NAMED.sample(1, first="a")
    with pytest.raises(ValueError, match="zenctx_plain_bytes"):
        PLAIN.sample(1, first="a")
