"""How large batches become, by what they took."""

from zenctx.operations.migration.sizing import FIRST_ROWS, MAX_BYTES, MAX_ROWS, MIN_BYTES, TARGET_SECONDS, BatchSizer


def test_quick_batches_double_until_one_takes_too_long() -> None:
    """From then on they grow by steps, and never beyond the most."""
    sizer = BatchSizer()
    for _ in range(2):
        sizer.took(0.01, sizer.rows)
    assert sizer.rows == 4 * FIRST_ROWS
    sizer.took(1.0, sizer.rows)
    assert sizer.rows == 2 * FIRST_ROWS
    sizer.took(0.01, sizer.rows)
    assert 2 * FIRST_ROWS < sizer.rows < 4 * FIRST_ROWS
    for _ in range(100):
        sizer.took(0.01, sizer.rows)
    assert sizer.rows == MAX_ROWS


def test_slow_batches_shrink_to_one_row() -> None:
    """However slow: one row is always written."""
    sizer = BatchSizer()
    for _ in range(20):
        sizer.took(60.0, sizer.rows)
    assert sizer.limits().rows == 1


def test_batches_about_the_target_stay() -> None:
    """A little slower than wanted is no reason to halve them."""
    sizer = BatchSizer()
    sizer.took(TARGET_SECONDS * 1.2, sizer.rows)
    assert sizer.rows == FIRST_ROWS


def test_rows_of_many_bytes_are_limited_by_bytes() -> None:
    """A slow batch that its bytes ended gets fewer bytes, not fewer rows; and more again when it is quick."""
    sizer = BatchSizer()
    sizer.took(2.0, 3)
    assert (sizer.limits().rows, sizer.limits().stored_bytes) == (FIRST_ROWS, MAX_BYTES // 2)
    for _ in range(30):
        sizer.took(2.0, 3)
    assert sizer.limits().stored_bytes == MIN_BYTES
    for _ in range(30):
        sizer.took(0.01, 3)
    assert (sizer.limits().rows, sizer.limits().stored_bytes) == (FIRST_ROWS, MAX_BYTES)


def test_a_batch_grows_to_the_bytes_that_it_may_have() -> None:
    """However often it was quick."""
    sizer = BatchSizer(most_bytes=2 * MAX_BYTES)
    sizer.took(10.0, 3)
    for _ in range(20):
        sizer.took(0.01, 3)
    assert sizer.limits().stored_bytes == 2 * MAX_BYTES


def test_held_rows_halve_a_batch() -> None:
    """A lock that outlasts the wait says the same as a slow batch."""
    sizer = BatchSizer()
    sizer.held_up()
    assert sizer.rows == FIRST_ROWS // 2


def test_a_size_that_was_asked_for_stays() -> None:
    """Whatever is measured."""
    sizer = BatchSizer(7)
    for _ in range(5):
        sizer.took(60.0, 7)
        sizer.held_up()
    assert sizer.limits().rows == 7


def test_a_rate_limits_the_rows() -> None:
    """A batch has no more rows than may be written in a second."""
    sizer = BatchSizer(None, 50)
    for _ in range(10):
        sizer.took(0.001, sizer.rows)
    assert sizer.rows == 50
