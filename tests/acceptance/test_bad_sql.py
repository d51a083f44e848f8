"""SQL that cannot run over the tables that it reads: `sqlflow validate` says so, at the word that is wrong.

A case is a document with one fault: the wrong word stands between « and », and its place is to be told. A case of
`CASES` is the steps that follow those of `KNOWN`. What is told in full is recorded in `bad_sql/`, one file a case;
`--regen` writes it anew.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "bad_sql"
PLACE = re.compile(r"^(?P<file>[\w./-]+):(?P<line>\d+):(?P<column>\d+): (?P<code>SF\d{3}) ")

#: Three tables whose columns are known: from a file's header, from declared columns, from a query.
KNOWN = """\
version: 1
name: shop
vars:
  since: {type: date, default: 2024-01-01}
  least: {type: number, default: 1.5}
  many: {type: integer, default: 5}
  word: {type: string, default: hello}
  flag: {type: boolean, default: true}
  some: {type: list, default: [1, 2]}
  tab: {type: identifier, default: orders}
steps:
  - id: orders
    type: load
    source: {connector: csv, path: orders.csv}
    target: raw.orders
  - id: customers
    type: load
    source: {connector: csv, path: customers.csv}
    target: raw.customers
    columns: {customer_id: bigint, name: varchar, joined: date, vip: boolean}
  - id: items
    type: transform
    target: raw.items
    sql: select 1 as order_id, 'a' as sku, 2 as quantity, 1.5::decimal(12,2) as price
