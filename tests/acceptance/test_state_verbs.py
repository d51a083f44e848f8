"""`sqlflow state`: what steps remember is shown, moved, forgotten, carried from one warehouse to another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import duckdb
import pytest

SPEC = """
version: 1
name: shop
steps:
  - {id: orders, type: load, source: {connector: csv, path: orders.csv}, target: raw.orders, mode: merge, key: [id],
     cursor: seen}
  - {id: log, type: load, source: {connector: csv, path: "log/*.csv", incremental: new_files}, target: raw.log,
     mode: append}
  - {id: sums, type: transform, target: marts.sums, mode: append, cursor: {column: seen, initial: 2024-01-01},
     sql: select seen from raw.orders where seen >= $watermark}
  - {id: days, type: transform, target: marts.days, mode: delete_insert,
     batches: {by: seen, size: 7000 days, initial: 2000-01-01}, sql: select * from raw.orders}
"""
ORDERS = "id,seen\n1,2024-01-01 10:00:00\n2,2024-01-05 10:00:00\n"


class Shop:
    """A folder with a pipeline that has been run."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "shop.yaml").write_text(SPEC)
        (folder / "orders.csv").write_text(ORDERS)
        (folder / "log").mkdir()
        for name in "ab":
            (folder / "log" / f"{name}.csv").write_text("x\n1\n")

    def __call__(self, *arguments, code=0, given=None):
        """Run the command and return all that it printed."""
        command = [sys.executable, "-m", "sqlflow.cli.main", *arguments]
        env = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200"}
        done = subprocess.run(
            command, cwd=self.folder, env=env, capture_output=True, text=True, check=False, input=given
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def state(self, verb, *arguments, code=0, given=None):
        """Run a verb of state on the pipeline."""
        return self("state", verb, "shop.yaml", *arguments, code=code, given=given)

    def entries(self, *arguments):
        """Return what is remembered."""
        return json.loads(self.state("list", "-o", "json", *arguments))

    def keys(self):
        """Return the kinds that each step remembers."""
        return sorted({(e["step"], e["kind"]) for e in self.entries()})

    def sql(self, *statements):
        """Run statements as another program would."""
        with duckdb.connect(str(self.folder / "shop.duckdb")) as db:
            return [db.execute(statement).fetchall() for statement in statements]

    def damage(self, step, kind, value, name=""):
        """Write an entry that nobody at SQLFlow would have written."""
        self.sql(
            "insert into _sqlflow.state select max(line) + 1, 'shop', "
            f"'{step}', 'raw.{step}', '{kind}', '{name}', '{value}', 'hand', now() from _sqlflow.state"
        )


@pytest.fixture
def shop(tmp_path):
    """Return a pipeline that has been run once."""
    shop = Shop(tmp_path)
    shop("run", "shop.yaml")
    return shop


def test_list_and_show(shop):
    """A line for each kind of each step; files and intervals are counted, and one by one when asked for."""
    listed = shop.state("list")
    assert "seen = 2024-01-05 10:00:00 (TIMESTAMP)" in listed
    assert "2 files" in listed
    assert "1 interval, 2000-01-01T00:00:00 to 2019-03-02T00:00:00" in listed
    assert "log/b.csv" not in shop.state("show", "log")
    assert "log/b.csv" in shop.state("show", "log", "--verbose")
    found = json.loads(shop.state("show", "orders", "-o", "json"))
    assert {e["kind"]: e["value"]["value"] for e in found if e["kind"] == "watermark"} == {
        "watermark": "2024-01-05 10:00:00"
    }
    assert {e["damaged"] for e in found} == {None}
    assert shop.keys() == [
        ("days", "interval"), ("days", "schema"), ("log", "file"), ("log", "schema"), ("orders", "schema"),
        ("orders", "watermark"), ("sums", "schema"), ("sums", "watermark"),
    ]  # fmt: skip


def test_all_pipelines_share_a_list(shop):
    """`--all` shows the state of every pipeline in the warehouse."""
    shop.sql("insert into _sqlflow.state select 999, 'other', * exclude (line, pipeline) from _sqlflow.state limit 1")
    assert {e["pipeline"] for e in shop.entries()} == {"shop"}
    assert {e["pipeline"] for e in shop.entries("--all")} == {"shop", "other"}
    assert "pipeline" in shop.state("list", "--all").splitlines()[0]


def test_what_does_not_count_says_so(shop):
    """An entry of a step, a table or a target that is no more is shown with the reason."""
    shop.sql("drop table raw.log")
    spec = SPEC.replace("target: raw.orders", "target: raw.bought").replace("raw.orders where", "raw.bought where")
    (shop.folder / "shop.yaml").write_text(
        spec.replace("id: sums", "id: totals").replace("from raw.orders}", "from x}")
    )
    assert {e["step"]: e["note"] for e in shop.entries()} == {
        "log": "the table is gone", "orders": "the step writes another table now", "sums": "not in the document",
        "days": None,
    }  # fmt: skip
    assert "forgot watermark of sums" in shop.state("reset", "sums")


def test_a_watermark_is_set_in_its_own_type(shop):
    """The value is cast by the warehouse, old and new are told, and the next run reads from there."""
    told = shop.state("set", "orders", "watermark", "2024-01-02")
    assert "was 2024-01-05 10:00:00, is 2024-01-02 00:00:00 (TIMESTAMP)" in told
    assert '"read": 1' in shop("run", "shop.yaml", "-s", "orders", "-o", "json")
    data = json.loads(shop.state("set", "orders", "watermark", "2023-01-01 12:00", "-o", "json"))
    assert (data["old"], data["new"]) == ("2024-01-05 10:00:00", "2023-01-01 12:00:00")
    assert "come twice" in shop.state("set", "sums", "watermark", "2024-01-02")
    shop.state("reset", "orders", "--kind", "watermark")
    assert "was none, is 2024-01-02 00:00:00 (TIMESTAMP)" in shop.state("set", "orders", "watermark", "2024-01-02")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("orders", "watermark", "yesterday"), "SF741 'yesterday' is not a value of type TIMESTAMP"),
        (("orders", "watermark", "infinity"), "nothing would ever be new again"),
        (("orders", "watermark", "2024-01-01T10:00:00+02:00"), "has a time zone"),
        (("orders", "watermrk", "1"), "did you mean 'watermark'?"),
        (("orders", "file", "1"), "state reset shop.yaml orders --kind file"),
        (("ordes", "watermark", "1"), "did you mean 'orders'?"),
        (("log", "watermark", "1"), "steps with a cursor: orders, sums"),
    ],
)
def test_a_watermark_that_cannot_be(shop, arguments, told):
    """What is no watermark of the step is refused, and nothing is written."""
    before = shop.entries()
    assert told in shop.state("set", *arguments, code=2)
    assert shop.entries() == before


