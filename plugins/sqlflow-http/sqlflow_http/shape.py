"""What the columns of records are, told from every value of every page, and the SELECT that reads the spooled text.

Each value is spooled as the JSON text that it came as, and cast by the engine from that text: no number goes through
a double on its way, no time loses its zone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlflow.sdk import StepError, fold, literal, normal_type, quote, widens

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?")
_INTEGERS = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"}
)
_EXACT = 2**53
_SMALL = "small"
"""An integer that a double holds exactly."""
TIMESTAMPTZ = "TIMESTAMP WITH TIME ZONE"


@dataclass
class Shape:
    """The columns seen so far: for each the kinds of its values, and where a fraction was first seen."""

    kinds: dict[str, set[str]] = field(default_factory=dict)
    fractions: dict[str, str] = field(default_factory=dict)
    folded: dict[str, str] = field(default_factory=dict)

    def see(self, name: str, value: Any, raw: str, where: str) -> None:
        """Take note of one value.

        Raises:
            StepError: two fields differ in case only, so that they cannot both be columns.

        """
        if name not in self.kinds:
            twin = self.folded.setdefault(fold(name), name)
            if twin != name:
                raise StepError(f"{where}: the fields {twin!r} and {name!r} differ in case only", code="SF511")
            self.kinds[name] = set()
        kind = _kind(value)
        if kind is not None:
            self.kinds[name].add(kind)
        if kind == "DOUBLE" and name not in self.fractions and not float(value).is_integer():
            self.fractions[name] = f"{raw} ({where})"

    def types(self, declared: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
        """Return the type of each column: declared, or that of the last good run where it holds every value.

        Raises:
            StepError: a column declared as whole numbers has a fraction.

        """
        pinned = {fold(n): t for n, t in declared.items()}
        before = {fold(n): normal_type(t) for n, t in known.items() if t}
        found: dict[str, str] = {}
        for name, kinds in self.kinds.items():
            own = _joined(kinds)
            want = pinned.get(fold(name))
            if want and normal_type(want) in _INTEGERS and name in self.fractions:
                raise StepError(
                    f"column {name!r} is declared {normal_type(want)} but holds {self.fractions[name]}",
                    hint=f"write columns: {{{name}: double}}, or a decimal",
                    code="SF710",
                )
            found[name] = want or _kept(own, before.get(fold(name)), kinds)
        return found

    def select(self, file: str, types: Mapping[str, str], longest: int) -> str:
        """Write the SELECT over the spooled file."""
        columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in self.kinds)
        values = ", ".join(f"{self._value(name, types[name])} AS {quote(name)}" for name in self.kinds)
        size = max(longest + 1024, 2**24)
        scan = f"read_json({literal(file)}, format='newline_delimited', compression='none', maximum_object_size={size}"
        return f"SELECT {values} FROM {scan}, columns={{{columns}}})"

    def _value(self, name: str, wanted: str) -> str:
        raw, kind = quote(name), normal_type(wanted)
        if kind == "JSON":
            return f"CAST({raw} AS JSON)"
        if self.kinds[name] == {"JSON"} and kind != "VARCHAR":
            return f"CAST(CAST({raw} AS JSON) AS {wanted})"
        text = raw
        if self.kinds[name] & {"VARCHAR", "DATE", "TIMESTAMP", TIMESTAMPTZ}:
            text = f"CASE WHEN {raw}[1] = '\"' THEN json_extract_string({raw}, '$') ELSE {raw} END"
        if kind == "VARCHAR":
            return text
        if kind.startswith("TIMESTAMP") and kind != TIMESTAMPTZ and TIMESTAMPTZ in self.kinds[name]:
            return f"CAST(CAST({text} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS {wanted})"
        return f"CAST({text} AS {wanted})"


def _kind(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "BOOLEAN"
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return "DOUBLE" if abs(value) != float("inf") else "JSON"
    return _text(value) if isinstance(value, str) else "JSON"


def _integer(value: int) -> str:
    if abs(value) <= _EXACT:
        return _SMALL
    if -(2**63) <= value < 2**63:
        return "BIGINT"
    return "HUGEINT" if abs(value) < 2**127 else "JSON"


def _text(value: str) -> str:
    try:
        if _DATE.fullmatch(value):
            date.fromisoformat(value)
            return "DATE"
        if found := _TIME.fullmatch(value):
            datetime.fromisoformat(value)
            return TIMESTAMPTZ if found[3] else "TIMESTAMP"
    except ValueError:  # such as the 30th of February
        return "VARCHAR"
    return "VARCHAR"


def _joined(kinds: set[str]) -> str | None:
    """Return the type that holds values of all these kinds as they are; None when there was no value."""
    if not kinds:
        return None
    if kinds <= {_SMALL, "BIGINT", "HUGEINT"}:
        return "HUGEINT" if "HUGEINT" in kinds else "BIGINT"
    if kinds <= {_SMALL, "DOUBLE"}:
        return "DOUBLE"
    if len(kinds) == 1:
        return next(iter(kinds))
    if kinds <= {"DATE", "TIMESTAMP"}:
        return "TIMESTAMP"
    return "VARCHAR" if kinds <= {"VARCHAR", "DATE", "TIMESTAMP", TIMESTAMPTZ} else "JSON"


def _kept(own: str | None, before: str | None, kinds: set[str]) -> str:
    """Return the type of the last good run where it holds every value as it is, else the one of the values."""
    if own is None:
        return before or "JSON"
    if before is None or before == own:
        return own
    texts = before == "VARCHAR" and own in ("DATE", "TIMESTAMP", TIMESTAMPTZ)
    whole = before == "DOUBLE" and kinds == {_SMALL}
    return before if before == "JSON" or texts or whole or widens(own, before) else own
