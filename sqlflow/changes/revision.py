"""The files of a folder as they were at a revision, in a folder of their own. The one place that asks git."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from sqlflow.errors import DocumentError
from sqlflow.problem import Problem

DOCUMENTS = (".yaml", ".yml")


class Revision(Struct, frozen=True):
    """A folder at an earlier time. `commit` is what it was compared with, `folder` where its files are laid out."""

    name: str
    commit: str
    folder: Path
    forked: bool = False
    """Whether `commit` is where this branch left the named one, which has gone on since."""


@contextmanager
def revision(name: str, folder: Path) -> Iterator[Revision]:
    """Lay out `folder` as it was where the present branch left revision `name`; gone when the block ends.

    What git does not know, such as data that is not checked in, stands there as it is now.

    Raises:
        DocumentError: the folder is not in a git repository, or there is no such revision.

    """
    folder = folder.resolve()
    root = Path(_git(folder, "rev-parse", "--show-toplevel").strip()).resolve()
    named = _commit(folder, name)
    base = _fork(folder, named)
    inner = folder.relative_to(root)
    with TemporaryDirectory(prefix="sqlflow-against-") as temporary:
        place = Path(temporary).resolve()
        _surround(root, place, inner)
        (place / inner).mkdir(exist_ok=True)
        _unpack(root, base, inner, place)
        _link_unknown(folder, place / inner)
        yield Revision(name, base[:10], place / inner, forked=base != named)


def _commit(folder: Path, name: str) -> str:
    try:
        return _git(folder, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").strip()
    except DocumentError:
        hint = "name a branch, tag or commit that is here; a checkout of CI may have to fetch it (fetch-depth: 0)"
        raise _refused(f"git knows no revision {name!r}", hint) from None


def _fork(folder: Path, named: str) -> str:
    """Return the commit where the present branch left a revision; that itself, where they have none in common."""
    try:
        return _git(folder, "merge-base", named, "HEAD").strip()
    except DocumentError:
        return named


def _unpack(root: Path, commit: str, inner: Path, place: Path) -> None:
    """Write the files that the commit has in a folder; it may not have had the folder."""
    where = inner.as_posix()
    if where != "." and not _git(root, "ls-tree", commit, "--", where).strip():
        return
    archive = _bytes(root, "archive", "--format=tar", commit, *([where] if where != "." else []))
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(place, filter="data")


def _surround(root: Path, place: Path, inner: Path) -> None:
    """Make the folders above, and let what lies beside them be found there as it is now."""
    here, there = root, place
    for part in inner.parts:
        for beside in here.iterdir():
            if beside.name not in (part, ".git"):
                (there / beside.name).symlink_to(beside)
        here, there = here / part, there / part
        there.mkdir()


def _link_unknown(folder: Path, place: Path) -> None:
    """Let files that git does not know be found as they are now, but for documents: those are what is compared."""
    for name in _names(folder, "ls-files", "--others", "--directory", "-z"):
        entry = folder / name
        if entry.is_dir() and not name.startswith(".") and any(path.suffix in DOCUMENTS for path in entry.rglob("*")):
            for path in (path for path in entry.rglob("*") if path.is_file() and path.suffix not in DOCUMENTS):
                _link(path, place / path.relative_to(folder))
        elif entry.suffix not in DOCUMENTS:
            _link(entry, place / name)


def _link(path: Path, place: Path) -> None:
    if not place.exists() and path.name != ".git":
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(path)


def _names(folder: Path, *arguments: str) -> Sequence[str]:
    return [name.rstrip("/") for name in _git(folder, *arguments).split("\0") if name.strip("./")]


def _git(folder: Path, *arguments: str) -> str:
    return _bytes(folder, *arguments).decode(errors="replace")


def _bytes(folder: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, check=False)  # noqa: S603, S607
    except FileNotFoundError:
        raise _refused("git is not installed", "plan --against compares with a revision of git") from None
    if done.returncode != 0:
        told = done.stderr.decode(errors="replace").strip().split("\n")[0]
        hint = "plan --against needs a git repository with at least one commit"
        raise _refused(f"git {arguments[0]}: {told or 'failed'}", hint)
    return done.stdout


def _refused(message: str, hint: str) -> DocumentError:
    return DocumentError([Problem("SF431", message, None, hint)])
