"""The matrix of schema changes: every row, both policies, every mode that adds to a table."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .ground import Ground, load, transform

MODES: dict[str, dict[str, Any]] = {
    "append": {"mode": "append"},
    "append with a key": {"mode": "append", "key": ["id"]},
    "merge": {"mode": "merge", "key": ["id"]},
    "delete_insert": {"mode": "delete_insert", "key": ["id"]},
    "scd2": {"mode": "scd2", "key": ["id"]},
    "merge by cursor": {"mode": "merge", "key": ["id"], "cursor": "id"},
}

WAS = "select 1 as id, 5::integer as v"
MATRIX = {  # change: columns before, now and declared now; whether alert and permissive let it through
    "new nullable column": ("select 2 as id, 6::integer as v, 'x' as w", {}, {}, False, True),
    "new non-nullable column": (
        "select 2 as id, 6::integer as v, 'x' as w",
        {},
        {"w": "varchar not null"},
        False,
        False,
    ),
    "removed column": ("select 2 as id", {}, {}, False, False),
    "wider type": ("select 2 as id, 6::bigint as v", {}, {}, False, True),
    "other type": ("select 2 as id, 'x' as v", {}, {}, False, False),
    "narrower type": ("select 2 as id, 6::tinyint as v", {}, {}, False, False),
    "nullable to non-nullable": (
        "select 2 as id, 6::integer as v",
        {"v": {"type": "integer", "nullable": True}},
        {"v": "integer not null"},
        False,
        False,
    ),
    "non-nullable to nullable": (
        "select 2 as id, 6::integer as v",
        {"v": "integer not null"},
        {"v": {"type": "integer", "nullable": True}},
        False,
        True,
    ),
    "nothing": ("select 6::integer as v, 2 as id", {}, {}, True, True),
    "the case of a name": ("select 2 as ID, 6::integer as V", {}, {}, True, True),
    "a column without a value": ("select 2 as id, null::varchar as v", {}, {}, True, True),
}


def each_mode(source: dict[str, Any], policy: str, columns: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a load of the source in every mode."""
    return [
        load(source, id=f"s{n}", target=f"t{n}", on_schema_change=policy, columns=columns, **mode)
        for n, mode in enumerate(MODES.values())
    ]


@pytest.mark.parametrize("policy", ["alert", "permissive"])
@pytest.mark.parametrize("change", MATRIX)
def test_a_change_of_the_source_is_accepted_or_stops(ground: Ground, change: str, policy: str) -> None:
    """Each row of the matrix, in every mode: what stops leaves rows, state and columns as they were."""
    now, before, after, *accepted = MATRIX[change]
    source = ground.parquet("a.parquet", WAS)
    ground.done(*each_mode(source, policy, before))
    was = ground.memories(), ground.tables(), [ground.columns(f"t{n}") for n in range(len(MODES))]
    ground.parquet("a.parquet", now)
    steps = each_mode(source, policy, after)
    if not accepted[policy == "permissive"]:
        for mode, step in zip(MODES, ground.run(*steps).values(), strict=True):
            assert (mode, step.status, (step.error or {}).get("code")) == (mode, "failed", "SF732")
        assert (ground.memories(), ground.tables(), [ground.columns(f"t{n}") for n in range(len(MODES))]) == was
        return
    ground.done(*steps)
    for n, mode in enumerate(MODES):
        assert (mode, ground.rows(f"select id from t{n}")) == (mode, [(1,), (2,)])
    ground.done(*steps)  # the new baseline holds


