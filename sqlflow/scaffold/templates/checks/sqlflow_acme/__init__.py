"""acme for SQLFlow: the checks `- acme_between` and `- acme_filled`.

A check only writes SQL that finds what is wrong. Which table, when, in how many scans and with which consequences is
SQLFlow's business, and so are `severity`, `where`, `max_failures` and `quarantine`.
"""

from collections.abc import Sequence

from pydantic import Field

from sqlflow.sdk import CheckKind, ConfigModel, RowTest, TableTest, hookimpl, literal, quote


class BetweenConfig(ConfigModel):
    """A column and the range of its values."""

    column: str
    """Column to look at."""

    low: float
    """Smallest value that is right."""

    high: float
    """Largest value that is right."""


class AcmeBetween(CheckKind):
    """Every value of a column lies between two numbers, both included; NULL passes."""

    name = "acme_between"
    Config = BetweenConfig
    scope = "batch"  # before anything is written
    sifts = True  # bad rows can be told from good ones, so `quarantine: true` is possible

    def compile(self, config: BetweenConfig, relation: str) -> RowTest:
        """Say what is true of a bad row. Names are quoted, values are literals, so neither can be SQL."""
        value = quote(config.column)
        fails = f"NOT ({value} BETWEEN {literal(config.low)} AND {literal(config.high)})"
        return RowTest(fails, shows=(config.column,))


class FilledConfig(ConfigModel):
    """A column and how much of it must be filled."""

    column: str
    """Column to look at."""

    share: float = Field(default=1.0, ge=0, le=1)
    """Smallest share of the rows that must not be NULL, from 0 to 1."""


class AcmeFilled(CheckKind):
    """Most rows have a value in a column."""

    name = "acme_filled"
    Config = FilledConfig
    scope = "target"  # on the whole table, before the commit

    def compile(self, config: FilledConfig, relation: str) -> TableTest:
        """Measure with one aggregate, and say what its value means. It shares one scan with other checks."""

        def complaint(found: float | None) -> str | None:
            if found is None or found >= config.share:  # no rows: nothing to complain of
                return None
            return f"{config.column} is filled in {found:.1%} of the rows, expected at least {config.share:.1%}"

        return TableTest(f"avg(CAST({quote(config.column)} IS NOT NULL AS INTEGER))", complaint)


@hookimpl
def sqlflow_checks() -> Sequence[type[CheckKind]]:
    """Bring both checks."""
    return [AcmeBetween, AcmeFilled]
