"""How rows come: in batches, as many as there are, those that a cursor asks for and never fewer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from sqlflow.sdk import ArrowStream, Bound, CursorRange, Delta, Select, quote

from .bench import Bench, Held
from .candidate import ConnectorCandidate
from .laws import Differs, law
from .places import Place
from .samples import cursored, many, people
from .value_laws import same

if TYPE_CHECKING:
    import pyarrow as pa

PATIENCE = 20.0
"""Seconds after which something that should have ended hangs."""


class ReadingLaws(ConnectorCandidate):
    """Laws about reading."""

    def given(self, bench: Bench, place: Place, table: pa.Table) -> Held:
        """Bring rows to a place, unless it has its own; returns what is there."""
        return bench.hold(place.holds) if place.holds is not None else bench.put(place, table)

    @law("read", "reads")
    def test_rows_are_read(self, place: Place, bench: Bench) -> None:
        """All rows of a place come, each once, and again when it is read again."""
        held = self.given(bench, place, people())
        order = held.schema.names[0]
        wanted = bench.texts(held, order=order)
        for _ in range(2):
            came = bench.texts(bench.read(place, declared(held)), held.schema.names, order)
            if came != wanted:
                raise Differs("the rows", wanted, came)

    @law("column_pushdown", "reads", "selects")
    def test_only_the_wanted_columns_come(self, place: Place, bench: Bench) -> None:
        """The option that selects columns brings those, in its order, and no others."""
        held = self.given(bench, place, people())
        wanted = list(held.schema.names[1::-1])
        came = bench.read(place.but(read={**(place.read or {}), str(self.select_option): wanted}))
        assert list(came.schema.names) == wanted

    @law("cursor_range", "reads", "cursor")
    @pytest.mark.parametrize("column", ["n", "at", "day"])
    def test_a_cursor_never_brings_fewer_rows(self, column: str, place: Place, bench: Bench) -> None:
        """Whatever range of a cursor is asked for, every row in it comes, and no row twice."""
        held = self.given(bench, place, cursored())
        if place.holds is not None:
            column = str(place.cursor)
        everything = {tuple(row) for row in bench.texts(held, order=None)}
        for since in ranges(bench, held, column):
            came = bench.texts(bench.read(place, declared(held), Delta(since)), held.schema.names, None)
            wanted = {tuple(row) for row in rows_of(bench, held, since)}
            assert len(set(came)) == len(came), f"a row came twice for {since}"
            assert set(came) <= everything, f"a row came that is not there, for {since}: {set(came) - everything}"
            assert wanted <= set(came), f"{len(wanted - set(came))} of {len(wanted)} rows did not come for {since}"
            assert self.pushes_down or len(came) == len(everything) or not self.streams(bench, place), (
                f"rows were left out for {since}: declare pushes_down = True"
            )

    @law("cursor_ties", "reads", "cursor")
    def test_ties_of_the_watermark_come_again(self, place: Place, bench: Bench) -> None:
        """Asked for what is at a watermark or above, all rows with the watermark itself come."""
        held = self.given(bench, place, cursored())
        column = place.cursor if place.holds is not None else "n"
        kind = next(c.type for c in held.schema if c.name == column)
        name = quote(str(column))
        found = f"SELECT {name}, count(*) FROM {held.relation} WHERE {name} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC"
        value, ties = bench.session.fetch(f"SELECT CAST(a AS VARCHAR), b FROM ({found} LIMIT 1) t(a, b)")[0]
        since = CursorRange(str(column), Bound(value, kind), inclusive=True, nulls=False)
        came = bench.read(place, declared(held), Delta(since))
        sql = f"SELECT count(*) FROM {came.relation} WHERE {name} = CAST({since.lower.sql(kind)} AS {kind})"  # type: ignore[union-attr]
        assert bench.session.fetch(sql)[0][0] == ties

    @law("predicate_pushdown", "reads", "cursor", "pushes")
    def test_rows_out_of_range_stay_where_they_are(self, place: Place, bench: Bench) -> None:
        """The system itself leaves out the rows that a cursor's range does not want."""
        held = self.given(bench, place, cursored())
        column = place.cursor if place.holds is not None else "n"
        total = len(bench.texts(held, order=None))
        fewer = [
            len(bench.texts(bench.read(place, declared(held), Delta(since)), order=None))
            for since in ranges(bench, held, str(column))
            if since.lower is not None
        ]
        assert min(fewer) < total, f"all of {total} rows came for every range"

    @law("bounded_memory", "reads", "rows")
    def test_many_rows_come_in_batches(self, place: Place, bench: Bench) -> None:
        """Many rows come whole, and no stream holds more than a part of them at a time."""
        import pyarrow as pa

        table = many(self.many_rows)
        size = table.nbytes
        bench.put(place, table)
        del table
        source = bench.source(place, {"id": "BIGINT", "text": "VARCHAR"})
        if not isinstance(source, ArrowStream):  # the engine scans by itself
            held = bench.take(source)
            found = bench.session.fetch(f"SELECT count(*), count(DISTINCT id), min(length(text)) FROM {held.relation}")
            assert found[0] == (self.many_rows, self.many_rows, 90)
            return
        before, most, biggest, rows = pa.total_allocated_bytes(), 0, 0, 0
        with source.open() as reader:
            for batch in reader:
                rows += batch.num_rows
                biggest = max(biggest, batch.nbytes)
                most = max(most, pa.total_allocated_bytes() - before)
        assert rows == self.many_rows
        limit = max(size // 2, 24_000_000)
        if biggest > limit or most > limit + biggest:
            raise Differs(f"a batch of {biggest:,} and {most:,} of {size:,} bytes held", "batches", "everything")

    @law("cancel", "reads")
    def test_a_reader_that_leaves_is_let_go(self, place: Place, bench: Bench) -> None:
        """A stream that is cancelled or closed early ends at once, leaves no thread, and locks nothing."""
        held = self.given(bench, place, many(20_000))
        for cancelling in (True, False):
            source = bench.source(place, declared(held))
            if not isinstance(source, ArrowStream):
                dropped(source)
                return
            threads = set(threading.enumerate())
            ended(lambda source=source, cancelling=cancelling: left(source, cancelling=cancelling))
            until = time.monotonic() + PATIENCE
            while (stayed := set(threading.enumerate()) - threads) and time.monotonic() < until:
                time.sleep(0.01)
            assert not stayed, f"threads are left: {stayed}"
        if place.holds is None and place.write is not None and "replace" in self.candidate().write_modes:
            held = bench.hold(people())
            ended(lambda: bench.write(place, bench.rows(held)))
            same(bench, held, bench.seen(place, declared(held)))

    @law("new_files", "reads", "files", "rows")
    def test_files_are_listed_as_they_change(self, place: Place, bench: Bench) -> None:
        """Files are listed the same way twice, differ once they have changed, and may be read by the listed names."""
        config, options = bench.options(place, writing=False)
        connector = self.candidate()()
        held = bench.put(place, people())
        listed = list(connector.versions(config, options, place.folder) or ())
        assert listed, "no file is listed"
        assert listed == list(connector.versions(config, options, place.folder) or ())
        came = bench.read(place, declared(held), Delta(files=tuple(file.path for file in listed)))
        same(bench, held, came)
        bench.put(place, people(1, 50))
        assert listed != list(connector.versions(config, options, place.folder) or ()), "a change is not seen"

    def streams(self, bench: Bench, place: Place) -> bool:
        """Tell whether the rows of a place come as a stream, so that it is the connector who leaves rows out."""
        source = bench.source(place)
        dropped(source)
        return isinstance(source, ArrowStream)


def dropped(source: Select | ArrowStream) -> None:
    """Let go of a source whose rows nobody takes."""
    if isinstance(source, Select) and source.cleanup is not None:
        source.cleanup()


def declared(held: Held) -> dict[str, str]:
    """Return the columns as a document would declare them."""
    return {column.name: column.type for column in held.schema}


def ranges(bench: Bench, held: Held, column: str) -> Iterator[CursorRange]:
    """Yield ranges of a cursor around values that rows have: of both sorts, open and closed, with NULLs and without."""
    kind = next(c.type for c in held.schema if c.name == column)
    name = quote(column)
    values = bench.session.fetch(
        f"SELECT CAST(v AS VARCHAR) FROM (SELECT DISTINCT {name} AS v FROM {held.relation} WHERE {name} IS NOT NULL) "
        "ORDER BY v"
    )
    low, middle, high = (values[n][0] for n in (0, len(values) // 2, -1))
    for typed in (kind, None):
        for nulls in (True, False):
            yield CursorRange(column, Bound(middle, typed), inclusive=True, nulls=nulls)
            yield CursorRange(column, Bound(middle, typed), inclusive=False, nulls=nulls)
            yield CursorRange(column, Bound(low, typed), upper=Bound(high, typed), nulls=nulls)
    yield CursorRange(column, Bound(high, kind), inclusive=False, nulls=False)
    yield CursorRange(column, upper=Bound(middle, kind), nulls=False)
    yield CursorRange(column, nulls=False)


def rows_of(bench: Bench, held: Held, since: CursorRange) -> list[tuple[Any, ...]]:
    """Return the rows in a range, as the engine sees it."""
    condition = since.condition(held.schema) or "TRUE"
    return bench.texts(Held(f"(SELECT * FROM {held.relation} WHERE {condition})", held.schema), order=None)


def left(source: ArrowStream, *, cancelling: bool) -> None:
    """Take the first batch of a stream and go."""
    reader = source.open()
    try:
        reader.read_next_batch()
        if cancelling and source.cancel is not None:
            source.cancel()
    finally:
        reader.close()


def ended(what: Any) -> None:
    """Do something in a thread of its own and wait for its end, for some time."""
    raised: list[BaseException] = []

    def doing() -> None:
        try:
            what()
        except BaseException as error:  # noqa: BLE001 - it is raised again where it can be seen
            raised.append(error)

    thread = threading.Thread(target=doing, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), f"it has not ended after {PATIENCE:.0f} seconds"
    if raised:
        raise raised[0]
