"""What goes wrong on the way: the rows are whole and right in the end, or the error says what happened."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError
from sqlflow_s3.config import S3Config
from sqlflow_s3.faults import fault

from sqlflow.pipeline import Pipeline

SECRET = "quite/secret+value=for-tests"
CSV = "id,n\n" + "".join(f"{n},{n * 7}\n" for n in range(5000))


def parquet(rows=5000, factor=7):
    """Write row groups of a thousand rows."""
    out = io.BytesIO()
    table = pa.table({"id": range(rows), "n": [n * factor for n in range(rows)]})
    pq.write_table(table, out, row_group_size=1000, compression="none", use_dictionary=False)
    return out.getvalue()


BODIES = {"a.csv": CSV.encode(), "a.jsonl": "".join(f'{{"id":{n},"n":{n * 7}}}\n' for n in range(5000)).encode(),
          "a.csv.gz": gzip.compress(CSV.encode()), "a.parquet": parquet()}  # fmt: skip


def error_of(pipeline, secret):
    """Run a pipeline that fails; returns the error, in which no secret is, nor anywhere in what the run left."""
    with pipeline.run() as result:
        assert result.status == "failed"
        step = result.steps[0]
    left = "".join(f.read_text(errors="replace") for f in pipeline.path.parent.glob("target/**/*") if f.is_file())
    assert secret not in json.dumps(step.error) + left
    return step.error


def whole(pipeline):
    """Run a load and see that every row is there and right."""
    with pipeline.run() as result:
        assert result.status == "succeeded", result.steps[0].error
        assert result.query("select count(*) as n, sum(id) as i, sum(n) as s from t").to_pylist() == [
            {"n": 5000, "i": sum(range(5000)), "s": 7 * sum(range(5000))}
        ]
        return result.steps[0]


def without_keys(pipeline, instead=""):
    """Take the keys out of a document's connection."""
    text = pipeline.path.read_text()
    start, end = text.index(", access_key_id"), text.index("}", text.index("secret_access_key"))
    pipeline.path.write_text(text[:start] + (instead and f", {instead}") + text[end:])
    return Pipeline.from_file(pipeline.path)


@pytest.mark.parametrize("key", BODIES)
@pytest.mark.parametrize("fault", ["truncate", "reset", "500", "503"])
def test_a_fault_that_passes_is_not_noticed(store, proxy, key, fault):
    """A body that is cut off, a reset or a busy server, twice: the transfer is taken up again and all rows come."""
    store.put(key, BODIES[key])
    proxy.once("GET", key, fault, times=2)
    whole(store.load(key, endpoint=proxy.url))
    assert len([c for c in proxy.calls if key in c.path]) > 2


@pytest.mark.parametrize("key", ["a.csv", "a.parquet"])
@pytest.mark.parametrize("fault", ["truncate", "reset", "500", "503"])
def test_a_fault_that_stays_is_transient_and_keeps_the_old_rows(store, proxy, key, fault, monkeypatch):
    """When it never passes the error is transient, is tried again by retry, and the table keeps its rows."""
    monkeypatch.setattr("sqlflow_s3.access.ATTEMPTS", 2)  # so that the test does not wait for long
    store.put(key, BODIES[key])
    whole(store.load(key, endpoint=proxy.url))
    proxy.fault = lambda method, path: fault if method == "GET" and key in path else None
    load = store.load(key, "", "retry: {attempts: 2, delay: 10ms}", endpoint=proxy.url)
    error = error_of(load, store.secret)
    assert error["kind"] == "transient", error
    assert key in error["message"] or proxy.url in error["message"], error
    with load.run() as result:
        assert result.steps[0].attempts == 2
        assert result.query("select count(*) as n from t").to_pylist() == [{"n": 5000}]


def test_retry_of_a_step_mends_a_longer_fault(store, proxy):
    """What outlasts the driver's own patience is mended by the step's retry."""
    store.put("a.csv", BODIES["a.csv"])
    proxy.once("GET", "/a.csv", "503", times=4)
    step = whole(store.load("*.csv", "", "retry: {attempts: 3, delay: 10ms}", endpoint=proxy.url))
    assert step.attempts == 2


def test_connection_refused_is_transient(store):
    """Nobody listens: transient, with the endpoint in the message."""
    endpoint = "http://127.0.0.1:9"
    error = error_of(store.load("a.csv", endpoint=endpoint), store.secret)
    assert error["kind"] == "transient"
    assert endpoint in error["message"]


