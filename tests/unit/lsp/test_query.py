"""SQL that somebody is typing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlflow.lsp.query import Query

TABLES = {"raw.a": [("id", "BIGINT"), ("x", "DATE")], "raw.b": [("id", "BIGINT"), ("y", "VARCHAR")]}


@pytest.mark.parametrize(
    ("sql", "relations"),
    [
        ("select 1 from raw.a", [("raw.a", "a")]),
        ("select * from raw.a as p join raw.b q using (id)", [("raw.a", "p"), ("raw.b", "q")]),
        ("select * from raw.a x, raw.b where x.id = 1", [("raw.a", "x"), ("raw.b", "b")]),
        ('from "My Schema"."My Table" t', [("My Schema.My Table", "t")]),
        ("select * from (select id from raw.a) s join raw.b on true", [("raw.a", "a"), ("raw.b", "b")]),
        ("insert into raw.a select * from read_csv('x.csv')", [("raw.a", "a")]),
        ("select 'from raw.a' -- from raw.b\n", []),
        ("select * from raw.", []),
    ],
)
def test_tables_and_their_aliases(sql, relations):
    """Tables are what follows FROM, JOIN and their like; what stands in texts and comments is none."""
    assert [(relation.name, relation.alias) for relation in Query(sql).relations] == relations


@pytest.mark.parametrize(
    ("sql", "wants"),
    [
        ("select ‸", False),
        ("select * from ‸", True),
        ("select * from raw.‸", True),
        ("select * from raw.a, ‸", True),
        ("select * from raw.a where ‸", False),
        ("select f(a, ‸", False),
        ("select * from raw.a join ‸ on", True),
        ("select * from (select id from raw.a) where id in (select id from ‸", True),
    ],
)
def test_where_a_table_is_meant(sql, wants):
    """Behind FROM, JOIN and the commas after them a table is meant, elsewhere not."""
    assert Query(sql.replace("‸", "")).wants_table(sql.index("‸")) is wants


@pytest.mark.parametrize(
    ("body", "columns"),
    [
        ("select id, x as day, count(*) as n from raw.a", [("id", "BIGINT"), ("day", "DATE"), ("n", "")]),
        ("select * from raw.a", TABLES["raw.a"]),
        ("select b.*, a.x from raw.a join raw.b", [*TABLES["raw.b"], ("x", "DATE")]),
        ("select distinct b.y, sum(id) from raw.b", [("y", "VARCHAR")]),
        ("with u as (select x from raw.a) select x as z from u", [("z", "DATE")]),
    ],
)
def test_columns_of_a_query_under_with(body, columns):
    """What a query under WITH gives is known by name, and by type where a column is passed on."""
    query = Query(f"with t as ({body}) select t. from t")
    assert query.columns("T", TABLES.get) == columns


def test_columns_that_are_named_in_front():
    """Names behind the name of a query under WITH are those of its columns."""
    query = Query("with recursive t(n, m) as (select id, x from raw.a union all select n, m from t) from t")
    assert query.columns("t", TABLES.get) == [("n", "BIGINT"), ("m", "DATE")]


@given(st.text(alphabet="ab_.,()'\"$-/*\n {}1from with as select", max_size=120), st.data())
def test_no_text_is_too_broken(text, data):
    """Whatever is typed, it can be asked about at every character."""
    offset = data.draw(st.integers(0, len(text)))
    query = Query(text)
    word = query.word(offset)
    query.wants_table(offset)
    query.visible(TABLES.get)
    assert word is None or 0 <= word.start <= offset <= word.end <= len(text)
