"""What goes wrong while a pipeline runs: bad files, bad rows, full disks, locks, signals, broken plugins, secrets.

Every test runs the command line on files that were really written, most of them in a process of its own, and then looks
into the warehouse: a failure is told in words, the old rows are still there, and nothing is half-written.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent, indent
from typing import Any, NamedTuple
from unittest import mock

import duckdb
import pytest

from sqlflow.cli.main import main
from sqlflow.pipeline import Pipeline

COMMAND = [sys.executable, "-m", "sqlflow.cli.main"]
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith(("SQLFLOW_", "OTEL_"))} | {"NO_COLOR": "1"}
OLD = [(1, "old")]
#: A query that would take hours; it ends only when it is interrupted.
SLOW = "select count(*) as n from range(100000000) a(i), range(100000) b(j) where hash(i) > hash(j)"
STOPPING = "stopping: rolling back what has not been committed\n"


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def case(name: str, *values: Any) -> Any:
    """Return one case of a parametrised test."""
    return pytest.param(*values, id=name)


def steps(text: str, above: str = "") -> str:
    """Return a pipeline named `bad` with these steps."""
    return f"version: 1\nname: bad\n{above}steps:\n" + indent(dedent(text).strip("\n"), "  ") + "\n"


def transform(keys: str, above: str = "") -> str:
    """Return a pipeline of one transform that writes raw.orders, with these further keys."""
    return steps("- id: orders\n  type: transform\n  target: raw.orders\n" + indent(dedent(keys).strip(), "  "), above)


def load(source: str, keys: str = "") -> str:
    """Return a pipeline that loads raw.orders from this source."""
    head = f"- id: orders\n  type: load\n  source: {{{source}}}\n  target: raw.orders\n"
    return steps(head + indent(dedent(keys).strip(), "  "))


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    """Write files into a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def sqlflow(folder: Path, *arguments: str, environment: dict[str, str] | None = None, **settings: Any) -> Done:
    """Run the command line to its end. Whatever happens, nobody sees a traceback."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env={**ENVIRONMENT, **(environment or {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
        **settings,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def run(folder: Path, document: str, *arguments: str, **settings: Any) -> Done:
    """Write a pipeline and run it."""
    write(folder, {"bad.yaml": document})
    return sqlflow(folder, "run", "bad.yaml", *arguments, **settings)


def inside(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> Done:
    """Run the command line in this process, which is ten times faster; a traceback fails the test by itself."""
    out, err = io.StringIO(), io.StringIO()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with (
        contextlib.chdir(folder),
        mock.patch.dict(os.environ, {**ENVIRONMENT, **(environment or {})}, clear=True),
        mock.patch.object(sys, "argv", ["sqlflow", *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    for number, handler in handlers.items():
        signal.signal(number, handler)
    return Done(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def run_inside(folder: Path, document: str) -> Done:
    """Write a pipeline and run it in this process."""
    write(folder, {"bad.yaml": document})
    return inside(folder, "run", "bad.yaml")


def rows(folder: Path, sql: str, file: str = "bad.duckdb") -> list[tuple[Any, ...]]:
    """Return the rows of a query on the warehouse."""
    with duckdb.connect(str(folder / file), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def tables(folder: Path) -> list[str]:
    """Return the tables and views of the warehouse, but for SQLFlow's own; what a run staged would be among them."""
    found = "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE table_schema <> '_sqlflow'"
    return sorted(name for (name,) in rows(folder, found))


def record(folder: Path) -> dict[str, Any]:
    """Return the record of the newest run."""
    newest = max((folder / "target" / "runs").iterdir())
    found: dict[str, Any] = json.loads((newest / "run.json").read_text(encoding="utf-8"))
    return found


def state_of(folder: Path) -> dict[str, str]:
    """Return what became of each step of the newest run."""
    return {step["id"]: step["status"] for step in record(folder)["steps"]}


