"""YAML 1.2 with places: what is text stays text, and every node knows where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from sqlflow.spec import Mapping, Source, parse_pipeline, resolve, to_data
from sqlflow.spec.text import parse


def read(text):
    """Return the data of a YAML text, which must be without problems."""
    node, problems = parse(Source("t.yaml", text))
    assert problems == []
    return to_data(node)


@pytest.mark.parametrize(
    "word", ["no", "yes", "on", "off", "y", "NO", "2024-01-01", "12:30:00", "1_000", "0b1", "010x"]
)
def test_words_that_older_yaml_mangles_are_text(word):
    """Country codes, switches and dates are what they look like: text."""
    assert read(f"a: {word}") == {"a": word}


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("-7", -7), ("0x1F", 31), ("0o17", 15), ("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5), ("true", True),
     ("False", False), ("null", None), ("~", None), ("", None), ("007", 7)],
)  # fmt: skip
def test_the_core_schema(text, value):
    """Numbers, booleans and null are those of the YAML 1.2 core schema."""
    found = resolve(text)
    assert found == value
    assert type(found) is type(value)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=30))
def test_any_text_survives_being_written_and_read(text):
    """A text that a YAML writer puts down comes back unchanged."""
    from io import StringIO

    stream = StringIO()
    YAML(typ="safe", pure=True).dump({"a": text}, stream)
    node, problems = parse(Source("t.yaml", stream.getvalue()))
    if not problems:
        assert to_data(node) == {"a": text}


@given(st.text(max_size=60))
def test_no_text_crashes_the_reader(text):
    """Whatever a file holds, reading it ends in a document or in problems with places."""
    found = parse_pipeline(Source("t.yaml", text), Path("t.yaml"))
    problems = found if isinstance(found, list) else found.diagnosis.problems
    assert all(p.code.startswith("SF") for p in problems)
    assert problems


BLOCKS = """\
a: |
  select 1,
    x from t
b: >
  one
  two
c: "quoted text"
d: plain text
e:
  - {f: flow, g: 'single'}
h: |2
    indented
"""


@pytest.mark.parametrize(
    ("path", "offset", "line", "column"),
    [(("a",), 0, 2, 3), (("a",), 10, 3, 3), (("a",), 14, 3, 7), (("c",), 0, 7, 5), (("c",), 7, 7, 12),
     (("d",), 6, 8, 10),
     (("e", 0, "g"), 0, 10, 19), (("h",), 2, 12, 5)],
)  # fmt: skip
def test_places_inside_scalars(path, offset, line, column):
    """A character of a value is found at its line and column in the file, in blocks, quotes and plain text."""
    source = Source("t.yaml", BLOCKS)
    node, _ = parse(source)
    for part in path:
        node = node.values[part] if isinstance(node, Mapping) else node.items[part]
    mark = source.within(node, offset)
    assert (mark.line, mark.column) == (line, column)


def test_duplicate_keys_are_told_with_both_places():
    """The second of two equal keys is a problem that names the first."""
    _, (problem,) = parse(Source("t.yaml", "a: 1\nb: 2\na: 3\n"))
    assert (problem.code, problem.mark.line, problem.related[0].line) == ("SF104", 3, 1)


def test_anchors_are_followed():
    """An alias is the node that its anchor marked."""
    assert read("a: &x {b: 1}\nc: *x\n") == {"a": {"b": 1}, "c": {"b": 1}}


def test_urls_in_inline_mappings_are_yaml():
    """YAML 1.2 allows a colon inside a plain scalar between braces."""
    assert read("a: {url: s3://bucket/x, at: 2025-03-01T00:00:00}") == {
        "a": {"url": "s3://bucket/x", "at": "2025-03-01T00:00:00"}
    }
