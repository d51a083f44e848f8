"""Random histories of a source, read by every mode at once, against an oracle in plain Python.

`SQLFLOW_SLOW=1` looks at many more of them.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from .ground import Ground, bounded, load

POISON = 666
"""A value that a check refuses, so that the step fails after it has read and staged."""
EPOCH = datetime(2024, 1, 1)  # noqa: DTZ001 - timestamps of SQL have no zone
COLUMNS = "id, u, v, gone"


@dataclass(frozen=True)
class Row:
    """A row of the source: its key, its cursor, its value, its marker."""

    id: int
    u: int | None
    v: int | None
    gone: bool | None

    @property
    def poisoned(self) -> bool:
        """Whether a check refuses it."""
        return self.v == POISON


@dataclass(frozen=True)
class Turn:
    """What happens before a run, and what is asked of it."""

    rows: tuple[Row, ...]
    keeps: bool
    """Whether the source keeps the rows it had."""
    asked: str = "new"
    since: int = 0
    until: int = 0
    drops: bool = False
    """Whether somebody drops the targets before the run."""


@dataclass(frozen=True)
class Kind:
    """A type of the cursor: how its values and its lag are written."""

    sql: str
    write: Callable[[int], Any]
    lag: Callable[[int], Any]


KINDS = {
    "timestamp": Kind("timestamp", lambda n: EPOCH + timedelta(minutes=n), lambda n: f"{n}m"),
    "date": Kind("date", lambda n: date(2024, 1, 1) + timedelta(days=n), lambda n: f"{n}d"),
    "bigint": Kind("bigint", lambda n: n, lambda n: n),
    "decimal": Kind("decimal(12,2)", lambda n: n / 4, lambda n: n / 4),
    "timestamptz": Kind("timestamptz", lambda n: (EPOCH + timedelta(seconds=n)).replace(tzinfo=UTC), lambda n: f"{n}s"),
}


@dataclass(frozen=True)
class Options:
    """What is drawn once for a history."""

    kind: str
    source: str
    lag: int
    on_null: str
    kept: str
    """Which of several rows of one key a merge takes: the first or the last."""
    initial: int | None


ROWS = st.builds(
    Row,
    st.integers(0, 3),
    st.one_of(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.none()),
    st.sampled_from([1, 2, 3, None]),
    st.sampled_from([False, False, False, True, None]),
)
CLEAN = ROWS.filter(lambda row: row.u is not None)
POISONED = CLEAN.map(lambda row: replace(row, v=POISON))
BATCHES = st.one_of(
    st.lists(CLEAN, max_size=5, unique_by=lambda row: row.id),
    st.lists(CLEAN, max_size=6, unique_by=lambda row: (row.id, row.u)),
    st.lists(ROWS, max_size=6),
    st.tuples(st.lists(CLEAN, max_size=3), POISONED).map(lambda pair: [*pair[0], pair[1]]),
)
TURNS = st.builds(
    Turn,
    BATCHES.map(tuple),
    st.booleans(),
    st.sampled_from(["new", "new", "new", "new", "everything", "range"]),
    st.integers(0, 6),
    st.integers(6, 13),
    st.sampled_from([False] * 9 + [True]),
)
OPTIONS = st.builds(
    Options,
    st.sampled_from(list(KINDS)),
    st.sampled_from(["csv", "parquet", "json"]),
    st.integers(0, 3),
    st.sampled_from(["error", "exclude", "exclude"]),
    st.sampled_from(["first", "last"]),
    st.sampled_from([None, None, 2]),
)


class Refused(Exception):
    """The step must fail, and leave everything as it was."""


@dataclass
class Oracle:
    """What one step should leave: a target that is a list of rows or of versions, and a watermark."""

    name: str
    mode: str
    apply: Callable[[Oracle, list[Row], int], list[Any]]
    cursor: bool = True
    keyed: bool = True
    unique: Callable[[Row], Any] | None = None
    lag: int = 0
    on_null: str = "error"
    initial: int | None = None
    rows: list[Any] = field(default_factory=list)
    watermark: int | None = None
    exists: bool = False

    def wanted(self, source: Iterable[Row], turn: Turn) -> list[Row]:
        """Return the rows that the step reads."""
        if not self.cursor:
            return list(source)

        def inside(u: int | None) -> bool:
            if u is None:
                return self.on_null != "exclude"
            if turn.asked == "range":
                return turn.since <= u < turn.until
            if self.watermark is None or turn.asked == "everything":
                return self.initial is None or u >= self.initial
            return u >= self.watermark - self.lag if self.keyed else u > self.watermark

        return [row for row in source if inside(row.u)]

    def refuses(self, batch: list[Row]) -> bool:
        """Tell whether a batch must fail, whatever the target holds."""
        told = set(batch) if self.mode == "scd2" and self.cursor else batch  # said twice is said once
        return (
            (self.cursor and self.on_null == "error" and any(row.u is None for row in batch))
            or any(row.poisoned for row in batch)
            or (self.unique is not None and any(n > 1 for n in Counter(map(self.unique, told)).values()))
        )

    def take(self, source: Iterable[Row], turn: Turn, number: int) -> bool:
        """Run the step; tells whether it succeeds."""
        if not self.exists:
            self.rows, self.watermark = [], None
        batch = self.wanted(source, turn)
        old = self.rows
        if self.refuses(batch):
            return False
        try:
            anew = turn.asked == "everything" and self.mode != "replace"
            self.rows = [] if anew else list(old)
            self.rows = self.apply(self, batch, number) if batch or not self.exists or anew else self.rows
        except Refused:
            self.rows = old
            return False
        self.exists = True
        if self.cursor and turn.asked != "range":
            highest = [row.u for row in batch if row.u is not None]
            known = [] if turn.asked == "everything" or self.watermark is None else [self.watermark]
            self.watermark = max([*highest, *known], default=None)
        return True


def append(oracle: Oracle, batch: list[Row], _number: int) -> list[Row]:
    """Add all rows."""
    return oracle.rows + batch


def append_new(oracle: Oracle, batch: list[Row], _number: int) -> list[Row]:
    """Add the rows whose key is not known."""
    known = {row.id for row in oracle.rows}
    return oracle.rows + [row for row in batch if row.id not in known]


def merging(*, deletes: str | None = None, kept: str | None = None, share: float | None = None) -> Callable[..., Any]:
    """Return a merge: by key the newest comes in the place of the old."""

    def merge(oracle: Oracle, batch: list[Row], _number: int) -> list[Row]:
        found = {row.id: row for row in oracle.rows}
        before = len(found)
        batch = chosen(batch, kept, lambda row: row.id) if kept else batch
        for row in batch:
            if deletes == "hard" and row.gone:
                found.pop(row.id, None)
            else:
                found[row.id] = replace(row, gone=None) if deletes == "hard" else row
        if share is not None:
            missing = {row.id for row in oracle.rows} - {row.id for row in batch}
            if len(missing) > share * before:
                raise Refused
            found = {key: row for key, row in found.items() if key not in missing}
        return list(found.values())

    return merge


def chosen(batch: list[Row], kept: str, group: Callable[[Row], Any]) -> list[Row]:
    """Return one row a group: the first or the last by cursor, value and marker; NULL comes last either way."""
    sign = 1 if kept == "first" else -1

    def place(row: Row) -> tuple[Any, ...]:
        return tuple((value is None, sign * int(value or 0)) for value in (row.u, row.v, row.gone))

    best: dict[Any, Row] = {}
    for row in batch:
        if group(row) not in best or place(row) < place(best[group(row)]):
            best[group(row)] = row
    return list(best.values())


def regroup(by: Callable[[Row], Any]) -> Callable[..., Any]:
    """Return a delete_insert: groups of the batch come in the place of what they were."""

    def delete_insert(oracle: Oracle, batch: list[Row], _number: int) -> list[Row]:
        groups = {by(row) for row in batch}
        return [row for row in oracle.rows if by(row) not in groups] + batch

    return delete_insert


@dataclass(frozen=True)
class Version:
    """A version of a key, as it stands in the target."""

    id: int
    v: int | None
    start: int
    end: int | None


def versioned(*, timed: bool, deletes: str | None = None, kept: str | None = None) -> Callable[..., Any]:
    """Return scd2: what is known of a key and what the batch says, in the order of their times.

    Times are those of the cursor, or the number of the run.
    """

    def scd2(oracle: Oracle, batch: list[Row], number: int) -> list[Version]:
        if kept:
            batch = chosen(batch, kept, lambda row: (row.id, row.u) if timed else row.id)
        said: dict[int, dict[int, Any]] = {}
        for version in oracle.rows:
            said.setdefault(version.id, {})[version.start] = ("is", version.v)
        for version in oracle.rows:
            if version.end is not None:
                said[version.id].setdefault(version.end, "gone")
        for row in batch:
            gone = deletes == "column" and row.gone
            said.setdefault(row.id, {})[row.u if timed else number] = "gone" if gone else ("is", row.v)
        if deletes == "missing":
            for key in {v.id for v in oracle.rows if v.end is None} - {row.id for row in batch}:
                said[key][number] = "gone"
        return [version for key in said for version in timeline(key, said[key])]

    return scd2


def timeline(key: int, said: dict[int, Any]) -> list[Version]:
    """Return the versions of a key, given what was said of it at which time."""
    found: list[Version] = []
    now: Any = "gone"
    for at in sorted(said):
        if said[at] == now:
            continue
        if now != "gone":
            found[-1] = replace(found[-1], end=at)
        now = said[at]
        if now != "gone":
            found.append(Version(key, now[1], at, None))
    return found


def oracles(options: Options) -> list[Oracle]:
    """Return one oracle for every step of the document."""
    lag, on_null, kept = options.lag, options.on_null, options.kept
    key, timed_key = (lambda row: row.id), (lambda row: (row.id, row.u))

    def two(row: Row) -> Any:
        return row.id % 2

    return [
        Oracle("plain", "append", append, keyed=False, on_null=on_null, initial=options.initial),
        Oracle("added", "append", append_new, unique=key, lag=lag, on_null=on_null),
        Oracle("merged", "merge", merging(kept=kept), lag=lag, on_null="include"),
        Oracle("hard", "merge", merging(deletes="hard", kept=kept), lag=lag, on_null=on_null),
        Oracle("soft", "merge", merging(), unique=key, lag=lag, on_null=on_null),
        Oracle("grouped", "delete_insert", regroup(lambda row: row.u), lag=lag, on_null="exclude"),
        Oracle("halves", "delete_insert", regroup(two), cursor=False),
        Oracle("whole", "merge", merging(kept=kept, share=0.5), cursor=False),
        Oracle("history", "scd2", versioned(timed=True, deletes="column", kept=kept), lag=lag, on_null="exclude"),
        Oracle("strict", "scd2", versioned(timed=True), unique=timed_key, lag=lag, on_null=on_null),
        Oracle("seen", "scd2", versioned(timed=False, deletes="missing", kept=kept), cursor=False),
        Oracle("marked", "scd2", versioned(timed=False, deletes="column"), unique=key, cursor=False),
    ]


def document(options: Options, source: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the steps that the oracles foretell."""
    kind = KINDS[options.kind]
    whole = {"on_duplicate": options.kept, "order_by": ["u", "v", "gone"]}
    more: dict[str, dict[str, Any]] = {
        "plain": {},
        "added": {"key": ["id"]},
        "merged": {"key": ["id"], **whole},
        "hard": {"key": ["id"], "deletes": {"column": "gone"}, **whole},
        "soft": {"key": ["id"], "deletes": {"column": "gone", "soft": True}},
        "grouped": {"key": ["u"]},
        "halves": {"key": ["half"]},
        "whole": {"key": ["id"], "deletes": {"missing": "delete", "max_share": 0.5}, **whole},
        "history": {"key": ["id"], "deletes": {"column": "gone"}, "track": ["v"], **whole},
        "strict": {"key": ["id"], "track": ["v"]},
        "seen": {"key": ["id"], "deletes": {"missing": "delete", "max_share": 1}, "track": ["v"], **whole},
        "marked": {"key": ["id"], "deletes": {"column": "gone"}, "track": ["v"]},
    }
    steps = []
    for oracle in oracles(options):
        step = load(source, id=oracle.name, target=f"m.{oracle.name}", mode=oracle.mode, **more[oracle.name])
        step["checks"] = [{"expression": f"v <> {POISON}"}]
        if oracle.cursor:
            step["cursor"] = {"column": "u", "on_null": oracle.on_null}
            if oracle.lag:
                step["cursor"]["lag"] = kind.lag(oracle.lag)
            if oracle.initial is not None:
                step["cursor"]["initial"] = value(kind.write(oracle.initial))
        steps.append(step)
    return steps


