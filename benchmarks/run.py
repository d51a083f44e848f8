"""Run all benchmarks and print one table of goals."""

from __future__ import annotations

import fixed_cost
import load_csv
import load_parquet
import lsp
import many_steps
import merge
import s3
import validate
from measure import Options, Verdict, main

ALL = (load_csv, load_parquet, merge, many_steps, fixed_cost, validate, lsp, s3)


def measure(options: Options) -> list[Verdict]:
    """Run one benchmark after the other."""
    return [verdict for benchmark in ALL for verdict in benchmark.measure(options)]


if __name__ == "__main__":
    main(measure, __doc__)
