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

from sqlflow.pipeline import installed
from sqlflow.registry import BUILTIN
from sqlflow.schema import schema_of
from sqlflow.spec import read_document, to_data
from sqlflow.validation import hold_all

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


def paths_of(data, path=()):
    """Yield the path of everything in nested data but the options of a connection, whose connector stands elsewhere."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield (*path, key)
        if not (key in ("source", "target") and isinstance(value, dict) and "connection" in value):
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
    name, original = chance.choice(originals())
    path = chance.choice(list(paths_of(original)))
    kind = chance.choice(["rename", "drop", "number", "list", "mapping", "flag"])
    changed = mutated(original, path, kind)
    assume(changed is not None)
    assume(path != ("kind",) or kind in ("drop", "rename"))  # a word that is no kind leaves no document to judge
    stream = StringIO()
    YAML().dump(changed, stream)
    file = tmp_path_factory.mktemp("mutated") / "pipeline.yaml"
    file.write_text(stream.getvalue(), encoding="utf-8")
    told = [problem for one in hold_all([file], brought(FILES[name][1])) for problem in one.compiled.problems]
    structural = [p for p in told if p.code in STRUCTURAL and p.severity == "error"]
    refused = [e.message for e in judge(name).iter_errors(data_of(file))]
    assert bool(structural) == bool(refused), (path, kind, structural, refused)