def test_numbers_are_not_rounded(tmp_path):
    """A value that the type of the cursor would round is refused."""
    shop = Shop(tmp_path)
    (tmp_path / "shop.yaml").write_text(
        "version: 1\nname: shop\nsteps:\n- {id: s, type: transform, target: s, mode: append, cursor: i, "
        "sql: select 1 as i}\n- {id: d, type: transform, target: d, mode: append, cursor: i, "
        "sql: select date '2024-01-01' as i}\n"
    )
    shop("run", "shop.yaml")
    assert "it would become 2" in shop.state("set", "s", "watermark", "1.7", code=2)
    assert "it would become 2024-01-02" in shop.state("set", "d", "watermark", "2024-01-02 10:00", code=2)
    assert "is 7 (INTEGER)" in shop.state("set", "s", "watermark", "7")
    shop.sql("drop table s")
    assert "has not written s yet" in shop.state("set", "s", "watermark", "1", code=2)


def test_reset_forgets_and_says_what(shop):
    """A reset forgets the state of all steps, of one, of a kind or of a name, and data stays."""
    told = shop.state("reset", "log", "--kind", "file", "--name", "log/a.csv")
    assert "forgot file of log (raw.log): 1 file\n" in told
    assert "writes rows a second time" in told
    assert "1 of 2 files are new" in shop("run", "shop.yaml", "-s", "log")
    assert "did you mean 'log/" in shop.state("reset", "log", "--name", "log/c.csv", code=2)
    assert "did you mean 'file'?" in shop.state("reset", "--kind", "fil", code=2)
    assert len(json.loads(shop.state("reset", "orders", "-o", "json"))) == 2
    assert "nothing to forget" in shop.state("reset", "orders")
    assert "forgot interval of days" in shop.state("reset")
    assert shop.entries() == []
    assert "nothing is remembered" in shop.state("list")
    assert "remembers nothing" in shop.state("show", "orders")
    assert shop.sql("select count(*) from raw.orders") == [[(2,)]]


@pytest.mark.parametrize("value", ["{broken", "[1]", '{"column": "seen"}', '{"column": 1, "value": "x", "type": "y"}'])
def test_damage_is_shown_and_can_be_forgotten(shop, value):
    """A damaged entry stops the run of its step and no verb; it can be forgotten, or set anew."""
    shop.damage("orders", "watermark", value)
    shop.damage("orders", "mystery", "{}")
    assert shop.state("list").count("damaged: ") == 2
    assert shop.state("show", "orders", "--verbose").count("damaged: ") == 2
    assert "left out shop/orders/watermark" in shop.state("export")
    shop.state("set", "sums", "watermark", "2024-01-05 10:00:00")
    shop.state("set", "orders", "watermark", "2024-01-05 10:00:00")
    shop("run", "shop.yaml")
    shop.damage("orders", "watermark", value)
    assert "SF730" in shop("run", "shop.yaml", "-s", "orders", code=1)
    assert "forgot watermark of orders (raw.orders): damaged" in shop.state("reset", "orders")
    assert "forgot mystery" not in shop.state("reset", "orders")
    shop("run", "shop.yaml")


