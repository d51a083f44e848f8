"""Values and types: as the API wrote them."""
# ruff: noqa: ARG005 - every answer is given path, query, headers and body, and looks at what it needs

from datetime import date, datetime
from decimal import Decimal

import pytest

VALUES = b"""[
  {"id": 1, "big": 9223372036854775807, "huge": 18446744073709551616, "r": 1, "yes": true, "s": "", "day": "2024-02-29",
   "at": "2024-01-01T10:00:00", "zoned": "2024-01-01T10:00:00+02:00", "amount": 12345678901234567890.12, "none": null,
   "nested": {"a": [1, 2.50], "b": "\\u00e9"}, "list": [], "mixed": 1, "code": "007", "late": null},
  {"id": -1, "big": -9223372036854775808, "huge": 1, "r": 2.5, "yes": false, "s": "o'\\"\\n\\ud83d\\ude00", "day": null,
   "at": "2024-01-01 10:00:00.123456", "zoned": "2024-01-01T10:00:00Z", "amount": 0.10, "nested": null, "list": [1],
   "mixed": "one", "code": "2024-01-01", "late": "x", "new \\"key": 1e3}
]"""


def test_values_come_as_they_were_written(load, server):
    """Types are told from every value of every page; '' is not null, and no digit is lost where a type is declared."""
    server.answer = lambda *_: VALUES
    error, rows = load(server, more="columns: {amount: 'decimal(38,2)', s: varchar}")
    assert error is None, error
    first, second = rows.to_pylist()
    assert (first["big"], first["huge"], second["big"]) == (2**63 - 1, 2**64, -(2**63))
    assert (first["r"], second["r"], first["yes"]) == (1.0, 2.5, True)
    assert (first["s"], second["s"], first["none"]) == ("", "o'\"\n😀", None)
    assert (first["day"], second["at"]) == (date(2024, 2, 29), datetime(2024, 1, 1, 10, 0, 0, 123456))  # noqa: DTZ001
    assert first["zoned"].timestamp() + 7200 == second["zoned"].timestamp()
    assert (first["amount"], second["amount"]) == (Decimal("12345678901234567890.12"), Decimal("0.10"))
    assert (first["nested"], first["list"]) == ('{"a": [1, 2.50], "b": "\\u00e9"}', "[]")
    assert (first["mixed"], second["mixed"], first["code"]) == ("1", '"one"', "007")
    assert (first['new "key'], second['new "key']) == (None, 1000.0)


def test_flattened_objects_become_columns(load, server):
    """Objects within objects become columns outer__inner; lists stay JSON, and two ways to one name are an error."""
    server.answer = lambda *_: [
        {"id": 1, "a": {"b": {"c": 1}, "d": [{"e": 2}]}},
        {"id": 2, "a": {"b": {"c": 3}, "x": {}}},
    ]
    error, rows = load(server, "flatten: true")
    assert error is None, error
    assert rows.select(["a__b__c", "a__d"]).to_pylist() == [
        {"a__b__c": 1, "a__d": '[{"e": 2}]'},
        {"a__b__c": 3, "a__d": None},
    ]
    server.answer = lambda *_: [{"a": {"b": 1}, "a__b": 2}]
    assert "twice" in load(server, "flatten: true")[0]["message"]


def test_a_fraction_is_not_rounded_to_a_declared_integer(load, server):
    """A value that does not fit the declared type is told with field and page."""
    server.answer = lambda path, query, headers, body: [[{"n": 1}], [{"n": 1.5}], []][int(query["page"]) - 1]
    source = "path: /items, pagination: {type: page}"
    error, _ = load(server, source, more="columns: {n: bigint}")
    assert "column 'n' is declared BIGINT but holds 1.5" in error["message"]
    assert "page 2, record 1" in error["message"]


