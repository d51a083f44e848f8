"""Every row of the table of write modes and of its table of cases, run as documents on a warehouse in a file."""

from __future__ import annotations

import json
import threading
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sqlflow import DocumentError, Pipeline
from sqlflow.builtins.duckdb.engine import DuckDbConfig, DuckDbEngine
from sqlflow.run import StepRecord
from sqlflow.sdk import Batch, Commit, Opening, Select, StorageLocation, TableWrite, Token

MEETING = ["append", "merge", "delete_insert"]
"""The modes in which rows meet rows that are there."""
KEYED = ["merge", "delete_insert"]


class Warehouse:
    """A folder in which documents are run, and the file in which they leave their tables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "shop.duckdb"

    def run(self, steps: list[dict[str, Any]], variables: dict[str, Any] | None = None) -> dict[str, StepRecord]:
        """Run a document of these steps and return what became of each."""
        document = {"version": 1, "name": "shop", "vars": variables or {}, "steps": steps}
        path = self.folder / "shop.yaml"
        path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        with Pipeline.from_file(path).run() as result:
            failed = any(step.status != "succeeded" for step in result.steps)
            assert result.status == ("failed" if failed else "succeeded")
            return {step.id: step for step in result.steps}

    def write(self, sql: str, target: str = "t", **options: Any) -> StepRecord:
        """Run one transform and see it succeed."""
        step = self.attempt(sql, target, **options)
        assert step.status == "succeeded", step.error
        return step

    def attempt(self, sql: str, target: str = "t", **options: Any) -> StepRecord:
        """Run one transform to whatever end."""
        return self.run([transform("s", target, sql, **options)])["s"]

    def refuse(self, sql: str, target: str = "t", *, code: str, **options: Any) -> str:
        """Run one transform, see it fail with a code and leave no trace, and return what it said."""
        before = self.everything()
        step = self.attempt(sql, target, **options)
        assert (step.status, (step.error or {}).get("code")) == ("failed", code), step.error
        assert self.everything() == before
        return f"{step.error['message']}\n{step.error['hint']}"

    def foreign(self, *statements: str) -> None:
        """Run statements as another program would."""
        with duckdb.connect(str(self.file)) as connection:
            for statement in statements:
                connection.execute(statement)

    def given(self, sql: str) -> None:
        """Make the table `t` of a query, as another program would; only a replace asks who has made it."""
        self.foreign(f"create table t as {sql}")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query, those of a table in a stable order."""
        with duckdb.connect(str(self.file), read_only=True) as connection:
            return connection.sql(f"{sql} order by all" if "order by" not in sql else sql).fetchall()

    def columns(self, table: str) -> dict[str, str]:
        """Return the columns of a table and their types, in order."""
        with duckdb.connect(str(self.file), read_only=True) as connection:
            return {row[0]: row[1] for row in connection.sql(f"describe from {table}").fetchall()}

    def indexes(self) -> set[str]:
        """Return the names of all indexes."""
        return {row[0] for row in self.rows("select index_name from duckdb_indexes()")}

    def everything(self) -> object:
        """Return all that readers can see, rows with their places: tables, views, indexes, the ledger."""
        if not self.file.exists():
            return {}
        with duckdb.connect(str(self.file), read_only=True) as connection:
            kinds = connection.sql(
                "select schema_name, table_name, 'rowid, *' from duckdb_tables() where table_name not like '\\_\\_%' "
                "escape '\\' union all select schema_name, view_name, '*' from duckdb_views() where not internal"
            ).fetchall()
            names = {(schema, name): (f"{quoted(schema)}.{quoted(name)}", shown) for schema, name, shown in kinds}
            queries = {key: f"select {shown} from {table}" for key, (table, shown) in names.items()}
            queries |= {(*key, "described"): f"describe from {table}" for key, (table, _) in names.items()}
            queries["indexes",] = "select index_name, sql from duckdb_indexes()"
            found = {
                key: connection.sql(f"select columns(*)::varchar from ({q})").fetchall() for key, q in queries.items()
            }
        if not found.get(("_sqlflow", "commits")):  # a run that commits nothing still makes its ledger
            found = {key: rows for key, rows in found.items() if key[0] != "_sqlflow"}
        return {key: sorted(rows, key=repr) for key, rows in found.items() if rows}


def transform(name: str, target: str, sql: str, **options: Any) -> dict[str, Any]:
    """Return a transform as it stands in a document."""
    return {"id": name, "type": "transform", "target": target, "sql": sql, **options}


def counts(step: StepRecord) -> tuple[int | None, int | None, int | None, int | None]:
    """Return the rows that a step has read, inserted, updated and deleted."""
    return step.rows.read, step.rows.inserted, step.rows.updated, step.rows.deleted


def values(columns: str, *rows: str) -> str:
    """Return a query that gives these rows."""
    return f"select * from (values {', '.join(f'({row})' for row in rows)}) v({columns})"


def keyed(mode: str, *key: str) -> dict[str, Any]:
    """Return the options of a mode; a key goes only to modes that need one."""
    return {"mode": mode, "key": list(key)} if mode in KEYED else {"mode": mode}


@pytest.fixture
def shop(tmp_path: Path) -> Warehouse:
    """Return an empty warehouse."""
    return Warehouse(tmp_path)


# --- the table of modes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["replace", *MEETING])
def test_an_absent_target_is_created_in_every_mode(shop: Warehouse, mode: str) -> None:
    """Where there is no target, every mode makes one with the columns of the batch, in their order and types."""
    sql = "select 'x' as name, 1::bigint as id, date '2024-01-01' as day"
    step = shop.write(sql, "raw.t", **keyed(mode, "id"))
    assert shop.columns("raw.t") == {"name": "VARCHAR", "id": "BIGINT", "day": "DATE"}
    assert shop.rows("from raw.t") == [("x", 1, date(2024, 1, 1))]
    assert counts(step)[:3] == (1, 1, 0)
    assert step.schema is not None
    assert step.schema.names == ("name", "id", "day")


def test_replace_is_the_default_and_swaps_in_the_new_rows(shop: Warehouse) -> None:
    """A replaced table holds the batch and nothing else; columns and types may be others than before."""
    shop.write(values("id, v", "1, 'a'", "2, 'b'"))
    step = shop.write(values("v, w, id", "1.5, true, 'x'"))
    assert shop.columns("t") == {"v": "DECIMAL(2,1)", "w": "BOOLEAN", "id": "VARCHAR"}
    assert [row[2] for row in shop.rows("from t")] == ["x"]
    assert counts(step) == (1, 1, 0, None)


def test_a_replace_may_read_its_own_target(shop: Warehouse) -> None:
    """The query of a replace sees the rows that it is about to replace."""
    shop.write(values("id", "1", "2"))
    shop.write("select id + 10 as id from t")
    assert shop.rows("from t") == [(11,), (12,)]


def test_append_inserts_and_keeps_what_is_there(shop: Warehouse) -> None:
    """Without a key every row is added, one that is there already included."""
    shop.write(values("id", "1", "2"))
    step = shop.write(values("id", "2", "3"), mode="append")
    assert shop.rows("from t") == [(1,), (2,), (2,), (3,)]
    assert counts(step) == (2, 2, 0, 0)


def test_merge_updates_what_differs_and_inserts_what_is_new(shop: Warehouse) -> None:
    """Matched rows that differ take the new values, new keys are inserted, rows that are not in the batch stay."""
    shop.write(values("id, v", "1, 'a'", "2, 'b'", "3, 'c'"))
    step = shop.write(values("id, v", "2, 'B'", "3, 'c'", "4, 'd'", "5, null"), mode="merge", key=["id"])
    assert shop.rows("from t") == [(1, "a"), (2, "B"), (3, "c"), (4, "d"), (5, None)]
    assert counts(step) == (4, 2, 1, 0)


