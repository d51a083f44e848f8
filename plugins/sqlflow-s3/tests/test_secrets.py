"""The secret provider `aws`: both stores of AWS, through documents, and what goes wrong."""

from __future__ import annotations

import json

import boto3
import pytest
from sqlflow_s3.secrets import AwsSecrets

from sqlflow.pipeline import Pipeline
from sqlflow.sdk import StepError, TransientError

TOKEN = "token-that-nobody-may-see-0123456789"


@pytest.fixture
def aws(server, monkeypatch):
    """Point the standard chain to the server and put some secrets there."""
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "AKIAENVIRONMENT",
        "AWS_SECRET_ACCESS_KEY": "environment/secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    manager, parameters = boto3.Session().client("secretsmanager"), boto3.Session().client("ssm")
    for name, value in {"shop/token": TOKEN, "shop/keys": json.dumps({"id": "AKIA1", "n": 5})}.items():
        if not manager.list_secrets(Filters=[{"Key": "name", "Values": [name]}])["SecretList"]:
            manager.create_secret(Name=name, SecretString=value)
    if not manager.list_secrets(Filters=[{"Key": "name", "Values": ["shop/binary"]}])["SecretList"]:
        manager.create_secret(Name="shop/binary", SecretBinary=b"\0\1")
    parameters.put_parameter(Name="/shop/token", Value=TOKEN, Type="SecureString", Overwrite=True)
    return AwsSecrets()


def test_values_of_both_stores(aws):
    """A secret, a field of one, and a parameter, decrypted; None for what is not there."""
    assert aws.get("shop/token") == TOKEN
    assert aws.get("shop/keys#id") == "AKIA1"
    assert aws.get("shop/keys#n") == "5"
    assert aws.get("ssm:/shop/token") == TOKEN
    assert aws.get("no/such") is None
    assert aws.get("ssm:/no/such") is None


@pytest.mark.parametrize("key", ["shop/token#id", "shop/keys#no", "shop/binary"])
def test_what_is_no_such_text(aws, key):
    """A field that is missing, or a secret without text, is an error that names the key and never the value."""
    with pytest.raises(StepError) as caught:
        aws.get(key)
    assert key.split("#")[0] in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_faults_are_sorted(aws, proxy, monkeypatch):
    """A refusal is permission, credentials that ran out are authentication, a server that is down is transient."""
    monkeypatch.setattr("sqlflow_s3.secrets.ATTEMPTS", 2)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    found = {}
    for fault in ("403", "400", "500", "reset"):
        proxy.fault = lambda _method, _path, fault=fault: fault
        with pytest.raises(StepError) as caught:
            aws.get("shop/token")
        found[fault] = caught.value.kind
        assert isinstance(caught.value, TransientError) == (fault in ("500", "reset"))
        assert "shop/token" in str(caught.value) or "AWS" in str(caught.value)
    assert (found["403"], found["400"]) == ("permission", "authentication")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(StepError) as caught:
        aws.get("shop/token")
    assert caught.value.kind == "authentication"


@pytest.mark.usefixtures("aws")
def test_a_connection_takes_its_keys_from_aws(strict):
    """`${secret:aws/...}` brings the keys of a connection; what was fetched is shown nowhere, even when it fails."""
    owner = strict.users["owner"]
    for key in ("right", "wrong"):
        secret = owner["secret_access_key"] if key == "right" else TOKEN
        boto3.Session().client("ssm").put_parameter(
            Name=f"/lake/{key}", Value=secret, Type="SecureString", Overwrite=True
        )
    strict.put("a.csv", "a\n1\n")
    for key in ("right", "wrong"):
        keys = {"access_key_id": owner["access_key_id"], "secret_access_key": f"${{secret:aws/ssm:/lake/{key}}}"}
        with strict.load("a.csv", **keys).run() as result:
            assert result.status == ("succeeded" if key == "right" else "failed"), result.steps[0].error
            if key == "wrong":
                assert result.steps[0].error["kind"] == "authentication"
    left = "".join(f.read_text(errors="replace") for f in strict.folder.glob("target/**/*") if f.is_file())
    assert left
    assert TOKEN not in left
    assert owner["secret_access_key"] not in left


def test_validation_does_not_ask_aws(monkeypatch, tmp_path):
    """A look-up goes over the network, so that validation leaves it out."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    file = tmp_path / "spec.yaml"
    file.write_text(
        "version: 1\nname: t\nsteps:\n  - id: t\n    type: load\n    target: t\n"
        "    source: {connector: s3, bucket: b, path: a.csv, access_key_id: x, "
        "secret_access_key: '${secret:aws/shop/token}'}\n"
    )
    assert [p for p in Pipeline.from_file(file).validate() if p.severity == "error"] == []