def failed(done: Done, *words: str) -> None:
    """See that a run failed, said these words, its code among them, and kept standard error clean."""
    assert done.code == 1, done
    assert done.err == ""
    assert [word for word in words if word not in done.out] == [], done.out


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return a folder whose warehouse holds one old row in raw.orders, written by a run."""
    write(tmp_path, {"old.yaml": transform("sql: select 1 as id, 'old' as note")})
    with Pipeline.from_file(tmp_path / "old.yaml").run() as result:
        assert result.status == "succeeded"
    shutil.rmtree(tmp_path / "target")
    return tmp_path


def kept(folder: Path) -> None:
    """See that the old rows are there, that nothing else is, and that the record says the run failed."""
    assert rows(folder, "SELECT * FROM raw.orders") == OLD
    assert tables(folder) == ["raw.orders"]
    assert record(folder)["status"] == "failed"
    assert not [path.name for path in folder.rglob("*sqlflow-tmp*")]


# --- files that cannot be read


def parquet(sql: str) -> bytes:
    """Return the rows of a query as a Parquet file."""
    with TemporaryDirectory() as folder, duckdb.connect() as connection:
        connection.sql(sql).write_parquet(f"{folder}/x.parquet")
        return Path(folder, "x.parquet").read_bytes()


def database(sql: str) -> bytes:
    """Return a DuckDB file in which these statements were run."""
    with TemporaryDirectory() as folder:
        with duckdb.connect(f"{folder}/x.duckdb") as connection:
            connection.execute(sql)
        return Path(folder, "x.duckdb").read_bytes()


MANY = b"id,note\n" + b"".join(b"%d,row %x\n" % (n, n * 2654435761) for n in range(20000))
PARQUET = parquet("select i as id, 'row ' || i as note from range(5000) t(i)")
CSV, PQ, JSON = (
    "connector: csv, path: orders.csv",
    "connector: parquet, path: orders.parquet",
    "connector: json, path: ",
)
ONE_JSON = b'{"id": 1, "note": "x"}\n'

BAD_FILES = [
    case("csv empty", CSV, {"orders.csv": ""}, ["SF511", "orders.csv is empty"]),
    case("csv blank lines", CSV, {"orders.csv": "\n\n\n"}, ["SF511", "orders.csv is empty"]),
    case(
        "csv long line",
        CSV,
        {"orders.csv": "id,note\n1,a\n2,b,c\n3,d\n"},
        ["SF511", "orders.csv, line 3: 3 fields, expected 2", "quote fields that hold the delimiter"],
    ),
    case(
        "csv short line",
        CSV,
        {"orders.csv": "id,note,day\n1,a,x\n2,b\n3,d,z\n"},
        ["SF511", "orders.csv, line 3: 2 fields, expected 3", "null_padding: true"],
    ),
    case(
        "csv short last line",
        CSV,
        {"orders.csv": "id,note,day\n1,a,x\n2,b"},
        ["SF511", "orders.csv, line 3: 2 fields, expected 3", "null_padding: true"],
    ),
    case(
        "csv short last line of many",
        CSV,
        {"orders.csv": MANY + b"20001"},
        ["SF511", "orders.csv", "1 field", "expected 2"],
    ),
    case(
        "csv not utf-8",
        CSV,
        {"orders.csv": "id,note\n1,café\n".encode("latin-1")},
        ["SF511", "orders.csv is not utf-8 text", "encoding: windows-1252", "latin-1"],
    ),
    case(
        "csv not utf-8 in a late line",
        CSV,
        {"orders.csv": MANY + "20001,café\n".encode("latin-1")},
        ["SF511", "orders.csv is not utf-8 text", "encoding: windows-1252"],
    ),
    case(
        "csv of windows-1252 is not latin-1",
        f"{CSV}, encoding: latin-1",
        {"orders.csv": "id,note\n1,5 €\n".encode("windows-1252")},
        ["SF511", "orders.csv is not latin-1 text", "encoding: windows-1252"],
    ),
    case(
        "csv in another encoding than said",
        f"{CSV}, encoding: shift_jis",
        {"orders.csv": "id,note\n1,x\n2,é\n".encode("latin-1")},
        ["SF511", "orders.csv is not shift_jis text", "line 3 holds the byte 0xe9"],
    ),
    case(
        "csv in another encoding, cut off",
        f"{CSV}.gz, encoding: windows-1252",
        {"orders.csv.gz": gzip.compress(("id,note\n" + "1,€ and more\n" * 90_000).encode("windows-1252"))[:-700]},
        ["SF511", "cannot be unpacked", "fetch the file again"],
    ),
    case(
        "csv utf-16",
        CSV,
        {"orders.csv": "id,note\n1,x\n".encode("utf-16")},
        ["SF511", "orders.csv is UTF-16 text", "encoding: utf-16"],
    ),
    case(
        "csv semicolons",
        CSV,
        {"orders.csv": "id;note\n1;x\n"},
        ["SF511", "one column named 'id;note'", 'delimiter: ";"'],
    ),
    case("csv tabs", CSV, {"orders.csv": "id\tnote\n1\tx\n"}, ["SF511", "separated", 'delimiter: "\\t"']),
    case(
        "csv type of a late line",
        CSV,
        {"orders.csv": MANY + MANY.partition(b"\n")[2] + b"many,x\n"},
        ["SF511", "orders.csv, line 40002: many,x", 'column "id"', "null_values"],
    ),
    case("csv quote not closed", CSV, {"orders.csv": 'id,note\n1,"x\n2,y\n'}, ["SF511", "orders.csv", "quote"]),
    case("csv input/output error", "connector: csv, path: /proc/self/mem", {}, ["SF511", "cannot read /proc/self/mem"]),
    case("gzip cut off", f"{CSV}.gz", {"orders.csv.gz": gzip.compress(MANY)[:-2000]}, ["GZIP stream", "orders.csv.gz"]),
    case(
        "parquet cut off", PQ, {"orders.parquet": PARQUET[: len(PARQUET) // 2]}, ["SF511", "not a whole Parquet file"]
    ),
    case(
        "parquet with a broken page",
        PQ,
        {"orders.parquet": PARQUET[:1500] + bytes(b ^ 0x5A for b in PARQUET[1500:1508]) + PARQUET[1508:]},
        ["SF511", "orders.parquet is damaged", "fetch it again"],
    ),
    case("parquet empty", PQ, {"orders.parquet": b""}, ["SF511", "orders.parquet is not a whole Parquet file"]),
    case("parquet is text", PQ, {"orders.parquet": "id,note\n1,x\n"}, ["SF511", "not a whole Parquet file"]),
    case("json cut off", f"{JSON}o.json", {"o.json": b'[{"id": 1}, {"id":'}, ["SF511", "o.json", "unexpected end"]),
    case("json is text", f"{JSON}o.json", {"o.json": "Dear colleague\n"}, ["SF511", "o.json", "Malformed JSON"]),
    case(
        "json lines with a broken one", f"{JSON}o.jsonl", {"o.jsonl": ONE_JSON * 3 + b'{"id": \n'}, ["SF511", "o.jsonl"]
    ),
    case("json not utf-8", f"{JSON}o.json", {"o.json": '{"id": "café"}'.encode("latin-1")}, ["SF511", "invalid UTF-8"]),
    case("json utf-16", f"{JSON}o.json", {"o.json": '{"id": 1}'.encode("utf-16")}, ["SF511", "UTF-16"]),
    case(
        "duckdb is text",
        "connector: duckdb, path: o.duckdb, table: t",
        {"o.duckdb": "x" * 9999},
        ["not a valid DuckDB"],
    ),
    case(
        "duckdb without the table",
        "connector: duckdb, path: o.duckdb, table: ordres",
        {"o.duckdb": database("CREATE TABLE orders AS SELECT 1 AS id")},
        ["SF708", "ordres", "orders"],
    ),
    case(
        "json type of a late line",
        f"{JSON}o.jsonl",
        {"o.jsonl": ONE_JSON * 30000 + b'{"id": "many"}\n'},
        ["SF511", "o.jsonl", "30001"],
    ),
    case("json empty", f"{JSON}o.json", {"o.json": ""}, ["is empty"]),
    case(
        "csv second file has a further column",
        "connector: csv, path: 'o*.csv'",
        {"o1.csv": "id\n1\n", "o2.csv": "id,note\n2,x\n"},
        ["SF511", "o2.csv", "note"],
    ),
    case(
        "parquet second file has a further column",
        "connector: parquet, path: 'o*.parquet'",
        {"o1.parquet": parquet("select 1 as id"), "o2.parquet": parquet("select 2 as id, 'x' as note")},
        ["SF511", "o2.parquet", "note"],
    ),
    case(
        "csv second file is not utf-8",
        "connector: csv, path: 'o*.csv'",
        {"o1.csv": "id,note\n1,x\n", "o2.csv": "id,note\n2,café\n".encode("latin-1")},
        ["SF511", "o2.csv is not utf-8 text"],
    ),
    case(
        "csv second file has a short line",
        "connector: csv, path: 'o*.csv'",
        {"o1.csv": "id,note\n1,x\n", "o2.csv": "id,note\n2,y\n3\n"},
        ["SF511", "o2.csv, line 3"],
    ),
    case(
        "parquet second file is cut off",
        "connector: parquet, path: 'o*.parquet'",
        {"o1.parquet": PARQUET, "o2.parquet": PARQUET[:5000]},
        ["SF511", "o2.parquet is not a whole Parquet file"],
    ),
    case(
        "csv second file is empty",
        "connector: csv, path: 'o*.csv'",
        {"o1.csv": "id,note\n1,x\n", "o2.csv": ""},
        ["SF511", "o2.csv is empty"],
    ),
    case("gzip is text", f"{CSV}.gz", {"orders.csv.gz": "id,note\n1,x\n"}, ["SF511", "gzip"]),
    case("zstd is text", f"{CSV}.zst", {"orders.csv.zst": "id,note\n"}, ["SF511", "orders.csv.zst is not zstd"]),
    case("zstd is empty", f"{CSV}.zst", {"orders.csv.zst": ""}, ["SF511", "orders.csv.zst is empty"]),
    case(
        "JSON zstd is text",
        "connector: json, path: orders.json.zst",
        {"orders.json.zst": "[]"},
        ["SF511", "orders.json.zst is not zstd"],
    ),
    case(
        "mixed line ends",
        CSV,
        {"orders.csv": b"id,note\r\n1,x\n2,y\r\n"},
        ["SF511", "orders.csv mixes two kinds of line ends", "every line ends the same way"],
    ),
    case(
        "mixed line ends far below",
        CSV,
        {"orders.csv": b"id,note\r\n" + b"1,x\r\n" * 50_000 + b"2,y\n3,z\r\n"},
        ["SF511", "orders.csv mixes two kinds of line ends", "every line ends the same way"],
    ),
    case(
        "line that is too long",
        CSV,
        {"orders.csv": "id,note\n1," + "x" * 2_500_000 + "\n"},
        ["SF511", "has 2500003 bytes", "write max_line_size: 5000006"],
    ),
]


@pytest.mark.parametrize(("source", "files", "words"), BAD_FILES)
def test_a_bad_file_is_told_and_the_old_rows_are_kept(
    source: str, files: dict[str, str | bytes], words: list[str], old: Path
) -> None:
    """A file that cannot be read whole fails its step: what and where is told, and the target keeps its old rows."""
    write(old, files)
    done = run_inside(old, load(source))
    failed(done, *words)
    kept(old)


BROKEN_GZIP = {"orders.csv.gz": gzip.compress(MANY)[:-2000]}


def test_a_gzip_that_is_cut_off_is_told_like_any_bad_file(old: Path) -> None:
    """A failure of the connector is told in the document's words: no SQL that nobody wrote, and what to do."""
    write(old, BROKEN_GZIP)
    done = run(old, load(f"{CSV}.gz"))
    failed(done, "SF511", "hint:")
    assert "read_csv" not in done.out


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_a_file_that_may_not_be_read_is_told(kind: str, old: Path) -> None:
    """A file without permission is named, with the permission as the cause."""
    write(old, {f"orders.{kind}": "id\n1\n"})
    (old / f"orders.{kind}").chmod(0)
    failed(run(old, load(f"connector: {kind}, path: orders.{kind}")), "SF", "orders", "ermission")
    kept(old)


