"""What `sqlflow validate` says about documents that cannot run: one small file for each fault, beside it the answer.

A file in `bad/` is a test by existing. Its name begins with the code that it shows; `--regen` writes the answers anew.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from textwrap import dedent, indent
from typing import NamedTuple

import pytest

from sqlflow.cli.main import main
from sqlflow.registry import host

BAD = Path(__file__).parent / "bad"
FILES = sorted(path.stem for path in BAD.glob("*.yaml"))
PLACE = re.compile(r"^(?P<file>[\w./-]+\.yaml):(?P<line>\d+):(?P<column>\d+): (?P<code>SF\d{3}) ", re.MULTILINE)
BLOCK = re.compile(r"write it as a block:\n(?P<block>(?: {9}.*\n)+)")
QUOTED = re.compile(r'^ +hint: write (?P<key>\w+): "(?P<text>.*)"$', re.MULTILINE)


class Answer(NamedTuple):
    """What the command answered."""

    code: int
    out: str
    err: str


Command = Callable[..., Answer]


@pytest.fixture
def sqlflow(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Call the command line in this process, without colours and with nothing but the plugins in the box."""
    monkeypatch.setenv("NO_COLOR", "1")
    for name in [name for name in os.environ if name.startswith("SQLFLOW_")]:
        monkeypatch.delenv(name)
    boxed = [e for e in metadata.entry_points(group="sqlflow") if e.dist and e.dist.name == "sqlflow-pipelines"]
    monkeypatch.setattr(host, "entry_points", lambda **_: boxed)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def call(*arguments: str, cwd: Path = BAD) -> Answer:
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["sqlflow", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        return Answer(int(ended.value.code or 0), shown.out.replace(str(cwd), "<folder>"), shown.err)

    yield call
    for number, handler in handlers.items():
        signal.signal(number, handler)


def steps(text: str, above: str = "") -> str:
    """Return a pipeline with these steps; the first of them begins on line 4 when nothing stands above."""
    return f"version: 1\nname: bad\n{above}steps:\n" + indent(dedent(text).strip("\n"), "  ") + "\n"


def transform(keys: str, above: str = "") -> str:
    """Return a pipeline of one transform with these further keys, the first of them on line 7."""
    return steps(
        "- id: daily\n  type: transform\n  target: marts.daily\n" + indent(dedent(keys).strip("\n"), "  "), above
    )


# --- the folder


@pytest.mark.parametrize("name", FILES)
def test_a_bad_document_is_answered_as_recorded(name: str, sqlflow: Command, regen: bool) -> None:
    """A fault is told with the code in the file's name, in words that do not change unnoticed, and with exit code 2."""
    answer = sqlflow("validate", f"{name}.yaml")
    golden = BAD / f"{name}.txt"
    if regen:
        golden.write_text(answer.out, encoding="utf-8")
    assert answer.out == golden.read_text(encoding="utf-8")
    assert answer.err == ""
    assert answer.code == 2
    assert name.partition("_")[0] in [found["code"] for found in PLACE.finditer(answer.out)]


def test_every_answer_has_its_question() -> None:
    """No recorded answer is left over from a document that is gone."""
    assert sorted(path.stem for path in BAD.glob("*.txt")) == FILES
    assert {path.suffix for path in BAD.iterdir() if path.is_file()} == {".yaml", ".txt"}


@pytest.mark.parametrize("name", FILES)
def test_a_place_is_in_the_file(name: str) -> None:
    """Every place that is told can be gone to: its line exists and its column is at most one past the line's end."""
    lines = (BAD / f"{name}.yaml").read_bytes().decode("utf-8-sig", errors="replace").splitlines() or [""]
    for found in PLACE.finditer((BAD / f"{name}.txt").read_text(encoding="utf-8")):
        assert int(found["line"]) <= len(lines), found[0]
        assert int(found["column"]) <= len(lines[int(found["line"]) - 1]) + 1, found[0]


@pytest.mark.parametrize(
    "name",
    [name for name in FILES if name.startswith("SF401_")],
)
def test_the_caret_is_under_the_word(name: str) -> None:
    """Where the parser names the word that it stopped at, that word stands at the place that is told."""
    lines = (BAD / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    for found in re.finditer(
        PLACE.pattern + r"SQL: .*at or near \"(?P<word>.+)\"$",
        (BAD / f"{name}.txt").read_text(encoding="utf-8"),
        re.MULTILINE,
    ):
        assert lines[int(found["line"]) - 1][int(found["column"]) - 1 :].startswith(found["word"]), found[0]


@pytest.mark.parametrize("name", FILES)
def test_every_problem_has_a_remedy(name: str) -> None:
    """Each problem is followed by a hint that says what to do."""
    told = (BAD / f"{name}.txt").read_text(encoding="utf-8")
    assert told.count("\n   hint: ") == len(PLACE.findall(told)) > 0


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in FILES
        if name.startswith("SF107_") and not QUOTED.search((BAD / f"{name}.txt").read_text("utf-8"))
    ],
)
def test_the_fix_that_is_shown_works(name: str, sqlflow: Command, tmp_path: Path) -> None:
    """The block that is shown for SQL that YAML mangles can be put in the place of the line, and then YAML reads it."""
    told = (BAD / f"{name}.txt").read_text(encoding="utf-8")
    block, place = BLOCK.search(told), PLACE.search(told)
    assert block
    assert place
    lines = (BAD / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    row = int(place["line"]) - 1
    margin = lines[row][: len(lines[row]) - len(lines[row].lstrip())]
    lines[row] = indent(dedent(block["block"]), margin)
    (tmp_path / "mended.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    answer = sqlflow("validate", "mended.yaml", cwd=tmp_path)
    assert {found["code"] for found in PLACE.finditer(answer.out)} <= {"SF401"}  # some of it is no SQL anyway


@pytest.mark.parametrize("name", FILES)
def test_a_bad_document_is_not_run(name: str, sqlflow: Command, tmp_path: Path) -> None:
    """`run` refuses what `validate` refuses, says so on standard error, and leaves nothing behind."""
    shutil.copy(BAD / f"{name}.yaml", tmp_path)
    answer = sqlflow("run", f"{name}.yaml", cwd=tmp_path)
    assert answer.code == 2
    assert name.partition("_")[0] in answer.err
    assert answer.out == ""
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.yaml"]


@pytest.mark.parametrize(
    "name",
    [name for name in FILES if name.startswith("SF107_") and QUOTED.search((BAD / f"{name}.txt").read_text("utf-8"))],
)
def test_the_quotes_that_are_shown_work(name: str, sqlflow: Command, tmp_path: Path) -> None:
    """What YAML cuts in an inline mapping can be put in the quotes that are shown, and then YAML reads it."""
    shown = QUOTED.search((BAD / f"{name}.txt").read_text(encoding="utf-8"))
    assert shown
    text = (BAD / f"{name}.yaml").read_text(encoding="utf-8")
    assert text.count(f"{shown['key']}: {shown['text']}") == 1
    mended = text.replace(f"{shown['key']}: {shown['text']}", f'{shown["key"]}: "{shown["text"]}"')
    (tmp_path / "mended.yaml").write_text(mended, encoding="utf-8")
    assert "SF10" not in sqlflow("validate", "mended.yaml", cwd=tmp_path).out


def test_one_call_tells_the_problems_of_every_file(sqlflow: Command) -> None:
    """A folder is checked as its files are one by one: no fault in one file hides one in another."""
    told = Counter(found[0] for found in PLACE.finditer(sqlflow("validate", ".").out))
    alone = Counter(
        found[0] for name in FILES for found in PLACE.finditer((BAD / f"{name}.txt").read_text(encoding="utf-8"))
    )
    assert told == alone


def test_a_machine_reads_the_same_problems(sqlflow: Command) -> None:
    """`--output json` holds the places, codes and hints that the text shows."""
    answer = sqlflow("validate", ".", "--output", "json")
    problems = json.loads(answer.out)["problems"]
    places = {f"{p['file']}:{p['line']}:{p['column']}: {p['code']} " for p in problems}
    alone = {found[0] for name in FILES for found in PLACE.finditer((BAD / f"{name}.txt").read_text(encoding="utf-8"))}
    assert places == alone
    assert answer.code == 2


def test_a_process_of_its_own_says_the_same() -> None:
    """What these tests see in their own process is what a user sees in a shell."""
    done = subprocess.run(
        [sys.executable, "-m", "sqlflow.cli.main", "validate", "SF401_block.yaml"],
        cwd=BAD,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout == (BAD / "SF401_block.txt").read_text(encoding="utf-8")


# --- faults that are not in one file


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["validate", "ordesr.yaml"], ["SF101", "file not found: ordesr.yaml"]),
        (["validate", "no/*.yaml"], ["SF101", "no document matches no/*.yaml"]),
        (["validate", "good.yaml", "--profile", "prod"], ["SF304", "unknown profile 'prod'", "sqlflow.yaml"]),
        (["validate", "good.yaml", "--var", "sinec=1"], ["SF309", "--var sinec", "did you mean 'since'?"]),
        (["validate", "good.yaml", "--var", "since"], ["SF309", "--var NAME=VALUE"]),
        (
            ["validate", "good.yaml", "--var", "since=tomorrow"],
            ["SF302", "'tomorrow' is not a date"],
        ),
        (["run", "good.yaml", "--select", "dialy"], ["SF408", "'dialy' matches no step", "did you mean 'daily'?"]),
        (["run", "good.yaml", "--exclude", "tag:nothing"], ["SF408", "'tag:nothing' matches no step"]),
        (["run", "."], ["SF101", "folder"]),
        (["validat", "good.yaml"], ["No such command 'validat'", "validate"]),
        (["run"], ["Missing argument 'SPEC'"]),
        (["run", "good.yaml", "--profil", "x"], ["No such option", "--profile"]),
    ],
    ids=lambda value: " ".join(value) if value and value[0] in ("run", "validate", "validat") else "",
)
def test_a_command_that_makes_no_sense(
    arguments: list[str], words: list[str], sqlflow: Command, tmp_path: Path
) -> None:
    """What is wrong with the command itself is told in a line, with exit code 2, and nothing is done."""
    document = transform("sql: select $since as since", "vars: {since: {type: date, default: 2024-01-01}}\n")
    (tmp_path / "good.yaml").write_text(document, encoding="utf-8")
    answer = sqlflow(*arguments, cwd=tmp_path)
    told = answer.out + answer.err
    assert [word for word in words if word not in told] == []
    assert "Traceback" not in told
    assert answer.code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["good.yaml"]


