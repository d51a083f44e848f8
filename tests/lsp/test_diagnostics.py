"""Problems while typing: those of `sqlflow validate` and `sqlflow lint`, for the text as it is in the editor."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.acceptance import test_bad_sql as bad_sql

from .conftest import ORDERS, PROJECT, WEEKLY
from .editor import SEVERITIES

BAD = Path(__file__).parents[1] / "acceptance" / "bad"


def told(problems):
    """Return what is compared of the problems of an editor: code, severity, line, column, words."""
    return {
        (
            p["code"],
            SEVERITIES[p["severity"]],
            p["range"]["start"]["line"] + 1,
            p["range"]["start"]["character"] + 1,
            p["message"],
        )
        for p in problems
    }


def answered(verb, folder, *files):
    """Return the same of what a verb tells, by file."""
    command = [sys.executable, "-m", "sqlflow.cli.main", verb, *files, "--output", "json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found = {}
    for p in json.loads(done.stdout)["problems"]:
        line, column = p["line"] or 1, p["column"] or 1
        text = (folder / p["file"]).read_text(encoding="utf-8", errors="replace").split("\n") if p["file"] else [""]
        units = len(text[min(line, len(text)) - 1][: column - 1].encode("utf-16-le")) // 2 + 1
        message = p["message"] + (f"\nhint: {p['hint']}" if p["hint"] else "")
        found.setdefault(p["file"], set()).add((p["code"], p["severity"], line, units, message))
    return found


def test_bad_documents_are_told_as_validate_tells_them(tmp_path, start):
    """Of every broken document of the corpus the editor shows exactly the problems that `sqlflow validate` tells."""
    folder = tmp_path / "bad"
    shutil.copytree(BAD, folder)
    editor = start(folder)
    names = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # no editor opens it as text
            continue
        if "\nsteps:" in text and "version:" in text and not text.startswith("\ufeff"):
            names.append(path.name)
            editor.start(path.name)
    assert len(names) > 100
    expected = answered("validate", folder, *names)
    for name in names:
        mine = {one for one in told(editor.news(name)) if one[0] < "SF801" or one[0] > "SF811"}
        assert mine == expected.get(name, set()), name
    assert editor.quit() == 0


def test_one_document_edited_through_every_fault(tmp_path, start):
    """What is kept from one edit to the next changes no answer: every fault of the corpus, one after another."""
    files, edited = tmp_path / "files", tmp_path / "edited"
    for name, text in bad_sql.FILES.items():
        for folder in (files, edited):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
    documents = {name: (bad_sql.KNOWN + case).replace("«", "").replace("»", "") for name, case in bad_sql.CASES.items()}
    for name, text in documents.items():
        (files / f"{name}.yaml").write_text(text, encoding="utf-8")
    expected = answered("validate", files, *(f"{name}.yaml" for name in documents))
    editor = start(edited)
    editor.open("shop.yaml", bad_sql.KNOWN)
    for name, text in documents.items():
        mine = {one for one in told(editor.edit("shop.yaml", text)) if one[0] < "SF8"}
        wanted = {(*one[:4], one[4].replace(f"{name}.yaml", "shop.yaml")) for one in expected[f"{name}.yaml"]}
        assert mine == wanted, name
    assert editor.quit() == 0


def test_lint_is_told_as_the_project_sees_it(project, start):
    """Findings of `sqlflow lint` are shown as it tells them, knowing what other pipelines of the project read."""
    editor = start(project)
    found = told(editor.open("specs/orders.yaml"))
    expected = answered("lint", project)
    assert found == expected["specs/orders.yaml"]
    assert {one[0] for one in found} == {"SF801"}
    (project / "specs" / "late.yaml").write_text(WEEKLY.replace("sql_file: weekly.sql", "sql: select 1 as a"))
    unread = WEEKLY.replace("marts.weekly", "raw.weekly").replace("sql_file: weekly.sql", "sql: from raw.x")
    editor.open("specs/weekly.yaml")
    text = ORDERS.replace("target: marts.daily", "target: raw.daily").replace(
        "source: marts.daily", "source: raw.orders"
    )
    assert {"SF803"} <= {one[0] for one in told(editor.edit("specs/orders.yaml", text))}
    (project / "specs" / "late.yaml").write_text(unread.replace("raw.x", "raw.daily"))
    editor.tell("textDocument/didSave", {"textDocument": {"uri": editor.uri("specs/late.yaml")}})
    assert "SF803" not in {one[0] for one in told(editor.news("specs/orders.yaml"))}
    assert editor.quit() == 0


def test_problems_come_and_go_with_the_text(editor):
    """The text of the editor counts, saved or not; a fault that is mended is no longer shown."""
    name = "specs/orders.yaml"
    broken = told(editor.edit(name, ORDERS.replace("sum(amount)", "sum(amuont)")))
    assert ("SF421", "error") in {one[:2] for one in broken}
    assert {one[1] for one in told(editor.edit(name, ORDERS))} <= {"warning"}
    unfinished = told(editor.edit(name, ORDERS.replace("    target: raw.orders\n", "    target: [\n")))
    assert {one[0] for one in unfinished} == {"SF103"}
    assert {one[1] for one in told(editor.edit(name, ORDERS))} <= {"warning"}


def test_what_changes_above_is_told_below(editor):
    """A statement that nobody has touched is held again when the tables that it reads have other columns or types."""
    name = "specs/orders.yaml"
    renamed = ORDERS.replace("placed_on as day", "placed_on as date_of_order")
    assert [one[0] for one in told(editor.edit(name, renamed)) if one[1] == "error"] == ["SF421"]
    assert {one[1] for one in told(editor.edit(name, ORDERS))} <= {"warning"}
    steps = "steps:\n  - {id: a, type: transform, target: raw.a, sql: select 1 as x}\n"
    steps += "  - {id: b, type: transform, target: raw.b, sql: select x + 1 as y from raw.a}\n"
    head = "version: 1\nname: two\n"
    assert {one[1] for one in told(editor.open("specs/two.yaml", head + steps))} <= {"warning"}
    for column, errors in (("1 as z", 1), ("1 as x", 0), ("[1] as x", 1), ("2 as x", 0)):
        found = told(editor.edit("specs/two.yaml", head + steps.replace("1 as x", column, 1)))
        assert len([one for one in found if one[1] == "error"]) == errors, column
    editor.tell("textDocument/didClose", {"textDocument": {"uri": editor.uri("specs/two.yaml")}})


def test_files_beside_the_document_are_looked_at_again(project, start):
    """When something is saved, files of data count as they are then."""
    editor = start(project)
    assert {one[1] for one in told(editor.open("specs/orders.yaml"))} <= {"warning"}
    data = project / "data" / "orders.csv"
    written = data.read_text(encoding="utf-8")
    for text, errors in ((written.replace("placed_on", "date"), {"SF421"}), (written, set())):
        data.write_text(text, encoding="utf-8")
        changed = [{"uri": data.as_uri(), "type": 2}]
        editor.settle("specs/orders.yaml")
        editor.tell("workspace/didChangeWatchedFiles", {"changes": changed})
        assert {one[0] for one in told(editor.news("specs/orders.yaml")) if one[1] == "error"} == errors
    assert editor.quit() == 0


def test_places_count_in_units_of_the_editor(project, start):
    """Behind letters beyond the first plane a place is told, and read, in the encoding that was agreed upon."""
    text = ORDERS.replace("where status = 'paid'", "where status = '🦆ü' and amuont > 0")
    line = next(number for number, line in enumerate(text.split("\n")) if "amuont" in line)
    before = text.split("\n")[line].partition("amuont")[0]
    for encoding, units in (("utf-16", len(before) + 1), ("utf-8", len(before.encode())), ("utf-32", len(before))):
        editor = start(project, encodings=(encoding,))
        assert editor.capabilities["positionEncoding"] == encoding
        (found,) = [p for p in editor.open("specs/orders.yaml", text) if p["code"] == "SF421"]
        assert found["range"]["start"] == {"line": line, "character": units}
        assert found["range"]["end"] == {"line": line, "character": units + len("amuont")}
        assert editor.quit() == 0


def test_parts_of_a_text_are_changed_in_units_of_the_editor(editor):
    """A change of a part behind such letters changes that part."""
    name = "specs/orders.yaml"
    text = ORDERS.replace("where status = 'paid'", "where status = '🦆' and amuont > 0")
    editor.edit(name, text)
    line = next(number for number, line in enumerate(text.split("\n")) if "amuont" in line)
    start = len(text.split("\n")[line].partition("amuont")[0]) + 1
    place = {"start": {"line": line, "character": start}, "end": {"line": line, "character": start + 6}}
    editor.change(name, "amount", place)
    assert {one[1] for one in told(editor.news(name))} <= {"warning"}
    editor.edit(name, ORDERS)


def test_other_yaml_is_left_alone(editor):
    """YAML that is neither a pipeline nor a project is nobody's business, until it becomes one."""
    for name, text in {
        "compose.yaml": "version: '3'\nservices:\n  db: {image: postgres}\n",
        "ci.yaml": "name: ci\non: push\nsteps:\n  - run: make\n",
        "values.yaml": "a: [1\n",
    }.items():
        editor.start(name, text)
        assert editor.at("hover", name, 0, 2) is None
        assert editor.at("completion", name, 0, 2) is None
        assert editor.at("definition", name, 0, 2) is None
        assert editor.published.get(editor.uri(name)) is None
    editor.change("ci.yaml", "version: 1\nsteps: []\n")
    assert {one[0] for one in told(editor.news("ci.yaml"))} == {"SF202", "SF203"}
    editor.tell("textDocument/didClose", {"textDocument": {"uri": editor.uri("ci.yaml")}})
    assert editor.news("ci.yaml") == []


