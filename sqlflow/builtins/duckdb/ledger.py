"""The commit ledger: a line for every commit and table, written in the transaction whose fate it tells."""

from __future__ import annotations

from collections.abc import Sequence

from sqlflow.sdk import StepError, Token

from .connection import Connection
from .migrations import STATE
from .warehouse import Unique, key


def append(
    db: Connection,
    token: Token,
    targets: Sequence[str | None],
    rows: int | None,
    *,
    made: bool,
    changed: bool,
    unique: Unique | None = None,
) -> int:
    """Write the lines of a commit and return their number, which grows with every commit.

    `made`: it created the target, or replaced it whole. `changed`: rows are other than before. `unique`: its keys are.
    """
    line = db.warehouse.next_line()
    for target in targets or (None,):
        db.execute(
            f"INSERT INTO {STATE}.commits VALUES ($line, $run, $pipeline, $step, $part, $target, $attempt, $rows, "
            "$made, $changed, $fingerprint, now(), $unique_key, $held)",
            {
                "line": line,
                "run": token.run,
                "pipeline": token.pipeline,
                "step": token.step,
                "part": token.part,
                "target": None if target is None else key(target),
                "attempt": token.attempt,
                "rows": rows,
                "made": made,
                "changed": changed,
                "fingerprint": token.fingerprint if token.part is None else None,
                "unique_key": unique.key if unique else None,
                "held": unique.rows if unique else None,
            },
        )
    return line


def verify(db: Connection, token: Token, line: int) -> None:
    """Make sure that the commit is there: DuckDB's COMMIT succeeds on an aborted transaction while rolling back.

    Raises:
        StepError: it is not.

    """
    found = db.execute(
        f"SELECT 1 FROM {STATE}.commits WHERE line = $line AND run_id = $run AND step = $step",
        {"line": line, "run": token.run, "step": token.step},
    )
    if not found:
        raise StepError(
            f"the commit of step {token.step!r} is not in the ledger",
            hint="nothing was committed; run the pipeline again",
            code="SF717",
            kind="internal",
        )


def steps_of(db: Connection, run: str) -> dict[str, str | None]:
    """Return the steps of a run that have ended with a commit, each with its fingerprint."""
    found = f"SELECT step, max(fingerprint) FROM {STATE}.commits WHERE run_id = $run AND part IS NULL GROUP BY step"
    return dict(db.execute(found, {"run": run}))


def fingerprint(db: Connection, pipeline: str, step: str) -> str | None:
    """Return the fingerprint of a step's last commit, unless a target of it is gone or was made anew by another."""
    mine = {"pipeline": pipeline, "step": step}
    own = "pipeline = $pipeline AND step = $step"
    last = db.execute(
        f"SELECT line, target, fingerprint FROM {STATE}.commits WHERE {own} AND part IS NULL "
        f"AND line = (SELECT max(line) FROM {STATE}.commits WHERE {own} AND part IS NULL)",
        mine,
    )
    if not last:
        return None
    for line, target, _ in last:
        if target is None:
            continue
        if db.warehouse.entry(target) is None:
            return None
        later = f"SELECT 1 FROM {STATE}.commits WHERE target = $target AND made AND line > $line AND NOT ({own})"
        if db.execute(later, {**mine, "target": target, "line": line}):
            return None
    found: str | None = last[0][2]
    return found
