"""What a column of SQLite holds, and its values as Arrow.

SQLite keeps any value in any column. So a declared type is a promise that every value is held against: one that
does not keep it is an error, never a NULL and never another value. A column without a telling type is what its
values are. No connection here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Literal

from sqlflow.sdk import StepError, normal_type

if TYPE_CHECKING:
    import pyarrow as pa

Name = Literal[
    "integer", "real", "text", "blob", "boolean", "decimal", "date", "timestamp", "timestamp_ns", "timestamptz",
    "time", "anything",
]  # fmt: skip
Affinity = Literal["INTEGER", "REAL", "TEXT", "BLOB", "NUMERIC"]
EXACT = 2**53
"""Up to here a double holds every whole number."""

_INTEGER = re.compile(
    r"(UNSIGNED |SIGNED )?(BIG |U?TINY|U?SMALL|U?MEDIUM|U?BIG|U?HUGE|U)?INT(EGER|[248])?(\(\d+\))?( UNSIGNED| SIGNED)?"
)
_DECIMAL = re.compile(r"(?:DECIMAL|NUMERIC|NUMBER) ?\((\d+)(?:, ?(\d+))?\)")
_STORAGE = {int: "the integer", float: "the real", str: "the text", bytes: "the blob"}
_ALLOWED: dict[Name, frozenset[type]] = {
    "integer": frozenset({int}),
    "real": frozenset({int, float}),
    "text": frozenset({str}),
    "blob": frozenset({bytes}),
    "boolean": frozenset({int}),
    "decimal": frozenset({int, float, str}),
    "date": frozenset({str}),
    "timestamp": frozenset({str}),
    "timestamp_ns": frozenset({str}),
    "timestamptz": frozenset({str}),
    "time": frozenset({str}),
    "anything": frozenset({int, float, str}),
}
_TIME = re.compile(r"\d\d:\d\d(:\d\d(\.\d{1,6})?)?")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
_ZONED = r"\d\d:\d\d.*(Z|[+-]\d\d(:?\d\d)?)$"
_MAX_DIGITS = 38


@dataclass(frozen=True)
class Kind:
    """What the values of a column must be. `anything` is text that is asked for, whatever is stored."""

    name: Name
    precision: int = 0
    scale: int = 0

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type of the column."""
        import pyarrow as pa

        if self.name == "decimal":
            return pa.decimal128(self.precision, self.scale)
        return {
            "integer": pa.int64(),
            "real": pa.float64(),
            "text": pa.string(),
            "anything": pa.string(),
            "blob": pa.binary(),
            "boolean": pa.bool_(),
            "date": pa.date32(),
            "timestamp": pa.timestamp("us"),
            "timestamp_ns": pa.timestamp("ns"),
            "timestamptz": pa.timestamp("us", "UTC"),
            "time": pa.time64("us"),
        }[self.name]

    @property
    def temporal(self) -> bool:
        """Whether the values are dates or times, written as text."""
        return self.name in ("date", "timestamp", "timestamp_ns", "timestamptz", "time")


