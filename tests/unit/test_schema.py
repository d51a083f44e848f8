"""The JSON Schemas: fresh, and of one mind with the models about what a document may look like."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from sqlflow.pipeline import installed
from sqlflow.registry import BUILTIN
from sqlflow.schema import schema_of
from sqlflow.spec import read_document, to_data

ROOT = Path(__file__).parents[2]
STRUCTURAL = {"SF201", "SF202", "SF203", "SF204", "SF205", "SF310", "SF311", "SF320", "SF321"}
SPECS = sorted(p for p in ROOT.glob("specs/**/*.yaml") if p.name != "sqlflow.yaml" and "expected" not in p.parts)
#: The schemas of the repository: the kind of document, and whether its plugins are known.
FILES = {name: (name, ()) for name in ("pipeline", "test", "project", "run")}
FILES["plugins"] = ("pipeline", tuple(sorted(folder.name for folder in (ROOT / "plugins").glob("sqlflow-*"))))


@lru_cache(maxsize=2)
def brought(plugins=()):
    """Return what comes in the box and what these plugins bring, whatever else is installed."""
    others = {e.dist.name for e in entry_points(group="sqlflow") if e.dist and e.dist.name != BUILTIN}
    return installed(sorted(others - set(plugins)))


@lru_cache(maxsize=2)
def judge(name="pipeline"):
    """Return a schema of pipelines, ready to judge."""
    kind, plugins = FILES[name]
    schema = schema_of(kind, brought(plugins))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def schema_named(path):
    """Return the name of the schema that the first line of a document names, for editors."""
    *_, file = path.read_text(encoding="utf-8").splitlines()[0].split("/")
    return file.removesuffix(".schema.json")


@lru_cache(maxsize=1)
def originals():
    """Return the data of every spec that stands alone, by its schema; a project's specs need its connections."""
    return [(schema_named(path), data_of(path)) for path in SPECS if not (path.parent.parent / "sqlflow.yaml").exists()]


@pytest.mark.parametrize("name", FILES)
def test_schemas_are_fresh(name, regen):
    """The schemas in the repository are those that the models give; `pytest --regen` rewrites them."""
    kind, plugins = FILES[name]
    file = ROOT / "schemas" / f"{name}.schema.json"
    text = json.dumps(schema_of(kind, brought(plugins)), indent=2) + "\n"
    if regen:
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_spec_fits_its_schema(path):
    """What runs, an editor accepts that reads the schema which the document names."""
    assert [e.message for e in judge(schema_named(path)).iter_errors(data_of(path))] == []


@pytest.mark.parametrize("kind", ["pipeline", "test"])
def test_every_option_is_described(kind):
    """An editor can show what each key means: every property of every model has its docstring."""
    schema = schema_of(kind, brought())
    silent = [
        f"{name}.{key}"
        for name, definition in schema["$defs"].items()
        for key, value in definition.get("properties", {}).items()
        if isinstance(value, dict) and "description" not in value and key not in ("connector", "connection")
    ]
    assert silent == []


def data_of(path):
    """Return the plain data of a document, read the way the product reads it."""
    read = read_document(path)
    assert not isinstance(read, list)
    return to_data(read.root)
