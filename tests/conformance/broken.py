"""Fakes that each break one law. `CASES` names the law that sees it; pytest is told to look here by name only."""

from __future__ import annotations

import threading
import time

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from sqlflow.sdk import ConfigModel, ConnectionReport, FileVersion, Objection, StepError
from sqlflow.testing import ConnectorExam, Fault, MemoryConnector, Place

CASES: list[str] = []


class Sits(ConnectorExam):
    """What every broken fake brings along; a fault that breaks it is in the connector."""

    pushes_down = True
    select_option = "select"

    @pytest.fixture
    def place(self, tmp_path):
        """Clear a shelf."""
        self.connector.tables.clear()
        self.connector.tokens.clear()
        return Place(tmp_path, {"password": "open sesame"}, {"table": "t"}, {"table": "t"})

    def faults(self, place):
        """Name what is not there, what is busy, and what is not said."""
        yield Fault("no table", "not_found", place.but(read={"table": "other"}), says="other")
        yield Fault("busy", "transient", place.but(config={"shelf": "busy"}))
        yield Fault("wrong password", "authentication", place.but(config={"password": "hunter2 and more"}))


def breaks(law, **more):
    """Make an exam of a broken fake; the law that sees it is told, and added to the cases."""

    def decorate(connector):
        name = f"Test{connector.__name__}"
        globals()[name] = type(name, (Sits,), {"connector": connector, "__module__": __name__, **more})
        CASES.append(f"{name}::test_{law}")
        return connector

    return decorate


def changing(law, change):
    """Break reading: every batch is changed on its way."""

    class Changed(MemoryConnector):
        def stream(self, key, request):
            table = super().stream(key, request).read_all()
            return change(table).to_reader()

    Changed.__name__ = "Changed" + "".join(word.title() for word in law.replace("[", "_").replace("]", "").split("_"))
    return breaks(law)(Changed)


def mapped(change):
    """Change the column `value`."""
    return lambda table: (
        table.set_column(1, "value", change(table["value"])) if "value" in table.column_names else table
    )


def texts(change):
    """Change every text of the column `value`."""
    return mapped(lambda column: pa.array([None if v is None else change(v) for v in column.to_pylist()], pa.string()))


changing("the_schema_is_true", lambda t: t.set_column(6, "size", t["size"].cast(pa.int64())))
changing(
    "every_type_comes_back[int64]", mapped(lambda c: c.cast(pa.float64(), safe=False).cast(pa.int64(), safe=False))
)
changing(
    "every_type_comes_back[uint64]",
    mapped(lambda c: c.cast(pa.int64(), safe=False).cast(pa.uint64(), safe=False).cast(pa.float64(), safe=False)),
)
changing("every_type_comes_back[decimal(38,10)]", mapped(lambda c: c.cast(pa.float64())))
changing("every_type_comes_back[timestamp[us]]", mapped(lambda c: c.cast(pa.timestamp("ms"), safe=False)))
changing("every_type_comes_back[timestamp[us, UTC]]", mapped(lambda c: c.cast(pa.timestamp("us"))))
changing("every_value_comes_back[empty_text]", texts(lambda v: v or None))
changing("every_value_comes_back[null_text]", mapped(lambda c: c.fill_null("")))
changing("every_value_comes_back[spaces]", texts(str.strip))
changing("every_value_comes_back[unicode]", texts(lambda v: v.encode("latin-1", "replace").decode("latin-1")))
changing("every_value_comes_back[quotes]", texts(lambda v: v.replace("\\", "")))
changing("every_value_comes_back[line_breaks]", texts(lambda v: v.replace("\r\n", "\n")))
changing("every_value_comes_back[words_of_null]", texts(lambda v: None if v == "NULL" else v))
changing("every_value_comes_back[long_text]", texts(lambda v: v[:65535]))
changing("every_value_comes_back[nan]", mapped(lambda c: pc.if_else(pc.is_nan(c), None, c)))
changing("every_value_comes_back[infinity]", mapped(lambda c: pc.if_else(pc.is_inf(c), 1e308, c)))
changing("what_is_guessed_holds_for_every_row", texts(lambda v: v.replace("1.5", "2")))
changing("no_rows_are_no_rows", lambda t: t if t.num_rows else t.select([0]))
changing("wide_tables_come_whole", lambda t: t.select(t.column_names[:255]))
changing("any_name_of_a_column_comes_back", lambda t: t.rename_columns([n.lower() for n in t.column_names]))
changing("many_rows_come_in_batches", lambda t: t.combine_chunks())
changing("ties_of_the_watermark_come_again", lambda t: pa.table(t.to_pandas().drop_duplicates("n")))


@breaks("rows_are_read")
class ReadOnce(MemoryConnector):
    """Forgets what has been read."""

    def stream(self, key, request):
        reader = super().stream(key, request)
        self.tables[key] = [batch.slice(0, 0) for batch in self.tables[key]]
        return reader


@breaks("only_the_wanted_columns_come")
class SelectsNothing(MemoryConnector):
    """Brings all columns."""

    def stream(self, key, request):
        return super().stream(
            key, request.__class__(request.config, request.options.model_copy(update={"select": []}), request.folder)
        )


