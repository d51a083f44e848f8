"""Trying a connection: what is told of a user's permissions is what a load and an export with them then show."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

LIST, GET, PUT = "s3:ListBucket", "s3:GetObject", "s3:PutObject"
GIVE_UP = "s3:AbortMultipartUpload"  # AWS lets whoever began an upload give it up; this server asks for it
CASES = {
    "nothing": ([], [], None, None, False),
    "list": ([LIST], [], None, False, False),
    "read": ([LIST, GET], [], None, True, False),
    "read without listing": ([GET], [], None, None, False),
    "write without reading": ([PUT, GIVE_UP], [], None, None, True),
    "write and list": ([LIST, PUT, GIVE_UP], [], None, False, True),
    "everything": (["s3:*"], [], None, True, True),
    "everything but reading": (["s3:*"], [GET], None, False, True),
    "everything but writing": (["s3:*"], [PUT], None, True, False),
    "another bucket": ([LIST, GET, PUT], [], "another-bucket", None, False),
}


@pytest.fixture
def user(strict_server, store_of_owner):
    """Bring a way to make a user with these permissions; returns the keys."""
    endpoint, users = strict_server
    made = []
    iam = boto3.client(
        "iam",
        endpoint_url=endpoint,
        region_name="us-east-1",
        **{f"aws_{key}": value for key, value in users["owner"].items()},
    )

    def make(allowed, denied, bucket):
        name = f"user-{store_of_owner.bucket}"
        rules = [(effect, actions) for effect, actions in (("Allow", allowed), ("Deny", denied)) if actions]
        where = [f"arn:aws:s3:::{bucket or store_of_owner.bucket}{below}" for below in ("", "/*")]
        policy = [{"Effect": effect, "Action": actions, "Resource": where} for effect, actions in rules]
        iam.create_user(UserName=name)
        made.append(name)
        if policy:
            document = json.dumps({"Version": "2012-10-17", "Statement": policy})
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}

    return make


@pytest.fixture
def store_of_owner(strict):
    """Bring a bucket with an object, on the server that checks permissions."""
    strict.put("in.csv", "a\n1\n")
    return strict


def report(store):
    """Try the connection of the last document by the command line; returns the exit code and what is told."""
    command = [str(Path(sys.executable).with_name("sqlflow")), "connector", "test", "lake", "--spec", "spec.yaml"]
    done = subprocess.run([*command, "--output", "json"], cwd=store.folder, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize(("allowed", "denied", "bucket", "reads", "writes"), CASES.values(), ids=CASES)
def test_what_is_told_is_what_a_run_shows(store_of_owner, user, allowed, denied, bucket, reads, writes):
    """What may be read is loaded and what may be written is exported; nothing is told that was not found out."""
    store, keys = store_of_owner, user(allowed, denied, bucket)
    load = store.load("in.csv", **keys)
    code, told = report(store)
    with load.run() as result:
        loaded = result.status == "succeeded"
    with store.export("select 1 as a", "out.csv", **keys).run() as result:
        exported = result.status == "succeeded"
    assert (told["can_read"], told["can_write"]) == (reads, writes), told
    assert (loaded == reads or reads is None, exported) == (True, writes)
    assert (code == 0) == told["ok"] == bool(reads or writes)
    assert told["kind"] == (None if told["ok"] else "permission")
    assert store.uploads() == []
    assert set(store.keys()) <= {"in.csv", "out.csv"}


def test_a_bucket_without_objects(strict):
    """Where there is nothing to read, nothing is told of reading."""
    strict.load("in.csv", **strict.users["owner"])
    code, told = report(strict)
    assert (code, told["can_read"], told["can_write"]) == (0, None, True)
