"""What SQLFlow is held against: a file into a table of a new DuckDB file. `load.py FILE WAREHOUSE`."""

import sys
import time

import duckdb

file, warehouse = sys.argv[1:]
reader = "read_csv" if file.endswith(".csv") else "read_parquet"
with duckdb.connect(warehouse) as connection:
    started = time.perf_counter()
    connection.execute("CREATE SCHEMA raw")
    connection.execute(f"CREATE TABLE raw.orders AS SELECT * FROM {reader}('{file}')")
    print(time.perf_counter() - started)
