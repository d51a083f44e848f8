"""Measuring whole processes, a bare script and SQLFlow in turns, and judging what came out.

Knows nothing of what is measured. Must stay light: a child's peak memory can never show less than its parent's.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    quick: bool
    data: Path
    pairs: int

    def size(self, full: int, quick: int) -> int:
        """Return the full or the quick size of something."""
        return quick if self.quick else full

    def folder(self, name: str) -> Path:
        """Return an empty working folder for one measurement."""
        folder = self.data / "work" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder


@dataclass(frozen=True, slots=True)
class Program:
    """A command, where it runs, what is put in order before each run, and how the time of its work is found.

    `beside` tells the CPU seconds that a server has spent so far, which works for it.
    """

    command: Sequence[str]
    folder: Path
    before: Callable[[], None] = lambda: None
    work: Callable[[str], float | None] = lambda _: None
    beside: Callable[[], float] = lambda: 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """One process: wall seconds, peak memory in MB, the seconds of its work without start-up if it tells, CPU seconds.

    Those are of the process and of the server beside it; other work of the machine moves them least.
    """

    seconds: float
    peak: float
    work: float | None
    cpu: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """A figure against its goal."""

    what: str
    figure: float
    goal: float
    unit: str

    @property
    def met(self) -> bool:
        """Whether the goal is met, at the precision that is shown."""
        return round(self.figure, 2) <= self.goal

    def row(self) -> str:
        """Return the line of the table."""
        figure, goal = (f"{n:.2f} {self.unit}" for n in (self.figure, self.goal))
        return f"{self.what:<58} {figure:>10} {'<= ' + goal:>13}  {'met' if self.met else 'MISSED'}"


@dataclass(frozen=True, slots=True)
class Pairs:
    """Runs of the bare script and of SQLFlow; the runs at one index followed each other."""

    title: str
    raw: list[Run]
    flow: list[Run]

    def ratio(self, field: str = "seconds") -> float:
        """Return the median of the pairwise ratios, which noise of the machine moves least."""
        return median(getattr(b, field) / getattr(a, field) for a, b in zip(self.raw, self.flow, strict=True))

    def least(self, side: str, field: str = "seconds") -> float:
        """Return the fastest of one side: what the program needs when the machine does nothing else."""
        return min(getattr(run, field) for run in getattr(self, side))

    def show(self) -> Pairs:
        """Print every figure of both sides."""
        print(f"\n{self.title} ({len(self.raw)} pairs)")
        for field, words, digits in (("seconds", "wall s", 3), ("work", "work s", 3), ("peak", "peak MB", 0)):
            if getattr(self.raw[0], field) is None or getattr(self.flow[0], field) is None:
                continue
            told = []
            for name, runs in (("bare", self.raw), ("sqlflow", self.flow)):
                values = [getattr(run, field) for run in runs]
                shown = " / ".join(f"{n:.{digits}f}" for n in (min(values), median(values), max(values)))
                told.append(f"{name} {shown}")
            print(f"  {words:<8} {told[0]:<32} {told[1]:<34} ratio {self.ratio(field):.2f}")
        sys.stdout.flush()
        return self

    def verdicts(self, goal: float) -> list[Verdict]:
        """Judge the whole process, and the work alone."""
        return [
            Verdict(f"{self.title}: whole process", self.ratio(), goal, "x"),
            Verdict(f"{self.title}: work without start-up", self.ratio("work"), goal, "x"),
        ]


def run(program: Program) -> Run:
    """Run a command to its end; a failed one ends the benchmark with what it said."""
    program.before()
    spent = program.beside()
    with tempfile.TemporaryFile("w+") as told:
        started = time.perf_counter()
        process = subprocess.Popen(
            program.command, cwd=program.folder, env=environment(), stdout=told, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        told.seek(0)
        output = told.read()
    if process.returncode:
        sys.exit(f"{' '.join(program.command)} ended with {process.returncode}:\n{output}")
    peak = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    cpu = usage.ru_utime + usage.ru_stime + program.beside() - spent
    return Run(seconds, peak, program.work(output), cpu)


def alternate(title: str, raw: Program, flow: Program, pairs: int) -> Pairs:
    """Run both in turns after one warm-up of each, and show what came out."""
    run(raw)
    run(flow)
    found: list[tuple[Run, Run]] = [(run(raw), run(flow)) for _ in range(pairs)]
    return Pairs(title, [a for a, _ in found], [b for _, b in found]).show()


REMEMBERED = Path(tempfile.gettempdir()) / "sqlflow-benchmarks-remembered"
"""What validation remembers from one run to the next."""


def environment() -> dict[str, str]:
    """Return the environment of every child: compiled modules are kept, as they are for installed programs."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    bytecode = Path(tempfile.gettempdir()) / "sqlflow-benchmarks-bytecode"
    return {**kept, "PYTHONPYCACHEPREFIX": str(bytecode), "SQLFLOW_CACHE": str(REMEMBERED)}


def absent(path: Path) -> Callable[[], None]:
    """Return what removes a file before a run."""
    return lambda: path.unlink(missing_ok=True)


def script(name: str, *arguments: object) -> list[str]:
    """Return the command of a script of this folder."""
    return [sys.executable, str(HERE / name), *map(str, arguments)]


def sqlflow(*arguments: str) -> list[str]:
    """Return the command of the SQLFlow that is installed beside this Python."""
    beside = Path(sys.executable).with_name("sqlflow")
    command = str(beside) if beside.exists() else shutil.which("sqlflow")
    if command is None:
        sys.exit("sqlflow is not installed here: pip install -e . first")
    return [command, *arguments]


def told_work(output: str) -> float:
    """Read the seconds that a bare script prints last."""
    return float(output.rsplit(maxsplit=1)[-1])


def recorded_work(folder: Path) -> Callable[[str], float]:
    """Return a reader of the duration in the newest run record below a folder."""

    def read(_: str) -> float:
        record = max((folder / "target" / "runs").glob("*/run.json"))
        return float(json.loads(record.read_text(encoding="utf-8"))["duration_ms"]) / 1000

    return read


def made(path: Path, *command: object) -> Path:
    """Return a file or folder of the data, made by a script of this folder when it is not there yet."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        staging = path.with_name(f"unfinished-{path.name}")
        shutil.rmtree(staging, ignore_errors=True)
        staging.unlink(missing_ok=True)
        subprocess.run(script("data.py", *command, staging), check=True)
        staging.rename(path)
    return path


def same_rows(table: str, one: Path, other: Path) -> None:
    """End the benchmark unless two warehouses hold the same rows in a table."""
    run(Program(script("raw/same_rows.py", table, one, other), one.parent))


def options(about: str) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=about.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the data and few pairs: a first look")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "sqlflow-benchmarks",
                        help="folder that keeps the generated data (default: %(default)s)")  # fmt: skip
    parser.add_argument("--pairs", type=int, help="measured pairs of runs (default: 9, quick 3)")
    given = parser.parse_args()
    return Options(given.quick, given.data.resolve(), given.pairs or (3 if given.quick else 9))


def report(verdicts: Sequence[Verdict]) -> None:
    """Print the table of goals."""
    print(f"\n{'what':<58} {'measured':>10} {'goal':>13}")
    for verdict in verdicts:
        print(verdict.row())


def main(measure: Callable[[Options], list[Verdict]], about: str | None) -> None:
    """Run one benchmark from the command line."""
    report(measure(options(about or "")))
