"""CSV files. The format is what the options say; only the types of columns are detected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlflow.sdk import ENGINE_ENCODINGS, Example, ReadRequest, Rows, Select, WriteRequest, WriteResult, literal

from .csvcopies import readable
from .csvformat import CsvRead, CsvWrite
from .csvtext import CsvShape, complaint, inspect, same_columns
from .local import LocalFileConnector, Verbatim, arguments, compression_of, file_list

#: Lets the scan leave out what it cannot read, and write that to tables of its connection.
_KEEP = {
    "store_rejects": True,
    "rejects_table": "sqlflow_csv_rejects",
    "rejects_scan": "sqlflow_csv_scans",
    "rejects_limit": 0,
}
#: The type in a message is the one that the column was read as, not the one that it has.
_REASON = "string_agg(DISTINCT regexp_replace(error_message, ' to ''[A-Z]+''$', ''), '; ')"


def _rejects(files: Sequence[str]) -> str:
    """Return the query of what could not be read; of several files, with their names."""
    names = {position: Path(name).name for position, name in enumerate(files)} if len(files) > 1 else {}
    named = "".join(f" WHEN {position} THEN {literal(name + ', ')}" for position, name in names.items())
    file = f"CASE file_id{named} ELSE '' END || " if named else ""
    return (
        f"SELECT {file}'line ' || line || ': ' || {_REASON} AS sqlflow_check, any_value(csv_line) AS sqlflow_raw "
        "FROM temp.sqlflow_csv_rejects GROUP BY line, file_id ORDER BY file_id, line"
    )


class CsvConnector(LocalFileConnector):
    """Reads and writes CSV files."""

    name = "csv"
    ReadOptions = CsvRead
    WriteOptions = CsvWrite
    example = Example(source={"path": "orders.csv"}, target={"path": "orders.csv"})
    suffix = "csv"
    guesses_types = True
    keeps_rejects = True

    def read(self, request: ReadRequest) -> Select:
        """Hand the engine a scan with every option of the format stated."""
        options: CsvRead = request.options
        files = self.wanted(request)
        shape = inspect(Path(files[0]), options)
        if shape.fatal is not None:
            raise shape.fatal
        ordered, fatal = same_columns(files, shape, options) if options.header else (True, None)
        if fatal is not None:
            raise fatal
        declared = {name.lower(): kind for name, kind in request.delta.types.items()}
        declared |= {name.lower(): spec.type for name, spec in request.columns.items()}
        read, cleanup = readable(files, options)
        foreign = options.encoding not in ENGINE_ENCODINGS  # read through copies
        settings = {
            "delim": options.delimiter,
            "header": options.header,
            "quote": options.quote,
            "escape": options.escape,
            "encoding": "utf-8" if foreign else options.encoding,
            "nullstr": options.null_values,
            "skip": options.skip,
            "comment": options.comment,
            "decimal_separator": options.decimal_separator,
            "dateformat": options.date_format,
            "timestampformat": options.timestamp_format,
            "null_padding": options.null_padding or None,
            "all_varchar": options.all_text or None,
            "hive_partitioning": options.hive_partitioning,
            "union_by_name": options.union_by_name or not ordered or None,
            "sample_size": options.sample_rows,
            "max_line_size": options.max_line_size,
            "compression": "none" if foreign else None if options.compression == "auto" else options.compression,
            **(_KEEP if request.keep_rejects else {}),
        }

        def scan(known: Mapping[str, str]) -> str:
            if request.keep_rejects and settings["union_by_name"] and len(files) > 1:  # DuckDB has no rejects of these
                apart = zip(files, read, strict=True)
                return " UNION ALL BY NAME ".join(one(known, [path], inspect(Path(f), options)) for f, path in apart)
            return one(known, read, shape)

        def one(known: Mapping[str, str], paths: list[str], shape: CsvShape) -> str:
            types = {name: known[name.lower()] for name in shape.columns if name.lower() in known}
            named = {**settings, "types": types or None}
            if request.keep_rejects:
                named["union_by_name"] = None
            return f"SELECT * FROM read_csv({file_list(paths)}{arguments(named)})"

        def typed(known: Mapping[str, str]) -> str:
            return scan({name.lower(): kind for name, kind in known.items()})

        explain = lambda text: complaint(text, files, options)  # noqa: E731 - a line of its own reads better
        return Select(
            "duckdb",
            scan(declared),
            explain=explain,
            cleanup=cleanup,
            rejects=_rejects(files) if request.keep_rejects else None,
            typed=None if options.all_text else typed,
            textual=True,
        )

    def write(self, request: WriteRequest, rows: Rows) -> WriteResult:
        """Write through the engine's own CSV writer."""
        options: CsvWrite = request.options
        settings: dict[str, Any] = {
            "FORMAT": "csv",
            "DELIMITER": options.delimiter,
            "HEADER": options.header,
            "NULLSTR": options.null_value,
            "DATEFORMAT": options.date_format,
            "TIMESTAMPFORMAT": options.timestamp_format,
            "COMPRESSION": compression_of(options.compression, options.path),
            "FORCE_QUOTE": Verbatim("*") if options.quote_all else None,
        }
        return self.copy(request, rows, settings, options.partition_by)
