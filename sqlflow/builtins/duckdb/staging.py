"""Taking a batch in: as a query that runs when it is published, or as a table beside its target.

A batch that replaces its target is written once, under a hidden name in the target's schema, and renamed when
it is published. Any other batch goes to a temporary table, which ends with the connection.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from sqlflow.sdk import (
    VALUELESS,
    ArrowStream,
    Batch,
    ColumnSpec,
    CursorRange,
    SchemaChanged,
    Select,
    Staged,
    StepError,
    TableSchema,
    did_you_mean,
    fold,
    literal,
    nested_keys,
    normal_type,
    quote,
    quote_target,
)

from .connection import Connection
from .exact import INEXACT, exact_cast, exactly, listed, set_aside
from .faults import translated
from .warehouse import STAGE_PREFIX, beside

_CAST = re.compile(
    r"Could not convert string (?P<value>'.*') to \S+ when casting from source column (?P<column>[^\n]+)"
)

_READ_AS = re.compile(r"to '(DOUBLE|VARCHAR|TIMESTAMP|DECIMAL(\(\d+,\d+\))?)'")
"""How an error names the type that a column was read as."""


def stage(db: Connection, source: Select | ArrowStream, batch: Batch) -> Staged:
    """Stage a batch, cast to the declared columns."""
    if isinstance(source, ArrowStream):
        return _from_arrow(db, source, batch)
    if not isinstance(source, Select):
        raise _strange(f"rows come as {type(source).__name__}, expected Select or ArrowStream")
    needs_schema = bool(batch.columns or source.typed) or batch.mode != "replace" or not batch.once
    schema = db.schema_of(f"(\n{source.sql}\n)", source.parameters) if needs_schema else None
    if source.typed is not None and schema is not None:
        known = {fold(name): kind for name, kind in batch.types.items()}
        types = {column.name: _kept(known.get(fold(column.name)), column.type) for column in schema}
        # read as it was guessed, values behind the sample would be lost without a word
        types = {n: "JSON" if t == VALUELESS else t for n, t in types.items()}
        sql = exactly(
            db, source.typed, types, careful=batch.careful, keep=source.rejects is not None, textual=source.textual
        )
        source = replace(source, sql=sql, explain=_told(source, types))
        schema = db.schema_of(f"(\n{source.sql}\n)", source.parameters)
    if batch.columns and schema is not None:
        source = replace(source, sql=contracted(source.sql, schema, batch.columns))
        schema = db.schema_of(f"(\n{source.sql}\n)", source.parameters)
    if batch.since is not None and schema is not None:
        source = replace(source, sql=_within(db, source.sql, schema, batch))
    marked = source.rejects is not None and schema is not None and schema.get(INEXACT) is not None
    if schema is not None and marked:
        schema = TableSchema(tuple(column for column in schema if column.name != INEXACT))
    if batch.once and marked:
        source = replace(source, sql=f"SELECT * EXCLUDE ({INEXACT}) FROM (\n{source.sql}\n) WHERE {INEXACT} IS NULL")
    if batch.once:
        return Staged(batch, f"(\n{source.sql}\n)", schema or TableSchema(()), materialized=False, source=source)
    staged = _make_table(db, f"(\n{source.sql}\n)", source.parameters, batch)
    if schema is not None and marked:
        staged = replace(staged, rows=(staged.rows or 0) - set_aside(db, staged.relation, schema.names))
    return replace(staged, schema=schema or db.schema_of(staged.relation), source=source)


def _kept(known: str | None, found: str) -> str:
    """Return the type that a column is read as: the known one, unless a nested value has keys that it does not hold."""
    if known is None or known == found or not ("STRUCT(" in found and "STRUCT(" in known):
        return known or found
    held = dict(nested_keys(known))
    lost = any(set(keys) - set(held.get(path, ())) for path, keys in nested_keys(found))
    return found if lost else known


def _told(source: Select, types: Mapping[str, str]) -> Callable[[str], StepError | None] | None:
    """Let the connector explain errors with the types that columns have, not with those they are read as."""
    explain = source.explain
    if explain is None:
        return None

    def explained(text: str) -> StepError | None:
        column = re.search(r'column "(.+?)"', text)
        kind = types.get(column[1]) if column else None
        return explain(_READ_AS.sub(f"to '{kind}'", text) if kind else text)

    return explained


def _refuse_bounds(db: Connection, since: CursorRange, schema: TableSchema) -> None:
    """Refuse ends of a range that a person wrote and that the cursor cannot have."""
    column = schema.get(since.column)
    for bound in (since.lower, since.upper) if column is not None else ():
        if bound is None or bound.type is not None or column is None:
            continue
        if db.execute(f"SELECT TRY_CAST({literal(bound.text)} AS {column.type}) IS NULL")[0][0]:
            raise StepError(
                f"{bound.text!r} is not a value of type {column.type}, which the cursor {since.column!r} has",
                hint="write --from and --to, or `initial` of the cursor, as such a value",
                code="SF741",
            )


def _within(db: Connection, sql: str, schema: TableSchema, batch: Batch) -> str:
    """Leave out the rows that are not wanted."""
    if batch.since is not None:
        _refuse_bounds(db, batch.since, schema)
    condition = batch.since.condition(schema) if batch.since is not None else None
    return sql if condition is None else f"SELECT * FROM (\n{sql}\n) WHERE {condition}"


def columns(db: Connection, source: Select | ArrowStream) -> TableSchema:
    """Return the columns of a source; a stream is opened and closed again."""
    if isinstance(source, Select):
        found = db.schema_of(f"(\n{source.sql}\n)", source.parameters)
        return TableSchema(tuple(column for column in found if column.name != INEXACT))
    name = "sqlflow_arrow_columns"
    reader: Any = _opened(source)
    try:
        with translated():
            db.raw.register(name, reader)
        return db.schema_of(name)
    finally:
        db.raw.unregister(name)
        reader.close()


def _opened(source: ArrowStream) -> Any:
    if not callable(source.open):
        raise _strange(f"a stream has {type(source.open).__name__} for `open`, expected what opens a RecordBatchReader")
    reader: Any = source.open()
    if all(hasattr(reader, name) for name in ("schema", "close", "__iter__")):  # core wraps some of them
        return reader
    raise _strange(f"a stream opens as {type(reader).__name__}, expected pyarrow.RecordBatchReader")


def _strange(told: str) -> StepError:
    hint = "this is a bug in the plugin that gives them; tell its authors"
    return StepError(told, hint=hint, code="SF791", kind="internal")


def _from_arrow(db: Connection, source: ArrowStream, batch: Batch) -> Staged:
    name = "sqlflow_arrow_batch"
    reader: Any = _opened(source)
    raised: list[Exception] = []
    try:
        with translated():
            db.raw.register(name, _remembering(reader, raised))
        sql = f"SELECT * FROM {name}"
        if batch.columns:
            sql = contracted(sql, db.schema_of(name), batch.columns)
        if batch.since is not None:
            sql = _within(db, sql, db.schema_of(f"({sql})"), batch)
        staged = _make_table(db, f"({sql})", {}, batch)
        return replace(staged, schema=db.schema_of(staged.relation))
    except StepError as error:
        if raised:  # on its way through DuckDB an error of the connector becomes text; this is the error itself
            raise raised[0] from None
        raise _of_column(error, batch) from error
    finally:
        db.raw.unregister(name)
        reader.close()


def _of_column(error: StepError, batch: Batch) -> StepError:
    """Say of a failed cast to a declared type which column it is about; the SQL was written here, not by the user."""
    found = _CAST.match(error.message)
    spec = {fold(name): spec for name, spec in batch.columns.items()}.get(fold(found["column"])) if found else None
    if found is None or spec is None:
        return error
    return StepError(
        f"column {found['column']!r} is declared {spec.type} under columns but holds {found['value']}",
        hint=f"mend the value, or take it as text: columns: {{{found['column']}: varchar}}",
        code="SF710",
    )


def _remembering(reader: Any, raised: list[Exception]) -> Any:
    """Return the same stream; an error that it raises is kept.

    Nobody holds the batches of a stream to its schema, and bytes that are taken for another type are any value.
    """
    import pyarrow as pa

    def batches() -> Iterator[Any]:
        try:
            for batch in reader:
                _refuse_other(batch.schema, reader.schema)
                yield batch
        except (OSError, pa.ArrowException):  # what the engine makes of it says as much
            raise
        except Exception as error:
            raised.append(error)
            raise

    return pa.RecordBatchReader.from_batches(reader.schema, batches())


def _refuse_other(found: Any, wanted: Any) -> None:
    if found.names != wanted.names or not all(map(_laid_out_alike, found.types, wanted.types)):
        raise StepError(
            f"a batch has the columns {_shown(found)}, and its stream has {_shown(wanted)}",
            hint="this is a bug in the connector; tell its authors",
            code="SF791",
            kind="internal",
        )


def _laid_out_alike(found: Any, wanted: Any) -> bool:
    """Tell whether two Arrow types have the same bytes; what the parts of lists and maps are called is no matter."""
    import pyarrow as pa

    if found == wanted:
        return True
    size = getattr(found, "list_size", 0) == getattr(wanted, "list_size", 0)
    if found.id != wanted.id or not found.num_fields or found.num_fields != wanted.num_fields or not size:
        return False
    parts = [(found.field(i), wanted.field(i)) for i in range(found.num_fields)]
    named = not pa.types.is_struct(found) or all(one.name == other.name for one, other in parts)
    return named and all(_laid_out_alike(one.type, other.type) for one, other in parts)


def _shown(schema: Any) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)


def _make_table(db: Connection, relation: str, parameters: Mapping[str, Any], batch: Batch) -> Staged:
    # ids may differ in case only, which names of tables do not
    mark = f"{zlib.crc32(batch.token.step.encode()):08x}"
    name = f"{STAGE_PREFIX}{batch.token.step}_{batch.token.attempt}_{mark}"
    table = None
    if batch.mode == "replace":
        table = beside(batch.target, name)
        shown = quote_target(table)
        db.execute(f"DROP TABLE IF EXISTS {shown}")
        rows = db.make(shown, f"FROM {relation}", parameters)
    else:
        shown = f"temp.{quote(name)}"
        rows = db.make(shown, f"FROM {relation}", parameters, kind="TEMP TABLE")
    return Staged(batch, shown, TableSchema(()), materialized=True, rows=rows, table=table)


def contracted(sql: str, schema: TableSchema, columns: Mapping[str, ColumnSpec]) -> str:
    """Cast the declared columns to their types; a declared column that is not there is an error."""
    casts: dict[str, str] = {}
    for name, spec in columns.items():
        found = schema.get(name)
        if found is None:
            raise SchemaChanged(
                f"column {name!r} is declared under columns but the source does not have it; it has: "
                + ", ".join(schema.names),
                hint=did_you_mean(name, schema.names, noun="column"),
                code="SF720",
            )
        if normal_type(found.type) != normal_type(spec.type):
            casts[found.name] = exact_cast(found.name, found.type, spec.type)
    return f"SELECT {listed(schema.names, casts)} FROM ({sql})" if casts else sql