@pytest.mark.parametrize(
    ("columns", "now", "code"),
    [
        ({"v": "integer"}, "select 2 as id, 'x' as v", "SF710"),
        ({"v": "integer"}, "select 2 as id, 6::bigint as v", None),
        ({"v": "integer"}, "select 2 as id, 6000000000 as v", "SF710"),
        ({"v": "integer not null"}, "select 2 as id, null::integer as v", "SF712"),
        ({"v": "integer", "w": "varchar"}, "select 2 as id, 6 as v", "SF720"),
        ({"v": "integer"}, "select 2 as id", "SF720"),
    ],
)
@pytest.mark.parametrize("policy", ["alert", "permissive"])
def test_a_contract_holds_under_either_policy(
    ground: Ground, columns: dict[str, str], now: str, code: str | None, policy: str
) -> None:
    """A declared column is there and has its type, or the step stops; it is cast where every value fits."""
    source = ground.parquet("a.parquet", WAS)
    options = {"mode": "merge", "key": ["id"], "on_schema_change": policy}
    ground.done(load(source, columns={"v": "integer"}, **options))
    ground.parquet("a.parquet", now)
    step = load(source, columns=columns, **options)
    if code is None:
        ground.done(step)
        assert ground.columns("t")["v"] == "INTEGER"
        return
    ground.refused(code, step)


@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.parametrize(
    ("values", "alert", "permissive"),
    [
        ([7], True, True),
        ([None], True, True),
        ([], True, True),
        (["x"], False, False),
        (["5000000000"], True, True),
    ],
)
def test_only_a_value_that_does_not_fit_is_a_change_of_a_guessed_type(
    ground: Ground, form: str, values: list[Any], *, alert: bool, permissive: bool
) -> None:
    """Text files are read as the baseline's types: empty files and empty columns are no evidence of another."""
    for policy, accepted in (("alert", alert), ("permissive", permissive)):
        step = {"id": policy, "target": policy, "mode": "append", "on_schema_change": policy}
        write = ground.csv if form == "csv" else ground.json
        source = write(f"{policy}.{form}", "id,v", (1, 5))
        ground.done(load(source, **step))
        write(f"{policy}.{form}", "id,v", *((n, value) for n, value in enumerate(values, start=2)))
        if accepted:
            ground.done(load(source, **step))
            assert ground.columns(policy)["v"] == "BIGINT"
        else:
            ground.refused("SF732", load(source, **step))


@pytest.mark.parametrize(
    ("form", "first", "then"),
    [
        ("csv", 5, 1.5),
        ("json", 5, 1.5),
        ("csv", 5, "1e-3"),
        ("csv", "2024-01-01", "2024-01-02 10:00:00"),
        ("json", "2024-01-01", "2024-01-02 10:00:00"),
    ],
)
def test_no_value_is_rounded_to_fit_the_baseline(ground: Ground, form: str, first: Any, then: Any) -> None:
    """A number with a fraction is no whole number, and a time no date: neither is cut to the type of earlier rows."""
    write = ground.csv if form == "csv" else ground.json
    source = write(f"a.{form}", "id,v", (1, first))
    ground.done(load(source, mode="append"))
    write(f"a.{form}", "id,v", (2, then))
    assert ground.run(load(source, mode="append"))["s"].status == "failed", ground.rows("from t")


