"""The secret providers in the box: environment variables, mounted files, and a `.env` file beside the project.

Values stay here: none is ever put into the environment, where every program that is started would see it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlflow.sdk import SecretPlace, SecretProvider, StepError, hookimpl

MOUNTED = "/run/secrets"
"""Where containers find their secrets."""


class EnvSecrets(SecretProvider):
    """Reads `${secret:env/NAME}` from the environment; unlike `${env:NAME}` the value is never shown."""

    name = "env"
    local = True

    def get(self, key: str) -> str | None:
        """Return the environment variable."""
        return os.environ.get(key)


class FileSecrets(SecretProvider):
    """Reads `${secret:file/NAME}` from the file NAME in `/run/secrets`, or in the folder SQLFLOW_SECRETS names.

    `${secret:file//etc/keys/db}` names a file by its whole path. One line break at the end is not part of the value.
    """

    name = "file"
    local = True

    def get(self, key: str) -> str | None:
        """Return the text of the file."""
        return self.find(key, SecretPlace(Path.cwd()))

    def find(self, key: str, place: SecretPlace) -> str | None:
        """Return the text of the file; None when there is none."""
        path = place.folder / os.environ.get("SQLFLOW_SECRETS", MOUNTED) / key
        text = _text(path, place)
        if text is None:
            return None
        return re.sub(r"\r?\n\Z", "", text)


class DotenvSecrets(SecretProvider):
    r"""Reads `${secret:dotenv/NAME}` from the file `.env` beside the project file, or beside the pipeline without one.

    A line is `NAME=value`, with `export` before it or not. A value in single quotes is taken as it is; in double
    quotes it may have several lines, and `\n`, `\"` and `\\` are read; without quotes it ends at ` #`.
    """

    name = "dotenv"
    local = True

    def get(self, key: str) -> str | None:
        """Return the value."""
        return self.find(key, SecretPlace(Path.cwd()))

    def find(self, key: str, place: SecretPlace) -> str | None:
        """Return the value; None when the file or the name is not there."""
        path = place.folder / ".env"
        text = _text(path, place)
        return None if text is None else dict(_pairs(text, path)).get(key)


def _text(path: Path, place: SecretPlace) -> str | None:
    """Read a file of secrets, and warn when others may read it as well."""
    try:
        if not path.is_file():
            return None
        if path.stat().st_mode & stat.S_IROTH:
            hint = f"take the right away: chmod o-rwx {path}"
            place.warn(f"the secrets in {path} can be read by every user of this machine", hint)
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:  # its text would quote the value
        told = f"the secret in {path} is not UTF-8 text"
        raise StepError(told, hint="write it as text, for example in base64", code="SF318") from None
    except OSError as error:
        told = f"the secret in {path} cannot be read: {error.strerror}"
        raise StepError(told, hint="let this user read the file", code="SF318", kind="permission") from None


_LINE = re.compile(
    r"""[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][\w.-]*)[ \t]*=[ \t]*
    (?:'(?P<single>[^']*)'[ \t]*(?:\#[^\n]*)?
      |"(?P<double>(?:[^"\\]|\\.)*)"[ \t]*(?:\#[^\n]*)?
      |(?P<bare>[^'"\s#][^\n]*)?(?:\#[^\n]*)?)[ \t\r]*(?:\n|\Z)""",
    re.VERBOSE | re.DOTALL,
)
_IDLE = re.compile(r"[ \t]*(?:#[^\n]*)?\r?(?:\n|\Z)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def _pairs(text: str, path: Path) -> Iterator[tuple[str, str]]:
    """Yield names and values; the last one of a name counts.

    Raises:
        StepError: a line is none of this; it is not quoted, as it may hold a secret.

    """
    text, position = text.removeprefix("\ufeff"), 0
    while position < len(text):
        if idle := _IDLE.match(text, position):
            position = idle.end()
            continue
        found = _LINE.match(text, position)
        if found is None:
            line = text.count("\n", 0, position) + 1
            hint = "write NAME=value, with quotes around a value that has spaces, quotes or # in it"
            raise StepError(f"{path}, line {line} is not NAME=value", hint=hint, code="SF318")
        position = found.end()
        if found["double"] is not None:
            yield found["name"], re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), found["double"], flags=re.DOTALL)
        elif found["single"] is not None:
            yield found["name"], found["single"]
        else:
            yield found["name"], re.split(r"\s#", found["bare"] or "", maxsplit=1)[0].strip()


@hookimpl
def sqlflow_secret_providers() -> Sequence[type[SecretProvider]]:
    """Bring them."""
    return [EnvSecrets, FileSecrets, DotenvSecrets]
