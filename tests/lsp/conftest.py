"""A project of two pipelines, and editors on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .editor import Editor

PROJECT = """\
version: 1
name: shop
specs: ["specs/*.yaml"]
vars:
  since: {type: date, default: 2024-01-01, description: First day to load.}
  token: {type: string, default: "${env:SHOP_TOKEN:-hush}"}
connections:
  files: {connector: csv, folder: data}
profiles:
  dev:
    vars: {since: 2024-06-01}
  prod:
    storage: {type: file, path: shop.duckdb}
default_profile: dev
"""
ORDERS = """\
version: 1
name: orders
vars:
  least: {type: number, default: 1.5}
  tab: {type: identifier, default: orders}
steps:
  - id: orders
    type: load
    source: {connection: files, path: orders.csv}
    target: raw.orders
    columns: {amount: "decimal(10,2)"}
    checks:
      - unique: order_id
      - expression: amount > 0
  - id: daily
    type: transform
    target: marts.daily
    sql: |
      with paid as (
        select order_id, placed_on as day, amount
        from raw.orders o
        where status = 'paid' and placed_on >= $since
      )
      select day, sum(amount) as revenue
      from paid
      group by day
  - id: report
    type: export
    source: marts.daily
    target: {connector: csv, path: out/daily.csv}
    depends_on: [orders]
"""
WEEKLY = """\
version: 1
name: weekly
steps:
  - id: weekly
    type: transform
    target: marts.weekly
    sql_file: weekly.sql
"""
DATA = "order_id,customer,placed_on,amount,status\n1,Zoë,2024-01-01,9.50,paid\n2,Ann,2024-01-02,1.25,open\n"
FUNCTION = "from sqlflow import udf\n\n\n@udf\ndef with_tax(amount: float) -> float:\n    return amount * 1.2\n"


def write_project(folder: Path) -> Path:
    """Write the project into a folder."""
    for name, text in {
        "sqlflow.yaml": PROJECT,
        "specs/orders.yaml": ORDERS,
        "specs/weekly.yaml": WEEKLY,
        "weekly.sql": "select 1 as week\n",
        "data/orders.csv": DATA,
        "udfs/tax.py": FUNCTION,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project of one test."""
    return write_project(tmp_path)


@pytest.fixture
def start() -> Iterator[Callable[..., Editor]]:
    """Start editors; a server that is still there at the end is ended."""
    started: list[Editor] = []

    def begin(*arguments: object, **options: object) -> Editor:
        started.append(Editor(*arguments, **options))
        return started[-1]

    yield begin
    for editor in started:
        editor.kill()


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    """Return an editor that the tests of a module share, with the pipeline `specs/orders.yaml` open."""
    shared = Editor(write_project(tmp_path_factory.mktemp("project")))
    shared.open("specs/orders.yaml")
    yield shared
    assert shared.quit() == 0
    assert b"".join(shared.stderr) == b""
    assert shared.log == []
