"""The command line over S3: what two runs load, what is printed, and what is never printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def sqlflow(store, *arguments):
    """Run the command in the store's folder."""
    command = [str(Path(sys.executable).with_name("sqlflow")), *arguments]
    return subprocess.run(
        command, cwd=store.folder, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "200"}
    )


def rows(store, query):
    """Ask the warehouse."""
    done = sqlflow(store, "query", query, "--spec", "spec.yaml", "--output", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_new_files_by_two_runs(store, kind):
    """`incremental: new_files` loads each object once over several processes, in append mode, and sees new ones."""
    for number in (1, 2):
        with store.export(f"select {number} as id, 'v' as v", f"in/{number}.{kind}").run() as result:
            assert result.status == "succeeded"
    (store.folder / "lake_test.duckdb").unlink()
    store.load(f"in/*.{kind}", "incremental: new_files", "mode: append")
    for expected in ([1, 2], [1, 2]):
        done = sqlflow(store, "run", "spec.yaml")
        assert done.returncode == 0, done.stderr + done.stdout
        assert [row["id"] for row in rows(store, "from t order by id")] == expected
    body = store.get(f"in/2.{kind}").replace(b"2,v", b"3,v") if kind == "csv" else None
    if body is None:
        store.client.copy_object(
            Bucket=store.bucket, Key="in/3.parquet", CopySource={"Bucket": store.bucket, "Key": "in/2.parquet"}
        )
    else:
        store.put("in/3.csv", body)
    assert sqlflow(store, "run", "spec.yaml").returncode == 0
    assert [row["id"] for row in rows(store, "from t order by id")] == [1, 2, 3 if kind == "csv" else 2]
    store.put(f"in/1.{kind}", store.get(f"in/2.{kind}"))
    done = sqlflow(store, "run", "spec.yaml")
    assert done.returncode == 1
    assert f"in/1.{kind} was loaded before and has changed" in done.stdout + done.stderr


def test_new_files_of_a_data_set(store):
    """A data set that an export has replaced brings all its objects anew, each once."""
    extra = "format: csv, max_rows_per_file: 2"
    with store.export("select range as id from range(5)", "set", extra).run() as result:
        assert result.status == "succeeded"
    (store.folder / "lake_test.duckdb").unlink()
    store.load("set", "format: csv, incremental: new_files", "mode: merge, key: [id]")
    for _ in range(2):
        assert sqlflow(store, "run", "spec.yaml").returncode == 0
        assert len(rows(store, "from t")) == 5


def test_no_secret_is_printed(strict):
    """Whatever fails, the command prints neither secret nor token, and says what to do."""
    secret = "wrong/secret+value=0123456789"
    strict.put("a.csv", "a\n1\n")
    strict.load("a.csv", **{**strict.users["owner"], "secret_access_key": secret})
    for verb in ("validate", "run", "plan"):
        done = sqlflow(strict, verb, "spec.yaml")
        assert secret not in done.stdout + done.stderr
        if verb == "run":
            assert done.returncode == 1
            assert "refuses the credentials" in done.stdout + done.stderr
            assert "Traceback" not in done.stderr


def test_a_connection_is_tried(store):
    """`sqlflow connector test` lists the bucket, and fails with the reason when it is not there."""
    store.load("a.csv")
    done = sqlflow(store, "connector", "test", "lake", "--spec", "spec.yaml")
    assert done.returncode == 0, done.stderr
    assert store.bucket in done.stdout
    store.load("a.csv", bucket="no-such-bucket")
    done = sqlflow(store, "connector", "test", "lake", "--spec", "spec.yaml")
    assert done.returncode == 1
    assert "does not exist" in done.stdout + done.stderr
    assert store.secret not in done.stdout + done.stderr
