"""`sqlflow fmt`: one layout, comments kept, nothing but the looks changed, and a second time nothing at all."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sqlflow.layout import formatted
from sqlflow.pipeline import Pipeline, installed
from sqlflow.spec import CannotLayOut, Source, parse_pipeline, read_source, to_data
from sqlflow.sql import printed, same

ROOT = Path(__file__).parents[2]
SPECS = sorted(p for p in ROOT.glob("specs/**/*.yaml") if "expected" not in p.parts)
UGLY = """\
# the pipeline of the shop
name: shop   # its name
version: 1


vars:   {region: EU,since: {default: 2024-01-01,type: date}}
steps:
# first
- target: raw.orders   # where to
  # the query
  sql: |
     SELECT i AS id, 'EU'   AS region FROM numbers n
     WHERE i IS NOT NULL AND i NOT IN (1,2)

  type: transform
  id: orders
  checks:
  - severity: warn
    not_null: [id,region]
  # that was the first
- {type: export, id: out, target: {path: o.csv, connector: csv}, source: raw.orders}
# the end
"""
PRETTY = """\
# the pipeline of the shop
version: 1
name: shop   # its name

vars: {region: EU, since: {type: date, default: 2024-01-01}}
steps:
  # first
  - id: orders
    type: transform
    target: raw.orders   # where to
    # the query
    sql: |
      select i as id, 'EU' as region
      from numbers as n
      where i is not null and i not in (1, 2)
    checks:
      - not_null: [id, region]
        severity: warn
    # that was the first

  - {id: out, type: export, source: raw.orders, target: {connector: csv, path: o.csv}}
# the end
"""


@pytest.fixture(scope="module")
def catalog():
    """Bring the plugins installed here."""
    return installed()


def sqlflow(folder, *arguments, code=0):
    """Run the command; returns what it printed."""
    command = [sys.executable, "-m", "sqlflow.cli.main", *arguments]
    environment = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def comments(text):
    """Return the comments of a text that has no other #."""
    return Counter(re.findall(r"#.*", text))


def test_a_document_is_laid_out(tmp_path):
    """Keys, indentation, spaces and SQL become canonical, and every comment stays with what it speaks of."""
    (tmp_path / "p.yaml").write_text(UGLY)
    assert "changed p.yaml" in sqlflow(tmp_path, "fmt", "p.yaml")
    assert (tmp_path / "p.yaml").read_text() == PRETTY
    assert "nothing to change" in sqlflow(tmp_path, "fmt", "p.yaml")


LONG = "  where another_long_name = 1 and yet_another_long_name = 2"


@pytest.mark.parametrize(
    ("ugly", "pretty"),
    [
        ("select CAST(a AS date) from t where b=1", "select a::date\nfrom t\nwhere b = 1"),
        ("select (a*b)::decimal(12,2) as c from t", "select (a * b)::decimal(12,2) as c\nfrom t"),
        ("select cast(a+b as int), -1::int from t", "select cast(a + b as int), -1::int\nfrom t"),
        ("select a from t join u using(a) group by 1", "select a\nfrom t\njoin u using (a)\ngroup by 1"),
        (
            "select a from t where b in (select b from u where c=1)",
            "select a\nfrom t\nwhere b in (select b from u where c = 1)",
        ),
        (
            f"select a from t where b in (select a_long_name from u {LONG})",
            "select a\nfrom t\nwhere b in (\n  select a_long_name\n  from u\n" + LONG + "\n)",
        ),
        (
            "select " + ", ".join(["a_long_name"] * 7) + " from t",
            "select\n  " + ",\n  ".join(["a_long_name"] * 7) + "\nfrom t",
        ),
    ],
)
def test_a_clause_stands_on_one_line_if_it_fits(ugly, pretty):
    """SQL is printed as people write it: short clauses on a line, `::` where it needs no parentheses more."""
    assert printed(ugly) == pretty


def test_check_and_diff_change_nothing(tmp_path):
    """--check and --diff leave the file alone and are exit code 1 when something would change, 0 when nothing would."""
    (tmp_path / "p.yaml").write_text(UGLY)
    assert "would change p.yaml" in sqlflow(tmp_path, "fmt", "--check", "p.yaml", code=1)
    told = sqlflow(tmp_path, "fmt", "--diff", "p.yaml", code=1)
    assert "+  - id: orders\n" in told
    assert (tmp_path / "p.yaml").read_text() == UGLY
    (tmp_path / "p.yaml").write_text(PRETTY)
    sqlflow(tmp_path, "fmt", "--check", "--diff", "p.yaml")


