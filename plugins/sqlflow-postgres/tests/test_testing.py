"""Trying a connection: what is told of a role's permissions is what a read and a write with them then show."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

GRANTS = {
    "nothing": ("revoke all on schema shop from poor", False, False),
    "the schema alone": ("", False, False),
    "select": ("grant select on shop.t to poor", True, False),
    "select on a column": ("grant select (id) on shop.t to poor", True, False),
    "insert": ("grant insert on shop.t to poor", False, False),
    "insert, and what was appended is recorded": (
        (
            "create table shop._sqlflow_commits (token text, target text, committed_at timestamptz default now(), "
            "primary key (token, target)); grant select, insert on shop._sqlflow_commits to poor; "
            "grant insert on shop.t to poor"
        ),
        False,
        True,
    ),
    "what a merge needs": ("grant select, insert, update on shop.t to poor", True, True),
    "what delete_insert needs": ("grant select, insert, delete on shop.t to poor", True, True),
    "no temporary tables": (
        "grant select, insert, update, delete on shop.t to poor; revoke temporary on database {db} from public",
        True,
        False,
    ),
    "create in the schema": ("grant create on schema shop to poor", False, True),
    "create schemas": ("grant create on database {db} to poor", False, True),
    "a role that only reads": (
        (
            "grant all on shop.t to poor; grant all on schema shop to poor; "
            "alter role poor set default_transaction_read_only = on"
        ),
        True,
        False,
    ),
    "a view": ("create view shop.v as select 1 as id; grant all on shop.v to poor", True, False),
}
READ = "- {id: read, type: load, source: {connection: pg, table: shop.t, select: [id]}, target: t}"
WRITES = {
    "table: shop.t": ("merge, key: [id]", "delete_insert, key: [id]", "append"),
    "table: shop.made": ("replace",),
    "table: made.t": ("replace",),
}
WRITE = "- {id: write, type: export, sql: select 1::int as id, target: {connection: pg, TABLE}, mode: MODE}"


@pytest.fixture
def poor(db):
    """Bring the settings of a role that may only use a schema with one table."""
    db.run("create schema shop; create table shop.t (id int unique); create role poor login password 'pw'")
    db.run("grant usage on schema shop to poor")
    yield {"connector": "postgres", **db.config, "user": "poor", "password": "pw"}
    db.run(f"drop owned by poor; revoke all on database {db.name} from poor; drop role poor")


def report(db, connection):
    """Try the connection by the command line; returns the exit code and what is told."""
    db.spec("- {id: t, type: transform, target: t, sql: select 1 as a}", connection=json.dumps(connection))
    command = [str(Path(sys.executable).with_name("sqlflow")), "connector", "test", "pg", "--spec", "spec.yaml"]
    done = subprocess.run([*command, "--output", "json"], cwd=db.folder, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize(("grants", "reads", "writes"), GRANTS.values(), ids=GRANTS)
def test_what_is_told_is_what_a_run_shows(db, poor, grants, reads, writes):
    """A role may read when a load of a table succeeds, and write when an export succeeds in any mode."""
    if grants:
        db.run(grants.replace("{db}", db.name))
    code, told = report(db, poor)
    assert (told["can_read"], told["can_write"]) == (reads, writes), told
    assert (code == 0) == told["ok"] == (reads or writes)
    assert (told["reachable"], told["authenticated"]) == (True, True)
    assert told["kind"] == (None if told["ok"] else "permission")
    steps = [READ.replace("shop.t", "shop.v" if "shop.v" in grants else "shop.t")]
    steps += [WRITE.replace("TABLE", table).replace("MODE", mode) for table, modes in WRITES.items() for mode in modes]
    did = []
    for step in steps:
        with db.spec(step, connection=json.dumps(poor)).run() as result:
            did.append(result.status == "succeeded")
    assert (did[0], any(did[1:])) == (reads, writes), did


def test_a_database_without_tables(db):
    """Where there is nothing to read, nothing is told of reading."""
    code, told = report(db, {"connector": "postgres", **db.config})
    assert (code, told["can_read"], told["can_write"], told["message"]) == (0, None, True, "holds no table yet")
