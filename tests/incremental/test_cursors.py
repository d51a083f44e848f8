"""Corners of the cursor: lags, bounds, NULLs, ties, ranges, and what happens to a watermark when things go wrong."""

from __future__ import annotations

from typing import Any

import pytest

from sqlflow import DocumentError

from .ground import Ground, load, transform, values

MERGE = {"mode": "merge", "key": ["id"]}


def cursor(**options: Any) -> dict[str, Any]:
    """Return a merge by a cursor `u`."""
    return {**MERGE, "cursor": {"column": "u", **options}}


def after(ground: Ground, sql_type: str, mark: str, lag: Any, *rows: str) -> list[Any]:
    """Let a first run take one row at `mark`; return the ids that a second run reads with a lag, of rows at `rows`."""
    source = ground.parquet("a.parquet", values("id, u", f"0, cast('{mark}' as {sql_type})"))
    ground.done(load(source, **cursor(lag=lag) if lag else cursor()))
    shown = [f"{n}, cast('{at}' as {sql_type})" for n, at in enumerate(rows, start=1)]
    ground.parquet("a.parquet", values("id, u", *shown))
    ground.done(load(source, **cursor(lag=lag) if lag else cursor()))
    return [row[0] for row in ground.rows("select id from t where id > 0")]


@pytest.mark.parametrize(
    ("sql_type", "mark", "lag", "inside", "outside"),
    [
        ("timestamp", "2024-01-02 00:00:00", "1h", "2024-01-01 23:00:00", "2024-01-01 22:59:59.999999"),
        ("timestamp", "2024-01-02 00:00:00", None, "2024-01-02 00:00:00", "2024-01-01 23:59:59.999999"),
        ("timestamptz", "2024-01-02 00:00:00+02", "30m", "2024-01-01 21:30:00+00", "2024-01-01 21:29:59+00"),
        ("timestamp_ns", "2024-01-02 00:00:00.000000123", None, "2024-01-02 00:00:00.000000123",
         "2024-01-02 00:00:00.000000122"),
        ("timestamp_ns", "2024-01-02 00:00:00.000000123", "1s", "2024-01-01 23:59:59.000000123",
         "2024-01-01 23:59:58.999999999"),
        ("timestamp_s", "2024-01-02 00:00:00", "10s", "2024-01-01 23:59:50", "2024-01-01 23:59:49"),
        ("timestamp_ms", "2024-01-02 00:00:00.500", "500ms", "2024-01-02 00:00:00", "2024-01-01 23:59:59.999"),
        ("date", "2024-03-01", "1d", "2024-02-29", "2024-02-28"),
        ("date", "2024-03-01", "48h", "2024-02-28", "2024-02-27"),
        ("integer", "10", 3, "7", "6"),
        ("integer", "10", 0.5, "10", "9"),
        ("bigint", "9223372036854775807", 1, "9223372036854775806", "9223372036854775805"),
        ("utinyint", "5", 10, "0", None),
        ("tinyint", "-100", 1000, "-128", None),
        ("ubigint", "5", 10, "0", None),
        ("ubigint", "18446744073709551615", 1, "18446744073709551614", "18446744073709551613"),
        ("uinteger", "5", 10, "0", None),
        ("bigint", "-9223372036854775807", 1000, "-9223372036854775808", None),
        ("decimal(4,2)", "1.00", 1000, "-99.99", None),
        ("decimal(18,6)", "1.000001", 0.000001, "1.000000", "0.999999"),
        ("decimal(38,10)", "1234567890123456789012345678.0000000001", None,
         "1234567890123456789012345678.0000000001", "1234567890123456789012345678.0000000000"),
        ("double", "0.3", None, "0.3", "0.2999999999999999"),
        ("double", "1.5", 0.5, "1.0", "0.9999999999999999"),
        ("varchar", "b", None, "b", "a"),
    ],
)  # fmt: skip
def test_the_next_read_starts_at_the_watermark_less_the_lag(
    ground: Ground, sql_type: str, mark: str, lag: Any, inside: str, outside: str | None
) -> None:
    """A row at the bound itself is read, the next lower value of the type is not; no type overflows at its edge."""
    assert after(ground, sql_type, mark, lag, inside, *([outside] if outside else [])) == [1]


