"""The commit ledger: a line for every commit, written in the transaction whose fate it tells."""

from __future__ import annotations

from sqlflow.sdk import StepError, Token

from .connection import Connection
from .warehouse import STATE, key


def append(db: Connection, token: Token, target: str | None, rows: int | None, *, made: bool) -> None:
    """Write the line of a commit. `made`: it created the target, or replaced it whole."""
    db.execute(
        f"INSERT INTO {STATE}.commits VALUES ($run, $step, $target, $attempt, $rows, $made, now())",
        {
            "run": token.run,
            "step": token.step,
            "target": None if target is None else key(target),
            "attempt": token.attempt,
            "rows": rows,
            "made": made,
        },
    )


def verify(db: Connection, token: Token) -> None:
    """Make sure that the commit is there: DuckDB's COMMIT succeeds on an aborted transaction while rolling back.

    Raises:
        StepError: it is not.

    """
    found = db.execute(
        f"SELECT 1 FROM {STATE}.commits WHERE run_id = $run AND step = $step AND attempt = $attempt",
        {"run": token.run, "step": token.step, "attempt": token.attempt},
    )
    if len(found) != 1:
        raise StepError(
            f"the commit of step {token.step!r} is not in the ledger ({len(found)} lines)",
            hint="nothing was committed; run the pipeline again",
            code="SF717",
            kind="internal",
        )


def steps_of(db: Connection, run: str) -> frozenset[str]:
    """Return the steps of a run that have committed."""
    rows = db.execute(f"SELECT DISTINCT step FROM {STATE}.commits WHERE run_id = $run", {"run": run})
    return frozenset(row[0] for row in rows)
