"""What the two load benchmarks share: one file, one step, a new warehouse for every run."""

from __future__ import annotations

from pathlib import Path

from measure import (
    Options,
    Program,
    Verdict,
    absent,
    alternate,
    recorded_work,
    same_rows,
    script,
    sqlflow,
    told_work,
)

SPEC = """\
version: 1
name: load
steps:
  - id: orders
    type: load
    source: {{connector: {connector}, path: "{path}"}}
    target: raw.orders
"""
GOAL = 1.05
"""Goal for the time, as a multiple of the bare script's."""

SAME_MEMORY = 1.1
"""Largest ratio of peak memory that counts as the same."""


def programs(folder: Path, connector: str, file: Path) -> tuple[Program, Program]:
    """Return the bare script and the pipeline, each with its own warehouse in the folder."""
    bare, own = folder / "bare.duckdb", folder / "load.duckdb"
    (folder / "load.yaml").write_text(SPEC.format(connector=connector, path=file), encoding="utf-8")
    raw = Program(script("raw/load.py", file, bare), folder, absent(bare), told_work)
    flow = Program(sqlflow("run", "load.yaml"), folder, absent(own), recorded_work(folder))
    return raw, flow


def compare(options: Options, title: str, connector: str, file: Path) -> list[Verdict]:
    """Measure the load of one file."""
    folder = options.folder(title.replace(" ", "-").lower())
    found = alternate(title, *programs(folder, connector, file), options.pairs)
    same_rows("raw.orders", folder / "bare.duckdb", folder / "load.duckdb")
    memory = Verdict(f"{title}: peak memory", found.ratio("peak"), SAME_MEMORY, "x")
    return [*found.verdicts(GOAL), memory]