@pytest.mark.parametrize(
    ("sql_type", "mark", "lag", "hint"),
    [
        ("timestamp", "2024-01-01", 3, "a duration such as 1h"),
        ("date", "2024-01-01", 3, "whole days such as 3d"),
        ("date", "2024-01-01", "90m", "whole days such as 3d"),
        ("integer", "1", "1h", "a number"),
        ("varchar", "a", "1h", "0"),
    ],
)
def test_a_lag_that_does_not_suit_the_type_is_refused(
    ground: Ground, sql_type: str, mark: str, lag: Any, hint: str
) -> None:
    """A lag in the wrong unit fails the step, names the type, and says what to write."""
    source = ground.parquet("a.parquet", values("id, u", f"1, cast('{mark}' as {sql_type})"))
    ground.run(load(source, **cursor(lag=lag)))
    said = ground.refused("SF731", load(source, **cursor(lag=lag)))
    assert sql_type.upper() in said
    assert f"write {hint}" in said


def test_initial_is_inclusive_and_counts_only_in_the_first_run(ground: Ground) -> None:
    """The first run reads from `initial` on, that value included; later ones from the watermark, if that is lower."""
    source = ground.csv("a.csv", "id,u", (1, "2024-01-01"), (2, "2024-01-02"), (3, "2024-01-03"))
    ground.done(load(source, **cursor(initial="2024-01-02", lag="5d")))
    assert ground.rows("select id from t") == [(2,), (3,)]
    ground.done(load(source, **cursor(initial="2024-01-02", lag="5d")))
    assert ground.rows("select id from t") == [(1,), (2,), (3,)]


@pytest.mark.parametrize(
    ("columns", "rows", "initial", "kept"),
    [
        ("id,u", [(1, 1), (2, 2), (3, 30)], 2, [2, 3]),
        ("id,u", [(1, "1.5"), (2, "2.5")], 1.75, [2]),
        ("id,u", [(1, "2024-01-01 10:00:00"), (2, "2024-01-01 12:00:00")], "2024-01-01 11:00:00", [2]),
        ("id,u", [(1, "2024-01-01 10:00:00"), (2, "2024-01-01 12:00:00")], "2024-01-01T11:00:00", [2]),
        ("id,u", [(1, "2024-01-01T10:00:00Z"), (2, "2024-01-01T12:00:00Z")], "2024-01-01T13:00:00+02:00", [2]),
        ("id,u", [(1, "2024-01-01"), (2, "2024-01-02")], "2024-01-02", [2]),
        ("id,u", [(1, "a10"), (2, "a9")], "a2", [2]),
    ],
)
def test_initial_is_compared_as_the_type_of_the_column(
    ground: Ground, columns: str, rows: list[Any], initial: Any, kept: list[int]
) -> None:
    """Numbers compare as numbers, times as times, text as text."""
    ground.done(load(ground.csv("a.csv", columns, *rows), **cursor(initial=initial)))
    assert [row[0] for row in ground.rows("select id from t")] == kept


def test_on_null_error_fails_and_leaves_everything(ground: Ground) -> None:
    """A row without a cursor fails the step unless something else is said; the target and the watermark stay."""
    source = ground.csv("a.csv", "id,u", (1, 1))
    ground.done(load(source, **cursor()))
    ground.csv("a.csv", "id,u", (1, 1), (2, 2), (3, None))
    said = ground.refused("SF706", load(source, **cursor()))
    assert "'u' is NULL in 1 rows" in said
    ground.csv("a.csv", "id,u", (1, 1), (2, 2), (3, 3))
    ground.done(load(source, **cursor()))
    assert ground.rows("select id from t") == [(1,), (2,), (3,)]


def test_on_null_include_reads_them_every_time_and_exclude_never(ground: Ground) -> None:
    """Included rows without a cursor are merged in every run; excluded ones are never seen."""
    for on_null, kept in (("include", [(1, "a"), (2, "B")]), ("exclude", [(1, "a")])):
        step = {"id": on_null, "target": on_null}
        source = ground.csv("a.csv", "id,u,v", (1, 5, "a"), (2, None, "b"))
        ground.done(load(source, **cursor(on_null=on_null), **step))
        ground.csv("a.csv", "id,u,v", (1, 5, "a"), (2, None, "B"))
        ground.done(load(source, **cursor(on_null=on_null), **step))
        assert ground.rows(f"select id, v from {on_null}") == kept
        assert ground.watermark(on_null) == "5"


