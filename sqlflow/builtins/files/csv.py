"""CSV files. The format is what the options say; only the types of columns are detected."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlflow.sdk import Example, ReadRequest, Rows, Select, WriteRequest, WriteResult

from .csvformat import CsvRead, CsvWrite
from .csvpadding import unpadded
from .csvtext import complaint, inspect, same_columns
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
_REJECTS = (
    f"SELECT 'line ' || line || ': ' || {_REASON} AS sqlflow_check, any_value(csv_line) AS sqlflow_raw "
    "FROM temp.sqlflow_csv_rejects GROUP BY line, file_id ORDER BY line"
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
        read, cleanup = unpadded(files, options)
        settings = {
            "delim": options.delimiter,
            "header": options.header,
            "quote": options.quote,
            "escape": options.escape,
            "encoding": options.encoding,
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
            "compression": None if options.compression == "auto" else options.compression,
            **(_KEEP if request.keep_rejects else {}),
        }

        def scan(known: Mapping[str, str]) -> str:
            types = {name: known[name.lower()] for name in shape.columns if name.lower() in known}
            return f"SELECT * FROM read_csv({file_list(read)}{arguments({**settings, 'types': types or None})})"

        def typed(known: Mapping[str, str]) -> str:
            return scan({name.lower(): kind for name, kind in known.items()})

        explain = lambda text: complaint(text, files, options)  # noqa: E731 - a line of its own reads better
        return Select(
            "duckdb",
            scan(declared),
            explain=explain,
            cleanup=cleanup,
            rejects=_REJECTS if request.keep_rejects else None,
            typed=None if options.all_text else typed,
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
