"""What SQLFlow is held against: a file into a table of a new DuckDB file. `load.py FILE WAREHOUSE`."""

import sys
import time

import duckdb

file, warehouse = sys.argv[1:]
csv = f"""read_csv('{file}', delim = ',', quote = '"', escape = '"', header = true)"""
source = csv if file.endswith(".csv") else f"read_parquet('{file}')"
with duckdb.connect(warehouse) as connection:
    started = time.perf_counter()
    connection.execute("CREATE SCHEMA raw")
    connection.execute(f"CREATE TABLE raw.orders AS SELECT * FROM {source}")
    print(time.perf_counter() - started)
