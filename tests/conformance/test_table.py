"""The table of all connectors in the docs says what their exams say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from sqlflow.testing import ConnectorExam
from sqlflow.testing.standing import markdown

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "connectors.md"
START, END = "<!-- table: rewritten by pytest --regen -->\n", "<!-- end of table -->"
EXAMS = [ROOT / "tests" / "conformance" / "test_files.py", *sorted((ROOT / "plugins").glob("*/tests/test_exam.py"))]


def exams():
    """Return the exam of every connector, those in the box first."""
    found = []
    for path in EXAMS:
        spec = importlib.util.spec_from_file_location(f"exam_of_{path.parent.parent.name.replace('-', '_')}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found += [v for v in vars(module).values() if isinstance(v, type) and issubclass(v, ConnectorExam)]
    return [exam for exam in found if exam is not ConnectorExam]


def test_the_table_of_the_docs_is_what_the_exams_say(regen):
    """docs/connectors.md holds the table that the exams of all connectors give; `--regen` rewrites it."""
    table = markdown(standing for exam in exams() for standing in exam.standings())
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(START)
    tail = rest[rest.index(END) :]
    if regen:
        PAGE.write_text(f"{head}{START}\n{table}\n{tail}", encoding="utf-8")
    else:
        assert text == f"{head}{START}\n{table}\n{tail}", "run `make regen`"


def test_every_connector_sits_the_exam():
    """No installed connector goes unexamined."""
    from sqlflow.testing.guests import guests

    ours = {name for name in guests().names("connector") if _of_this_repository(guests().owner("connector", name))}
    assert {exam.subject() for exam in exams()} == ours


def _of_this_repository(owner):
    return owner.distribution == "sqlflow-pipelines" or (ROOT / "plugins" / owner.distribution).is_dir()