@pytest.mark.parametrize("kind", ["csv", "json", "parquet", "duckdb"])
def test_a_folder_in_the_place_of_a_file_is_a_missing_file(kind: str, old: Path) -> None:
    """A folder that is named like the source is told before anything runs."""
    (old / f"orders.{kind}").mkdir()
    table = ", table: orders" if kind == "duckdb" else ""
    done = run_inside(old, load(f"connector: {kind}, path: orders.{kind}{table}"))
    assert done.code == 2
    assert "SF501" in done.err
    assert f"orders.{kind}" in done.err
    assert not (old / "target").exists()


GOOD_FILES = [
    case("byte-order mark", CSV, {"orders.csv": b"\xef\xbb\xbfid,note\n1,x\n"}, [(1, "x")]),
    case("byte-order mark and quotes", CSV, {"orders.csv": b'\xef\xbb\xbf"id","note"\n1,"x, y"\n'}, [(1, "x, y")]),
    case("windows line ends", CSV, {"orders.csv": b"id,note\r\n1,x\r\n"}, [(1, "x")]),
    case("no line end at the end", CSV, {"orders.csv": b"id,note\n1,x"}, [(1, "x")]),
    case("blank lines at the end", CSV, {"orders.csv": b"id,note\n1,x\n\n\n"}, [(1, "x")]),
    case("spaces at the end", CSV, {"orders.csv": b"id,flag\n1,true\n2,false  "}, [(1, True), (2, False)]),
    case("quoted line ends", CSV, {"orders.csv": b'id,note\n1,"x\ny"\n2,z\n'}, [(1, "x\ny"), (2, "z")]),
    case(
        "windows-1252",
        f"{CSV}, encoding: windows-1252",
        {"orders.csv": "id,note\r\n1,5 €\r\n2,„x“  ".encode("windows-1252")},
        [(1, "5 €"), (2, "„x“")],
    ),
    case(
        "shift_jis in packed files of a pattern",
        "connector: csv, path: 'o*.gz', encoding: shift_jis",
        {f"o{n}.csv.gz": gzip.compress(f"id,note\n{n},日本\n".encode("shift_jis")) for n in (1, 2)},
        [(1, "日本"), (2, "日本")],
    ),
    case("latin-1", f"{CSV}, encoding: latin-1", {"orders.csv": "id,note\n1,café\n".encode("latin-1")}, [(1, "café")]),
    case(
        "columns in another order",
        "connector: csv, path: 'o*.csv'",
        {"o1.csv": "id,n\n1,2\n", "o2.csv": "n,id\n4,3\n"},
        [(1, 2), (3, 4)],
    ),
    case("json with a byte-order mark", f"{JSON}o.json", {"o.json": b'\xef\xbb\xbf{"id": 1}\n'}, [(1,)]),
    case("only a header", CSV, {"orders.csv": "id,note\n"}, []),
    case(
        "utf-16",
        f"{CSV}, encoding: utf-16",
        {"orders.csv": "id,note\n1,café\n".encode("utf-16")},
        [(1, "café")],
    ),
    case(
        "quoted line end in the last field",
        CSV,
        {"orders.csv": b'id,note,day\n1,x,y\n2,z,"mon, tue\nwed"'},
        [(1, "x", "y"), (2, "z", "mon, tue\nwed")],
    ),
]


