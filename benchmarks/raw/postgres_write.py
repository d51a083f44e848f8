"""A table of a DuckDB file into a new table of a server, by COPY alone: `postgres_write.py CONNECTION WAREHOUSE`."""

import sys
import time

import duckdb
import psycopg
import pyarrow as pa
from pyarrow import csv

server, warehouse = sys.argv[1:]
TABLE = """DROP TABLE IF EXISTS written; CREATE TABLE written (id bigint, customer_id integer, quantity integer,
    created_at timestamp, changed_at timestamptz, order_date date, country text, product text, note text, paid boolean,
    rate double precision, amount numeric(12,2))"""
with duckdb.connect(warehouse, read_only=True) as source:
    started = time.perf_counter()
    source.execute("SET TimeZone = 'UTC'")
    rows = source.sql("FROM raw.orders").to_arrow_reader(100_000)
    with psycopg.connect(server) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(TABLE.encode())
        with connection.cursor() as cursor, cursor.copy("COPY written FROM STDIN (FORMAT csv)") as copy:
            for batch in rows:
                sink = pa.BufferOutputStream()
                place = batch.schema.get_field_index("changed_at")
                moments = batch.column(place).cast(pa.timestamp("us"))
                batch = batch.set_column(place, "changed_at", moments)  # noqa: PLW2901
                csv.write_csv(batch, sink, csv.WriteOptions(include_header=False))
                copy.write(memoryview(sink.getvalue()))
    print(time.perf_counter() - started)