def affinity(declared: str) -> Affinity:
    """Return what SQLite itself makes of a declared type."""
    text = declared.upper()
    if "INT" in text:
        return "INTEGER"
    if any(word in text for word in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if not text or "BLOB" in text:
        return "BLOB"
    return "REAL" if any(word in text for word in ("REAL", "FLOA", "DOUB")) else "NUMERIC"


def promised(declared: str) -> Kind | None:
    """Return what a declared type promises; None when it does not tell, and the values decide."""
    text = " ".join(declared.upper().split())
    bare = re.sub(r" ?\(\d+\)", "", text)
    if text.startswith("BOOL"):
        return Kind("boolean")
    if found := _DECIMAL.fullmatch(text):
        precision, scale = int(found[1]), int(found[2] or 0)
        return Kind("decimal", precision, scale) if 0 < precision <= _MAX_DIGITS and scale <= precision else None
    named: dict[str, Name] = {
        "DATE": "date",
        "TIME": "time",
        "DATETIME": "timestamp",
        "TIMESTAMP": "timestamp",
        "TIMESTAMP WITHOUT TIME ZONE": "timestamp",
        "TIMESTAMP_NS": "timestamp_ns",
        "TIMESTAMPTZ": "timestamptz",
        "TIMESTAMP WITH TIME ZONE": "timestamptz",
    }
    if bare in named:
        return Kind(named[bare])
    if _INTEGER.fullmatch(text):
        return Kind("integer")
    by_affinity: dict[Affinity, Name] = {"TEXT": "text", "BLOB": "blob", "REAL": "real"}
    name = by_affinity.get(affinity(text)) if text else None
    return Kind(name) if name else None


def pinned(native: Kind | None, wanted: str) -> Kind | None:
    """Return what a column is when the step declares its type, so that nothing is lost before the engine casts it."""
    kind = normal_type(wanted)
    if kind == "VARCHAR":
        return Kind("anything")
    if native is not None and native.name in ("text", "integer", "real", "blob"):
        return native
    return promised(kind) or native


def to_arrow(kind: Kind, values: Sequence[Any], where: str, column: str, declared: str) -> pa.Array:
    """Make an Arrow array of a column's values.

    Raises:
        StepError: a value is not what the column promises.

    """
    import pyarrow as pa

    def refused(value: Any) -> StepError:
        return _refusal(kind, value, where, column, declared)

    strange = set(map(type, values)) - _ALLOWED[kind.name] - {type(None)}
    if strange:
        raise refused(next(value for value in values if type(value) in strange))
    if kind.name in ("integer", "text", "blob"):
        return pa.array(values, kind.arrow)
    if kind.name == "anything":
        return pa.array([v if v is None or isinstance(v, str) else str(v) for v in values], pa.string())
    if kind.name in ("real", "boolean"):
        for value in values:
            if isinstance(value, int) and (abs(value) > EXACT if kind.name == "real" else value not in (0, 1)):
                raise refused(value)
        typed = [None if v is None else float(v) for v in values] if kind.name == "real" else values
        return pa.array(typed, pa.float64()) if kind.name == "real" else pa.array(typed, pa.int64()).cast(pa.bool_())
    try:
        return _parsed(kind, values)
    except (pa.ArrowInvalid, ValueError, InvalidOperation):
        for value in values:
            try:
                _parsed(kind, [value])
            except (pa.ArrowInvalid, ValueError, InvalidOperation):
                raise refused(value) from None
        raise


_SHOWN = 60


def _refusal(kind: Kind, value: Any, where: str, column: str, declared: str) -> StepError:
    """Say which value is not what its column promises, and what to do."""
    what = f"is declared {declared}" if declared else f"holds {kind.name} values"
    hint = f"mend the value, or take the column as text: columns: {{{column}: varchar}}"
    if isinstance(value, bytes):
        hint = "mend the value, or read it through a query that casts it"
    elif kind.name == "timestamp" and isinstance(value, str) and re.search(_ZONED, value):
        hint = f"it has a time zone; write columns: {{{column}: timestamptz}}"
    elif kind.name == "decimal" and isinstance(value, float):
        hint = f"it has more digits than the type; take the column as columns: {{{column}: double}}"
    elif kind.temporal and isinstance(value, (int, float)):
        hint = f"dates are ISO text; take the numbers as they are: columns: {{{column}: varchar}}"
    shown = repr(value) if len(repr(value)) <= _SHOWN else repr(value)[:_SHOWN] + "..."
    stored = _STORAGE.get(type(value), "")
    return StepError(f"{where}: column {column!r} {what} but holds {stored} {shown}", hint=hint, code="SF710")


def _parsed(kind: Kind, values: Sequence[Any]) -> pa.Array:
    """Read decimals, dates and times. Raises ArrowInvalid, ValueError or InvalidOperation."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if kind.name == "decimal":
        return pa.array([None if v is None else _decimal(kind, v) for v in values], kind.arrow)
    if kind.name == "time":
        return pa.array([None if v is None else _time(v) for v in values], kind.arrow)
    texts = pa.array(values, pa.string())
    if kind.name == "timestamptz":  # without a zone it is UTC, as SQLite's own functions have it
        zoned = pc.match_substring_regex(texts, _ZONED)
        texts = pc.if_else(zoned, texts, pc.binary_join_element_wise(texts, "Z", ""))
    return texts.cast(kind.arrow)


def _decimal(kind: Kind, value: float | str) -> Decimal:
    text = value if isinstance(value, str) else repr(value)
    if not _NUMBER.fullmatch(text):
        raise ValueError("not a number")
    found = Decimal(text)
    _, digits, exponent = found.as_tuple()
    shift = int(exponent)
    while shift < -kind.scale and digits and digits[-1] == 0:
        digits, shift = digits[:-1], shift + 1
    if shift < -kind.scale or (found and len(digits) + shift > kind.precision - kind.scale):
        raise ValueError("does not fit")
    return found


def _time(value: str) -> time:
    if not _TIME.fullmatch(value):
        raise ValueError("not a time")
    return time.fromisoformat(value)
