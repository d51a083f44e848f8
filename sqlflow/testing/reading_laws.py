"""How rows come: in batches, as many as there are, those that a cursor asks for and never fewer."""

from __future__ import annotations

from .bench import Bench
from .candidate import ConnectorCandidate
from .laws import law
from .places import Place
from .samples import people


class ReadingLaws(ConnectorCandidate):
    """Laws about reading."""

    @law("read", "reads")
    def test_rows_are_read(self, place: Place, bench: Bench) -> None:
        """All rows of a place come, each once, and again when it is read again."""
        held = bench.hold(place.holds) if place.holds is not None else bench.put(place, people())
        declared = {c.name: c.type for c in held.schema}
        order = held.schema.names[0]
        wanted = bench.texts(held, order=order)
        for _ in range(2):
            assert bench.texts(bench.read(place, declared), held.schema.names, order) == wanted
