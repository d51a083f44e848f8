"""acme for SQLFlow: the SQL functions `acme_initials` and `acme_squeeze`.

A function knows nothing of tables. Its types are Python annotations, and NULL in gives NULL out without a call.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlflow.sdk import Udf, hookimpl, udf

if TYPE_CHECKING:
    import pyarrow as pa


@udf
def acme_initials(name: str) -> str:
    """Return the first letters of a name's words: `Ada Lovelace` gives `AL`."""
    return "".join(word[0].upper() for word in name.split())


@udf(parameters=("VARCHAR",), returns="VARCHAR", arrow=True)
def acme_squeeze(text: "pa.Array") -> "pa.Array":
    """Return text with single spaces. It takes many rows at a time, which is several times faster."""
    import pyarrow.compute as pc

    return pc.utf8_trim_whitespace(pc.replace_substring_regex(text, r"\s+", " "))


@hookimpl
def sqlflow_udfs() -> Sequence[Udf]:
    """Bring both functions."""
    return [acme_initials, acme_squeeze]