@pytest.mark.parametrize(("source", "files", "expected"), GOOD_FILES)
def test_an_odd_file_is_loaded_right(
    source: str, files: dict[str, str | bytes], expected: list[tuple[Any, ...]], old: Path
) -> None:
    """What is unusual but well formed is loaded, every value as it stands in the file."""
    write(old, files)
    done = run_inside(old, load(source))
    assert (done.code, done.err) == (0, ""), done
    assert rows(old, "SELECT * FROM raw.orders ORDER BY ALL") == expected


# --- SQL and rows that do not fit

MERGE = "mode: merge\nkey: [id]\n"
LATE = "sql: select case when i = 90000 then error('late') else 'x' end as note, i as id from range(100000) t(i)"
BAD_SQL = [
    case("unknown table", "sql: select * from raw.ordres", ["SF708", "ordres", "^", "did you mean 'orders'?"]),
    case("unknown table and schema", "sql: select * from nowhere.nothing", ["SF708", "nothing", "^", "hint:"]),
    case("unknown column", "sql: select noet from raw.orders", ["SF709", "'noet'", "^", "did you mean 'note'?"]),
    case("unknown function", "sql: select uper(note) from raw.orders", ["SF709", "uper", "^", "did you mean 'upper'?"]),
    case(
        "unknown table function", "sql: select * from read_cvs('x')", ["SF709", "read_cvs", "did you mean 'read_csv'?"]
    ),
    case("conversion", "sql: select cast(note as integer) as id from raw.orders", ["SF710", "'old'", "INT32"]),
    case("error in a late row", LATE, ["SF710", "late"]),
    case("type on append", "mode: append\nsql: select 'x' as id, 'y' as note", ["SF721", "id is INTEGER", "VARCHAR"]),
    case("new column on append", "mode: append\nsql: select 2 as id, 3 as n", ["SF721", "new column n", "permissive"]),
    case(
        "duplicate keys",
        MERGE + "sql: select 2 as id, unnest(['a', 'b']) as note",
        ["SF705", "duplicate keys", "id = 2 (2 rows)", "on_duplicate"],
    ),
    case("NULL keys", MERGE + "sql: select null::integer as id, 'x' as note", ["SF706", "'id' is NULL in 1 row"]),
    case(
        "key that is not there", "mode: merge\nkey: [idd]\nsql: select 2 as id", ["SF705", "'idd' is not in the batch"]
    ),
    case(
        "NULL where not null", "sql: select null as id\ncolumns: {id: integer not null}", ["SF712", "'id'", "not null"]
    ),
    case("declared column missing", "sql: select 2 as id\ncolumns: {iid: integer}", ["SF720", "'iid'", "'id'"]),
    case(
        "declared type unknown",
        "sql: select 2 as id\ncolumns: {id: mood}",
        ["mood", "does not exist"],
    ),
    case(
        "failed check",
        "sql: select -1 as id\nchecks: [expression: id > 0]",
        ["SF701", "1 of 1 row", "id = -1", "old rows"],
    ),
    case(
        "failed check on the target",
        "sql: select unnest([2, 2]) as id\nchecks: [unique: [id]]",
        ["SF701", "unique(id)", "old rows"],
    ),
    case(
        "check that cannot be computed",
        "sql: select 1 as id\nchecks: [{expression: idd > 0, severity: warn}]",
        ["SF702", "'idd'", "did you mean 'id'?"],
    ),
    case(
        "relationship to no table",
        "sql: select 1 as id\nchecks: [relationships: {column: id, to: raw.no, field: id}]",
        ["SF702", "no"],
    ),
    case(
        "when that is no boolean",
        "when: (select count(*) from raw.orders) + 1\nsql: select 2 as id",
        ["SF405", "found 2"],
    ),
    case("when over no table", "when: (select count(*) from raw.ordres) > 0\nsql: select 2 as id", ["SF708", "ordres"]),
    case(
        "unknown column of an alias",
        "sql: select o.noet from raw.orders o",
        ["SF709", "'noet'", "did you mean 'note'?"],
    ),
]


@pytest.mark.parametrize(("keys", "words"), BAD_SQL)
def test_a_step_that_fails_keeps_the_old_rows(keys: str, words: list[str], old: Path) -> None:
    """A step that cannot do its work says what it stumbled over and what to do; its target is as it was."""
    failed(run_inside(old, transform(keys)), *words)
    kept(old)


def test_a_script_fails_whole(old: Path) -> None:
    """The statements of a `sql` step are one transaction: after a failed one, none of them has happened."""
    script = """
        - id: orders
          type: sql
          sql: |
            create table raw.other as select 1 as id;
            insert into raw.orders values (2, 'new');
            delete from raw.orders where id = 1;
            insert into raw.orders values ('many', 'new');
    """
    failed(run(old, steps(script)), "SF710", "'many'", "INT32")
    kept(old)


def test_a_table_that_sqlflow_did_not_make_is_not_replaced(tmp_path: Path) -> None:
    """The first replace over somebody else's table is refused unless the document says `adopt: true`."""
    with duckdb.connect(str(tmp_path / "bad.duckdb")) as connection:
        connection.execute("CREATE SCHEMA raw; CREATE TABLE raw.orders AS SELECT 1 AS id, 'old' AS note")
    failed(run(tmp_path, transform("sql: select 2 as id")), "SF718", "raw.orders", "adopt: true")
    kept(tmp_path)
    assert run(tmp_path, transform("sql: select 2 as id\nadopt: true")).code == 0
    assert rows(tmp_path, "SELECT * FROM raw.orders") == [(2,)]


