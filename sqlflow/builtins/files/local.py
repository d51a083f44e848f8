"""Local files: finding them, and writing them so that a reader sees the old file or the new one.

Knows nothing of formats. What one format does with its options is the format's own file.
"""

from __future__ import annotations

import glob
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from typing import Any, ClassVar

from sqlflow.sdk import (
    ConfigModel,
    ConnectionReport,
    Connector,
    FileVersion,
    Objection,
    ReadRequest,
    Rows,
    StepError,
    WriteRequest,
    WriteResult,
    literal,
    quote,
)

_MAGIC = "*?["
#: How a packed file starts; zstd may also start with a frame to skip.
_STARTS = {"gzip": (b"\x1f\x8b",), "zstd": (b"\x28\xb5\x2f\xfd", *(bytes([n]) + b"*M\x18" for n in range(0x50, 0x60)))}


class FileConfig(ConfigModel):
    """A folder of files."""

    folder: str | None = None
    """Folder where paths start; by default the project folder."""


class LocalFileConnector(Connector[FileConfig]):
    """What the connectors to local files share. Not a connector by itself."""

    Config = FileConfig
    suffix: ClassVar[str]
    """Ending of files that a partitioned export makes."""

    def objections(self, config: FileConfig, options: Any, folder: Path) -> Iterator[Objection]:
        """Tell when no file matches the path."""
        root, reading = root_of(config, folder), type(options) is self.ReadOptions
        if reading and (root / options.path).is_dir():
            pattern = Path(options.path, f"*.{self.suffix}").as_posix()
            yield Objection("path", f"{options.path} is a folder", f"write {pattern} for the files in it", "SF501")
        elif reading and next(_found(root, options.path), None) is None:
            what = "no file matches" if is_pattern(options.path, root) else "file not found:"
            yield Objection("path", f"{what} {options.path}", f"looked in {_shown(root)}; check the path", "SF501")

    lists_files = True
    local = True
    resilience = frozenset()  # the engine reads and writes the files itself

    def versions(self, config: FileConfig, options: Any, folder: Path) -> list[FileVersion]:
        """List the files with size and time of modification (nanoseconds), in the order in which they are read."""
        root = root_of(config, folder)
        inside, found = f"{root}{os.sep}", []
        for name, seen in listed(root, options.path):
            shown = name[len(inside) :] if name.startswith(inside) else os.path.relpath(name, root)
            found.append(FileVersion(shown, seen.st_size, str(seen.st_mtime_ns)))
        return found

    def exists(self, config: FileConfig, options: Any, folder: Path) -> bool:
        """Tell whether the file, or the folder of partitions, is there."""
        return Path(root_of(config, folder), options.path).exists()

    def wanted(self, request: ReadRequest) -> list[str]:
        """Return the files to read: those asked for by name, else all that there are."""
        files = request.delta.files
        if files is None:
            return self.files(request.config, request.options.path, request.folder)
        root = root_of(request.config, request.folder)
        return [str(root / name) for name in files]

    def place(self, config: FileConfig, options: Any) -> str:
        """Name the file, its folder included."""
        return str(os.path.normpath(Path(config.folder or "") / options.path))

    def files(self, config: FileConfig, path: str, folder: Path) -> list[str]:
        """Return the files of a path or pattern, sorted.

        Raises:
            StepError: there is none.

        """
        root = root_of(config, folder)
        found = matches(root, path)
        if not found:
            raise StepError(
                f"no file matches {path} in {_shown(root)}",
                hint="check the path",
                code="SF501",
                kind="not_found",
            )
        return found

    def test(self, config: FileConfig, folder: Path) -> ConnectionReport:
        """Tell whether the folder is there and may be read."""
        root = root_of(config, folder)
        if not root.is_dir():
            return ConnectionReport(ok=False, message=f"folder not found: {root}", reachable=False, kind="not_found")
        facts = {"folder": str(root)}
        writable = os.access(root, os.W_OK | os.X_OK)
        if not os.access(root, os.R_OK | os.X_OK):
            told = f"folder cannot be read: {root}"
            return ConnectionReport(False, told, facts, True, None, False, writable, kind="permission")
        return ConnectionReport(True, "can be read", facts, True, None, True, writable)

    def copy(
        self, request: WriteRequest, rows: Rows, settings: Mapping[str, Any], partition_by: list[str]
    ) -> WriteResult:
        """Write rows as one file, or as a folder of partitions, and put it in place at once."""
        target = root_of(request.config, request.folder) / request.options.path
        if is_pattern(request.options.path, target.parent):
            raise StepError(
                f"{request.options.path} is a pattern, not a file to write",
                hint="write a plain path",
                code="SF512",
            )
        make_folder(target.parent)
        staging = target.with_name(f".{target.name}.sqlflow-tmp")
        remove(staging)
        try:
            if partition_by:
                written = self._copy_partitions(rows, staging, settings, partition_by)
            else:
                written = rows.copy(f"COPY ({{query}}) TO {literal(str(staging))} ({_options(settings)})")
            size = sum(f.stat().st_size for f in [staging, *staging.rglob("*")] if f.is_file())
            self._put(staging, target)
        finally:
            remove(staging)
        return WriteResult(written, size, (self.place(request.config, request.options),))

    def _copy_partitions(self, rows: Rows, staging: Path, settings: Mapping[str, Any], partition_by: list[str]) -> int:
        names = {name.lower() for name in rows.schema.names}
        for column in partition_by:
            if column.lower() not in names:
                raise StepError(
                    f"partition_by names column {column!r}, which the rows do not have",
                    hint=f"they have: {', '.join(rows.schema.names)}",
                    code="SF512",
                )
        columns = ", ".join(quote(c) for c in partition_by)
        ending = f", FILE_EXTENSION {literal(self.suffix)}" if self.suffix else ""
        staging.mkdir()
        written = rows.copy(
            f"COPY ({{query}}) TO {literal(str(staging))} ({_options(settings)}, PARTITION_BY ({columns}){ending})"
        )
        if written == 0:  # no partition, no file: one without rows keeps the header
            empty = staging / f"data_0.{self.suffix}"
            rows.copy(
                f"COPY (SELECT * EXCLUDE ({columns}) FROM ({{query}})) TO {literal(str(empty))} ({_options(settings)})"
            )
        return written

    def _put(self, staging: Path, target: Path) -> None:
        """Rename into place. A folder is only replaced when it holds nothing but this format's files."""
        try:
            if staging.is_file():
                if target.is_dir():
                    raise StepError(
                        f"{target} is a folder, and a file was to be written there",
                        hint="name a file, or write partition_by",
                        code="SF512",
                    )
                staging.replace(target)
                return
            old = target.with_name(f".{target.name}.sqlflow-old")
            if not target.exists() and old.exists():
                old.replace(target)  # a process was killed between the two renames below
            if target.is_dir():
                strange = [f for f in target.rglob("*") if f.is_file() and not f.name.endswith(self.suffix)]
                if strange:
                    raise StepError(
                        f"{target} holds files that this export did not make, such as {strange[0].name}",
                        hint="give the export a folder of its own",
                        code="SF512",
                    )
            elif target.exists():
                raise StepError(
                    f"{target} is a file, and a folder was to be written there",
                    hint="name a folder, or remove partition_by",
                    code="SF512",
                )
            remove(old)
            if target.exists():
                target.replace(old)
            staging.replace(target)
            remove(old)
        except OSError as error:
            raise cannot_write(target, error) from error


