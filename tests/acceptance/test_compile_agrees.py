"""What `validate` says of SQL against what a run does with it, on small pipelines that are made up and really run."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sqlflow.pipeline import Pipeline

#: Codes of a step that met columns or tables other than it was written for; any other failure is about values.
BINDING = {"SF708", "SF709", "SF720", "SF721", "SF731", "SF736"}
ORDERS = "order_id,customer_id,placed_on,amount,status\n1,1,2024-01-01,9.50,paid\n2,7,2024-01-02,1.25,open\n"
HEAD = """\
version: 1
name: made_up
vars: {since: {type: date, default: 2024-01-01}, many: 5, word: hello}
steps:
  - id: orders
    type: load
    source: {connector: csv, path: orders.csv}
    target: raw.orders
"""
COLUMNS = ["order_id", "customer_id", "placed_on", "amount", "status", "a", "b"]
names = st.sampled_from([*COLUMNS, *COLUMNS[:5], "amuont"])
constants = st.sampled_from(["1", "'x'", "'2024-01-01'", "date '2024-02-01'", "null", "$since", "$many", "$word"])
conditions = st.builds("{} {} {}".format, names, st.sampled_from(["=", "<", ">="]), st.one_of(names, constants))
expressions = st.one_of(
    names,
    names,
    constants,
    st.builds("{} + {}".format, names, st.one_of(names, st.just("1"))),
    st.builds("upper({})".format, names),
    st.builds("cast({} as varchar)".format, names),
    st.builds("case when {} then 1 else 0 end".format, conditions),
    st.builds("date_trunc('month', {})".format, names),
)


@st.composite
def queries(draw: st.DrawFn, tables: list[str]) -> str:
    """Make a query of tables that are there, or should be; its columns are called a and b, or keep their names."""
    table = draw(st.sampled_from(tables))
    kind = draw(st.sampled_from(["plain", "plain", "plain", "star", "grouped", "joined"]))
    where = f" where {draw(conditions)}" if draw(st.booleans()) else ""
    if kind == "star":
        return f"select * from {table}{where}"
    if kind == "grouped":
        return f"select {draw(names)} as a, sum({draw(names)}) as b from {table}{where} group by all"
    if kind == "joined":
        other = draw(st.sampled_from(tables))
        return f"select l.order_id, {draw(names)} as a from {table} l join {other} r on l.order_id = r.{draw(names)}"
    return f"select order_id, {draw(expressions)} as a, {draw(expressions)} as b from {table}{where}"


@st.composite
def steps(draw: st.DrawFn, number: int) -> str:
    """Make one step that reads what those before it have made."""
    made = ["raw.orders", *(f"marts.t{n}" for n in range(number))]
    query = draw(queries(made if draw(st.integers(0, 9)) else [*made, "raw.ordres"]))
    head = f"  - id: s{number}\n"
    kind = draw(st.sampled_from(["transform", "transform", "merge", "scd2", "view", "script", "checked", "when"]))
    if kind == "script":
        table = f"marts.t{number}"
        more = draw(
            st.sampled_from([f"insert into {table} select * from {table}", f"update {table} set a = 1", "select 1"])
        )
        return f"{head}    type: sql\n    sql: |\n      create or replace table {table} as {query};\n      {more};\n"
    text = f"{head}    type: transform\n    target: marts.t{number}\n    sql: |\n      {query}\n"
    if kind == "merge":
        return f"{text}    mode: merge\n    key: [{draw(names)}]\n"
    if kind == "scd2":
        return f"{text}    mode: scd2\n    key: [{draw(names)}]\n"
    if kind == "view":
        return f"{text}    materialize: view\n"
    if kind == "checked":
        warn = "        severity: warn\n"
        checks = f"      - not_null: [{draw(names)}]\n{warn}      - expression: {draw(conditions)}\n{warn}"
        return f"{text}    checks:\n{checks}"
    if kind == "when":
        return f"{text}    when: (select count({draw(names)}) from raw.orders) >= 0\n"
    return text


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Make a pipeline of one to four steps after the load."""
    return HEAD + "".join(draw(steps(number)) for number in range(draw(st.integers(1, 4))))


@given(documents())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_validates_binds_and_what_fails_to_bind_was_told(document: str) -> None:
    """A step that fails to bind in a run was told of before; where nothing was told, every statement binds.

    And the other way round: what is told as an error is one, so a run of that document does not succeed.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "made_up.yaml")
        path.write_text(document, encoding="utf-8")
        Path(folder, "orders.csv").write_text(ORDERS, encoding="utf-8")
        problems = Pipeline.from_file(path).validate()
        told = "\n".join(map(str, problems))
        errors = [problem for problem in problems if problem.severity == "error"]
        with Pipeline.from_file(path).run() as result:
            ended = {s.id: (s.status, s.error["code"] if s.error else None) for s in result.record.steps}
        unbound = [name for name, (_, code) in ended.items() if code in BINDING]
        for name in unbound:
            assert any(f"'{name}'" in str(problem) for problem in problems), f"{name} {ended}\n{told}\n{document}"
        if errors:
            assert any(status == "failed" for status, _ in ended.values()), f"{ended}\n{told}\n{document}"