def test_rows_without_any_cursor_leave_no_watermark(ground: Ground) -> None:
    """When no row has a cursor there is nothing to remember, and the next run reads everything."""
    source = ground.csv("a.csv", "id,u,v", (1, None, "a"))
    ground.done(load(source, **cursor(on_null="include")))
    assert ground.watermark() is None
    ground.csv("a.csv", "id,u,v", (1, 7, "b"), (2, 3, "c"))
    ground.done(load(source, **cursor(on_null="include")))
    assert (ground.rows("select id, u::int, v from t"), ground.watermark()) == ([(1, 7, "b"), (2, 3, "c")], "7")


def test_ties_at_the_watermark_are_neither_lost_nor_doubled_with_a_key(ground: Ground) -> None:
    """A row that arrives late with the watermark's own value is taken; those that are there stay once."""
    for mode in ("merge", "append", "scd2"):
        step = {"id": mode, "target": mode, "mode": mode, "key": ["id"], "cursor": "u"}
        source = ground.csv("a.csv", "id,u", (1, 5))
        ground.done(load(source, **step))
        ground.csv("a.csv", "id,u", (1, 5), (2, 5), (3, 4))
        ground.done(load(source, **step))
        assert ground.rows(f"select id from {mode}") == [(1,), (2,)], mode


def test_delete_insert_takes_whole_groups_of_the_cursor(ground: Ground) -> None:
    """With the cursor in the key, the group at the watermark is read again as a whole and replaced."""
    step = {"mode": "delete_insert", "key": ["u"], "cursor": "u"}
    source = ground.csv("a.csv", "u,n", ("2024-01-01", 1), ("2024-01-02", 2))
    ground.done(load(source, **step))
    ground.csv("a.csv", "u,n", ("2024-01-01", 9), ("2024-01-02", 2), ("2024-01-02", 3), ("2024-01-03", 4))
    ground.done(load(source, **step))
    assert ground.rows("select n from t") == [(1,), (2,), (3,), (4,)]


@pytest.mark.parametrize("mode", ["append", "merge", "delete_insert", "scd2"])
def test_an_empty_delta_leaves_watermark_and_rows_alone(ground: Ground, mode: str) -> None:
    """When nothing is new, rows stay where they are, and the state gains no line."""
    key = {"append": [], "merge": ["id"], "delete_insert": ["u"], "scd2": ["id"]}[mode]
    step = {"mode": mode, "cursor": "u"} | ({"key": key} if key else {})
    source = ground.csv("a.csv", "id,u", (1, 5), (2, 6))
    ground.done(load(source, **step))
    before = ground.rows("select rowid, * from t"), ground.rows("select columns(*)::varchar from _sqlflow.state")
    ground.csv("a.csv", "id,u", (3, 1))
    record = ground.done(load(source, **step))
    assert (record.rows.read, record.rows.inserted) == (0, 0)
    ground.csv("a.csv", "id,u")
    ground.done(load(source, **step))
    assert (
        ground.rows("select rowid, * from t"),
        ground.rows("select columns(*)::varchar from _sqlflow.state"),
    ) == before


def test_a_range_is_half_open_and_does_not_move_the_watermark(ground: Ground) -> None:
    """`--from` is part of the range, `--to` is not, and what was remembered stays."""
    source = ground.csv("a.csv", "id,u,v", *((n, n, "old") for n in range(1, 6)))
    ground.done(load(source, **cursor()))
    before = ground.memories()
    ground.csv("a.csv", "id,u,v", *((n, n, "new") for n in range(1, 9)))
    ground.done(load(source, **cursor()), since="2", until="4")
    assert ground.rows("select id from t where v = 'new'") == [(2,), (3,)]
    ground.done(load(source, **cursor()), since="7")
    assert ground.rows("select id from t where v = 'new'") == [(2,), (3,), (7,), (8,)]
    assert ground.memories() == before
    ground.done(load(source, **cursor()), until="2")
    assert ground.rows("select id from t where v = 'new'") == [(1,), (2,), (3,), (7,), (8,)]
    ground.done(load(source, **cursor()))
    assert (ground.rows("select count(*) from t"), ground.watermark()) == ([(8,)], "8")


def test_a_range_in_the_first_run_leaves_no_watermark(ground: Ground) -> None:
    """A target made of a range alone is not taken for complete: the next run reads everything."""
    source = ground.csv("a.csv", "id,u", *((n, n) for n in range(1, 6)))
    ground.done(load(source, **cursor()), since="2", until="4")
    assert (ground.rows("select id from t"), ground.watermark()) == ([(2,), (3,)], None)
    ground.done(load(source, **cursor()))
    assert ground.rows("select count(*) from t") == [(5,)]


