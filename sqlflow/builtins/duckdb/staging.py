"""Taking a batch in: as a query that runs when it is published, or as a table beside its target.

A batch that replaces its target is written once, under a hidden name in the target's schema, and renamed when
it is published. Any other batch goes to a temporary table, which ends with the connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlflow.sdk import (
    ArrowStream,
    ColumnSpec,
    SchemaChanged,
    Select,
    Staged,
    TableSchema,
    Token,
    did_you_mean,
    normal_type,
    quote,
)

from .faults import translated
from .warehouse import STAGE_PREFIX, quoted

if TYPE_CHECKING:
    from .session import DuckDbSession


def stage(
    session: DuckDbSession,
    source: Select | ArrowStream,
    target: str,
    token: Token,
    columns: Mapping[str, ColumnSpec],
    *,
    once: bool,
    replacing: bool,
) -> Staged:
    """Stage a batch, cast to the declared columns."""
    if isinstance(source, ArrowStream):
        return _from_arrow(session, source, target, token, columns, replacing=replacing)
    needs_schema = bool(columns) or not replacing
    schema = session.schema_of(f"({source.sql})", source.parameters) if needs_schema or not once else None
    sql = contracted(source.sql, schema, columns) if columns and schema else source.sql
    source = replace(source, sql=sql)
    if columns:
        schema = session.schema_of(f"({sql})", source.parameters)
    if once:
        return Staged(f"({sql})", schema or TableSchema(()), materialized=False, source=source)
    table = _make_table(session, f"({sql})", source.parameters, target, token, replacing=replacing)
    return replace(table, schema=schema or session.schema_of(table.relation), source=source)


def _from_arrow(
    session: DuckDbSession,
    source: ArrowStream,
    target: str,
    token: Token,
    columns: Mapping[str, ColumnSpec],
    *,
    replacing: bool,
) -> Staged:
    name = "sqlflow_arrow_batch"
    reader: Any = source.open()
    try:
        with translated():
            session.connection.register(name, reader)
        sql = f"SELECT * FROM {name}"
        if columns:
            sql = contracted(sql, session.schema_of(name), columns)
        staged = _make_table(session, f"({sql})", {}, target, token, replacing=replacing)
        return replace(staged, schema=session.schema_of(staged.relation))
    finally:
        session.connection.unregister(name)
        reader.close()


def _make_table(
    session: DuckDbSession,
    relation: str,
    parameters: Mapping[str, Any],
    target: str,
    token: Token,
    *,
    replacing: bool,
) -> Staged:
    from .session import qualified

    name = f"{STAGE_PREFIX}{token.step}_{token.attempt}"
    if replacing:
        table = qualified(target, quote(name))
        relation_name = quoted(table)
        session.execute(f"DROP TABLE IF EXISTS {relation_name}")
        made = session.execute(f"CREATE TABLE {relation_name} AS FROM {relation}", parameters)
    else:
        table, relation_name = None, f"temp.{quote(name)}"
        made = session.execute(f"CREATE OR REPLACE TEMP TABLE {quote(name)} AS FROM {relation}", parameters)
    return Staged(relation_name, TableSchema(()), materialized=True, rows=int(made[0][0]), table=table)


def contracted(sql: str, schema: TableSchema, columns: Mapping[str, ColumnSpec]) -> str:
    """Cast the declared columns to their types; a declared column that is not there is an error."""
    casts = []
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
            casts.append(f"CAST({quote(found.name)} AS {spec.type}) AS {quote(found.name)}")
    if not casts:
        return sql
    return f"SELECT * REPLACE ({', '.join(casts)}) FROM ({sql})"
