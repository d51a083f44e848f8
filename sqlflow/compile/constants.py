"""Constants in SQL that are cast: whether a statement has any, told from its text and the columns that it reads."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sqlflow.sdk import TableSchema, fold

_EXPLICIT = re.compile(r"'\s*::|cast\s*\(\s*(?:'|\$)|\b(?:date|time|timestamp|timestamptz|interval)\s*'", re.IGNORECASE)
_COMPARED = re.compile(
    r"(?:(?<![\w\"])(?P<left>[\w\"]++)\s*+(?:=|<>|!=|<=|>=|<|>|(?:not\s+)?in\s*\(|(?:not\s+)?between)\s*(?:'|\$))"
    r"|(?:(?:'|\$\w+)\s*(?:=|<>|!=|<=|>=|<|>)\s*(?:\w+\.)?(?P<right>[\w\"]+))",
    re.IGNORECASE,
)
_LISTED = re.compile(r"(?<![\w\"])(?P<name>[\w\"]++)\s*+(?:not\s+)?in\s*\(\s*-?\d", re.IGNORECASE)
"""Columns that are looked for among numbers, which any of them is taken to be."""


def doubtful(sql: str, schemas: Iterable[TableSchema]) -> bool:
    """Tell whether a constant of a statement is cast, by its word or because it meets what is no text."""
    if _EXPLICIT.search(sql):
        return True
    compared = {fold((m["left"] or m["right"]).strip('"')) for m in _COMPARED.finditer(sql)}
    listed = {fold(m["name"].strip('"')) for m in _LISTED.finditer(sql)}
    if not compared and not listed:
        return False
    return any(
        (fold(column.name) in compared and column.type not in ("VARCHAR", "BLOB"))
        or (fold(column.name) in listed and column.type.startswith(("DATE", "TIME", "UUID", "INTERVAL")))
        for schema in schemas
        for column in schema
    )