def test_what_is_not_understood_is_left_alone(tmp_path):
    """A file that does not parse is named and not touched, and the others are laid out all the same."""
    (tmp_path / "broken.yaml").write_text("version: 1\nname: [\n")
    (tmp_path / "p.yaml").write_text(UGLY)
    told = sqlflow(tmp_path, "fmt", ".")
    assert "broken.yaml: left as it is: not YAML" in told
    assert (tmp_path / "broken.yaml").read_text() == "version: 1\nname: [\n"
    assert (tmp_path / "p.yaml").read_text() == PRETTY


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHOWN = [
    (page.stem, block)
    for page in PAGES
    for block in re.findall(
        r"^```yaml\n(version: 1\n.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
]


@pytest.mark.parametrize(
    ("name", "text"),
    [*SHOWN, *((path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in SPECS)],
)
def test_what_is_shown_is_canonical(name, text, catalog):
    """Every example that people read, in specs and on pages, looks as `sqlflow fmt` would have it."""
    assert formatted(Source(name, text, Path(name)), catalog) == text


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.relative_to(ROOT / "specs").as_posix())
def test_every_spec_means_what_it_meant(path, catalog):
    """The plan of a formatted spec is the same: steps, options, order and SQL; a second time changes nothing."""
    source, _ = read_source(path, str(path))
    text = formatted(source, catalog)
    assert formatted(Source(source.file, text, path), catalog) == text
    assert comments(text) == comments(source.text)
    if path.name in ("sqlflow.yaml", "tests.yaml"):
        return

    def told(given):
        plan = Pipeline(path, catalog, document=parse_pipeline(Source(str(path), given, path), path)).plan(offline=True)
        steps = [
            (s.id, {k: v for k, v in s.given.config.model_dump().items() if k != "sql"}, s.plan, s.given.endpoints,
             {n: [(q.digest, q.parameters, q.reads) for q in qs] for n, qs in s.given.sql.items()},
             [(c.name, c.severity, c.config) for c in s.given.checks], s.tags, s.retry)
            for s in plan.steps
        ]  # fmt: skip
        return re.sub(r"0x[0-9a-f]+", "", repr(steps)), plan.waits_for

    assert told(text) == told(source.text)


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 -- a comment",
        "select /* here */ 1",
        "select i from range(3) t(i)",
        "select interval 1 day",
        "this is no sql",
        "select DATE '2024-01-01' as d",
    ],
)
def test_sql_that_would_become_another_is_left_alone(sql):
    """Where the printer would move a comment or write another tree, the text stays as it is."""
    assert printed(sql) == sql


QUERIES = [
    "SELECT a.x, COUNT(*) AS n FROM raw.a a LEFT JOIN raw.b b ON a.id = b.id WHERE a.x NOT LIKE 'x%' GROUP BY a.x",
    'with c as (select ID, "Mixed Case" from t) select c.* from c where "Mixed Case" between $lo and $hi',
    "select case when x is not null then 'A' else lower(y) end as k from t order by k desc limit 3",
    "select * from t qualify row_number() over (partition by a order by b desc) = 1",
    "select x::int as i, y::decimal(12,2) from t union all select 1, 2",
]  # fmt: skip


@pytest.mark.parametrize("sql", QUERIES)
def test_printed_sql_is_the_same_query(sql):
    """Printed SQL is one query to DuckDB with what was written, keeps its names, and is printed alike again."""
    text = printed(sql)
    assert text != sql
    assert same(sql, text)
    assert printed(text) == text
    assert ("Mixed Case" in text) == ("Mixed Case" in sql)


# --- documents of any shape

NAMES = ["id", "type", "target", "sql", "mode", "key", "checks", "columns", "source", "a b", "é", "tags", "name"]
SCALARS = st.sampled_from(
    [
        "1",
        "true",
        "~",
        "plain",
        "two words",
        "'it''s'",
        '"a \\"b\\" # no"',
        "a#b",
        "transform",
        "load",
        "2024-01-01",
        "s3://x/y",
    ]
)
COMMENT = st.sampled_from(["", "", "", "  # behind", " # near", "     # far: [x"])
ABOVE = st.sampled_from(["", "", "", "{i}# above\n", "\n{i}# a\n\n\n{i}# b\n", "\n", "\n\n\n"])
FLOW = st.sampled_from(["[]", "{}", "[a,b]", "{a: 1,b:  [c]}", "[ x , {y: 'z, z'} ]", "{url: a/b}", "[a,\n{i}    b]"])
BLOCK = st.sampled_from(
    ["|\n{j}select 1\n{j}  as x\n", "|-\n{j}-- c\n{j}select 2   \n", ">\n{j}folded\n\n{j}text\n", "|+\n{j}kept\n\n\n",
     "|\n{j}SELECT a,b\n{j}FROM t\n\n", "# c\n"]
)  # fmt: skip