@pytest.mark.parametrize(
    ("project", "told"),
    [
        ("version: 3\nname: shop\n", "sqlflow.yaml:1:10: SF204"),
        ("version: 1\n", "sqlflow.yaml:1:1: SF202 missing key 'name'"),
        ("version: 1\nname: shop\nprofile: {}\n", "sqlflow.yaml:3:1: SF201 unknown key 'profile'"),
        ("version: 1\nname: shop\ndefault_profile: prod\n", "sqlflow.yaml:3:18: SF304 unknown profile 'prod'"),
        (
            "version: 1\nname: shop\ndefault_profile: dev\nprofiles: {dev: {storge: {type: file}}}\n",
            "sqlflow.yaml:4:18: SF201 unknown key 'storge'",
        ),
        (
            "version: 1\nname: shop\ndefault_profile: dev\nprofiles: {dev: {engine: {type: ducdkb}}}\n",
            "sqlflow.yaml:4:33: SF314 unknown engine 'ducdkb'",
        ),
        (
            "version: 1\nname: shop\ndefault_profile: dev\nprofiles: {dev: {engine: {threads: many}}}\n",
            "sqlflow.yaml:4:36: SF203 threads must be a whole number, found text 'many'",
        ),
        (
            "version: 1\nname: shop\ndefault_profile: dev\nprofiles: {dev: {storage: {type: fiel}}}\n",
            "sqlflow.yaml:4:34: SF314 unknown storage backend 'fiel'",
        ),
        (
            "version: 1\nname: shop\nplugins: [sqlflow-nowhere>=0.1]\n",
            "sqlflow.yaml:3:11: SF603 plugin 'sqlflow-nowhere' is not installed",
        ),
        (
            "version: 1\nname: shop\nconnections:\n  shop: {connector: duckdv, path: x.duckdb}\n",
            "sqlflow.yaml:4:21: SF311 unknown connector 'duckdv'",
        ),
        ("version: 1\nname: shop\nvars: {limit: {type: integer, default: x}}\n", "sqlflow.yaml:3:40: SF302"),
        ("version: 1\nname: [shop\n", "sqlflow.yaml:3:1: SF103"),
        ("", "sqlflow.yaml:1:1: SF109 the file is empty"),
    ],
)
def test_a_fault_in_the_project_file(project: str, told: str, sqlflow: Command, tmp_path: Path) -> None:
    """A fault in `sqlflow.yaml` is told at its place there, once, however good the pipeline is."""
    (tmp_path / "sqlflow.yaml").write_text(project, encoding="utf-8")
    (tmp_path / "good.yaml").write_text(transform("sql: select 1 as id"), encoding="utf-8")
    answer = sqlflow("validate", "good.yaml", cwd=tmp_path)
    assert answer.out.count(told) == 1, answer.out
    assert "1 document: 1 problem" in answer.out
    assert answer.code == 2


