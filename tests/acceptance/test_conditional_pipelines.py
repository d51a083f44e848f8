"""Steps that run or do not, as variables say; the steps after them see one table, whoever wrote it."""

from __future__ import annotations

import pytest

REPORTS = {
    "eu": ["eu_sales.csv"],
    "us-east": ["us_east_sales.csv"],
    "global": ["global_sales.csv", "global_inventory.csv"],
}
EVERYBODY = [f"C{number:03}" for number in range(1, 16)]
FIRST_FIVE = EVERYBODY[:5]
PREMIUM = ["C001", "C003", "C005", "C007", "C009", "C011", "C013", "C015"]


def statuses(steps):
    """Return the status of every step."""
    return {name: step["status"] for name, step in steps.items()}


@pytest.mark.parametrize(
    ("given", "env", "kept", "regions"),
    [
        ({"env": "production"}, "production", PREMIUM, 4),
        ({"env": "staging"}, "staging", EVERYBODY, 6),
        ({"env": "dev"}, "dev", FIRST_FIVE, 4),
        ({}, "dev", FIRST_FIVE, 4),
    ],
    ids=["production", "staging", "dev", "default"],
)
def test_conditional_pipelines_keep_the_customers_of_an_environment(workspace, shared, given, env, kept, regions):
    """Of several steps that write one table under exclusive conditions the one that holds writes it.

    The others are skipped, and what reads the table runs all the same. Without a value the default decides.
    """
    steps = workspace.run("environments.yaml", data=shared / "data", **given)
    for writer in {"production", "staging", "dev"} - {env}:
        assert steps[f"{writer}_customers"]["status"] == "skipped"
        assert steps[f"{writer}_customers"]["reason"] == "when is false"
    assert steps[f"{env}_customers"]["status"] == "succeeded"
    customers = workspace.query("environments.yaml", "select customer_id, region from customers order by customer_id")
    assert [row["customer_id"] for row in customers] == kept
    assert len({row["region"] for row in customers}) == regions
    assert workspace.exports() == {f"customers_{env}.csv"}


def test_conditional_pipelines_change_the_environment_of_one_warehouse(workspace, shared):
    """A table is replaced whichever of its writers wrote it last: no row of another environment stays."""
    found = {}
    for env in ("production", "staging", "dev", "production"):
        workspace.run("environments.yaml", data=shared / "data", env=env)
        found[env] = workspace.query("environments.yaml", "select count(*) as n from customers")[0]["n"]
    assert found == {"production": 8, "staging": 15, "dev": 5}


@pytest.mark.parametrize("region", list(REPORTS))
def test_conditional_pipelines_write_the_reports_of_a_region(workspace, shared, region):
    """The reports of a region hold the expected rows in order; those of other regions are not written."""
    workspace.run("regions.yaml", data=shared / "data", region=region)
    assert workspace.exports() == set(REPORTS[region])
    for report in REPORTS[region]:
        workspace.agrees(report, shared / "expected" / report, ordered=True)


def test_conditional_pipelines_do_not_name_who_did_not_consent(workspace, shared):
    """Of the sales in the EU the two of a customer without consent do not tell the name."""
    workspace.run("regions.yaml", data=shared / "data", region="eu")
    export = (workspace.folder / "out" / "eu_sales.csv").read_text(encoding="utf-8")
    assert export.count("GDPR Protected") == 2
    assert "Anna Muller" not in export


def test_conditional_pipelines_put_customers_into_segments_by_a_flag(workspace, shared):
    """A boolean variable given as text decides a condition that is nothing but the variable."""
    on = workspace.run("flags.yaml", data=shared / "data", advanced="true")
    workspace.agrees("flags_true.csv", shared / "expected" / "flags_advanced.csv", ordered=True)
    assert statuses(on)["advanced_segments"] == "succeeded"
    assert statuses(on)["plain_segments"] == "skipped"

    off = workspace.run("flags.yaml", data=shared / "data")
    assert statuses(off)["advanced_segments"] == "skipped"
    assert statuses(off)["plain_segments"] == "succeeded"
    assert workspace.exports() == {"flags_true.csv", "flags_false.csv"}


def test_conditional_pipelines_refuse_a_flag_that_is_neither_true_nor_false(workspace, shared):
    """A value that does not have its variable's type is a problem that names both, and nothing is run."""
    done = workspace.call("run", "flags.yaml", "--var", f"data={shared / 'data'}", "--var", "advanced=maybe")
    assert (done.returncode, done.stdout) == (2, "")
    assert "variable 'advanced' from --var: 'maybe' is not of type boolean" in done.stderr
    assert list(workspace.folder.glob("*.duckdb")) == []
