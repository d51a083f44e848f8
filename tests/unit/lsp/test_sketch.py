"""What is seen of YAML that somebody is typing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlflow.lsp.sketch import sketch
from sqlflow.spec import Document, Mapping, Node, Scalar, Sequence, read_pipeline, to_data

ROOT = Path(__file__).parents[3]
SPECS = sorted(ROOT.glob("specs/*/*.yaml"))


def places(node: Node) -> list[tuple[int, int]]:
    """Return where every key and every value stands."""
    if isinstance(node, Scalar):
        return [(node.line, node.column)]
    if isinstance(node, Sequence):
        return [place for item in node.items for place in places(item)]
    keys = [(key.line, key.column) for key in node.keys.values()]
    return keys + [place for value in node.values.values() for place in places(value)]


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.parent.name)
def test_what_is_yaml_is_read_as_yaml(path):
    """A document that is finished is read as the parser reads it: the same data at the same places."""
    read = read_pipeline(path)
    if not isinstance(read, Document):
        pytest.skip("a project file")
    seen = sketch(path.read_text(encoding="utf-8"))
    assert to_data(seen) == to_data(read.root)
    assert places(seen) == places(read.root)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: 1\nb", {"a": 1, "b": None}),
        ("steps:\n  - id: x\n    ty\n    target: t", {"steps": [{"id": "x", "ty": None, "target": "t"}]}),
        ("steps:\n  -\n  - id: x", {"steps": [None, {"id": "x"}]}),
        ("a: {b: c, d\ne: f", {"a": {"b": "c", "d": None}, "e": "f"}),
        ("a: [1, {b: 2\ne: f", {"a": [1, {"b": 2}], "e": "f"}),
        ("a: 'open\nb: c", {"a": "open", "b": "c"}),
        ('a: {b: "open\nc: d', {"a": {"b": '"open'}, "c": "d"}),
        ("a: |\n  select 1\n\n   from b\nc:", {"a": "select 1\n\n from b\n", "c": None}),
        ("a:\n- b\n- c: d\ne: f", {"a": ["b", {"c": "d"}], "e": "f"}),
        ("a: b: c\nd: e", {"a": "b: c", "d": "e"}),
        ("a:\n    b: 1\n   c: 2\nd: 3", {"a": {"b": 1}, "d": 3}),
        ("", {}),
    ],
)
def test_what_is_no_yaml_yet_is_read_as_it_is_meant(text, data):
    """A bare word is a key to be, and what is open ends where the indentation does."""
    assert to_data(sketch(text)) == data


@given(st.text(alphabet="ab:-{}[]|>#'\"\\,&*! \n\t$.é🦆", max_size=200))
def test_no_text_is_too_broken(text):
    """Whatever is typed, something is seen, and no place lies outside of the text."""
    seen = sketch(text)
    lines = text.split("\n")
    assert isinstance(seen, Mapping | Sequence | Scalar)
    assert all(0 <= line < len(lines) and 0 <= column <= len(lines[line]) for line, column in places(seen))