def value(item: Any) -> Any:
    """Return a value as YAML writes it."""
    return item.isoformat(" ") if isinstance(item, datetime) else str(item) if isinstance(item, date) else item


def literal(item: Any, sql_type: str) -> str:
    """Return a value as SQL writes it."""
    return f"cast({'null' if item is None else repr(str(item))} as {sql_type})"


def written(ground: Ground, rows: Iterable[Row], options: Options) -> dict[str, Any]:
    """Write the source and return it as a document names it."""
    kind = KINDS[options.kind]
    plain = [(r.id, None if r.u is None else kind.write(r.u), r.v, r.gone, r.id % 2) for r in rows]
    if options.source == "csv":
        shown = [tuple(str(x).lower() if isinstance(x, bool) else x for x in row) for row in plain]
        return ground.csv("src.csv", f"{COLUMNS}, half", *shown)
    if options.source == "json":
        return ground.json("src.json", f"{COLUMNS}, half", *plain)
    types = ("bigint", kind.sql, "bigint", "boolean", "bigint")
    each = [", ".join(literal(x, t) for x, t in zip(row, types, strict=True)) for row in plain]
    nothing = ", ".join(literal(None, t) for t in types)
    body = ", ".join(f"({row})" for row in (each or [nothing]))
    sql = f"select * from (values {body}) s({COLUMNS}, half) {'' if each else 'limit 0'}"
    return ground.parquet("src.parquet", sql)


