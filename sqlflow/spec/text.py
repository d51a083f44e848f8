"""YAML text to nodes that know their place. The only file that knows the YAML library.

YAML is 1.2: `no`, `on` and `2024-01-01` are text, and so is every scalar that the 1.2 core schema does not name.
Nothing here knows what a key means.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.cyaml import CParser  # type: ignore[attr-defined]
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError

from sqlflow.problem import Mark, Problem

from .node import Mapping, Node, Scalar, Sequence, Source, count

_WORDS: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    ".inf": float("inf"), ".Inf": float("inf"), "+.inf": float("inf"), "-.inf": float("-inf"),
    "-.Inf": float("-inf"), ".nan": float("nan"), ".NaN": float("nan"),
}  # fmt: skip
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_RADIX = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_LONGEST_NUMBER = 400  # longer digit runs are text: no id, key or amount is written so


def resolve(text: str) -> Any:
    """Read a plain scalar by the YAML 1.2 core schema."""
    if text in _WORDS:
        return _WORDS[text]
    first = text[0]
    if (first not in "-+.0123456789") or len(text) > _LONGEST_NUMBER:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return int(text, 0) if _RADIX.fullmatch(text) else text


def read_source(path: Path, shown: str) -> tuple[Source | None, list[Problem]]:
    """Read a file as UTF-8 text; a byte-order mark is left out."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None, [Problem("SF101", f"file not found: {shown}", hint="check the path; it starts at this folder")]
    except IsADirectoryError:
        return None, [Problem("SF101", f"{shown} is a folder, not a document", hint="name a file in it")]
    except OSError as error:
        return None, [Problem("SF101", f"cannot read {shown}: {error.strerror}", hint="check its permissions")]
    try:
        return Source(shown, data.decode("utf-8-sig"), path), []
    except UnicodeDecodeError as error:
        before = data[: error.start]
        mark = Mark(shown, before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1)
        return None, [
            Problem(
                "SF102",
                f"not UTF-8 text: byte 0x{data[error.start]:02x} cannot be read",
                mark,
                "save the file as UTF-8",
            )
        ]


def parse(source: Source) -> tuple[Node | None, list[Problem]]:
    """Parse one YAML document. Returns its root, and every problem of the text itself."""
    try:
        builder = _Builder(source)
        return builder.build(), builder.problems
    except MarkedYAMLError as error:
        return None, [_syntax_problem(source, error)]
    except ReaderError as error:
        position = max(source.text.find(chr(error.character)), 0)  # the parsers count in bytes or in characters
        *above, line = source.text[: position + 1].splitlines(keepends=True) or [""]
        mark = source.mark(len(above), len(line) - 1)
        return None, [Problem("SF103", f"not YAML: {error.reason}", mark, "remove the character")]
    except RecursionError:
        return None, [Problem("SF103", "not YAML: nested too deeply", source.mark(0, 0), "flatten the document")]


def events(text: str) -> list[Any]:
    """Return the parser's events. The C parser refuses `{url: s3://x}`, which YAML 1.2 allows; then another decides."""
    parser = CParser(text)
    try:
        return list(iter(parser.get_event, None))
    except MarkedYAMLError:
        try:
            return list(YAML(pure=True).parse(text))
        except MarkedYAMLError:
            pass  # the first message is the one to show
        raise


MOST_ALIASED = 100_000
"""Nodes that aliases may stand for in one document; a few lines can stand for billions."""