def test_merge_knows_a_row_by_all_columns_of_its_key(shop: Warehouse) -> None:
    """Rows that agree in a part of the key only are different rows."""
    shop.given(values("a, b, v", "1, 1, 'x'", "1, 2, 'y'"))
    step = shop.write(values("a, b, v", "1, 2, 'Y'", "2, 1, 'z'"), mode="merge", key=["b", "a"])
    assert shop.rows("from t") == [(1, 1, "x"), (1, 2, "Y"), (2, 1, "z")]
    assert counts(step) == (2, 1, 1, 0)


def test_a_merge_of_nothing_but_keys_inserts_the_new_ones(shop: Warehouse) -> None:
    """Where there is nothing but the key, a matched row cannot differ."""
    shop.given(values("id", "1", "2"))
    step = shop.write(values("id", "2", "3"), mode="merge", key=["id"])
    assert shop.rows("from t") == [(1,), (2,), (3,)]
    assert counts(step) == (2, 1, 0, 0)


def test_delete_insert_replaces_whole_groups(shop: Warehouse) -> None:
    """Every row of a group that occurs in the batch goes, the batch comes, other groups stay where they are."""
    shop.write(values("day, n", "1, 10", "1, 11", "2, 20", "3, 30", "3, 31"))
    step = shop.write(values("day, n", "1, 12", "3, 30", "3, 30", "4, 40"), mode="delete_insert", key=["day"])
    assert shop.rows("from t") == [(1, 12), (2, 20), (3, 30), (3, 30), (4, 40)]
    assert shop.rows("from t order by rowid")[0] == (2, 20)
    assert counts(step) == (4, 4, 0, 4)


def test_a_group_is_known_by_all_columns_of_its_key(shop: Warehouse) -> None:
    """A group of delete_insert that agrees in a part of the key only stays."""
    shop.given(values("shop, day, n", "1, 1, 1", "1, 2, 2", "2, 1, 3"))
    step = shop.write(values("shop, day, n", "1, 2, 9", "1, 2, 8"), mode="delete_insert", key=["shop", "day"])
    assert shop.rows("from t") == [(1, 1, 1), (1, 2, 8), (1, 2, 9), (2, 1, 3)]
    assert counts(step) == (2, 2, 0, 1)


def test_a_load_meets_its_target_as_a_transform_does(shop: Warehouse) -> None:
    """The modes are the same for rows of a file: merged by key, by name, counted."""
    (shop.folder / "a.csv").write_text("id,name,n\n1,ann,5\n2,bob,6\n")
    (shop.folder / "b.csv").write_text("n,id,name\n6,2,bob\n7,1,ann\n8,3,cyd\n")
    for file, expected in (("a.csv", (2, 2, 0)), ("b.csv", (3, 1, 1))):
        source = {"connector": "csv", "path": file}
        step = {"id": "s", "type": "load", "source": source, "target": "raw.t", "mode": "merge", "key": ["id"]}
        assert counts(shop.run([step])["s"])[:3] == expected
    assert shop.rows("from raw.t") == [(1, "ann", 7), (2, "bob", 6), (3, "cyd", 8)]


def test_append_with_a_key_drops_known_keys_and_warns_of_those_that_differ(shop: Warehouse) -> None:
    """A known key is left out, the old row stays as it is; the warning counts the rows that had other values."""
    shop.given(values("id, v", "1, 'a'", "2, null", "3, 'c'"))
    before = shop.rows("select rowid, * from t")
    again = shop.write(values("id, v", "1, 'a'", "2, null"), mode="append", key=["id"])
    assert (counts(again), again.warnings) == ((2, 0, 0, 0), [])
    step = shop.write(values("id, v", "1, 'A'", "2, 'B'", "3, 'c'", "4, 'd'"), mode="append", key=["id"])
    assert shop.rows("select rowid, * from t where id < 4") == before
    assert shop.rows("from t where id = 4") == [(4, "d")]
    assert counts(step) == (4, 1, 0, 0)
    assert len(step.warnings) == 1
    assert step.warnings[0].startswith("2 rows have a key that is in t already but other values")


# --- columns meet by name ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MEETING)
def test_columns_meet_by_name_and_never_by_position(shop: Warehouse, mode: str) -> None:
    """A batch whose columns stand in another order, with types that would fit there too, lands where its names say."""
    shop.given(values("id, a, b", "1, 10, 20", "2, 11, 21"))
    shop.write(values("b, id, a", "99, 2, 77", "98, 3, 76"), **keyed(mode, "id"))
    assert shop.columns("t") == {"id": "INTEGER", "a": "INTEGER", "b": "INTEGER"}
    new = [(2, 77, 99), (3, 76, 98)]
    assert shop.rows("from t") == sorted([(1, 10, 20), *new, *([(2, 11, 21)] if mode == "append" else [])])


@pytest.mark.parametrize("mode", MEETING)
def test_case_of_column_names_does_not_matter(shop: Warehouse, mode: str) -> None:
    """`ID`, `Id` and `id` are one column, in batch, target and key; the target keeps its own spelling."""
    shop.given(values('"Id", "Amount"', "1, 10"))
    shop.write(values('AMOUNT, "iD"', "11, 1"), **keyed(mode, "ID"))
    assert shop.columns("t") == {"Id": "INTEGER", "Amount": "INTEGER"}
    assert shop.rows("from t") == ([(1, 10), (1, 11)] if mode == "append" else [(1, 11)])


ODD_COLUMNS = ["select", "a b", 'q"q', "a.b", "rowid", "Größe", "日本", "s", "t", "x;--", "{v}", "$v", "%s", "'"]
ODD_TABLES = ['"select"', 'raw."q""q"', '"Odd Schema"."a.b"', '"Größe"."日本 x;--"', "t"]


def quoted(name: str) -> str:
    """Quote a column."""
    return '"' + name.replace('"', '""') + '"'


@pytest.mark.parametrize("swapped", [False, True])
def test_any_name_may_be_a_column(shop: Warehouse, swapped: bool) -> None:
    """Keywords, spaces, quotes, dots, other alphabets: as keys and as values, declared or not, in every mode."""
    half = len(ODD_COLUMNS) // 2
    key, others = ODD_COLUMNS[:half], ODD_COLUMNS[half:]
    if swapped:
        key, others = others, key

    def batch(*rows: tuple[int, int]) -> str:
        each = (", ".join([*[f"{k} as {quoted(name)}" for name in key], *[f"{v} as {quoted(name)}" for name in others]])
                for k, v in rows)  # fmt: skip
        return " union all ".join(f"select {row}" for row in each)

    steps = [
        ("made", batch((1, 10), (2, 20)), {"columns": dict.fromkeys(ODD_COLUMNS, "bigint not null")}),
        ("merged", batch((2, 21), (3, 30)), {"mode": "merge", "key": key}),
        ("added", batch((3, 31), (4, 40)), {"mode": "append", "key": key}),
        ("regrouped", batch((4, 41), (4, 42)), {"mode": "delete_insert", "key": key}),
    ]
    done = shop.run([transform(name, "t", sql, **options) for name, sql, options in steps])
    found = {name: (step.status, counts(step), len(step.warnings)) for name, step in done.items()}
    assert found == {
        "made": ("succeeded", (2, 2, 0, None), 0),
        "merged": ("succeeded", (2, 1, 1, 0), 0),
        "added": ("succeeded", (2, 1, 0, 0), 1),
        "regrouped": ("succeeded", (2, 2, 0, 1), 0),
    }
    shop.write(f"select * from t where {quoted(others[0])} <> 42", "u", mode="merge", key=key)
    shown = f"select {quoted(key[0])}, {quoted(others[-1])} from"
    assert shop.rows(f"{shown} t") == [(1, 10), (2, 21), (3, 30), (4, 41), (4, 42)]
    assert shop.rows(f"{shown} u") == [(1, 10), (2, 21), (3, 30), (4, 41)]


