"""What `validate` says of SQL against what a run does with it, on small pipelines that are made up and really run."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from textwrap import indent

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sqlflow.errors import DocumentError, SQLFlowError
from sqlflow.pipeline import Pipeline
from sqlflow.plan import PlannedStep
from sqlflow.result import RunResult

#: Whether many more pipelines are made up.
SLOW = os.environ.get("SQLFLOW_SLOW") == "1"
#: Codes of a step that met columns or tables other than it was written for; any other failure is about values.
BINDING = {"SF708", "SF709", "SF720", "SF721", "SF731", "SF736"}
NAMED = re.compile(r"'(s\d)'")
#: What fails at the first row, which there may not be.
CAST = re.compile(r" cannot be cast to | is no ")
ORDERS = "order_id,customer_id,placed_on,amount,status\n1,1,2024-01-01,9.50,paid\n2,7,2024-01-02,1.25,open\n"
HEAD = """\
version: 1
name: made_up
vars: {since: {type: date, default: 2024-01-01}, many: 5, word: hello, col: {type: identifier, default: amount}}
steps:
  - id: orders
    type: load
    source: {connector: csv, path: orders.csv}
    target: raw.orders
"""
COLUMNS = ["order_id", "customer_id", "placed_on", "amount", "status", "a", "b"]
TYPES = ["bigint", "varchar", "date", "timestamp", "decimal(12,2)", "double", "boolean", "integer[]", "time", "uuid"]
names = st.one_of(st.just("order_id"), st.sampled_from([*COLUMNS[:5] * 3, *COLUMNS, "amuont"]))
types = st.sampled_from(TYPES)
constants = st.sampled_from(["1", "1.5", "'x'", "'2024-01-01'", "date '2024-02-01'", "null", "true", "$since", "$many",
                             "$word", "interval 1 day", "[1, 2]"])  # fmt: skip
values = st.one_of(names, names, st.sampled_from(["1", "null", "order_id"]), constants)
conditions = st.one_of(
    st.builds("{} {} {}".format, names, st.sampled_from(["=", "<", ">=", "<>", "is distinct from"]), values),
    st.builds("{} in ({}, {})".format, names, constants, constants),
    st.builds("{} between {} and {}".format, names, constants, constants),
    st.builds("{} is not null".format, names),
    st.builds("{} like 'p%'".format, names),
    st.builds("exists (select 1 from raw.orders o where o.order_id = {})".format, names),
)
expressions = st.one_of(
    values,
    st.builds("{} + {}".format, names, values),
    st.builds("{} || {}".format, names, values),
    st.builds("upper({})".format, names),
    st.builds("round({}, 1)".format, names),
    st.builds("cast({} as {})".format, values, types),
    st.builds("{}::{}".format, names, types),
    st.builds("try_cast({} as {})".format, names, types),
    st.builds("coalesce({}, {})".format, names, values),
    st.builds("case when {} then {} else {} end".format, conditions, values, values),
    st.builds("date_trunc('month', {})".format, names),
    st.builds("extract(year from {})".format, names),
    st.builds("row_number() over (partition by {} order by {})".format, names, names),
    st.builds("lag({}) over (order by {})".format, names, names),
    st.builds("(select max({}) from raw.orders)".format, names),
    st.builds("list_sum([{}, {}])".format, names, values),
)
aggregates = st.builds("{}({})".format, st.sampled_from(["sum", "min", "count", "avg", "string_agg", "bool_or"]), names)


@st.composite
def queries(draw: st.DrawFn, tables: list[str]) -> str:
    """Make a query of tables that are there, or should be; its columns are called a and b, or keep their names."""
    table = draw(st.sampled_from(tables))
    kinds = ["plain", "plain", "plain", "star", "grouped", "grouped by", "joined", "using", "cte", "union", "nested"]
    kind = draw(st.sampled_from([*kinds, "identifier", "limited", "without"]))
    where = f" where {draw(conditions)}" if draw(st.booleans()) else ""
    if kind == "star":
        return f"select * from {table}{where}"
    if kind == "without":
        return f"select * exclude ({draw(names)}) from {table}{where}"
    if kind == "grouped":
        return f"select {draw(names)} as a, {draw(aggregates)} as b from {table}{where} group by all"
    if kind == "grouped by":
        having = f" having {draw(aggregates)} > 1" if draw(st.booleans()) else ""
        return f"select {draw(names)}, {draw(aggregates)} as b from {table}{where} group by {draw(names)}{having}"
    if kind == "joined":
        other, how = draw(st.sampled_from(tables)), draw(st.sampled_from(["join", "left join"]))
        return f"select l.order_id, {draw(names)} as a from {table} l {how} {other} r on l.order_id = r.{draw(names)}"
    if kind == "using":
        other = draw(st.sampled_from(tables))
        return f"select order_id, l.{draw(names)} as a from {table} l join {other} r using (order_id)"
    if kind == "cte":
        inner = f"select order_id, {draw(expressions)} as a from {table}{where}"
        return f"with c as ({inner}) select order_id, {draw(expressions)} as b from c"
    if kind == "union":
        other = draw(st.sampled_from(tables))
        return (
            f"select order_id, {draw(values)} as a from {table} union all select order_id, {draw(values)} from {other}"
        )
    if kind == "nested":
        return f"select order_id, {draw(names)} as b from (select order_id, {draw(expressions)} as a from {table}) n"
    if kind == "identifier":
        return f"select order_id, ${{col}} as a from {table} where ${{col}} > {draw(constants)}"
    if kind == "limited":
        return f"select order_id, {draw(expressions)} as a from {table} order by {draw(names)} desc limit $many"
    return f"select order_id, {draw(expressions)} as a, {draw(expressions)} as b from {table}{where}"


#: Further keys of a transform; {name} and {other} are columns, {kind} a type, {cond} a condition.
MORE = [
    "", "", "materialize: view",
    "mode: merge\nkey: [{name}]",
    "mode: merge\nkey: [{name}]\non_duplicate: first\norder_by: [{other}]",
    "mode: merge\nkey: [order_id]\ncursor: {{column: {name}, lag: 1d}}",
    "mode: merge\nkey: [order_id]\ncursor: {{column: {name}, lag: 5}}",
    "mode: merge\nkey: [order_id]\ncursor: {{column: {name}, initial: 2024-01-01}}",
    "mode: merge\nkey: [order_id]\ndeletes: {{column: {name}}}",
    "mode: delete_insert\nkey: [{name}]",
    "mode: scd2\nkey: [{name}]\ntrack: [{other}]",
    "mode: append\nkey: [{name}]\nfor_each: {{region: [paid, open]}}",
    "columns: {{{name}: '{kind}'}}",
    "when: (select count({name}) from raw.orders) >= 0",
    *(f"checks:\n  - {check}\n    severity: warn" for check in [
        "not_null: [{name}]", "unique: [{name}]", "expression: {cond}", "not_null: [order_id]\n    where: {cond}",
        "accepted_values: {{column: {name}, values: [paid, open]}}", "freshness: {{column: {name}, max_age: 1d}}",
        "relationships: {{column: {name}, to: raw.orders, field: {other}}}", "sql: select {name} from raw.orders",
    ]),
]  # fmt: skip
#: Statements that follow the one that makes {table}.
NEXT = [
    "select 1", "insert into {table} select * from {table}", "update {table} set a = 1",
    "alter table {table} add column c {kind}", "alter table {table} drop column {name}",
    "delete from {table} where {cond}", "insert into {table} (order_id) values (7)", "drop table {table}",
]  # fmt: skip


@st.composite
def steps(draw: st.DrawFn, number: int) -> str:
    """Make one step that reads what those before it have made."""
    made = ["raw.orders", *(f"marts.t{n}" for n in range(number))]
    query = draw(queries(made if draw(st.integers(0, 9)) else [*made, "raw.ordres"]))
    words = {"name": draw(names), "other": draw(names), "kind": draw(types), "cond": draw(conditions),
             "table": f"marts.t{number}"}  # fmt: skip
    form = draw(st.sampled_from(["transform"] * 6 + ["script", "script", "typed", "export", "again"]))
    if form == "script":
        text = f"type: sql\nsql: |\n  create or replace table {{table}} as {query};\n  {draw(st.sampled_from(NEXT))};"
    elif form == "typed":
        text = (
            "type: load\nsource: {{connector: csv, path: orders.csv}}\ntarget: {table}\ncolumns: {{{name}: '{kind}'}}"
        )
    elif form == "export":
        target = f"{{{{connector: csv, path: out/{number}.csv}}}}"
        text = f"type: export\nsql: |\n  {query}\ntarget: {target}\norder_by: [{{name}}]"
    elif form == "again":
        text = f"type: transform\ntarget: {made[-1]}\nmode: merge\nkey: [{{name}}]\nsql: |\n  {query}"
    else:
        text = f"type: transform\ntarget: {{table}}\nsql: |\n  {query}\n{draw(st.sampled_from(MORE))}"
    spliced = text.replace("${col}", "${{col}}").format(**words)
    return f"  - id: s{number}\n" + indent(spliced, "    ") + "\n"


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Make a pipeline of one to four steps after the load."""
    return HEAD + "".join(draw(steps(number)) for number in range(draw(st.integers(1, 4))))


