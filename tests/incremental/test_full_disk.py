"""A disk that is full at any moment: the step fails in words, the old rows stay, and the next run is whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .crashing import Crasher
from .ground import SLOW, Ground, load

MODES: dict[str, dict[str, Any]] = {
    "replace": {"mode": "replace"},
    "append": {"mode": "append", "cursor": "id"},
    "merge": {"mode": "merge", "key": ["id"], "cursor": "id"},
    "scd2": {"mode": "scd2", "key": ["id"], "cursor": "id"},
    "delete_insert": {"mode": "delete_insert", "key": ["id"], "cursor": "id"},
}
KB = 1024


@pytest.fixture(scope="module")
def crasher() -> Iterator[Crasher]:
    """Return the process that runs with small files."""
    with Crasher() as found:
        yield found


def rows(first: int, last: int) -> str:
    """Return a query of rows that cannot be made small."""
    return f"select n as id, md5(n::varchar) || md5((n + 1)::varchar) as v from range({first}, {last}) r(n)"


@pytest.mark.parametrize("room", range(0, 1600, 160 if SLOW else 800))
@pytest.mark.parametrize("mode", MODES)
def test_no_room_is_a_failure_that_leaves_everything(ground: Ground, crasher: Crasher, mode: str, room: int) -> None:
    """With so many KB more for the file, a load of some MB fails or is whole; afterwards the rest is made good."""
    source = ground.parquet("a.parquet", rows(0, 2000))
    step = load(source, **MODES[mode])
    ground.done(step)
    before = ground.tables(), ground.memories()
    size = ground.file.stat().st_size
    ground.let_go()
    ground.parquet("a.parquet", rows(0, 20_000))
    (ground.folder / "p.yaml").write_text(json.dumps({"version": 1, "name": "p", "steps": [step]}), encoding="utf-8")
    answer = crasher.run(ground.folder, limit=size + room * KB)
    assert not answer["killed"]
    if answer.get("error") is None and answer["steps"]["s"][0] == "succeeded":
        assert len(ground.rows("from t")) == 20_000
    else:
        code, message = told(answer)
        assert code == "SF713", message
        assert "full" in message or "cannot write" in message
        assert (ground.tables(), ground.memories()) == before
    ground.done(step)
    assert ground.rows("select count(*), count(distinct id) from t") == [(20_000, 20_000)]
    if "cursor" in MODES[mode]:
        assert ground.watermark() == "19999"


def told(answer: Any) -> tuple[str, str]:
    """Return the code and the message of what failed."""
    if answer.get("error") is not None:
        return answer["error"][0], answer["error"][1]
    error = answer["steps"]["s"][1]
    return error["code"], error["message"]


def test_some_rooms_are_too_small(ground: Ground, crasher: Crasher, tmp_path: Path) -> None:
    """The limit is real: without room to write, the load above does fail."""
    step = load(ground.parquet("a.parquet", rows(0, 2000)))
    ground.done(step)
    ground.let_go()
    ground.parquet("a.parquet", rows(0, 20_000))
    size = (tmp_path / "p.duckdb").stat().st_size
    assert told(crasher.run(ground.folder, limit=size))[0] == "SF713"