def found(ground: Ground, oracle: Oracle, options: Options, runs: dict[Any, int]) -> list[tuple[Any, ...]]:
    """Return the target in the words of the oracle: cursors and times as small numbers."""
    kind = KINDS[options.kind]
    numbers = {str(kind.write(n)): n for n in range(14)} | {None: None}
    if options.kind == "decimal":
        numbers = {f"{kind.write(n):.2f}": n for n in range(14)} | {None: None}
    cursor = f"cast(cast({{0}} as {kind.sql}) as varchar)"

    def number(text: str | None) -> Any:
        return numbers[text.replace("+00", "+00:00") if text and options.kind == "timestamptz" else text]

    if oracle.mode == "scd2":
        timed = oracle.cursor
        shown = [cursor.format(c) if timed else f"epoch_us({c})" for c in ("valid_from", "valid_to")]
        got = ground.rows(f"select id::bigint, v::bigint, {shown[0]}, {shown[1]}, is_current from m.{oracle.name}")
        turn = number if timed else (lambda at: None if at is None else runs[at])
        return sorted(((i, v, turn(a), turn(z), c) for i, v, a, z, c in got), key=repr)
    hard = oracle.name == "hard"
    gone = "NULL" if hard else "gone::boolean"
    got = ground.rows(f"select id::bigint, {cursor.format('u')}, v::bigint, {gone} from m.{oracle.name}")
    return sorted(((i, number(u), v, g) for i, u, v, g in got), key=repr)