def test_a_fault_of_the_project_is_told_once_for_all_documents(sqlflow: Command, tmp_path: Path) -> None:
    """What is wrong with the project is not repeated for each of its pipelines."""
    (tmp_path / "sqlflow.yaml").write_text("version: 1\nname: shop\nprofile: {}\n", encoding="utf-8")
    for name in ("one", "two", "three"):
        (tmp_path / f"{name}.yaml").write_text(transform("sql: select 1 as id"), encoding="utf-8")
    answer = sqlflow("validate", ".", cwd=tmp_path)
    assert "3 documents: 1 problem" in answer.out


# --- what is told badly, or takes too long


def test_an_unset_environment_variable_in_a_path_is_unchecked(sqlflow: Command, tmp_path: Path) -> None:
    """A path that depends on the environment cannot be checked here, and that is no fault of the document."""
    document = steps(
        "- {id: a, type: load, target: a, source: {connector: csv, path: '${env:SQLFLOW_TEST_UNSET}/a.csv'}}"
    )
    (tmp_path / "good.yaml").write_text(document, encoding="utf-8")
    answer = sqlflow("validate", "good.yaml", cwd=tmp_path)
    assert "SF308 unchecked" in answer.out
    assert answer.code == 0


def test_one_fault_of_a_step_does_not_hide_another(sqlflow: Command, tmp_path: Path) -> None:
    """All faults of a step are told in one pass: its envelope's, its own keys', those of its SQL and of its checks."""
    document = transform(
        """
        colour: red
        retry: {attempts: many}
        when: $regoin = 'EU'
        sql: select * form raw.orders
        checks:
          - notnull: [id]
        """
    )
    (tmp_path / "bad.yaml").write_text(document, encoding="utf-8")
    told = sqlflow("validate", "bad.yaml", cwd=tmp_path).out
    assert {found["code"] for found in PLACE.finditer(told)} == {"SF201", "SF203", "SF301", "SF401", "SF320"}


