"""What guests answer with is held to its types where it is made, so that a mistake is told at the guest's own line."""

from __future__ import annotations

from typing import Any


def hold(record: Any, *, optional: bool = False, **kinds: type | tuple[type, ...]) -> None:
    """Hold fields of a record to their types; `optional`: they may be None.

    Raises:
        TypeError: one of them is something else.

    """
    for name, kind in kinds.items():
        value = getattr(record, name)
        if not (is_a(value, kind) or (optional and value is None)):
            wanted = " or ".join(one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,)))
            raise TypeError(f"{name} of {type(record).__name__} must be {wanted}, found {value!r}")


def hold_all(record: Any, collection: type, **kinds: type) -> None:
    """Hold fields that are tuples or sets to it, and what is in them to its type.

    Raises:
        TypeError: one of them is something else, or has something else in it.

    """
    for name, kind in kinds.items():
        value = getattr(record, name)
        if not isinstance(value, collection) or not all(is_a(one, kind) for one in value):  # type: ignore[attr-defined]
            wanted = f"a {collection.__name__} of {kind.__name__}"
            raise TypeError(f"{name} of {type(record).__name__} must be {wanted}, found {value!r}")


def is_a(value: Any, kind: type | tuple[type, ...]) -> bool:
    """Tell whether a value is of a type; True and False are no numbers."""
    if isinstance(value, bool):
        return bool in (kind if isinstance(kind, tuple) else (kind,))
    return isinstance(value, kind)
