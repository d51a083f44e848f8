"""What is told of documents: what is known from before, and what is found now, which is filed for the next time."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlflow.cache import NOBODY, Answer, Columns, Depends, Files, Known, Store, known_answers, tables_made
from sqlflow.compile import Table
from sqlflow.problem import Problem
from sqlflow.project import open_workspace
from sqlflow.registry import Catalog
from sqlflow.sdk import Column, TableSchema

from .findings import Finding
from .sharing import find_all


def problems_of(
    paths: Sequence[Path],
    catalog: Catalog,
    known: Known,
    store: Store | None,
    files: Files,
    **options: Any,
) -> Mapping[Path, Sequence[Problem]]:
    """Return the problems of documents: those that are known, and those of the others, which are held and filed.

    Where they need tables that none of them makes, the other documents of their projects are held as well.
    """
    missing = [path for path in paths if path not in known.answers]
    looked = files if store is not None else None
    found = find_all(missing, catalog, looked, _tables(known), options)
    if _meets(found, known, files):  # a table that an answer rests on has another writer now
        found = find_all(paths, catalog, looked, {}, options)
        known.answers.clear()
    if store is not None:
        _file(found, known, store, files)
    if _lacks(found, known, files) and (others := _beside(paths)):
        every = [*paths, *others]
        known = known_answers(every, store, options, files) if store is not None else Known({}, {})
        told = problems_of(every, catalog, known, store, files, **options)
        return {path: told[path] for path in paths}
    return {
        **{path: answer.problems for path, answer in known.answers.items()},
        **{one.path: one.problems for one in found},
    }


def _lacks(found: Sequence[Finding], known: Known, files: Files) -> bool:
    """Tell whether documents need tables that nobody makes, as far as is known."""
    made = {(_place(one, files), key) for one in found if one.wants is not None for key in one.wants.makes}
    made |= {(answer.warehouse, key) for answer in known.answers.values() for key in answer.makes}
    return any(
        (_place(one, files), key) not in made for one in found if one.wants is not None for key in one.wants.needs
    )


def _beside(paths: Sequence[Path]) -> Sequence[Path]:
    """Return the documents of the projects of some, without these."""
    workspaces = {w.folder: w for w in map(open_workspace, {path.parent for path in paths})}
    return [path for workspace in workspaces.values() for path in workspace.beside(paths)]


def _file(found: Sequence[Finding], known: Known, store: Store, files: Files) -> None:
    """Keep what is found where it will hold for as long as nothing that it rests on changes."""
    answers = {one.path: _answer(one, files) for one in found}
    around = {**tables_made(known.answers.values()), **tables_made(answers.values())}
    for one in found:
        if one.wants is not None and one.depends is not None and one.path in known.keys:
            answer = answers[one.path]
            answer.depends.tables = {key: around.get((answer.warehouse, key), NOBODY) for key in one.wants.needs}
            store.put(known.keys[one.path], answer)
    store.save()


def _tables(known: Known) -> Mapping[Path, Mapping[str, Table]]:
    """Return what documents make that are not held again, as tables, by their warehouse."""
    found: dict[Path, dict[str, Table]] = {}
    names = {key: name for answer in known.answers.values() for key, (name, _) in answer.makes.items()}
    for (warehouse, key), columns in tables_made(known.answers.values()).items():
        if warehouse is not None:
            schema = TableSchema(tuple(Column(*c) for c in columns)) if isinstance(columns, list) else None
            found.setdefault(Path(os.path.abspath(warehouse)), {})[key] = Table(names[key], schema)  # noqa: PTH100
    return found


def _meets(found: Sequence[Finding], known: Known, files: Files) -> bool:
    """Tell whether documents make tables that answers about others rest on, or make too."""
    made = {(_place(one, files), key) for one in found if one.wants is not None for key in one.wants.makes}
    return any(
        (answer.warehouse, key) in made
        for answer in known.answers.values()
        for key in [*answer.depends.tables, *answer.makes]
    )


def _answer(one: Finding, files: Files) -> Answer:
    """Return what is found of a document, as the cache keeps it."""
    made = {key: (table.name, _columns(table)) for key, table in one.made.items()}
    return Answer(list(one.problems), one.depends or Depends(), _place(one, files), made)


def _columns(table: Table) -> Columns:
    if table.schema is None or table.gone:
        return None
    return [(column.name, column.type, column.nullable) for column in table.schema]


def _place(one: Finding, files: Files) -> str | None:
    warehouse = one.wants.warehouse if one.wants is not None else None
    return files.place(warehouse) if warehouse is not None else None
