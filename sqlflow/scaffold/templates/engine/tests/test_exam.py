"""acme sits the exam that every engine sits."""

from sqlflow.testing import EngineExam


class TestAcme(EngineExam):
    """Commits that are whole or not at all, modes, views, functions, values, stopping."""

    name = "acme"
    config = {"settings": {"threads": "2"}}
