"""How rows are written: every mode does what it says, and a reader sees all of it or what was there before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sqlflow.errors import StepError
from sqlflow.sdk import Rows

from .bench import Bench, Held
from .candidate import ConnectorCandidate
from .laws import Differs, law
from .places import Place
from .samples import many, people, streamed
from .value_laws import same

if TYPE_CHECKING:
    import pyarrow as pa

MODES = ["replace", "append", "merge", "delete_insert"]
KEYED = ("merge", "delete_insert")
FALLS = """
SELECT id, name,
CAST(CASE WHEN id >= 150000 THEN error('the source broke off') ELSE '1' END AS DECIMAL(12,2)) AS amount
FROM (SELECT range + 1 AS id, 'half ' || range AS name FROM range(200000))"""


class WritingLaws(ConnectorCandidate):
    """Laws about writing; what was written is looked at without the connector where the place can."""

    def wrote(self, bench: Bench, place: Place, table: pa.Table, mode: str, token: str | None = None) -> Held:
        """Write a table in a mode, keyed by `id` where the mode has a key."""
        held = bench.hold(table)
        written = bench.write(place, bench.rows(held), mode, ["id"] if mode in KEYED else (), token)
        assert written.rows in (table.num_rows, None), f"{written.rows} rows are told of {table.num_rows}"
        return held

    def has(self, bench: Bench, place: Place, *expected: pa.Table) -> None:
        """Hold what is at a place against these rows."""
        import pyarrow as pa

        held = bench.hold(pa.concat_tables(expected))
        same(bench, held, bench.seen(place, {c.name: c.type for c in held.schema}), *held.schema.names)

    @law("mode:replace", "mode:replace")
    def test_replace_leaves_the_new_rows_only(self, place: Place, bench: Bench) -> None:
        """Mode replace makes the place when it is not there, and later puts new rows and columns in its place."""
        self.wrote(bench, place, people(), "replace")
        self.has(bench, place, people())
        self.wrote(bench, place, people(3, 9, "new"), "replace")
        self.has(bench, place, people(3, 9, "new"))
        fewer = people(1, 2).select(["name", "id"])
        self.wrote(bench, place, fewer, "replace")
        assert list(bench.seen(place).schema.names) == ["name", "id"]
        self.has(bench, place, fewer)

    @law("mode:append", "mode:append")
    def test_append_adds(self, place: Place, bench: Bench) -> None:
        """Mode append makes the place when it is not there, and later adds rows; columns meet by name."""
        self.wrote(bench, place, people(), "append")
        self.has(bench, place, people())
        self.wrote(bench, place, people(4, 6, "new").select(["amount", "id", "name"]), "append")
        self.has(bench, place, people(), people(4, 6, "new"))

    @law("mode:merge", "mode:merge")
    def test_merge_updates_and_inserts(self, place: Place, bench: Bench) -> None:
        """Mode merge changes rows whose key is there, adds the others, and leaves the rest; columns meet by name."""
        self.wrote(bench, place, people(1, 4), "merge")
        self.has(bench, place, people(1, 4))
        self.wrote(bench, place, people(3, 6, "new").select(["amount", "name", "id"]), "merge")
        self.has(bench, place, people(1, 2), people(3, 6, "new"))

    @law("mode:delete_insert", "mode:delete_insert")
    def test_delete_insert_changes_groups(self, place: Place, bench: Bench) -> None:
        """Mode delete_insert takes out the rows of every key of the batch and adds the batch, several rows a key."""
        import pyarrow as pa

        self.wrote(bench, place, people(1, 4), "delete_insert")
        self.has(bench, place, people(1, 4))
        group = pa.concat_tables([people(2, 2, "new")] * 2)
        self.wrote(bench, place, group, "delete_insert")
        self.has(bench, place, people(1, 1), group, people(3, 4))

    @law("empty_batch:{mode}", "mode:{mode}")
    @pytest.mark.parametrize("mode", MODES)
    def test_a_batch_without_rows(self, mode: str, place: Place, bench: Bench) -> None:
        """A batch without rows empties a place in mode replace, columns kept; in other modes it changes nothing."""
        self.wrote(bench, place, people(), mode)
        self.wrote(bench, place, people(1, 0), mode)
        if mode == "replace":
            found = bench.seen(place)
            if list(found.schema.names) != ["id", "name", "amount"]:
                raise Differs("columns", ["id", "name", "amount"], list(found.schema.names))
            assert bench.texts(found) == []
        else:
            self.has(bench, place, people())

    @law("duplicate_keys", "mode:merge")
    def test_duplicate_keys_are_refused(self, place: Place, bench: Bench) -> None:
        """A key that a merged batch holds twice is an error that shows it, and what was there stays."""
        import pyarrow as pa

        self.wrote(bench, place, people(), "merge")
        twice = bench.hold(pa.concat_tables([people(77, 78, "one"), people(77, 77, "other")]))
        with pytest.raises(StepError, match="77"):
            bench.write(place, bench.rows(twice), "merge", ["id"])
        self.has(bench, place, people())

    @law("null_keys:{mode}", "mode:{mode}")
    @pytest.mark.parametrize("mode", KEYED)
    def test_a_key_is_never_null(self, mode: str, place: Place, bench: Bench) -> None:
        """NULL in a key is an error that names the column, and what was there stays."""
        self.wrote(bench, place, people(), mode)
        held = bench.hold(people(5, 7))
        rows = bench.rows(held, "SELECT nullif(id, 6) AS id, name, amount FROM {rows}")
        with pytest.raises(StepError, match="id"):
            bench.write(place, rows, mode, ["id"])
        self.has(bench, place, people())

    @law("interrupted:{mode}", "mode:{mode}")
    @pytest.mark.parametrize("mode", MODES)
    def test_a_write_that_breaks_off_leaves_the_old_rows(self, mode: str, place: Place, bench: Bench) -> None:
        """When rows stop coming in the middle of a write, it fails, the place is what it was, and nothing is left."""
        self.wrote(bench, place, people(), mode)
        files = sorted(place.folder.rglob("*"))
        held = bench.hold(people())
        with pytest.raises(Exception, match=r"(?s).*"):
            bench.write(place, BreaksOff(bench.rows(held, FALLS)), mode, ["id"] if mode in KEYED else ())
        self.has(bench, place, people())
        assert sorted(place.folder.rglob("*")) == files, "files are left"
        self.wrote(bench, place, people(4, 5), mode)
        self.has(bench, place, *([] if mode == "replace" else [people()]), people(4, 5))

    @law("interrupted:first", "writes")
    def test_a_first_write_that_breaks_off_leaves_nothing(self, place: Place, bench: Bench) -> None:
        """A write that breaks off where nothing was leaves nothing that a later write or reader trips over."""
        held = bench.hold(people())
        mode = "replace" if "replace" in self.candidate().write_modes else min(self.candidate().write_modes)
        with pytest.raises(Exception, match=r"(?s).*"):
            bench.write(place, BreaksOff(bench.rows(held, FALLS)), mode, ["id"] if mode in KEYED else ())
        config, options = bench.options(place, writing=True)
        assert self.candidate()().exists(config, options, place.folder) in (False, None)
        self.wrote(bench, place, people(), mode)
        self.has(bench, place, people())

    @law("repeated_append", "mode:append", "tokens")
    def test_a_repeated_append_adds_once(self, place: Place, bench: Bench) -> None:
        """An append with a token that the place has seen adds nothing; another token adds."""
        for token in ("run/step", "run/step", "run/other"):
            bench.write(place, bench.rows(bench.hold(people())), "append", (), token)
        self.has(bench, place, *[people().slice(n, 1) for n in range(3) for _ in range(2)])

    @law("exists", "writes")
    def test_what_was_written_exists(self, place: Place, bench: Bench) -> None:
        """Before the first write nothing is said to be there, afterwards something, or neither is known."""
        config, options = bench.options(place, writing=True)
        mode = "replace" if "replace" in self.candidate().write_modes else min(self.candidate().write_modes)
        told = [self.candidate()().exists(config, options, place.folder)]
        self.wrote(bench, place, people(), mode)
        told.append(self.candidate()().exists(config, options, place.folder))
        assert told in ([False, True], [None, None], [None, True], [False, None])

    @law("bounded_memory:write", "mode:replace")
    def test_many_rows_are_written_in_batches(self, place: Place, bench: Bench) -> None:
        """Many rows are written whole, and a writer holds no more than a part of them at a time."""
        counted = Counted(bench.rows(bench.hold(many(1))), self.many_rows)
        bench.write(place, counted, "replace")
        limit = max(counted.size // 2, 24_000_000)
        if counted.most > limit:
            raise Differs(f"{counted.most:,} of {counted.size:,} bytes were held", "batches", "everything")
        found = bench.seen(place, {"id": "BIGINT", "text": "VARCHAR"})
        sql = f"SELECT count(*), count(DISTINCT id), min(length(text)) FROM {found.relation}"
        rows = self.many_rows if counted.streamed else 1
        assert bench.session.fetch(sql)[0] == (rows, rows, 90)


class Counted:
    """Rows that are made when they are asked for, and a count of the bytes that somebody holds."""

    def __init__(self, rows: Rows, number: int) -> None:
        self.rows = rows
        self.number = number
        self.dialect = rows.dialect
        self.schema = rows.schema
        self.most = 0
        self.size = 0
        self.streamed = False

    def copy(self, statement: str) -> int:
        """Let the engine write by itself; what it holds is its own business."""
        return self.rows.copy(statement)

    def batches(self) -> Any:
        """Stream the rows, and look before each batch what is held of those before it."""
        import pyarrow as pa

        self.streamed = True
        before = pa.total_allocated_bytes()

        def made() -> Any:
            for batch in streamed(self.number, 5000):
                self.size += batch.nbytes
                self.most = max(self.most, pa.total_allocated_bytes() - before)
                yield batch

        return pa.RecordBatchReader.from_batches(many(0).schema, made())


class BreaksOff:
    """Rows that stop coming with an error after some batches, whichever way they are taken."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.dialect = rows.dialect
        self.schema = rows.schema

    def copy(self, statement: str) -> int:
        """Let the engine write, and fail at a row."""
        return self.rows.copy(statement)

    def batches(self) -> Any:
        """Stream some batches, and fail."""
        import pyarrow as pa

        def made() -> Any:
            for start in (1, 20_001, 40_001):
                yield from people(start, start + 19_999, "half").to_batches()
            raise OSError("the source broke off")

        return pa.RecordBatchReader.from_batches(people(1, 0).schema, made())