@pytest.mark.parametrize("policy", ["continue", "fail_fast"])
def test_the_failure_policy_decides_what_still_runs(policy: str, tmp_path: Path) -> None:
    """After a failure, `continue` runs what does not depend on it and `fail_fast` starts nothing; both end with 1."""
    project = "version: 1\nname: bad\ndefault_profile: dev\nprofiles: {dev: {concurrency: 1}}\n"
    write(tmp_path, {"sqlflow.yaml": project})
    document = """
        - {id: first, type: transform, target: t.first, sql: select 1 as id}
        - {id: fails, type: transform, target: t.fails, sql: select * from t.nothing, depends_on: [first]}
        - {id: child, type: transform, target: t.child, sql: select * from t.fails}
        - {id: other, type: transform, target: t.other, sql: select * from t.first, depends_on: [first]}
        - {id: leaf, type: transform, target: t.leaf, sql: select * from t.other}
    """
    done = run(tmp_path, steps(document, f"failure_policy: {policy}\n"))
    failed(done, "SF708", "fails failed" if policy == "fail_fast" else "upstream failed: fails")
    later = "succeeded" if policy == "continue" else "skipped"
    expected = {"first": "succeeded", "fails": "failed", "child": "skipped", "other": later, "leaf": later}
    assert state_of(tmp_path) == expected
    assert tables(tmp_path) == sorted(f"t.{name}" for name, state in expected.items() if state == "succeeded")


# --- places that cannot be written


def export(path: str, sql: str = "select 1 as id", more: str = "") -> str:
    """Return a pipeline of one export."""
    return steps(f'- {{id: out, type: export, sql: "{sql}", target: {{connector: csv, path: {path}{more}}}}}')


def test_the_folder_of_an_export_is_made(tmp_path: Path) -> None:
    """A target folder that is not there is made."""
    assert run(tmp_path, export("new/deep/out.csv")).code == 0
    assert (tmp_path / "new/deep/out.csv").read_text(encoding="utf-8") == "id\n1\n"


@pytest.mark.parametrize(
    ("path", "more", "files", "words"),
    [
        ("out/a/b.csv", "", {"out": "mine\n"}, ["SF713", "cannot write", "out/a", "Not a directory"]),
        ("out", "", {"out/keep.txt": "mine\n"}, ["SF512", "out is a folder"]),
        ("out", ", partition_by: [id]", {"out": "mine\n"}, ["SF512", "out is a file"]),
        ("out", ", partition_by: [id]", {"out/keep.txt": "mine\n"}, ["SF512", "keep.txt"]),
        ("out/a.csv", ", partition_by: [day]", {"out/keep.txt": "mine\n"}, ["SF512", "'day'", "they have: id"]),
        ("'o*.csv'", "", {"out.csv": "mine\n"}, ["SF512", "o*.csv is a pattern"]),
    ],
    ids=["below a file", "over a folder", "folder over a file", "folder of others", "no such column", "pattern"],
)
def test_an_export_that_cannot_be_written_leaves_everything_as_it_was(
    path: str, more: str, files: dict[str, str | bytes], words: list[str], tmp_path: Path
) -> None:
    """An export writes its whole target or nothing: what stood there before still does, and no part is left behind."""
    write(tmp_path, files)
    done = run_inside(tmp_path, export(path, "select 1 as id, 2 as n", more))
    failed(done, *words)
    ours = {"bad.yaml", "bad.duckdb", "target"}
    left = [p for p in tmp_path.rglob("*") if p.is_file() and p.relative_to(tmp_path).parts[0] not in ours]
    assert {str(p.relative_to(tmp_path)): p.read_text(encoding="utf-8") for p in left} == files


def test_an_export_that_fails_in_a_late_row_keeps_the_old_file(tmp_path: Path) -> None:
    """A reader of the file sees the old rows until the new ones are all there."""
    write(tmp_path, {"out/a.csv": "mine\n"})
    late = "select case when i = 90000 then error('late') else 'x' end as note from range(100000) t(i)"
    failed(run(tmp_path, export("out/a.csv", late)), "SF710", "late")
    assert [(p.name, p.read_text(encoding="utf-8")) for p in (tmp_path / "out").iterdir()] == [("a.csv", "mine\n")]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"bad.duckdb": "Dear colleague,\n" * 500}, ["SF716", "bad.duckdb is not a DuckDB database"]),
        ({"bad.duckdb/x": ""}, ["SF716", "bad.duckdb", "Is a directory"]),
        ({"target": "mine\n"}, ["SF713", "cannot write the records", "target"]),
        (
            {
                "sqlflow.yaml": "version: 1\nname: bad\ndefault_profile: a\n"
                "profiles: {a: {storage: {path: w/x.duckdb}}}\n",
                "w": "",
            },
            ["SF713", "cannot make the folder of the warehouse"],
        ),
    ],
    ids=["not a database", "a folder", "records below a file", "warehouse below a file"],
)
def test_a_warehouse_that_cannot_be_opened(files: dict[str, str | bytes], words: list[str], tmp_path: Path) -> None:
    """A run that cannot start says why in one message on standard error, and touches nothing."""
    write(tmp_path, files)
    done = run(tmp_path, transform("sql: select 1 as id"))
    assert done.code == 1
    assert done.out == ""
    assert [word for word in words if word not in done.err] == [], done.err
    for name, content in files.items():
        assert (tmp_path / name).read_bytes() == (content.encode() if isinstance(content, str) else content)


BIG = "select i as id, uuid() as u, uuid() as v from range(1000000) t(i)"


