"""`sqlflow lint`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sqlflow.errors import DocumentError, PluginError, exit_status
from sqlflow.problem import Problem

from .options import Format, FormatOption, ProfileOption, VarOption, variables
from .validate import collect

if TYPE_CHECKING:
    from sqlflow.codes import Explanation
    from sqlflow.lint import Footprint, Subject
    from sqlflow.project import Workspace
    from sqlflow.registry import Catalog

EXAMPLE = "Example: sqlflow lint specs/ --strict --output github"


def run(
    specs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE|FOLDER|GLOB]...",
            help="Documents; by default those of the project, and its project file.",
            show_default=False,
        ),
    ] = None,
    profile: ProfileOption = None,
    var: VarOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings fail, too.")] = False,
    output: FormatOption = Format.text,
) -> int:
    """Tell what is valid and yet likely not meant; nothing is run."""
    from sqlflow.lint import Subject, lint
    from sqlflow.pipeline import installed

    from .reporting import tell

    files, problems = collect(specs or [])
    catalog = installed()
    found: list[Problem] = []
    for workspace, group in _projects(files):
        subjects = _subjects(group, workspace, catalog, profile, variables(var), problems)
        if not specs and workspace.document is not None:
            whole = len(subjects) == len(group) and group
            pipelines = [subject for subject in subjects if subject.plan is not None] if whole else None
            subjects.append(Subject(workspace.document, pipelines=pipelines))
        broken = _own(group, workspace, catalog, profile, variables(var), everything=not specs)
        beside = _beside(group, workspace, catalog, profile, variables(var))
        found += lint(subjects, catalog, workspace.project.lint if workspace.project else {}, broken, beside)
    problems = list(dict.fromkeys([*problems, *found]))
    if output is Format.text:
        _show(files, problems)
    else:
        tell("lint", tuple(str(f) for f in files), tuple(problems), output, meanings(catalog))
    invalid = exit_status(p for p in problems if p not in found or p.code == "SF601")
    failing = ("error", "warning") if strict else ("error",)
    return invalid or int(any(p.severity in failing for p in found))


def _projects(files: list[Path]) -> list[tuple[Workspace, list[Path]]]:
    """Return the documents by their project: those of one project are looked at together."""
    from sqlflow.project import open_workspace

    workspaces: dict[Path, Workspace] = {}
    found: dict[Path, tuple[Workspace, list[Path]]] = {}
    for file in files:
        if file.parent not in workspaces:
            workspaces[file.parent] = open_workspace(file)
        workspace = workspaces[file.parent]
        found.setdefault(workspace.folder, (workspace, []))[1].append(file)
    return list(found.values())


def _subjects(
    files: list[Path],
    workspace: Workspace,
    catalog: Catalog,
    profile: str | None,
    var: dict[str, str],
    problems: list[Problem],
) -> list[Subject]:
    """Plan the documents that can be; what is wrong with the others goes to `problems`."""
    from sqlflow.lint import Subject
    from sqlflow.pipeline import Pipeline
    from sqlflow.plan import parse_ahead
    from sqlflow.project import display
    from sqlflow.spec import Document, parse_pipeline, read_document

    found = []
    documents = {file: read_document(file, display(file)) for file in files}
    parse_ahead(read for read in documents.values() if isinstance(read, Document))
    for file, read in documents.items():
        if isinstance(read, Document) and read.kind == "test":
            problems += [problem for problem in read.diagnosis.problems if problem.severity == "error"]
            found.append(Subject(read))
            continue
        try:
            pipeline = Pipeline(file, catalog, workspace.afresh(), read)
            plan = pipeline.plan(profile=profile, vars=var, offline=True)
        except DocumentError as error:
            problems += [problem for problem in error.problems if problem.severity == "error"]
            continue
        except PluginError as error:
            problems.append(Problem(error.code or "SF601", error.message, None, error.hint))
            continue
        document = parse_pipeline(plan.source, plan.path)
        if isinstance(document, Document):
            found.append(Subject(document, plan))
    return found


def _beside(
    files: list[Path], workspace: Workspace, catalog: Catalog, profile: str | None, var: dict[str, str]
) -> list[Footprint]:
    """Return what the other pipelines of a project read and write, as far as they can be planned."""
    subjects = _subjects(workspace.beside(files), workspace, catalog, profile, var, [])
    return [subject.footprint for subject in subjects if subject.footprint is not None]


def _own(
    files: list[Path],
    workspace: Workspace,
    catalog: Catalog,
    profile: str | None,
    var: dict[str, str],
    *,
    everything: bool,
) -> list[Problem]:
    """Return what the rules of the project find in its documents, as far as these are asked about."""
    document = workspace.document
    if document is None or not document.model or not document.model.rules:
        return []
    from sqlflow.project import display
    from sqlflow.rules import judge, metadata
    from sqlflow.validation import hold_all

    asked = {display(file) for file in files}
    paths = {file.resolve(): file for file in [*workspace.specs(), *files]}
    held = hold_all(list(paths.values()), catalog, profile=profile, vars=var)
    found = judge(document, held, metadata(held))
    return [p for p in found if p.mark is None or p.mark.file in asked or (everything and p.code == "SF814")
            or (everything and p.mark.file == document.source.file)]  # fmt: skip


def meanings(catalog: Catalog) -> dict[str, Explanation]:
    """Return what the rules of plugins mean, as they say it themselves."""
    from sqlflow.codes import Explanation

    return {
        rule.name: Explanation(rule.name, rule.title, (rule.__doc__ or rule.title).strip(), rule.example, rule.remedy)
        for rule in catalog.lint_rules()
        if not rule.name.startswith("SF")
    }


def _show(files: list[Path], problems: list[Problem]) -> None:
    from .render import plural, show_problems

    show_problems(problems, sys.stdout)
    counts = [sum(p.severity == severity for p in problems) for severity in ("error", "warning")]
    told = [plural(count, noun) for count, noun in zip(counts, ("problem", "warning"), strict=True) if count]
    print(f"{plural(len(files), 'document')}: {', '.join(told) or 'nothing found'}")
