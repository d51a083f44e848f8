"""The rows that exams are set with: every Arrow type with its extremes, texts of every sort, many rows, wide rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    import pyarrow as pa


class TypeCase(Struct, frozen=True):
    """An Arrow type and values of it, its extremes among them; NULL comes by itself."""

    name: str
    type: Callable[[], Any]
    values: Sequence[Any]

    def __str__(self) -> str:
        return self.name

    def table(self) -> pa.Table:
        """Return the values as a column `value`, with a NULL, beside an `id`."""
        import pyarrow as pa

        values = [*self.values, None]
        return pa.table({"id": pa.array(range(len(values)), pa.int64()), "value": pa.array(values, self.type())})


def _of(name: str, *arguments: Any, **more: Any) -> Callable[[], Any]:
    """Name an Arrow type without importing Arrow."""

    def make() -> Any:
        import pyarrow as pa

        return getattr(pa, name)(*arguments, **more)

    return make


def _made(build: Callable[[Any], Any]) -> Callable[[], Any]:
    def make() -> Any:
        import pyarrow as pa

        return build(pa)

    return make


def _moment(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001 - a time without a zone is meant


MOMENTS = [_moment(2024, 2, 29, 10), _moment(1, 1, 1), _moment(1969, 12, 31, 23, 59, 59), _moment(9999, 12, 31)]
FINE = [_moment(2024, 2, 29, 10, 0, 0, 123456), _moment(1969, 12, 31, 23, 59, 59, 999999), _moment(1, 1, 1, 0, 0, 0, 1)]

TYPES: list[TypeCase] = [
    TypeCase("bool", _of("bool_"), [True, False]),
    TypeCase("int8", _of("int8"), [0, -(2**7), 2**7 - 1]),
    TypeCase("int16", _of("int16"), [0, -(2**15), 2**15 - 1]),
    TypeCase("int32", _of("int32"), [0, -(2**31), 2**31 - 1]),
    TypeCase("int64", _of("int64"), [0, -(2**63), 2**63 - 1, 2**53 + 1]),
    TypeCase("uint8", _of("uint8"), [0, 2**8 - 1]),
    TypeCase("uint16", _of("uint16"), [0, 2**16 - 1]),
    TypeCase("uint32", _of("uint32"), [0, 2**32 - 1]),
    TypeCase("uint64", _of("uint64"), [0, 2**64 - 1, 2**63]),
    TypeCase("float32", _of("float32"), [0.0, 1.5, -3.4028234663852886e38, 1.1754943508222875e-38]),
    TypeCase("float64", _of("float64"), [0.0, 0.1, -1.7976931348623157e308, 2.2250738585072014e-308]),
    TypeCase("decimal(4,2)", _of("decimal128", 4, 2), [Decimal("0.10"), Decimal("-99.99"), Decimal("99.99")]),
    TypeCase("decimal(18,3)", _of("decimal128", 18, 3), [Decimal("0.001"), Decimal("-999999999999999.999")]),
    TypeCase("decimal(38,10)", _of("decimal128", 38, 10), [Decimal("1E-10"), Decimal("9" * 28 + "." + "9" * 10)]),
    TypeCase("decimal(38,0)", _of("decimal128", 38, 0), [Decimal("9" * 38), Decimal("-" + "9" * 38)]),
    TypeCase("string", _of("string"), ["a", "12", "2024-01-01", "true", "null", "a,b;c\t'\"\\", "two\nlines\r\n"]),
    TypeCase("large_string", _of("large_string"), ["a", "b"]),
    TypeCase("dictionary", _made(lambda pa: pa.dictionary(pa.int32(), pa.string())), ["red", "green", "red"]),
    TypeCase("binary", _of("binary"), [b"", b"\x00\xff", b"abc"]),
    TypeCase("date32", _of("date32"), [date(2024, 2, 29), date(1, 1, 1), date(9999, 12, 31)]),
    TypeCase("time64[us]", _of("time64", "us"), [time(0), time(23, 59, 59, 999999)]),
    TypeCase("timestamp[s]", _of("timestamp", "s"), MOMENTS),
    TypeCase("timestamp[ms]", _of("timestamp", "ms"), MOMENTS),
    TypeCase("timestamp[us]", _of("timestamp", "us"), MOMENTS + FINE),
    TypeCase("timestamp[ns]", _of("timestamp", "ns"), [0, 1, 1_709_200_800_123_456_789, -1]),
    TypeCase("timestamp[us, UTC]", _of("timestamp", "us", tz="UTC"), [m.replace(tzinfo=UTC) for m in FINE]),
    TypeCase("duration[us]", _of("duration", "us"), [timedelta(0), timedelta(days=1, microseconds=1)]),
    TypeCase("list", _made(lambda pa: pa.list_(pa.int64())), [[], [1, None, 3]]),
    TypeCase("list of text", _made(lambda pa: pa.list_(pa.string())), [["a", ""], ["it's", '"', "a,b"]]),
    TypeCase(
        "struct",
        _made(lambda pa: pa.struct([("a", pa.int64()), ("b", pa.string())])),
        [{"a": 1, "b": "x"}, {"a": None, "b": ""}],
    ),
    TypeCase("map", _made(lambda pa: pa.map_(pa.string(), pa.int64())), [[("a", 1), ("b", None)], []]),
    TypeCase("null", _of("null"), [None]),
]

TEXTS: list[TypeCase] = [
    TypeCase("empty_text", _of("string"), ["", "x"]),
    TypeCase("null_text", _of("string"), [None, "x"]),
    TypeCase("spaces", _of("string"), [" ", " a ", "\t"]),
    TypeCase("unicode", _of("string"), ["Zoë", "日本語", "🎉👩‍👩‍👧", "e\u0301", "שלום", "\ufeffmark", "\u2028"]),
    TypeCase("quotes", _of("string"), ["'", '"', '""', "''", "`", "\\", "\\N", "%s", "$1", "{x}", "--", ";"]),
    TypeCase("line_breaks", _of("string"), ["a\nb", "a\r\nb", "\n", "a\rb"]),
    TypeCase("words_of_null", _of("string"), ["NULL", "null", "None", "NaN", "N/A", "\\N"]),
    TypeCase("long_text", _of("string"), ["x" * 1_000_000, "é" * 100_000]),
]
FLOATS: list[TypeCase] = [
    TypeCase("nan", _of("float64"), [float("nan"), 1.5]),
    TypeCase("infinity", _of("float64"), [float("inf"), float("-inf"), 1.5]),
]


def people(first: int = 1, last: int = 3, mark: str = "old") -> pa.Table:
    """Return rows with a key `id`, a text `name` and an amount."""
    import pyarrow as pa

    numbers = range(first, last + 1)
    return pa.table(
        {
            "id": pa.array(numbers, pa.int64()),
            "name": pa.array([f"{mark} {n}" for n in numbers], pa.string()),
            "amount": pa.array([Decimal(n) / 4 for n in numbers], pa.decimal128(12, 2)),
        }
    )


def ordinary() -> pa.Table:
    """Return a table of the types that every system has."""
    import pyarrow as pa

    return pa.table(
        {
            "id": pa.array([1, 2, 3], pa.int64()),
            "name": pa.array(["a", "b", None], pa.string()),
            "ratio": pa.array([0.5, None, -1.25], pa.float64()),
            "day": pa.array([date(2024, 2, 29), None, date(1999, 12, 31)], pa.date32()),
            "at": pa.array([*FINE[:2], None], pa.timestamp("us")),
            "size": pa.array([1, None, 3], pa.int32()),
            "price": pa.array([Decimal("0.10"), Decimal("12345.60"), None], pa.decimal128(12, 2)),
            "yes": pa.array([True, None, False], pa.bool_()),
        }
    )


def wide(columns: int) -> pa.Table:
    """Return two rows of many columns."""
    import pyarrow as pa

    return pa.table({"id": [1, 2]} | {f"c{n}": pa.array([n, -n], pa.int64()) for n in range(columns - 1)})


def many(rows: int, start: int = 0) -> pa.Table:
    """Return many rows, of about 100 bytes each."""
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = pa.array(range(start, start + rows), pa.int64())
    padded = pc.utf8_lpad(numbers.cast(pa.string()), 10, "0")
    return pa.table({"id": numbers, "text": pc.binary_join_element_wise(padded, "x" * 80, "")})


def streamed(rows: int, step: int) -> Iterator[pa.RecordBatch]:
    """Yield the same rows in batches, each made when it is asked for."""
    for start in range(0, rows, step):
        yield many(min(step, rows - start), start).combine_chunks().to_batches()[0]


def cursored() -> pa.Table:
    """Return rows whose cursor `n` has ties, gaps and NULLs, with a time `at` beside it."""
    import pyarrow as pa

    numbers = [1, 2, 2, 2, 5, 7, 7, None, 9, None]
    day = datetime(2024, 1, 1)  # noqa: DTZ001 - a time without a zone is meant
    return pa.table(
        {
            "id": pa.array(range(1, 11), pa.int64()),
            "n": pa.array(numbers, pa.int64()),
            "at": pa.array([None if n is None else day + timedelta(hours=n) for n in numbers], pa.timestamp("us")),
            "day": pa.array([None if n is None else day.date() + timedelta(days=n) for n in numbers], pa.date32()),
        }
    )
