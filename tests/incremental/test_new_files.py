"""`incremental: new_files`: what counts as new, and that a file is never lost nor loaded twice."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import duckdb
import pytest

from .ground import Ground, load

APPEND: dict[str, Any] = {"mode": "append"}
MERGE: dict[str, Any] = {"mode": "merge", "key": ["id"]}


def files(path: str = "in/*.csv", **options: Any) -> dict[str, Any]:
    """Return a load of the new files below a path."""
    return load({"connector": "csv", "path": path, "incremental": "new_files"}, **options)


def ids(ground: Ground, table: str = "t") -> list[Any]:
    """Return the keys in the target."""
    return [row[0] for row in ground.rows(f"select id from {table}")]


@pytest.mark.parametrize("mode", [APPEND, MERGE], ids=["append", "merge"])
def test_each_file_is_loaded_once(ground: Ground, mode: dict[str, Any]) -> None:
    """New files come, known ones are left alone, and nothing new is no change."""
    ground.csv("in/a.csv", "id,v", (1, 1))
    ground.done(files(**mode))
    ground.csv("in/b.csv", "id,v", (2, 2))
    assert ground.done(files(**mode)).rows.read == 1
    before = ground.memories(), ground.rows("select rowid, * from t")
    assert ground.done(files(**mode)).rows.read == 0
    assert (ground.memories(), ground.rows("select rowid, * from t")) == before
    assert ids(ground) == [1, 2]


def test_a_changed_file_is_merged_again_and_never_appended_twice(ground: Ground) -> None:
    """A known file with other content is read again by a merge; an append refuses it and says what to do."""
    ground.csv("in/a.csv", "id,v", (1, 1))
    merged, appended = files(**MERGE), files(id="p", target="p", **APPEND)
    ground.done(merged, appended)
    ground.csv("in/a.csv", "id,v", (1, 10), (2, 20))
    said = ground.refused("SF734", appended)
    assert "merge" in said
    assert "--full-refresh" in said
    ground.done(merged)
    assert ground.rows("select id, v from t") == [(1, 10), (2, 20)]
    assert ids(ground, "p") == [1]
    ground.done(appended, full_refresh=True)
    assert ids(ground, "p") == [1, 2]


@pytest.mark.parametrize("kept", ["size", "time"])
def test_the_same_name_with_new_content_is_seen(ground: Ground, kept: str) -> None:
    """Either the size or the time of modification is enough to tell."""
    ground.csv("in/a.csv", "id,v", (1, 1))
    path = ground.folder / "in" / "a.csv"
    was = path.stat()
    ground.done(files(**MERGE))
    ground.csv("in/a.csv", "id,v", *([(1, 2)] if kept == "size" else [(1, 2), (3, 3)]))
    if kept == "time":
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    else:
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns + 1_000_000))
    ground.done(files(**MERGE))
    assert ground.rows("select v from t where id = 1") == [(2,)]


def test_a_vanished_file_keeps_its_rows_and_comes_back_as_known(ground: Ground) -> None:
    """Rows of a file that is gone stay; the same file, put back, is not loaded again."""
    ground.csv("in/a.csv", "id,v", (1, 1))
    ground.csv("in/b.csv", "id,v", (2, 2))
    ground.done(files(**APPEND))
    away = ground.folder / "away.csv"
    (ground.folder / "in" / "a.csv").rename(away)
    ground.done(files(**APPEND))
    assert ids(ground) == [1, 2]
    away.rename(ground.folder / "in" / "a.csv")
    ground.done(files(**APPEND))
    assert ids(ground) == [1, 2]


def test_when_all_files_are_gone_nothing_is_lost(ground: Ground) -> None:
    """An empty folder is a problem of the document, as for any load, and the rows stay."""
    ground.csv("in/a.csv", "id,v", (1, 1))
    ground.done(files(**APPEND))
    (ground.folder / "in" / "a.csv").unlink()
    with pytest.raises(Exception, match="no file matches"):
        ground.run(files(**APPEND))
    assert ids(ground) == [1]


def test_two_globs_over_one_folder_remember_apart(ground: Ground) -> None:
    """Two steps with paths that overlap, each into its table, or both into one by key: each loads all of its own."""
    ground.csv("in/a1.csv", "id,v", (1, 1))
    ground.csv("in/b1.csv", "id,v", (2, 2))
    steps = [
        files("in/a*.csv", id="a", target="a", **APPEND),
        files("in/*1.csv", id="b", target="b", **APPEND),
        files("in/a*.csv", id="c", target="c", **MERGE),
        files("in/*1.csv", id="d", target="c", **MERGE),
    ]
    ground.done(*steps)
    ground.csv("in/a2.csv", "id,v", (3, 3))
    ground.done(*steps)
    assert [ids(ground, table) for table in "abc"] == [[1, 3], [1, 2], [1, 2, 3]]


def test_a_wider_glob_loads_only_what_it_adds(ground: Ground) -> None:
    """What was loaded under a narrow path is known under a wide one: files are remembered, not patterns."""
    ground.csv("in/a1.csv", "id,v", (1, 1))
    ground.csv("in/b1.csv", "id,v", (2, 2))
    ground.done(files("in/a*.csv", **APPEND))
    ground.done(files("in/*.csv", **APPEND))
    assert ids(ground) == [1, 2]


def test_a_failure_forgets_nothing_and_remembers_nothing(ground: Ground) -> None:
    """Files of a batch that failed are new again in the next run; all of them, once."""
    ground.csv("in/a.csv", "id,v", (1, 1))
    step = files(**APPEND, columns={"v": "integer"}, checks=[{"expression": "v > 0"}])
    ground.done(step)
    ground.csv("in/b.csv", "id,v", (2, 2))
    ground.csv("in/c.csv", "id,v", (3, -3))
    ground.refused("SF701", step)
    ground.csv("in/c.csv", "id,v", (3, 3))
    ground.done(step)
    assert ids(ground) == [1, 2, 3]


def test_an_empty_file_is_remembered(ground: Ground) -> None:
    """A file with a header alone has no rows, and is known afterwards."""
    ground.csv("in/a.csv", "id,v", (1, 1))
    ground.csv("in/b.csv", "id,v")
    ground.done(files(**APPEND))
    assert {name for _, _, name in ground.memories("file")} == {"in/a.csv", "in/b.csv"}
    assert ground.done(files(**APPEND)).note == "none of 2 files is new"


def test_a_file_that_changes_while_it_is_read_is_not_trusted(ground: Ground) -> None:
    """The step looks again when all rows are taken; a file that has grown meanwhile is not committed."""
    ground.csv("in/a.csv", "id,v", *((n, n) for n in range(5)))
    path = ground.folder / "in" / "a.csv"
    (ground.folder / "udfs").mkdir()
    (ground.folder / "udfs" / "grow.py").write_text(
        "from sqlflow import udf\n\n\n@udf\ndef grow(v: int) -> int:\n"
        f'    with open("{path}", "a") as opened:\n        opened.write("99,99\\n")\n    return v\n'
    )
    record = ground.run(files(**APPEND, checks=[{"expression": "grow(v) >= 0"}]))["s"]
    assert (record.status, record.error["code"]) == ("failed", "SF734")
    assert "t" not in {name.removeprefix("main.") for name in ground.tables()}


def test_paths_are_remembered_below_the_project(ground: Ground, tmp_path: Path) -> None:
    """The project may move: paths are remembered as the project sees them, not from the root of the disk."""
    ground.csv("in/a.csv", "id,v", (1, 1))
    ground.done(files(**APPEND))
    assert [name for _, _, name in ground.memories("file")] == ["in/a.csv"]
    assert str(tmp_path) not in str(ground.memories())


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_new_files_may_lack_columns_that_meet_by_name(ground: Ground, kind: str) -> None:
    """A file without a column that others have brings NULL for it; a column that is new is judged as ever."""
    (ground.folder / "in").mkdir()
    source = {"connector": kind, "path": f"in/*.{kind}", "incremental": "new_files", "union_by_name": True}
    step = load(source, mode="merge", key=["id"], on_schema_change="permissive")

    def put(name: str, query: str) -> None:
        form = {"csv": "csv, header", "json": "json", "parquet": "parquet"}[kind]
        duckdb.sql(f"copy ({query}) to '{ground.folder}/in/{name}.{kind}' (format {form})")

    put("a", "select 1 as id, 10 as v")
    put("b", "select 2 as id, 20 as v, 'x' as w")
    ground.done(step)
    put("a", "select 1 as id, 11 as v")  # corrected
    ground.done(step)
    put("c", "select 3 as id, 'y' as w, true as k")
    ground.done(step)
    assert ground.rows("select id, v, w, k from t order by id") == [
        (1, 11, None, None),
        (2, 20, "x", None),
        (3, None, "y", True),
    ]
    put("d", "select 4 as id, 'much' as v")
    assert ground.refused("SF732", {**step, "on_schema_change": "alert"})