@pytest.mark.parametrize("key", ["a.csv", "a.parquet"])
def test_an_object_deleted_between_listing_and_reading(store, proxy, key):
    """The listing shows it and the read does not find it: an error that says so, and transient."""
    store.put(f"in/{key}", BODIES[key])
    calls = []

    def delete_first(method, path):
        if method == "GET" and key in path and not calls:
            calls.append(path)
            store.client.delete_object(Bucket=store.bucket, Key=f"in/{key}")

    proxy.fault = delete_first
    error = error_of(store.load("in/*", f"format: {key[2:]}", endpoint=proxy.url), store.secret)
    assert error["kind"] == "transient"
    assert f"in/{key} was deleted" in error["message"]


@pytest.mark.parametrize("same_size", [True, False])
@pytest.mark.parametrize(("key", "after"), [("a.csv", 0), ("a.parquet", 0), ("a.parquet", 1), ("a.parquet", 3)])
def test_an_object_replaced_between_listing_and_reading(store, proxy, key, after, same_size):
    """Bytes of two versions never meet: the step fails as transient, and with retry it loads the new version."""
    store.put(key, BODIES[key])
    other = CSV.replace(",7\n", ",8\n").encode() if key == "a.csv" else parquet(factor=8)
    assert len(other) == len(BODIES[key])
    if not same_size:
        other = b"id,n\n1,1\n" if key == "a.csv" else parquet(rows=9000)
    asked = []

    def replace(method, path):
        if method in ("GET", "HEAD") and f"/{key}" in path:
            asked.append(path)
            if len(asked) == after + 1:
                store.put(key, other)

    proxy.fault = replace
    error = error_of(store.load(f"*{key[1:]}", endpoint=proxy.url), store.secret)
    assert error["kind"] == "transient", error
    assert "changed while it was read" in error["message"]
    with store.load(f"*{key[1:]}", endpoint=proxy.url).run() as result:
        expected = 5000 if same_size else 1 if key == "a.csv" else 9000
        assert result.query("select count(*) as n from t").to_pylist() == [{"n": expected}]


def test_a_parquet_file_that_is_cut_off_is_bad_data(store):
    """A broken object is not the network's fault, and is named."""
    store.put("half.parquet", parquet()[:-200])
    store.put("none.parquet", b"")
    store.put("text.parquet", b"this is no parquet file at all")
    for key in ("half", "none", "text"):
        error = error_of(store.load(f"{key}.parquet"), store.secret)
        assert error["kind"] == "bad_data", error
        assert f"{key}.parquet cannot be read as Parquet" in error["message"]


def test_what_is_not_there(store):
    """A missing bucket, key or match is told apart from everything else."""
    error = error_of(store.load("a.csv", bucket="no-such-bucket"), store.secret)
    assert error["kind"] == "not_found"
    assert "bucket 'no-such-bucket' does not exist" in error["message"]
    for path in ("a.csv", "in/*.csv"):
        error = error_of(store.load(path), store.secret)
        assert error["kind"] == "not_found"
        assert path in error["message"]


@pytest.mark.parametrize("path", ["a.csv", "*.csv", "a.parquet"])
def test_wrong_credentials_are_told(strict, path):
    """An unknown key and a wrong secret are authentication, on a server that checks them; no secret is shown."""
    for key in ("a.csv", "a.parquet"):
        strict.put(key, BODIES[key])
    whole(strict.load(path, **strict.users["owner"]))
    wrong = {**strict.users["owner"], "secret_access_key": "wrong/secret+0123456789"}
    error = error_of(strict.load(path, **wrong), wrong["secret_access_key"])
    assert error["kind"] == "authentication", error
    error = error_of(strict.load(path, access_key_id="AKIANOBODYNOBODY1234"), strict.secret)
    assert error["kind"] == "authentication", error


def test_a_missing_permission_is_told(strict):
    """A user who may read and not write gets permission, with the operation; nothing is left behind."""
    strict.put("a.csv", BODIES["a.csv"])
    whole(strict.load("a.csv", **strict.users["reader"]))
    for extra in ("", "max_rows_per_file: 1, format: csv"):
        error = error_of(strict.export("select 1 as a", "out.csv", extra, **strict.users["reader"]), strict.secret)
        assert error["kind"] == "permission", error
        assert "access denied" in error["message"]
    assert strict.keys() == ["a.csv"]


def test_a_role_is_taken_on(strict):
    """assume_role gets credentials from the token service and reads and writes with them, Parquet included."""
    role = f"{{arn: 'arn:aws:iam::123456789012:role/lake', endpoint: '{strict.endpoint}', external_id: for-tests}}"
    spec = strict.export("select 1 as id, 2 as n", "a.parquet", **strict.users["owner"])
    text = spec.path.read_text().replace("connector: 's3'", f"connector: s3, assume_role: {role}")
    spec.path.write_text(text)
    with spec.run() as result:
        assert result.status == "succeeded", result.steps[0].error
    spec = strict.load("a.parquet", **strict.users["owner"])
    spec.path.write_text(spec.path.read_text().replace("connector: 's3'", f"connector: s3, assume_role: {role}"))
    with spec.run() as result:
        assert result.status == "succeeded", result.steps[0].error
        assert result.table("t").to_pylist() == [{"id": 1, "n": 2}]


