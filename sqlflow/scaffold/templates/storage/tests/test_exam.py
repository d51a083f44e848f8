"""acme sits the exam that every storage sits."""

from sqlflow.testing import StorageExam


class TestAcme(StorageExam):
    """A warehouse that is there the next time."""

    name = "acme"
    config = {"branch": "fix/typo-1"}