@st.composite
def values(draw, depth, indent):
    """Draw what stands behind a key or a dash, its line break included."""
    kind = draw(
        st.sampled_from(["scalar", "scalar", "flow", "block", "map", "seq"] if depth else ["scalar", "flow", "block"])
    )
    inner, spaces = indent + draw(st.integers(1, 4)), " " * indent
    if kind == "map":
        return draw(COMMENT) + "\n" + draw(mappings(depth - 1, inner))
    if kind == "seq":
        items = draw(st.lists(values(depth - 1, inner + 2), min_size=1, max_size=3))
        above = draw(ABOVE).format(i=" " * inner)
        return draw(COMMENT) + "\n" + "".join(f"{above}{' ' * inner}-{item}" for item in items)
    if kind == "block":
        return " " + draw(BLOCK).format(j=" " * inner)
    text = draw(SCALARS if kind == "scalar" else FLOW)
    return f" {text.replace('{i}', spaces)}{draw(COMMENT)}\n"


@st.composite
def mappings(draw, depth, indent):
    """Draw the lines of a block of keys."""
    spaces, lines = " " * indent, []
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True)):
        lines += [draw(ABOVE).format(i=spaces), spaces, name, ":", draw(values(depth, indent))]
    return "".join(lines)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(mappings(2, 0), mappings(3, 4), st.sampled_from(["", "# the end\n", "\n\n"]))
def test_any_document_keeps_its_meaning(catalog, top, step, end):
    """Whatever a document looks like, its data, comments and lists stay, and a second time changes nothing."""
    text = f"version: 1\nname: p\n{top.replace('name:', 'nom:')}steps:\n  - {step.lstrip()}{end}"
    source = Source("p.yaml", text)
    before = parse_pipeline(source, Path("p.yaml"))
    try:
        after = formatted(source, catalog)
    except CannotLayOut:
        return
    assert formatted(Source("p.yaml", after), catalog) == after
    root = parse_pipeline(Source("p.yaml", after), Path("p.yaml")).root
    one, other = to_data(before.root), to_data(root)
    assert {k: v for k, v in one.items() if k != "steps"} == {k: v for k, v in other.items() if k != "steps"}
    for old, new in zip(one["steps"], other["steps"], strict=True):
        assert old.keys() == new.keys() if isinstance(old, dict) else old == new
        for key in old if isinstance(old, dict) else ():
            assert old[key] == new[key] or (key == "sql" and same(old[key], new[key]))
    marked = re.compile(r"# (?:above|behind|near|far: \[x|the end|a|b|c)$", re.MULTILINE)
    assert Counter(marked.findall(after)) == Counter(marked.findall(text))


def test_most_documents_are_laid_out(catalog):
    """The generator of the property draws documents that are laid out, not only such as are left alone."""
    done = []

    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(mappings(2, 4))
    def try_one(step):
        try:
            formatted(Source("p.yaml", f"version: 1\nname: p\nsteps:\n  - {step.lstrip()}"), catalog)
            done.append(True)
        except CannotLayOut:
            done.append(False)

    try_one()
    assert sum(done) > len(done) / 3


def test_lines_end_as_they_did(tmp_path):
    """A document whose lines end as on Windows keeps them so, and is canonical when only they differ."""
    path = tmp_path / "a.yaml"
    plain = "version: 1\nname: a\nsteps:\n- {type: transform, id: b, target: c.d, sql: select 1 as n}\n"
    path.write_bytes(plain.encode().replace(b"\n", b"\r\n"))
    done = subprocess.run(
        [sys.executable, "-m", "sqlflow", "fmt", "a.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = path.read_bytes()
    assert found.count(b"\r\n") == found.count(b"\n") > 3
    done = subprocess.run(
        [sys.executable, "-m", "sqlflow", "fmt", "--check", "a.yaml"], cwd=tmp_path, capture_output=True, check=False
    )
    assert (done.returncode, path.read_bytes()) == (0, found)
