"""What the example brings sits the exams."""

from datetime import date

import pyarrow as pa
import pytest

from sqlflow.testing import CheckExam, ConnectorExam, FunctionExam, Place, StepTypeExam

DAYS = {"start": "2024-02-27", "end": "2024-03-05"}


class TestCalendar(ConnectorExam):
    """Days, which are computed."""

    connector = "calendar"
    takes_rows = False
    has_faults = False

    @pytest.fixture
    def place(self, tmp_path):
        """Ask for eight days."""
        days = [date.fromordinal(n) for n in range(date(2024, 2, 27).toordinal(), date(2024, 3, 6).toordinal())]
        holds = pa.table(
            {
                "day": pa.array(days, pa.date32()),
                "year": pa.array([day.year for day in days], pa.int64()),
                "month": pa.array([day.month for day in days], pa.int64()),
                "weekday": pa.array([day.isoweekday() for day in days], pa.int64()),
                "is_weekend": [day.isoweekday() > 5 for day in days],
            }
        )
        return Place(tmp_path, read=DAYS, holds=holds, cursor="day")


class TestCopyTable(StepTypeExam):
    """`type: copy_table`."""

    name = "copy_table"
    steps = """
        - id: make
          type: transform
          target: t
          sql: select 1 as n
        - id: it
          type: copy_table
          table: t
          target: copied
    """
    failing = """
        - id: make
          type: transform
          target: t
          sql: select 1 as n
        - id: it
          type: copy_table
          table: t
          target: copied
          checks: [expression: n > 1]
    """


class TestMatches(CheckExam):
    """`matches`."""

    name = "matches"
    config = {"column": "email", "pattern": "[a-z]+@[a-z]+"}
    good = "select unnest(['a@b', null]) as email"
    bad = "select unnest(['a@b', 'a@b.', '']) as email"
    failures = 2


class TestInitials(FunctionExam):
    """`initials`."""

    name = "initials"
    examples = [(("Ada Lovelace",), "AL"), (("",), ""), (("grace  brewster hopper",), "GBH")]
