"""Small mechanical changes of a document, each with the lines at which it may be complained of. Knows YAML only.

A change is made in the text, so that everything else of it stays as it was written: its lines are the reader's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

Path_ = tuple[str | int, ...]
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{2,}")
#: Scalars of another type, in the place of one.
OTHERS = {"number": "4711", "flag": "true", "text": "zebra", "list": "[]", "mapping": "{zebra: 1}"}
#: Keys that decide what the others beside them mean, so that these are where the fault shows.
DECIDING = frozenset({"type", "connector", "connection", "mode", "materialize"})
#: Keys whose values are read by people alone.
PROSE = frozenset({"description"})


@dataclass(frozen=True)
class Spot:
    """One value of a document: its path, its own text from `start` to `end`, and where its key and holder begin."""

    path: Path_
    node: Any
    start: int
    end: int
    key: Any = None
    holder: Any = None

    @property
    def extent(self) -> tuple[tuple[int, int], ...]:
        """Where a fault of it may show beside its own place."""
        if self.holder is None or self.path[-1] not in DECIDING:
            return ()
        return ((self.holder.start_mark.index, self.holder.end_mark.index),)

    @property
    def is_scalar(self) -> bool:
        """Whether it is a single value."""
        return self.node.id == "scalar"


@dataclass(frozen=True)
class Mutant:
    """A document with one change. `places` are parts of its text that have to do with it, `words` names it touches."""

    kind: str
    path: Path_
    text: str
    places: tuple[tuple[int, int], ...]
    words: tuple[str, ...]
    told: str

    @cached_property
    def lines(self) -> set[int]:
        """The lines at which a complaint is in its place: those changed, and those that speak of the names."""
        found: set[int] = set()
        for start, end in self.places:
            found |= set(range(self._line(start), self._line(max(start, end - 1)) + 1))
        spoken = [name for part in self.path for name in _PARAMETERS.get(str(part), ())]
        for word in (*self.words, *spoken):
            found |= {self._line(m.start()) for m in re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", self.text)}
        return found

    def _line(self, offset: int) -> int:
        return self.text.count("\n", 0, offset) + 1

    def __str__(self) -> str:
        """Return the change in a line."""
        return f"{self.kind} {'.'.join(map(str, self.path))}: {self.told}"


def spots(text: str) -> Iterator[Spot]:
    """Yield every value of a document."""
    yield from _spots(YAML(pure=True).compose(text), (), text)


def _spots(node: Any, path: Path_, text: str, key: Any = None, holder: Any = None) -> Iterator[Spot]:
    start, end = node.start_mark.index, node.end_mark.index
    end = start + len(text[start:end].rstrip()) if holder is not None else end
    yield Spot(path, node, start, end, key, holder)
    if node.id == "mapping":
        for name, value in node.value:
            yield from _spots(value, (*path, name.value), text, name, node)
    elif node.id == "sequence":
        for position, item in enumerate(node.value):
            yield from _spots(item, (*path, position), text, None, node)


def extents(text: str, part: str) -> list[tuple[int, int, str]]:
    """Return first line, last line and text of every item of a part; none where YAML cannot be read."""
    try:
        root = YAML(pure=True).compose(text)
    except MarkedYAMLError:
        return []
    steps = next((v for k, v in getattr(root, "value", ()) if getattr(k, "value", "") == part), None)
    found = []
    for item in steps.value if steps is not None and steps.id == "sequence" else ():
        inner = text[item.start_mark.index : item.end_mark.index].rstrip()
        found.append((item.start_mark.line + 1, item.start_mark.line + 1 + inner.count("\n"), inner))
    return found


def misspelt(word: str) -> str:
    """Return a word with two letters in the middle changed over, or one left out where they are alike."""
    middle = len(word) // 2
    turned = word[: middle - 1] + word[middle] + word[middle - 1] + word[middle + 1 :]
    return turned if turned.lower() != word.lower() else word[:middle] + word[middle + 1 :]


def mutants(text: str) -> Iterator[Mutant]:
    """Yield every mutant of a document."""
    found = list(spots(text))
    for spot in found:
        if spot.holder is None:
            continue
        if spot.key is not None:
            yield _without_key(text, spot)
            yield _key_misspelt(text, spot)
        if spot.is_scalar and spot.path[-1] not in PROSE:
            yield from _other_types(text, spot)
            yield from _words_misspelt(text, spot)
    yield from _swapped(text, found)


#: What SQL calls the values that an option brings.
_PARAMETERS = {"cursor": ("watermark",), "batches": ("start", "end")}


def _replaced(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]


def _without_key(text: str, spot: Spot) -> Mutant:
    """Leave a key out, with all below it."""
    keys = [name for name, _ in spot.holder.value]
    values = [value for _, value in spot.holder.value]
    position = next(i for i, name in enumerate(keys) if name is spot.key)
    start, end, new = spot.key.start_mark.index, spot.end, ""
    flow = spot.holder.flow_style
    if len(keys) == 1:
        start, end, new = (start, end, "") if flow else (start, end, "{}")
    elif position + 1 < len(keys):
        end = keys[position + 1].start_mark.index
    elif flow:
        start = values[position - 1].end_mark.index
    holder = spot.holder.start_mark.index
    changed = _replaced(text, start, end, new)
    gone = text[start:end]
    words = tuple(WORD.findall(gone) if "\n" not in gone.rstrip() else re.findall(r"(\w+):", gone))
    return Mutant("drop", spot.path, changed, ((holder, holder + 1), (start, start + 1)), words, "left out")


def _key_misspelt(text: str, spot: Spot) -> Mutant:
    """Spell a key otherwise."""
    old = spot.key.value
    new = misspelt(old) if len(old) > 2 else f"{old}x"
    start = text.index(old, spot.key.start_mark.index)
    holder = spot.holder.start_mark.index
    changed = _replaced(text, start, start + len(old), new)
    place = ((start, start + len(new)), (holder, holder + 1))
    return Mutant("rename", spot.path, changed, place, (old, new), f"{old} is now {new}")


def _other_types(text: str, spot: Spot) -> Iterator[Mutant]:
    """Put a value of another type in the place of one."""
    plain = spot.node.style is None
    tag = spot.node.tag if plain else "str"
    own = "number" if "int" in tag or "float" in tag else "flag" if "bool" in tag else "text"
    old = text[spot.start : spot.end]
    below = text[spot.end :].partition("\n")[0] if spot.node.style in ("|", ">") else ""
    for kind, new in OTHERS.items():
        if kind != own:
            changed = _replaced(text, spot.start, spot.end, new + below)
            words = (*WORD.findall(old), new) if "\n" not in old else ()
            yield Mutant(
                kind,
                spot.path,
                changed,
                ((spot.start, spot.start + len(new)), *spot.extent),
                tuple(words),
                f"now {new}",
            )


def _words_misspelt(text: str, spot: Spot) -> Iterator[Mutant]:
    """Misspell each word of a value, one at a time."""
    for match in WORD.finditer(text, spot.start, spot.end):
        old, new = match[0], misspelt(match[0])
        named = text[: match.start()].endswith("${env:") and text[match.end() :].startswith(":-")
        if new == old or named:
            continue  # nobody can know the names of an environment
        changed = _replaced(text, match.start(), match.end(), new)
        place = ((match.start(), match.start() + len(new)), *spot.extent)
        yield Mutant("misspell", spot.path, changed, place, (old, new), f"{old} is now {new}")


def _swapped(text: str, found: list[Spot]) -> Iterator[Mutant]:
    """Change over two neighbours: in one list or mapping, or the same key of two items; and write one for the other."""
    by_path = {spot.path: spot for spot in found if spot.is_scalar}
    for spot in by_path.values():
        if spot.holder is None or spot.path[-1] in PROSE:
            continue
        for other in _neighbours(spot, by_path):
            one, two = text[spot.start : spot.end], text[other.start : other.end]
            if one == two or "\n" in one + two:
                continue
            words = (*WORD.findall(one), *WORD.findall(two))
            changed = _replaced(_replaced(text, other.start, other.end, one), spot.start, spot.end, two)
            shift = len(two) - len(one)
            places = (
                (spot.start, spot.start + len(two)),
                (other.start + shift, other.end),
                *spot.extent,
                *other.extent,
            )
            yield Mutant("swap", spot.path, changed, places, words, f"{one} and {two} have changed places")
            twice = _replaced(text, other.start, other.end, one)
            places = ((spot.start, spot.end), (other.start, other.start + len(one)), *spot.extent, *other.extent)
            yield Mutant("repeat", other.path, twice, places, words, f"{two} is now {one}")


def _neighbours(spot: Spot, by_path: dict[Path_, Spot]) -> Iterator[Spot]:
    """Yield the next value of the same list or mapping, and the value of this key in the next item of a list."""
    if spot.holder.id == "sequence":
        after = by_path.get((*spot.path[:-1], spot.path[-1] + 1))
        if after is not None:
            yield after
        return
    keys = [name.value for name, _ in spot.holder.value]
    position = keys.index(spot.path[-1])
    if position + 1 < len(keys):
        after = by_path.get((*spot.path[:-1], keys[position + 1]))
        if after is not None:
            yield after
    for depth in range(len(spot.path) - 2, -1, -1):
        if isinstance(spot.path[depth], int):
            after = by_path.get((*spot.path[:depth], spot.path[depth] + 1, *spot.path[depth + 1 :]))
            if after is not None:
                yield after
            return
