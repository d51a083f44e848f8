"""A transform in batches: gaps, ranges, failures in the middle, other sizes. Its intervals end before now."""

from __future__ import annotations

from typing import Any

import pytest

from .ground import Ground, transform

START = "2026-01-01"
SERIES = "create table src as select {} as d, n::integer as n from range({}) r(n)"
SHOWN = "select d::date::varchar, n from t"


def cut(sql: str = "select d, n from src", size: str = "1 day", **options: Any) -> dict[str, Any]:
    """Return a transform in batches of a few days that ended long ago."""
    batches = {"by": "d", "size": size, "initial": START, **options.pop("batches", {})}
    return transform(sql, **{"mode": "delete_insert", "batches": batches, **options})


def days(*rows: tuple[str, int]) -> list[str]:
    """Return the statements that make the source anew."""
    made = "create or replace table src (d timestamp, n integer)"
    return [made, *(f"insert into src values ('2026-{day} 12:00', {n})" for day, n in rows)]


def intervals(ground: Ground) -> list[str]:
    """Return the starts of the finished intervals."""
    return sorted(name[:10] for _, _, name in ground.memories("interval"))


def first(ground: Ground, **options: Any) -> None:
    """Run the first five days of January."""
    ground.other(*days(*((f"01-0{n}", n) for n in range(1, 6))))
    ground.done(cut(**options), since="2026-01-01", until="2026-01-06")


def test_a_range_runs_its_intervals_and_only_these(ground: Ground) -> None:
    """`--from` is part of the range and `--to` is not; an interval that is touched is run as a whole."""
    first(ground)
    assert ground.rows(SHOWN) == [(f"2026-01-0{n}", n) for n in range(1, 6)]
    ground.other("update src set n = n * 10")
    ground.done(cut(), since="2026-01-02", until="2026-01-04")
    assert [n for _, n in ground.rows(SHOWN)] == [1, 20, 30, 4, 5]
    ground.done(cut(), since="2026-01-04T18:00:00", until="2026-01-05")
    assert [n for _, n in ground.rows(SHOWN)] == [1, 20, 30, 40, 5]


def test_gaps_are_filled_and_finished_intervals_left_alone(ground: Ground) -> None:
    """A plain run does every interval that is missing, wherever it lies, and no other."""
    batches = {"size": "30 days"}
    ground.other(*days(("01-05", 1), ("02-05", 2), ("03-05", 3), ("04-05", 4)))
    ground.done(cut(batches=batches), since="2026-01-31", until="2026-03-02")
    assert [n for _, n in ground.rows(SHOWN)] == [2]
    assert intervals(ground) == ["2026-01-31"]
    ground.other("update src set n = n * 10")
    ground.done(cut(batches=batches))
    assert [n for _, n in ground.rows(SHOWN)] == [10, 2, 30, 40]
    ground.other("update src set n = 0")
    assert ground.done(cut(batches=batches)).note == "no interval is missing"
    assert [n for _, n in ground.rows(SHOWN)] == [10, 2, 30, 40]


def test_lookback_runs_the_newest_intervals_again(ground: Ground) -> None:
    """Late rows in the last intervals are taken over; older ones are not looked at."""
    batches = {"size": "30 days", "lookback": 1}
    ground.other(SERIES.format("(now()::timestamp - (n + 1) * interval 30 days)", 5))
    ground.done(cut(batches=batches))
    before = dict(ground.rows("select n, count(*) from t group by n"))
    ground.other("insert into src select d, n + 100 from src")
    ground.done(cut(batches=batches))
    again = {n - 100 for (n,) in ground.rows("select n from t where n >= 100")}
    assert len(again) == 1
    assert again <= set(before)
    assert min(again) == min(before)


