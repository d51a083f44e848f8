"""What is fuzzed: functions of a text that must hold their laws, or say what is wrong with it.

Each takes any text and returns; what it raises is a find. Knows nothing of who makes the texts.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from sqlflow.compile import Bench
from sqlflow.pipeline import Pipeline, installed
from sqlflow.plan.sqlfields import moved
from sqlflow.plan.variables import coerce, infer, parse_value
from sqlflow.problem import Mark, Problem
from sqlflow.registry import Catalog
from sqlflow.sdk import format_duration, parse_duration
from sqlflow.sdk.config import Columns
from sqlflow.spec import Expression, Scalar, Sequence, Source, expressions, resolve, unescape
from sqlflow.spec.interpolation import BadExpression, Resolved, fill
from sqlflow.spec.node import Mapping, Node
from sqlflow.spec.text import parse
from sqlflow.sql import SqlSyntaxError, read_expression, read_query, read_statements

KINDS = ("string", "integer", "number", "boolean", "date", "timestamp", "identifier", "list")
COLUMNS: TypeAdapter[Columns] = TypeAdapter(Columns)


def reader(text: str) -> None:
    """Read YAML: it becomes nodes or problems, and every place is in the text."""
    source = Source("t.yaml", text)
    root, problems = parse(source)
    for problem in problems:
        _is_sound(problem, source)
    assert root is not None or problems or not text.strip() or _is_bare(text)
    if root is not None:
        _stands(root, source)


def interpolation(text: str) -> None:
    """Find expressions: they stand where they say, and a text without any is what it was."""
    found = list(expressions(text))
    for one in found:
        assert text[one.start : one.start + 2] == "${"
    good = [one for one in found if isinstance(one, Expression)]
    if any(isinstance(one, BadExpression) for one in found):
        return
    filled = fill(text, {one.start: Resolved("x") for one in good})
    whole = len(good) == 1 and (good[0].start, good[0].end) == (0, len(text))
    assert good or filled.value == unescape(text)
    for offset in () if whole else range(0, len(str(filled.value)) + 1, 7):
        assert 0 <= moved(text, str(filled.value), offset) <= len(text)


def sql(text: str) -> None:
    """Read SQL: it is refused at a character of it, or its parameters stand where they are said to."""
    for read in (read_query, read_expression):
        try:
            references = read(text)
        except SqlSyntaxError as error:
            _is_within(error, text)
            continue
        for parameter in references.parameters:
            at = parameter.offset
            assert text[at : at + 1] in ("$", "?"), (parameter, text)
    try:
        statements = read_statements(text)
    except SqlSyntaxError as error:
        _is_within(error, text)
        return
    for statement in statements:
        assert 0 <= statement.offset <= len(text)


def durations(text: str) -> None:
    """Read a duration: it is written again as the same, or refused in words."""
    try:
        found = parse_duration(text)
    except ValueError:
        return
    if found.microseconds % 1000 == 0 and found.days < 10_000:  # beyond that, fractions are not exact
        assert parse_duration(format_duration(found)) == found, (text, found, format_duration(found))


def values(text: str) -> None:
    """Read the value of a variable by each type, or refuse it."""
    resolved = resolve(text) if text else None
    infer(resolved)
    for kind in KINDS:
        for read in (lambda kind=kind: parse_value(text, kind), lambda kind=kind: coerce(resolved, kind)):
            with suppress(ValueError):
                read()


def columns(text: str) -> None:
    """Take the type of a column, or refuse it."""
    with suppress(ValidationError):
        COLUMNS.validate_python({"a": text})


def document(text: str) -> None:
    """Validate a whole document: every problem has a code, a remedy and a place that is there."""
    path = _folder() / "t.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    source = Source("t.yaml", path.read_bytes().decode("utf-8-sig"))
    bench = Bench()
    try:
        for problem in Pipeline(path, _catalog()).draft().compile(bench).problems:
            _is_sound(problem, source)
    finally:
        bench.close()


TARGETS: dict[str, Callable[[str], None]] = {
    one.__name__: one for one in (reader, interpolation, sql, durations, values, columns, document)
}


@cache
def _catalog() -> Catalog:
    return installed()


@cache
def _folder() -> Path:
    folder = tempfile.mkdtemp(prefix="fuzz")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _is_within(error: SqlSyntaxError, text: str) -> None:
    assert 0 <= error.offset <= len(text) + 1, error.offset


def _is_bare(text: str) -> bool:
    """Tell whether a text is nothing but comments and markers."""
    return all(line.strip() in ("", "---", "...") or line.lstrip()[:1] in "#%\ufeff" for line in text.splitlines())


def _is_sound(problem: Problem, source: Source) -> None:
    assert problem.message, problem
    assert problem.hint, problem
    for mark in (problem.mark, *problem.related):
        if mark is not None and Path(mark.file).name == "t.yaml":
            _is_there(mark, source)


def _is_there(mark: Mark, source: Source) -> None:
    lines = source.lines or [""]
    assert 1 <= mark.line <= len(lines) + 1, mark
    shown = lines[mark.line - 1] if mark.line <= len(lines) else ""
    assert 1 <= mark.column <= len(shown) + 1, (mark, shown)


def _stands(node: Node, source: Source) -> None:
    _is_there(source.at(node), source)
    if isinstance(node, Scalar):
        for offset in range(0, len(node.text), 5):
            _is_there(source.within(node, offset), source)
    inner = node.items if isinstance(node, Sequence) else node.values.values() if isinstance(node, Mapping) else ()
    for one in inner:
        _stands(one, source)