class _Builder:
    """Turns the parser's events into nodes."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.anchors: dict[str, Node] = {}
        self.aliased = 0
        self.events = iter(events(source.text))

    def build(self) -> Node | None:
        root: Node | None = None
        documents = 0
        for event in self.events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                documents += 1
            elif kind in ("ScalarEvent", "MappingStartEvent", "SequenceStartEvent", "AliasEvent"):
                node = self.node(event, kind)
                if documents == 1:
                    root = node
                elif documents == 2:  # noqa: PLR2004 - told once, at the second
                    self.problem(
                        "SF105",
                        "a second YAML document in one file",
                        event.start_mark,
                        "put each document into a file of its own",
                    )
        return root

    def node(self, event: Any, kind: str) -> Node:
        start = event.start_mark
        if kind == "ScalarEvent":
            return self.scalar(event)
        if kind == "AliasEvent":
            found = self.anchors.get(event.anchor)
            if found is None:
                self.problem("SF103", f"not YAML: unknown alias *{event.anchor}", start, "define it with & above")
                return Scalar(start.line, start.column, None, "")
            self.aliased += count(found)
            if self.aliased > MOST_ALIASED:
                if self.aliased < 2 * MOST_ALIASED:
                    self.problem(
                        "SF103", "aliases make this document too large", start, "write less of it by reference"
                    )
                    self.aliased = 2 * MOST_ALIASED
                return Scalar(start.line, start.column, None, "")
            return found
        self.check_tag(event)
        if kind == "SequenceStartEvent":
            sequence = Sequence(start.line, start.column)
            for inner in self.events:
                name = type(inner).__name__
                if name == "SequenceEndEvent":
                    break
                sequence.items.append(self.node(inner, name))
            if event.anchor:
                self.anchors[event.anchor] = sequence
            return sequence
        return self.mapping(event)

    def scalar(self, event: Any) -> Scalar:
        start, text, style = event.start_mark, event.value, event.style or None
        column = start.column
        if event.tag or event.anchor:
            self.check_tag(event)
            written = self.source.lines[start.line][column:] if start.line < len(self.source.lines) else ""
            skipped = re.match(r"(?:[&!]\S*\s+)+", written)
            column += skipped.end() if skipped else 0
        value = resolve(text) if style is None and event.tag != "tag:yaml.org,2002:str" else text
        node = Scalar(start.line, column, value, text, style, event.end_mark.index)
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def mapping(self, event: Any) -> Mapping:
        start = event.start_mark
        mapping = Mapping(start.line, start.column, flow=bool(event.flow_style))
        for inner in self.events:
            name = type(inner).__name__
            if name == "MappingEndEvent":
                mapping.end = inner.end_mark.index
                break
            key = self.node(inner, name)
            following = next(self.events)
            value = self.node(following, type(following).__name__)
            if not isinstance(key, Scalar):
                self.problem("SF106", "a key that is a list or a mapping", inner.start_mark, "keys are plain words")
                continue
            if self.rejoined(mapping, key, value):
                continue
            if not isinstance(key.value, str):
                self.problem("SF106", f"key {key.text!r} is not text", inner.start_mark, f'write "{key.text}":')
            if key.text in mapping.values:
                first = self.source.at(mapping.keys[key.text])
                self.problems.append(
                    Problem(
                        "SF104",
                        f"duplicate key {key.text!r}; it is also on line {first.line}",
                        self.source.at(key),
                        "keep one of them",
                        related=(first,),
                    )
                )
                continue
            mapping.keys[key.text] = key
            mapping.values[key.text] = value
        if event.anchor:
            self.anchors[event.anchor] = mapping
        return mapping

    def rejoined(self, mapping: Mapping, key: Scalar, value: Node) -> bool:
        """Recognise `{amount: decimal(12,2)}`, which YAML cuts at the comma, and say so where the text begins."""
        if not mapping.flow or not mapping.values or not isinstance(value, Scalar) or value.text or value.style:
            return False
        name, last = next(reversed(mapping.values.items()))
        if not isinstance(last, Scalar) or last.style or last.text.count("(") <= last.text.count(")") or not key.text:
            return False
        cut = self.source.lines[key.line][last.column :].partition(key.text)
        whole = cut[0] + cut[1] if key.line == last.line else f"{last.text}, {key.text.strip()}"
        mark = self.source.at(last)
        self.problems = [p for p in self.problems if (p.code, p.mark) != ("SF107", mark)]  # told of what was cut before
        mended = f"'{whole}'" if '"' in whole else f'"{whole}"'
        self.problems.append(Problem("SF107", f"YAML cuts {whole} at the comma", mark, f"write {name}: {mended}"))
        last.text = last.value = whole
        return True

    def check_tag(self, event: Any) -> None:
        if event.tag and event.tag not in ("tag:yaml.org,2002:str", "!"):
            self.problem("SF103", f"the tag {event.tag} has no meaning here", event.start_mark, "remove it")

    def problem(self, code: str, message: str, mark: Any, hint: str) -> None:
        self.problems.append(Problem(code, message, self.source.mark(mark.line, mark.column), hint))


_CHECK = "check indentation, brackets and quotes here and on the line above"
_QUOTED_START = re.compile(r"^(?P<head>\s*(?:-\s+)*[\w.-]+:\s+)(?P<value>(['\"]).*\3\s*\S.*)$")
_ARRAY = re.compile(r"[{,]\s*(?P<name>[\w.-]+):\s+(?P<type>\w+(?:\(\d+\))?(?:\[\d*\])+)")
_INNER_COLON = re.compile(r"^(?P<head>\s*(?:-\s+)*[\w.-]+:\s+)(?P<value>[^'\"|>\[{].*:(\s.*)?)$")


def _syntax_problem(source: Source, error: MarkedYAMLError) -> Problem:
    """Say what YAML did not understand, and show the fix where SQL in a plain scalar is the usual cause."""
    at = error.problem_mark or error.context_mark
    line, column = (at.line, at.column) if at else (0, 0)
    shown = source.lines[line] if line < len(source.lines) else ""
    if found := (_QUOTED_START.match(shown) or _INNER_COLON.match(shown)):
        value = found["value"].strip()
        why = "starts with a quote" if value[0] in "'\"" else "holds ': '"
        head = found["head"].strip()
        deep = " " * (2 + len(head) - len(head.lstrip("- ")))
        return Problem(
            "SF107",
            f"YAML cannot read this text as it stands: it {why}",
            source.mark(line, len(found["head"])),
            f"write it as a block:\n{head} |\n{deep}{value}",
        )
    for array in _ARRAY.finditer(shown):
        if array.start("type") < column <= array.end("type"):
            told = f"YAML takes the bracket of {array['type']} for a list"
            mark = source.mark(line, array.start("type"))
            return Problem("SF107", told, mark, f'write {array["name"]}: "{array["type"]}"')
    if "\t" in shown[: column + 1]:
        return Problem("SF108", "a tab in the indentation", source.mark(line, shown.index("\t")), "indent with spaces")
    if error.context_mark and (opened := _opened(source, error, error.context_mark)):
        return opened
    reason = error.problem or "syntax error"
    context = f" {error.context}" if error.context else ""
    return Problem("SF103", f"not YAML: {reason}{context}", source.mark(line, column), _CHECK)


_BLOCK = re.compile(r":\s*[|>][+-]?\s*$")
_NO_SPACE = re.compile(r"\s*(?:-\s+)*(?P<key>[\w.-]+):(?P<value>[^\s/].*)")


def _opened(source: Source, error: MarkedYAMLError, begin: Any) -> Problem | None:
    """Tell of what began and did not end, where it began and not where the parser gave up."""
    context = str(error.context)
    mark = source.mark(begin.line, begin.column)
    if "quoted scalar" in context and "end of stream" in str(error.problem):
        return Problem("SF103", "not YAML: a quote is opened here and never closed", mark, "close it, or remove it")
    if "block scalar" in context and mark.text[mark.column - 1 : mark.column] in "|>":
        told = "not YAML: text stands behind the mark that begins a block"
        return Problem(
            "SF103", told, mark, "write it on the lines below, deeper than the key, or put all of it in quotes"
        )
    above = next((line for line in reversed(source.lines[: mark.line - 1]) if line.strip()), "")
    if "simple key" in context and _BLOCK.search(above):
        told = "not YAML: the text of a block stands deeper than its key"
        return Problem("SF103", told, mark, "indent it by two more spaces")
    if "simple key" in context and (found := _NO_SPACE.fullmatch(mark.text)):
        told = f"not YAML: no space after the colon of {found['key']!r}"
        return Problem("SF103", told, mark, f"write {found['key']}: {found['value']}")
    if "simple key" in context:
        return Problem("SF103", "not YAML: neither a key with a colon nor part of the line above", mark, _CHECK)
    return None