@given(documents())
@settings(max_examples=1000 if SLOW else 30, derandomize=not SLOW, suppress_health_check=list(HealthCheck))
def test_what_validates_binds_and_what_fails_to_bind_was_told(document: str) -> None:
    """A step that fails to bind in a run was told of before; where nothing was told, every statement binds.

    And the other way round: a step that is told of as wrong does not succeed. What a first run does not come to, such
    as the lag of a cursor or the rows of a view, is held against a second one.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "made_up.yaml")
        path.write_text(document, encoding="utf-8")
        Path(folder, "orders.csv").write_text(ORDERS, encoding="utf-8")
        problems = Pipeline.from_file(path).validate()
        errors = [p for p in problems if p.severity == "error"]
        wrong = {name for p in errors if not CAST.search(p.message) for name in NAMED.findall(p.message)}
        fine: set[str] = set()
        shown = "\n".join([*map(str, problems), document])
        if refused := [p for p in errors if p.code < "SF42"]:  # it is refused for more than its columns
            with pytest.raises(DocumentError) as raised:
                Pipeline.from_file(path).run()
            assert {str(p) for p in refused} <= {str(p) for p in raised.value.problems}
            return
        for _ in ("first", "again") if wrong else ("first",):
            with Pipeline.from_file(path).run() as result:
                ended = [(result.plan.step(s.id), s.status, s.error or {}) for s in result.record.steps]
                fine = {step.declared for step, status, _ in ended if status == "succeeded"}
                fine -= {step.declared for step, _, _ in ended if step.plan.makes_view and not readable(result, step)}
                fine -= {step.declared for step, status, _ in ended if status != "succeeded"}
        unbound = {step.declared for step, _, error in ended if error.get("code") in BINDING}
        told = {name for problem in problems for name in NAMED.findall(problem.message)}
        met = [(step.id, status, error.get("message")) for step, status, error in ended]
        assert unbound <= told, f"{unbound - told} do not bind, and nobody said so\n{met}\n{shown}"
        assert not wrong & fine, f"{wrong & fine} are told to be wrong, and run\n{shown}"


def readable(result: RunResult, step: PlannedStep) -> bool:
    """Tell whether a view can be read."""
    try:
        result.table(step.given.config.target)
    except SQLFlowError:
        return False
    return True
