"""Schemas and models are of one mind: what breaks the grammar is refused by both, whatever is changed."""

from __future__ import annotations

import copy
import os
import re
from functools import lru_cache
from io import StringIO
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from sqlflow.pipeline import installed
from sqlflow.schema import schema_of
from sqlflow.spec import read_document, read_project, to_data
from sqlflow.validation import hold_all

ROOT = Path(__file__).parents[2]
SLOW = os.environ.get("SQLFLOW_SLOW") == "1"
STRUCTURAL = {"SF201", "SF202", "SF203", "SF204", "SF205", "SF310", "SF311", "SF314", "SF320", "SF321"}
SPECS = sorted(p for p in ROOT.glob("specs/**/*.yaml") if p.name != "sqlflow.yaml" and "expected" not in p.parts)


@lru_cache(maxsize=1)
def originals():
    """Return the data of every spec that stands alone; a project's specs need its connections."""
    return [data_of(path) for path in SPECS if not (path.parent.parent / "sqlflow.yaml").exists()]


def data_of(path):
    """Return the plain data of a document, read the way the product reads it."""
    read = read_document(path)
    assert not isinstance(read, list)
    return to_data(read.root)


def problems_of(path, catalog):
    """Return what validating tells of a document."""
    return hold_all([path], catalog)[0].compiled.problems


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


#: What no example shows: resilience of a connection, tests, every form of a variable, a check and a source.
FULL = """
version: 1
name: full
description: Everything that core has a key for.
tags: [all]
failure_policy: fail_fast
vars: {since: {type: date, default: 2024-01-01, description: From then on.}, many: 5, some: [a, b], flag: true}
connections:
  shop:
    connector: postgres
    dsn: postgresql://shop
    rate_limit: {requests: 5, per: 1s}
    max_connections: 2
    timeout: 10s
    circuit_breaker: {failures: 3, open_for: 10s}
    retry: {attempts: 3, delay: 1s, backoff: constant}
defaults: {timeout: 1m, tags: [x], mode: replace, retry: {attempts: 2}, meta: {owner: x}}
steps:
  - id: orders
    type: load
    source: {connection: shop, table: orders}
    target: raw.orders
    mode: merge
    key: [id]
    cursor: {column: at, lag: 1h, initial: 2024-01-01, on_null: include}
    on_duplicate: last
    order_by: [at desc]
    deletes: {column: gone, soft: true}
    columns: {id: bigint not null, note: {type: varchar, nullable: true, description: What was said.}}
    on_schema_change: permissive
    on_bad_row: quarantine
    max_bad_rows: 3
    checks:
      - not_null: [id]
        quarantine: true
        name: known
      - row_count: {min: 1}
        severity: warn
      - freshness: {column: at, max_age: 1d}
      - sql: select 1 as one
        max_failures: 2
  - id: parts
    type: transform
    depends_on: [orders]
    when: $flag
    for_each: {part: {type: identifier, values: [a, b]}}
    target: "marts.${part}"
    mode: delete_insert
    batches: {by: day, size: 1 day, initial: 2024-01-01}
    key: [day]
    sql: select date '2024-01-01' as day where date '2024-01-01' >= $start and date '2024-01-01' < $end
  - id: out
    type: export
    retry: {attempts: 1}
    timeout: 5s
    source: raw.orders
    target: {connector: csv, path: out.csv, delimiter: ";"}
    order_by: [id]
tests:
  - name: one
    vars: {many: 6}
    given: {orders: [{id: 1}]}
    state: {raw.orders: {rows: [{id: 2}], watermark: 2024-01-01}}
    expect: {raw.orders: {rows: [{id: 1}], match: subset, ordered: false}}
  - name: two
    error: SF701
"""
PROJECT = """
version: 1
name: shop
description: A shop.
specs: [specs/*.yaml]
functions: []
vars: {vat: 21, since: {type: date, default: 2025-01-01}}
connections: {till: {connector: csv, folder: data}, shop: {connector: postgres, dsn: x, max_connections: 2}}
lint: {SF801: off, SF802: error}
default_profile: dev
profiles:
  dev: {storage: {type: memory}, vars: {vat: 7}, concurrency: 2}
  prod:
    engine: {type: duckdb, memory_limit: 4GB, threads: 4}
    storage: {type: file, path: a.duckdb}
    connections: {till: {connector: s3, bucket: b, path_style: true}, web: {connector: http, base_url: 'https://a.b'}}
    failure_policy: fail_fast
"""


@lru_cache(maxsize=1)
def with_plugins():
    """Return the catalog of all plugins of the repository, and the schemas that follow from it."""
    catalog = installed()
    return catalog, {kind: Draft202012Validator(schema_of(kind, catalog)) for kind in ("pipeline", "test", "project")}


@lru_cache(maxsize=1)
def documents_of_plugins():
    """Return the data of what the pages of plugins show, and of a document that has every key of core."""
    pages = [page.read_text(encoding="utf-8") for page in sorted(ROOT.glob("plugins/*/README.md"))]
    blocks = [block for page in pages for block in re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)]
    return [YAML(typ="safe").load(quoted(block)) for block in [FULL, *blocks] if "\nsteps:\n" in block]


