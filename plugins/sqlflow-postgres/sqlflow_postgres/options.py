"""The options of the connector: how to reach a server, what to read, how to write. Says nothing of how it is done."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from sqlflow.sdk import ConfigModel, Duration, Secret


class PostgresConfig(ConfigModel):
    """A PostgreSQL server. What is left out is found as libpq finds it: `PGHOST`, `~/.pgpass` and so on."""

    dsn: Secret | None = None
    """Connection string, `postgresql://user:password@host/database` or `host=... dbname=...`, in the place of the
    settings below it."""

    host: str | None = None
    """Name of the server, or the folder of its socket."""

    port: int | None = Field(default=None, ge=1, le=65535)
    """Port of the server."""

    database: str | None = None
    """Database to connect to."""

    user: str | None = None
    """Role to connect as."""

    password: Secret | None = None
    """Password of the role."""

    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] | None = None
    """How the connection is encrypted and the server verified."""

    sslrootcert: str | None = None
    """File of the certificates that servers are verified with; `system` for those of the machine."""

    sslcert: str | None = None
    """File of the certificate that the client shows."""

    sslkey: str | None = None
    """File of the key to `sslcert`."""

    service: str | None = None
    """Section of the connection service file."""

    connect_timeout: Duration = timedelta(seconds=30)
    """How long to wait for a connection."""

    statement_timeout: Duration | None = None
    """How long the server may work on one statement."""

    lock_timeout: Duration | None = None
    """How long a statement may wait for a lock."""

    application_name: str = "sqlflow"
    """Name under which the server lists the connections."""

    max_connections: int = Field(default=8, ge=1)
    """Connections that one process opens at most at the same time."""


class PostgresRead(ConfigModel):
    """What to read."""

    table: str | None = Field(default=None, min_length=1)
    """Table or view to read, as `table` or `schema.table`."""

    query: str | None = Field(default=None, min_length=1)
    """A SELECT in the server's own SQL, in the place of a whole table."""

    select: list[str] = Field(default_factory=list)
    """Columns to read; all of them when left out."""

    arrays: Literal["list", "json"] = "list"
    """How arrays come: as lists, which have one dimension, or as JSON, which may have any."""

    batch_bytes: int = Field(default=4_000_000, ge=1000)
    """About how large a batch of rows is on its way."""

    partition_on: str | None = None
    """Column of a number, date or time by whose ranges the rows are read in parallel, in one snapshot."""

    partitions: int | None = Field(default=None, ge=2, le=64)
    """Into how many ranges `partition_on` is cut."""


class PostgresWrite(ConfigModel):
    """What to write."""

    table: str = Field(min_length=1)
    """Table to write, as `table` or `schema.table`."""

    create: bool = True
    """Whether a table or schema that is not there is created."""

    replace_by: Literal["rename", "delete"] = "rename"
    """How mode replace works: `rename` fills a new table, which then takes the place of the old one; `delete` deletes
    and inserts in one transaction, which keeps everything that hangs on the table."""

    keep: list[Literal["grants", "indexes", "comments"]] = Field(default=["grants", "indexes", "comments"])
    """What a table that is replaced by renaming takes over from the old one; indexes include keys."""