@pytest.mark.parametrize("table", ODD_TABLES)
def test_any_name_may_be_a_table(shop: Warehouse, table: str) -> None:
    """Keywords, spaces, quotes, dots, other alphabets name tables and schemas in every mode, staged or not."""
    shop.write(values("id, v", "7, 7"), table)
    checks = [{"not_null": ["id"]}, {"unique": ["id"]}]
    steps = [
        transform("made", table, values("id, v", "1, 1", "2, 2"), checks=checks),
        transform("added", table, values("id, v", "3, 3"), mode="append"),
        transform("merged", table, values("id, v", "1, 9", "4, 4"), mode="merge", key=["id"]),
        transform("regrouped", table, values("id, v", "1, 8"), mode="delete_insert", key=["id"]),
        transform("read", "seen", f"select count(*) as n from {table}"),
    ]
    done = shop.run(steps)
    assert {step.status for step in done.values()} == {"succeeded"}
    assert (counts(done["merged"]), counts(done["regrouped"])) == ((2, 1, 1, 0), (1, 1, 0, 1))
    assert shop.rows(f"from {table}") == [(1, 8), (2, 2), (3, 3), (4, 4)]
    assert shop.rows("from seen") == [(4,)]
    shop.write("select n + 1 as n from seen", table, materialize="view")
    assert shop.rows(f"from {table}") == [(5,)]


def test_a_table_without_a_schema_lives_in_main(shop: Warehouse) -> None:
    """`T`, `t` and `main.t` are one table, and the second document may replace what the first has made."""
    shop.write("select 1 as id", "T")
    shop.write("select 2 as id", "main.t")
    assert shop.rows("select schema_name from duckdb_tables() where table_name ilike 't'") == [("main",)]
    assert shop.rows("from t") == [(2,)]


def test_a_schema_may_be_named_like_the_file(shop: Warehouse) -> None:
    """A schema of the warehouse's own name is not ambiguous."""
    shop.write("select 1 as id", "shop.shop")
    shop.write("select 2 as id", "shop.shop", mode="append")
    with duckdb.connect(str(shop.file), read_only=True) as connection:
        assert connection.sql("select count(*) from shop.shop.shop").fetchall() == [(2,)]


def test_three_parts_name_a_table_of_the_warehouse(shop: Warehouse) -> None:
    """Under the name that the engine attaches the file by, a table of three parts is the table of two."""
    target = "sqlflow_warehouse.raw.t"
    shop.write(values("id, v", "1, 1"), target)
    shop.write(values("id, v", "1, 2", "2, 2"), target, mode="merge", key=["id"])
    shop.write(values("id, v", "3, 3"), "raw.t", mode="append")
    assert shop.rows("from raw.t") == [(1, 2), (2, 2), (3, 3)]
    shop.write(values("id, v", "5, 5"), target, checks=[{"not_null": ["id"]}])
    assert shop.rows("from raw.t") == [(5, 5)]
    assert shop.rows("select distinct target from _sqlflow.commits") == [("raw.t",)]


@pytest.mark.parametrize("target", ["nowhere.raw.t", "temp.main.t", "memory.main.t", "system.main.t"])
def test_a_table_outside_the_warehouse_is_never_written(shop: Warehouse, target: str) -> None:
    """A step that names another database is refused; it is not green over a table that ends with the process."""
    with pytest.raises(DocumentError, match="SF412"):
        shop.attempt("select 1 as id", target)


# --- keys --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("present", [True, False], ids=["present", "absent"])
@pytest.mark.parametrize("rows", [("1, 'a'", "1, 'b'"), ("1, 'a'", "1, 'a'")], ids=["different", "equal"])
def test_duplicate_keys_in_a_merge_are_an_error_that_names_them(
    shop: Warehouse, rows: tuple[str, ...], present: bool
) -> None:
    """Two rows of one key stop the merge, even when they are equal and even when there is no target yet."""
    if present:
        shop.given(values("id, v", "1, 'old'"))
    told = shop.refuse(values("id, v", *rows, "2, 'c'"), code="SF705", mode="merge", key=["id"])
    assert "duplicate keys in the batch for t: id = 1 (2 rows)" in told
    assert "on_duplicate" in told


def test_delete_insert_takes_several_rows_of_a_key(shop: Warehouse) -> None:
    """In delete_insert a key names a group, also when the target is made."""
    shop.write(values("g, v", "1, 'a'", "1, 'b'", "1, 'b'"), mode="delete_insert", key=["g"])
    step = shop.write(values("g, v", "1, 'c'", "1, 'c'"), mode="delete_insert", key=["g"])
    assert shop.rows("from t") == [(1, "c"), (1, "c")]
    assert counts(step) == (2, 2, 0, 3)


@pytest.mark.parametrize(
    ("which", "order", "kept", "present"),
    [
        ("first", ["seen"], "old", True),
        ("last", ["seen"], "new", False),
        ("first", ["seen desc"], "new", False),
        ("last", ["seen DESC"], "old", True),
        ("last", ["SEEN asc"], "new", True),
        ("last", ["rank", "seen"], "mid", True),
        ("first", ["rank desc", "seen desc"], "mid", False),
    ],
)
def test_on_duplicate_keeps_the_first_or_the_last_in_the_given_order(
    shop: Warehouse, which: str, order: list[str], kept: str, present: bool
) -> None:
    """Of the rows of one key the first or last by `order_by` is kept, also when the target is made."""
    if present:
        shop.given(values("id, seen, rank, v", "1, 0, 0, 'before'"))
    batch = values("id, seen, rank, v", "1, 2, 1, 'mid'", "1, 3, 0, 'new'", "1, 1, 1, 'old'", "2, 5, 5, 'only'")
    if kept == "mid" and which == "first":
        batch = batch.replace("1, 1, 1, 'old'", "1, 1, 0, 'old'")
    step = shop.write(batch, mode="merge", key=["id"], on_duplicate=which, order_by=order)
    assert shop.rows("select id, v from t") == [(1, kept), (2, "only")]
    assert counts(step)[1:3] == ((1, 1) if present else (2, 0))
    assert shop.columns("t") == {"id": "INTEGER", "seen": "INTEGER", "rank": "INTEGER", "v": "VARCHAR"}


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"mode": "merge", "key": ["id"], "on_duplicate": "last"}, "on_duplicate needs order_by"),
        ({"mode": "merge", "key": ["id"], "order_by": ["id"]}, "order_by has no effect without on_duplicate"),
        ({"mode": "append", "on_duplicate": "first", "order_by": ["id"]}, "on_duplicate has no effect in mode append"),
        ({"mode": "merge"}, "mode merge needs a key"),
        ({"mode": "delete_insert"}, "mode delete_insert needs a key"),
        ({"key": ["id"]}, "key has no effect in mode replace"),
        ({"mode": "append", "adopt": True}, "adopt has no effect in mode append"),
        ({"on_schema_change": "permissive"}, "on_schema_change has no effect in mode replace"),
        ({"materialize": "view", "mode": "append"}, "mode has no effect on a view"),
        ({"materialize": "view", "columns": {"id": "int"}}, "columns has no effect on a view"),
    ],
)
def test_options_without_effect_stop_the_document(shop: Warehouse, options: dict[str, Any], option: str) -> None:
    """What could have no effect, and what a mode needs and does not have, is told before anything runs."""
    with pytest.raises(DocumentError, match=option):
        shop.attempt("select 1 as id", **options)
    assert not shop.file.exists()


