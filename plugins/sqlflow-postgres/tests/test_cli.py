"""The command line on a server: every mode, what is missing or not allowed, and a process that is killed."""

import subprocess
import time
from pathlib import Path

import pytest

from .cli import EXPORT, LOAD, cli


def test_no_permission_is_told(db, tmp_path):
    """A role that may not read, or not write, is told which table, by the command line, and nothing is tried twice."""
    db.run("create table t (id int); create role poor login password 'pw'")
    connection = {**db.config, "user": "poor", "password": "pw"}
    try:
        for steps in (LOAD, EXPORT):
            retried = steps.rstrip() + "\n      retry: {attempts: 3, delay: 100ms}\n"
            code, said, left = cli(db, retried, connection=connection, folder=tmp_path)
            assert code == 1
            assert f"permission denied for {'table t' if steps == LOAD else 'schema public'}" in said
            assert "SF713" in said
            assert '"attempts": 1' in left or '"attempts":1' in left
    finally:
        db.run("drop role poor")


def test_a_missing_table_is_told_by_the_command_line(db, tmp_path):
    """The message names the table, the server and a neighbour with a similar name."""
    db.run("create table tt (id int)")
    code, said, _ = cli(db, LOAD.replace("table: t}", "table: ttt}"), connection=db.config, folder=tmp_path)
    assert code == 1
    assert "table ttt does not exist" in said
    assert "tt" in said.split("does not exist", 1)[1]


ROWS = {
    "replace": [(2, "B"), (3, "ä"), (4, None)],
    "append": [(1, "a"), (2, "B"), (2, "b"), (3, "ä"), (4, None)],
    "merge": [(1, "a"), (2, "B"), (3, "ä"), (4, None)],
    "delete_insert": [(1, "a"), (2, "B"), (3, "ä"), (4, None)],
}


@pytest.mark.parametrize("mode", ROWS)
def test_every_mode_by_the_command_line(db, tmp_path, mode):
    """Two exports, one after the other, leave what the mode promises, and so does one more of nothing."""
    key = "key: [id]" if mode in ("merge", "delete_insert") else ""
    head = f"""
    - id: out
      type: export
      sql: select * from (values ROWS) as v(id, name)
      target: {{connection: pg, table: shop.t}}
      mode: {mode}
      {key}
"""
    for rows in ("(1, 'a'), (2, 'b')", "(2, 'B'), (3, 'ä'), (4, null)"):
        code, said, _ = cli(db, head.replace("ROWS", rows), connection=db.config, folder=tmp_path)
        assert code == 0, said
    found = db.run("select id, name from shop.t")
    assert sorted(found, key=lambda row: (row[0], row[1] or "")) == ROWS[mode]
    nothing = head.replace("ROWS", "(1, 'x')").replace("as v(id, name)", "as v(id, name) where id > 1")
    code, said, _ = cli(db, nothing, connection=db.config, folder=tmp_path)
    assert code == 0, said
    assert db.run("select count(*) from shop.t") == [(0 if mode == "replace" else len(ROWS[mode]),)]


@pytest.mark.parametrize("mode", ["replace", "append", "merge", "delete_insert"])
def test_a_killed_write_leaves_the_old_rows(db, tmp_path, mode):
    """`kill -9` while rows are on their way changes nothing; the next run writes them, each once."""
    db.run("create table t (id int, v text); insert into t values (-1, 'old')")
    key = "key: [id]" if mode in ("merge", "delete_insert") else ""
    steps = f"""
    - id: out
      type: export
      sql: select range::int as id, 'new' as v from range(300000)
      target: {{connection: pg, table: t}}
      mode: {mode}
      {key}
"""
    db.spec(steps)
    from sys import executable

    command = [str(Path(executable).with_name("sqlflow")), "run", "spec.yaml"]
    running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    copying = "select 1 from pg_stat_activity where datname = %s and query like 'COPY%%' and state = 'active'"
    until = time.monotonic() + 30
    while not db.run(copying, db.name):
        assert time.monotonic() < until
        time.sleep(0.005)
    running.kill()
    running.wait()
    assert db.run("select * from t") == [(-1, "old")]
    done = subprocess.run([*command, "--resume"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    kept = 0 if mode == "replace" else 1
    assert db.run("select count(*), count(distinct id) from t") == [(300000 + kept, 300000 + kept)]
    assert db.run("select relname::text from pg_class where relname like '\\_sqlflow\\_%' and relkind = 'r' "
                  "and relname <> '_sqlflow_commits'") == []  # fmt: skip
