"""acme sits the exam that every step type sits."""

from sqlflow.testing import StepTypeExam

EVENTS = """
- id: events
  type: transform
  target: events
  sql: select * from (values (1, 'old', 1), (1, 'new', 2), (2, 'only', 1)) as t(id, state, version)
"""


class TestAcme(StepTypeExam):
    """Steps that work and steps that fail; the one that is examined has the id `it`."""

    name = "acme"
    steps = f"""{EVENTS}
- id: it
  type: acme
  table: events
  by: [id]
  latest: version
  target: newest
"""
    failing = steps.replace("latest: version", "latest: no_such_column")