def limited() -> None:
    """Let the process write no file beyond one megabyte, as a full disk would."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))


@pytest.mark.parametrize(
    "reason",
    [case("code", "SF713"), case("words", "File too large")],
)
def test_a_table_that_does_not_fit_on_the_disk_is_not_half_written(reason: str, old: Path) -> None:
    """When writing fails for want of room, the step fails, the old rows are there and later runs work."""
    done = run(old, transform(f"sql: {BIG}"), preexec_fn=limited)
    failed(done, reason)
    kept(old)
    assert run(old, transform("sql: select 2 as id")).code == 0


def test_an_export_that_does_not_fit_on_the_disk_is_not_half_written(tmp_path: Path) -> None:
    """When writing a file fails for want of room, the old file is there and no part of the new one."""
    write(tmp_path, {"out/a.csv": "mine\n"})
    done = run(tmp_path, export("out/a.csv", BIG), preexec_fn=limited)
    failed(done, "File too large")
    assert [(p.name, p.read_text(encoding="utf-8")) for p in (tmp_path / "out").iterdir()] == [("a.csv", "mine\n")]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of three megabytes, where this machine lets one be made."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("no small disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told(small_disk: Path) -> None:
    """On a full disk the step fails with its code; that the record cannot be written either is told in a line."""
    done = run(small_disk, transform(f"sql: {BIG}"))
    assert done.code == 1
    assert "SF713" in done.out
    assert "the disk is full" in done.out
    assert "run.json" in done.err


def test_records_that_go_away_do_not_fail_a_run(tmp_path: Path) -> None:
    """`target/` holds records only: when somebody removes it during a run, the tables are written all the same."""
    with running(
        tmp_path, "sql: select count(*) as n from range(20000) a(i), range(30000) b(j) where hash(i) > hash(j)"
    ) as run_:
        shutil.rmtree(tmp_path / "target")
        done = ended(run_)
    assert "Traceback" not in done.err
    assert done.code == 0
    assert tables(tmp_path) == ["raw.orders", "t.after", "t.first"]


def test_the_warehouse_is_no_source_of_its_own(old: Path) -> None:
    """A load from the file of the warehouse says that its tables are there already."""
    done = run_inside(old, load("connector: duckdb, path: bad.duckdb, table: t"))
    failed(done, "SF716", "bad.duckdb is open in this run already", "write a transform")


def test_databases_are_read_side_by_side(old: Path) -> None:
    """Several steps may read DuckDB files, one file twice among them, at the same time."""
    for name in ("a", "b"):
        with duckdb.connect(str(old / f"{name}.duckdb")) as connection:
            connection.execute("create table t as select range as id from range(1000000)")
    source = "{{id: {0}, type: load, target: raw.{0}, source: {{connector: duckdb, path: {1}.duckdb, table: t}}}}"
    loads = "\n".join("- " + source.format(*names) for names in [("x", "a"), ("y", "b"), ("z", "a"), ("w", "b")])
    assert run_inside(old, steps(loads)).code == 0


# --- time, signals and locks


class running:  # noqa: N801 - reads as a word where it is used
    """A run at work in a process of its own: its first step has ended, its second is in the middle of a query."""

    def __init__(self, folder: Path, keys: str, *arguments: str) -> None:
        first = "- {id: first, type: transform, target: t.first, sql: select 1 as id}\n"
        slow = "- id: slow\n  type: transform\n  target: raw.orders\n  depends_on: [first]\n" + indent(keys, "  ")
        after = "\n- {id: after, type: transform, target: t.after, depends_on: [slow], sql: select 1 as id}"
        write(folder, {"slow.yaml": steps(first + slow + after)})
        self.folder = folder
        self.arguments = arguments

    def __enter__(self) -> subprocess.Popen[str]:
        self.process = subprocess.Popen(
            [*COMMAND, "run", "slow.yaml", *self.arguments],
            cwd=self.folder,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        until(lambda: "step_finished" in self.events() and self.events().count("step_started") >= self.wanted)
        time.sleep(0.2)
        return self.process

    wanted = 2

    def events(self) -> str:
        """Return what the run has told so far."""
        return "".join(p.read_text(encoding="utf-8") for p in self.folder.glob("target/runs/*/events.ndjson"))

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def until(happened: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something has happened."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def opened(process: subprocess.Popen[str], file: Path) -> bool:
    """Tell whether a process has opened a file, where the system says so; elsewhere wait long enough."""
    descriptors = Path(f"/proc/{process.pid}/fd")
    if not descriptors.is_dir():
        time.sleep(3)
        return True
    return any(entry.is_symlink() and os.path.realpath(entry) == str(file) for entry in descriptors.iterdir())


def ended(process: subprocess.Popen[str], seconds: float = 10) -> Done:
    """Wait for the end of a process."""
    out, err = process.communicate(timeout=seconds)
    return Done(process.returncode, out, err)


def cancelled(folder: Path) -> None:
    """See that a stopped run wrote what it had finished, nothing else, and recorded what became of each step."""
    assert record(folder)["status"] == "cancelled"
    assert state_of(folder) == {"first": "succeeded", "slow": "cancelled", "after": "cancelled"}
    assert tables(folder) == ["raw.orders", "t.first"]
    assert rows(folder, "SELECT * FROM raw.orders") == OLD


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_run_in_order(number: signal.Signals, old: Path) -> None:
    """Ctrl-C and SIGTERM interrupt the query, roll back, record the run as cancelled and end it with 130."""
    with running(old, f"sql: {SLOW}") as run_:
        run_.send_signal(number)
        done = ended(run_)
    assert done.code == 130
    assert done.err == STOPPING
    assert "cancelled" in done.out
    cancelled(old)


def test_a_second_signal_ends_a_run_at_once(old: Path) -> None:
    """Who presses Ctrl-C twice in a hurry gets the shell back."""
    with running(old, f"sql: {SLOW}") as run_:
        run_.send_signal(signal.SIGINT)
        time.sleep(0.02)
        run_.send_signal(signal.SIGINT)
        try:
            done = ended(run_, 20)
        except subprocess.TimeoutExpired:
            pytest.fail("still at work")
    assert done.code == 130
    assert "Traceback" not in done.err


class deciding(running):  # noqa: N801
    """A run whose second step is still in its `when`, before its first attempt."""

    wanted = 1


@pytest.mark.parametrize("how", ["signal", "timeout"])
def test_a_condition_can_be_interrupted(how: str, old: Path) -> None:
    """A `when` that reads tables is a query like any other: signals and the step's timeout end it."""
    keys = f"sql: select 2 as id\nwhen: ({SLOW.replace('as n', '')} and (select count(*) from t.first) > 0) > 0\n"
    with deciding(old, keys + ("timeout: 300ms" if how == "timeout" else "")) as run_:
        if how == "signal":
            run_.send_signal(signal.SIGINT)
        try:
            done = ended(run_, 20)
        except subprocess.TimeoutExpired:
            pytest.fail("still at work")
    assert done.code == (130 if how == "signal" else 1)


def test_a_query_can_be_stopped(old: Path) -> None:
    """Ctrl-C ends `sqlflow query`."""
    process = subprocess.Popen(
        ["env", "--default-signal=INT", *COMMAND, "query", SLOW, "--spec", "old.yaml"],
        cwd=old,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: opened(process, old / "bad.duckdb"))
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    try:
        _, err = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        pytest.fail("still at work")
    assert process.returncode == 130
    assert "Traceback" not in err