def test_a_pipeline_of_the_project_is_one_from_the_first_letter(editor):
    """A file that the project's globs name is a pipeline, however little it holds; elsewhere a modeline says so."""
    (editor.folder / "specs" / "new.yaml").write_text("", encoding="utf-8")
    assert {one[0] for one in told(editor.open("specs/new.yaml", "ver"))} == {"SF203"}
    modeline = "# yaml-language-server: $schema=../schemas/pipeline.schema.json\n"
    assert {one[0] for one in told(editor.open("elsewhere.yaml", modeline))} == {"SF109"}
    (editor.folder / "specs" / "new.yaml").unlink()


def test_the_project_file_is_read_under_every_profile(editor):
    """`sqlflow.yaml` is told its own problems, also those of profiles that are not in force."""
    assert editor.open("sqlflow.yaml") == []
    broken = PROJECT.replace("connector: csv", "connector: csw").replace("type: file", "type: fil")
    found = told(editor.edit("sqlflow.yaml", broken.replace("default_profile: dev", "default_profile: def")))
    assert {one[:3] for one in found} == {("SF311", "error", 8), ("SF314", "error", 13), ("SF304", "error", 14)}


def test_pipelines_follow_the_project_file_as_it_is_typed(editor):
    """An unsaved change of the project counts for the pipelines that are open."""
    editor.open("sqlflow.yaml")
    editor.settle("specs/orders.yaml")
    editor.change("sqlflow.yaml", PROJECT.replace("  files:", "  fails:"))
    assert ("SF312", "error") in {one[:2] for one in told(editor.news("specs/orders.yaml"))}
    editor.change("sqlflow.yaml", PROJECT)
    assert {one[1] for one in told(editor.news("specs/orders.yaml"))} <= {"warning"}
    editor.tell("textDocument/didClose", {"textDocument": {"uri": editor.uri("sqlflow.yaml")}})


