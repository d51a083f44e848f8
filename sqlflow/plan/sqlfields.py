"""SQL in a document: parsed, bound to the values of its parameters, every complaint at its character."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from sqlflow.problem import Mark, closest
from sqlflow.project import display
from sqlflow.sdk import BoundStatement, Role
from sqlflow.spec import (
    Diagnosis,
    Document,
    Expression,
    Mapping,
    Node,
    Pipeline,
    Scalar,
    Sequence,
    Source,
    expressions,
    is_interpolated,
    read_source,
    unescape,
)
from sqlflow.sql import (
    REFUSED,
    Reference,
    References,
    SqlSyntaxError,
    foresee,
    read_expression,
    read_query,
    read_statements,
    with_literals,
)

from .scope import Scope


class SqlField(Struct):
    """One piece of SQL with its place: inside a scalar of the document, or a file of its own."""

    text: str
    node: Scalar | None
    diagnosis: Diagnosis
    file: Source | None = None

    def mark(self, offset: int) -> Mark | None:
        """Return the place of a character of the SQL."""
        if self.file is not None:
            before = self.file.text[:offset]
            return self.file.mark(before.count("\n"), offset - (before.rfind("\n") + 1))
        if self.node is None:
            return None
        if is_interpolated(self.node.text):
            offset = moved(self.node.text, self.text, offset)
        return self.diagnosis.source.within(self.node, offset)


class Binder(Struct):
    """Binds the SQL of one step. `functions` and `hidden` gather what it calls."""

    scope: Scope
    diagnosis: Diagnosis
    functions: set[str] = field(default_factory=set)
    hidden: list[tuple[str, Any]] = field(default_factory=list)
    deferred: frozenset[str] = frozenset()
    """Parameters that the step gives values itself when it runs."""
    when: SqlField | None = None
    """The condition of the step, once it is bound."""

    def bind(self, role: Role, piece: SqlField) -> tuple[BoundStatement, ...]:
        """Parse and bind; returns nothing when it does not parse, or holds a value that is not known here."""
        if piece.node is not None and is_interpolated(piece.node.text) and is_interpolated(piece.text):
            return ()
        try:
            if role is Role.STATEMENTS:
                return tuple(self._statements(piece))
            if role is Role.EXPRESSION:
                return (self.bound(piece.text, read_expression(piece.text), piece),)
            return (self.bound(strip(piece.text), read_query(piece.text), piece),)
        except SqlSyntaxError as error:
            self._syntax(error, piece)
            return ()

    def bound(self, sql: str, references: References, piece: SqlField, *, base: int | None = None) -> BoundStatement:
        """Give the parameters of one statement their values."""
        self.functions |= references.functions
        self.hidden += [(h.name, piece.mark(h.offset)) for h in references.hidden]
        parameters = self.parameters(references.parameters, piece)
        literal = None
        if base is None and all(p.name in parameters for p in references.parameters):
            literal = with_literals(piece.text, references.parameters, parameters)
        return BoundStatement(
            sql,
            parameters,
            frozenset(references.reads),
            frozenset(references.writes),
            frozenset(p.name for p in references.parameters) & self.deferred,
            references.volatile,
            references.digest,
            literal and strip(literal),
            len(piece.text) - len(piece.text.lstrip()) if base is None else base,
        )

    def parameters(self, references: Iterable[Reference], piece: SqlField) -> dict[str, Any]:
        """Look up `$name`; an unknown one is noted with every place that uses it."""
        values: dict[str, Any] = {}
        for reference in references:
            if reference.name in self.deferred:
                continue
            value = self.scope.values.get(reference.name)
            mark = piece.mark(reference.offset)
            place = mark or Mark(self.diagnosis.source.file, 1, 1)
            if reference.name.isdigit():
                shown = "?" if piece.text[reference.offset : reference.offset + 1] == "?" else f"${reference.name}"
                hint = "write $name, the name of a variable that is declared under vars"
                self.diagnosis.add("SF404", f"positional parameter {shown}", place, hint)
            elif value is None:
                self.diagnosis.undefined.setdefault(reference.name, []).append(place)
            elif value.known:
                values[reference.name] = value.value
        return values

    def _statements(self, piece: SqlField) -> Iterable[BoundStatement]:
        parsed = read_statements(piece.text)
        if not parsed:
            raise SqlSyntaxError("expected SQL statements, found nothing", 0)
        for statement in parsed:
            place = piece.mark(statement.offset)
            word = statement.sql.split(None, 1)[0].upper().rstrip(";")
            if (remedy := REFUSED.get(statement.kind)) is not None:
                self.diagnosis.add("SF403", f"{word} cannot stand in a step", place, remedy)
                continue
            if statement.references.parameters and re.match(
                r"create\s.*?\bview\b", statement.sql, re.IGNORECASE | re.DOTALL
            ):
                self.diagnosis.add(
                    "SF403",
                    "a view cannot take parameters here",
                    place,
                    "use a transform with materialize: view, which writes the values in",
                )
                continue
            yield self.bound(statement.sql, statement.references, piece, base=statement.offset)

    def _syntax(self, error: SqlSyntaxError, piece: SqlField) -> None:
        node, source = piece.node, self.diagnosis.source
        if node is not None and node.style is None:
            line = source.lines[node.line]
            rest = line[node.column + len(node.text) :]
            if rest.lstrip().startswith("#") and node.text == line[node.column :][: len(node.text)]:
                head = line[: node.column].strip()
                deep = " " * (2 + len(head) - len(head.lstrip("- ")))
                self.diagnosis.add(
                    "SF107",
                    "YAML ends this text at ' #', which starts a comment",
                    node,
                    f"write it as a block:\n{head} |\n{deep}{line[node.column :].strip()}",
                )
                return
        hint = _remedy(piece.text, error.offset)
        self.diagnosis.add("SF401", f"SQL: {error.message}", piece.mark(error.offset), hint)


_CLAUSES = ("select", "from", "where", "group", "having", "order", "limit", "join", "union", "insert", "update",
            "delete", "create", "values", "distinct", "between", "qualify")  # fmt: skip

_TAKEN = re.compile(
    r"(?:[,(.=<>+*/-]|\b(?:select|distinct|by|and|or|on|where))\s*(?P<word>at|check|column|default|desc|end|group|limit"
    r"|offset|order|primary|references|table|to|unique|user)$",
    re.IGNORECASE,
)
"""A word that SQL keeps for itself, and people like as the name of a column, where one would stand."""


def _remedy(text: str, offset: int) -> str:
    """Say what may have been meant where SQL does not parse."""
    before, rest = text[:offset].rstrip(), text[offset:]
    if "{{" in text or "{%" in text:
        return "templates have no meaning here: write the table's name, $name for a value"
    if re.match(r"\$\w", rest) and re.search(r"\b(from|join|into|update)$", before, re.IGNORECASE):
        return "a value cannot name a table: give the variable type: identifier and write ${name}"
    if re.search(r"\bselect\s+top$", before, re.IGNORECASE):
        return "write limit and the number at the end"
    if before.endswith(";"):
        return "one query makes a table; several statements are a step of type sql"
    start = re.match(r"\w*", rest)
    for read in (before, text[: offset + (start.end() if start else 0)]):
        if taken := _TAKEN.search(read):
            return f'{taken["word"]} is a word of SQL: if it is meant as a name, write "{taken["word"]}"'
    found = re.match(r"\w+", rest)
    words = [found[0] if found else "", *re.findall(r"\w+$", before)]
    for word in (word for word in words if word.lower() not in _CLAUSES):
        if (meant := closest(word, _CLAUSES)) and len(word) > 3:  # noqa: PLR2004 - short words are close to anything
            return f"did you mean {meant!r}? The SQL is DuckDB's dialect"
    return "the SQL is DuckDB's dialect"


def parse_ahead(documents: Iterable[Document[Pipeline]]) -> None:
    """Parse what stands under `sql` in the steps of all documents in one go; binding then finds it parsed."""
    texts: list[str] = []
    for document in documents:
        steps = document.node("steps")
        for step in steps.items if isinstance(steps, Sequence) else ():
            written = step.values.get("sql") if isinstance(step, Mapping) else None
            if isinstance(written, Scalar) and isinstance(written.value, str):
                texts.append(written.value)
    foresee(texts)


def moved(written: str, filled: str, offset: int) -> int:
    """Return the character of a text as written that stands at one of the text with values in it."""
    found = [e for e in expressions(written) if isinstance(e, Expression)]
    parts, position = [], 0
    for expression in found:
        parts.append(unescape(written[position : expression.start]))
        position = expression.end
    ways = [re.escape(part) for part in (*parts, unescape(written[position:]))]
    fitting = re.fullmatch(r"(.*?)".join(ways), filled, re.DOTALL)
    if fitting is None:
        return 0
    shift = 0
    for number, expression in enumerate(found, 1):
        if offset < fitting.start(number):
            break
        if offset < fitting.end(number):
            return expression.start
        shift = expression.end - fitting.end(number)
    return offset + shift


def strip(sql: str) -> str:
    """Return a query that may stand in parentheses: no closing semicolon, and a last comment cannot swallow more."""
    bare = sql.strip()
    while bare.endswith(";"):
        bare = bare[:-1].rstrip()
    return bare + "\n" if "--" in bare.rsplit("\n", 1)[-1] else bare


def read_sql_file(node: Node, name: str, folder: Path, diagnosis: Diagnosis) -> SqlField | None:
    """Read the file that holds the SQL of a step; None when it is not there, or its name is not known here."""
    if is_interpolated(name):
        return None
    source, problems = read_source(folder / name, name)
    if source is None:
        hint = problems[0].hint
        if problems[0].code == "SF101":
            here = display(folder)
            hint = (
                f"check the path; it starts at {'this folder' if here == '.' else f'{here}, the folder of the project'}"
            )
        diagnosis.add("SF501", problems[0].message, node, hint)
        return None
    return SqlField(source.text, None, diagnosis, source)
