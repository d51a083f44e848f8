"""Secrets never leave: in whatever form a driver, an encoder or a message brings them."""

from __future__ import annotations

import json
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from sqlflow.sdk import MASK, Redactor

SECRETS = st.text(st.characters(exclude_categories=["Cs"]), min_size=4, max_size=40).filter(
    lambda s: "*" not in s and s.strip() and s not in "postgres://u:@h dsn none null flag true"
)


def redactor_of(*secrets):
    """Return a redactor that knows some secrets."""
    redactor = Redactor()
    for secret in secrets:
        redactor.add(secret)
    return redactor


@given(SECRETS, st.text(max_size=20), st.text(max_size=20))
def test_no_text_shows_a_secret(secret, before, after):
    """A secret inside any text is masked, as it is and as URLs, JSON, SQL and Python quote it."""
    redactor = redactor_of(secret)
    for form in (secret, quote(secret, safe=""), json.dumps(secret), repr(secret), secret.replace("'", "''")):
        shown = redactor.text(f"{before}{form}{after}")
        assert secret not in shown


@given(SECRETS)
def test_no_nested_data_shows_a_secret(secret):
    """A secret is masked at any depth, in keys and in values, whatever type the holder has."""
    data = {"dsn": f"postgres://u:{secret}@h", secret: [{"x": (secret,)}], "n": 5, "none": None, "flag": True}
    shown = redactor_of(secret).value(data)
    assert secret not in json.dumps(shown, ensure_ascii=False)
    assert shown["n"] == 5
    assert shown["none"] is None
    assert shown["flag"] is True


def test_a_longer_secret_leaves_no_tail():
    """When one secret begins like another, the rest of the longer one does not stay behind."""
    assert redactor_of("hunter", "hunter2-extra").text("hunter2-extra") == MASK


def test_lines_of_a_secret_are_masked_too():
    """A key of several lines is masked even where its lines are shown one by one."""
    key = "-----BEGIN KEY-----\nMIIEvQIBADAN\n-----END KEY-----"
    assert "MIIEvQIBADAN" not in redactor_of(key).text("line 2: MIIEvQIBADAN")


def test_an_empty_secret_masks_nothing():
    """An empty value is no secret."""
    assert redactor_of("").text("all is shown") == "all is shown"
