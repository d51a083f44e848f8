"""A faulty network before a real API: every record is there and right, or the error is clear; never short data."""

import pytest

from tests.faultproxy import Fault

FAULTS = [Fault("drop"), *(Fault(kind, after) for kind in ("truncate", "reset", "stall") for after in (20, 3000, 9000))]
ITEMS = [{"id": n, "v": "x" * 40} for n in range(500)]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind}-{fault.after}")
def test_a_spoiled_connection_never_shortens_data(load, server, fault_proxy, fault):
    """A fault that stays is a transient error in the connection's time; one that passes costs no record."""
    server.answer = lambda _, query, *__: ITEMS[int(query["offset"]) :][:250]
    proxy = fault_proxy(server.server_port)

    class Spoiled:
        url = f"http://127.0.0.1:{proxy.port}"

    pages = "path: /i, pagination: {type: offset}"
    proxy.fault = fault
    error, rows = load(Spoiled, pages, "tries: 1, timeout: 2s")
    assert (error["kind"], rows) == ("transient", None), error
    assert proxy.spoiled
    proxy.times, proxy.spoiled = 1, 0
    error, rows = load(Spoiled, pages, "tries: 1, timeout: 2s, retry: {attempts: 3, delay: 10ms}")
    assert error is None
    assert rows.column("id").to_pylist() == list(range(500))
    assert proxy.spoiled == 1


def test_a_slow_network_brings_every_record(load, server, fault_proxy):
    """A server that sends little at a time is not silent."""
    server.answer = lambda *_: ITEMS
    proxy = fault_proxy(server.server_port)
    proxy.fault = Fault("slow")

    class Slow:
        url = f"http://127.0.0.1:{proxy.port}"

    error, rows = load(Slow, "path: /i", "tries: 1, request_timeout: 2s")
    assert (error, rows.num_rows) == (None, 500)
