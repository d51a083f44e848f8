"""A table of a server into a table of a new DuckDB file: `postgres_read.py HOW CONNECTION WAREHOUSE`.

HOW is `adbc` as it comes, `adbc4` with batches of 4 MB, which DuckDB stores faster, or `connectorx`.
"""

import sys
import time

import duckdb

how, server, warehouse = sys.argv[1:]
PLAIN = "id, customer_id, quantity, created_at, changed_at, order_date, country, product, note, paid, rate"
KEPT = f"{PLAIN}, amount::DECIMAL(12, 2) AS amount"
with duckdb.connect(warehouse) as warehoused:
    if how != "connectorx":
        from adbc_driver_postgresql import dbapi

        started = time.perf_counter()
        with dbapi.connect(server) as connection, connection.cursor() as cursor:
            if how == "adbc4":
                cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": "4000000"})
            cursor.execute(f"SELECT {PLAIN}, amount::text AS amount FROM orders")
            rows = cursor.fetch_record_batch()
            warehoused.execute("CREATE SCHEMA raw")
            warehoused.execute(f"CREATE TABLE raw.orders AS SELECT {KEPT} FROM rows")
            rows.close()
    else:
        import connectorx

        started = time.perf_counter()
        rows = connectorx.read_sql(server, f"SELECT {PLAIN}, amount FROM orders", return_type="arrow")
        warehoused.execute("CREATE SCHEMA raw")
        warehoused.execute(f"CREATE TABLE raw.orders AS SELECT {KEPT} FROM rows")
    print(time.perf_counter() - started)
