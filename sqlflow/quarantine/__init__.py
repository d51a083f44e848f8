"""Rows that were set aside, looked at and tried again outside of the runs that met them. Prints nothing."""

from .again import retrying
from .heaps import Heap, drop, heaps, rows_aside, table_of

__all__ = ["Heap", "drop", "heaps", "retrying", "rows_aside", "table_of"]
