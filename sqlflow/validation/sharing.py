"""Many documents divided among processes: each holds its share, and is told of the tables that its documents need.

A process is forked only while it has a single thread, which is when that is safe; elsewhere, and for few documents,
all are held here. What is found is the same either way.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from sqlflow.cache import Files
from sqlflow.compile import Table
from sqlflow.errors import SQLFlowError
from sqlflow.project import open_workspace
from sqlflow.registry import Catalog

from .documents import Holding, hold_all
from .findings import Finder, Finding
from .order import Around, Wants, generations

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

SHARE = 100
"""Documents that are worth a process of their own."""
MOST = 8
"""Processes, however many processors there are: each holds an engine."""
Tables = Mapping[Path, Mapping[str, Table]]


def find_all(
    paths: Sequence[Path], catalog: Catalog, files: Files | None, made: Tables, options: Mapping[str, Any]
) -> list[Finding]:
    """Return what is found of documents, in their order; `made` are tables of documents that are not among them.

    `files` look at what the findings rest on, where these are to be remembered.
    """
    paths = list(dict.fromkeys(paths))
    count = processes(len(paths))
    projects = cache(open_workspace)
    options = {**options, "projects": projects}
    finder = Finder(files, projects, options)
    if count > 1:
        with closing(Holding(catalog, **options)) as holding:
            list(holding.first(paths[:1]))  # what every process needs is loaded before they part
        count = processes(len(paths))  # which may have started threads: a project's functions do what they like
    if count == 1:
        return [finder.found(held) for held in hold_all(paths, catalog, made=made, **options)]
    with ExitStack() as stack:
        shares = [
            stack.enter_context(_share(catalog, finder, options, paths[number::count])) for number in range(count)
        ]
        found = {one.path: one for share in shares for one in share.first()}
        around = Around(made)
        for path in paths:
            if path in found:
                _add(around, found[path])
        owners = {path: share for share in shares for path in share.wants}
        wants = {path: owners[path].wants[path] for path in paths if path in owners}
        for path, wanted in wants.items():
            around.expect(path, wanted)
        for generation in generations(wants):
            for share in shares:  # each is asked once, so that neither side writes while the other does
                share.ask({p: around.of(wants[p].warehouse, wants[p].needs) for p in generation if owners[p] is share})
            found |= {one.path: one for share in shares for one in share.answers()}
            for path in generation:
                _add(around, found[path])
    return [found[path] for path in paths]


def processes(count: int) -> int:
    """Return how many processes so many documents are divided among."""
    if sys.platform != "linux" or count < 2 * SHARE or len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208 - no path
        return 1
    return max(1, min(len(os.sched_getaffinity(0)), count // SHARE, MOST))


class _Share(Struct):
    """Documents that another process holds."""

    pipe: Connection
    wants: Mapping[Path, Wants] = field(default_factory=dict)

    def first(self) -> Sequence[Finding]:
        """Return what is found of the documents that need nobody."""
        found, self.wants = self._received()
        return found  # type: ignore[no-any-return]

    def ask(self, around: Mapping[Path, Mapping[str, Table]]) -> None:
        """Have documents held that wait, each with the tables that it needs."""
        self.pipe.send(around)

    def answers(self) -> Sequence[Finding]:
        """Return what is found of the documents that were asked for."""
        return self._received()  # type: ignore[no-any-return]

    def _received(self) -> Any:
        try:
            received = self.pipe.recv()
        except EOFError:
            hint = "there may not be memory enough; validate fewer documents at a time"
            raise SQLFlowError("a process that was holding documents has ended early", hint=hint) from None
        if isinstance(received, BaseException):
            raise received
        return received


@contextmanager
def _share(catalog: Catalog, finder: Finder, options: Mapping[str, Any], paths: Sequence[Path]) -> Iterator[_Share]:
    """Start a process that holds documents; it ends with the block."""
    import multiprocessing  # a few documents need none of it

    context = multiprocessing.get_context("fork")
    mine, its = context.Pipe()
    process = context.Process(target=_hold, args=(its, mine, catalog, finder, options, paths), daemon=True)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # it is for the parent, who ends the others
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    its.close()
    try:
        yield _Share(mine)
    finally:
        process.terminate()  # it has written nothing
        process.join()
        mine.close()


def _hold(
    pipe: Connection,
    parents: Connection,
    catalog: Catalog,
    finder: Finder,
    options: Mapping[str, Any],
    paths: Sequence[Path],
) -> None:
    """Hold a share: first those that need nobody, then one after the other as it is asked for."""
    parents.close()  # so that the end of the parent is the end of the pipe
    gc.freeze()  # what is shared is not looked through, and so not copied
    try:
        with closing(Holding(catalog, **options)) as holding:
            pipe.send(([finder.found(held) for held in holding.first(paths)], holding.wants))
            while True:
                pipe.send([finder.found(holding.then(path, around)) for path, around in pipe.recv().items()])
    except (EOFError, BrokenPipeError):  # nobody listens any more
        return
    except BaseException as error:  # noqa: BLE001 - it is raised where the answer is waited for
        pipe.send(error)


def _add(around: Around, found: Finding) -> None:
    if found.wants is not None:
        around.add(found.path, found.wants.warehouse, found.made)
