"""Quarantine and incremental loading together: every row is in the target or set aside, once."""

from __future__ import annotations

from typing import Any

import pytest

from sqlflow.cli.console import told_rows

from .ground import Ground, load

MODES: dict[str, dict[str, Any]] = {
    "append": {"mode": "append", "cursor": "u"},
    "append with a key": {"mode": "append", "key": ["id"], "cursor": "u"},
    "merge": {"mode": "merge", "key": ["id"], "cursor": "u"},
    "delete_insert": {"mode": "delete_insert", "key": ["u"], "cursor": "u"},
    "scd2": {"mode": "scd2", "key": ["id"], "cursor": "u"},
    "replace": {"mode": "replace"},
}
CHECK = {"checks": [{"expression": "v > 0", "quarantine": True, "name": "positive"}]}
ASIDE = "quarantine.main__t"


@pytest.mark.parametrize("mode", MODES)
def test_each_row_is_taken_or_set_aside_once(ground: Ground, mode: str) -> None:
    """Over runs that read an overlap again, a bad row is in the quarantine once, and a good one in the target once."""
    step = {**MODES[mode], **CHECK}
    source = ground.csv("a.csv", "id,u,v", (1, 1, 1), (2, 2, -2), (3, 2, 3))
    record = ground.done(load(source, **step))
    assert (record.rows.read, record.rows.quarantined) == (3, 1)
    ground.done(load(source, **step))
    ground.csv("a.csv", "id,u,v", (1, 1, 1), (2, 2, -2), (3, 2, 3), (4, 4, -4), (5, 4, 5))
    ground.done(load(source, **step))
    assert ground.rows("select id from t") == [(1,), (3,), (5,)]
    assert ground.rows(f"select id, v, sqlflow_check, sqlflow_step from {ASIDE}") == [
        (2, -2, "positive", "s"),
        (4, -4, "positive", "s"),
    ]


def test_the_watermark_passes_rows_that_are_set_aside(ground: Ground) -> None:
    """A bad row with the highest cursor moves the watermark: it is dealt with, and not read for ever."""
    source = ground.csv("a.csv", "id,u,v", (1, 1, 1), (2, 9, -2))
    ground.done(load(source, **MODES["merge"], **CHECK))
    assert ground.watermark() == "9"


def test_a_failed_step_sets_nothing_aside(ground: Ground) -> None:
    """Quarantined rows are committed with the rest, or not at all."""
    source = ground.csv("a.csv", "id,u,v", (1, 1, 1), (2, 2, -2))
    checks = [*CHECK["checks"], {"row_count": {"max": 1}}]
    ground.done(load(source, **MODES["merge"], checks=checks))
    ground.csv("a.csv", "id,u,v", (3, 3, -3), (4, 4, 4))
    ground.refused("SF701", load(source, **MODES["merge"], checks=checks))
    assert ground.rows(f"select id from {ASIDE}") == [(2,)]


def test_too_many_bad_rows_fail_the_step(ground: Ground) -> None:
    """`max_failures` bounds what may be set aside; beyond it nothing is written, aside or not."""
    source = ground.csv("a.csv", "id,u,v", (1, 1, 1), (2, 2, -2))
    checks = [{**CHECK["checks"][0], "max_failures": 1}]
    ground.done(load(source, **MODES["merge"], checks=checks))
    ground.csv("a.csv", "id,u,v", (3, 3, -3), (4, 4, -4))
    ground.refused("SF701", load(source, **MODES["merge"], checks=checks))


def test_a_mended_row_goes_into_the_target(ground: Ground) -> None:
    """When the source mends a row with a new cursor it is taken, and stands in the place of the bad one."""
    source = ground.csv("a.csv", "id,u,v", (1, 1, 1), (2, 2, -2))
    ground.done(load(source, **MODES["merge"], **CHECK))
    ground.csv("a.csv", "id,u,v", (1, 1, 1), (2, 3, 2))
    ground.done(load(source, **MODES["merge"], **CHECK))
    assert ground.rows("select id from t") == [(1,), (2,)]
    assert ground.rows(f"select id, v from {ASIDE}") == []


