"""What tests by the command line share."""

import json
import os
import subprocess
from pathlib import Path

LOAD = """
    - id: load
      type: load
      source: {connection: pg, table: t}
      target: t
"""
EXPORT = """
    - id: out
      type: export
      sql: select 1 as id
      target: {connection: pg, table: t}
"""


def cli(db, steps, *, connection, folder, environment=None, verb="run"):
    """Run a document by the command line; returns the exit code and everything that was said or left behind."""
    db.spec(steps, connection=json.dumps({"connector": "postgres", **connection}))
    from sys import executable

    command = [str(Path(executable).with_name("sqlflow")), verb, "spec.yaml"]
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **(environment or {})},
    )
    left = [path.read_text(encoding="utf-8", errors="replace") for path in (folder / "target").rglob("*.*json")]
    return done.returncode, done.stdout + done.stderr, "".join(left)