EDITS = {  # what the query is now, and whether the rows that are there can follow it
    "a new column": ("select id, u, v, 1 as w from src", True),
    "a dropped column": ("select id, u from src", True),
    "a wider type": ("select id, u, v::bigint as v from src", True),
    "another type": ("select id, u, v::varchar as v from src", False),
    "a narrower type": ("select id, u, v::tinyint as v from src", False),
    "the same columns": ("select id, u, v + 1 as v from src", True),
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("policy", ["alert", "permissive"])
def test_an_edited_query_is_a_wish_for_change(ground: Ground, edit: str, policy: str) -> None:
    """Columns come, stay with NULL or widen when the query was edited; anything else asks for a full refresh."""
    now, follows = EDITS[edit]
    ground.other("create table src as select 1 as id, 1 as u, 5::integer as v")
    options = {"mode": "merge", "key": ["id"], "cursor": "u", "on_schema_change": policy}
    ground.done(transform("select id, u, v from src", **options))
    ground.other("insert into src values (2, 2, 6)")
    if not follows:
        assert "--full-refresh" in ground.refused("SF732", transform(now, **options))
        ground.done(transform(now, **options), full_refresh=True)
    else:
        ground.done(transform(now, **options))
    assert ground.rows("select id from t") == [(1,), (2,)]
    if edit == "a dropped column":
        # the row at the watermark was read again without the column, and what is not brought is left alone
        assert ground.rows("select id, v from t") == [(1, 5), (2, None)]


def test_a_removed_column_of_a_source_says_how_to_take_it_over(ground: Ground) -> None:
    """The message shows what was and what is, in a table, and names the command that accepts it."""
    source = ground.parquet("a.parquet", WAS)
    ground.done(load(source, mode="append"))
    ground.parquet("a.parquet", "select 2 as id")
    said = ground.refused("SF732", load(source, mode="append"))
    for word in ("removed column", "INTEGER", "sqlflow schema accept"):
        assert word in said


def test_new_keys_of_a_nested_value_are_a_change(ground: Ground) -> None:
    """A key that was renamed or added inside of an object is told like a column, and not left out; a missing one is."""
    step = {"mode": "append", "on_schema_change": "permissive"}
    source = ground.json("a.json", "id, u", (1, {"a": 1, "b": [{"x": 1}]}))
    ground.done(load(source, **step))
    ground.json("a.json", "id, u", (2, {"a": 2}))
    ground.done(load(source, **step))
    for changed in ({"a": 3, "c": 3}, {"a": 3, "b": [{"x": 3, "y": 3}]}):
        ground.json("a.json", "id, u", (3, changed))
        assert "STRUCT(a BIGINT, " in ground.refused("SF732", load(source, **step))
    assert ground.rows("select id, u.a from t") == [(1, 1), (2, 2)]


@pytest.mark.parametrize(
    ("late", "key"),
    [
        ({"id": 2, "u": {"a": 1}, "new": 5}, "new"),
        ({"id": 2, "u": {"a": 1, "z": 5}}, "z"),
        ({"id": 2, "u": {"a": 1, "l": [{"x": 1}, {"w": 2}]}}, "w"),
    ],
)
def test_keys_behind_the_objects_that_were_looked_at_are_not_lost(
    ground: Ground, late: dict[str, Any], key: str
) -> None:
    """They stop the load, which says how all objects are looked at; then they are columns."""
    first = {"id": 1, "u": {"a": 1, "l": [{"x": 1}]}}
    lines = [json.dumps(first)] * 50
    (ground.folder / "a.jsonl").write_text("\n".join([*lines, json.dumps(late)]), encoding="utf-8")
    source = {"connector": "json", "path": "a.jsonl", "sample_rows": 50}
    told = ground.refused("SF511", load(source))
    assert f"a.jsonl has the key {key!r}" in told
    assert "sample_rows: -1" in told
    ground.done(load({**source, "sample_rows": -1}))
    assert key in str(ground.columns("t"))


@pytest.mark.parametrize(
    ("entry", "columns"),
    [
        ({"id": 1, "": {"a": 1}}, {"json": "JSON"}),  # DuckDB takes no object with an empty key apart
        ({"id": 1, 'q"': {"b": 2}}, {"id": "BIGINT", 'q"': "STRUCT(b BIGINT)"}),
        ({"u": {'x"y': {"z": 3}}}, {"u": 'STRUCT("x""y" STRUCT(z BIGINT))'}),
    ],
)
def test_keys_that_no_path_leads_to_are_read(ground: Ground, entry: dict[str, Any], columns: dict[str, str]) -> None:
    """An empty key, and one with a quote in it, keep nobody from looking at the others."""
    (ground.folder / "a.jsonl").write_text(json.dumps(entry), encoding="utf-8")
    ground.done(load({"connector": "json", "path": "a.jsonl"}))
    assert ground.columns("t") == columns