"""

#: Files beside every case.
FILES = {
    "orders.csv": "order_id,customer_id,placed_on,amount,status\n1,1,2024-01-01,9.50,paid\n2,1,2024-01-02,1.25,open\n",
    "customers.csv": "customer_id,name,joined,vip\n1,Ann,2023-05-01,true\n",
    "report.sql": "select order_id,\n       amount\nfrom raw.orders\nwhere amuont > 0\n",
    "udfs/tax.py": "from sqlflow import udf\n\n\n@udf\ndef tax(amount: float) -> float:\n    return amount * 0.1\n",
    "broken.sql": "-- what sells\nselect status, sum(amount) as total\nfrom raw.orderz\ngroup by status\n",
}


def block(sql: str, more: str = "") -> str:
    """Return a transform of these lines of SQL."""
    lines = "".join(f"      {line}\n" for line in sql.strip("\n").split("\n"))
    return f"  - id: daily\n    type: transform\n    target: marts.daily\n{more}    sql: |\n{lines}"


def merge(more: str, sql: str = "select order_id, amount, placed_on from raw.orders") -> str:
    """Return a transform that merges, with further keys."""
    return f"  - id: daily\n    type: transform\n    target: marts.daily\n{more}    sql: {sql}\n"


def checked(check: str) -> str:
    """Return a transform with one check."""
    return merge(f"    checks:\n      - {check}\n")


def script(*statements: str) -> str:
    """Return a step of statements."""
    return "  - id: fix\n    type: sql\n    sql: |\n" + "".join(f"      {s};\n" for s in statements)


def export(more: str) -> str:
    """Return an export to a file."""
    return f"  - id: out\n    type: export\n    target: {{connector: csv, path: out.csv}}\n{more}"


CASES: dict[str, str] = {
    # --- columns
    "column_of_a_file": block("select order_id, «amuont» from raw.orders"),
    "column_of_declared_columns": block("select customer_id,\n       «nmae»\nfrom raw.customers"),
    "column_of_a_query": block("select «skuu» from raw.items"),
    "column_with_its_table": block("select o.order_id, «o.stat» from raw.orders o"),
    "column_in_where": block("select order_id\nfrom raw.orders\nwhere «plaecd_on» > $since"),
    "column_in_group_by": block("select count(*) as n\nfrom raw.orders\ngroup by «statuss»"),
    "column_in_order_by": block("select order_id from raw.orders order by «amounts» desc"),
    "column_in_join": block(
        "select o.order_id\nfrom raw.orders o\njoin raw.customers c on c.customer_id = «o.customer»"
    ),
    "column_in_subquery": block(
        "select order_id from raw.orders\nwhere customer_id in (select «id» from raw.customers)"
    ),
    "column_in_cte": block("with big as (\n  select order_id, «totl» from raw.orders\n)\nselect * from big"),
    "column_that_a_cte_leaves_out": block("with big as (select order_id from raw.orders)\nselect «status» from big"),
    "column_in_window": block(
        "select row_number() over (partition by «custmer_id» order by placed_on) as n\nfrom raw.orders"
    ),
    "column_in_case": block("select case when «vipp» then 1 else 0 end as v from raw.customers"),
    "column_after_an_umlaut": block("select 'größe' as größe, «amuont» from raw.orders"),
    "column_after_a_comment": block(
        "-- all of them; 'quoted'\nselect order_id, /* not this */ «amuont»\nfrom raw.orders"
    ),
    "column_after_a_parameter": block("select order_id from raw.orders where amount > $least and «statis» = $word"),
    "column_after_an_identifier": block("select order_id, «amuont» from raw.${tab}"),
    "column_behind_an_identifier": block("select o.order_id from raw.${tab} o where «o.amuont» > 1"),
    "column_in_using": block("select o.order_id from raw.orders o join raw.items i using (order_id, «sku»)"),
    "column_of_a_qualified_star": block("select «x».* from raw.orders o"),
    "column_in_having": block("select status from raw.orders group by status having sum(«amuont») > 1"),
    "column_in_filter": block("select count(*) filter (where «vp») as n from raw.customers"),
    "column_in_union": block("select order_id from raw.orders\nunion all\nselect «ordr_id» from raw.items"),
    "column_two_steps_down": block("select order_id, amount as total from raw.orders")
    + "  - id: next\n    type: transform\n    target: marts.next\n    sql: select «amount» from marts.daily\n",
    "column_of_a_view": block("select order_id from raw.orders", "    materialize: view\n")
    + "  - id: next\n    type: transform\n    target: marts.next\n    sql: select «amount» from marts.daily\n",
    "column_that_a_marker_is_not_stored": merge(
        "    mode: merge\n    key: [order_id]\n    deletes: {column: gone}\n",
        "select order_id, false as gone from raw.orders",
    )
    + "  - id: next\n    type: transform\n    target: marts.next\n    sql: select «gone» from marts.daily\n",
    "column_of_a_history": merge("    mode: scd2\n    key: [order_id]\n")
    + "  - id: next\n    type: transform\n    target: marts.next\n"
    "    sql: select is_current, «valid_til» from marts.daily\n",
    # --- how SQL stands in YAML
    "plain_scalar": merge("", "select order_id, «amuont» from raw.orders"),
    "single_quoted": merge("", "'select order_id, ''x'' as x, «amuont» from raw.orders'"),
    "double_quoted": merge("", '"select order_id, «amuont» from raw.orders"'),
    "double_quoted_with_escapes": merge("", '"select order_id,\\n «amuont» from raw.orders"'),
    "folded": "  - id: daily\n    type: transform\n    target: marts.daily\n    sql: >\n      select order_id,\n"
    "      «amuont»\n      from raw.orders\n",
    "folded_and_stripped": "  - id: daily\n    type: transform\n    target: marts.daily\n    sql: >-\n\n"
    "      select order_id\n"
    "      from raw.orders\n      where «amuont» > 0\n",
    "block_kept": "  - id: daily\n    type: transform\n    target: marts.daily\n    sql: |+\n      select order_id,\n"
    "        «amuont»\n      from raw.orders\n\n",
    "block_indented_deep": "  - id: daily\n    type: transform\n    target: marts.daily\n    sql: |\n"
    "              select order_id,\n                «amuont»\n              from raw.orders\n",
    "block_after_blank_lines": block("\n\nselect «amuont» from raw.orders"),
    "plain_over_lines": "  - id: daily\n    type: transform\n    target: marts.daily\n    sql: select order_id,\n"
    "      «amuont»\n      from raw.orders\n",
    "flow_mapping": "  - {id: daily, type: transform, target: marts.daily, sql: 'select «amuont» from raw.orders'}\n",
    # --- tables
    "table_misspelt": block("select order_id from «raw.ordres»"),
    "table_misspelt_in_join": block("select o.order_id from raw.orders o\njoin «raw.custmers» c using (customer_id)"),
    "table_of_an_alias": block("select «x.order_id» from raw.orders o"),
    "table_dropped": script("create table raw.old (a int)", "drop table raw.old", "insert into «raw.old» values (1)"),
    # --- types
    "sum_of_text": block("select «sum(status)» as total from raw.orders"),
    "date_and_number": block("select order_id from raw.orders where «placed_on > 5»"),
    "wrong_argument": block("select «upper(order_id, 2)» as u from raw.orders"),
    "date_plus_text": block("select placed_on «+» status as x from raw.orders"),
    "unknown_function": block("select «uper(status)» as s from raw.orders"),
    "unknown_type": block("select amount::«moeny» as a from raw.orders"),
    "cast_of_a_word": block("select order_id from raw.orders where placed_on > cast(«'yesterday'» as date)"),
    "short_cast_of_a_word": block("select «'many'»::integer as n from raw.orders"),
    "comparison_with_a_word": block("select order_id from raw.orders where amount > «'lots'»"),
    "comparison_with_a_wrong_date": block("select order_id from raw.orders where placed_on >= «'2024-13-01'»"),
    "text_variable_against_a_date": block("select order_id from raw.orders where placed_on >= «$word»"),
    "number_variable_against_a_date": block("select order_id from raw.orders where «placed_on >= $many»"),
    "boolean_variable_against_a_date": block("select order_id from raw.orders where placed_on = «$flag»"),
    "list_variable_against_a_number": block("select order_id from raw.orders where «order_id» = $some"),
    "function_of_the_project": block("select «tax(order_id, 2)» as t from raw.orders"),
    "union_of_other_widths": block("«select» order_id from raw.orders union all select order_id, sku from raw.items"),
    # --- names and groups
    "ambiguous": block("select «order_id» from raw.orders o join raw.items i on i.order_id = o.order_id"),
    "not_grouped": block("select «status», sum(amount) as total from raw.orders"),
    "aggregate_in_where": block("select order_id from raw.orders where «sum(amount)» > 1"),
    "aggregate_in_aggregate": block("select sum(«sum(amount)») as x from raw.orders"),
    "order_beyond_the_columns": block("select order_id from raw.orders order by «3»"),
    "subquery_of_two_columns": block("select «(select order_id, amount from raw.orders)» as x"),
    # --- options
    "key": merge("    mode: merge\n    key: [«oder_id»]\n"),
    "second_key": merge("    mode: delete_insert\n    key:\n      - order_id\n      - «day»\n"),
    "cursor": merge("    mode: merge\n    key: [order_id]\n    cursor: «updated_at»\n"),
    "cursor_in_long_form": merge("    mode: merge\n    key: [order_id]\n    cursor: {column: «updated_at», lag: 1d}\n"),
    "lag_of_another_type": merge("    mode: merge\n    key: [order_id]\n    cursor: {column: «order_id», lag: 1h}\n"),
    "initial_of_another_type": merge(
        "    mode: merge\n    key: [order_id]\n    cursor: {column: placed_on, initial: «soon»}\n"
    ),
    "order_by": merge("    mode: merge\n    key: [order_id]\n    on_duplicate: last\n    order_by: [«chnaged» desc]\n"),
    "track": merge("    mode: scd2\n    key: [order_id]\n    track: [«stat»]\n"),
    "marker": merge("    mode: merge\n    key: [order_id]\n    deletes: {column: «is_gone»}\n"),
    "marker_of_another_type": merge("    mode: merge\n    key: [order_id]\n    deletes: {column: «placed_on»}\n"),
    "history_column_taken": merge(
        "    mode: «scd2»\n    key: [order_id]\n", "select order_id, 1 as valid_from from raw.orders"
    ),
    "declared_column": merge("    columns: {order_id: bigint, «totals»: double}\n"),
    "declared_column_of_a_file": "  - id: again\n    type: load\n    source: {connector: csv, path: orders.csv}\n"
    "    target: raw.again\n    columns:\n      order_id: bigint\n      «ammount»: double\n",
    "key_of_a_load": "  - id: again\n    type: load\n    source: {connector: csv, path: orders.csv}\n"
    "    target: raw.again\n    mode: merge\n    key: «orderid»\n".replace("«orderid»", "[«orderid»]"),
    "declared_type_that_nothing_casts_to": merge("    columns: {«order_id»: date}\n"),
    "declared_type": merge("    columns: {«order_id»: my_own_type}\n"),
    "batches": merge(
        "    mode: delete_insert\n    batches: {by: «dya», size: 1 day, initial: 2024-01-01}\n",
        "select order_id, placed_on from raw.orders where placed_on >= $start and placed_on < $end",
    ),
    "batches_by_no_time": merge(
        "    mode: delete_insert\n    batches: {by: «order_id», size: 1 day, initial: 2024-01-01}\n",
        "select order_id, placed_on from raw.orders where placed_on >= $start and placed_on < $end",
    ),
    "watermark_against_text": merge(
        "    mode: merge\n    key: [order_id]\n    cursor: {column: placed_on, initial: 2024-01-01}\n",
        "select order_id, placed_on from raw.orders where «order_id» = $watermark",
    ),
    "second_writer_with_another_column": merge("", "select order_id from raw.orders")
    + "  - id: more\n    type: transform\n    target: «marts.daily»\n    mode: append\n    key: [order_id]\n"
    "    sql: select order_id, sku from raw.items\n",
    "second_writer_with_another_type": merge("", "select order_id from raw.orders")
    + "  - id: more\n    type: transform\n    target: «marts.daily»\n    mode: append\n    key: [order_id]\n"
    "    sql: select sku as order_id from raw.items\n",
    # --- checks
    "check_not_null": checked("not_null: [order_id, «amuont»]"),
    "check_unique": checked("unique: [«orderid»]"),
    "check_accepted_values": checked("accepted_values: {column: «state», values: [a]}"),
    "check_relationships_column": checked("relationships: {column: «customer», to: raw.customers, field: customer_id}"),
    "check_relationships_field": checked("relationships: {column: order_id, to: raw.customers, field: «id»}"),
    "check_freshness": checked("freshness: {column: «placed», max_age: 1d}"),
    "check_expression": checked("expression: amount >= 0 and «discount» < 1"),
    "check_expression_types": checked("expression: «placed_on > 5»"),
    "check_expression_quoted": checked('expression: "amount >= 0 and «discount» < 1"'),
    "check_where": checked("not_null: [order_id]\n        where: «statuss» = 'paid'"),
    "check_sql": checked("sql: select «amuont» from marts.daily"),
    "check_sql_block": checked(
        "sql: |\n          select order_id\n          from marts.daily\n          where «amuont» < 0"
    ),
    "check_of_a_load": "  - id: again\n    type: load\n    source: {connector: csv, path: orders.csv}\n"
    "    target: raw.again\n    checks:\n      - not_null: [«orderid»]\n",
    "check_step": "  - id: look\n    type: check\n    table: raw.orders\n    checks:\n      - not_null: [«ordr_id»]\n",
    "check_step_of_no_table": "  - id: look\n    type: check\n    table: «raw.oders»\n"
    "    checks:\n      - not_null: [order_id]\n",
    # --- exports
    "export_sql": export("    sql: select order_id, «amuont» from raw.orders\n"),
    "export_of_no_table": export("    source: «raw.orrders»\n"),
    "export_order": export("    source: raw.orders\n    order_by: [«plcaed_on»]\n"),
    "export_of_a_column_that_is_gone": merge("", "select order_id from raw.orders")
    + export("    sql: select order_id, «amount» from marts.daily\n"),
    "export_partition": "  - id: out\n    type: export\n    source: raw.orders\n"
    "    target: {connector: parquet, path: out, partition_by: [«country»]}\n",
    # --- statements
    "insert_column": script("create table raw.kept (a int, b int)", "insert into raw.kept (a, «c») values (1, 2)"),
    "insert_width": script("create table raw.kept (a int, b int)", "insert into «raw.kept» values (1)"),
    "update_column": script("update raw.orders set «amuont» = 1"),
    "delete_where": script("delete from raw.orders where «statuss» = 'x'"),
    "create_as": script("create table raw.kept as select «amuont» from raw.orders"),
    "alter_column": script("alter table raw.orders drop column amount", "select «amount» from raw.orders"),
    "merge_statement": script(
        "merge into raw.orders o using raw.items i on o.order_id = «i.orderid» when matched then delete"
    ),
    "column_of_a_made_table": script("create table raw.kept (a int)") + block("select «b» from raw.kept"),
    # --- conditions and repetition
    "when": "  - id: daily\n    type: transform\n    target: marts.daily\n    "
    "when: (select max(«amuont») from raw.orders) > 1\n"
    "    sql: select 1 as one\n",
    "when_is_no_boolean": "  - id: daily\n    type: transform\n    target: marts.daily\n"
    "    when: «(select count(*) from raw.orders)»\n    sql: select 1 as one\n",
    "for_each": "  - id: daily\n    type: transform\n    for_each: {region: [EU, US]}\n"
    "    target: marts.daily_${region}\n"
    "    sql: select order_id, «amuont» from raw.orders where status = $region\n".replace(
        "{region: [EU, US]}", "{region: {type: identifier, values: [EU, US]}}"
    ),
    # --- what those bring who come from elsewhere
    "text_in_double_quotes": block('select order_id from raw.orders where status = «"paid"»'),
    "curly_quotes": block("select «\u2018paid\u2019» as status from raw.orders"),
    "alias_of_nothing_in_where": block("select amount * 2 as twice from raw.orders where twice > 1 and «thrice» > 1"),
    "column_of_a_cte": block("with o as (select order_id from raw.orders)\nselect «oder_id» from o"),
    "column_left_out": block("select * exclude («amuont») from raw.orders"),
    "column_replaced": block("select * replace (1 as «amuont») from raw.orders"),
    "column_in_qualify": block("select order_id from raw.orders\nqualify row_number() over (order by «day») = 1"),
    "column_hidden_by_an_alias": block("select «price» * 2 as price from raw.orders"),
    "column_in_update": script("update raw.orders set amount = «price»"),
    "table_of_a_cte": block("with sold as (select order_id from raw.orders)\nselect order_id from «slod»"),
    "table_in_a_subquery": block(
        "select order_id from raw.orders\nwhere order_id in (select order_id from «raw.itms»)"
    ),
    "table_in_an_insert": script("insert into «raw.ordesr» select * from raw.orders"),
    "table_of_a_when": "  - id: daily\n    type: transform\n    target: marts.daily\n"
    "    when: exists (select 1 from «raw.oredrs»)\n    sql: select 1 as one\n",
    "function_of_another_dialect": block("select «getdate()» as at"),
    "function_with_one_argument_less": block("select «nvl(amount, 0)» as amount from raw.orders"),
    "function_in_a_check": checked("expression: «to_number(amount)» > 0"),
    "function_misspelt_aggregate": block("select status, «summ(amount)» as total from raw.orders group by status"),
    "function_in_having": block("select status from raw.orders group by status having «cuont(*)» > 1"),
    "window_in_where": block("select order_id from raw.orders where «row_number()» over () = 1"),
    "subquery_of_two_columns_in_in": block(
        "select order_id from raw.orders where order_id in «(select order_id, sku from raw.items)»"
    ),
    "values_of_another_width": script("create table raw.kept (a int)", "insert into «raw.kept» values (1, 2)"),
    "arrow_for_at_least": checked("expression: «amount» => 0"),
    "values_of_another_type": checked("accepted_values: {column: amount, values: [«low», high]}"),
    "numbers_for_a_date": checked("«accepted_values»: {column: placed_on, values: [1, 2]}"),
    "value_in_a_check_expression": checked("expression: amount in («'low'», 'high')"),
    "freshness_of_a_number": checked("«freshness»: {column: order_id, max_age: 1d}"),
    "where_of_another_type": checked("not_null: [order_id]\n        where: placed_on > «'soon'»"),
    "key_named_twice": merge("    mode: merge\n    key: [«order_id», order_id]\n"),
    "partition_named_twice": "  - id: out\n    type: export\n    source: raw.orders\n"
    "    target: {connector: parquet, path: out, partition_by: [«status», status]}\n",
    "partition_of_every_column": "  - id: out\n    type: export\n    sql: select sku, quantity from raw.items\n"
    "    target: {connector: parquet, path: out, partition_by: [«quantity», sku]}\n",
    "lag_of_a_text_cursor": merge(
        "    mode: merge\n    key: [order_id]\n    cursor: {column: «status», lag: 1d}\n",
        "select order_id, status from raw.orders",
    ),
    "two_tables_of_one_column": block("select «order_id» from raw.orders, raw.items"),
}

#: Queries in a file of their own: what the step says, and the place that is told.
IN_FILES = {
    "sql_file": ("    sql_file: report.sql\n", "report.sql:4:7"),
    "sql_file_after_a_comment": ("    sql_file: broken.sql\n", "broken.sql:3:6"),
}


def place_of(marked: str) -> str:
    """Return line and column of the mark in a text."""
    before = marked[: marked.index("«")]
    return f"{before.count(chr(10)) + 1}:{len(before) - (before.rfind(chr(10)) + 1) + 1}"


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Validate all cases in one call, as a user would a folder; returns the problems of each."""
    folder = tmp_path_factory.mktemp("shop")
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for name, steps in CASES.items():
        clean = (KNOWN + steps).replace("«", "").replace("»", "")
        (folder / f"{name}.yaml").write_text(clean, encoding="utf-8")
    for name, (keys, _) in IN_FILES.items():
        step = f"  - id: {name}\n    type: transform\n    target: marts.daily\n{keys}"
        (folder / f"{name}.yaml").write_text(KNOWN + step, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "sqlflow.cli.main", "validate", "."],
        cwd=folder, env={**os.environ, "NO_COLOR": "1"}, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (2, ""), done.stdout + done.stderr
    found: dict[str, list[str]] = {name: [] for name in (*CASES, *IN_FILES)}
    current = ""
    for line in done.stdout.splitlines():
        if match := PLACE.match(line):
            file = match["file"]
            in_file = next((n for n, (_, place) in IN_FILES.items() if place.startswith(f"{file}:")), "")
            current = in_file or file.removesuffix(".yaml")
            found[current].append(line)
        elif line.startswith(" "):
            found[current][-1] += f"\n{line}"
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_fault_is_told_at_its_word(name: str, answers: dict[str, list[str]]) -> None:
    """One fault is one problem, and its line and column are those of the word that is wrong."""
    assert len(answers[name]) == 1, "\n".join(answers[name])
    assert answers[name][0].startswith(f"{name}.yaml:{place_of(KNOWN + CASES[name])}: SF42")
    assert "unchecked" not in answers[name][0]


@pytest.mark.parametrize("name", IN_FILES)
def test_the_fault_is_told_in_the_file_of_the_sql(name: str, answers: dict[str, list[str]]) -> None:
    """SQL in a file of its own is told at its place in that file."""
    assert [problem.split(": SF")[0] for problem in answers[name]] == [IN_FILES[name][1]]


@pytest.mark.parametrize("name", [*CASES, *IN_FILES])
def test_what_is_told_is_as_recorded(name: str, answers: dict[str, list[str]], regen: bool) -> None:
    """Words do not change unnoticed."""
    golden, found = GOLDEN / f"{name}.txt", "\n".join(answers[name]) + "\n"
    if regen:
        GOLDEN.mkdir(exist_ok=True)
        golden.write_text(found, encoding="utf-8")
    assert found == golden.read_text(encoding="utf-8")


def test_no_answer_is_left_over() -> None:
    """Every recorded answer has its case."""
    assert {path.stem for path in GOLDEN.glob("*")} == {*CASES, *IN_FILES}