def test_a_second_process_is_told_who_has_the_warehouse(old: Path) -> None:
    """While one run writes, others that need the warehouse end at once with 1 and name its process."""
    with running(old, f"sql: {SLOW}") as run_:
        for arguments in (("run", "old.yaml"), ("query", "select 1", "--spec", "old.yaml")):
            done = sqlflow(old, *arguments)
            assert done.code == 1
            assert done.out == ""
            assert "SF703" in done.err
            assert f"PID {run_.pid}" in done.err
            assert "hint: wait for it to end" in done.err
        assert sqlflow(old, "validate", "old.yaml").code == 0
        run_.send_signal(signal.SIGINT)
        assert ended(run_).code == 130
    cancelled(old)
    assert sqlflow(old, "run", "old.yaml").code == 0


@pytest.mark.parametrize(
    "keys",
    [
        f"type: transform\ntarget: t.slow\nsql: {SLOW}",
        f"type: transform\ntarget: t.slow\nsql: select 1 as n\nchecks:\n  - sql: {SLOW}",
        f"type: export\nsql: {SLOW}\ntarget: {{connector: csv, path: slow.csv}}",
        f"type: check\ntable: raw.orders\nchecks:\n  - sql: {SLOW}",
        f"type: sql\nsql: insert into raw.orders select n, 'new' from ({SLOW})",
    ],
    ids=["transform", "check of a transform", "export", "check", "sql"],
)
def test_a_timeout_interrupts_the_query(keys: str, old: Path) -> None:
    """A step that runs out of time fails, whatever it was doing: the query is stopped, what waited is skipped."""
    started = time.monotonic()
    after = "- {id: after, type: transform, target: t.after, sql: select 1 as id, depends_on: [slow]}"
    done = run(old, steps(f"- id: slow\n  timeout: 300ms\n{indent(keys, '  ')}\n{after}"))
    assert time.monotonic() - started < 10
    failed(done, "SF704", "timed out after 300ms", "raise timeout")
    assert state_of(old) == {"slow": "failed", "after": "skipped"}
    kept(old)
    assert not (old / "slow.csv").exists()