def test_a_range_is_refused_where_it_would_double_or_do_nothing(ground: Ground) -> None:
    """An append without a key cannot run a range again; a document without a cursor has none."""
    source = ground.csv("a.csv", "id,u", (1, 1))
    for step, since in ((load(source, mode="append", cursor="u"), "1"), (load(source, **MERGE), "1")):
        with pytest.raises(DocumentError) as raised:
            ground.run(step, since=since)
        assert {problem.code for problem in raised.value.problems} == {"SF413"}


@pytest.mark.parametrize(
    ("since", "until"), [("2025-02-01", "2025-01-01"), ("10", "9"), ("2025-01-01T00:00:00", "2025-01-01")]
)
def test_a_range_that_ends_before_it_begins_is_refused(ground: Ground, since: str, until: str) -> None:
    """Nothing lies in it, which nobody means."""
    source = ground.csv("a.csv", "id,u", (1, 1))
    with pytest.raises(DocumentError, match="is not before --to"):
        ground.run(load(source, **cursor()), since=since, until=until)


def test_a_range_that_is_no_value_of_the_cursor_fails_with_its_name(ground: Ground) -> None:
    """What cannot be compared with the cursor is an error, not an empty delta."""
    source = ground.csv("a.csv", "id,u", (1, "2024-01-01"))
    ground.done(load(source, **cursor()))
    record = ground.run(load(source, **cursor()), since="soon")["s"]
    assert record.status == "failed"
    assert "soon" in record.error["message"]


def test_full_refresh_makes_the_target_anew(ground: Ground) -> None:
    """Rows that the source no longer has are gone, and the watermark is that of what was read."""
    source = ground.csv("a.csv", "id,u", (1, 10), (2, 20))
    ground.done(load(source, **cursor()))
    ground.csv("a.csv", "id,u", (1, 10), (3, 5))
    ground.done(load(source, **cursor()), full_refresh=True)
    assert (ground.rows("select id from t"), ground.watermark()) == ([(1,), (3,)], "10")
    ground.csv("a.csv", "id,u")
    ground.done(load(source, **cursor()), full_refresh=True)
    assert (ground.rows("from t"), ground.watermark()) == ([], None)


def test_a_full_refresh_says_that_it_ends_a_history(ground: Ground) -> None:
    """Versions that no source has any more are gone after it, which is told; there may be none."""
    source = ground.csv("a.csv", "id,u", (1, 10))
    step = load(source, mode="scd2", key=["id"])
    ground.done(step)
    assert ground.done(step, full_refresh=True).warnings == []
    ground.csv("a.csv", "id,u", (1, 20))
    ground.done(step)
    (told,) = ground.done(step, full_refresh=True).warnings
    assert "1 earlier version" in told
    assert ground.rows("select u, is_current from t") == [(20, True)]


def test_a_full_refresh_that_fails_leaves_rows_and_watermark(ground: Ground) -> None:
    """The old table is there until the new one is committed."""
    source = ground.csv("a.csv", "id,u,v", (1, 10, 1))
    step = load(source, **cursor(), checks=[{"expression": "v > 0", "scope": "target"}])
    ground.done(step)
    ground.csv("a.csv", "id,u,v", (2, 20, -1))
    ground.refused("SF701", step, full_refresh=True)


@pytest.mark.parametrize("mode", ["append", "merge", "scd2"])
def test_a_target_that_was_dropped_is_made_of_everything(ground: Ground, mode: str) -> None:
    """What was remembered of a table does not count when the table is gone."""
    step = {"mode": mode, "cursor": "u"} | ({} if mode == "append" else {"key": ["id"]})
    source = ground.csv("a.csv", "id,u", (1, 1), (2, 2))
    ground.done(load(source, **step))
    ground.other("drop table t")
    ground.csv("a.csv", "id,u", (1, 1), (2, 2), (3, 3))
    ground.done(load(source, **step))
    assert (ground.rows("select id from t"), ground.watermark()) == ([(1,), (2,), (3,)], "3")