def test_a_full_refresh_starts_the_quarantine_anew(ground: Ground) -> None:
    """Everything is read again, so what was set aside before does not count twice."""
    source = ground.csv("a.csv", "id,u,v", (1, 1, 1), (2, 2, -2))
    ground.done(load(source, **MODES["merge"], **CHECK))
    ground.csv("a.csv", "id,u,v", (1, 1, 1), (3, 2, -3))
    ground.done(load(source, **MODES["merge"], **CHECK), full_refresh=True)
    assert ground.rows(f"select id from {ASIDE}") == [(3,)]


def test_an_equal_row_of_another_file_is_another_row(ground: Ground) -> None:
    """What is appended from new files is set aside as often as it stands in them, as good rows are taken."""
    source = {"connector": "csv", "path": "*.csv", "incremental": "new_files"}
    step = {"mode": "append", "checks": [{"not_null": "v", "quarantine": True}]}
    for name in ("1.csv", "2.csv"):
        ground.csv(name, "id,v", (1, 1), (2, None))
        ground.done(load(source, **step))
    assert ground.rows("select id from t") == [(1,), (1,)]
    assert ground.rows(f"select id from {ASIDE}") == [(2,), (2,)]


@pytest.mark.parametrize("cursor", [{}, {"cursor": {"column": "u", "lag": 5}}])
@pytest.mark.parametrize("mode", ["merge", "scd2"])
def test_a_corrected_row_takes_the_place_of_the_one_set_aside(
    ground: Ground, mode: str, cursor: dict[str, Any]
) -> None:
    """Once a good row of its key has come, an old bad one cannot come back over it, whatever the check says later."""
    step = {"mode": mode, "key": ["id"], **cursor}
    source = ground.csv("a.csv", "id,u,v", (1, 1, 5), (2, 2, -3), (3, 3, -4))
    ground.done(load(source, **step, **CHECK))
    ground.csv("a.csv", "id,u,v", (1, 1, 5), (2, 2, 33), (3, 3, -4))
    ground.done(load(source, **step, **CHECK))
    assert ground.rows(f"select id, v from {ASIDE}") == [(3, -4)]
    assert ground.rows("select id, v from t where id = 2") == [(2, 33)]


def test_a_late_older_row_does_not_take_the_place_of_a_newer_one(ground: Ground) -> None:
    """By the cursor, the row that was set aside is the newer one; it waits on."""
    step = {"mode": "merge", "key": ["id"], "cursor": {"column": "u", "lag": 5}}
    source = ground.csv("a.csv", "id,u,v", (1, 4, 5), (2, 3, -3))
    ground.done(load(source, **step, **CHECK))
    ground.csv("a.csv", "id,u,v", (1, 4, 5), (2, 2, 7))
    ground.done(load(source, **step, **CHECK))
    assert ground.rows(f"select id, u, v from {ASIDE}") == [(2, 3, -3)]
    assert ground.rows("select id, v from t") == [(1, 5), (2, 7)]


def test_a_table_that_is_emptied_is_told(ground: Ground) -> None:
    """When all rows of a source that replaces its table are set aside, nobody says that nothing has changed."""
    step = {"mode": "replace", **CHECK}
    source = ground.csv("a.csv", "id,u,v", (1, 1, 5))
    ground.done(load(source, **step))
    ground.csv("a.csv", "id,u,v", (1, 1, -5), (2, 2, -6))
    record = ground.done(load(source, **step))
    assert told_rows("load", record.rows) == "0 inserted, 2 quarantined"
    merged = ground.done(load(source, target="m", id="m", mode="merge", key=["id"], **CHECK))
    assert told_rows("load", merged.rows) == "0 inserted, 2 quarantined"
    again = ground.done(load(source, target="m", id="m", mode="merge", key=["id"], **CHECK))
    assert told_rows("load", again.rows) == "2 rows read, nothing changed, 2 quarantined"
