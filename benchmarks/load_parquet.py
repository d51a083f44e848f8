"""A Parquet file of 10 million rows and 10 columns into a table of a new file warehouse."""

from __future__ import annotations

from load import compare
from measure import Options, Verdict, made, main


def measure(options: Options) -> list[Verdict]:
    """Compare with the same statement in a bare script."""
    rows = options.size(10_000_000, 1_000_000)
    file = made(options.data / f"orders-{rows}.parquet", "parquet", rows)
    return compare(options, "load Parquet", "parquet", file)


if __name__ == "__main__":
    main(measure, __doc__)
