"""SQL as text: whatever a name or a value is, it stays a name or a value."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlflow.sdk import fold_name, join_name, literal, quote, split_name

NAMES = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=20)


def one(sql):
    """Return the single value of a query."""
    with duckdb.connect() as connection:
        return connection.execute(sql).fetchall()[0][0]


@given(NAMES)
def test_a_quoted_name_names_what_it_says(name):
    """Any text can be the name of a column."""
    with duckdb.connect() as connection:
        connection.execute(f"SELECT 1 AS {quote(name)}")
        assert connection.description[0][0] == name


@given(st.lists(NAMES.filter(lambda n: not set(n) & set('". \t\n') and n.strip() == n), min_size=1, max_size=3))
def test_joining_and_splitting_are_inverse(parts):
    """A table name taken apart and put together is the same name."""
    try:
        joined = join_name(parts)
    except ValueError:
        return
    assert split_name(joined) == tuple(parts)


@pytest.mark.parametrize("name", ["raw orders", "a..b", ".a", "a.", "a.b.c.d", "", 'a."b'])
def test_what_is_no_table_name_is_refused(name):
    """A text that does not name one table is an error, not a guess."""
    with pytest.raises(ValueError, match="not a table name"):
        split_name(name)


def test_names_fold_as_duckdb_folds_them():
    """Case does not matter, quoted or not, and `main` is where unqualified names live."""
    assert fold_name("Main.Orders") == fold_name('"ORDERS"') == "orders"


@given(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False),
        st.just("") | NAMES,
        st.dates(),
        st.datetimes(),
        st.decimals(-(10**15), 10**15, places=3),
    )
)
def test_a_literal_is_its_value(value):
    """What is written as a literal comes back as it went in, type included; nothing breaks out of it."""
    found = one(f"SELECT {literal(value)}")
    assert found == value
    assert isinstance(found, type(value)) or isinstance(value, Decimal)


def test_a_moment_keeps_its_zone():
    """A timestamp with a zone stays the same moment."""
    moment = datetime(2024, 1, 1, 12, tzinfo=UTC)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        assert connection.execute(f"SELECT epoch({literal(moment)})").fetchall() == [(moment.timestamp(),)]


def test_lists_are_typed():
    """A list of values is a list in SQL."""
    assert one(f"SELECT {literal(['a', chr(39), 'c'])}") == ["a", "'", "c"]
