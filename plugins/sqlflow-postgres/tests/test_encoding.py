"""Rows in the binary format of COPY: what the server reads from them is what the driver would have sent."""

from datetime import UTC
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlflow_postgres.encoding import encoded
from sqlflow_postgres.fields import HEADER, TRAILER

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
MOMENTS = st.datetimes()


def decimals(digits, places):
    """Return decimals of a precision and a scale, of any length."""
    most = 10**digits - 1
    return st.integers(-most, most).map(lambda n: Decimal((int(n < 0), Decimal(abs(n)).as_tuple().digits, -places)))


KINDS = {
    "boolean": (pa.bool_(), st.booleans()),
    "smallint": (pa.uint8(), st.integers(0, 255)),
    "integer": (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    "bigint": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "real": (pa.float32(), st.floats(width=32)),
    "double precision": (pa.float64(), st.floats()),
    "numeric(20,0)": (pa.uint64(), st.integers(0, 2**64 - 1)),
    "numeric(4,1)": (pa.decimal128(4, 1), decimals(4, 1)),
    "numeric(18,2)": (pa.decimal128(18, 2), decimals(18, 2)),
    "numeric(18,16)": (pa.decimal128(18, 16), decimals(18, 16)),
    "numeric(18,18)": (pa.decimal128(18, 18), decimals(18, 18)),
    "numeric(9,2)": (pa.decimal32(9, 2), decimals(9, 2)),
    "numeric(12,3)": (pa.decimal256(12, 3), decimals(12, 3)),
    "numeric(38,7)": (pa.decimal128(38, 7), st.one_of(decimals(38, 7), decimals(9, 7))),
    "text": (pa.string(), TEXTS),
    "bytea": (pa.binary(), st.binary(max_size=20)),
    "date": (pa.date32(), st.dates()),
    "time without time zone": (pa.time64("us"), st.times()),
    "timestamp without time zone": (pa.timestamp("us"), MOMENTS),
    "timestamp with time zone": (pa.timestamp("us", "UTC"), MOMENTS.map(lambda value: value.replace(tzinfo=UTC))),
    "uuid": (pa.string(), st.uuids().map(str)),
}


@st.composite
def columns(draw):
    """Draw a column: its type on the server, its Arrow type, its values; one in three is of lists."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    arrow, values = KINDS[kind]
    values = st.one_of(st.none(), values) if draw(st.booleans()) else values
    if draw(st.integers(0, 2)) == 0:
        return f"{kind}[]", pa.list_(arrow), st.one_of(st.none(), st.lists(values, max_size=4))
    return kind, arrow, values


@st.composite
def tables(draw):
    """Draw columns with some rows, and how many of them are cut off at the beginning."""
    kinds = draw(st.lists(columns(), min_size=1, max_size=6))
    count = draw(st.integers(1, 8))
    data = [draw(st.lists(values, min_size=count, max_size=count)) for _, _, values in kinds]
    return [kind for kind, _, _ in kinds], [arrow for _, arrow, _ in kinds], data, draw(st.integers(0, count - 1))


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables())
def test_what_arrives_is_what_the_driver_sends(db, drawn):
    """Values of every type, alone and in lists, NULL among them, of whole batches and of slices of them."""
    kinds, arrows, data, cut = drawn
    names = [f"c{i}" for i in range(len(kinds))]
    texts = ", ".join(f"{name}::text" for name in names)
    arrays = [pa.array(values, arrow) for values, arrow in zip(data, arrows, strict=True)]
    batch = pa.RecordBatch.from_arrays(arrays, names=names).slice(cut)
    declared = ", ".join(f"{name} {kind}" for name, kind in zip(names, kinds, strict=True))
    connection = db.connection
    with connection.transaction(force_rollback=True):
        connection.execute(f"create temp table t (n serial, {declared})")
        copy_into(connection, "t", batch, list(zip(names, kinds, strict=True)))
        arrived = connection.execute(f"select {texts} from t order by n").fetchall()
        casts = ", ".join(f"%s::{kind}" for kind in kinds)
        for found, sent in zip(arrived, list(zip(*data, strict=True))[cut:], strict=True):
            wanted = f"select {texts} from (select {casts}) as v({', '.join(names)})"
            assert connection.execute(wanted, sent).fetchone() == found


def copy_into(connection, table, batch, kinds):
    """Copy a batch into a table."""
    listed = ", ".join(name for name, _ in kinds)
    with connection.cursor() as cursor, cursor.copy(f"copy {table} ({listed}) from stdin (format binary)") as copy:
        for piece in (HEADER, *encoded(batch, kinds), TRAILER):
            copy.write(piece)


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_long_values_go_in_pieces(db, rows):
    """A batch of many megabytes is sent in parts, each of whole rows; one without rows is no part at all."""
    texts = ["x" * 5_000_000 + str(i) for i in range(rows)]
    batch = pa.RecordBatch.from_pydict({"v": pa.array(texts, pa.string())})
    pieces = list(encoded(batch, [("v", "text")]))
    assert len(pieces) == rows
    connection = db.connection
    with connection.transaction(force_rollback=True):
        connection.execute("create temp table t (v text)")
        copy_into(connection, "t", batch, [("v", "text")])
        assert [row[0] for row in connection.execute("select v from t order by v")] == texts


@pytest.mark.parametrize(
    ("arrow", "kind", "value"),
    [
        (pa.timestamp("us"), "timestamp without time zone", -(2**63) + 2),
        (pa.timestamp("us", "UTC"), "timestamp with time zone", -(2**63) + 2),
        (pa.date32(), "date", -(2**31) + 2),
    ],
)
def test_moments_beyond_the_server_are_refused(db, arrow, kind, value):
    """They do not come out as moments of another age."""
    batch = pa.RecordBatch.from_pydict({"v": pa.array([value], arrow)})
    connection = db.connection
    with connection.transaction(force_rollback=True):
        connection.execute(f"create temp table t (v {kind})")
        with pytest.raises(Exception, match="out of range"):
            copy_into(connection, "t", batch, [("v", kind)])


def test_intervals_of_every_sign(db):
    """Months, days and microseconds are counted each by itself."""
    values = [pa.MonthDayNano([-14, 3, -1_500_000]), None, pa.MonthDayNano([0, -40, 86_400_000_000_000])]
    batch = pa.RecordBatch.from_pydict({"v": pa.array(values, pa.month_day_nano_interval())})
    connection = db.connection
    with connection.transaction(force_rollback=True):
        connection.execute("create temp table t (v interval)")
        copy_into(connection, "t", batch, [("v", "interval")])
        found = connection.execute("select v::text from t").fetchall()
        assert found == [("-1 years -2 mons +3 days -00:00:00.0015",), (None,), ("-40 days +24:00:00",)]
