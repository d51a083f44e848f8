"""What rules of style see in scripts: every query in every kind of statement, at its character."""

from __future__ import annotations

import pytest

from sqlflow.sql import read_script_habits

CROSSINGS = [
    ("select 'é' from a, b", ["b"]),
    ("insert into t (x) select 1 from a, r.b", ["b"]),
    ("insert into t by name from a, b where a.x = b.x", []),
    ("create or replace table t as with c as (select 1 from a, b) select * from c, d", ["b", "d"]),
    ("with c as (select 1 from a, b) insert into t select * from c", ["b"]),
    ("create view v as from a, b", ["b"]),
    ("update t set x = 1 where id in (select id from a, b)", ["b"]),
    ("update t set x = a.x from a, b where t.a = a.id and t.b = b.id", []),
    ("delete from t using a where t.id = a.id", []),
    ("merge into t using (select * from (select 1 from a), b) s on s.x = t.x when matched then delete", ["b"]),
    ("merge into t using (select * from c, b) s on s.x = t.x when matched then delete", ["b"]),
    ("drop table t", []),
    ("select 1; -- from a, b\ninsert into t select 2 from a, b", ["b"]),
]
MOODS = [
    ("insert into t select now() from a", ["now"]),
    ("insert into t values (uuid(), 'random()', \"now\")", ["uuid"]),
    ("insert into t (today) select x.now from x", []),
    ("update t set x = current_timestamp", ["current_timestamp"]),
    ("merge into t using a on a.x = t.x when matched then update set x = random()", ["random"]),
    ("delete from t where x < today()", ["today"]),
    ("create table t as select now() as x; insert into t select now()", []),
    ("truncate t; insert into t select now()", []),
    ("insert into m select now()", []),
    ("create view v as select now()", []),
]


@pytest.mark.parametrize(("sql", "names"), CROSSINGS)
def test_crossings_are_found_in_every_statement(sql, names):
    """Tables after a comma that nothing ties are found in queries of statements, subqueries and CTEs included."""
    found = read_script_habits(sql).crossings
    assert sorted(reference.name for reference in found) == names
    assert all(sql[r.offset :].startswith((r.name, f"r.{r.name}")) for r in found)


@pytest.mark.parametrize(("sql", "names"), MOODS)
def test_moods_count_where_rows_stay(sql, names):
    """Functions that never agree are found in what changes a table, unless the table is made anew each time."""
    found = read_script_habits(sql, made={"m"}).moods
    assert [sql[r.offset :][: len(r.name)] for r in found] == [r.name for r in found] == names


def test_a_text_that_is_no_script_has_no_habits():
    """What does not parse is told by others."""
    assert read_script_habits("selec 1 from a, b").crossings == ()