def test_a_closed_pipe_does_not_stop_a_run(tmp_path: Path) -> None:
    """`sqlflow run ... | head -1` runs to its end; that nobody listens any more is no error."""
    many = "\n".join(f"- {{id: s{n}, type: transform, target: t.s{n}, sql: select {n} as id}}" for n in range(50))
    write(tmp_path, {"bad.yaml": steps(many)})
    process = subprocess.Popen(
        [*COMMAND, "run", "bad.yaml"], cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 0
    assert len(tables(tmp_path)) == 50


def test_ten_thousand_steps(tmp_path: Path) -> None:
    """A document of ten thousand steps in chains of a hundred is validated and planned, without a crash."""
    document = "version: 1\nname: bad\nsteps:\n" + "".join(
        f"  - {{id: s{n}, type: transform, target: t.s{n}, sql: "
        f"{'select 1 as id' if n % 100 == 0 else f'select id from t.s{n - 1}'}}}\n"
        for n in range(10_000)
    )
    write(tmp_path, {"bad.yaml": document})
    planned = sqlflow(tmp_path, "plan", "bad.yaml", "--output", "json")
    assert (planned.code, planned.err) == (0, "")
    found = json.loads(planned.out)["steps"]
    assert len(found) == 10_000
    position = {step["id"]: place for place, step in enumerate(found)}
    assert all(position[f"s{n - 1}"] < position[f"s{n}"] for n in range(10_000) if n % 100)


# --- plugins

PLUGINS = [
    case("import fails", "raise RuntimeError('the driver is not here')", "RuntimeError: the driver is not here"),
    case("driver is missing", "import no_such_driver", "ModuleNotFoundError: No module named 'no_such_driver'"),
    case("not Python", "x = (", "SyntaxError"),
    case("leaves the process", "raise SystemExit(4)", "SystemExit: 4"),
    case(
        "hook fails",
        "from sqlflow.sdk import hookimpl\n\n@hookimpl\ndef sqlflow_connectors():\n    raise ValueError('no')",
        "ValueError: no",
    ),
    case(
        "brings junk",
        "from sqlflow.sdk import hookimpl\n\n@hookimpl\ndef sqlflow_connectors():\n    return [1]",
        "found 1",
    ),
]


@pytest.mark.parametrize(("code", "told"), PLUGINS)
def test_a_broken_plugin_breaks_nothing_but_what_needs_it(code: str, told: str, tmp_path: Path) -> None:
    """A broken plugin is listed with its reason, harms no document without it, and is named where it may be needed."""
    write(
        tmp_path,
        {
            "site/sqlflow_wreck.py": code + "\n",
            "site/sqlflow_wreck-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: sqlflow-wreck\nVersion: 1.0\n",
            "site/sqlflow_wreck-1.0.dist-info/entry_points.txt": "[sqlflow]\nwreck = sqlflow_wreck\n",
        },
    )
    found = {"PYTHONPATH": str(tmp_path / "site"), "PYTHONDONTWRITEBYTECODE": "1"}
    listed = sqlflow(tmp_path, "plugin", "list", environment=found)
    assert (listed.code, listed.err) == (3, "")
    assert f"sqlflow-wreck (wreck): {told}" in listed.out or (
        "sqlflow-wreck (wreck)" in listed.out and told in listed.out
    )
    without = run(tmp_path, transform("sql: select 1 as id"), environment=found)
    assert (without.code, without.err) == (0, "")
    needed = run(tmp_path, load("connector: wreckage, path: x"), environment=found)
    assert needed.code == 3
    assert needed.out == ""
    assert "SF601" in needed.err
    assert "sqlflow-wreck" in needed.err
    assert told in needed.err
    assert "sqlflow plugin list" in needed.err


# --- secrets

SECRET = "s3cr'et/" + "k3y" * 40 + "end"
DECLARED = "vars: {token: {type: string, default: '${secret:env/SQLFLOW_TEST_TOKEN}'}}\n"
VIEW = "materialize: view\n"
LEAKS = [
    case("conversion", transform("sql: select cast($token as integer) as id", DECLARED)),
    case("error of the SQL", transform("sql: select error($token) as id", DECLARED)),
    case("duplicate keys", transform(MERGE + "sql: select $token as id, unnest([1, 2]) as n", DECLARED)),
    case("when", transform("when: cast($token as boolean)\nsql: select 1 as id", DECLARED)),
    case("missing file", load("connector: csv, path: '${secret:env/SQLFLOW_TEST_TOKEN}'")),
    case("wrong option", load("connector: csv, path: '*.yaml', encoding: '${secret:env/SQLFLOW_TEST_TOKEN}'")),
    case("duration", transform("timeout: ${secret:env/SQLFLOW_TEST_TOKEN}\nsql: select 1 as id")),
    case("variable of another type", transform("sql: select $token", DECLARED.replace("string", "integer"))),
    case("statements", steps("- {id: a, type: sql, sql: insert into raw.nothing values ($token)}", DECLARED)),
    case(
        "connection",
        steps(
            "- {id: a, type: load, source: {connection: c, table: t}, target: t.a}",
            "connections: {c: {connector: duckdb, path: '${secret:env/SQLFLOW_TEST_TOKEN}'}}\n",
        ),
    ),
    case("check", transform("sql: select $token as token\nchecks: [expression: token = 'x']", DECLARED)),
    case("warning", transform("sql: select $token as t\nchecks: [{expression: t = 'x', severity: warn}]", DECLARED)),
    case("view", transform(VIEW + "sql: select $token as token, nothing", DECLARED)),
    case("view after", transform(VIEW + "sql: select nothing, $token as token", DECLARED)),
    case(
        "export",
        steps(
            "- {id: a, type: export, sql: 'select nothing, $token as t', target: {connector: csv, path: a.csv}}",
            DECLARED,
        ),
    ),
    case(
        "accepted values",
        transform(
            "sql: select 1 as id\nchecks: [accepted_values: {column: id, values: ['${secret:env/SQLFLOW_TEST_TOKEN}']}]"
        ),
    ),
]


def slips(text: str, length: int = 12) -> str | None:
    """Return a piece of the secret that stands in a text, or None."""
    pieces = {SECRET[n : n + length] for n in range(len(SECRET) - length)}
    return next((piece for piece in sorted(pieces) if piece in text), None)


def shown_by(folder: Path, document: str, *verbs: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Run commands with the secret in the environment; yield every text that they said or wrote."""
    write(folder, {"bad.yaml": document})
    for verb, *options in verbs:
        done = inside(folder, verb, "bad.yaml", *options, environment={"SQLFLOW_TEST_TOKEN": SECRET})
        yield f"{verb} stdout", done.out
        yield f"{verb} stderr", done.err
    for path in (folder / "target").rglob("*.*json*"):
        yield path.name, path.read_text(encoding="utf-8")


@pytest.mark.parametrize("document", LEAKS)
def test_a_secret_is_never_shown(document: str, tmp_path: Path) -> None:
    """A secret, or a piece of it, is in no output and no record, whatever fails and whoever repeats it."""
    verbs = (("run", "--output", "json"), ("validate",), ("run",))
    assert {where: slips(text) for where, text in shown_by(tmp_path, document, *verbs) if slips(text)} == {}


def test_a_secret_is_not_shown_when_all_goes_well(tmp_path: Path) -> None:
    """Values of secret variables are masked in `vars`, `plan` and the record of a green run."""
    document = transform("sql: select $token as token\nchecks: [unique: [token]]", DECLARED)
    texts = dict(shown_by(tmp_path, document, ("vars",), ("plan", "--output", "json"), ("run", "--output", "json")))
    assert {where: slips(text) for where, text in texts.items() if slips(text)} == {}
    assert "***" in texts["vars stdout"]
    assert json.loads(texts["run stdout"])["variables"] == {"token": "***"}
    assert rows(tmp_path, "SELECT token FROM raw.orders") == [(SECRET,)]


def test_a_secret_does_not_mask_names_that_it_holds(tmp_path: Path) -> None:
    """An address with a password in it is a secret, but the words in it are not: records keep the names of steps."""
    document = steps("- {id: analytics_daily, type: transform, target: analytics.daily, sql: select 1 as id}", DECLARED)
    write(tmp_path, {"bad.yaml": document})
    dsn = "postgresql://service:hunter22@db.internal:5432/analytics"
    assert inside(tmp_path, "run", "bad.yaml", environment={"SQLFLOW_TEST_TOKEN": dsn}).code == 0
    assert state_of(tmp_path) == {"analytics_daily": "succeeded"}
    assert record(tmp_path)["steps"][0]["writes"] == ["analytics.daily"]


def test_a_secret_in_for_each_is_not_shown(tmp_path: Path) -> None:
    """A step that was made for a secret value does not tell it by its id."""
    keys = "for_each: {region: ['${secret:env/SQLFLOW_TEST_TOKEN}']}\nmode: append\nsql: select $region as region"
    texts = shown_by(tmp_path, transform(keys), ("run",))
    assert {where: slips(text) for where, text in texts if slips(text)} == {}


DECIMALS = {
    "more places than are kept": ("2,12.345", "12.345 in column note has more decimal places than its type keeps"),
    "small and negative": ("2,-0.005", "-0.005 in column note has more decimal places"),
    "too large once it is rounded": ("2,99999999.999", "99999999.999 in column note has more decimal places"),
    "too large": ("2,123456789.5", "to 'DECIMAL(10,2)'"),
}


@pytest.mark.parametrize("wrong", DECIMALS)
def test_a_decimal_of_a_file_is_kept_as_it_is_or_refused(wrong: str, old: Path) -> None:
    """What is declared with two places is not rounded to them; zeros behind them are no places."""
    line, told = DECIMALS[wrong]
    text = load(CSV, "columns: {note: 'decimal(10,2)'}")
    write(old, {"orders.csv": f"id,note\n1,12.34\n{line}\n"})
    done = run_inside(old, text)
    assert done.code == 1
    assert told in done.out
    aside = run_inside(old, load(CSV, "columns: {note: 'decimal(10,2)'}\non_bad_row: quarantine"))
    assert "1 inserted, 1 quarantined" in aside.out, aside
    write(old, {"orders.csv": "id,note\n1,12.34\n2,-0.3000\n3,1e2\n4,99999999.99\n"})
    assert run_inside(old, text).code == 0
    found = rows(old, "select note::varchar from raw.orders order by id")
    assert found == [("12.34",), ("-0.30",), ("100.00",), ("99999999.99",)]
