"""The fastest merge in plain DuckDB: refuse duplicates, delete, insert, one transaction. `merge.py FILE WAREHOUSE`."""

import sys
import time

import duckdb

file, warehouse = sys.argv[1:]
with duckdb.connect(warehouse) as connection:
    started = time.perf_counter()
    repeated = f"SELECT order_id FROM '{file}' GROUP BY order_id HAVING count(*) > 1 LIMIT 1"
    if connection.execute(repeated).fetchall():
        sys.exit("the batch has duplicate keys")
    connection.execute("BEGIN TRANSACTION")
    connection.execute(f"DELETE FROM raw.orders AS t USING '{file}' AS s WHERE t.order_id = s.order_id")
    connection.execute(f"INSERT INTO raw.orders BY NAME FROM '{file}'")
    connection.execute("COMMIT")
    print(time.perf_counter() - started)
