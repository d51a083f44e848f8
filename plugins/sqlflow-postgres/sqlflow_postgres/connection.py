"""Connections to a server: how it is named, how it is reached, and how many at once. Knows no table.

A connection string is taken apart here and nowhere else, so that no part of it turns up in a message.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from sqlflow.sdk import Redactor, RunInterrupted, StepError

from .faults import translated
from .options import PostgresConfig

#: As libpq reads it: whose connection it is ends at the first `@`, if one comes before a slash.
_URI = re.compile(r"postgres(?:ql)?://(?:[^@/]*@)?(?P<place>[^?]*)")
#: Seconds that a server has to end what it was asked to end.
_GRACE = 2
_PASSWORD = re.compile(r"\b\w*password\s*=\s*('(?:[^'\\]|\\.)*'|\S*)")


def label(config: PostgresConfig) -> str:
    """Name the server for people, without opening anything: `host:port/database`."""
    host, port, database = config.host, config.port, config.database
    if config.dsn is not None:
        text = config.dsn.get_secret_value()
        if "://" in text:
            uri = _URI.match(text)
            return uri["place"].strip("/") or "postgres" if uri is not None and not _torn(text) else "postgres"
        pairs = dict(re.findall(r"\b(host|port|dbname)\s*=\s*'?([\w.:/-]+)", re.sub(_PASSWORD, "", text)))
        host, database = pairs.get("host"), pairs.get("dbname")
        port = int(pairs["port"]) if pairs.get("port", "").isdigit() else None
    elif config.service:
        return f"service {config.service}"
    where = f"{host}:{port}" if host and port else host or ""
    return f"{where}/{database}" if database else where or "postgres"


def conninfo(config: PostgresConfig, folder: Path) -> str:
    """Write the connection string that both drivers take.

    Raises:
        StepError: the DSN is not one.

    """
    from psycopg import Error
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    try:
        given: dict[str, Any] = dict(conninfo_to_dict(config.dsn.get_secret_value())) if config.dsn else {}
    except Error:  # its text quotes the DSN
        raise _odd_dsn() from None
    if config.dsn is not None and _torn(config.dsn.get_secret_value()):
        raise _odd_dsn()
    rootcert = config.sslrootcert
    given |= {
        key: value
        for key, value in {
            "host": config.host,
            "port": config.port,
            "dbname": config.database,
            "user": config.user,
            "password": config.password.get_secret_value() if config.password else None,
            "sslmode": config.sslmode,
            "sslrootcert": str(folder / rootcert) if rootcert and rootcert != "system" else rootcert,
            "sslcert": str(folder / config.sslcert) if config.sslcert else None,
            "sslkey": str(folder / config.sslkey) if config.sslkey else None,
            "service": config.service,
        }.items()
        if value is not None
    }
    given.setdefault("application_name", config.application_name)
    given.setdefault("connect_timeout", max(int(config.connect_timeout.total_seconds()), 2))
    given["client_encoding"] = "UTF8"
    return make_conninfo("", **given)


def _torn(text: str) -> bool:
    """Tell whether a DSN has an `@` too many, so that libpq takes a piece of the password for the host."""
    found = _URI.match(text)
    return found is not None and "@" in found["place"]


def _odd_dsn() -> StepError:
    return StepError(
        "dsn is not a PostgreSQL connection string",
        hint="write postgresql://user:password@host:5432/database; in user and password @ is %40 and / is %2F; or use "
        "host, user, password instead",
        kind="authentication",
    )


def redactor(config: PostgresConfig) -> Redactor:
    """Return what takes the secrets of a config out of a text."""
    made = Redactor()
    if config.password is not None:
        made.add(config.password.get_secret_value())
    if config.dsn is not None:
        text = config.dsn.get_secret_value()
        made.add(text)
        with suppress(Exception):  # a DSN that cannot be read is told as such when it is used
            from psycopg.conninfo import conninfo_to_dict

            found = conninfo_to_dict(text)
            for key in ("password", "sslpassword"):
                if found.get(key):
                    made.add(found[key])
        with suppress(ValueError):
            if urlsplit(text).password:
                made.add(urlsplit(text).password)
    if os.environ.get("PGPASSWORD"):
        made.add(os.environ["PGPASSWORD"])
    return made


def _milliseconds(value: timedelta | None) -> str:
    return str(max(int(value.total_seconds() * 1000), 1)) if value is not None else ""


def settings(config: PostgresConfig, *, read_only: bool) -> str:
    """Write the statement that makes a session speak the way that the rest of this package expects."""
    wanted = {
        "TimeZone": "UTC",
        "DateStyle": "ISO, YMD",
        "IntervalStyle": "postgres",
        "extra_float_digits": "1",
        "bytea_output": "hex",
        "standard_conforming_strings": "on",
        "default_transaction_read_only": "on" if read_only else "",
        "statement_timeout": _milliseconds(config.statement_timeout),
        "lock_timeout": _milliseconds(config.lock_timeout),
        "idle_in_transaction_session_timeout": "0",  # a snapshot is held by a session that does nothing else
    }
    calls = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in wanted.items() if value)
    return f"SELECT {calls}"


@dataclass
class Cancel:
    """Ends what is under way, from any thread: everything that was registered is told, once and for all."""

    asked: bool = False
    _ways: dict[int, Callable[[], object]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> None:
        """Ask for the end."""
        with self._lock:
            self.asked = True
            ways = list(self._ways.values())
        for way in ways:
            with suppress(Exception):  # what has ended meanwhile cannot be cancelled
                way()

    @contextmanager
    def reaching(self, way: Callable[[], object]) -> Iterator[None]:
        """Make `way` part of what a cancel does, for as long as the block lasts."""
        with self._lock:
            if self.asked:
                raise RunInterrupted("cancelled")
            self._ways[id(way)] = way
        try:
            yield
        finally:
            with self._lock:
                self._ways.pop(id(way), None)


class Slots:
    """At most so many connections at once. Several are taken together or not at all, so that nobody waits in a ring."""

    _all: ClassVar[dict[str, Slots]] = {}
    """One for each server, shared by the steps of a process."""
    _guard: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self) -> None:
        self._used = 0
        self._change = threading.Condition()

    @classmethod
    def of(cls, name: str) -> Slots:
        """Return the slots of one server."""
        key = hashlib.sha256(name.encode()).hexdigest()
        with cls._guard:
            return cls._all.setdefault(key, cls())

    def take(self, count: int, most: int, cancel: Cancel) -> None:
        """Wait until `count` more connections are allowed."""
        with self._change:
            while self._used and self._used + count > most:
                if cancel.asked:
                    raise RunInterrupted("cancelled while waiting for a connection")
                self._change.wait(0.2)
            self._used += count

    def give(self, count: int) -> None:
        """Give connections back."""
        with self._change:
            self._used -= count
            self._change.notify_all()


class Ending:
    """Ends what a psycopg connection is doing: by asking the server, and when that does not help, by hanging up.

    A server that does not answer any more does not end anything either; who waits for it waits for the socket.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._asked_at: float | None = None

    def __call__(self) -> None:
        """Ask; called again later, hang up."""
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            self._connection.cancel_safe(timeout=_GRACE)
        elif time.monotonic() - self._asked_at > _GRACE:
            with socket.socket(fileno=os.dup(self._connection.fileno())) as again:
                again.shutdown(socket.SHUT_RDWR)


