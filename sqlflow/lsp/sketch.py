"""What can be seen of YAML that somebody is typing: keys, lists and texts by their indentation, and never an error.

A document is no YAML most of the time that it is edited. This reads it as its writer means it: a word alone on its
line is a key to be, a bracket ends where the indentation does. Knows nodes; not what a key means.
"""

from __future__ import annotations

import re

from sqlflow.spec import Mapping, Node, Scalar, Sequence, resolve

_KEY = re.compile(r"""(?P<key>"[^"]*"|'[^']*'|[^\s\-?#&*!|>%@"'`{}\[\],][^#:{}\[\]]*?|-[^\s#:]+)\s*:(?=\s|$)""")
_BLOCK = re.compile(r"(?P<style>[|>])[-+]?(?P<margin>\d?)[-+]?\s*(?:#.*)?$")
_MARKED = re.compile(r"(?:[&!]\S*\s+)+")
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_BLANK = re.compile(r"\s*(?:#.*)?$")
_FLOW = re.compile(r"[^,{}\[\]\n#:]+|#(?<=\S#)|:(?=[^\s,{}\[\]])")
_QUOTED = {'"': re.compile(r'"(?:[^"\\]|\\.)*"'), "'": re.compile(r"'(?:[^']|'')*'")}


def sketch(text: str) -> Node:
    """Return the root of a text, however broken it is; an empty one is an empty mapping."""
    return _Sketch(text).block(0) or Mapping(0, 0)


class _Sketch:
    """Reads lines from the top. A dash that has been read becomes a space, so that its item is a block like any."""

    def __init__(self, text: str) -> None:
        self.lines = [line.rstrip("\r") for line in text.split("\n")]
        self.row = 0

    def next(self) -> int:
        """Go to the next line that says something; returns its indentation, -1 at the end."""
        while self.row < len(self.lines):
            line = self.lines[self.row]
            if not _BLANK.match(line) and not line.startswith(("---", "...", "%")):
                return len(line) - len(line.lstrip())
            self.row += 1
        return -1

    def block(self, least: int) -> Node | None:
        """Read what is indented by `least` or more; None: there is nothing."""
        indent = self.next()
        if indent < least:
            return None
        rest = self.lines[self.row][indent:]
        if rest == "-" or rest.startswith("- "):
            return self.sequence(indent)
        return self.mapping(indent) if self.begins_mapping(indent) else self.value(self.row, indent, least - 1)

    def begins_mapping(self, indent: int) -> bool:
        """Tell whether a line is a key, or a bare word above one."""
        line = self.lines[self.row]
        if _KEY.match(line, indent):
            return True
        if line[indent] in "{[\"'|>*&!":
            return False
        here, self.row = self.row, self.row + 1
        below = self.next() == indent and _KEY.match(self.lines[self.row], indent) is not None
        self.row = here
        return below

    def sequence(self, indent: int) -> Sequence:
        found = Sequence(self.row, indent)
        while self.next() == indent and re.match(r"-(\s|$)", self.lines[self.row][indent:]):
            row, line = self.row, self.lines[self.row]
            self.lines[row] = f"{line[:indent]} {line[indent + 1 :]}"
            if _BLANK.match(self.lines[row]):
                self.row += 1
            found.items.append(self.block(indent + 1) or Scalar(row, len(line), None, ""))
        return found

    def mapping(self, indent: int) -> Mapping:
        found = Mapping(self.row, indent)
        while (here := self.next()) >= indent:
            line, row = self.lines[self.row], self.row
            key = _KEY.match(line, indent)
            if here > indent or re.match(r"-(\s|$)", line[indent:]):  # it belongs to nothing
                self.row += 1
                continue
            if key is None:
                word = _COMMENT.sub("", line[indent:]).strip()
                self.row += 1
                _put(found, Scalar(row, indent, word, word), Scalar(row, len(line), None, ""))
                continue
            name = key["key"].strip("\"'")
            _put(found, Scalar(row, indent, name, name), self.under(row, key.end(), indent))
        return found

    def under(self, row: int, column: int, indent: int) -> Node:
        """Read the value of a key, which begins behind its colon or on the lines below."""
        line = self.lines[row]
        column = len(line) - len(line[column:].lstrip())
        if marked := _MARKED.match(line, column):
            column = marked.end()
        if not _BLANK.match(line[column:]):
            return self.value(row, column, indent)
        self.row += 1
        below = self.next()
        if below == indent and re.match(r"-(\s|$)", self.lines[self.row][indent:]):
            return self.sequence(indent)
        return self.block(indent + 1) or Scalar(row, min(column, len(line)), None, "")

    def value(self, row: int, column: int, indent: int) -> Node:
        """Read a value that begins at a character; lines below belong to it as long as they are indented deeper."""
        line, self.row = self.lines[row], row + 1
        if block := _BLOCK.match(line, column):
            text = self.text(indent, int(block["margin"] or 0))
            return Scalar(row, column, text, text, block["style"])
        end = self.row
        while end < len(self.lines) and (_BLANK.match(self.lines[end]) or self.deeper(end, indent)):
            end += 1
        if line[column] in "{[":
            flow = _Flow("\n".join([line[column:], *self.lines[row + 1 : end]]), row, column)
            found = flow.node()
            self.row = flow.row(flow.at) + 1
            return found
        if quoted := _QUOTED.get(line[column]):
            whole = "\n".join([line[column:], *self.lines[row + 1 : end]])
            closed = quoted.match(whole)
            written = closed[0][1:-1] if closed else line[column + 1 :]
            self.row = row + 1 + written.count("\n")
            return Scalar(row, column, written, written, line[column])
        parts = [_COMMENT.sub("", line[column:]).strip()]
        while self.row < end and not _KEY.match(self.lines[self.row].lstrip()):
            parts.append(_COMMENT.sub("", self.lines[self.row]).strip())
            self.row += 1
        text = " ".join(parts).rstrip()
        return Scalar(row, column, resolve(text), text)

    def deeper(self, row: int, indent: int) -> bool:
        line = self.lines[row]
        return len(line) - len(line.lstrip()) > indent

    def text(self, indent: int, stated: int) -> str:
        """Read the lines of a text under | or >."""
        first = self.row
        while self.row < len(self.lines) and (not self.lines[self.row].strip() or self.deeper(self.row, indent)):
            self.row += 1
        lines = self.lines[first : self.row]
        margin = next((len(line) - len(line.lstrip()) for line in lines if line.strip()), 0)
        margin = indent + stated if stated else margin
        return "\n".join(line[margin:] for line in lines).rstrip("\n") + "\n"


