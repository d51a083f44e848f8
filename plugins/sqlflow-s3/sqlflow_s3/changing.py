"""What a write makes of a data set: which objects stay, and which rows are written beside them or in their place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from sqlflow.sdk import Rows, StepError, TableSchema, WriteRequest, did_you_mean, fold

from .config import is_partition_key
from .manifest import Manifest, S3Object
from .outflow import Layout, LocalFile, refuse_columns, write_files
from .partitions import folder_values
from .publishing import Dataset
from .rewriting import Rewriting
from .shape import Shape


def change(dataset: Dataset, request: WriteRequest, rows: Rows, layout: Layout, folder: Path) -> tuple[int, int] | None:
    """Write rows into a data set in the mode of the request; returns rows and bytes, None for an append that was done.

    Raises:
        TransientError: another export has changed the data set meanwhile.
        StepError: the rows do not go into it, which is as it was before.

    """
    dataset.look()
    refuse_columns(rows, layout.options.partition_by)
    shape, query, before = Shape.of(layout, rows.schema), "{query}", dataset.before
    layout = Layout(layout.options.model_copy(update={"partition_by": list(shape.partition_by)}))
    if request.mode == "replace":
        written, files = write_files(rows, layout, folder)
        dataset.publish(files, layout.ending, shape)
        return written, _size(files)
    token = re.sub(r"/\d+$", "", request.token)  # every attempt is the same write
    if before is not None:
        if request.mode == "append" and token in before.tokens:
            return None
        query, shape = before.shape.fitted(shape, dataset.place), before.shape
    kept: Sequence[S3Object] = before.objects if before is not None else ()
    tokens = before.tokens if before is not None else ()
    if request.mode == "append":
        written, files = write_files(rows, layout, folder, query)
        if written or before is None:
            added = (token,) if token else ()
            dataset.publish(files, layout.ending, shape, kept=kept, tokens=(*tokens, *added), tidy=False)
        return written, _size(files)
    key = _named(request.key, shape.columns, rows.schema, dataset.place)
    if request.mode == "delete_insert" and is_partition_key(key, shape.partition_by):
        written, files = write_files(rows, layout, folder, query)
        kept = _untouched(before, dataset, files, key)
    else:
        rewriting = Rewriting(dataset, request.mode, rows, query, shape, key, folder)
        written, files, kept = rewriting.write(layout)
    if files and (written or before is None):
        dataset.publish(files, layout.ending, shape, kept=kept, tokens=tokens)
    return written, _size(files)


def _size(files: Sequence[LocalFile]) -> int:
    return sum(file.size for file in files)


def _named(key: Sequence[str], columns: TableSchema, rows: TableSchema, place: str) -> list[str]:
    """Return the key as the data set spells it."""
    for name in key:
        if rows.get(name) is None:
            hint = did_you_mean(name, rows.names, noun="column")
            raise StepError(f"key column {name!r} is not in the rows for {place}", hint=hint, code="SF705")
    return [column.name for name in key if (column := columns.get(name))]


def _untouched(
    before: Manifest | None, dataset: Dataset, files: Sequence[LocalFile], key: Sequence[str]
) -> Sequence[S3Object]:
    """Return the objects of partitions whose key is not one of the files'."""
    wanted = {fold(name): name for name in key}

    def group(path: str) -> tuple[tuple[str, str | None], ...]:
        found = {wanted[fold(name)]: value for name, value in folder_values(path).items() if fold(name) in wanted}
        return tuple(sorted(found.items(), key=lambda item: item[0]))

    touched = {group(file.above) for file in files if file.above}
    for name, value in (pair for pairs in touched for pair in pairs):
        if value is None:
            raise StepError(
                f"key column {name!r} is NULL in rows for {dataset.place}",
                hint="a key identifies a group of rows; filter these rows or choose another key",
                code="SF706",
            )
    start = len(dataset.folder)
    return [o for o in (before.objects if before else ()) if group(o.key[start:]) not in touched]
