"""A batch of 500,000 rows merged into a table of 5 million: nine in ten change a row, one in ten is new."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from measure import (
    Options,
    Program,
    Verdict,
    alternate,
    made,
    main,
    recorded_work,
    same_rows,
    script,
    sqlflow,
    told_work,
)

SPEC = """\
version: 1
name: merge
steps:
  - id: orders
    type: load
    source: {{connector: parquet, path: "{path}"}}
    target: raw.orders
    mode: merge
    key: [order_id]
"""
GOAL = 1.3
"""Goal for the time, as a multiple of the bare script's."""


def restored(original: Path, copy: Path) -> Callable[[], None]:
    """Return what puts a fresh copy of a warehouse in place, written to the disk before anything is timed."""

    def restore() -> None:
        shutil.copyfile(original, copy)
        with copy.open("rb") as file:
            os.fsync(file.fileno())

    return restore


def measure(options: Options) -> list[Verdict]:
    """Compare with a duplicate check, DELETE and INSERT in one transaction, both reading the same file."""
    rows = options.size(500_000, 50_000)
    batch = made(options.data / f"changes-{rows}.parquet", "changes", rows)
    original = made(options.data / f"warehouse-{rows * 10}.duckdb", "warehouse", rows * 10)
    folder = options.folder("merge")
    bare, own = folder / "bare.duckdb", folder / "merge.duckdb"
    (folder / "merge.yaml").write_text(SPEC.format(path=batch), encoding="utf-8")
    raw = Program(script("raw/merge.py", batch, bare), folder, restored(original, bare), told_work)
    flow = Program(sqlflow("run", "merge.yaml"), folder, restored(original, own), recorded_work(folder))
    found = alternate("merge", raw, flow, options.pairs)
    same_rows("raw.orders", bare, own)
    return found.verdicts(GOAL)


if __name__ == "__main__":
    main(measure, __doc__)
