"""`sqlflow lint`: what is valid and yet likely not meant, told at its place, and silenced with a reason."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

STEP = "  - id: {id}\n    type: transform\n    target: {target}\n    sql: {sql}\n"


def pipeline(*steps, above=""):
    """Return a pipeline; a step is its target and its SQL, or text as it stands."""
    told = [s if isinstance(s, str) else STEP.format(id=f"s{n}", target=s[0], sql=s[1]) for n, s in enumerate(steps)]
    return f"version: 1\nname: p\n{above}steps:\n" + "".join(told)


@pytest.fixture
def lint(tmp_path):
    """Write files and lint them; returns the findings as (code, severity, line, column)."""

    def call(files, *arguments, code=0, form="json"):
        for name, text in ({"p.yaml": files} if isinstance(files, str) else files).items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("SQLFLOW_", "GITHUB_"))}
        done = subprocess.run(
            [sys.executable, "-m", "sqlflow.cli.main", "lint", *arguments, "-o", form],
            cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8", check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (code, ""), done.stdout + done.stderr
        if form != "json":
            return done.stdout
        return [(p["code"], p["severity"], p["line"], p["column"]) for p in json.loads(done.stdout)["problems"]]

    return call


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("select a.x from r.a, r.b", [("SF808", 7, 31)]),
        ("select a.x from r.a, r.b where a.x = b.x", []),
        ("select a.x from r.a, r.b where a.x > 1", [("SF808", 7, 31)]),
        ("select a.x from r.a cross join r.b", []),
        ("select x from r.a, unnest(a.xs) u(x)", []),
        ("select a.x from r.a, r.b, r.c where a.x = b.x", [("SF808", 7, 36)]),
        ("select a.x from r.a a, r.b b where lower(a.x) = lower(b.x)", []),
    ],
)
def test_a_comma_without_a_condition_is_found(lint, sql, found):
    """A table after a comma is found unless a condition ties it to the others, CROSS JOIN says it, or it depends."""
    assert [(c, line, col) for c, _, line, col in lint(pipeline(("p", sql))) if c == "SF808"] == found


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("select * from r.a", [17]),
        ("select id from r.a", []),
        ("select * from (select id from r.a)", []),
        ("with c as (select * from r.a) select * from c", [47]),
        ("with c as (select id from r.a) select * from c", []),
        ("select count(*) as n from r.a", []),
        ("select id from r.a union all select b.* from r.b", [46]),
    ],
)
def test_a_star_into_an_export_is_found(lint, sql, columns):
    """A star is found where it stands for the columns of a table, and not where the query names them all the same."""
    step = f"  - id: out\n    type: export\n    target: {{connector: csv, path: o.csv}}\n    sql: {sql}\n"
    assert [col for c, _, _, col in lint(pipeline(step)) if c == "SF804"] == columns


def test_places_inside_sql(lint):
    """A finding points at the word in a block, in a line and in a file of SQL."""
    merge = "mode: merge\n    key: [id]\n    checks: [unique: [id]]\n"
    head = f"  - id: a\n    type: transform\n    target: a\n    {merge}"
    block = f"{head}    sql: |\n      select 1 as id,\n        random() as r\n"
    file = f"  - id: b\n    type: transform\n    target: b\n    {merge}    sql_file: b.sql\n"
    found = lint({"p.yaml": pipeline(block, file), "b.sql": "-- é\nselect 2 as id, 'é' as e, uuid() as u\n"}, "p.yaml")
    assert found == [("SF807", "warning", 2, 27), ("SF807", "warning", 12, 9)]


def test_levels_come_from_the_project(lint):
    """`lint:` of sqlflow.yaml switches a rule off or makes it an error; a code that is none is a problem."""
    project = "version: 1\nname: p\nspecs: ['p.yaml']\nlint:\n  SF801: {}\n  SF805: error\n"
    spec = pipeline(
        "  - {id: a, type: transform, target: a, mode: append, sql: select 1 as id}\n", above="vars: {x: 1}\n"
    )
    assert lint({"sqlflow.yaml": project.format("off"), "p.yaml": spec}, code=1) == [("SF805", "error", 5, 41)]
    assert lint({"sqlflow.yaml": project.format("warn")}, code=1) == [
        ("SF801", "warning", 3, 8),
        ("SF805", "error", 5, 41),
    ]
    assert [c for c, *_ in lint({"sqlflow.yaml": project.format("off") + "  SF999: off\n"}, code=2)] == ["SF812"]


def test_warnings_fail_when_they_are_to(lint):
    """A warning alone is exit code 0, with --strict 1; a broken document is 2 and hides no other findings."""
    spec = pipeline(("p", "select 1 as id"), above="vars: {x: 1}\n")
    assert lint(spec) == [("SF801", "warning", 3, 8)]
    assert lint(spec, "--strict", code=1) == [("SF801", "warning", 3, 8)]
    found = lint({"broken.yaml": spec.replace("sql:", "sq:")}, ".", code=2)
    assert {"SF201", "SF801"} <= {c for c, *_ in found}


def test_a_comment_silences_a_rule(lint):
    """A comment with a reason silences its rule behind the line, above it, at the key, and in SQL."""
    sql = "select 1 as id from r.a, r.b"
    head, comment = "  - id: a\n    type: transform\n    target: a\n    sql: ", "sqlflow: ignore[SF808] small\n"
    lines = {
        "behind": f"{head}{sql}  # {comment}",
        "above": f"{head[:-9]}    # {comment}    # more\n    sql: {sql}\n",
        "key": f"{head}|  # {comment}      {sql}\n",
        "sql": f"{head}|\n      {sql} -- {comment}",
    }
    for name, step in lines.items():
        assert lint(pipeline(step)) == [], name
        told = lint(pipeline(step.replace("small", "")), code=1)
        assert sorted(c for c, *_ in told) == ["SF808", "SF810"], name
        other = lint(pipeline(step.replace("SF808", "SF801")))
        assert sorted(c for c, *_ in other) == ["SF808", "SF811"], name
        assert "SF812" in [c for c, *_ in lint(pipeline(step.replace("SF808", "SF898")), code=1)], name


def test_a_text_that_looks_like_a_comment_is_none(lint):
    """Within quotes of SQL or of YAML nothing is silenced, and nothing said of what is not silenced."""
    words = "sqlflow: ignore[SF808] small"
    written = [
        f"select '-- {words}' as id from r.a, r.b",
        f'select 1 as "-- {words}" from r.a, r.b',
        f"select 1 /* -- {words} */ from r.a, r.b",
        f"select '\n        -- {words}', 1 from r.a, r.b",
    ]
    for sql in written:
        step = f"  - id: a\n    type: transform\n    target: a\n    sql: |\n      {sql}\n"
        assert [code for code, *_ in lint(pipeline(step))] == ["SF808"], sql
        quoted = f'  - {{id: a, type: transform, target: a, sql: "{sql}"}}\n'.replace('\\"', "'")
        if '"' not in sql:
            assert [code for code, *_ in lint(pipeline(quoted))] == ["SF808"], sql
    hashed = f"  - {{id: a, type: transform, target: a, sql: 'select 1 from r.a, r.b', description: '# {words}'}}\n"
    assert [code for code, *_ in lint(pipeline(hashed))] == ["SF808"]
    said = f"  - {{id: a, type: transform, target: a, sql: 'select ''x'' from r.a, r.b -- {words}'}}\n"
    assert lint(pipeline(said)) == []


def test_a_connection_is_used_where_it_is_named(lint):
    """A connection that bears the name of a step, a connector or a table is unused all the same."""
    above = "connections:\n  csv: {connector: csv, folder: data}\n  orders: {connector: csv, folder: more}\n"
    steps = [
        "  - {id: orders, type: transform, target: raw.orders, sql: select 1 as id}\n",
        "  - {id: out, type: export, source: raw.orders, target: {connector: csv, path: o.csv}}\n",
    ]
    unused = [("SF802", "warning", 4, 3), ("SF802", "warning", 5, 3)]
    assert lint(pipeline(*steps, above=above)) == unused
    steps[1] = steps[1].replace("connector: csv", "connection: orders")
    assert lint(pipeline(*steps, above=above)) == unused[:1]


def test_a_text_that_looks_like_a_variable_is_none(lint):
    """A dollar sign in a text or a comment of SQL uses nothing; what is written in before SQL is read does."""
    sql = "select '$a' as a -- $b"
    above = "vars: {a: 1, b: 2, c: 3, d: {type: identifier, default: t}}\n"
    found = lint(pipeline(("x", f"{sql}"), ("y", '"select $c as c from ${d}"'), ("t", "select 1 as i"), above=above))
    assert [(code, column) for code, _, _, column in found if code == "SF801"] == [("SF801", 8), ("SF801", 14)]


def test_a_variable_of_the_project_that_does_nothing(lint):
    """Variables of the project count as used by any pipeline; a profile sets only what somebody declares."""
    files = {
        "sqlflow.yaml": """\