@dataclass
class Server:
    """A server as one job uses it: everything that a connection needs, and how it is cancelled."""

    config: PostgresConfig
    folder: Path
    cancel: Cancel = field(default_factory=Cancel)

    def __post_init__(self) -> None:
        self.label = label(self.config)
        self.redactor = redactor(self.config)
        self.conninfo = conninfo(self.config, self.folder)
        self.slots = Slots.of(self.conninfo)

    def guarded(self, doing: str) -> Any:
        """Translate errors of a block that does something, such as `reading public.orders`."""
        return translated(f"{doing} ({self.label})", self.redactor, cancelled=lambda: self.cancel.asked)

    def take(self, count: int) -> None:
        """Wait for the right to open so many connections."""
        self.slots.take(count, self.config.max_connections, self.cancel)

    @contextmanager
    def session(self, *, read_only: bool = False) -> Iterator[Any]:
        """Open a psycopg connection in autocommit for the length of a block."""
        import psycopg

        with self.guarded("connecting"):
            opened = psycopg.connect(self.conninfo, autocommit=True, prepare_threshold=None)
        try:
            with self.cancel.reaching(Ending(opened)):
                with self.guarded("connecting"):
                    opened.execute(settings(self.config, read_only=read_only).encode())
                yield opened
        finally:
            with suppress(psycopg.Error):
                opened.close()

    def bulk(self) -> Any:
        """Open an ADBC connection in autocommit, for reading; whoever asks for it closes it."""
        from adbc_driver_postgresql import dbapi

        with self.guarded("connecting"):
            opened = dbapi.connect(self.conninfo, autocommit=True)
            try:
                bulk_execute(opened, settings(self.config, read_only=True))
            except BaseException:
                opened.close()
                raise
            return opened


def bulk_execute(connection: Any, sql: str) -> None:
    """Run a statement on an ADBC connection and forget what it returns."""
    cursor = connection.cursor()
    try:
        cursor.execute(sql)
    finally:
        cursor.close()


def fetch(connection: Any, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run a statement with `%s` for each value, and return its rows."""
    found = connection.execute(sql.encode(), values or None)
    return found.fetchall() if found.description is not None else []
