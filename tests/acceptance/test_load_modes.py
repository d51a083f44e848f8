"""Tables that several steps write, by replace, append and merge, from files that end in a space."""

from __future__ import annotations

import pytest


def written(steps, step):
    """Return how many rows a step has inserted and updated."""
    rows = steps[step]["rows"]
    return rows["inserted"], rows["updated"]


def test_load_modes_replace_append_and_merge_meet_in_one_table(workspace, shared):
    """Steps that write one table run in document order, and each meets the rows that the one before has left."""
    steps = workspace.run("basic.yaml", data=shared / "data")
    workspace.agrees("basic.csv", shared / "expected" / "basic.csv", ordered=True)
    assert written(steps, "first_users") == (5, 0)
    assert written(steps, "new_users") == (3, 0)
    assert written(steps, "updated_users") == (1, 2)


def test_load_modes_a_space_at_the_end_of_a_file_leaves_types_alone(workspace, shared):
    """A file that ends in a space and without a newline gives its last column the type that its values have."""
    workspace.run("basic.yaml", data=shared / "data")
    assert workspace.types("basic.yaml", "users") == {
        "user_id": "BIGINT",
        "first_name": "VARCHAR",
        "last_name": "VARCHAR",
        "email": "VARCHAR",
        "registration_date": "DATE",
        "active": "BOOLEAN",
    }
    workspace.run("composite.yaml", data=shared / "data")
    assert workspace.types("composite.yaml", "inventory")["last_updated"] == "DATE"


def test_load_modes_merge_knows_a_row_by_all_columns_of_its_key(workspace, shared):
    """With a key of two columns only a row that agrees in both is updated; every other one is new."""
    steps = workspace.run("composite.yaml", data=shared / "data")
    workspace.agrees("composite.csv", shared / "expected" / "composite.csv", ordered=True)
    assert written(steps, "counted_stock") == (2, 3)
    assert workspace.query("composite.yaml", "select sum(quantity)::int as total from inventory") == [{"total": 162}]


@pytest.mark.parametrize(("spec", "table"), [("basic", "users"), ("composite", "inventory")])
def test_load_modes_give_the_same_result_when_run_again(workspace, shared, spec, table):
    """A pipeline that begins a table with replace arrives at the same rows and types however often it is run."""
    first_steps = workspace.run(f"{spec}.yaml", data=shared / "data")
    export = workspace.folder / "out" / f"{spec}.csv"
    first = export.read_bytes(), workspace.types(f"{spec}.yaml", table)
    again = workspace.run(f"{spec}.yaml", data=shared / "data")
    assert (export.read_bytes(), workspace.types(f"{spec}.yaml", table)) == first
    assert [step["rows"] for step in again.values()] == [step["rows"] for step in first_steps.values()]
