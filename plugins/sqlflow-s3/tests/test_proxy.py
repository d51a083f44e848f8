"""A faulty network before a real store: every row is there and right, or the error is clear; never short data."""

from urllib.parse import urlsplit

import pytest

from tests.faultproxy import Fault

FAULTS = [Fault("drop"), *(Fault(kind, after) for kind in ("truncate", "reset", "stall") for after in (50, 20_000))]
CSV = "id,n\n" + "".join(f"{n},{n * 7}\n" for n in range(5000))
WHOLE = [{"n": 5000, "i": sum(range(5000)), "s": 7 * sum(range(5000))}]
STATE = "select count(*) as n, sum(id) as i, sum(n) as s from t"


def loaded(pipeline):
    """Run a load; returns its step, and what its table holds where there is one."""
    with pipeline.run() as result:
        there = result.query("select count(*) as n from information_schema.tables where table_name = 't'").to_pylist()
        return result.steps[0], result.query(STATE).to_pylist() if there[0]["n"] else None


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind}-{fault.after}")
@pytest.mark.parametrize("key", ["a.csv", "a.parquet"])
def test_a_spoiled_connection_never_shortens_data(store, fault_proxy, monkeypatch, key, fault):
    """A fault that stays is transient, in the connection's time, and keeps the old rows; one that passes is mended."""
    import io

    import pyarrow.csv
    import pyarrow.parquet

    monkeypatch.setattr("sqlflow_s3.access.ATTEMPTS", 1)
    body = io.BytesIO()
    table = pyarrow.csv.read_csv(io.BytesIO(CSV.encode()))
    pyarrow.parquet.write_table(table, body, row_group_size=1000, compression="none", use_dictionary=False)
    store.put(key, CSV if key == "a.csv" else body.getvalue())
    proxy = fault_proxy(urlsplit(store.endpoint).port)
    endpoint = f"http://127.0.0.1:{proxy.port}"
    assert loaded(store.load(key))[1] == WHOLE
    proxy.fault = fault
    step, rows = loaded(store.load(key, endpoint=endpoint, timeout="2s"))
    assert (step.status, step.error["kind"], rows) == ("failed", "transient", WHOLE), step.error
    proxy.times, proxy.spoiled = 1, 0
    step, rows = loaded(store.load(key, endpoint=endpoint, timeout="2s", step="retry: {attempts: 3, delay: 10ms}"))
    assert (step.status, rows, proxy.spoiled) == ("succeeded", WHOLE, 1), step.error