def test_a_fault_in_defaults_is_told_once(sqlflow: Command, tmp_path: Path) -> None:
    """What is wrong under `defaults` is one problem, however many steps inherit it."""
    document = steps(
        "\n".join(f"- {{id: s{n}, type: transform, target: s{n}, sql: select 1 as id}}" for n in range(5)),
        "defaults: {retry: {wait: 1s}}\n",
    )
    (tmp_path / "bad.yaml").write_text(document, encoding="utf-8")
    assert "1 document: 1 problem" in sqlflow("validate", "bad.yaml", cwd=tmp_path).out


def test_problems_come_in_one_order(tmp_path: Path) -> None:
    """The same document gets the same answer in every process, line by line."""
    ids = ("one", "two", "three", "four", "five")
    document = steps(
        "\n".join(f"- {{id: {name}, type: transform, target: '{{{name}', sql: select 1 as id}}" for name in ids),
        "defaults: {retry: {wait: 1s, weight: 2s}}\n",
    )
    (tmp_path / "bad.yaml").write_text(document, encoding="utf-8")
    told = {
        subprocess.run(
            [sys.executable, "-m", "sqlflow.cli.main", "validate", "bad.yaml"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        for seed in range(4)
    }
    assert len(told) == 1


def test_every_ring_is_told(sqlflow: Command) -> None:
    """Two rings are two problems."""
    assert sqlflow("validate", "SF402_two_rings.yaml").out.count(" SF402 ") == 2


def test_a_long_ring_is_told_shortly(sqlflow: Command, tmp_path: Path) -> None:
    """However many steps a ring has, its problem fits on a screen."""
    ring = [f"- {{id: s{n}, type: transform, target: t{n}, sql: select * from t{(n + 1) % 300}}}" for n in range(300)]
    (tmp_path / "bad.yaml").write_text(steps("\n".join(ring)), encoding="utf-8")
    told = sqlflow("validate", "bad.yaml", cwd=tmp_path).out
    assert "... 280 more ..." in told
    assert len(told) < 3000


def test_a_type_of_the_warehouse_is_no_misspelt_one(sqlflow: Command, tmp_path: Path) -> None:
    """A column may have a type that only the warehouse knows; one that looks like another is written in quotes."""
    document = transform(
        "columns: {a: mood, b: '\"bigimt\"', c: 'struct(x bigint)[]', d: double precision}\nsql: from t"
    )
    (tmp_path / "good.yaml").write_text(document, encoding="utf-8")
    assert sqlflow("validate", "good.yaml", cwd=tmp_path).code == 0


def test_aliases_cannot_blow_a_document_up(tmp_path: Path) -> None:
    """A document of some hundred bytes is checked in seconds, whatever its aliases stand for."""
    names = "abcdefgh"
    rows = ["  a: &a [x, x, x, x, x, x, x, x, x]"]
    rows += [f"  {new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in pairwise(names)]
    document = transform("sql: select 1 as id", "vars:\n" + "\n".join(rows) + "\n")
    (tmp_path / "bad.yaml").write_text(document, encoding="utf-8")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "sqlflow.cli.main", "validate", "bad.yaml"],
            cwd=tmp_path,
            capture_output=True,
            timeout=20,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.fail("still at work after 20 seconds")
    assert done.returncode == 2
