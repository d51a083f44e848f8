"""Fail unless a table holds the same rows in two warehouses. `same_rows.py TABLE ONE OTHER`."""

import sys

import duckdb

table, *warehouses = sys.argv[1:]
found = []
for warehouse in warehouses:
    with duckdb.connect(warehouse, read_only=True) as connection:
        query = f"SELECT count(*), sum(hash(t)::HUGEINT) FROM (SELECT COLUMNS(*) FROM {table}) AS t"
        found.append((connection.execute(query).fetchall(), connection.execute(f"DESCRIBE {table}").fetchall()))
if found[0] != found[1]:
    sys.exit(f"{table} differs: {found[0]} in {warehouses[0]}, {found[1]} in {warehouses[1]}")
