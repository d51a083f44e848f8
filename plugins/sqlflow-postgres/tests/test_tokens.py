"""Appends: each is written once, and the table that remembers them."""

from pathlib import Path

import pytest
from sqlflow_postgres.connector import Postgres
from sqlflow_postgres.options import PostgresConfig, PostgresWrite

from sqlflow.sdk import StepError, WriteRequest

from .writes import Outgoing, done, export, write


def test_an_append_is_written_once(db):
    """A repeated append of one step of one run writes nothing, whichever attempt; another run writes again."""
    assert write(db, "select 1 as id", "append", token="run1/out/1").rows == 1
    again = write(db, "select 1 as id", "append", token="run1/out/2")
    assert (again.rows, db.run("select * from t")) == (0, [(1,)])
    assert "already committed" in again.places[0]
    write(db, "select 2 as id", "append", token="run1/other/1")
    write(db, "select 3 as id", "append", token="run2/out/1")
    assert sorted(db.run("select * from t")) == [(1,), (2,), (3,)]
    db.run("create table u (id int)")
    assert write(db, "select 1 as id", "append", token="run1/out/1", table="u").rows == 1


def test_an_append_needs_no_consent(db):
    """A document may append, and saying at_least_once is told to have no effect."""
    steps = export("select 1 as id", "append")
    done(db, steps)
    done(db, steps)
    assert db.run("select * from t") == [(1,), (1,)]
    found = db.spec(export("select 1 as id", "append", "at_least_once: true")).validate()
    assert [problem.message for problem in found] == [
        "step 'out': at_least_once has no effect: connector 'postgres' recognises an append that is repeated"
    ]


def test_a_failed_append_leaves_no_token(db):
    """What was rolled back may be tried again."""
    db.run("create table t (id int check (id < 5))")
    with pytest.raises(StepError, match="violates check constraint"):
        write(db, "select 7 as id", "append", token="run/out/1")
    assert write(db, "select 4 as id", "append", token="run/out/2").rows == 1


def test_the_token_table_that_may_not_be_created_is_told(db):
    """Without the right to create it, the message says what is missing."""
    db.run(
        "create schema s; create table s.t (id int); create role writer login password 'pw'; "
        "grant usage on schema s to writer; grant all on s.t to writer"
    )
    try:
        config = PostgresConfig(**{**db.config, "user": "writer", "password": "pw"})
        request = WriteRequest(config, PostgresWrite(table="s.t"), Path(), "append", (), "r/s/1")
        with pytest.raises(StepError, match=r"an append is recorded in s\._sqlflow_commits") as raised:
            Postgres().write(request, Outgoing("select 1 as id"))
        assert raised.value.kind == "permission"
    finally:
        db.run("drop owned by writer; drop role writer")
