"""What a table has beside its rows: what a new one can take over from it, and what it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlflow.sdk import StepError, literal, quote

from .connection import fetch
from .target import Target

_HANGING = """
SELECT 'trigger ' || tgname FROM pg_catalog.pg_trigger WHERE tgrelid = {oid} AND NOT tgisinternal
UNION ALL
SELECT 'row security' FROM pg_catalog.pg_class c WHERE oid = {oid}
    AND (relrowsecurity OR EXISTS (SELECT FROM pg_catalog.pg_policy WHERE polrelid = c.oid))
UNION ALL
SELECT DISTINCT 'view ' || v.oid::regclass FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    JOIN pg_catalog.pg_class v ON v.oid = r.ev_class
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = {oid} AND v.oid <> {oid}
UNION ALL
SELECT 'rule ' || rulename FROM pg_catalog.pg_rewrite WHERE ev_class = {oid}
UNION ALL
SELECT CASE WHEN contype = 'c' THEN 'check ' WHEN conrelid = {oid} THEN 'foreign key '
    ELSE 'foreign key of ' || conrelid::regclass || ': ' END || conname
    FROM pg_catalog.pg_constraint WHERE contype IN ('c', 'f') AND {oid} IN (conrelid, confrelid) AND conparentid = 0
UNION ALL
SELECT 'default of ' || attname FROM pg_catalog.pg_attribute
    WHERE attrelid = {oid} AND attnum > 0 AND NOT attisdropped AND (atthasdef OR attidentity <> '')
UNION ALL
SELECT 'partitions or inheritance' WHERE EXISTS (
    SELECT FROM pg_catalog.pg_inherits WHERE {oid} IN (inhrelid, inhparent))
    OR (SELECT relkind = 'p' FROM pg_catalog.pg_class WHERE oid = {oid})
UNION ALL
SELECT 'publication ' || p.pubname FROM pg_catalog.pg_publication_rel r
    JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid WHERE r.prrelid = {oid}
UNION ALL
SELECT 'statistics ' || stxname FROM pg_catalog.pg_statistic_ext WHERE stxrelid = {oid}
UNION ALL
SELECT 'storage settings' FROM pg_catalog.pg_class
    WHERE oid = {oid} AND (reloptions IS NOT NULL OR relpersistence <> 'p' OR relreplident <> 'd' OR reltablespace <> 0)
"""
_GRANTS = """
SELECT quote_ident(coalesce(r.rolname, 'public')), a.grantee = 0, a.privilege_type, a.is_grantable, x.attname::text
FROM (
    SELECT relacl AS acl, NULL::name AS attname, relowner FROM pg_catalog.pg_class WHERE oid = {oid}
    UNION ALL
    SELECT t.attacl, t.attname, c.relowner FROM pg_catalog.pg_attribute t
    JOIN pg_catalog.pg_class c ON c.oid = t.attrelid
    WHERE t.attrelid = {oid} AND t.attnum > 0 AND NOT t.attisdropped
) AS x CROSS JOIN LATERAL aclexplode(x.acl) AS a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
WHERE a.grantee <> x.relowner
"""
_INDEXES = """
SELECT i.relname::text, quote_ident(i.relname), pg_get_indexdef(i.oid), x.indisunique, c.conname::text,
    pg_get_constraintdef(c.oid)
FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
LEFT JOIN pg_catalog.pg_constraint c ON c.conindid = i.oid AND c.conrelid = x.indrelid AND c.contype IN ('p', 'u', 'x')
WHERE x.indrelid = {oid} ORDER BY i.relname
"""


@dataclass(frozen=True)
class Kept:
    """Statements that make a new table like the old one: `before` the old one goes, and `after`."""

    before: tuple[str, ...]
    after: tuple[str, ...]


def hangs_on(connection: Any, target: Target) -> list[str]:
    """Return what a table has that cannot be taken over."""
    return [str(row[0]) for row in fetch(connection, _HANGING.format(oid=target.oid))]


def kept(connection: Any, target: Target, keep: Sequence[str], new: str, names: Sequence[str]) -> Kept:
    """Return what makes a new table with columns `names` take over what it is to keep, and what may not be NULL."""
    before: list[str] = []
    after: list[str] = []
    required = fetch(
        connection,
        f"SELECT attname::text FROM pg_catalog.pg_attribute WHERE attrelid = {target.oid} AND attnum > 0 "
        "AND attnotnull AND NOT attisdropped",
    )
    before += [f"ALTER TABLE {new} ALTER {quote(row[0])} SET NOT NULL" for row in required if row[0] in names]
    if "indexes" in keep:
        made, renamed = _indexes(connection, target, new)
        before += made
        after += renamed
    if "comments" in keep:
        before += _comments(connection, target, new, names)
    if "grants" in keep:
        before += _grants(connection, target, new, names)
    return Kept(tuple(before), tuple(after))


def _indexes(connection: Any, target: Target, new: str) -> tuple[list[str], list[str]]:
    """Make every index under another name, since its own is taken until the old table is gone."""
    made, renamed = [], []
    schema = quote(target.schema)
    for number, row in enumerate(fetch(connection, _INDEXES.format(oid=target.oid))):
        name, shown, definition, unique, constraint, constrained = row
        passing = quote(f"{new.rpartition('.')[2].strip(chr(34))}_{number}")
        if constraint is not None:
            made.append(f"ALTER TABLE {new} ADD CONSTRAINT {passing} {constrained}")
            renamed.append(f"ALTER TABLE {new} RENAME CONSTRAINT {passing} TO {quote(constraint)}")
            continue
        head = f"CREATE {'UNIQUE ' if unique else ''}INDEX {shown} ON "
        _, found, rest = definition.partition(" USING ")
        if not definition.startswith(head) or not found:
            raise StepError(f"index {name} of {target.shown} cannot be rebuilt", hint="write replace_by: delete")
        made.append(f"CREATE {'UNIQUE ' if unique else ''}INDEX {passing} ON {new} USING {rest}")
        renamed.append(f"ALTER INDEX {schema}.{passing} RENAME TO {quote(name)}")
    return made, renamed


def _comments(connection: Any, target: Target, new: str, names: Sequence[str]) -> list[str]:
    rows = fetch(
        connection,
        "SELECT a.attname::text, d.description FROM pg_catalog.pg_description d "
        "LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid AND d.objsubid > 0 "
        f"WHERE d.classoid = 'pg_class'::regclass AND d.objoid = {target.oid}",
    )
    return [
        f"COMMENT ON TABLE {new} IS {_literal(text)}"
        if name is None
        else f"COMMENT ON COLUMN {new}.{quote(name)} IS {_literal(text)}"
        for name, text in rows
        if name is None or name in names
    ]


def _literal(text: str) -> str:
    return literal(text)


def _grants(connection: Any, target: Target, new: str, names: Sequence[str]) -> list[str]:
    """Give the new table the owner and exactly the grants of the old one, whatever new tables get by default."""
    owner, here = fetch(
        connection,
        f"SELECT quote_ident(pg_get_userbyid(relowner)), pg_get_userbyid(relowner) = current_user "
        f"FROM pg_catalog.pg_class WHERE oid = {target.oid}",
    )[0]
    fresh = fetch(connection, _GRANTS.format(oid=f"{literal(new)}::regclass"))
    statements = [f"REVOKE ALL ON {new} FROM {_grantee(row)}" for row in fresh]
    for row in fetch(connection, _GRANTS.format(oid=target.oid)):
        _, _, privilege, grantable, column = row
        if column is not None and column not in names:
            continue
        on = f"{privilege} ({quote(column)})" if column is not None else privilege
        more = " WITH GRANT OPTION" if grantable else ""
        statements.append(f"GRANT {on} ON {new} TO {_grantee(row)}{more}")
    return statements if here else [*statements, f"ALTER TABLE {new} OWNER TO {owner}"]


def _grantee(row: tuple[Any, ...]) -> str:
    return "PUBLIC" if row[1] else str(row[0])