def test_types_of_the_last_good_run_stay(load, server):
    """Whole numbers in a column of fractions, and no rows at all, change no type; text in a number column stops."""
    merge = "mode: merge\nkey: [id]"
    server.answer = lambda *_: [{"id": 1, "x": 1.5, "d": "2024-01-01", "n": 1}]
    assert load(server, more=merge)[0] is None
    server.answer = lambda *_: [{"id": 2, "x": 2, "d": None, "n": 5}]
    assert load(server, more=merge)[0] is None
    server.answer = lambda *_: []
    error, rows = load(server, more=merge)
    assert error is None, error
    assert [str(t) for t in rows.schema.types] == ["int64", "double", "date32[day]", "int64"]
    server.answer = lambda *_: [{"id": 3, "x": 2, "d": None, "n": 1.5}]
    error, _ = load(server, more=merge)
    assert error["code"] == "SF732", error


def test_no_records_and_no_columns_is_an_error(load, server):
    """An empty first answer has no columns to make a table of, unless they are declared."""
    error, _ = load(server)
    assert "gives no records" in error["message"]
    error, rows = load(server, more="columns: {id: bigint, s: varchar}")
    assert error is None, error
    assert [str(t) for t in rows.schema.types] == ["int64", "string"]


def test_nested_values_may_be_declared(load, server):
    """Objects and lists become structs and lists where the document says so."""
    server.answer = lambda *_: [{"id": 1, "o": {"xY": 1, "s": "é"}, "l": ["a", None]}, {"id": 2, "o": None, "l": []}]
    error, rows = load(server, more="columns: {o: 'struct(xY int, s varchar)', l: 'varchar[]'}")
    assert error is None, error
    assert rows.select(["o", "l"]).to_pylist() == [{"o": {"xY": 1, "s": "é"}, "l": ["a", None]}, {"o": None, "l": []}]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ("s: bigint", "column 's' is to be BIGINT but holds \"7x\""),
        ("d: date", "column 'd' is to be DATE but holds \"2024-02-30\""),
        ("o: 'struct(y int)'", 'holds {"x": 1}, which has unknown key "x"'),
        ("n: tinyint", "column 'n' is to be TINYINT but holds 300"),
    ],
)
def test_a_value_that_does_not_fit_is_told_with_its_place(load, server, columns, told):
    """The error names column, value, page and record; the SQL behind it is not shown."""
    good = {"s": "7", "d": "2024-01-01", "o": None, "n": 1, "big": 300}
    bad = {"s": "7x", "d": "2024-02-30", "o": {"x": 1}, "n": 300}
    server.answer = lambda path, query, headers, body: [[good], [good | {"n": 2}, bad], []][int(query["page"]) - 1]
    error, _ = load(server, "path: /items, pagination: {type: page}", more=f"columns: {{{columns}, big: bigint}}")
    assert (error["code"], told in error["message"]) == ("SF710", True), error
    assert f"(GET {server.url}/items, page 2, record 2)" in error["message"]
    assert "SELECT" not in error["message"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'[{"a": "x"}, {"a": "cut \\ud83d"}]', "record 2: the field 'a' holds \\ud83d, half of a character"),
        (b'[{"a": {"b": ["\\udc00"]}}]', "record 1: the field 'a' holds \\udc00"),
        (b'[{"": 1}]', "record 1 has a field without a name"),
        (b"[{}, {}]", "gives no fields"),
        (b'[{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}]", "nested too deeply"),
    ],
)
def test_what_no_table_can_hold_is_told(load, server, body, told):
    """JSON allows more than a table does."""
    server.answer = lambda *_: body
    assert told in load(server)[0]["message"]


def test_nul_and_emoji_are_text(load, server):
    """Escapes of any character are read."""
    server.answer = lambda *_: b'[{"a": "x\\u0000y"}, {"a": "\\ud83d\\ude00"}]'
    error, rows = load(server)
    assert error is None, error
    assert rows.column("a").to_pylist() == ["x\0y", "😀"]