def quoted(block):
    """Put dates in quotes, so that another reader takes them for text as well."""
    return re.sub(r"(?<=[ \[])(\d{4}-\d\d-\d\d)(?=[,}\s])", r'"\1"', block)


def written(data, file):
    """Write data as YAML."""
    stream = StringIO()
    YAML().dump(data, stream)
    file.write_text(stream.getvalue(), encoding="utf-8")


def changed_somewhere(chance, originals):
    """Return a document with one structural change, which it is, and the document before it."""
    original = chance.choice(originals)
    path = chance.choice(list(paths_of(original)))
    kind = chance.choice(["rename", "drop", "number", "list", "mapping", "flag", "misplace"])
    if kind == "misplace":
        where = chance.choice(list(paths_of(original)))
        changed, path = misplaced(original, path, where), (*where[:-1], path[-1])
    else:
        changed = mutated(original, path, kind)
    assume(changed is not None)
    return changed, (path, kind), original


def misplaced(data, path, where):
    """Return the data with what stands at a path written once more into the mapping around another one."""
    changed = copy.deepcopy(data)
    value = holder = changed
    for part in path:
        value = value[part]
    for part in where[:-1]:
        holder = holder[part]
    if not isinstance(holder, dict) or not isinstance(path[-1], str) or path[-1] in holder or "columns" in where:
        return None  # any text may be a column's type to a schema
    holder[path[-1]] = copy.deepcopy(value)
    return changed


def agree(problems, refused, what):
    """Hold the two against each other: whatever breaks the grammar is refused by both."""
    errors = [p for p in problems if p.severity == "error"]
    told = [str(p) for p in errors if p.code in STRUCTURAL]
    assert refused or not told, (what, told)
    assert any(p.code < "SF4" for p in errors) or not refused, (what, refused)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_schema_and_models_agree_on_mutations(seed, tmp_path_factory):
    """Whatever one structural change does to a spec, schema and models both take it or both refuse it."""
    changed, what, original = changed_somewhere(Random(seed), originals())
    file = tmp_path_factory.mktemp("mutated") / "pipeline.yaml"
    written(changed, file)
    catalog, schemas = with_plugins()
    refused = [e.message for e in schemas[original.get("kind", "pipeline")].iter_errors(data_of(file))]
    if not beside_a_connection(changed, what[0]) or refused:
        agree(problems_of(file, catalog), refused, what)


@settings(max_examples=1000 if SLOW else 150, derandomize=not SLOW, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_schema_and_models_agree_on_documents_of_plugins(seed, tmp_path_factory):
    """So they do on connections with resilience, on tests, and on what the plugins of the repository bring."""
    catalog, schemas = with_plugins()
    changed, what, _ = changed_somewhere(Random(seed), documents_of_plugins())
    file = tmp_path_factory.mktemp("mutated") / "pipeline.yaml"
    written(changed, file)
    problems = problems_of(file, catalog)
    refused = [e.message for e in schemas["pipeline"].iter_errors(data_of(file))]
    if not beside_a_connection(changed, what[0]) or refused:  # else a schema does not know which connector it is
        agree(problems, refused, what)


def beside_a_connection(data, path):
    """Tell whether a path leads to an option of a source or target whose connector stands elsewhere."""
    if len(path) < 4 or path[0] != "steps" or path[2] not in ("source", "target"):
        return False
    return "connection" in (data["steps"][path[1]].get(path[2]) or {})


@settings(max_examples=1000 if SLOW else 100, derandomize=not SLOW, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_schema_and_models_agree_on_projects(seed, tmp_path_factory):
    """And on project files, with profiles that are in force and profiles that are not."""
    catalog, schemas = with_plugins()
    changed, what, _ = changed_somewhere(Random(seed), [YAML(typ="safe").load(quoted(PROJECT))])
    folder = tmp_path_factory.mktemp("mutated")
    (folder / "specs").mkdir()
    pipeline = folder / "specs" / "pipeline.yaml"
    pipeline.write_text("version: 1\nname: a\nsteps: [{id: a, type: transform, target: a, sql: select 1 as id}]\n")
    written(changed, folder / "sqlflow.yaml")
    problems = problems_of(pipeline, catalog)
    read = read_project(folder / "sqlflow.yaml", "")
    assert not isinstance(read, list)
    refused = [e.message for e in schemas["project"].iter_errors(to_data(read.root))]
    agree(problems, refused, what)


def test_the_full_documents_are_accepted(tmp_path):
    """What is changed is good before it is changed."""
    catalog, schemas = with_plugins()
    for data in documents_of_plugins():
        written(data, tmp_path / "pipeline.yaml")
        told = [p for p in problems_of(tmp_path / "pipeline.yaml", catalog) if p.severity == "error"]
        assert [str(p) for p in told if p.code in STRUCTURAL] == []
        assert [e.message for e in schemas["pipeline"].iter_errors(data_of(tmp_path / "pipeline.yaml"))] == []
