"""`sqlflow validate` of 1,000 documents of one step each, their SQL and their checks bound to the tables they read."""

from __future__ import annotations

import shutil

from measure import REMEMBERED, Options, Program, Verdict, alternate, made, main, script, sqlflow

GOAL = 2.0
"""Goal for the time, as a multiple of the parsing script's."""
WARM = 0.5
"""The same where nothing has changed: 0.4 s, where parsing takes 0.8 s."""


def measure(options: Options) -> list[Verdict]:
    """Compare with a script that only parses the same YAML and the same SQL."""
    count = options.size(1_000, 100)
    specs = made(options.data / f"shop-{count}", "shop", count)
    raw = Program(script("raw/parse_specs.py", specs), specs)
    cold = Program(sqlflow("validate", ".", "--state", "--no-cache"), specs)
    found = alternate(f"validate {count:,} documents", raw, cold, options.pairs)
    first = alternate(
        f"validate {count:,} documents and remember them", raw,
        Program(sqlflow("validate", ".", "--state"), specs, before=_forget), options.pairs,
    )  # fmt: skip
    warm = alternate(
        f"validate {count:,} documents that are known", raw, Program(sqlflow("validate", ".", "--state"), specs),
        options.pairs,
    )  # fmt: skip
    return [
        Verdict(f"{found.title}: whole process", found.ratio(), GOAL, "x"),
        Verdict(f"{first.title}: whole process", first.ratio(), GOAL, "x"),
        Verdict(f"{warm.title}: whole process", warm.ratio(), WARM, "x"),
    ]


def _forget() -> None:
    shutil.rmtree(REMEMBERED, ignore_errors=True)


if __name__ == "__main__":
    main(measure, __doc__)
