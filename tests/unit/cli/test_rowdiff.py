"""How differences of rows are shown: what differs is seen at once, however many and however wide rows are."""

from __future__ import annotations

import pytest

from sqlflow.cli.rowdiff import CELL, ROWS, WIDTH, told_rows
from sqlflow.spectest import Difference


def told(**parts):
    """Return a difference as it is shown."""
    return list(told_rows(Difference("t", **parts)))


def test_many_rows_are_counted_and_not_listed():
    """The first rows are shown, changed ones before others, and the rest is a number."""
    rows = tuple({"a": n} for n in range(100))
    lines = told(columns=("a",), changed=(({"a": 1}, {"a": 2}),) * 3, missing=rows, unexpected=rows)
    assert lines[0] == "t: 3 rows changed, 100 rows missing, 100 rows unexpected"
    assert [line[0] for line in lines[3:-1]] == ["-", "+"] * 3 + ["-"] * (ROWS - 3)
    assert lines[-1] == "… and 193 more"
    assert "… and" not in "".join(told(columns=("a",), missing=rows[:ROWS]))


def test_of_wide_rows_the_columns_that_differ_are_shown():
    """What does not fit on a line is left out and named, and a column that differs is never left out."""
    row = {f"column_{n}": "word" for n in range(40)}
    lines = told(columns=tuple(row), changed=((row, {**row, "column_37": "other"}),))
    assert max(map(len, lines)) <= WIDTH + CELL
    assert "column_37" in lines[1]
    assert "column_0" in lines[1]
    assert "other <" in lines[-2]
    assert lines[-1].startswith("… and 29 more columns: column_10, column_11, ")


def test_long_values_are_cut_to_where_they_differ():
    """Of two long texts the part is shown in which they are not the same."""
    text = "x" * 500
    one, other = told(columns=("a",), changed=(({"a": f"{text}old{text}"}, {"a": f"{text}new{text}"}),))[-2:]
    assert "xold" in one
    assert "xnew" in other
    assert max(len(one), len(other)) <= CELL + 10


@pytest.mark.parametrize(
    ("expected", "found", "shown"),
    [
        (None, "NULL", ("NULL", '"NULL"')),
        ("", None, ('""', "NULL")),
        ("x ", "x", ('"x "', "x")),
        ("a\nb", "a b", ('"a\\nb"', "a b")),
        (1, True, ("1", "True")),
        ("True", True, ("'True'", "True")),
    ],
)
def test_values_that_look_alike_are_told_apart(expected, found, shown):
    """NULL is no text, spaces are seen, and a number is told from a text that looks like it."""
    lines = told(columns=("a",), changed=(({"a": expected}, {"a": found}),))
    assert lines[-2:] == [f"-  {shown[0]}", f"+  {shown[1]} <"]