@pytest.mark.parametrize(
    ("mode", "present"), [("append", True), ("merge", True), ("delete_insert", True), ("merge", False)]
)
def test_null_in_a_key_is_an_error_that_names_column_and_count(shop: Warehouse, mode: str, present: bool) -> None:
    """A key that holds NULL identifies nothing: the column and how many rows are told, nothing is written."""
    if present:
        shop.given(values("a, b, v", "1, 1, 'x'"))
    batch = values("a, b, v", "1, null, 'y'", "2, null, 'z'", "3, 1, 'w'")
    told = shop.refuse(batch, code="SF706", mode=mode, key=["a", "b"])
    assert "key column 'b' is NULL in 2 rows" in told


@pytest.mark.parametrize("mode", MEETING)
def test_a_key_that_the_batch_lacks_is_an_error(shop: Warehouse, mode: str) -> None:
    """A key column that is not in the batch is named, with the one that may be meant."""
    shop.given(values("order_id, v", "1, 1"))
    told = shop.refuse(values("order_id, v", "1, 1"), code="SF705", mode=mode, key=["order_ids"])
    assert "key column 'order_ids' is not in the batch" in told
    assert "order_id" in told.splitlines()[1]


# --- columns that one side lacks ---------------------------------------------------------------------------------


def test_append_of_a_batch_that_lacks_a_column_gives_null(shop: Warehouse) -> None:
    """New rows have NULL where the batch brings nothing."""
    shop.given(values("id, v", "1, 'a'"))
    shop.write("select 2 as id", mode="append")
    shop.write("select 1 as id union all select 3", mode="append", key=["id"])
    assert shop.rows("from t") == [(1, "a"), (2, None), (3, None)]


def test_merge_of_a_batch_that_lacks_a_column_leaves_matched_rows_theirs(shop: Warehouse) -> None:
    """Matched rows keep what the batch does not bring, updated or not; new rows have NULL there."""
    shop.given(values("id, keep, v", "1, 'k1', 1", "2, 'k2', 2", "3, 'k3', 3"))
    step = shop.write(values("v, id", "40, 4", "3, 3", "20, 2", "1, 1"), mode="merge", key=["id"])
    assert shop.rows("from t") == [(1, "k1", 1), (2, "k2", 20), (3, "k3", 3), (4, None, 40)]
    assert shop.rows("select id from t order by rowid")[:2] == [(1,), (3,)]
    assert counts(step) == (4, 1, 1, 0)


def test_delete_insert_of_a_batch_that_lacks_a_column_gives_null(shop: Warehouse) -> None:
    """Rows that are inserted anew have NULL where the batch brings nothing; other groups keep theirs."""
    shop.given(values("g, v", "1, 'a'", "2, 'b'"))
    shop.write("select 1 as g", mode="delete_insert", key=["g"])
    assert shop.rows("from t") == [(1, None), (2, "b")]


@pytest.mark.parametrize("mode", MEETING)
def test_a_batch_that_lacks_a_required_column_is_an_error(shop: Warehouse, mode: str) -> None:
    """A column that may not be NULL cannot be left out; it is named, and the target keeps its rows."""
    shop.write(values("id, v", "1, 'a'"), columns={"v": "varchar not null"})
    told = shop.refuse("select 2 as id", code="SF721", **keyed(mode, "id"))
    assert "column v of the target is not null and the batch does not have it" in told


@pytest.mark.parametrize("mode", MEETING)
def test_a_new_column_stops_under_alert(shop: Warehouse, mode: str) -> None:
    """By default a column that the target lacks stops the step; the message names it and says what to write."""
    shop.given(values("id, v", "1, 'a'"))
    told = shop.refuse(values("id, v, extra", "2, 'b', 5"), code="SF721", **keyed(mode, "id"))
    assert "new column extra INTEGER" in told
    assert "on_schema_change: permissive" in told


@pytest.mark.parametrize("mode", MEETING)
def test_a_new_column_is_added_nullable_under_permissive(shop: Warehouse, mode: str) -> None:
    """The column comes last, nullable; rows that were there have NULL, rows of the batch their value."""
    shop.given(values("id, v", "1, 'a'", "2, 'b'"))
    step = shop.write(values("extra, id, v", "5, 2, 'b'"), on_schema_change="permissive", **keyed(mode, "id"))
    assert shop.columns("t") == {"id": "INTEGER", "v": "VARCHAR", "extra": "INTEGER"}
    old = [(2, "b", None)] if mode == "append" else []
    assert shop.rows("from t") == sorted([(1, "a", None), (2, "b", 5), *old], key=repr)
    assert counts(step)[:3] == ((1, 0, 1) if mode == "merge" else (1, 1, 0))
    shop.write("select 9 as id", mode="append")
    assert (9, None, None) in shop.rows("from t")


def test_a_new_column_without_values_updates_nothing(shop: Warehouse) -> None:
    """A new column that is NULL in every matched row changes the table and no row of it."""
    shop.given(values("id, v", "1, 'a'"))
    step = shop.write(
        "select 1 as id, 'a' as v, null::date as day", mode="merge", key=["id"], on_schema_change="permissive"
    )
    assert shop.columns("t") == {"id": "INTEGER", "v": "VARCHAR", "day": "DATE"}
    assert counts(step) == (1, 0, 0, 0)


# --- empty batches, unchanged rows -------------------------------------------------------------------------------


@pytest.mark.parametrize("checked", [False, True], ids=["plain", "staged"])
def test_an_empty_replace_leaves_an_empty_table_with_the_right_columns(shop: Warehouse, checked: bool) -> None:
    """No rows is a batch like any other: the table is there, empty, with the columns and types of the query."""
    shop.write(values("id, v", "1, 'a'"))
    checks = {"checks": [{"not_null": ["id"]}]} if checked else {}
    step = shop.write("select 1::bigint as id, 2.5::decimal(9,2) as price where false", **checks)
    assert shop.columns("t") == {"id": "BIGINT", "price": "DECIMAL(9,2)"}
    assert shop.rows("from t") == []
    assert counts(step) == (0, 0, 0, None)


@pytest.mark.parametrize("mode", MEETING)
def test_an_empty_batch_changes_nothing_in_the_other_modes(shop: Warehouse, mode: str) -> None:
    """No row moves; the commit is recorded all the same, with no rows."""
    shop.write(values("id, v", "1, 'a'", "2, 'b'"))
    before = shop.rows("select rowid, * from t")
    step = shop.write("select 1 as id, 'x' as v where false", **keyed(mode, "id"))
    assert shop.rows("select rowid, * from t") == before
    assert counts(step) == (0, 0, 0, 0)
    assert shop.rows("select rows from _sqlflow.commits") == [(0,), (2,)]


@pytest.mark.parametrize("mode", MEETING)
def test_a_file_without_rows_is_no_evidence_of_other_types(shop: Warehouse, mode: str) -> None:
    """A CSV file with a header alone has text columns; that says nothing against numbers in the target."""
    shop.given("select 1 as id, date '2024-01-01' as day")
    (shop.folder / "empty.csv").write_text("day,id\n")
    source = {"connector": "csv", "path": "empty.csv"}
    step = shop.run([{"id": "s", "type": "load", "source": source, "target": "t", **keyed(mode, "id")}])["s"]
    assert (step.status, counts(step)) == ("succeeded", (0, 0, 0, 0)), step.error
    assert shop.columns("t") == {"id": "INTEGER", "day": "DATE"}


