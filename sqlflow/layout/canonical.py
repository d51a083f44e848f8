"""A document in its canonical form, and the proof that it means what it meant."""

from __future__ import annotations

from typing import Any

from sqlflow.registry import Catalog
from sqlflow.spec import CannotLayOut, Node, Path_, Source, laid_out, parse_document, to_data
from sqlflow.sql import printed, same

from .order import Orders


def formatted(source: Source, catalog: Catalog) -> str:
    """Return the text of a document in its canonical form.

    Raises:
        CannotLayOut: it does not parse, or is written in a way that is left alone; the message says which.

    """
    before = _root(source)
    orders = Orders(before, catalog)
    known: dict[str, str] = {}

    def rewrite(path: Path_, text: str) -> str:
        if not orders.is_query(path):
            return text
        if text not in known:
            found = known[text] = _sql(text)
            known[found] = found  # the printer has seen to that
        return known[text]

    result = laid_out(source, orders.of, rewrite)
    after = _root(Source(source.file, result, source.path))
    if not _agree(to_data(before), to_data(after), (), orders):
        raise CannotLayOut("its meaning could not be kept")
    return result


def _root(source: Source) -> Node:
    from pathlib import Path

    document = parse_document(source, source.path or Path(source.file))
    if isinstance(document, list):
        raise CannotLayOut(str(document[0].message))
    return document.root


def _sql(text: str) -> str:
    """Return a query printed, or at least without spaces at the ends of its lines."""
    if "${" in text:
        return text
    trimmed = "\n".join(line.rstrip(" ") for line in text.rstrip().split("\n"))
    bare = trimmed if same(trimmed, text) else text
    found = printed(bare)
    return found if found != bare else bare


def _agree(one: Any, other: Any, path: Path_, orders: Orders) -> bool:
    """Tell whether two documents say the same; two queries do when they are one to the database."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_agree(v, other[k], (*path, k), orders) for k, v in one.items())
    if isinstance(one, list) and isinstance(other, list):
        pairs = enumerate(zip(one, other, strict=False))
        return len(one) == len(other) and all(_agree(a, b, (*path, n), orders) for n, (a, b) in pairs)
    if isinstance(one, str) and isinstance(other, str) and one != other:
        return orders.is_query(path) and same(one, other)
    return type(one) is type(other) and (one == other or one != one)  # noqa: PLR0124 - not a number
