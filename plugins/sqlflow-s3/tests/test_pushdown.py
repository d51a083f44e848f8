"""Pushing the cursor down: only row groups that may hold new rows are fetched, and never one too few."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlflow_s3.pushdown import condition

from sqlflow.sdk import Bound, CursorRange, SchemaChanged, TableSchema

ROWS, GROUP = 20_000, 1_000


def numbered(first: int, *, null_at: int | None = None) -> bytes:
    """Write rows in groups of a thousand, each with text that does not compress, and perhaps one without an id."""
    ids = [None if n == null_at else n for n in range(first, first + ROWS)]
    text = duckdb.sql(f"select sha256(range::varchar) as t from range({first}, {first + ROWS})").to_arrow_table()
    out = io.BytesIO()
    pq.write_table(pa.table({"id": pa.array(ids, pa.int64()), "t": text.column("t")}), out, row_group_size=GROUP)
    return out.getvalue()


def test_a_later_load_fetches_only_the_new_row_groups(store, proxy):
    """The second run of a load with a cursor fetches the footers and the row groups at the watermark, no others."""
    body = numbered(0)
    store.put("in/1.parquet", body)
    load = store.load("in/*.parquet", "", "mode: merge, key: [id], cursor: id", endpoint=proxy.url)
    with load.run() as result:
        assert result.status == "succeeded", result.steps[0].error
        assert result.steps[0].rows.inserted == ROWS
    assert proxy.fetched("1.parquet") > len(body) * 0.9
    more = numbered(ROWS)
    store.put("in/2.parquet", more)
    proxy.calls.clear()
    with load.run() as result:
        assert result.steps[0].rows.inserted == ROWS
        assert result.query("select count(*) as n, sum(id) as s from t").to_pylist() == [
            {"n": 2 * ROWS, "s": sum(range(2 * ROWS))}
        ]
    assert proxy.fetched("1.parquet") < 64 * 1024 + 2 * len(body) / (ROWS / GROUP)  # the footer's read, one row group
    proxy.calls.clear()
    with load.run() as result:
        assert result.steps[0].rows.inserted == 0
    assert proxy.fetched("1.parquet") + proxy.fetched("2.parquet") < 2 * 64 * 1024 + 3 * len(body) / (ROWS / GROUP)


def test_rows_without_a_cursor_come_and_cost_only_their_row_group(store, proxy):
    """With on_null: include a row group that holds a NULL is fetched, whatever its other rows are."""
    body = numbered(0, null_at=2_500)
    store.put("a.parquet", body)
    step = "mode: merge, key: [t], cursor: {column: id, initial: 19500, on_null: include}"
    with store.load("a.parquet", "", step, endpoint=proxy.url).run() as result:
        assert result.status == "succeeded", result.steps[0].error
        assert result.query("select count(*) as n, count(id) as ids from t").to_pylist() == [{"n": 501, "ids": 500}]
    assert proxy.fetched("a.parquet") < 64 * 1024 + 3 * len(body) / (ROWS / GROUP)


def test_select_fetches_only_its_columns(store, proxy):
    """A column that is not selected is not fetched."""
    body = numbered(0)
    store.put("a.parquet", body)
    with store.load("a.parquet", "select: [id]", endpoint=proxy.url).run() as result:
        assert result.query("select count(*) as n from t").to_pylist() == [{"n": ROWS}]
    assert proxy.fetched("a.parquet") < len(body) / 3


def test_partitions_are_left_out_without_a_request_for_rows(store, proxy):
    """A cursor that is a folder leaves out the objects of other folders but for their footers."""
    sizes = {}
    for day in ("2024-01-01", "2024-01-02", "2024-01-03"):
        body = numbered(int(day[-1]) * ROWS)
        sizes[day] = len(body)
        store.put(f"in/day={day}/a.parquet", body)
    step = "mode: append, cursor: {column: day, initial: 2024-01-03, on_null: exclude}"
    load = store.load("in/**/*.parquet", "hive_partitioning: true", step, endpoint=proxy.url)
    with load.run() as result:
        assert result.status == "succeeded", result.steps[0].error
        assert result.query("select min(day) as d, count(*) as n from t").to_pylist() == [
            {"d": date(2024, 1, 3), "n": ROWS}
        ]
    assert proxy.fetched("2024-01-01/a.parquet") <= 64 * 1024 < sizes["2024-01-01"] / 2


MOMENTS = [datetime(2024, 1, 1) + timedelta(hours=7 * n, microseconds=n) for n in range(-8, 9)]  # noqa: DTZ001 - without a zone on purpose
COLUMNS = {
    "BIGINT": pa.array([-(2**63), -1, 0, 1, 5, 2**63 - 1, None]),
    "UBIGINT": pa.array([0, 1, 5, 2**64 - 1, None], pa.uint64()),
    "DECIMAL(10,2)": pa.array([*map(Decimal, ("-1.50", "0.00", "1.50", "5.01")), None], pa.decimal128(10, 2)),
    "DATE": pa.array([date(2023, 12, 31), date(2024, 1, 1), date(2024, 1, 2), None]),
    "TIMESTAMP": pa.array([*MOMENTS, None], pa.timestamp("us")),
    "TIMESTAMP_NS": pa.array([1704067200123456788, 1704067200123456789, 1704067200123456790, None], pa.timestamp("ns")),
    "TIMESTAMP_MS": pa.array([1704067200122, 1704067200123, 1704067200124, None], pa.timestamp("ms")),
    "TIMESTAMP WITH TIME ZONE": pa.array([m.replace(tzinfo=UTC) for m in MOMENTS] + [None], pa.timestamp("us", "UTC")),
    "VARCHAR": pa.array(["", "a", "B", "é", None]),
    "DOUBLE": pa.array([float("-inf"), -1.5, 0.0, 1.5, float("inf"), float("nan"), None]),
}  # fmt: skip
BOUNDS = {
    "number": ["0", "1", "1.5", "-0.001", "5", "9223372036854775807", "18446744073709551615", "99999999999999999999"],
    "time": ["2024-01-01", "2024-01-01 00:00:00", "2024-01-01 00:00:00.123456789", "2024-01-01 12:00:00+00",
             "2024-01-01 00:00:00.1235", "infinity", "2023-12-31 23:00:00-05"],
    "text": ["", "a", "C"],
}  # fmt: skip


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Midway"])
def test_a_filter_never_drops_a_row_that_the_engine_wants(kind, zone):
    """For every type, bound, sign, NULLs and time zone: what the engine keeps, the filter has let through."""
    table = pa.table({"Cur": COLUMNS[kind]})
    family = "time" if kind.startswith(("DATE", "TIME")) else "text" if kind == "VARCHAR" else "number"
    schema = TableSchema.of(("Cur", kind))
    connection = duckdb.connect()
    connection.execute(f"set timezone = '{zone}'")
    connection.register("given", table)
    tried = 0
    for text in BOUNDS[family]:
        for typed in {None, kind, "TIMESTAMP WITH TIME ZONE" if "+" in text or "-05" in text else kind}:
            for lower, upper in ((text, None), (None, text), (text, text)):
                for inclusive in (True, False):
                    for nulls in (True, False):
                        low = Bound(lower, typed) if lower is not None else None
                        high = Bound(upper, typed) if upper is not None else None
                        since = CursorRange("cur", low, inclusive, high, nulls)
                        try:
                            query = f"from given where {since.condition(schema) or 'true'}"
                            wanted = connection.execute(query).fetchall()
                        except (duckdb.Error, SchemaChanged):  # the engine refuses this bound for this type
                            continue
                        where = condition(since, table.schema)
                        passed = table if where is None else table.filter(where)
                        connection.register("passed", passed)
                        left = connection.execute(query.replace("given", "passed")).fetchall()
                        assert str(left) == str(wanted), since  # as text, for nan is not nan
                        tried += 1
    assert tried > 20
    connection.close()


def test_what_cannot_be_compared_is_not_pushed_down():
    """Text and floating point, whose order may be another one in the engine, and unknown columns."""
    schema = pa.schema([("s", pa.string()), ("f", pa.float64()), ("A", pa.int32()), ("a", pa.int32())])
    for column in ("s", "f", "a", "missing"):
        assert condition(CursorRange(column, Bound("1", None)), schema) is None