@pytest.mark.parametrize("mode", MEETING)
def test_an_empty_batch_makes_an_absent_target(shop: Warehouse, mode: str) -> None:
    """A first batch without rows still leaves a table with its columns."""
    step = shop.write("select 1 as id, 'x' as v where false", **keyed(mode, "id"))
    assert shop.columns("t") == {"id": "INTEGER", "v": "VARCHAR"}
    assert counts(step)[:3] == (0, 0, 0)


def test_unchanged_rows_of_a_merge_are_neither_rewritten_nor_counted(shop: Warehouse) -> None:
    """Rows that are equal, NULL, NaN and nested values included, stay where they are in the file.

    The file closes up behind deleted rows, so that a place is told by the order of the rows and not by its number.
    """
    rows = ["1, 'a', 1.5::double, [1]", "2, null, 'nan'::double, [null]", "3, 'c', null, []", "4, 'd', 2, null"]
    shop.given(values("id, n, f, l", *rows))
    places = "select rowid, id, n, f::varchar, l from t order by rowid"
    before = shop.rows(places)
    same = shop.write("select l, f, n, id from t order by id desc", mode="merge", key=["id"])
    assert counts(same) == (4, 0, 0, 0)
    assert shop.rows(places) == before
    changed = "select id, case when id = 2 then 'now' else n end as n, f, l from t order by id desc"
    step = shop.write(changed, mode="merge", key=["id"])
    assert counts(step) == (4, 0, 1, 0)
    assert [row[1:] for row in shop.rows(places)] == [
        *[row[1:] for row in before if row[1] != 2],
        (2, "now", "nan", [None]),
    ]


def test_null_and_a_value_differ(shop: Warehouse) -> None:
    """A merge takes NULL for a value and a value for NULL."""
    shop.given(values("id, v", "1, 'a'", "2, null"))
    step = shop.write(values("id, v", "1, null", "2, 'b'"), mode="merge", key=["id"])
    assert (shop.rows("from t"), counts(step)) == ([(1, None), (2, "b")], (2, 0, 2, 0))


# --- kinds, indexes, what SQLFlow did not make -------------------------------------------------------------------


def test_the_target_may_change_its_kind_and_back(shop: Warehouse) -> None:
    """A table becomes a view and a view a table, each time dropped and made in one step."""
    shop.write(values("id", "1", "2"), "base")
    for number, kind in enumerate(["table", "view", "table", "view", "view"], 1):
        shop.write(f"select id * {number} as id from base", materialize=kind)
        assert shop.rows("from t order by id") == [(number,), (2 * number,)]
        found = shop.rows(
            "select 'view' from duckdb_views() where view_name = 't' "
            "union all select 'table' from duckdb_tables() where table_name = 't'"
        )
        assert found == [(kind,)]


def test_a_change_of_kind_that_fails_leaves_the_old_kind(shop: Warehouse) -> None:
    """When the new kind cannot be made, or its check fails, the old table or view stands with its rows."""
    never = [{"row_count": {"min": 100}}]
    shop.write("select 1 as id")
    shop.refuse("select 2 as id", code="SF701", materialize="view", checks=never)
    shop.refuse("select id from t", code="SF708", materialize="view")
    shop.write("select 3 as id", materialize="view")
    shop.refuse("select 4 as id", code="SF701", checks=never)
    assert shop.rows("from t") == [(3,)]


@pytest.mark.parametrize("mode", MEETING)
def test_rows_cannot_meet_a_view(shop: Warehouse, mode: str) -> None:
    """A mode that adds to a table says that the target is a view."""
    shop.write("select 1 as id", materialize="view")
    assert "t is a view" in shop.refuse("select 2 as id", code="SF719", **keyed(mode, "id"))


INDEXES = ('create unique index "by id" on raw.t(id)', "create index by_v on raw.t(v)")


@pytest.mark.parametrize(
    ("mode", "checked"),
    [("replace", False), ("replace", True), ("append", False), ("merge", True), ("delete_insert", False)],
)
def test_indexes_are_kept_in_every_mode(shop: Warehouse, mode: str, checked: bool) -> None:
    """The indexes of a target are there after it has been written, unique ones still unique."""
    shop.write(values("id, v", "1, 'a'", "2, 'b'"), "raw.t")
    shop.foreign(*INDEXES)
    checks = {"checks": [{"not_null": ["id"]}]} if checked else {}
    ids = ("3", "4") if mode == "append" else ("2", "3")
    shop.write(values("id, v", f"{ids[0]}, 'B'", f"{ids[1]}, 'c'"), "raw.t", **keyed(mode, "id"), **checks)
    shop.write("select 9 as id, 'i' as v", "raw.t", mode="append")
    assert shop.indexes() == {"by id", "by_v"}
    with pytest.raises(duckdb.ConstraintException):
        shop.foreign("insert into raw.t select 9, 'twice'")


def test_indexes_are_kept_when_a_column_is_added(shop: Warehouse) -> None:
    """A new column under permissive leaves the indexes as they are."""
    shop.write(values("id, v", "1, 'a'"), "raw.t")
    shop.foreign(*INDEXES)
    shop.write("select 2 as id, 'b' as v, 5 as w", "raw.t", mode="append", on_schema_change="permissive")
    assert shop.indexes() == {"by id", "by_v"}
    assert shop.rows("from raw.t") == [(1, "a", None), (2, "b", 5)]


def test_an_index_that_cannot_be_rebuilt_stops_the_replace(shop: Warehouse) -> None:
    """A batch without an indexed column, or with duplicates under a unique index, leaves rows and indexes alone."""
    shop.write(values("id, v", "1, 'a'"), "raw.t")
    shop.foreign(*INDEXES)
    shop.refuse("select 1 as id", "raw.t", code="SF709")
    before = shop.everything()
    step = shop.attempt(values("id, v", "5, 'x'", "5, 'y'"), "raw.t")
    assert step.status == "failed"
    assert shop.everything() == before


def test_a_table_that_becomes_a_view_loses_its_indexes_and_nothing_else(shop: Warehouse) -> None:
    """A view has no indexes; made a table again it starts without."""
    shop.write(values("id, v", "1, 'a'"), "raw.t")
    shop.foreign(*INDEXES)
    shop.write("select 1 as id, 'a' as v", "raw.t", materialize="view")
    assert shop.indexes() == set()
    shop.write("select 1 as id, 'a' as v", "raw.t")
    assert (shop.indexes(), shop.rows("from raw.t")) == (set(), [(1, "a")])


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        ("create table t as select 42 as id", "table"),
        ("create view t as select 42 as id", "table"),
        ("create table t as select 42 as id", "view"),
    ],
)
def test_what_sqlflow_did_not_make_is_replaced_only_when_told_to(shop: Warehouse, made: str, kind: str) -> None:
    """A first replace is refused; `adopt: true` takes the target over, and from then on it is ours."""
    shop.foreign(made)
    told = shop.refuse("select 1 as id", code="SF718", materialize=kind)
    assert "was not made by SQLFlow" in told
    assert "adopt: true" in told
    shop.write("select 1 as id", materialize=kind, adopt=True)
    shop.write("select 2 as id", materialize=kind)
    assert shop.rows("from t") == [(2,)]