def test_a_target_dropped_before_a_range_is_not_taken_for_complete(ground: Ground) -> None:
    """The range makes the target; the watermark of the lost one is forgotten with it."""
    source = ground.csv("a.csv", "id,u", (1, 1), (2, 2), (3, 3))
    ground.done(load(source, **cursor()))
    ground.other("drop table t")
    ground.done(load(source, **cursor()), since="2", until="3")
    assert (ground.rows("select id from t"), ground.watermark()) == ([(2,)], None)
    ground.done(load(source, **cursor()))
    assert ground.rows("select id from t") == [(1,), (2,), (3,)]


def test_an_incremental_step_does_not_share_its_table_with_one_that_replaces_it(ground: Ground) -> None:
    """What is replaced each time cannot be added to: told while planning."""
    source = ground.csv("a.csv", "id,u", (1, 1), (2, 2))
    with pytest.raises(DocumentError) as raised:
        ground.run(transform("select 0::bigint as id, 0::bigint as u", id="base"), load(source, **cursor()))
    assert {problem.code for problem in raised.value.problems} == {"SF410"}


def test_a_target_made_anew_by_statements_is_filled_anew(ground: Ground) -> None:
    """A script that creates the table again takes the rows of the load with it, so those are read again."""
    source = ground.csv("a.csv", "id,u", (1, 1), (2, 2))
    script = {"id": "base", "type": "sql", "sql": "create or replace table t as select 0::bigint as id, 0::bigint as u"}
    for _ in range(3):
        ground.done(script, load(source, **cursor(), depends_on=["base"]))
        assert ground.rows("select id from t") == [(0,), (1,), (2,)]


def test_a_cursor_that_is_gone_is_told(ground: Ground) -> None:
    """A batch without the cursor fails, whether the column left or never was."""
    source = ground.csv("a.csv", "id,u", (1, 1))
    assert "it has: id, u" in ground.refused("SF731", load(source, **{**MERGE, "cursor": "w"}))
    ground.done(load(source, **cursor()))
    ground.csv("a.csv", "id,w", (2, 2))
    ground.refused("SF731", load(source, **cursor()))


def test_a_cursor_of_another_name_does_not_use_the_old_watermark(ground: Ground) -> None:
    """A watermark belongs to its column; with another one the step stops until told what to do."""
    source = ground.csv("a.csv", "id,u,w", (1, 5, 1))
    ground.done(load(source, **cursor()))
    other = load(source, **{**MERGE, "cursor": "w"})
    assert "--full-refresh" in ground.refused("SF731", other)
    ground.done(other, full_refresh=True)
    assert ground.watermark() == "1"


@pytest.mark.parametrize(
    ("was", "now", "fits"),
    [
        ("1::integer", "2::bigint", True),
        ("1::integer", "2.5::decimal(10,2)", True),
        ("date '2024-01-01'", "timestamp '2024-01-02 10:00:00'", True),
        ("timestamp '2024-01-01'", "timestamptz '2024-01-02 10:00:00+00'", True),
        ("timestamp '2024-01-01'", "timestamp_ns '2024-01-02 10:00:00.000000001'", True),
        ("1::integer", "'2'", False),
        ("timestamp '2024-01-01'", "'2024-01-02'", False),
        ("'a'", "2", False),
    ],
)
def test_a_cursor_of_another_type_goes_on_or_stops(ground: Ground, was: str, now: str, *, fits: bool) -> None:
    """Numbers follow numbers and times times; anything else stops the step and leaves the watermark."""
    step = cursor() | {"on_schema_change": "permissive", "mode": "merge"}
    source = ground.parquet("a.parquet", f"select 1 as id, {was} as u")
    ground.done(load(source, **step))
    ground.parquet("a.parquet", f"select 2 as id, {now} as u")
    if not fits:
        ground.refused("SF731", load(source, **step))
        return
    record = ground.run(load(source, **step))["s"]
    # a widened column is taken over, one that is only comparable is the target's business
    assert record.status == "succeeded" or record.error["code"] in ("SF721", "SF732"), record.error


def test_a_cursor_that_widens_widens_the_times_of_a_history(ground: Ground) -> None:
    """When the cursor of a history becomes finer, `valid_from` and `valid_to` do: no time is cut off."""
    step = {"mode": "scd2", "key": ["id"], "cursor": "u", "on_schema_change": "permissive"}
    source = ground.parquet("a.parquet", "select 1 as id, date '2024-01-01' as u, 'a' as v")
    ground.done(load(source, **step))
    ground.parquet("a.parquet", "select 1 as id, timestamp '2024-01-02 10:30:00' as u, 'b' as v")
    ground.done(load(source, **step))
    shown = "select v, valid_from::varchar, valid_to::varchar from t order by valid_from"
    assert ground.rows(shown) == [
        ("a", "2024-01-01 00:00:00", "2024-01-02 10:30:00"),
        ("b", "2024-01-02 10:30:00", None),
    ]