version: 1
name: shop
specs: ['*.yaml']
vars: {region: EU, spare: 1, again: 2}
profiles:
  prod: {vars: {least: 3, region: US, leest: 4}}
default_profile: prod
""",
        "p.yaml": pipeline(("a", "select $least as n, $region as r"), above="vars: {least: 1}\n"),
        "q.yaml": pipeline(("b", "select $again as n"), above="vars: {again: 1}\n").replace("name: p", "name: q"),
    }
    assert lint(files) == [("SF801", "warning", 4, 20), ("SF801", "warning", 6, 39)]
    assert "did you mean 'least'?" in lint(files, form="text")
    assert lint(files, "p.yaml") == []
    files["q.yaml"] = files["q.yaml"].replace("sql:", "sq:")
    assert {code for code, *_ in lint(files, code=2)} == {"SF201"}


@pytest.mark.parametrize("words", [(), ("p.yaml",)])
def test_two_pipelines_that_write_one_thing(lint, words):
    """What a step replaces and another pipeline of the project writes is found, asked for alone or with the others."""
    out = "  - {id: out, type: export, source: marts.a, target: {connector: csv, path: out/a.csv}}\n"
    files = {
        "sqlflow.yaml": "version: 1\nname: shop\nspecs: ['*.yaml']\n",
        "p.yaml": pipeline(("marts.a", "select 1 as id"), out),
        "q.yaml": pipeline(("Marts.A", "select 2 as id"), out.replace("out/a", "./out/a")).replace(
            "name: p", "name: q"
        ),
    }
    told = [("SF815", "warning", 6, 5), ("SF815", "warning", 8, 46)]
    assert lint(files, *words) == (told if words else told * 2)
    files = {
        name: text.replace("csv, path: out/a.csv", "duckdb, path: x.duckdb, table: t") for name, text in files.items()
    }
    files["q.yaml"] = files["q.yaml"].replace("csv, path: ./out/a.csv", "duckdb, path: ./x.duckdb, table: Main.T")
    assert len(lint(files, *words)) == len(told) * (1 if words else 2)
    files = {name: text.replace("x.duckdb, table: t", "y.duckdb, table: t") for name, text in files.items()}
    files["q.yaml"] = (
        files["q.yaml"].replace("Marts.A", "marts.b").replace("marts.a", "marts.b").replace("a.csv", "b.csv")
    )
    assert lint(files, *words) == []
    files["q.yaml"] = pipeline(
        "  - {id: a, type: transform, target: marts.a, mode: append, key: [id], sql: select 1 as id}\n"
    )
    assert [code for code, *_ in lint(files, *words)] == ["SF815"]
    files["sqlflow.yaml"] += "profiles: {a: {storage: {type: memory}}}\ndefault_profile: a\n"
    assert lint(files, *words) == []


def test_pipelines_are_looked_at_together(lint):
    """A table that another pipeline of the project reads is not unread."""
    writer = pipeline(("staging.a", "select 1 as id"), ("staging.b", "select id from staging.a"))
    reader = pipeline(("marts.c", "select id from staging.b"))
    assert [c for c, *_ in lint(writer)] == ["SF803"]
    assert lint({"q.yaml": reader}, "p.yaml", "q.yaml") == []


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif", "junit", "markdown"])
def test_a_secret_is_found_and_not_shown(lint, form):
    """Plain secrets are found by the option, by the name and by their looks, and no format shows one."""
    secrets = ["sw0rdf1sh", "hunter2", "AKIAABCDEFGHIJKLMNOP"]
    spec = pipeline(
        f"  - {{id: a, type: transform, target: a, description: {secrets[2]}, sql: select $token as t}}\n",
        above=f"vars:\n  token: {{default: {secrets[0]}, type: string}}\n  url: postgres://me:{secrets[1]}@db/shop\n",
    )
    told = lint(spec, code=1, form=form)
    shown = json.dumps(told) if form == "json" else told
    assert shown.count("SF809") >= 3
    assert not [secret for secret in secrets if secret in shown]


def test_interpolated_secrets_are_fine(lint):
    """A secret that comes from the environment or a provider is no finding."""
    spec = pipeline(("a", "select $token as t"), above="vars:\n  token: {type: string, default: '${secret:env/T}'}\n")
    assert lint(spec) == []


def test_a_plugin_brings_a_rule(lint):
    """A rule of a plugin is told, explained in SARIF and silenced like those in the box."""
    step = "  - {id: b, type: copy_table, table: r.a, target: b}\n"
    assert [c for c, *_ in lint(pipeline(step))] == ["EX001"]
    rule = json.loads(lint(pipeline(step), form="sarif"))["runs"][0]["tool"]["driver"]["rules"][0]
    assert rule["shortDescription"]["text"] == "Copy without a reason"
    assert "a year later" in rule["fullDescription"]["text"]
    assert lint(pipeline(step.rstrip() + "  # sqlflow: ignore[EX001] told elsewhere\n")) == []


def test_steps_of_one_loop_are_told_once(lint):
    """What is found in every step of a `for_each` is told once, at its place in the document."""
    step = "  - id: a\n    type: transform\n    for_each: {n: [1, 2, 3]}\n"
    step += "    target: a\n    mode: append\n    sql: select $n as n\n"
    assert lint(pipeline(step)) == [("SF805", "warning", 8, 5)]


def test_scripts_are_looked_into(lint):
    """Statements of a step are seen as queries are: a comma join anywhere, moods where a table keeps its rows."""
    script = """\
  - id: log
    type: sql
    sql: |
      create table if not exists logs.runs (seen timestamp, n bigint);
      insert into logs.seen
        select now(), count(*) from r.a, r.b;
      update logs.anew set seen = now();
"""
    anew = "  - {id: anew, type: transform, target: logs.anew, sql: select 1 as seen}\n"
    assert lint(pipeline(anew, script)) == [("SF807", "warning", 10, 16), ("SF808", "warning", 10, 42)]
    silent = script.replace("r.b;", "r.b; -- sqlflow: ignore[SF807, SF808] a journal")
    assert lint(pipeline(anew, silent)) == []