@pytest.mark.parametrize("mode", MEETING)
def test_rows_may_meet_a_table_that_sqlflow_did_not_make(shop: Warehouse, mode: str) -> None:
    """Modes that keep what is there ask for no adoption; defaults and constraints of the table hold."""
    shop.foreign("create table t (id integer primary key, v varchar default 'd', w integer check (w < 100))")
    shop.foreign("insert into t values (1, 'a', 1)")
    new = {"append": "2, 2"}.get(mode, "1, 2")
    shop.write(values("id, w", new, "3, 3"), **keyed(mode, "id"))
    assert len(shop.rows("from t")) == (3 if mode == "append" else 2)
    assert "CHECK constraint failed" in shop.refuse("select 7 as id, 100 as w", code="SF712", **keyed(mode, "id"))


# --- types and contracts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MEETING)
def test_another_type_stops_the_step_under_both_policies(shop: Warehouse, mode: str) -> None:
    """A type that does not hold every value of the other stops, and both types are named."""
    shop.given("select 1 as id, 10 as v")
    for policy in ("alert", "permissive"):
        told = shop.refuse(values("id, v", "1, 'x'"), code="SF721", on_schema_change=policy, **keyed(mode, "id"))
        assert "column v is INTEGER there and VARCHAR in the batch" in told


@pytest.mark.parametrize("mode", MEETING)
def test_a_narrower_type_fits(shop: Warehouse, mode: str) -> None:
    """A batch whose every value the target can hold needs no policy and changes no type."""
    shop.given("select 1::bigint as id, 1.25::double as v, 1::decimal(12,2) as d, timestamp '2024-01-01' as at")
    batch = "select 1::smallint as id, 2.5::float as v, 3::tinyint as d, date '2024-05-05' as at"
    shop.write(batch, **keyed(mode, "id"))
    assert shop.columns("t") == {"id": "BIGINT", "v": "DOUBLE", "d": "DECIMAL(12,2)", "at": "TIMESTAMP"}
    assert (1, 2.5, 3, datetime(2024, 5, 5)) in shop.rows("from t")  # noqa: DTZ001 - a timestamp without a zone


WIDENINGS = {
    "whole": ("1::integer", "5000000000::bigint", "BIGINT"),
    "fraction": ("1.5::decimal(5,2)", "12345.678::decimal(9,3)", "DECIMAL(9,3)"),
    "floating": ("1::smallint", "1.5::double", "DOUBLE"),
    "day": ("'2024-01-01'::date", "'2024-01-01 10:00:00'::timestamp", "TIMESTAMP"),
    "exact": ("1::integer", "1.5::decimal(12,1)", "DECIMAL(12,1)"),
}


def test_a_wider_type_stops_under_alert_and_widens_under_permissive(shop: Warehouse) -> None:
    """A wider type changes the column where that is allowed; not null stays, old values stay, new ones fit."""
    was = "select 1 as id, " + ", ".join(f"{old} as {name}" for name, (old, _, _) in WIDENINGS.items())
    now = "select 2 as id, " + ", ".join(f"{new} as {name}" for name, (_, new, _) in WIDENINGS.items())
    shop.write(was, columns={name: f"{old.split('::')[1]} not null" for name, (old, _, _) in WIDENINGS.items()})
    told = shop.refuse(now, code="SF721", mode="append")
    assert "column fraction is DECIMAL(5,2) there and DECIMAL(9,3) in the batch" in told
    shop.write(now, mode="append", on_schema_change="permissive")
    types = {name: wider for name, (_, _, wider) in WIDENINGS.items()}
    assert shop.columns("t") == {"id": "INTEGER", **types}
    for id_, place in ((1, 0), (2, 1)):
        for name, given in WIDENINGS.items():
            assert shop.rows(f"select {name} = {given[place]} from t where id = {id_}") == [(True,)]
    told = shop.refuse(f"select * replace (null as whole) from ({now})", code="SF712", mode="append")
    assert "NOT NULL" in told


@pytest.mark.parametrize("mode", KEYED)
def test_a_column_is_widened_by_rows_that_meet(shop: Warehouse, mode: str) -> None:
    """A wider value may replace the one that is there."""
    shop.given("select 1 as id, 1 as v, 'x' as keep")
    shop.write("select 5000000000 as v, 1 as id", on_schema_change="permissive", **keyed(mode, "id"))
    assert shop.rows("from t") == [(1, 5000000000, "x" if mode == "merge" else None)]


@pytest.mark.parametrize("mode", [*MEETING, "append key"])
def test_an_all_null_column_is_no_evidence_of_another_type(shop: Warehouse, mode: str) -> None:
    """A bare NULL, which has no type, and a column of NULLs of another type meet any column."""
    types = ["date", "varchar", "integer[]", "struct(a integer)", "blob", "bigint"]
    shop.given("select 1 as id, " + ", ".join(f"null::{type_} as v{n}" for n, type_ in enumerate(types)))
    before = shop.columns("t")
    options = {"mode": "append", "key": ["id"]} if mode == "append key" else keyed(mode, "id")
    shop.write("select 1 as id, " + ", ".join(f"null as v{n}" for n in range(len(types))), **options)
    shop.write("select 2 as id, " + ", ".join(f"null::varchar as v{n}" for n in range(len(types))), **options)
    assert shop.columns("t") == before


def test_declared_columns_are_cast_and_may_be_fewer_than_there_are(shop: Warehouse) -> None:
    """`columns` gives the type of those it lists, whatever the case of their names; the others come as they are."""
    declared = {"ID": "bigint", "price": "decimal(12,2)"}
    step = shop.write("select '7' as id, 1.005 as price, 'x' as other", columns=declared)
    assert shop.columns("t") == {"id": "BIGINT", "price": "DECIMAL(12,2)", "other": "VARCHAR"}
    assert step.schema is not None
    assert [column.type for column in step.schema] == ["BIGINT", "DECIMAL(12,2)", "VARCHAR"]
    shop.write("select 'y' as other, '8' as id, 2 as price", mode="append", columns=declared)
    assert shop.rows("select id, other from t") == [(7, "x"), (8, "y")]


def test_declared_columns_reach_the_file_reader(shop: Warehouse) -> None:
    """A declared text column keeps what a guess would have made a number of."""
    (shop.folder / "a.csv").write_text("zip,n\n01234,1\n00001,2\n")
    source = {"connector": "csv", "path": "a.csv"}
    shop.run([{"id": "s", "type": "load", "source": source, "target": "t", "columns": {"zip": "varchar"}}])
    assert shop.rows("from t") == [("00001", 2), ("01234", 1)]


@pytest.mark.parametrize("mode", ["replace", *MEETING])
def test_a_declared_column_that_is_not_there_or_does_not_fit_is_an_error(shop: Warehouse, mode: str) -> None:
    """A listed column must come, and every value of it must have its type; else the target keeps its rows."""
    shop.write(values("id, v", "1, 10"))
    told = shop.refuse("select 2 as id, 5 as w", code="SF720", columns={"v": "int"}, **keyed(mode, "id"))
    assert "column 'v' is declared under columns but the source does not have it" in told
    told = shop.refuse("select 2 as id, 'ten' as v", code="SF710", columns={"v": "int"}, **keyed(mode, "id"))
    assert "ten" in told


@pytest.mark.parametrize(
    ("mode", "present"),
    [
        ("replace", True),
        ("replace", False),
        ("append", True),
        ("append", False),
        ("merge", True),
        ("delete_insert", False),
    ],
)
def test_not_null_is_enforced_and_set_on_a_table_that_is_made(shop: Warehouse, mode: str, present: bool) -> None:
    """`not null` under columns refuses a batch with NULL, and holds for whoever writes the table later."""
    declared = {"V": "int not null"}
    if present:
        shop.write("select 0 as id, 0 as v", columns=declared)
    told = shop.refuse(values("id, v", "1, 5", "2, null"), code="SF712", columns=declared, **keyed(mode, "id"))
    assert "not null" in told.lower()
    shop.write(values("id, v", "1, 5"), columns=declared, **keyed(mode, "id"))
    with pytest.raises(duckdb.ConstraintException):
        shop.foreign("insert into t select 3, null")


