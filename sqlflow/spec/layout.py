"""A document in its canonical layout: two spaces, keys in an order that is given, comments where they belong.

Pure text. What keys mean, and which order is right, is not its business.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct, field

from .concrete import Piece, pieces
from .node import Path_, Source
from .text import parse

Order = Callable[[Path_, Sequence[str]], Sequence[str]]
"""Says in which order the keys of the mapping at a path stand."""
Rewrite = Callable[[Path_, str], str]
"""Returns the text of a block under | in its own layout, or as it is."""

STEP = 2
_TAIL = re.compile(r"([ \t]*)(#[^\n]*)?")
_COLON = re.compile(r"[ \t]*:(?=\s)")
_HEADER = re.compile(r"(?:[&!]\S*[ \t]+)*[|>][-+]?(?=[ \t\n])")
_HEAD = re.compile(r"[&!]\S*([ \t]+[&!]\S*)*")
_DASHES = re.compile(r"^[ \t]*(-(?=\s|$)[ \t]*)*")
_MARKER = re.compile(r"^(%|---|\.\.\.)", re.MULTILINE)


class CannotLayOut(Exception):
    """The text is written in a way that is not understood well enough to touch it; says why."""


class _Entry(Struct):
    """One entry of a block: the comments and the empty line above it, and its own lines."""

    name: str
    above: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def laid_out(source: Source, order: Order, rewrite: Rewrite) -> str:
    """Return the text of a document in its canonical layout.

    Raises:
        CannotLayOut: the document does not parse, or is written in a way that is left alone.

    """
    _, problems = parse(source)
    if problems:
        raise CannotLayOut(problems[0].message)
    text = source.text.replace("\r\n", "\n")
    if re.search("[\t\r\x85\u2028\u2029]", text):
        raise CannotLayOut("it holds tabs or unusual line breaks")
    first = _Layout(text, order, rewrite)
    result = first.document()
    again = _Layout(result, order, rewrite)
    if parse(Source(source.file, result))[1]:
        raise CannotLayOut("it would not parse any more")
    if again.document() != result or Counter(first.comments) != Counter(again.comments):
        raise CannotLayOut("its comments stand where they could not be kept")
    return result


class _Layout:
    """Walks once through a text, from its start to its end; `at` is how far it has come."""

    def __init__(self, text: str, order: Order, rewrite: Rewrite) -> None:
        self.text = text if text.endswith("\n") else text + "\n"
        self.order = order
        self.rewrite = rewrite
        self.at = 0
        self.comments: list[str] = []

    def document(self) -> str:
        root = pieces(self.text)
        if root is None or root.kind != "map" or root.flow or self.text[root.start] in "&!":
            raise CannotLayOut("it is not a block of keys")
        head = self.above(root.start, 0)
        if _MARKER.search(self.text):
            raise CannotLayOut("it has markers of documents, or directives")
        lines = [*_without_first_blank(head), *_joined(self.mapping(root, 0, ()))]
        if self.text[self.at :].strip():
            raise CannotLayOut("something stands behind its last key")
        return "\n".join(lines).rstrip("\n") + "\n"

    def mapping(self, piece: Piece, indent: int, path: Path_) -> list[_Entry]:
        entries = []
        for key, value in piece.pairs():
            above = self.above(key.start, indent)
            written = self.text[key.start : key.end]
            colon = _COLON.match(self.text, key.end)
            if colon is None or "\n" in written:
                raise CannotLayOut(f"the key {written!r} is written in a way that is left alone")
            self.at = colon.end()
            name = written[1:-1] if written[:1] in "'\"" else written
            shift = indent - key.column
            lines = self.value(f"{' ' * indent}{written}:", value, indent, (*path, name), shift)
            entries.append(_Entry(name, above, lines))
        last = self.below(piece.column, indent)
        if len({entry.name for entry in entries}) == len(entries):
            order = {name: number for number, name in enumerate(self.order(path, [e.name for e in entries]))}
            moved = sorted(entries, key=lambda entry: order[entry.name])
            if path and moved != entries:  # empty lines told groups of keys that are no more
                moved = [_Entry(e.name, [line for line in e.above if line], e.lines) for e in moved]
            entries = moved
        entries[-1].lines += last
        return entries

    def sequence(self, piece: Piece, indent: int, path: Path_, column: int) -> list[_Entry]:
        entries: list[_Entry] = []
        for number, item in enumerate(piece.items):
            above = self.above(item.start, indent)
            place = (*path, number)
            if item.kind in ("map", "seq") and not item.flow:
                if self.text[item.start] in "&!" or not item.items:
                    raise CannotLayOut("an item of a list begins with an anchor or a tag")
                inner = self.block(item, indent + STEP, place, item.column)
                above += [" " * indent + line.strip() for line in inner[0].above if line]
                inner[0].above, lines = [], _joined(inner)
                lines[0] = f"{' ' * indent}- {lines[0].lstrip(' ')}"
            elif item.start == item.end:
                raise CannotLayOut("an item of a list is empty")
            else:
                lines = self.value(f"{' ' * indent}-", item, indent, place, indent + STEP - item.column)
            if path == ("steps",) and entries and max(len(lines), len(entries[-1].lines)) > 1 and above[:1] != [""]:
                above.insert(0, "")
            entries.append(_Entry("", above, lines))
        entries[-1].lines += self.below(column, indent)
        return entries

    def block(self, piece: Piece, indent: int, path: Path_, column: int) -> list[_Entry]:
        if piece.kind == "map":
            return self.mapping(piece, indent, path)
        return self.sequence(piece, indent, path, column)

    def value(self, front: str, value: Piece, indent: int, path: Path_, shift: int) -> list[str]:
        """Return the lines of an entry; `front` is its key or dash, and all up to there is read."""
        if value.kind in ("map", "seq") and not value.flow:
            end = self.at
            if self.text[value.start] in "&!" and (head := _HEAD.match(self.text, value.start)):
                front, end = f"{front} {head[0]}", head.end()
            owner = len(front) - len(front.lstrip(" ")) - shift
            line = self.tail(end, front)
            inner = self.block(value, indent + STEP, path, max(value.column, owner + 1))
            return [line, *_joined(inner)]
        if value.start == value.end:
            return [self.tail(self.at, front)]
        if self.text[self.at : value.start].strip():
            raise CannotLayOut("a comment stands between a key and its value")
        if value.block:
            return self.text_block(front, value, indent, path)
        written = self.inline(value, path)
        first, *rest = written.split("\n")
        rest = [self.shifted(line, indent + STEP, shift) for line in rest]
        return self.tail(value.end, "\n".join([f"{front} {first}", *rest])).split("\n")

    def text_block(self, front: str, value: Piece, indent: int, path: Path_) -> list[str]:
        header = _HEADER.match(self.text, value.start)
        if header is None:
            raise CannotLayOut("a block of text says how far it is indented")
        line = self.tail(header.end(), f"{front} {header[0]}")
        lines, deep = [], 0
        for written in self.text[self.at :].split("\n")[:-1]:
            bare = written.lstrip(" ")
            depth = len(written) - len(bare)
            if bare and not deep:
                deep = depth
            if bare and (depth < deep or depth < 1):
                break
            lines.append(written)
        if not deep:
            raise CannotLayOut("a block of text is empty")
        if not header[0].endswith("+"):
            while not lines[-1].strip():
                lines.pop()
        self.at += sum(len(written) + 1 for written in lines)
        content = "\n".join(written[deep:] for written in lines)
        if "|" in header[0].rsplit(None, 1)[-1]:
            content = self.rewrite(path, content)
        return [line, *(f"{' ' * (indent + STEP)}{part}" if part else "" for part in content.split("\n"))]

    def inline(self, value: Piece, path: Path_) -> str:
        """Return a scalar as it stands, and a list or mapping in brackets with even spaces where it is one line."""
        written = self.text[value.start : value.end]
        if value.kind in ("scalar", "alias") or "\n" in written or not _is_plain_flow(self.text, value):
            return written
        return self.flow(value, path)

    def flow(self, value: Piece, path: Path_) -> str:
        if value.kind == "seq":
            return "[" + ", ".join(self.flow(item, (*path, n)) for n, item in enumerate(value.items)) + "]"
        if value.kind != "map":
            return self.text[value.start : value.end]
        told = {}
        for key, inner in value.pairs():
            written = self.text[key.start : key.end]
            name = written[1:-1] if written[:1] in "'\"" else written
            told[name] = f"{written}: {self.flow(inner, (*path, name))}"
        return "{" + ", ".join(told[name] for name in self.order(path, list(told))) + "}"

    def above(self, start: int, indent: int) -> list[str]:
        """Return the comments and empty lines up to an entry; several empty lines become one."""
        *lines, last = self.text[self.at : start].split("\n")
        if _DASHES.sub("", last):
            raise CannotLayOut(f"{last.strip()!r} stands before an entry")
        self.at = start
        return list(self.tidied(lines, indent))

    def below(self, column: int, indent: int) -> list[str]:
        """Return the comments behind the last entry of a block that are indented as far as the block is."""
        lines: list[str] = []
        taken = 0
        for line in self.text[self.at :].split("\n"):
            bare = line.lstrip(" ")
            if bare and not (bare.startswith("#") and len(line) - len(bare) >= column):
                break
            lines.append(line)
            taken = len(lines) if bare else taken
        self.at += sum(len(line) + 1 for line in lines[:taken])
        return list(self.tidied(lines[:taken], indent))

    def tidied(self, lines: Sequence[str], indent: int) -> Iterator[str]:
        empty = False
        for line in lines:
            bare = _DASHES.sub("", line).strip()
            if bare.startswith("#"):
                self.comments.append(bare)
                yield " " * indent + bare
            elif bare:
                raise CannotLayOut(f"{bare!r} stands between two entries")
            elif not empty and not line.strip():
                yield ""
            empty = not line.strip()

    def tail(self, end: int, line: str) -> str:
        """Return a line with the comment behind it, and go on to the next one."""
        found = _TAIL.match(self.text, end)
        stop = found.end() if found else end
        if found is None or self.text[stop] != "\n":
            raise CannotLayOut(f"{self.text[end : end + 20]!r} stands behind a value")
        self.at = stop + 1
        if not found[2]:
            return line
        comment = found[2].rstrip()
        self.comments.append(comment)
        return f"{line}{found[1] if len(found[1]) >= STEP else ' ' * STEP}{comment}"

    @staticmethod
    def shifted(line: str, least: int, shift: int) -> str:
        """Return a further line of a value, moved as far as its first line is."""
        bare = line.strip(" ") if not line.endswith("\\ ") else line.lstrip(" ")
        return " " * max(least, len(line) - len(line.lstrip(" ")) + shift) + bare if bare else ""


def _is_plain_flow(text: str, value: Piece) -> bool:
    """Tell whether a list or mapping in brackets holds nothing but what can be written anew."""
    if value.kind in ("scalar", "alias"):
        return value.start < value.end
    opening = "[" if value.kind == "seq" else "{"
    return text[value.start] == opening and all(_is_plain_flow(text, item) for item in value.items)


def _joined(entries: Sequence[_Entry]) -> list[str]:
    lines: list[str] = []
    for entry in entries:
        lines += entry.above if lines else _without_first_blank(entry.above)
        lines += entry.lines
    return lines


def _without_first_blank(lines: Sequence[str]) -> list[str]:
    return list(lines[1:] if lines[:1] == [""] else lines)
