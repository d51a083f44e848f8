"""What SQL refers to, as DuckDB's own parser sees it."""

from __future__ import annotations

import pytest

from sqlflow.sql import SqlSyntaxError, foresee, read_expression, read_query, read_statements


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("select 1", set()),
        ("from raw.orders", {"raw.orders"}),
        ("from wh.raw.orders", {"wh.raw.orders"}),
        ('select * from "My Table".x', {'"My Table".x'}),
        ("select * from a join b using (i) left join c on true", {"a", "b", "c"}),
        ("select * from a, lateral (select * from b where b.i = a.i)", {"a", "b"}),
        ("select (select max(x) from b), exists(from c) from a where x in (select y from d)", {"a", "b", "c", "d"}),
        ("from a union all from b except from c", {"a", "b", "c"}),
        ("with x as (from a) select * from x join b using (i)", {"a", "b"}),
        ("with a as (select * from a) from a", {"a"}),
        ("with x as (from a), y as (from x) from y", {"a"}),
        ("with recursive r as (select 1 as n union all select n + 1 from r, s) from r", {"s"}),
        ("select * from (with x as (from a) from x) t, x", {"a", "x"}),
        ("select * from read_csv('f.csv'), range(10), unnest([1])", set()),
        ("select * from 'data/f.parquet'", set()),
        ("from a asof join b on a.t >= b.t", {"a", "b"}),
        ("from a semi join b using (i) positional join c", {"a", "b", "c"}),
        ("pivot sales on year using sum(amount)", {"sales"}),
        ("from (unpivot t on a, b)", {"t"}),
        ("select list_transform(xs, lambda x: x + 1) from t qualify row_number() over (order by i) = 1", {"t"}),
        ("select * from a tablesample 10%", {"a"}),
        ("values (1), (2)", set()),
    ],
)  # fmt: skip
def test_tables_read(sql, tables):
    """Tables are found wherever they stand; CTEs, files and table functions are none."""
    assert read_query(sql).reads == tables


@pytest.mark.parametrize(
    ("sql", "reads", "writes"),
    [
        ("insert into t (a) select a from s", {"s"}, {"t"}),
        ("insert or replace into t from s", {"s"}, {"t"}),
        ("update t set a = s.a from s where s.i = t.i", {"s", "t"}, {"t"}),
        ("delete from t using s where s.i = t.i", {"s", "t"}, {"t"}),
        ("merge into t using s on t.i = s.i when matched then delete", {"s", "t"}, {"t"}),
        ("create or replace table m.t as with c as (from s) from c", {"s"}, {"m.t"}),
        ("create view v as from s", {"s"}, {"v"}),
        ("drop table if exists t", set(), {"t"}),
        ("alter table t add column b int", set(), {"t"}),
        ("create index i on t (a)", set(), {"t"}),
        ("truncate t", set(), {"t"}),
        ("create schema s", set(), set()),
    ],
)
def test_tables_written(sql, reads, writes):
    """Statements say what they read and what they write."""
    (statement,) = read_statements(sql)
    assert (statement.references.reads, statement.references.writes) == (reads, writes)


def test_parameters_have_places():
    """Each `$name` is found where it stands, counted in characters and not in bytes."""
    sql = "select 'äöü', $since from t where x > $low"
    found = read_query(sql).parameters
    assert [(p.name, sql[p.offset :][: len(p.name) + 1]) for p in found] == [("since", "$since"), ("low", "$low")]


@pytest.mark.parametrize("sql", ["from query('select 1')", "from query_table('t')"])
def test_hiding_functions_are_named(sql):
    """A function that hides the tables it reads is pointed out."""
    assert read_query(sql).hidden


@pytest.mark.parametrize(
    ("sql", "at"),
    [
        ("select a frm b where", "b where"),
        ("select a,\nfrom t wher x", "x"),
        ("drop table x", "drop"),
        ("select 1; select 2", "select 2"),
    ],
)
def test_syntax_errors_have_places(sql, at):
    """The offset of an error is the character where the parser stopped."""
    with pytest.raises(SqlSyntaxError) as caught:
        read_query(sql)
    assert sql[caught.value.offset :].startswith(at)


def test_an_expression_that_ends_too_early_says_so():
    """An unfinished expression is not blamed on a bracket that the user never wrote."""
    with pytest.raises(SqlSyntaxError, match="ends too early"):
        read_expression("amount >")


def test_statements_keep_their_places():
    """A script is split where the parser splits it, semicolons in text included."""
    script = "insert into t values (';');\n\ndelete from t;"
    assert [(s.sql, s.offset) for s in read_statements(script)] == [
        ("insert into t values (';')", 0),
        ("delete from t", 29),
    ]


def test_a_comment_behind_a_statement_hides_nothing():
    """The table that a statement writes is seen, too, where a comment follows its semicolon."""
    first, second = read_statements("insert into t select 1 from a; -- why\ndelete from t; /* and */ -- more\n")
    assert (first.references.writes, first.references.reads) == ({"t"}, {"a"})
    assert second.references.writes == {"t"}


def test_parsing_ahead_changes_no_answer():
    """A text says the same whether it was parsed with others or alone, errors and their places included."""
    texts = ["from a", "select $x from b", "selec 1", "select 'open", "", "drop table t", "from é where"]

    def answers():
        found = []
        for text in texts:
            try:
                found.append(read_query(text))
            except SqlSyntaxError as error:
                found.append((error.message, error.offset))
        return found

    alone = answers()
    foresee([*texts, "from a"])
    assert answers() == alone
