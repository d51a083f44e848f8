"""Modes of a data set: rows beside others, in the place of others, and what a repeated or broken write leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlflow_s3.manifest import NAME

BY_P = "format: parquet, partition_by: [p]"
APPEND = "mode: append"
BY_KEY = "mode: delete_insert, key: [p]"
MERGE = "mode: merge, key: [i]"
NINE = "select range as i, range % 3 as p, 'old' as v from range(9)"


def parts(store):
    """Return the objects of the data set `out` with their bytes."""
    return {key: body for key, body in store.contents().items() if not key.endswith(NAME)}


def rows(store, extra="format: parquet, hive_partitioning: true", query="select i, p, v from t order by all"):
    """Return the rows of the data set `out`."""
    return store.loaded("out", extra, query)


@pytest.mark.parametrize("kind", ["parquet", "csv", "json"])
def test_an_append_adds_objects(store, kind):
    """The first append makes the data set and the next adds to it; no object that was there is touched."""
    extra = f"format: {kind}, partition_by: [p]"
    store.done(store.export("select 1 as i, 'a' as p, 0.5::double as v", "out", extra, APPEND))
    before = parts(store)
    step = store.done(
        store.export("select 0.25::double as v, 'b' as p, 2 as i union all select 1, 'a', 3", "out", extra, APPEND)
    )
    assert step.rows.inserted == 2
    assert before.items() < parts(store).items()
    found = rows(store, f"format: {kind}, hive_partitioning: true", "select i, p, v from t order by i")
    assert found == [(1, "a", 0.5), (2, "b", 0.25), (3, "a", 1.0)]
    store.done(store.export("select 1 as i, 'a' as p, 0.5::double as v where false", "out", extra, APPEND))
    assert len(parts(store)) == 3


def test_an_append_by_one_name(store):
    """Without partitions the path is a data set all the same, and a replacing export does not take its place."""
    for number in (1, 2):
        store.done(store.export(f"select {number} as i", "log.parquet", step=APPEND))
    assert store.loaded("log.parquet") == [(1,), (2,)]
    assert "is a data set" in store.failure(store.export("select 3 as i", "log.parquet"))["message"]
    store.done(store.export("select 4 as i", "one.parquet"))
    assert "is an object" in store.failure(store.export("select 5 as i", "one.parquet", step=APPEND))["message"]


def test_an_append_whose_process_dies_is_resumed_once(store, proxy):
    """After `kill -9` just behind the manifest, `run --resume` finds the token and adds nothing a second time."""
    store.done(store.export("select 0::bigint as i, 0::bigint as p", "out", BY_P, APPEND))
    store.export("select range as i, range % 2 as p from range(4)", "out", BY_P, APPEND, endpoint=proxy.url)
    command = [str(Path(sys.executable).with_name("sqlflow")), "run", "spec.yaml"]
    quiet = {"cwd": store.folder, "stdout": subprocess.DEVNULL, "env": {**os.environ, "TMPDIR": str(store.folder)}}
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, **quiet)
    seen = []

    def kill(method, path):  # the manifest has been written when its answer is asked for
        if method == "PUT" and NAME in path:
            seen.append(path)
            return "lost"
        if seen and process.poll() is None:
            process.kill()
            process.wait()
            return "reset"
        return None

    proxy.fault = kill
    assert process.wait(60) == -9
    proxy.fault = lambda _method, _path: None
    done = subprocess.run([*command, "--resume", "--output", "json"], cwd=store.folder, capture_output=True, check=True)
    assert json.loads(done.stdout)["steps"][0]["rows"]["inserted"] == 0
    assert rows(store, query="select count(*), sum(i) from t") == [(5, 6)]


@pytest.mark.parametrize(
    ("query", "extra", "code", "words"),
    [
        ("select 1 as i, 1 as p, 'x' as v, 2 as w", BY_P, "SF721", "no column 'w'"),
        ("select 'one' as i, 1 as p, 'x' as v", BY_P, "SF721", "is BIGINT, and that of the rows VARCHAR"),
        ("select 1 as i, 1 as p, 'x' as v", "format: parquet", "SF512", "partition_by is p, and here none"),
        ("select 1 as i, 1 as p, 'x' as v", "format: csv, partition_by: [p]", "SF512", "format is parquet"),
    ],
)
def test_rows_that_do_not_go_with_those_there(store, query, extra, code, words):
    """Another column, type, format or partition is an error that says what is there; the data set stays."""
    store.done(store.export("select range as i, range % 3 as p, 'old' as v from range(9)", "out", BY_P))
    before = store.contents()
    for step in (APPEND, "mode: delete_insert, key: [i]") if "csv" not in extra else (APPEND,):
        error = store.failure(store.export(query, "out", extra, step))
        assert (error["code"], words in error["message"]) == (code, True), error
    assert store.contents() == before


def test_text_is_added_as_it_was_written(store):
    """An append to CSV with another delimiter would make a data set that nobody can read."""
    store.done(store.export("select 1 as i, 2 as p", "out", "format: csv", APPEND))
    error = store.failure(store.export("select 1 as i, 2 as p", "out", "format: csv, delimiter: ';'", APPEND))
    assert "other options" in error["message"]


def test_columns_meet_by_name(store):
    """Narrower types widen, a column that the rows lack is NULL, and a merge leaves what it did not bring."""
    store.done(store.export(NINE, "out", BY_P))
    store.done(store.export("select 1::smallint as p, 100::integer as i", "out", BY_P, APPEND))
    store.done(store.export("select 1 as p, 4 as i union all select 2, 200", "out", BY_P, MERGE))
    found = {i: (p, v) for i, p, v in rows(store)}
    assert (found[100], found[4], found[200]) == ((1, None), (1, "old"), (2, None))


@pytest.mark.parametrize("kind", ["parquet", "csv", "json"])
def test_delete_insert_replaces_the_touched_partitions(store, proxy, kind):
    """A key of partition columns replaces exactly the partitions that the rows name; nothing is fetched."""
    extra = f"format: {kind}, partition_by: [p, q]"
    query = "select range as i, range % 3 as p, range % 2 as q, 'old' as v from range(12)"
    store.done(store.export(query, "out", extra))
    before = parts(store)
    new = "select 100 as i, 1 as p, 0 as q, 'new' as v union all select 101, 1, 0, 'new'"
    store.done(store.export(new, "out", extra, "mode: delete_insert, key: [P]", endpoint=proxy.url))
    stay = {key: body for key, body in before.items() if "/p=1/" not in key}
    assert {key: body for key, body in parts(store).items() if key in before} == stay
    assert len(parts(store)) == len(stay) + 1
    assert not [call for call in proxy.calls if call.method == "GET" and "/part-" in call.path]
    found = rows(store, f"format: {kind}, hive_partitioning: true", "select i, v from t where p = 1 order by i")
    assert found == [(100, "new"), (101, "new")]
    after = store.contents()
    store.done(store.export(f"{new} limit 0", "out", extra, BY_KEY))
    assert store.contents() == after


def test_partitions_of_every_value_are_told_apart(store):
    """Slashes, equal signs, percent signs, Unicode: the partition of a value is replaced and no other."""
    values = ["a/b", "x=y", "100%", "é 😀", "a b", "..", "*", "A", "a", ""]
    listed = ", ".join(f"('{value}', {n})" for n, value in enumerate(values))
    store.done(store.export(f"select p, i, 'old' as v from (values {listed}) s(p, i)", "out", BY_P))
    for mode in (BY_KEY, "mode: delete_insert, key: [p, i]", "mode: merge, key: [p, i]"):
        store.done(store.export(f"select p, i, '{mode}' as v from (values {listed}) s(p, i)", "out", BY_P, mode))
        found = rows(store, query="select p, i, v from t order by i")
        assert [(p or "", i, v) for p, i, v in found] == [(value, n, mode) for n, value in enumerate(values)]


def test_a_wider_key_looks_into_the_touched_partitions_only(store, proxy):
    """With a key of partition and other columns, objects of other partitions are neither fetched nor written."""
    store.done(store.export(NINE, "out", BY_P))
    before = parts(store)
    step = "mode: delete_insert, key: [p, i]"
    store.done(store.export("select 4 as i, 1 as p, 'new' as v", "out", BY_P, step, endpoint=proxy.url))
    fetched = {call.path.split("/part-")[0] for call in proxy.calls if call.method == "GET" and "/part-" in call.path}
    assert {path.rsplit("/", 1)[1] for path in fetched} == {"p%3D1"} or {p[-3:] for p in fetched} == {"p=1"}
    assert {key for key in before if "p=1" not in key} < set(parts(store))
    assert rows(store)[3:6] == [(3, 0, "old"), (4, 1, "new"), (5, 2, "old")]


def test_a_merge_writes_the_objects_that_change(store):
    """Matched rows take the new values, wherever their partition is then; the others and their objects stay."""
    store.done(store.export(NINE, "out", BY_P))
    before = parts(store)
    new = "select 4 as i, 7 as p, 'moved' as v union all select 50, 0, 'came' union all select 0, 0, 'old'"
    assert store.done(store.export(new, "out", BY_P, MERGE)).rows.inserted == 3
    changed = [key for key in before if key not in parts(store)]
    assert ["/p=1/" in key for key in changed] == [True]
    expected = [(n, n % 3, "old") for n in range(9) if n != 4] + [(4, 7, "moved"), (50, 0, "came")]
    assert rows(store) == sorted(expected)
    after = store.contents()
    store.done(store.export(new, "out", BY_P, MERGE))
    assert store.contents() == after, "what had not changed was written"


def test_keys_that_tell_nothing_apart(store):
    """NULL in a key, a key twice in a merge, a key that is no column: errors that name it; nothing is written."""
    store.done(store.export(NINE, "out", BY_P))
    before = store.contents()
    for query, step, words in [
        ("select 1 as i, null::bigint as p, 'x' as v", BY_KEY, "'p' is NULL"),
        ("select null::bigint as i, 1 as p, 'x' as v", MERGE, "'i' is NULL in 1 of the rows"),
        ("select 77 as i, range as p, 'x' as v from range(2)", MERGE, "i = 77 (2 rows)"),
        ("select 77 as i, 1 as p, 'x' as v", "mode: merge, key: [j]", "'j' is not in the rows"),
    ]:
        assert words in store.failure(store.export(query, "out", BY_P, step))["message"]
    assert store.contents() == before


@pytest.mark.parametrize("step", [APPEND, BY_KEY, MERGE])
@pytest.mark.parametrize(
    ("method", "part"), [("POST", "uploads"), ("PUT", "partNumber"), ("POST", "uploadId"), ("PUT", NAME)]
)
def test_a_write_that_fails_leaves_the_old_data_set(store, proxy, step, method, part):
    """Wherever it fails, the old rows are all that a reader finds, and no part, upload or file is left."""
    store.done(store.export(NINE, "out", BY_P))
    before = store.contents()
    proxy.fault = lambda asked, path: "403" if asked == method and part in path else None
    query = "select 4 as i, 2 as p, 'new' as v"
    assert store.failure(store.export(query, "out", BY_P, step, endpoint=proxy.url))["kind"] == "permission"
    assert store.contents() == before
    assert store.uploads() == []


def test_an_append_that_is_overtaken(store, proxy):
    """When another export changes the data set meanwhile, an append fails as transient, and its retry keeps both."""
    store.done(store.export("select 1 as i, 1 as p", "out", BY_P, APPEND))
    other = type(store)(store.endpoint, store.bucket, store.folder / "other", store.client)
    other.folder.mkdir()
    waiting = [other.export("select 2 as i, 1 as p", "out", BY_P, APPEND)]

    def overtake(method, path):
        if method == "PUT" and NAME in path and waiting:
            store.done(waiting.pop())

    proxy.fault = overtake
    step = f"{APPEND}, retry: {{attempts: 2, delay: 10ms}}"
    assert store.done(store.export("select 3 as i, 1 as p", "out", BY_P, step, endpoint=proxy.url)).attempts == 2
    assert rows(store, query="select i from t order by i") == [(1,), (2,), (3,)]
    assert len(parts(store)) == 3


def test_modes_that_cannot_be_are_problems_before_anything_runs(store):
    """Text is not written anew, and an append needs no permission to repeat itself: validation says so."""
    for extra, step, words in [
        ("format: csv, partition_by: [p]", "mode: merge, key: [p]", "only those of Parquet"),
        ("format: json, partition_by: [p]", "mode: delete_insert, key: [i]", "only those of Parquet"),
        ("format: csv", "mode: delete_insert, key: [i]", "only those of Parquet"),
        (BY_P, "mode: append, at_least_once: true", "has no effect"),
        (BY_P, "mode: scd2, key: [i]", "cannot scd2"),
    ]:
        problems = store.export("select 1 as i, 2 as p", "out", extra, step).validate()
        assert any(words in problem.message for problem in problems), (words, problems)
    for extra, step in [("format: csv, partition_by: [p, q]", BY_KEY), (BY_P, MERGE), ("format: json", APPEND)]:
        assert store.export("select 1 as i, 2 as p, 3 as q", "out", extra, step).validate() == ()