def test_a_failed_step_never_moves_its_watermark(ground: Ground) -> None:
    """Whether it fails while reading, on the batch or before the commit: rows and watermark stay together."""
    source = ground.csv("a.csv", "id,u,v", (1, 1, 1))
    step = load(source, **cursor(), columns={"v": "integer"})
    ground.done(step)
    ground.csv("a.csv", "id,u,v", (1, 1, 1), (2, 2, -1))
    for scope in ("batch", "target"):
        ground.refused("SF701", {**step, "checks": [{"expression": "v > 0", "scope": scope}]})
    ground.csv("a.csv", "id,u,v", (1, 1, 1), (2, 2, "x"))
    assert ground.run(step)["s"].status == "failed"
    assert (ground.rows("select id from t"), ground.watermark()) == ([(1,)], "1")
    ground.csv("a.csv", "id,u,v", (1, 1, 1), (2, 2, 2), (2, 2, 2))
    ground.refused("SF705", step)
    ground.csv("a.csv", "id,u,v", (1, 1, 1), (2, 2, 2))
    ground.done(step)
    assert (ground.rows("select id from t"), ground.watermark()) == ([(1,), (2,)], "2")


def shared(*sources: dict[str, Any]) -> list[dict[str, Any]]:
    """Return loads of several sources into one table, each with a watermark of its own."""
    return [load(source, **{**cursor(), "id": f"s{n}"}) for n, source in enumerate(sources, start=1)]


def test_steps_that_share_a_table_have_watermarks_of_their_own(ground: Ground) -> None:
    """One step's progress says nothing of another's."""
    a, b = ground.csv("a.csv", "id,u", (1, 100)), ground.csv("b.csv", "id,u", (2, 1))
    ground.done(*shared(a, b))
    ground.csv("b.csv", "id,u", (2, 1), (3, 2))
    ground.done(*shared(a, b))
    assert ground.rows("select id from t") == [(1,), (2,), (3,)]
    assert (ground.watermark("s1"), ground.watermark("s2")) == ("100", "2")


def test_a_full_refresh_of_a_shared_table_runs_all_its_writers(ground: Ground) -> None:
    """The first writer makes the table anew, the others read everything again; with one left out it is refused."""
    a, b = ground.csv("a.csv", "id,u", (1, 100)), ground.csv("b.csv", "id,u", (2, 1))
    ground.done(*shared(a, b))
    ground.csv("a.csv", "id,u", (4, 50))
    ground.done(*shared(a, b), full_refresh=True)
    assert ground.rows("select id from t") == [(2,), (4,)]
    with pytest.raises(DocumentError):
        ground.run(*shared(a, b), full_refresh=True, select=["s1"])


def test_a_full_refresh_of_a_shared_table_that_fails_half_way_is_mended_by_the_next_run(ground: Ground) -> None:
    """When the first writer has made the table anew and the second fails, a plain run brings the second's rows."""
    a, b = ground.csv("a.csv", "id,u", (1, 100)), ground.csv("b.csv", "id,u", (2, 1), (3, 7))
    first, second = shared(a, b)
    ground.done(first, second)
    ground.run(first, {**second, "checks": [{"expression": "id > 100"}]}, full_refresh=True)
    assert ground.rows("select id from t") == [(1,)]
    ground.done(first, second)
    assert ground.rows("select id from t") == [(1,), (2,), (3,)]


def test_a_shared_table_that_was_dropped_is_filled_by_all(ground: Ground) -> None:
    """Every step that wrote the lost table reads everything again, also when the first run after it is partial."""
    a, b = ground.csv("a.csv", "id,u", (1, 100)), ground.csv("b.csv", "id,u", (2, 1), (3, 7))
    steps = shared(a, b)
    ground.done(*steps)
    ground.other("drop table t")
    ground.run(*steps, select=["s1"])
    ground.done(*steps)
    assert ground.rows("select id from t") == [(1,), (2,), (3,)]