class _Flow:
    """Reads `{...}` and `[...]` from the characters of a region, whose first stands at a line and a column."""

    def __init__(self, text: str, row: int, column: int) -> None:
        self.text, self.first, self.column = text, row, column
        self.at = 0

    def row(self, at: int) -> int:
        return self.first + self.text.count("\n", 0, at)

    def place(self, at: int) -> tuple[int, int]:
        start = self.text.rfind("\n", 0, at) + 1
        return self.row(at), at - start + (self.column if start == 0 else 0)

    def peek(self) -> str:
        """Go to the next character that says something, and return it; empty at the end."""
        while found := re.compile(r"\s+|#.*").match(self.text, self.at):
            self.at = found.end()
        return self.text[self.at : self.at + 1]

    def node(self) -> Node:
        first = self.peek()
        row, column = self.place(self.at)
        if first == "{":
            return self.mapping(row, column)
        if first == "[":
            self.at += 1
            found = Sequence(row, column)
            while (character := self.peek()) not in ("]", "", "}"):
                before = self.at
                if character in ",:":
                    self.at += 1
                    continue
                found.items.append(self.node())
                self.at = max(self.at, before + 1)
            self.at += character == "]"
            return found
        return self.scalar()

    def mapping(self, row: int, column: int) -> Mapping:
        self.at += 1
        found = Mapping(row, column, flow=True)
        while (character := self.peek()) not in ("}", "", "]"):
            before = self.at
            if character == ",":
                self.at += 1
                continue
            key, value = self.scalar(), Scalar(*self.place(self.at), None, "")
            if self.peek() == ":":
                self.at += 1
                value = Scalar(*self.place(self.at), None, "")
                behind = self.peek()
                _put(found, key, value if behind in (",", "}", "") else self.node())
            else:
                _put(found, key, value)
            self.at = max(self.at, before + 1)
        self.at += character == "}"
        return found

    def scalar(self) -> Scalar:
        first, start = self.peek(), self.at
        row, column = self.place(start)
        if first in _QUOTED and (closed := _QUOTED[first].match(self.text, start)):
            self.at = closed.end()
            return Scalar(row, column, closed[0][1:-1], closed[0][1:-1], first)
        while plain := _FLOW.match(self.text, self.at):
            self.at = plain.end()
        text = self.text[start : self.at].rstrip()
        return Scalar(row, column, resolve(text), text)


def _put(mapping: Mapping, key: Scalar, value: Node) -> None:
    mapping.keys[key.text] = key
    mapping.values[key.text] = value
