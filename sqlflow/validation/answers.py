"""Documents held, and what is found filed for the next time: what each answer depends on is read off its plan."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sqlflow.cache import NOBODY, Answer, Columns, Depends, Files, Known, Store, tables_made
from sqlflow.compile import Table
from sqlflow.plan import Plan
from sqlflow.problem import Problem
from sqlflow.project import Workspace, open_workspace
from sqlflow.registry import Catalog
from sqlflow.sdk import Column, Role, TableSchema, role_of

from .documents import Held, hold_all, makes, needs

_ENVIRONMENT = re.compile(r"\$\{env:(\w+)")
_MAGIC = re.compile(r"[*?\[]")
UNSTEADY = frozenset({"SF308", "SF420", "SF426", "SF501"})
"""What is told of things that are absent, wherever they may appear."""
LONGEST = 1_000


def problems_of(
    paths: Sequence[Path],
    catalog: Catalog,
    known: Known,
    store: Store | None,
    files: Files,
    **options: Any,
) -> Mapping[Path, Sequence[Problem]]:
    """Return the problems of documents: those that are known, and those of the others, which are held and filed."""
    missing = [path for path in paths if path not in known.answers]
    made = _tables(known)
    held = hold_all(missing, catalog, made=made, **options)
    if _meets(held, known):  # a table that an answer rests on has another writer now
        held = hold_all(paths, catalog, **options)
        known.answers.clear()
    found: dict[Path, Sequence[Problem]] = {path: answer.problems for path, answer in known.answers.items()}
    found |= {one.path: one.compiled.problems for one in held}
    if store is not None:
        answers = _answers(held)
        around = {**tables_made(known.answers.values()), **tables_made(answers.values())}
        workspaces = cache(open_workspace)
        for one in held:
            if one.plan is not None and one.path in known.keys and _lasts(one):
                answer = answers[one.path]
                answer.depends.tables = {k: around.get((answer.warehouse, k), NOBODY) for k in needs(one.plan)}
                _note_all(answer.depends, one, one.plan, files, options, workspaces)
                store.put(known.keys[one.path], answer.data())
        store.save()
    return found


def _tables(known: Known) -> Mapping[Path, Mapping[str, Table]]:
    """Return what documents make that are not held again, as tables, by their warehouse."""
    found: dict[Path, dict[str, Table]] = {}
    names = {key: name for answer in known.answers.values() for key, (name, _) in answer.makes.items()}
    for (warehouse, key), columns in tables_made(known.answers.values()).items():
        if warehouse is not None:
            schema = TableSchema(tuple(Column(*c) for c in columns)) if isinstance(columns, list) else None
            found.setdefault(Path(os.path.abspath(warehouse)), {})[key] = Table(names[key], schema)  # noqa: PTH100
    return found


def _meets(held: Sequence[Held], known: Known) -> bool:
    """Tell whether documents make tables that answers about others rest on, or make too."""
    made = {(_place(one), key) for one in held if one.plan is not None for key in makes(one.plan)}
    return any(
        (answer.warehouse, key) in made
        for answer in known.answers.values()
        for key in [*answer.depends.tables, *answer.makes]
    )


def _answers(held: Sequence[Held]) -> dict[Path, Answer]:
    """Return what documents make, as answers would say it."""
    found = {}
    for one in held:
        if one.plan is not None:
            own = makes(one.plan)
            made = {k: (t.name, _columns(t)) for k, t in one.compiled.tables.items() if k in own}
            found[one.path] = Answer(list(one.compiled.problems), Depends(), _place(one), made)
    return found


def _columns(table: Table) -> Columns:
    if table.schema is None or table.gone:
        return None
    return [[column.name, column.type, column.nullable] for column in table.schema]


def _place(one: Held) -> str | None:
    return os.path.relpath(one.warehouse) if one.warehouse is not None else None


def _lasts(one: Held) -> bool:
    """Tell whether an answer may be filed: it rests on nothing that cannot be looked at again, such as a secret."""
    plan = one.plan
    if plan is None or not plan.redactor.idle or any(p.code in UNSTEADY for p in one.compiled.problems):
        return False
    return "${secret:" not in plan.source.text


def _note_all(
    depends: Depends,
    one: Held,
    plan: Plan,
    files: Files,
    options: Mapping[str, Any],
    workspaces: Callable[[Path], Workspace],
) -> None:
    """Note everything beside other documents that an answer rests on."""
    texts = [plan.source.text, *_sql_files(plan, depends, files)]
    workspace = workspaces(plan.path.parent)
    if workspace.document is not None and workspace.project is not None:
        texts.append(workspace.document.source.text)
        place = os.path.relpath(workspace.folder)
        depends.matched = [(place, p, files.matches(place, p)) for p in workspace.project.specs]
    named = {name for text in texts for name in _ENVIRONMENT.findall(text)}
    named |= {name for name in os.environ if name.startswith("SQLFLOW_VAR_")}
    depends.environment = {name: os.environ.get(name) for name in sorted(named)}
    for folder in plan.function_folders:
        _list(folder, "*.py", depends, files)
    warehouse = one.warehouse if options.get("state") else None
    for path in (warehouse, warehouse.with_name(f"{warehouse.name}.wal")) if warehouse is not None else ():
        _look(path, depends, files)
    for step in plan.steps:
        for endpoint in step.given.endpoints.values():
            outer = [str(v) for v in _texts(endpoint.config.model_dump(mode="json"))]
            inner = [str(v) for v in _texts(endpoint.options.model_dump(mode="json"))] if endpoint.options else []
            roots = [plan.folder, *(plan.folder / text for text in outer)]
            for root in roots:
                for text in (*outer, *inner):
                    _note(root, text, depends, files)


def _note(root: Path, text: str, depends: Depends, files: Files) -> None:
    """Take a text for a path, and note what is there."""
    if not _MAGIC.search(text):
        _look(root / text, depends, files)
    elif text.startswith("/"):
        _list(Path("/"), text.lstrip("/"), depends, files)
    else:
        _list(root, text, depends, files)


def _look(path: Path, depends: Depends, files: Files) -> None:
    """Note a file by its way from here, so that an answer does not speak of files elsewhere."""
    place = os.path.relpath(path)
    depends.files[place] = files.identity(place)


def _list(folder: Path, pattern: str, depends: Depends, files: Files) -> None:
    place = os.path.relpath(folder)
    depends.listings.append((place, pattern, files.listing(place, pattern)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if value and len(value) < LONGEST and "\n" not in value and "\0" not in value:
            yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _sql_files(plan: Plan, depends: Depends, files: Files) -> Iterator[str]:
    """Yield the texts of the SQL files of a plan, and note them."""
    for step in plan.steps:
        model = type(step.given.config)
        for name in model.model_fields:
            path = getattr(step.given.config, name, None)
            if role_of(model, (name,)) is Role.SQL_FILE and path:
                whole = plan.folder / str(path)
                _look(whole, depends, files)
                with contextlib.suppress(OSError):
                    yield whole.read_text(encoding="utf-8", errors="replace")