def test_each_value_of_for_each_has_a_watermark(ground: Ground) -> None:
    """An expanded step remembers by its own id, so a new value reads everything."""
    ground.csv("eu.csv", "id,u", (1, 100))
    ground.csv("us.csv", "id,u", (2, 1))
    source = {"connector": "csv", "path": "${region}.csv"}
    step = load(source, **cursor(), for_each={"region": ["eu"]})
    ground.done(step)
    step["for_each"] = {"region": ["eu", "us"]}
    ground.done(step)
    assert ground.rows("select id from t") == [(1,), (2,)]
    assert (ground.watermark("s@eu"), ground.watermark("s@us")) == ("100", "1")


def test_a_transform_sees_only_what_is_new(ground: Ground) -> None:
    """SQLFlow wraps the query; `$watermark` filters deeper, is `initial` first and then the watermark less the lag."""
    plain = transform("select id, u, 1 as one from src", **cursor())
    deep = transform("select id, u from src where u >= $watermark", id="d", target="d", **cursor(initial=2, lag=1))
    ground.other("create table src as " + values("id, u", "1, 1", "2, 2", "3, 3"))
    assert ground.run(plain, deep)["s"].rows.read == 3
    assert ground.rows("select id from d") == [(2,), (3,)]
    ground.other("insert into src values (4, 4), (5, 2), (6, 1)")
    found = ground.run(plain, deep)
    assert (found["s"].rows.read, found["d"].rows.read) == (2, 4)
    assert ground.rows("select id from d") == [(2,), (3,), (4,), (5,)]
    assert ground.watermark("d") == "4"


def test_the_watermark_of_nanoseconds_does_not_filter_too_deep(ground: Ground) -> None:
    """`$watermark` is cut to microseconds downwards, so a query that uses it sees the ties too."""
    step = transform("select * from src where u >= $watermark", **cursor(initial="2024-01-01"))
    ground.other(f"create table src as {values('id, u', '''1, timestamp_ns '2024-01-01 00:00:00.000000999' ''')}")
    ground.done(step)
    ground.other("insert into src values (2, timestamp_ns '2024-01-01 00:00:00.000000999')")
    ground.done(step)
    assert ground.rows("select id from t") == [(1,), (2,)]


@pytest.mark.parametrize(
    "extreme", ["'nan'::double", "'infinity'::double", "'infinity'::timestamp", "'infinity'::date"]
)
def test_a_cursor_above_all_others_is_no_watermark(ground: Ground, extreme: str) -> None:
    """Infinity and NaN would hide every later row, so the step stops before they are remembered."""
    finite = {"double": "1.0::double", "timestamp": "timestamp '2024-01-01'", "date": "date '2024-01-01'"}
    shown = finite[extreme.rpartition("::")[2]]
    source = ground.parquet("a.parquet", f"select 1 as id, {shown} as u")
    ground.done(load(source, **cursor()))
    ground.parquet("a.parquet", f"select 1 as id, {shown} as u union all select 2, {extreme}")
    assert "hide every later row" in ground.refused("SF731", load(source, **cursor()))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_a_watermark_does_not_depend_on_the_zone_of_the_machine(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    """Times with a zone are remembered in UTC, wherever the run took place."""
    source = ground.parquet("a.parquet", values("id, u", "1, timestamptz '2024-03-31 01:30:00+00'"))
    monkeypatch.setenv("TZ", zone)
    ground.done(load(source, **cursor()))
    assert ground.watermark() == "2024-03-31 01:30:00+00"
    monkeypatch.setenv("TZ", "UTC")
    ground.parquet(
        "a.parquet", values("id, u", "2, timestamptz '2024-03-31 01:30:00+00'", "3, '2024-03-31 01:29:59+00'")
    )
    ground.done(load(source, **cursor()))
    assert ground.rows("select id from t") == [(1,), (2,)]


@pytest.mark.parametrize("asked", [{"since": "garbage"}, {"until": "garbage"}])
def test_the_end_of_a_range_is_a_value_of_the_cursor(ground: Ground, asked: dict[str, str]) -> None:
    """What is no such value is told as that, and not as SQL that nobody wrote."""
    source = ground.parquet("a.parquet", values("id, u", "1, timestamp '2024-01-01'"))
    step = load(source, mode="merge", key=["id"], cursor="u")
    ground.done(step)
    told = ground.refused("SF741", step, **asked)
    assert "'garbage' is not a value of type TIMESTAMP, which the cursor 'u' has" in told
    assert "--from" in told