def test_no_credentials_and_unknown_profile(store):
    """Nothing in the chain, and a profile that is not configured, are authentication with a remedy."""
    error = error_of(without_keys(store.load("a.csv")), store.secret)
    assert (error["kind"], "AWS_ACCESS_KEY_ID" in error["hint"]) == ("authentication", True)
    error = error_of(without_keys(store.load("a.csv"), "profile: nobody"), store.secret)
    assert (error["kind"], "'nobody'" in error["message"]) == ("authentication", True)


def test_the_standard_chain_brings_credentials(strict, monkeypatch):
    """Credentials come from the environment or from a profile of the configuration files."""
    strict.put("a.parquet", BODIES["a.parquet"])
    user = strict.users["reader"]
    lines = "".join(f"aws_{name} = {value}\n" for name, value in user.items())
    Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"]).write_text(f"[lake]\n{lines}")
    whole(without_keys(strict.load("a.parquet"), "profile: lake"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", user["access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", user["secret_access_key"])
    whole(without_keys(strict.load("a.parquet")))


@pytest.mark.parametrize("key", ["a.csv", "a.parquet"])
def test_credentials_that_run_out_in_the_middle(store, proxy, key):
    """When they are valid at the listing and not any more at the rows: authentication, and the table keeps its rows."""
    store.put(key, BODIES[key])
    whole(store.load(key, endpoint=proxy.url))
    asked = []

    def expire(method, path):
        if method == "GET" and key in path:
            asked.append(path)
        return "400" if len(asked) > (1 if key == "a.parquet" else 0) and key in path else None  # after the footer

    proxy.fault = expire
    load = store.load(key, endpoint=proxy.url)
    error = error_of(load, store.secret)
    assert error["kind"] == "authentication", error
    assert "run out" in error["hint"]
    proxy.fault = lambda _method, _path: None
    with load.run() as result:
        assert result.query("select count(*) as n from t").to_pylist() == [{"n": 5000}]


@pytest.mark.parametrize("path", ["a.csv", "*.parquet"])
def test_anonymous_sends_no_credentials(store, proxy, path, monkeypatch):
    """With anonymous: true no request of either driver is signed, even when the environment has credentials."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", store.secret)
    for key in ("a.csv", "a.parquet"):
        store.client.put_object(Bucket=store.bucket, Key=key, Body=BODIES[key], ACL="public-read")
    whole(without_keys(store.load(path, endpoint=proxy.url), "anonymous: true"))
    assert proxy.calls
    assert not any(call.signed for call in proxy.calls)
    proxy.fault = lambda _method, _path: "403"
    error = error_of(without_keys(store.load(path, endpoint=proxy.url), "anonymous: true"), store.secret)
    assert (error["kind"], "not public" in error["hint"]) == ("permission", True), error
    proxy.fault = lambda _method, _path: None
    proxy.calls.clear()
    whole(without_keys(store.load(path, endpoint=proxy.url)))
    assert all(call.signed for call in proxy.calls)


def test_words_of_the_server_are_scrubbed():
    """A secret that a server repeats in its answer is masked by the connector itself."""
    config = S3Config.model_validate_json(
        json.dumps({"bucket": "b", "access_key_id": "AKIAKEY", "secret_access_key": SECRET, "session_token": "to/ken"})
    )
    told = f"you said AKIAKEY {SECRET} to/ken"
    for code, status in (("SlowDown", 503), ("InvalidAccessKeyId", 403), ("Odd", 400), ("AccessDenied", 403)):
        answer = {"Error": {"Code": code, "Message": told}, "ResponseMetadata": {"HTTPStatusCode": status}}
        for error in (ClientError(answer, "GetObject"), OSError(f"AWS Error UNKNOWN (HTTP status {status}): {told}")):
            found = str(fault(error, config, "s3://b/a"))
            assert found
            assert not any(word in found for word in ("AKIAKEY", SECRET, "to/ken")), found


def test_importing_the_plugin_imports_no_driver():
    """Whoever has the plugin installed pays for boto3 and pyarrow only when a document uses it."""
    program = (
        "import sqlflow_s3, sqlflow_s3.connector, sqlflow_s3.secrets, sys;"
        "print(sorted({'boto3', 'botocore', 'pyarrow', 'duckdb', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
