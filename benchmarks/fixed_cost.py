"""What a run costs before it does anything: 1,000 rows of CSV, and `sqlflow --version`."""

from __future__ import annotations

import sys

from load import programs
from measure import Options, Program, Verdict, alternate, made, main, same_rows, sqlflow

RUN = 0.4
"""Goal for a run over 1,000 rows, in seconds."""

VERSION = 4.0
"""Goal for `sqlflow --version`, as a multiple of a Python that does nothing."""


def measure(options: Options) -> list[Verdict]:
    """Measure a small run, and the smallest command of all."""
    file = made(options.data / "orders-1000.csv", "csv", 1_000)
    folder = options.folder("fixed-cost")
    small = alternate("load 1,000 rows", *programs(folder, "csv", file), options.pairs * 2)
    same_rows("raw.orders", folder / "bare.duckdb", folder / "load.duckdb")
    nothing = Program([sys.executable, "-c", "pass"], folder)
    version = alternate("--version", nothing, Program(sqlflow("--version"), folder), options.pairs * 3)
    return [
        Verdict("load 1,000 rows: whole process, fastest", small.least("flow"), RUN, "s"),
        Verdict("--version, times an empty Python", version.ratio(), VERSION, "x"),
    ]


if __name__ == "__main__":
    main(measure, __doc__)
