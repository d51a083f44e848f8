"""Functions written in Python that SQL may call.

    from sqlflow import udf

    @udf
    def tax(amount: float) -> float:
        return amount * 0.1

A plain function is called once a row. With `arrow=True` it is called with pyarrow arrays, many rows at a time,
which is several times faster. Types are Python annotations or SQL type names.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, get_type_hints, overload
from uuid import UUID

from msgspec import Struct

from sqlflow.errors import PluginError

UDF_TYPES: dict[Any, str] = {
    bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "VARCHAR", bytes: "BLOB", date: "DATE",
    datetime: "TIMESTAMP", time: "TIME", timedelta: "INTERVAL", Decimal: "DECIMAL(38,9)", UUID: "UUID",
}  # fmt: skip


class Udf(Struct, frozen=True):
    """A function for SQL: its name, the SQL types of its parameters and of its result.

    `null_input` lets the function see NULL; otherwise NULL in any argument gives NULL without a call.
    `deterministic` says that equal arguments give equal results.
    """

    name: str
    function: Callable[..., Any]
    parameters: tuple[str, ...]
    returns: str
    arrow: bool = False
    null_input: bool = False
    deterministic: bool = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the Python function, so that a decorated function stays testable."""
        return self.function(*args, **kwargs)


@overload
def udf(function: Callable[..., Any], /) -> Udf: ...
@overload
def udf(
    *,
    name: str | None = None,
    parameters: tuple[str, ...] | None = None,
    returns: str | None = None,
    arrow: bool = False,
    null_input: bool = False,
    deterministic: bool = True,
) -> Callable[[Callable[..., Any]], Udf]: ...
def udf(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    parameters: tuple[str, ...] | None = None,
    returns: str | None = None,
    arrow: bool = False,
    null_input: bool = False,
    deterministic: bool = True,
) -> Udf | Callable[[Callable[..., Any]], Udf]:
    """Make a function callable from SQL under its own name, or under `name`.

    Raises:
        PluginError: a type is neither annotated nor given, or has no SQL counterpart.

    """

    def make(wrapped: Callable[..., Any]) -> Udf:
        types, result = parameters, returns
        if types is None or result is None:
            hints = get_type_hints(wrapped)
            names = inspect.signature(wrapped).parameters
            types = types or tuple(_sql_type(wrapped, parameter, hints.get(parameter)) for parameter in names)
            result = result or _sql_type(wrapped, "the result", hints.get("return"))
        return Udf(name or wrapped.__name__, wrapped, types, result, arrow, null_input, deterministic)

    return make(function) if function is not None else make


def _sql_type(function: Callable[..., Any], what: str, hint: Any) -> str:
    if hint in UDF_TYPES:
        return UDF_TYPES[hint]
    raise PluginError(
        f"function {function.__name__!r}: {what} has {'no type' if hint is None else f'the type {hint!r}'}",
        hint="annotate it with " + ", ".join(t.__name__ for t in UDF_TYPES) + ", or give SQL types: "
        "@udf(parameters=('DOUBLE',), returns='DOUBLE')",
    )
