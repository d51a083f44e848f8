"""Credentials that run out while rows are on their way."""

from __future__ import annotations

import re
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

USES = 4


def test_a_role_is_renewed_within_one_load(strict, strict_proxy):
    """Credentials of a role that run out in the midst of a Parquet load are renewed; every row comes, each once."""
    query = "select range as i from range(1000000)"  # one object of many row groups
    strict.done(strict.export(query, "in.parquet", **strict.users["owner"]))
    used, lock = Counter(), threading.Lock()
    soon = (datetime.now(UTC) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    strict_proxy.answers = lambda body: re.sub(
        b"<Expiration>.*?</Expiration>", b"<Expiration>%s</Expiration>" % soon, body
    )

    def runs_out(key):
        """Tell whether a key of the role has been used often enough."""
        if key == strict.users["owner"]["access_key_id"]:
            return False
        with lock:
            used[key] += 1
            return used[key] > USES

    strict_proxy.runs_out = runs_out
    role = {"arn": "arn:aws:iam::123456789012:role/lake", "endpoint": strict_proxy.url, "external_id": "for-tests"}
    more = {**strict.users["owner"], "endpoint": strict_proxy.url, "max_connections": 1, "assume_role": role}
    found = strict.loaded("in.parquet", "", "select count(*), count(distinct i), sum(i) from t", **more)
    assert found == [(1000000, 1000000, sum(range(1000000)))]
    assert sum(used.values()) > 3 * USES
