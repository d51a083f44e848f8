"""One in a hundred rows is new: merged, or kept as versions. And 10,000 files of which none is new."""

from __future__ import annotations

import shutil
from pathlib import Path

from measure import (
    Options,
    Program,
    Verdict,
    alternate,
    made,
    main,
    recorded_work,
    run,
    script,
    sqlflow,
    told_work,
)
from merge import restored

SPEC = """\
version: 1
name: {mode}
vars:
  file: {{type: string, default: ""}}
steps:
  - id: orders
    type: load
    source: {{connector: parquet, path: "${{file}}"}}
    target: raw.orders
    mode: {mode}
    key: [order_id]
    cursor: created_at
"""
FILES = """\
version: 1
name: files
steps:
  - id: readings
    type: load
    source: {connector: csv, path: "landing/*.csv", incremental: new_files}
    target: raw.readings
    mode: append
"""
GOAL, LISTING = 1.2, 2.0
"""Goals for the time, as multiples of the bare script's."""


def increments(options: Options, mode: str) -> list[Verdict]:
    """Compare with one transaction of plain DuckDB that keeps its watermark, too."""
    rows = options.size(50_000, 5_000)
    first = made(options.data / f"orders-{rows * 100}.parquet", "parquet", rows * 100)
    news = made(options.data / f"increment-{rows}.parquet", "increment", rows)
    folder = options.folder(f"increment-{mode}")
    (folder / f"{mode}.yaml").write_text(SPEC.format(mode=mode), encoding="utf-8")
    own, bare, original = (folder / f"{name}.duckdb" for name in (mode, "bare", "original"))
    run(Program(sqlflow("run", f"{mode}.yaml", "--var", f"file={first}"), folder))
    shutil.move(own, original)
    raw = Program(script("raw/increment.py", mode, news, bare), folder, restored(original, bare), told_work)
    command = sqlflow("run", f"{mode}.yaml", "--var", f"file={news}")
    flow = Program(command, folder, restored(original, own), recorded_work(folder))
    return alternate(f"{mode} of 1 percent", raw, flow, options.pairs).verdicts(GOAL)


def known_files(options: Options) -> list[Verdict]:
    """Compare a run that finds no new file with listing the files."""
    count = options.size(10_000, 1_000)
    folder = options.folder("files")
    landing: Path = folder / "landing"
    landing.mkdir()
    for number in range(count):
        (landing / f"{number:06}.csv").write_text(f"sensor,celsius\n{number},{number % 40}\n", encoding="utf-8")
    (folder / "files.yaml").write_text(FILES, encoding="utf-8")
    run(Program(sqlflow("run", "files.yaml"), folder))
    raw = Program(script("raw/listing.py", landing, "*.csv"), folder, work=told_work)
    flow = Program(sqlflow("run", "files.yaml"), folder, work=recorded_work(folder))
    found = alternate(f"{count:,} known files", raw, flow, options.pairs)
    return [Verdict(f"{found.title}: against listing them", found.ratio("work"), LISTING, "x")]


def measure(options: Options) -> list[Verdict]:
    """Run all three."""
    return [*increments(options, "merge"), *increments(options, "scd2"), *known_files(options)]


if __name__ == "__main__":
    main(measure, __doc__)