def root_of(config: FileConfig, folder: Path) -> Path:
    """Return the folder where the connection's paths start."""
    return folder / config.folder if config.folder else folder


def compression_of(asked: str, path: str) -> str:
    """Return the compression of a file by its ending, unless it is stated."""
    if asked != "auto":
        return asked
    endings = {".gz": "gzip", ".zst": "zstd"}
    return next((kind for ending, kind in endings.items() if path.endswith(ending)), "none")


def not_packed(path: Path, asked: str) -> StepError | None:
    """Tell when a file that should be compressed is not."""
    kind = compression_of(asked, path.name)
    if kind == "none":
        return None
    try:
        with path.open("rb") as stream:
            start = stream.read(4)
    except OSError:  # the engine will say why it cannot be read
        return None
    if start.startswith(_STARTS[kind]):
        return None
    hint = "write compression: none, or mend its name" if asked == "auto" else "leave compression out"
    return StepError(f"{path.name} is not {kind}", hint=hint, code="SF511")


def is_pattern(path: str, root: Path) -> bool:
    """Tell whether a path is a glob; a file that is really named so is not."""
    return any(c in path for c in _MAGIC) and not (root / path).exists()


def matches(root: Path, path: str) -> list[str]:
    """Return the files that a path or pattern stands for, as absolute names, sorted."""
    return [name for name, _ in listed(root, path)]


def listed(root: Path, path: str) -> list[tuple[str, os.stat_result]]:
    """Return the files that a path or pattern stands for with what the system says of each, sorted by name."""
    return sorted(_found(root, path), key=itemgetter(0))


def _found(root: Path, path: str) -> Iterator[tuple[str, os.stat_result]]:
    whole = root / path
    if whole.is_file():
        yield str(whole), whole.stat()
        return
    if not any(c in path for c in _MAGIC):
        return
    for name in glob.iglob(str(Path(glob.escape(str(root))) / path), recursive=True):  # noqa: PTH207 - may be absolute
        try:
            seen = os.stat(name)  # noqa: PTH116 - there may be many thousand
        except OSError:  # gone since, or a link to nothing
            continue
        if stat.S_ISREG(seen.st_mode):
            yield name, seen


def file_list(files: list[str]) -> str:
    """Write files as the first argument of a read function; characters that the engine would expand are escaped."""
    escaped = [literal("".join(f"[{c}]" if c in _MAGIC else c for c in name)) for name in files]
    return escaped[0] if len(escaped) == 1 else f"[{', '.join(escaped)}]"


def arguments(values: Mapping[str, Any]) -> str:
    """Write named arguments of a table function; what is None is left out."""
    return "".join(f", {name} = {_argument(value)}" for name, value in values.items() if value is not None)


def _argument(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    return literal(value)


class Verbatim(str):
    """SQL that stands in a statement as it is, such as the star that names all columns."""

    __slots__ = ()


def _options(settings: Mapping[str, Any]) -> str:
    shown = {n: v if isinstance(v, Verbatim) else literal(v) for n, v in settings.items() if v is not None}
    return ", ".join(f"{name} {value}" for name, value in shown.items())


def make_folder(folder: Path) -> None:
    """Make the folder that a file goes into."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error


def cannot_write(path: Path, error: OSError) -> StepError:
    """Say why a file could not be put where it belongs."""
    return StepError(
        f"cannot write {path}: {error.strerror}",
        hint="check its permissions and free space; what was there before is untouched",
        code="SF713",
        kind="permission",
    )


def remove(path: Path) -> None:
    """Remove a file or a folder if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _shown(folder: Path) -> str:
    return str(folder)
