"""How rows are written: every mode does what it says, and a reader sees all of it or what was there before."""

from __future__ import annotations

from .bench import Bench
from .candidate import ConnectorCandidate
from .laws import law
from .places import Place
from .samples import people
from .value_laws import same


class WritingLaws(ConnectorCandidate):
    """Laws about writing."""

    @law("mode:replace", "mode:replace")
    def test_replace_leaves_the_new_rows_only(self, place: Place, bench: Bench) -> None:
        """Mode replace makes the place when it is not there, and puts the new rows in the place of the old ones."""
        for rows in (people(1, 3), people(3, 9, "new")):
            held = bench.hold(rows)
            written = bench.write(place, bench.rows(held), "replace")
            assert written.rows in (rows.num_rows, None)
            same(bench, held, bench.seen(place, {c.name: c.type for c in held.schema}))
