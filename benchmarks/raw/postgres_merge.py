"""A table of a DuckDB file merged into a table of a server by hand: `postgres_merge.py CONNECTION WAREHOUSE`."""

import sys
import time

import duckdb
import psycopg
import pyarrow as pa
from pyarrow import csv

server, warehouse = sys.argv[1:]
COLUMNS = ["customer_id", "quantity", "created_at", "changed_at", "order_date", "country", "product", "note", "paid",
           "rate", "amount"]  # fmt: skip
MERGE = f"""INSERT INTO merged SELECT * FROM staging ON CONFLICT (id) DO UPDATE SET
    {", ".join(f"{name} = excluded.{name}" for name in COLUMNS)}"""
with duckdb.connect(warehouse, read_only=True) as source:
    started = time.perf_counter()
    source.execute("SET TimeZone = 'UTC'")
    rows = source.sql("FROM raw.changes").to_arrow_reader(100_000)
    with psycopg.connect(server) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE TEMP TABLE staging (LIKE merged)")
        with connection.cursor() as cursor, cursor.copy("COPY staging FROM STDIN (FORMAT csv)") as copy:
            for batch in rows:
                sink = pa.BufferOutputStream()
                place = batch.schema.get_field_index("changed_at")
                moments = batch.column(place).cast(pa.timestamp("us"))
                batch = batch.set_column(place, "changed_at", moments)  # noqa: PLW2901
                csv.write_csv(batch, sink, csv.WriteOptions(include_header=False))
                copy.write(memoryview(sink.getvalue()))
        connection.execute(MERGE.encode())
    print(time.perf_counter() - started)
