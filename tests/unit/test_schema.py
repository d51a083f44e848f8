"""The JSON Schemas: fresh, and of one mind with the models about what a document may look like."""

from __future__ import annotations

import copy
import json
from functools import lru_cache
from importlib.metadata import entry_points
from io import StringIO
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from sqlflow.pipeline import installed, validate_all
from sqlflow.registry import BUILTIN
from sqlflow.schema import schema_of
from sqlflow.spec import read_document, to_data

ROOT = Path(__file__).parents[2]
KINDS = ("pipeline", "test", "project", "run")
STRUCTURAL = {"SF201", "SF202", "SF203", "SF204", "SF205", "SF310", "SF311", "SF320", "SF321"}
SPECS = sorted(p for p in ROOT.glob("specs/**/*.yaml") if p.name != "sqlflow.yaml" and "expected" not in p.parts)


@lru_cache(maxsize=1)
def boxed():
    """Return what comes in the box, whatever else is installed."""
    others = {e.dist.name for e in entry_points(group="sqlflow") if e.dist and e.dist.name != BUILTIN}
    return installed(sorted(others))


@lru_cache(maxsize=2)
def judge(kind="pipeline"):
    """Return the schema of a kind of document, ready to judge."""
    schema = schema_of(kind, boxed())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@lru_cache(maxsize=1)
def originals():
    """Return the data of every spec that stands alone; a project's specs need its connections."""
    return [data_of(path) for path in SPECS if not (path.parent.parent / "sqlflow.yaml").exists()]


def kind_of(data):
    """Return the kind that a document says it is."""
    return data.get("kind", "pipeline")


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_are_fresh(kind, regen):
    """The schemas in the repository are those that the models give; `pytest --regen` rewrites them."""
    file = ROOT / "schemas" / f"{kind}.schema.json"
    text = json.dumps(schema_of(kind, boxed()), indent=2) + "\n"
    if regen:
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_spec_fits_its_schema(path):
    """What runs, an editor accepts."""
    data = data_of(path)
    assert [e.message for e in judge(kind_of(data)).iter_errors(data)] == []


@pytest.mark.parametrize("kind", ["pipeline", "test"])
def test_every_option_is_described(kind):
    """An editor can show what each key means: every property of every model has its docstring."""
    schema = schema_of(kind, boxed())
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


def paths_of(data, path=()):
    """Yield the path of everything in nested data."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield (*path, key)
        yield from paths_of(value, (*path, key))


def mutated(data, path, kind):
    """Return the data with one structural change at a path, or None when it does not apply there."""
    changed = copy.deepcopy(data)
    holder = changed
    for part in path[:-1]:
        holder = holder[part]
    last = path[-1]
    if kind == "rename" and isinstance(holder, dict):
        holder[f"{last}_x"] = holder.pop(last)
    elif kind == "drop" and isinstance(holder, dict):
        del holder[last]
    elif kind == "number":
        holder[last] = 12345
    elif kind == "list":
        holder[last] = [[]]
    elif kind == "mapping":
        holder[last] = {"strange": {"key": 1}}
    elif kind == "flag":
        holder[last] = True
    else:
        return None
    return changed


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_schema_and_models_agree_on_mutations(seed, tmp_path_factory):
    """Whatever one structural change does to a spec, schema and models both take it or both refuse it."""
    chance = Random(seed)
    original = chance.choice(originals())
    path = chance.choice(list(paths_of(original)))
    kind = chance.choice(["rename", "drop", "number", "list", "mapping", "flag"])
    changed = mutated(original, path, kind)
    assume(changed is not None)
    assume(path != ("kind",) or kind in ("drop", "rename"))  # a word that is no kind leaves no document to judge
    stream = StringIO()
    YAML().dump(changed, stream)
    file = tmp_path_factory.mktemp("mutated") / "pipeline.yaml"
    file.write_text(stream.getvalue(), encoding="utf-8")
    structural = [p for p in validate_all([file], boxed()) if p.code in STRUCTURAL and p.severity == "error"]
    refused = [e.message for e in judge(kind_of(original)).iter_errors(data_of(file))]
    assert bool(structural) == bool(refused), (path, kind, structural, refused)
