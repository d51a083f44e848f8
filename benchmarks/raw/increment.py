"""The fastest increment in plain DuckDB, its watermark in the same transaction. `increment.py MODE FILE WAREHOUSE`.

`merge` deletes and inserts; `scd2` closes the versions that changed and opens new ones.
"""

import sys
import time

import duckdb

mode, file, warehouse = sys.argv[1:]
TRACKED = "customer_id, order_date, country, product, quantity, price, paid, note"
with duckdb.connect(warehouse) as connection:
    connection.execute("CREATE SCHEMA IF NOT EXISTS own; CREATE TABLE IF NOT EXISTS own.state (watermark TIMESTAMP)")
    started = time.perf_counter()
    connection.execute("BEGIN TRANSACTION")
    mark = connection.execute("SELECT coalesce(max(watermark), '2024-01-01') FROM own.state").fetchone()[0]
    connection.execute("CREATE TEMP TABLE news AS SELECT * FROM read_parquet($file) WHERE created_at >= $mark",
                       {"file": file, "mark": mark})  # fmt: skip
    repeated = "SELECT order_id FROM news GROUP BY order_id HAVING count(*) > 1 LIMIT 1"
    if connection.execute(repeated).fetchall():
        sys.exit("the batch has duplicate keys")
    if mode == "merge":
        connection.execute("DELETE FROM raw.orders AS t USING news AS s WHERE t.order_id = s.order_id")
        connection.execute("INSERT INTO raw.orders BY NAME FROM news")
    else:
        old, new = (", ".join(f"{side}.{name}" for name in TRACKED.split(", ")) for side in ("t", "s"))
        connection.execute(
            "CREATE TEMP TABLE fresh AS SELECT s.* FROM news AS s LEFT JOIN raw.orders AS t "
            f"ON t.order_id = s.order_id AND t.is_current WHERE t.order_id IS NULL OR ({old}) IS DISTINCT FROM ({new})"
        )
        connection.execute(
            "UPDATE raw.orders AS t SET valid_to = s.created_at, is_current = FALSE FROM fresh AS s "
            "WHERE t.order_id = s.order_id AND t.is_current"
        )
        connection.execute(
            "INSERT INTO raw.orders BY NAME SELECT *, created_at AS valid_from, NULL::TIMESTAMP AS valid_to, "
            "TRUE AS is_current FROM fresh"
        )
    connection.execute("INSERT INTO own.state SELECT max(created_at) FROM news")
    connection.execute("COMMIT")
    print(time.perf_counter() - started)
