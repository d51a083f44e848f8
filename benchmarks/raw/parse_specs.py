"""Only parse: the YAML of every document by the C parser, its SQL by DuckDB. `parse_specs.py FOLDER`."""

import sys
from pathlib import Path

import duckdb
from ruamel.yaml.cyaml import CParser

with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
    for file in sorted(Path(sys.argv[1]).glob("*.yaml")):
        parser = CParser(file.read_text(encoding="utf-8"))
        before = sql = None
        while parser.check_event():
            event = parser.get_event()
            text = getattr(event, "value", None)
            if before == "sql":
                sql = text
            before = text
        connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
