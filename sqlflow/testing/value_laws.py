"""What comes back is what was there: types, values, names, none of them changed on the way."""

from __future__ import annotations

import pytest

from sqlflow.sdk import StepError

from .bench import Bench, Held
from .candidate import ConnectorCandidate
from .laws import Differs, law
from .places import Place
from .samples import FLOATS, TEXTS, TYPES, TypeCase, ordinary, people, wide

LATE = 30_000
"""Rows behind which something else comes: more than whoever guesses types looks at."""


class ValueLaws(ConnectorCandidate):
    """Laws about values, for connectors to which rows can be brought and which read."""

    def came(self, bench: Bench, place: Place, held: Held) -> Held:
        """Read a place; where types do not come by themselves, the document declares them."""
        if self.quirk("schema") is None:
            return bench.read(place)
        return bench.read(place, {column.name: column.type for column in held.schema})

    def returns(self, bench: Bench, place: Place, case: TypeCase) -> None:
        """Bring the values of a case, and let them come back with their type."""
        held = bench.put(place, case.table())
        came = self.came(bench, place, held)
        if came.types == held.types or case.name == "null":  # what holds no value has no type
            same(bench, held, came, "value")
            return
        wanted, got = (bench.texts(one, ["value"]) for one in (held, came))
        if wanted == got:
            raise Differs(f"the type of {case}", held.types[1], came.types[1])
        texts = [[row[0] for row in rows] for rows in (wanted, got)]
        raise Differs(f"type and values of {case}", [held.types[1], *texts[0]], [came.types[1], *texts[1]])

    @law("schema", "reads", "rows")
    def test_the_schema_is_true(self, place: Place, bench: Bench) -> None:
        """Names and types of the columns are those that were written, in their order, with nothing declared."""
        held = bench.put(place, ordinary())
        came = bench.read(place)
        assert came.schema.names == held.schema.names
        if came.types != held.types:
            raise Differs("the types of the columns", held.types, came.types)

    @law("type:{case}", "reads", "rows")
    @pytest.mark.parametrize("case", TYPES, ids=str)
    def test_every_type_comes_back(self, case: TypeCase, place: Place, bench: Bench) -> None:
        """Values of every Arrow type, their extremes and NULL, come back as they were, and of the same type."""
        self.returns(bench, place, case)

    @law("{case}", "reads", "rows")
    @pytest.mark.parametrize("case", [*TEXTS, *FLOATS], ids=str)
    def test_every_value_comes_back(self, case: TypeCase, place: Place, bench: Bench) -> None:
        """NULL is not the empty text, NaN is not NULL, and no text is trimmed, cut, folded or taken for something."""
        self.returns(bench, place, case)

    @law("late_values", "reads", "rows")
    def test_what_is_guessed_holds_for_every_row(self, place: Place, bench: Bench) -> None:
        """A fraction behind many whole numbers is not rounded: it comes as it is, or reading it is refused."""
        import pyarrow as pa

        bench.put(place, pa.table({"id": range(LATE + 1), "value": [*["1"] * LATE, "1.5"]}))
        try:
            came = bench.read(place)
        except StepError:
            return
        number = "CAST(CAST(value AS VARCHAR) AS DOUBLE)"
        found = bench.session.fetch(f"SELECT count(*), sum({number}) FROM {came.relation}")[0]
        if found != (LATE + 1, LATE + 1.5):
            raise Differs("the number of rows and the sum of a column", (LATE + 1, LATE + 1.5), found)

    @law("empty_data", "reads", "rows")
    def test_no_rows_are_no_rows(self, place: Place, bench: Bench) -> None:
        """Of a table without rows come its columns."""
        held = bench.put(place, people(1, 0))
        came = self.came(bench, place, held)
        if came.schema.names != held.schema.names:
            raise Differs("the columns of a table without rows", list(held.schema.names), list(came.schema.names))
        assert bench.texts(came) == []

    @law("wide_tables", "reads", "rows")
    def test_wide_tables_come_whole(self, place: Place, bench: Bench) -> None:
        """No column of many is left out."""
        held = bench.put(place, wide(self.most_columns))
        same(bench, held, self.came(bench, place, held))

    @law("column_names", "reads", "rows")
    def test_any_name_of_a_column_comes_back(self, place: Place, bench: Bench) -> None:
        """Names with spaces, quotes, capitals, dots, other scripts, and words of SQL stay what they are."""
        names = ["id", "Two Words", "a.b", "Größe", "select", 'say "x"', "it's", "1st"]
        held = bench.put(place, people(1, 2).select(["id", *["name"] * 7]).rename_columns(names))
        came = self.came(bench, place, held)
        if list(came.schema.names) != names:
            raise Differs("the names of the columns", names, list(came.schema.names))
        same(bench, held, came)


def same(bench: Bench, held: Held, came: Held, *columns: str) -> None:
    """Hold rows against those that are wanted, whatever their order.

    Raises:
        Differs: with the texts that came; of one column its values, of several the rows.

    """
    wanted, got = (bench.texts(one, columns or held.schema.names) for one in (held, came))
    if wanted != got:
        raise Differs(
            "the rows", *(([row[0] for row in rows] if len(columns) == 1 else rows) for rows in (wanted, got))
        )
