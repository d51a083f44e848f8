"""What steps remember, as rows of the warehouse: appended and never changed, the newest of a name counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from sqlflow.sdk import Memory, StateEntry, Token

from .connection import Connection
from .migrations import STATE
from .warehouse import key

FEW = 1_000
"""Rows of which the newest are found faster here than by DuckDB."""
_FIELDS = "pipeline, step, target, kind, name"


def remember(db: Connection, token: Token, target: str | None, memories: Sequence[Memory], line: int) -> None:
    """Append entries, inside the transaction that is open."""
    if not memories:
        return
    owner = {"line": line, "p": token.pipeline, "s": token.step, "t": key(target) if target else "", "run": token.run}
    entries = {
        "kinds": [m.kind for m in memories],
        "names": [m.name for m in memories],
        "texts": [None if m.value is None else json.dumps(m.value) for m in memories],
    }
    db.execute(
        f"INSERT INTO {STATE}.state SELECT $line, $p, $s, $t, unnest($kinds), unnest($names), "
        "unnest(CAST($texts AS VARCHAR[])), $run, now()",
        {**owner, **entries},
    )


def forget_target(db: Connection, token: Token, target: str, line: int, *, own: bool) -> None:
    """Forget what steps remember of a table whose rows are gone; `own`: what this step remembers, too."""
    db.execute(
        f"INSERT INTO {STATE}.state SELECT $line, {_FIELDS}, NULL, $run, now() FROM "
        f"(SELECT {_FIELDS}, max_by(coalesce(value, ''), line) AS value FROM {STATE}.state "
        f"WHERE target = $target GROUP BY {_FIELDS}) "
        "WHERE value <> '' AND ($own OR NOT (pipeline = $pipeline AND step = $step))",
        {
            "line": line,
            "run": token.run,
            "target": key(target),
            "own": own,
            "pipeline": token.pipeline,
            "step": token.step,
        },
    )


def entries(
    db: Connection, pipeline: str | None = None, step: str | None = None, *, history: bool = False
) -> tuple[StateEntry, ...]:
    """Return entries, the newest of each name or all of them, in the order in which they were written."""
    asked = {"pipeline": pipeline, "step": step}
    wanted = {name: value for name, value in asked.items() if value is not None}
    where = "WHERE TRUE" + "".join(f" AND {name} = ${name}" for name in wanted)
    shown = f"line, {_FIELDS}, value, run_id, epoch_us(recorded_at) FROM {STATE}.state {where}"
    rows = db.execute(f"SELECT {shown}" + ("" if history else f" LIMIT {FEW + 1}"), wanted)
    if len(rows) > FEW and not history:
        rows = db.execute(f"SELECT DISTINCT ON ({_FIELDS}) {shown} ORDER BY {_FIELDS}, line DESC", wanted)
    rows.sort(key=itemgetter(0, 1, 2, 3, 4, 5))
    found = [row[1:] for row in (rows if history else _newest(rows))]
    values = _values([row[5] for row in found])
    return tuple(
        StateEntry(pipeline, step, target, kind, name, value, run, datetime.fromtimestamp(at / 1e6, UTC), fault)
        for (pipeline, step, target, kind, name, _, run, at), (value, fault) in zip(found, values, strict=True)
    )


def _newest(rows: list[Any]) -> list[Any]:
    """Keep the last of the rows of one name, where it stands."""
    last = {row[1:6]: row for row in rows}
    return [row for row in rows if last[row[1:6]] is row]


def _values(texts: Sequence[str | None]) -> list[tuple[dict[str, Any] | None, str | None]]:
    """Read values, or say what is wrong with them; all at once unless one is damaged, as there may be thousands."""
    try:
        together = json.loads(f"[{','.join('null' if text is None else text for text in texts)}]")
        if len(together) == len(texts) and all(v is None or isinstance(v, dict) for v in together):
            return [(value, None if value is not None or text is None else f"expected a JSON object, found {text!r}")
                    for value, text in zip(together, texts, strict=True)]  # fmt: skip
    except ValueError:
        pass
    return [_value(text) for text in texts]


def _value(text: str | None) -> tuple[dict[str, Any] | None, str | None]:
    if text is None:
        return None, None
    try:
        value = json.loads(text)
    except ValueError:
        return None, f"{text!r} is not JSON"
    return (value, None) if isinstance(value, dict) else (None, f"expected a JSON object, found {text!r}")
