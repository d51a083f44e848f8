"""Rows against rows: what is equal, what is missing, and which row is meant."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlflow.spectest.outcome import compared, same


@pytest.mark.parametrize(
    ("expected", "found", "equal"),
    [
        (1, Decimal("1.00"), True),
        ("10.50", Decimal("10.5"), True),
        (0.1, 0.1 + 1e-15, True),
        (1, True, False),
        (True, True, True),
        ("2024-03-01", date(2024, 3, 1), True),
        ("2024-03-01", datetime(2024, 3, 1), True),  # noqa: DTZ001 - the database's own have no zone
        ("2024-03-01T10:00:00", datetime(2024, 3, 1, 10), True),  # noqa: DTZ001
        ("2024-03-02", date(2024, 3, 1), False),
        (None, None, True),
        (None, 0, False),
        ("", None, False),
        ("x", 1, False),
        ([1, 2], [1, 2], True),
        ({"a": 1}, {"a": Decimal(1)}, True),
        (float("nan"), float("nan"), True),
    ],
)
def test_values_are_equal_by_meaning(expected, found, equal):
    """A number is a number however it is written, a time is a time, and NULL is nothing but NULL."""
    assert same(expected, found) is equal


@given(st.lists(st.fixed_dictionaries({"a": st.integers(0, 2), "b": st.integers(0, 2)}), max_size=4), st.data())
def test_rows_are_a_bag_unless_ordered(rows, data):
    """Any order of the same rows is equal; with one row more or less it is not, and subset lets more be there."""
    other = data.draw(st.sampled_from(list(permutations(rows)))) if rows else ()
    assert not compared("t", ["a", "b"], rows, other, subset=False, ordered=False)
    more = [*other, {"a": 9, "b": 9}]
    assert compared("t", ["a", "b"], rows, more, subset=False, ordered=False)
    assert not compared("t", ["a", "b"], rows, more, subset=True, ordered=False)
    assert compared("t", ["a", "b"], more, rows, subset=True, ordered=False)


def test_the_nearest_row_is_shown_beside():
    """Rows that agree in half of their columns are taken for one that has changed."""
    found = compared("t", ["a", "b"], [{"a": 1, "b": 2}], [{"a": 1, "b": 3}], subset=False, ordered=False)
    assert (len(found.changed), found.missing, found.unexpected) == (1, (), ())


def test_order_counts_when_asked_for():
    """The same rows in another order differ."""
    rows = [{"a": 1}, {"a": 2}]
    assert compared("t", ["a"], rows, rows[::-1], subset=False, ordered=True)
    assert compared("t", ["a"], rows, rows[::-1], subset=True, ordered=True).note
    assert not compared("t", ["a"], rows, [{"a": 1}, {"a": 5}, {"a": 2}], subset=True, ordered=True)