def test_export_and_import(shop):
    """What was exported can be taken in again, and the next run goes on where the last has ended."""
    saved = shop.state("export")
    assert json.loads(saved)["format"] == 1
    (shop.folder / "state.json").write_text(saved)
    assert "imported 0 entries, 9 unchanged" in shop.state("import", "state.json")
    shop.state("reset")
    assert "imported 9 entries" in shop.state("import", "-", given=saved)
    assert [e["value"] for e in shop.entries()] == [e["value"] for e in json.loads(saved)["entries"]]
    assert "none of 2 files is new" in shop("run", "shop.yaml")
    shop.state("reset", "orders")
    done = json.loads(shop.state("import", "state.json", "-o", "json"))
    assert ({e["step"] for e in done["written"]}, done["unchanged"]) == ({"orders"}, 7)


def changed(saved, **keys):
    """Return an export whose first entry, a watermark, has other keys; None removes one."""
    data = json.loads(saved)
    data["entries"].sort(key=lambda e: (e["kind"] != "watermark", e["step"]))
    data["entries"][0] = {k: v for k, v in {**data["entries"][0], **keys}.items() if v is not None}
    return json.dumps(data)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"kind": "watermrk"}, "did you mean 'watermark'?"),
        ({"step": "ordes"}, "did you mean 'orders'?"),
        ({"pipeline": "other"}, "import it with --all"),
        ({"target": "raw.log"}, "step 'orders' does not write raw.log"),
        ({"name": "x"}, "a watermark has no name"),
        ({"value": {"column": "seen", "value": "yesterday", "type": "TIMESTAMP"}}, "is not a value of type TIMESTAMP"),
        ({"value": {"column": "seen", "value": "1", "type": "INT) --"}}, "is no type of a watermark"),
        ({"value": {"column": "seen", "value": "1"}}, "'type' is missing"),
        ({"value": {"column": "seen", "value": 1, "type": "INTEGER"}}, "'value' must be text"),
        ({"value": None}, "'value' is missing"),
        ({"kind": "interval", "name": "monday", "value": {"end": "2024-01-01"}}, "an interval is named by its start"),
        ({"kind": "file", "name": "x", "value": {"size": True, "stamp": ""}}, "'size' must be a whole number"),
        ({"kind": "schema", "value": {"format": 2, "columns": []}}, "newer version"),
        ({"vlaue": {}}, "did you mean 'value'?"),
    ],
)
def test_an_import_is_checked_before_anything_is_written(shop, keys, told):
    """Each wrong entry is named by its place, and the right ones are not written either."""
    saved = shop.state("export")
    shop.state("reset")
    out = shop.state("import", "-", given=changed(saved, **keys), code=2)
    assert told in out
    assert "SF742 -: entries[0]: " in out
    assert shop.entries() == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "-:1:2: SF742 not JSON"),
        ("", "not JSON"),
        ("[]", "no format number"),
        ('{"format": true, "entries": []}', "no format number"),
        ('{"format": 2, "entries": []}', "newer version of SQLFlow (format 2; this one knows 1)"),
        ('{"format": 1}', "no list of entries"),
        ('{"format": 1, "entries": [], "more": 1}', "unknown key 'more'"),
        ('{"format": 1, "entries": [1]}', "entries[0]: an entry must be an object"),
    ],
)
def test_a_file_that_is_no_export(shop, text, told):
    """A file of another shape is refused as a whole."""
    assert told in shop.state("import", "-", given=text, code=2)


def test_an_import_tells_all_problems_and_repeats(shop):
    """Every wrong entry is told in one go, and so is one that says again what another says."""
    data = json.loads(shop.state("export"))
    data["entries"] += [data["entries"][0], {**data["entries"][0], "step": "x"}]
    out = shop.state("import", "-", given=json.dumps(data), code=2)
    assert "entries[9]: it says again what entries[0] says" in out
    assert "entries[10]: unknown step 'x'" in out


def test_an_import_of_what_would_not_count_is_refused(shop):
    """State of a table that is not there would be forgotten with the first run, so it is not taken in."""
    saved = shop.state("export")
    shop.sql("drop table raw.log")
    assert "table raw.log is not in the warehouse" in shop.state("import", "-", given=saved, code=2)
    assert shop.state("import", "missing.json", code=2).startswith("SF101")


def test_a_warehouse_that_is_not_there_or_taken(tmp_path):
    """Without a warehouse there is nothing to look at; one that another process writes is told with its pid."""
    shop = Shop(tmp_path)
    assert "no warehouse yet" in shop.state("list", code=1)
    assert not (tmp_path / "shop.duckdb").exists()
    shop("run", "shop.yaml")
    hold = textwrap.dedent("""
        import duckdb, sys
        held = duckdb.connect("shop.duckdb")
        print("open", flush=True)
        sys.stdin.read()
    """)
    with subprocess.Popen(
        [sys.executable, "-c", hold], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"open\n"
        for verb in ("list", "reset"):
            assert f"(PID {other.pid})" in shop.state(verb, code=1)
        other.stdin.close()
