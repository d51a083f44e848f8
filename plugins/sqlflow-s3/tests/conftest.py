"""A real S3 server on loopback, one that checks signatures and permissions, and a bucket for each test."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from sqlflow.pipeline import Pipeline

from .proxy import Proxy, standing_before

KEY, SECRET = "AKIATESTTESTTEST", "quite/secret+value=for-tests"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve(log: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start a server and wait until it answers."""
    port = free_port()
    with log.open("wb") as out:
        command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(command, stdout=out, stderr=out)
    endpoint = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{endpoint}/moto-api/", timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return process, endpoint
    process.kill()
    raise RuntimeError(log.read_text())


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run an S3 server; its URL."""
    process, endpoint = serve(tmp_path_factory.mktemp("moto") / "log")
    yield endpoint
    process.kill()
    process.wait()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave nothing of this machine's AWS settings to the tests, and no temporary file behind."""
    for name in [n for n in os.environ if n.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws-credentials"))


@pytest.fixture
def spools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Give the connector a temporary folder of its own, which must be empty in the end."""
    folder = tmp_path / "spools"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@dataclass
class Store:
    """A bucket, and pipelines over it."""

    endpoint: str
    bucket: str
    folder: Path
    client: Any
    users: dict[str, dict[str, str]] = field(default_factory=dict)
    secret = SECRET

    def put(self, key: str, body: bytes | str) -> None:
        """Put an object."""
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body)

    def get(self, key: str) -> bytes:
        """Return an object."""
        return bytes(self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def keys(self, prefix: str = "") -> list[str]:
        """List keys."""
        listed = self.client.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for entry in listed.get("Contents", ())]

    def contents(self) -> dict[str, bytes]:
        """Return every object."""
        return {key: self.get(key) for key in self.keys()}

    def uploads(self) -> list[str]:
        """List uploads in parts that are neither completed nor taken back."""
        listed = self.client.list_multipart_uploads(Bucket=self.bucket)
        return [entry["Key"] for entry in listed.get("Uploads", ())]

    def connection(self, **more: Any) -> str:
        """Write the connection as YAML."""
        settings = {
            "connector": "s3", "bucket": self.bucket, "endpoint": self.endpoint, "region": "us-east-1",
            "access_key_id": KEY, "secret_access_key": SECRET, **more,
        }  # fmt: skip
        return "{" + ", ".join(f"{k}: '{v}'" if isinstance(v, str) else f"{k}: {v}" for k, v in settings.items()) + "}"

    def pipeline(self, steps: str, **more: Any) -> Pipeline:
        """Write a document with these steps, whose connection is `lake`."""
        file = self.folder / "spec.yaml"
        head = f"version: 1\nname: lake_test\nconnections:\n  lake: {self.connection(**more)}\nsteps:\n"
        file.write_text(head + steps)
        return Pipeline.from_file(file)

    def load(self, path: str, extra: str = "", step: str = "", **more: Any) -> Pipeline:
        """Load a path into the table `t`."""
        source = f"{{connection: lake, path: '{path}'{', ' + extra if extra else ''}}}"
        return self.pipeline(f"  - {{id: t, type: load, source: {source}, target: t{step and ', ' + step}}}\n", **more)

    def export(self, sql: str, path: str, extra: str = "", step: str = "", **more: Any) -> Pipeline:
        """Export a query to a path."""
        target = f"{{connection: lake, path: '{path}'{', ' + extra if extra else ''}}}"
        text = f'  - {{id: out, type: export, sql: "{sql}", target: {target}{step and ", " + step}}}\n'
        return self.pipeline(text, **more)

    @staticmethod
    def done(pipeline: Pipeline) -> Any:
        """Run a pipeline that succeeds; returns its first step."""
        with pipeline.run() as result:
            assert result.status == "succeeded", result.steps[0].error
            return result.steps[0]

    @staticmethod
    def failure(pipeline: Pipeline) -> Any:
        """Run a pipeline that fails; returns the error."""
        with pipeline.run() as result:
            assert result.status == "failed"
            return result.steps[0].error

    def loaded(self, path: str, extra: str = "", query: str = "from t order by all", **more: Any) -> list[Any]:
        """Load a path into a warehouse of its own and return a query's rows."""
        load = self.load(path, extra, **more)
        load.path.with_name("lake_test.duckdb").unlink(missing_ok=True)
        with load.run() as result:
            assert result.status == "succeeded", result.steps[0].error
            return [tuple(row.values()) for row in result.query(query).to_pylist()]


def make_store(endpoint: str, folder: Path, users: dict[str, dict[str, str]] | None = None) -> Store:
    """Make a bucket with a name of its own."""
    keys = (users or {}).get("owner", {"access_key_id": "x", "secret_access_key": "y"})
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", **{f"aws_{k}": v for k, v in keys.items()}
    )
    bucket = f"bucket-{os.getpid()}-{time.time_ns()}"
    client.create_bucket(Bucket=bucket)
    return Store(endpoint, bucket, folder, client, users or {})


@pytest.fixture
def store(server: str, tmp_path: Path, spools: Path) -> Store:  # noqa: ARG001 - it looks after temporary files
    """Make a bucket."""
    return make_store(server, tmp_path)


@pytest.fixture(scope="session")
def strict_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, dict[str, str]]]]:
    """Run an S3 server that checks signatures and permissions; its URL, and keys of an `owner` and of a `reader`."""
    process, endpoint = serve(tmp_path_factory.mktemp("strict") / "log")
    try:
        root = {"endpoint_url": endpoint, "region_name": "us-east-1", "aws_access_key_id": "x"}
        iam = boto3.client("iam", aws_secret_access_key="y", **root)
        trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
        iam.create_role(RoleName="lake", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
        allowed = {"owner": ["s3:*", "sts:*", "iam:*"], "reader": ["s3:List*", "s3:GetObject"]}
        users = {}
        for name, actions in allowed.items():
            policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
            iam.create_user(UserName=name)
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
            key = iam.create_access_key(UserName=name)["AccessKey"]
            users[name] = {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": "*"}]}
        iam.put_role_policy(RoleName="lake", PolicyName="p", PolicyDocument=json.dumps(policy))
        plain = {"Content-Type": "text/plain"}
        reset = urllib.request.Request(f"{endpoint}/moto-api/reset-auth", b"0", plain)
        urllib.request.urlopen(reset, timeout=5).close()
        yield endpoint, users
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def strict(strict_server: tuple[str, Any], tmp_path: Path, spools: Path) -> Store:  # noqa: ARG001 - see above
    """Make a bucket on the server that checks signatures."""
    endpoint, users = strict_server
    return make_store(endpoint, tmp_path, users)


@pytest.fixture
def proxy(server: str) -> Iterator[Proxy]:
    """Stand between the connector and the server."""
    with standing_before(server) as seen:
        yield seen


@pytest.fixture
def strict_proxy(strict_server: tuple[str, Any]) -> Iterator[Proxy]:
    """Stand between the connector and the server that checks signatures."""
    with standing_before(strict_server[0]) as seen:
        yield seen