@pytest.mark.parametrize("mode", ["delete_insert", "merge"])
def test_an_interval_that_fails_in_the_middle_keeps_what_is_before_it(ground: Ground, mode: str) -> None:
    """Each interval has its commit: those before the failure stand, the rest is done by the next run, none twice."""
    options: dict[str, Any] = {"mode": mode, "checks": [{"expression": "n <> 3"}]}
    options |= {"key": ["n"]} if mode == "merge" else {}
    ground.other(*days(*((f"01-0{n}", n) for n in range(1, 6))))
    asked = {"since": "2026-01-01", "until": "2026-01-06"}
    record = ground.run(cut(**options), **asked)["s"]
    assert (record.status, record.error["code"]) == ("failed", "SF701")
    assert [n for _, n in ground.rows(SHOWN)] == [1, 2]
    assert intervals(ground) == ["2026-01-01", "2026-01-02"]
    ground.other("update src set n = 33 where n = 3")
    ground.done(cut(**options), **asked)
    assert [n for _, n in ground.rows(SHOWN)] == [1, 2, 33, 4, 5]
    assert len(intervals(ground)) == 5


@pytest.mark.parametrize(("was", "now"), [("30 days", "10 days"), ("10 days", "30 days"), ("30 days", "20 days")])
def test_another_size_neither_loses_nor_doubles(ground: Ground, was: str, now: str) -> None:
    """Intervals shrink or grow: what finished ones cover together is finished, the rest is run, no row is twice."""
    ground.other(SERIES.format("('2026-01-01'::timestamp + n * interval 1 day)", 200))
    ground.done(cut(size=was), until="2026-03-02")
    done = ground.rows("select n from t")
    ground.done(cut(size=now))
    rows = ground.rows("select n, count(*) from t group by n")
    assert {count for _, count in rows} == {1}
    assert [(n,) for n, _ in rows] == [(n,) for n in range(200)]
    assert len(done) == 60


def test_rows_outside_of_the_interval_are_left_out(ground: Ground) -> None:
    """A query that ignores `$start` and `$end` gives each row to the interval it belongs to, and NULL to none."""
    ground.other(*days(("01-01", 1), ("01-02", 2)), "insert into src values (null, 9), ('2025-12-31', 8)")
    ground.done(cut(), since="2026-01-01", until="2026-01-03")
    assert ground.rows(SHOWN) == [("2026-01-01", 1), ("2026-01-02", 2)]


def test_start_and_end_are_bound(ground: Ground) -> None:
    """`$start` is part of the interval and `$end` is not."""
    ground.other(SERIES.format("('2026-01-01'::timestamp + n * interval 12 hours)", 6))
    sql = "select d, n, $start as a, $end as z from src where d >= $start and d < $end"
    ground.done(cut(sql), since="2026-01-01", until="2026-01-04")
    assert ground.rows("select n, a::varchar, z::varchar from t") == [
        (n, f"2026-01-0{1 + n // 2}", f"2026-01-0{2 + n // 2}") for n in range(6)
    ]


def test_an_interval_without_rows_empties_and_is_finished(ground: Ground) -> None:
    """Rows that left the source leave the target when their interval is run again, also when none is left."""
    first(ground)
    ground.other("delete from src where n in (2, 3)")
    ground.done(cut(), since="2026-01-02", until="2026-01-04")
    assert [n for _, n in ground.rows(SHOWN)] == [1, 4, 5]
    assert len(intervals(ground)) == 5


def test_full_refresh_runs_every_interval(ground: Ground) -> None:
    """Everything is made anew, and intervals of an older grid are forgotten."""
    first(ground)
    ground.other("update src set n = n * 10")
    ground.done(cut(size="30 days"), full_refresh=True)
    assert [n for _, n in ground.rows(SHOWN)] == [10, 20, 30, 40, 50]
    assert "2026-01-02" not in intervals(ground)


def test_a_dropped_target_runs_every_interval(ground: Ground) -> None:
    """What was finished of a table that is gone is not finished."""
    step = cut(size="30 days")
    ground.other(*days(("01-05", 1), ("02-05", 2)))
    ground.done(step)
    ground.other("drop table t")
    ground.done(step)
    assert [n for _, n in ground.rows(SHOWN)] == [1, 2]


def test_a_range_that_is_no_time_is_refused(ground: Ground) -> None:
    """The message names the option and how a time is written."""
    first(ground)
    said = ground.refused("SF733", cut(), since="soon")
    assert "--from" in said
    assert "2024-01-31" in said