def expected(oracle: Oracle) -> list[tuple[Any, ...]]:
    """Return what the oracle foretells, in the same words."""
    if oracle.mode == "scd2":
        return sorted(((v.id, v.v, v.start, v.end, v.end is None) for v in oracle.rows), key=repr)
    return sorted(((r.id, r.u, r.v, r.gone) for r in oracle.rows), key=repr)


def lawful(ground: Ground, name: str) -> None:
    """Hold a history to the laws that hold whatever was read: no overlap, at most one current version, no empty one."""
    overlap = (
        f"select a.id from m.{name} a join m.{name} b on a.id = b.id and a.valid_from < b.valid_from "
        "and (a.valid_to is null or a.valid_to > b.valid_from)"
    )
    assert ground.rows(overlap) == []
    assert ground.rows(f"select id from m.{name} where is_current group by id having count(*) > 1") == []
    assert (
        ground.rows(f"select id from m.{name} where valid_to <= valid_from or is_current <> (valid_to is null)") == []
    )
    equal = f"select a.id from m.{name} a join m.{name} b on a.id = b.id and a.valid_to = b.valid_from "
    assert ground.rows(f"{equal} and a.v is not distinct from b.v") == []


@bounded(14, 400)
@given(OPTIONS, st.lists(TURNS, min_size=2, max_size=5))
def test_every_mode_does_what_an_oracle_foretells(options: Options, turns: list[Turn]) -> None:
    """Whatever the source did: rows, versions, watermarks and failures of every mode are those of plain Python."""
    with tempfile.TemporaryDirectory() as folder, Ground(Path(folder)) as ground:
        known = oracles(options)
        source: list[Row] = []
        runs: dict[Any, int] = {}
        for number, turn in enumerate(turns):
            source = [*(source if turn.keeps and not any(r.poisoned for r in source) else ()), *turn.rows]
            steps = document(options, written(ground, source, options))
            if turn.drops and ground.file.exists():
                ground.other(*(f"drop table if exists m.{oracle.name}" for oracle in known))
                for oracle in known:
                    oracle.exists = False
            unknown = turn.asked == "everything" or not all(oracle.exists for oracle in known)
            if options.source == "json" and not source and unknown:
                continue  # an empty array has no columns, so it can only be read where they are known
            play(ground, steps, known, source, turn, number, options, runs)


