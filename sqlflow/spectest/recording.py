"""First expectations: the rows that came, written into the documents of their tests."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from sqlflow.errors import SQLFlowError
from sqlflow.spec import CannotEdit, recorded, rewrite

from .declared import DeclaredTest
from .outcome import Outcome


def write_records(ran: Iterable[tuple[DeclaredTest, Outcome]]) -> None:
    """Write what tests have recorded into their documents, each of which is written once.

    Raises:
        SQLFlowError: a document cannot be changed; those before it have been.

    """
    by_file: dict[str, list[tuple[DeclaredTest, Outcome]]] = {}
    for declared, outcome in ran:
        if outcome.recorded:
            by_file.setdefault(declared.source.file, []).append((declared, outcome))
    for together in by_file.values():
        source = before = together[0][0].source
        for declared, outcome in together:
            try:
                text = recorded(source, declared.position, outcome.recorded)
            except CannotEdit as error:
                told = f"the rows of test {outcome.name!r} cannot be written into {source.file}: {error}"
                raise SQLFlowError(told, hint="write expect: below the other keys of the test", code="SF743") from error
            source = replace(source, text=text)
        rewrite(together[0][0].file, before.text, source.text)
