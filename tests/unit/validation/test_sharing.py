"""Documents divided among processes: what is found is what one process finds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")

DRIVER = """
import json, os, sys
from pathlib import Path
from sqlflow.cache import Files
from sqlflow.pipeline import installed
from sqlflow.validation import sharing

count = int(sys.argv[1])
sharing.processes = lambda documents: count
paths = [Path(name) for name in sys.argv[2:]]
found = sharing.find_all(paths, installed(), Files(), {}, {"state": False})
print(json.dumps([
    [
        str(one.path),
        [[p.code, str(p.mark), p.severity, p.message] for p in one.problems],
        sorted((key, table.name, str(table.schema)) for key, table in one.made.items()),
        None if one.depends is None else [sorted(one.depends.files.items()), sorted(one.depends.listings)],
    ]
    for one in found
]))
"""


def found(folder: Path, processes: int, names: list[str]) -> list[list[object]]:
    """Return what so many processes find of documents."""
    words = [sys.executable, "-c", DRIVER, str(processes), *names]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.stderr == ""
    assert done.returncode == 0
    return json.loads(done.stdout)


def project(folder: Path) -> list[str]:
    """Write documents that need each other in chains, in a ring and not at all, and some that are broken."""
    (folder / "sqlflow.yaml").write_text("version: 1\nname: shop\nspecs: ['*.yaml']\n")
    steps = {
        "orders": ("raw.orders", "select 1 as id, 2.5 as amount"),
        "daily": ("marts.daily", "select sum(amount) as revenue from raw.orders"),
        "wrong": ("marts.wrong", "select amuont from raw.orders"),
        "monthly": ("marts.monthly", "select sum(revenue) as revenue from marts.daily"),
        "yearly": ("marts.yearly", "select revenu from marts.monthly"),
        "left": ("ring.l", "select a from ring.r"),
        "right": ("ring.r", "select a from ring.l"),
        "twice_a": ("raw.twice", "select 1 as a"),
        "twice_b": ("raw.twice", "select 'x' as b"),
        "reader": ("marts.reader", "select a from raw.twice"),
        "nobody": ("marts.nobody", "from raw.nobody"),
        "syntax": ("marts.syntax", "selec 1"),
        "alone": ("marts.alone", "select 1 as n"),
    }
    for name, (target, sql) in steps.items():
        step = f'{{id: s, type: transform, target: {target}, sql: "{sql}"}}'
        (folder / f"{name}.yaml").write_text(f"version: 1\nname: {name}\nsteps:\n  - {step}\n")
    (folder / "broken.yaml").write_text("version: [1\n")
    (folder / "tests.yaml").write_text("version: 1\nkind: test\npipeline: absent.yaml\ntests: []\n")
    return [f"{name}.yaml" for name in ["yearly", *steps, "broken", "tests", "absent"]]


@pytest.mark.parametrize("processes", [2, 5, 30])
def test_processes_find_what_one_finds(processes: int, tmp_path: Path) -> None:
    """Problems, tables and what they rest on are the same, in the same order, however many share the work."""
    names = project(tmp_path)
    alone = found(tmp_path, 1, names)
    assert found(tmp_path, processes, names) == alone
    told = {str(path): [problem[0] for problem in problems] for path, problems, *_ in alone}  # type: ignore[attr-defined]
    assert told["yearly.yaml"] == ["SF421"]
    assert told["wrong.yaml"] == ["SF421"]
    assert told["monthly.yaml"] == []
    assert told["reader.yaml"] == ["SF426"]


DOCUMENT = """\
version: 1
name: p{0}
steps:
  - {{id: a, type: transform, target: "marts.t{0:04}", sql: "select n{1} from raw.numbers"}}
"""


def many(folder: Path, count: int) -> None:
    """Write a document that makes a table, and many that read it; every hundredth reads a column that is none."""
    (folder / "sqlflow.yaml").write_text("version: 1\nname: shop\nspecs: ['*.yaml']\n")
    (folder / "numbers.yaml").write_text(
        "version: 1\nname: numbers\nsteps:\n  - {id: n, type: transform, target: raw.numbers, sql: select 1 as n}\n"
    )
    for number in range(count):
        (folder / f"p{number:04}.yaml").write_text(DOCUMENT.format(number, "" if number % 100 else "o"))


def test_validate_divides_many_documents(tmp_path: Path) -> None:
    """The command finds every problem of hundreds of documents, in their order, and what it keeps holds again."""
    many(tmp_path, 350)
    environment = {**os.environ, "SQLFLOW_CACHE": str(tmp_path / "cache")}
    words = [sys.executable, "-m", "sqlflow", "validate"]
    runs = [
        subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment, timeout=120)
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout
    assert [run.stderr for run in runs] == ["", ""]
    assert [line.split()[0] for line in runs[0].stdout.splitlines() if "SF421" in line] == [
        f"p{number:04}.yaml:4:66:" for number in (0, 100, 200, 300)
    ]
    assert runs[0].returncode == 2


KILLED = """
import os, sys
from sqlflow.validation import sharing
sharing.processes = lambda documents: 3
hold = sharing._hold
sharing._hold = lambda *given: {0}
from sqlflow.cli.main import main
sys.argv = ["sqlflow", "validate", "--no-cache"]
main()
"""


def driven(folder: Path, instead: str) -> subprocess.CompletedProcess[str]:
    """Validate with something else done in the other processes."""
    words = [sys.executable, "-c", KILLED.format(instead)]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def test_a_process_that_dies_is_told(tmp_path: Path) -> None:
    """Where another process is killed, as for want of memory, the command says so and tells nothing as if it knew."""
    many(tmp_path, 10)
    done = driven(tmp_path, "os.kill(os.getpid(), 9)")
    assert done.returncode == 1
    assert "ended early" in done.stderr
    assert "valid" not in done.stdout


def test_an_error_in_another_process_is_raised_here(tmp_path: Path) -> None:
    """A fault is not swallowed because it happened elsewhere."""
    many(tmp_path, 10)
    (tmp_path / "numbers.yaml").write_text("version: 1\nname: x\nsteps: [{id: a, type: broken}]\n")
    done = driven(tmp_path, "hold(given[0], given[1], None, *given[3:])")
    assert done.returncode != 0
    assert "AttributeError" in done.stderr


def test_an_interrupt_ends_every_process(tmp_path: Path) -> None:
    """Ctrl-C ends the command with 130, and no process of it is left."""
    many(tmp_path, 2_000)
    words = [sys.executable, "-m", "sqlflow", "validate", "--no-cache"]
    with subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
        while running.poll() is None and not children.read_text().split():
            time.sleep(0.01)
        os.killpg(running.pid, signal.SIGINT)
        _, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (130, "")
    with pytest.raises(ProcessLookupError):
        os.killpg(running.pid, 0)
