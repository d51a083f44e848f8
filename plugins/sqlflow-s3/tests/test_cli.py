"""The command line over S3: what two runs load, what is printed, and what is never printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlflow_s3.manifest import NAME


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


@pytest.mark.parametrize("part", ["partNumber=", "uploadId=", NAME])
def test_an_export_that_is_killed(store, proxy, part):
    """After `kill -9` in the midst of an export the old rows stand; the next export is whole and tidies up."""
    extra = "format: parquet, partition_by: [p]"
    with store.export("select range as i, range % 3 as p from range(9)", "out", extra).run() as result:
        assert result.status == "succeeded"
    store.export("select range as i, range % 2 as p from range(4)", "out", extra, endpoint=proxy.url)
    before = store.get(f"out/{NAME}")
    command = [str(Path(sys.executable).with_name("sqlflow")), "run", "spec.yaml"]
    process = subprocess.Popen(command, cwd=store.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env={**os.environ, "TMPDIR": str(store.folder)})  # fmt: skip

    def kill(method, path):
        if method in ("PUT", "POST") and part in path and process.poll() is None:
            process.kill()
            process.wait()
            return "reset"
        return None

    proxy.fault = kill
    assert process.wait(60) == -9
    proxy.fault = lambda _method, _path: None
    assert store.get(f"out/{NAME}") == before
    store.load("out", "format: parquet")
    assert sqlflow(store, "run", "spec.yaml").returncode == 0
    assert len(rows(store, "from t")) == 9
    store.export("select range as i, range % 2 as p from range(4)", "out", extra)
    assert sqlflow(store, "run", "spec.yaml").returncode == 0
    assert len(store.keys("out/")) == 3
    assert len(json.loads(store.get(f"out/{NAME}"))["files"]) == 2


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