# --- views -------------------------------------------------------------------------------------------------------


def test_a_view_holds_the_values_of_its_parameters(shop: Warehouse) -> None:
    """Values enter a view as typed literals: it reads the same for everybody, and text cannot break out."""
    variables = {
        "name": "o'hara'; drop table base; --",
        "least": 2,
        "share": 0.5,
        "sure": True,
        "day": {"type": "date", "default": "2024-02-29"},
        "at": {"type": "timestamp", "default": "2024-02-29 10:11:12"},
    }
    base = values("id, name", "1, 'x'", "2, 'o''hara''; drop table base; --'", "3, 'o''hara''; drop table base; --'")
    sql = (
        "select id, typeof($day) as a, typeof($least + id) as b, $at as c, $share * 2 as d from base "
        "where name = $name and id > $least and $sure and $day > date '2024-02-28'"
    )
    steps = [transform("base", "base", base), transform("v", "v", sql, materialize="view")]
    record = shop.run(steps, variables)["v"]
    assert (record.status, counts(record)) == ("succeeded", (None, None, None, None)), record.error
    ((id_, a, b, c, d),) = shop.rows("from v")
    assert (id_, a, c, float(d)) == (3, "DATE", datetime(2024, 2, 29, 10, 11, 12), 1.0)  # noqa: DTZ001 - no zone
    assert b in ("BIGINT", "INTEGER")
    assert shop.rows("select count(*) from base") == [(3,)]


def test_a_view_follows_its_tables(shop: Warehouse) -> None:
    """A view is its query: rows that come later show, and a table replaced beneath it does too."""
    shop.run([transform("base", "raw.base", "select 1 as id"),
              transform("v", "v", "select * from raw.base", materialize="view")])  # fmt: skip
    shop.write("select 2 as id", "raw.base")
    assert shop.rows("from v") == [(2,)]


