"""The server that every test talks to."""

import importlib.util
from pathlib import Path

import pytest


def _server_class():
    spec = importlib.util.spec_from_file_location("sqlflow_http_server", Path(__file__).parent / "server.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Server


@pytest.fixture
def server():
    """Start a server of this test alone."""
    running = _server_class()()
    yield running
    running.stop()


@pytest.fixture
def other_server():
    """Start a server on another port, which is another host to a client."""
    running = _server_class()()
    yield running
    running.stop()
