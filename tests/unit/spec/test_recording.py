"""Rows written into a test: read again they are the rows that came, and all the rest of the document is as it was."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlflow.spec import CannotEdit, Source, parse_document, recorded, to_data
from sqlflow.spectest import same

HEAD = "version: 1\nname: p\nsteps: [{id: a, type: sql, sql: select 1}]\n"
ROWS = [{"id": 1, "name": "x"}, {"id": 2, "name": None}]
WRITTEN = "      t:\n        - {id: 1, name: x}\n        - {id: 2, name: null}\n"
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False),
    st.decimals(allow_nan=False, allow_infinity=False, places=4),
    st.text(),
    st.sampled_from(
        ["007", "1e3", "true", "null", "~", "2024-01-01", "a: b", "a #b", "- a", "{}", "it's", "x ", "é", ""]
    ),
    st.dates(),
    st.times(),
    st.datetimes(timezones=st.just(UTC)),
    st.datetimes(),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


def written(text, rows, position=0):
    """Write rows into a test."""
    return recorded(Source("p.yaml", text), position, rows)


def expected(text, position=0):
    """Read what a test expects."""
    return to_data(parse_document(Source("p.yaml", text), Path("p.yaml")).root)["tests"][position]["expect"]


@given(st.lists(st.dictionaries(st.text(), VALUES, min_size=1, max_size=4), max_size=3), st.booleans())
def test_rows_are_read_as_they_came(rows, flow):
    """Whatever a database holds, what is written of it is equal to it when it is read again, in either layout."""
    tests = "tests: [{name: x}]\n" if flow else "tests:\n  - name: x\n"
    found = expected(written(HEAD + tests, {"t": rows}))["t"]
    assert len(found) == len(rows)
    for one, other in zip(found, rows, strict=True):
        assert list(one) == list(other)
        assert all(same(one[name], other[name]) for name in other)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("15.00"), "15.00"),
        (Decimal("12345678901234567.89"), '"12345678901234567.89"'),
        (Decimal(7), "7"),
        (date(2024, 3, 1), "2024-03-01"),
        (datetime(2024, 3, 1, 10), '"2024-03-01 10:00:00"'),  # noqa: DTZ001 - the database's own have no zone
        (time(10), '"10:00:00"'),
        ("2024-03-01", '"2024-03-01"'),
        ("two words", "two words"),
        ("007", '"007"'),
        ("no", "no"),
        ("null", '"null"'),
        (None, "null"),
        (float("inf"), ".inf"),
        ([1, {"a": "b"}], "[1, {a: b}]"),
    ],
)
def test_values_look_as_a_person_would_write_them(value, text):
    """Numbers and dates are plain, and text is in quotes only where YAML would take it for something else."""
    assert f"- {{v: {text}}}" in written(HEAD + "tests:\n  - name: x\n", {"t": [{"v": value}]})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "  - name: x   # why\n    given: {a: []}  # none\n    # end\n\n  - name: y\n    error: SF701\n",
            "  - name: x   # why\n    given: {a: []}  # none\n    expect:\n"
            + WRITTEN
            + "    # end\n\n  - name: y\n    error: SF701\n",
        ),
        ("  - name: x\n    expect: {}  # new\n", "  - name: x\n    expect:  # new\n" + WRITTEN),
        ("  - name: x\n    expect:\n    vars: {}\n", "  - name: x\n    expect:\n" + WRITTEN + "    vars: {}\n"),
        ("  - name: x\n    expect: {t: }\n", "  - name: x\n    expect:\n" + WRITTEN),
        (
            "  - name: x\n    expect:\n      u: [{a: 1}]   # old\n      t:   # new\n",
            "  - name: x\n    expect:\n      u: [{a: 1}]   # old\n" + WRITTEN.replace("t:", "t:   # new"),
        ),
        (
            "  - name: x\n    expect: {u: [], t: ~}\n",
            "  - name: x\n    expect: {u: [], t: [{id: 1, name: x}, {id: 2, name: null}]}\n",
        ),
        ("  - {name: x}\n", "  - {name: x, expect: {t: [{id: 1, name: x}, {id: 2, name: null}]}}\n"),
        ("  - name: x", "  - name: x\n    expect:\n" + WRITTEN),
        ("  - name: |-\n      x\n\n", "  - name: |-\n      x\n    expect:\n" + WRITTEN + "\n"),
    ],
)
def test_all_the_rest_stays(before, after):
    """Only the rows are new: comments, empty lines, order and layout are what they were."""
    assert written(HEAD + "tests:\n" + before, {"t": ROWS}) == HEAD + "tests:\n" + after


def test_line_breaks_are_those_of_the_document():
    """A document with carriage returns has them in its new lines, too."""
    text = (HEAD + "tests:\n  - name: x\n").replace("\n", "\r\n")
    assert "\n" not in written(text, {"t": ROWS}).replace("\r\n", "")


def test_long_rows_are_blocks():
    """A row that would not fit on a line has its columns below each other."""
    row = {f"column_{n}": "word" for n in range(20)}
    assert "        - column_0: word\n          column_1: word\n" in written(
        HEAD + "tests:\n  - name: x\n", {"t": [row]}
    )


@pytest.mark.parametrize(
    "tests",
    ["  - name: x\n    expect: {t: []}\n", "  - &a {name: x}\n  - *a\n", "  - name: x\n    expect: {  # why\n    }\n"],
)
def test_what_cannot_be_done_is_refused(tests):
    """Rows that are there are never replaced, and what is shared or hides a comment is left alone."""
    with pytest.raises(CannotEdit):
        written(HEAD + "tests:\n" + tests, {"t": ROWS}, tests.count("*a"))