def play(
    ground: Ground,
    steps: list[dict[str, Any]],
    known: list[Oracle],
    source: list[Row],
    turn: Turn,
    number: int,
    options: Options,
    runs: dict[Any, int],
) -> None:
    """Run once and hold everything against the oracles."""
    kind = KINDS[options.kind]
    asked: dict[str, Any] = {"full_refresh": turn.asked == "everything"}
    active = known
    if turn.asked == "range":
        asked = {"since": str(value(kind.write(turn.since))), "until": str(value(kind.write(turn.until)))}
        asked["exclude"] = ["plain"]
        active = [oracle for oracle in known if oracle.name != "plain"]
    records = ground.run(*steps, **asked)
    runs.update(begun(ground, known, number, runs))
    for oracle in active:
        record = records[oracle.name]
        succeeds = oracle.take(source, turn, number)
        assert (record.status == "succeeded") == succeeds, (oracle.name, record.error)
        if not oracle.exists:
            continue
        assert found(ground, oracle, options, runs) == expected(oracle), oracle.name
        if oracle.mode == "scd2":
            lawful(ground, oracle.name)
        if oracle.cursor:
            text = ground.watermark(oracle.name)
            assert text == mark(oracle.watermark, options), oracle.name


def mark(watermark: int | None, options: Options) -> str | None:
    """Return a watermark as the state holds it."""
    if watermark is None:
        return None
    written_as = "double" if options.kind == "decimal" and options.source != "parquet" else KINDS[options.kind].sql
    sql = f"set timezone = 'UTC'; select cast({literal(KINDS[options.kind].write(watermark), written_as)} as varchar)"
    return duckdb.sql(sql).fetchall()[0][0]


def begun(ground: Ground, known: list[Oracle], number: int, runs: dict[Any, int]) -> dict[Any, int]:
    """Return the times that histories took from this run's start, each with the number of the run."""
    tables = [o.name for o in known if o.mode == "scd2" and not o.cursor]
    times: set[Any] = set()
    there = set(ground.tables())
    for name in tables:
        if f"m.{name}" in there:
            for column in ("valid_from", "valid_to"):
                times |= {
                    row[0] for row in ground.rows(f"select epoch_us({column}) from m.{name} where {column} notnull")
                }
    return {at: number for at in times if at not in runs}