@breaks("a_cursor_never_brings_fewer_rows[n]")
class TooFew(MemoryConnector):
    """Leaves the bound itself out."""

    def wanted(self, request):
        since = request.delta.since
        if since is None or since.lower is None or not since.lower.text.isdigit():
            return lambda batch: batch
        return lambda batch: batch.filter(pc.greater(batch.column(1), int(since.lower.text)))


@breaks("rows_out_of_range_stay_where_they_are")
class PushesNothing(MemoryConnector):
    """Says that it leaves rows out and does not."""

    def wanted(self, request):
        return lambda batch: batch


@breaks("a_reader_that_leaves_is_let_go")
class Leaks(MemoryConnector):
    """Leaves a thread behind."""

    def stream(self, key, request):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        return super().stream(key, request)


class Meets(MemoryConnector):
    """Writes in another mode than it was asked to."""

    turned: dict[str, str] = {}

    def write(self, request, rows):
        mode = self.turned.get(request.mode, request.mode)
        return super().write(request.__class__(**{**vars(request), "mode": mode}), rows)


@breaks("replace_leaves_the_new_rows_only")
class ReplaceAppends(Meets):
    """Adds where it should replace."""

    turned = {"replace": "append"}


@breaks("append_adds")
class AppendReplaces(Meets):
    """Replaces where it should add."""

    turned = {"append": "replace"}


@breaks("merge_updates_and_inserts")
class MergeAppends(Meets):
    """Adds where it should update."""

    turned = {"merge": "append"}


@breaks("delete_insert_changes_groups")
class DeleteInsertMerges(Meets):
    """Refuses groups of several rows."""

    turned = {"delete_insert": "merge"}


@breaks("a_batch_without_rows[replace]")
class EmptyChangesNothing(MemoryConnector):
    """Takes a batch without rows for nothing to do."""

    def put(self, key, batches):
        if any(batch.num_rows for batch in batches):
            super().put(key, batches)


@breaks("duplicate_keys_are_refused")
class TakesDuplicates(MemoryConnector):
    """Looks at no keys."""

    def check_keys(self, batches, request):
        """See nothing."""


@breaks("a_key_is_never_null[merge]")
class TakesNulls(TakesDuplicates):
    """Looks at no keys."""


@breaks("a_write_that_breaks_off_leaves_the_old_rows[replace]")
class HalfWritten(MemoryConnector):
    """Puts every batch in place as it comes."""

    def taken(self, reader):
        taken = []
        for batch in reader:
            taken.append(batch)
            self.tables["shelf.t"] = taken
            yield batch


@breaks("a_first_write_that_breaks_off_leaves_nothing")
class HalfMade(HalfWritten):
    """Makes the table before it has rows for it."""


@breaks("a_repeated_append_adds_once")
class Forgets(MemoryConnector):
    """Forgets tokens."""

    def write(self, request, rows):
        self.tokens.clear()
        return super().write(request, rows)


@breaks("what_was_written_exists")
class NeverThere(MemoryConnector):
    """Says that nothing is there."""

    def exists(self, config, options, folder):
        return False


@breaks("many_rows_are_written_in_batches")
class HoldsAll(MemoryConnector):
    """Holds everything before it writes."""


class Shares(ConfigModel):
    """Options with a name that the config has."""

    table: str
    """Table."""
    shelf: str = ""
    """Shelf."""


@breaks("config_and_options_share_no_field_name")
class SharesNames(MemoryConnector):
    """One name for two things."""

    ReadOptions = Shares


class Untold(ConfigModel):
    """Options without words."""

    table: str


@breaks("every_option_has_a_docstring")
class TellsNothing(MemoryConnector):
    """Options without words."""

    ReadOptions = Untold


class Open(ConfigModel):
    """A config with an open secret."""

    password: str = ""
    """Password."""


@breaks("secrets_are_typed_as_secrets")
class ShowsPassword(MemoryConnector):
    """Holds its password openly."""

    Config = Open


TestUnregistered = type("TestUnregistered", (Sits,), {"connector": "nobody_brings_this", "__module__": __name__})
CASES.append("TestUnregistered::test_the_plugin_brings_it")


@breaks("importing_the_plugin_imports_no_driver")
class ImportsMuch(MemoryConnector):
    """Lives where a driver is imported."""


ImportsMuch.__module__ = "sqlflow.spec"


@breaks("a_good_connection_tests_well")
class TestsBadly(MemoryConnector):
    """Says of a good connection that it is none."""

    def test(self, config, folder):
        return ConnectionReport(ok=False, message="no")


@breaks("good_options_meet_no_objection")
class Objects(MemoryConnector):
    """Finds fault with good options."""

    def objections(self, config, options, folder):
        yield Objection("table", "no")


@breaks("errors_are_sorted_and_told")
class SortsNothing(MemoryConnector):
    """Takes every error for one kind."""

    def read(self, request):
        try:
            return super().read(request)
        except StepError as error:
            raise StepError(error.message, kind="internal") from error


@breaks("no_message_holds_a_secret")
class Tells(MemoryConnector):
    """Shows the password that is wrong."""

    def opened(self, config, table):
        try:
            return super().opened(config, table)
        except StepError as error:
            word = config.password.get_secret_value() if config.password else ""
            raise type(error)(f"{error.message}: {word}", hint=error.hint) from error


@breaks("files_are_listed_as_they_change")
class SeesNoChange(MemoryConnector):
    """Lists files that never change."""

    lists_files = True

    def versions(self, config, options, folder):
        return [FileVersion("t", 1, "1")]