# --- readers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["replace", "merge", "delete_insert"])
def test_readers_see_the_old_rows_or_the_new(tmp_path: Path, mode: str) -> None:
    """A reader in another connection, while a table is written again and again, never sees half of anything."""
    rows, rounds = 3000, 12
    root = DuckDbEngine().open(DuckDbConfig(), Opening(StorageLocation(tmp_path / "w.duckdb", exists=False), tmp_path))
    root.prepare([])
    over, seen, broken = threading.Event(), set(), []

    def publish(generation: int) -> None:
        session = root.fork()
        sql = f"select i as id, {generation} as generation from range({rows}) r(i)"
        token = Token("run", f"s{generation}", 1)
        staged = session.stage(Select("duckdb", sql), Batch("t", token, mode))
        session.publish(Commit(token, TableWrite(staged, () if mode == "replace" else ("id",)), "t"))
        session.close()

    def read() -> None:
        session = root.fork()
        try:
            while not over.is_set():
                (found,) = session.fetch("select count(*), min(generation), max(generation), sum(id) from t")
                seen.add(found)
        except Exception as error:  # noqa: BLE001 - whatever a reader meets is a failure of this test
            broken.append(error)
        finally:
            session.close()

    publish(0)
    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for generation in range(1, rounds):
        publish(generation)
    over.set()
    for reader in readers:
        reader.join()
    root.close()
    assert broken == []
    assert seen <= {(rows, n, n, rows * (rows - 1) // 2) for n in range(rounds)}


# --- known faults ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MEETING)
def test_not_null_is_enforced_on_a_table_that_was_made_without(shop: Warehouse, mode: str) -> None:
    """`not null` under columns is enforced on the batch, whatever the target allows, and set on the table."""
    shop.given(values("id, v", "1, 10"))
    shop.refuse("select 2 as id, null::int as v", code="SF712", columns={"v": "int not null"}, **keyed(mode, "id"))


@pytest.mark.parametrize("mode", ["merge", "append"])
def test_a_struct_column_may_have_any_name(shop: Warehouse, mode: str) -> None:
    """A struct whose field is called like the key is a value like any other: keys match, rows are not doubled."""
    structs = ", ".join(f"{{'id': {n}, 'v': 6}} as {name}" for n, name in enumerate("abmst", 3))
    shop.given(f"select 1 as id, {structs}, 9 as v")
    step = shop.write(f"select 1 as id, {structs}, 10 as v", mode=mode, key=["id"])
    assert shop.rows("select id, v from t") == [(1, 10 if mode == "merge" else 9)]
    assert counts(step) == (1, 0, 1 if mode == "merge" else 0, 0)


@pytest.mark.parametrize("value", [2, 3])
def test_row_counts_are_right_where_the_target_has_duplicate_keys(shop: Warehouse, value: int) -> None:
    """What is counted is what changed: the rows that there are more, none of them negative."""
    shop.given(values("id, v", "1, 1", "1, 2"))
    step = shop.attempt(f"select 1 as id, {value} as v", mode="merge", key=["id"])
    if step.status == "succeeded":
        _, inserted, updated, deleted = counts(step)
        assert min(inserted, updated, deleted) >= 0
        assert len(shop.rows("from t")) == 2 + inserted - deleted


def test_rows_that_on_duplicate_drops_have_been_read(shop: Warehouse) -> None:
    """`read` is the size of the batch, whether or not the target was there."""
    step = shop.write(values("id, seen", "1, 1", "1, 2"), mode="merge", key=["id"], on_duplicate="last",
                      order_by=["seen"])  # fmt: skip
    assert counts(step)[:3] == (2, 1, 0)


@pytest.mark.parametrize("mode", MEETING)
def test_rows_that_met_a_foreign_table_do_not_make_it_ours(shop: Warehouse, mode: str) -> None:
    """Rows that SQLFlow did not write are not replaced without `adopt: true`, though it has added some since."""
    shop.foreign("create table t as select 1 as id")
    shop.write("select 2 as id", **keyed(mode, "id"))
    shop.refuse("select 3 as id", code="SF718")


def test_indexes_are_kept_when_a_column_is_widened(shop: Warehouse) -> None:
    """A wider type under permissive rebuilds the indexes of its column."""
    shop.write(values("id, v", "1, 10"), "raw.t")
    shop.foreign(*INDEXES)
    shop.write("select 2 as id, 5000000000 as v", "raw.t", mode="append", on_schema_change="permissive")
    assert (shop.columns("raw.t")["v"], shop.indexes()) == ("BIGINT", {"by id", "by_v"})


def test_indexes_are_kept_on_a_table_whose_name_holds_a_dot(shop: Warehouse) -> None:
    """A new column under permissive is added to any table that has an index."""
    shop.write("select 1 as id", 'raw."a.b"')
    shop.foreign('create index by_id on raw."a.b"(id)')
    shop.write("select 2 as id, 3 as v", 'raw."a.b"', mode="append", on_schema_change="permissive")
    assert shop.indexes() == {"by_id"}


def test_a_duplicate_under_a_unique_index_is_bad_data(shop: Warehouse) -> None:
    """Trying again cannot mend duplicates: the step fails at once, and says that a constraint does not hold."""
    shop.write(values("id, v", "1, 'a'"), "raw.t")
    shop.foreign(*INDEXES)
    batch = values("id, v", "5, 'x'", "5, 'y'")
    step = shop.attempt(batch, "raw.t", retry={"attempts": 3, "delay": "1ms"})
    assert (step.status, step.attempts) == ("failed", 1)
    assert step.error["code"] == "SF712"


def test_ids_that_differ_in_case_do_not_meet(shop: Warehouse) -> None:
    """Steps that run at the same time share nothing, whatever they are called."""
    sql, checks = "select i as id from range(200000) r(i)", [{"not_null": ["id"]}]
    steps = [transform(name, f"t{n}", sql, checks=checks) for n, name in enumerate(["a", "A", "aA", "Aa"])]
    assert {step.status for step in shop.run(steps).values()} == {"succeeded"}


def test_names_fold_as_the_engine_folds_them(shop: Warehouse) -> None:
    """`Ä` and `ä` are two tables, as they are in DuckDB."""
    shop.run([transform("x", '"Ä"', "select 1 as id"), transform("y", '"ä"', "select 2 as id")])
    assert (shop.rows('from "Ä"'), shop.rows('from "ä"')) == ([(1,)], [(2,)])


def test_columns_fold_as_the_engine_folds_them(shop: Warehouse) -> None:
    """`Ä` and `ä` are two columns: a batch with the other one brings a new column."""
    shop.given('select 1 as id, 2 as "Ä"')
    assert "new column ä" in shop.refuse('select 1 as id, 3 as "ä"', code="SF721", mode="merge", key=["id"])


def test_a_view_may_hold_a_list(shop: Warehouse) -> None:
    """A list parameter means the same in a view as in a table, and a green view can be read."""
    sql = "select i as id from range(5) r(i) where i in $ids"
    steps = [transform("t", "t", sql), transform("v", "v", sql, materialize="view")]
    shop.run(steps, {"ids": {"type": "list", "default": [1, 3]}})
    assert shop.rows("from t") == shop.rows("from v") == [(1,), (3,)]


def test_steps_are_ordered_by_tables_of_three_parts(shop: Warehouse) -> None:
    """Two spellings of one table are one table: its writers run in document order."""
    steps = [
        transform("second", "sqlflow_warehouse.raw.t", "select 2 as id", mode="append"),
        transform("read", "u", "select count(*) as n from raw.t"),
    ]
    shop.write("select 1 as id", "raw.t")
    with Pipeline.from_file(shop.folder / "shop.yaml").run() as result:
        assert result.status == "succeeded"
    (shop.folder / "shop.yaml").write_text(json.dumps({"version": 1, "name": "shop", "steps": steps}))
    assert Pipeline.from_file(shop.folder / "shop.yaml").plan().waits_for["read"] == {"second"}


@pytest.mark.parametrize("schema", ["temp", "memory", "system"])
def test_a_schema_that_cannot_be_is_refused_before_anything_runs(shop: Warehouse, schema: str) -> None:
    """A schema that the engine cannot have is a problem of the document, or it works."""
    try:
        step = shop.attempt("select 1 as id", f"{schema}.t")
    except DocumentError:
        return
    assert step.status == "succeeded"


def test_a_column_made_of_nothing_but_null_takes_values_later(shop: Warehouse) -> None:
    """A column that was all NULL is no evidence of a type: permissive lets the first values give it one."""
    shop.write("select 1 as id, null as v")
    shop.write("select 2 as id, 'x' as v", mode="append", on_schema_change="permissive")
    assert shop.rows("from t") == [(1, None), (2, "x")]


@pytest.mark.parametrize("carried", [False, True], ids=["brought", "carried"])
def test_a_column_called_rowid_is_no_place(shop: Warehouse, carried: bool) -> None:
    """Rows that agree in a column called `rowid`, or are NULL there, are different rows: none is lost or doubled."""
    shop.given(values("id, rowid, v", "1, 5, 10", "2, 5, 20", "3, null, 30"))
    batch = values("id, v", "1, 11", "3, 31") if carried else values("id, rowid, v", "1, 5, 11", "3, null, 31")
    step = shop.write(batch, mode="merge", key=["id"])
    assert shop.rows("select id, v from t") == [(1, 11), (2, 20), (3, 31)]
    assert counts(step) == (2, 0, 2, 0)


def test_constraints_are_kept_when_a_column_is_added(shop: Warehouse) -> None:
    """A new column under permissive takes nothing from the table: primary key, checks and defaults stay."""
    shop.foreign("create table t (id integer primary key, v integer default 7 check (v < 100))")
    shop.foreign("create index by_v on t(v)", "insert into t values (1, 1)")
    shop.write("select 2 as id, 3 as w", mode="append", on_schema_change="permissive")
    assert shop.rows("from t") == [(1, 1, None), (2, 7, 3)]
    for broken in ("insert into t values (1, 1, 1)", "insert into t values (3, 100, 1)"):
        with pytest.raises(duckdb.ConstraintException):
            shop.foreign(broken)


@pytest.mark.parametrize("policy", ["alert", "permissive"])
def test_an_empty_table_keeps_the_types_that_were_given_to_it(shop: Warehouse, policy: str) -> None:
    """A table that its owner made with types, and a declared column, are not retyped by the first rows that come."""
    shop.foreign("create table t (id integer, amount decimal(12,2))")
    shop.refuse("select 1 as id, 'ten' as amount", code="SF721", mode="append", on_schema_change=policy)
    shop.write("select 1 as id, null as day", "u", columns={"day": "date"})
    shop.refuse("select 1 as id, 'now' as day", "u", code="SF721", mode="append", on_schema_change=policy)


def test_the_warning_of_an_append_counts_rows_of_the_batch(shop: Warehouse) -> None:
    """Rows of the batch that were left out with other values are counted, however often the target has their key."""
    shop.given(values("id, v", "1, 'a'", "1, 'b'"))
    step = shop.write("select 1 as id, 'c' as v", mode="append", key=["id"])
    assert [warning.split()[0] for warning in step.warnings] == ["1"]


def test_what_a_sql_step_made_is_ours(shop: Warehouse) -> None:
    """A table that any step of SQLFlow has created may be replaced without `adopt: true`."""
    shop.run([{"id": "s", "type": "sql", "sql": "create table t as select 1 as id"}])
    shop.write("select 2 as id")
    assert shop.rows("from t") == [(2,)]


def test_computed_columns_of_a_target_follow(shop: Warehouse) -> None:
    """A column that the table computes is nobody's to bring: rows are updated and it follows."""
    shop.foreign("create table t (id integer, v integer, twice integer generated always as (v * 2))")
    shop.foreign("insert into t values (1, 1)")
    shop.write(values("id, v", "1, 2", "2, 3"), mode="merge", key=["id"])
    assert shop.rows("from t") == [(1, 2, 4), (2, 3, 6)]


def test_a_computed_column_is_kept_when_a_column_is_added(shop: Warehouse) -> None:
    """A table with an index and a computed column takes a new column, whatever it is called."""
    shop.foreign('create table "a (b" (id integer, v integer, "x y" integer generated always as (v * 2))')
    shop.foreign('create index by_v on "a (b"(v)', 'insert into "a (b" values (1, 1)')
    shop.write("select 2 as id, 3 as w", '"a (b"', mode="append", on_schema_change="permissive")
    shop.foreign('insert into "a (b" (id, v) values (3, 4)')
    assert shop.rows('from "a (b"') == [(1, 1, 2, None), (2, None, None, 3), (3, 4, 8, None)]
    assert shop.indexes() == {"by_v"}


@pytest.mark.parametrize("mode", MEETING)
def test_a_computed_column_is_nobodys_to_bring(shop: Warehouse, mode: str) -> None:
    """A batch with a column that the table computes is refused with the remedy."""
    shop.foreign("create table t (id integer, v integer, twice integer generated always as (v * 2))")
    told = shop.refuse(values("id, v, twice", "1, 2, 4"), code="SF721", **keyed(mode, "id"))
    assert "column twice is computed by the table itself" in told
    assert "leave the computed columns out of the batch" in told
