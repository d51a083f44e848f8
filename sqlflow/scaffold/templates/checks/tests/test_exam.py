"""The checks sit the exam that every check sits."""

from sqlflow.testing import CheckExam


class TestBetween(CheckExam):
    """Rows that pass, NULL among them, and rows that do not."""

    name = "acme_between"
    config = {"column": "age", "low": 0, "high": 150}
    good = "select unnest([0, 36, 150, null]) as age"
    bad = "select unnest([36, 151, -1]) as age"
    failures = 2


class TestFilled(CheckExam):
    """A table that is filled well enough, and one that is not."""

    name = "acme_filled"
    config = {"column": "age", "share": 0.5}
    good = "select unnest([36, null]) as age"
    bad = "select unnest([36, null, null]) as age"
