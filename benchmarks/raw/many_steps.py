"""So many trivial tables, one statement each, in a new DuckDB file. `many_steps.py COUNT WAREHOUSE`."""

import sys
import time

import duckdb

count, warehouse = int(sys.argv[1]), sys.argv[2]
with duckdb.connect(warehouse) as connection:
    started = time.perf_counter()
    connection.execute("CREATE SCHEMA marts")
    for number in range(count):
        connection.execute(f"CREATE TABLE marts.t_{number} AS SELECT {number} AS number, 'x' AS letter")
    print(time.perf_counter() - started)
