"""Whether the rows of a table have keys of their own: known from the ledger, instead of from a look at all of them.

A merge leaves a table with unique keys if it had them before. The line of its commit says so, and how many rows there
are then. That holds for as long as no other commit changes the table and it has as many rows. Whoever changes keys
by other means than SQLFlow and leaves as many rows is not noticed, so nothing but a count may rest on this.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlflow.sdk import fold, quote_target

from .connection import Connection
from .warehouse import Unique


def unique(key: Sequence[str], rows: int) -> Unique:
    """Return what is known of a table of so many rows that a key tells apart."""
    return Unique("\n".join(sorted(map(fold, key))), rows)


def known(db: Connection, table: str, key: Sequence[str]) -> Unique | None:
    """Return what the last commit that changed a table says of it, if it speaks of this key and still holds."""
    told = db.warehouse.unique(table)
    if told is None or told != unique(key, told.rows):
        return None
    rows = db.execute(f"SELECT count(*) FROM {quote_target(table)}")[0][0]
    return told if rows == told.rows else None
