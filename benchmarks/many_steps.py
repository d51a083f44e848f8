"""20 and 200 trivial transform steps: what a step costs above the statement that it runs."""

from __future__ import annotations

from measure import (
    Options,
    Pairs,
    Program,
    Verdict,
    absent,
    alternate,
    main,
    recorded_work,
    script,
    sqlflow,
    told_work,
)

STEP = """\
  - id: t_{number}
    type: transform
    target: marts.t_{number}
    sql: select {number} as number, 'x' as letter
"""
WHOLE = {20: 0.4, 200: 0.9}
"""Goal for the whole process, in seconds, by the number of steps."""

A_STEP = 2.0
"""Goal for one step above the bare statement, in milliseconds."""


def pairs_of(options: Options, count: int) -> Pairs:
    """Measure a pipeline of so many steps."""
    folder = options.folder(f"many-steps-{count}")
    steps = "".join(STEP.format(number=number) for number in range(count))
    (folder / "many.yaml").write_text(f"version: 1\nname: many\nsteps:\n{steps}", encoding="utf-8")
    bare, own = folder / "bare.duckdb", folder / "many.duckdb"
    raw = Program(script("raw/many_steps.py", count, bare), folder, absent(bare), told_work)
    flow = Program(sqlflow("run", "many.yaml"), folder, absent(own), recorded_work(folder))
    return alternate(f"{count} steps", raw, flow, options.pairs)


def step_cost(few: Pairs, many: Pairs, field: str) -> float:
    """Return the milliseconds that one more step costs above the bare statement."""
    flow, raw = (many.least(side, field) - few.least(side, field) for side in ("flow", "raw"))
    return 1000 * (flow - raw) / (max(WHOLE) - min(WHOLE))


def measure(options: Options) -> list[Verdict]:
    """Judge whole processes, and one step by the difference between many and few."""
    few, many = (pairs_of(options, count) for count in WHOLE)
    return [
        Verdict("20 steps: whole process, fastest", few.least("flow"), WHOLE[20], "s"),
        Verdict("200 steps: whole process, fastest", many.least("flow"), WHOLE[200], "s"),
        Verdict("one step more, whole process, above bare", step_cost(few, many, "seconds"), A_STEP, "ms"),
        Verdict("one step more, work alone, above bare", step_cost(few, many, "work"), A_STEP, "ms"),
    ]


if __name__ == "__main__":
    main(measure, __doc__)