def test_a_fault_in_a_file_of_sql_is_told_there(editor):
    """A problem is shown in the file where it stands, and goes when the document that brought it is closed."""
    (editor.folder / "weekly.sql").write_text("select 1 as week,\n  weeek\nfrom (select 2 as a)\n", encoding="utf-8")
    editor.open("specs/weekly.yaml")
    found = told(editor.news("weekly.sql"))
    assert {one[:4] for one in found} == {("SF421", "error", 2, 3)}
    editor.tell("textDocument/didClose", {"textDocument": {"uri": editor.uri("specs/weekly.yaml")}})
    assert editor.news("weekly.sql") == []


def test_options_of_the_server_are_those_of_validate(project, start):
    """`--profile` and `--var` count as they do for `sqlflow validate`."""
    text = ORDERS.replace("least: {type: number, default: 1.5}", "least: {type: number}")
    (project / "specs" / "orders.yaml").write_text(text, encoding="utf-8")
    editor = start(project, "--profile", "prod")
    assert "SF303" in {one[0] for one in told(editor.open("specs/orders.yaml"))}
    assert editor.quit() == 0
    editor = start(project, "--var", "least=2")
    assert "SF303" not in {one[0] for one in told(editor.open("specs/orders.yaml"))}
    assert editor.quit() == 0
