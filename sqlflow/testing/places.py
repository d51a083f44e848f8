"""Where a connector is examined: its options, and how rows get there and are looked at from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

if TYPE_CHECKING:
    import pyarrow as pa


class Place(Struct, frozen=True):
    """Somewhere that holds nothing yet, and that only one test knows.

    A connector that reads is given something to read: by `prepare`, or by writing it first, or it has rows of its
    own, which are `holds`.
    """

    folder: Path
    """Where relative paths of the options start."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """The connection, as it stands in a document."""
    read: Mapping[str, Any] | None = None
    """The options of a source, as they stand in a document."""
    write: Mapping[str, Any] | None = None
    """The options of a target, as they stand in a document."""
    prepare: Callable[[pa.Table], None] | None = None
    """Puts rows there without the connector; None: the connector writes them."""
    look: Callable[[], pa.Table] | None = None
    """Takes the rows without the connector; None: the connector reads them."""
    holds: pa.Table | None = None
    """The rows that are there by themselves, in a system to which none can be brought."""
    cursor: str | None = None
    """A column of `holds` that orders them, for the laws of cursors."""

    def but(self, **options: Any) -> Place:
        """Return the same place with something else about it."""
        return replace(self, **options)


class Fault(Struct, frozen=True):
    """Something that is wrong with a place, and how the connector is to sort it.

    `kind` is one of transient, authentication, permission, not_found, bad_data; only transient ones are retried.
    """

    name: str
    kind: str
    place: Place
    says: str = ""
    """Text that the message holds, such as the name of the table that is not there."""
    writes: bool = False
    """Whether it shows when writing; otherwise when reading."""
