"""The functions sit the exam that every function sits."""

from sqlflow.testing import FunctionExam


class TestInitials(FunctionExam):
    """Arguments, and what they give."""

    name = "acme_initials"
    examples = [(("Ada Lovelace",), "AL"), (("grace  brewster hopper",), "GBH"), (("",), "")]


class TestSqueeze(FunctionExam):
    """Arguments, and what they give."""

    name = "acme_squeeze"
    examples = [(("  Ada   Lovelace ",), "Ada Lovelace"), (("a\tb",), "a b"), (("",), "")]
