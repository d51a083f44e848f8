"""Where secret values come from, and how they are kept out of everything that is shown.

A provider only looks values up. The redactor is handed every text on its way out: messages, events, artifacts.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

from msgspec import Struct
from msgspec.structs import replace

from sqlflow.errors import DocumentError, SQLFlowError
from sqlflow.problem import Problem

MASK = "***"
PIECE = 8
"""Characters in a row that are never shown of a secret beside an ellipsis; twice as many are shown nowhere."""


class SecretPlace(Struct, frozen=True):
    """Where a secret is asked for: the project's folder, and a way to warn, with a message and a hint."""

    folder: Path
    warn: Callable[[str, str], None] = lambda _message, _hint: None


class SecretProvider(ABC):
    """Looks up `KEY` of `${secret:PROVIDER/KEY}`. Subclasses hold no state."""

    name: ClassVar[str]
    """The word before the slash."""
    local: ClassVar[bool] = False
    """Whether a look-up touches only this machine, so that validation may do it."""

    @abstractmethod
    def get(self, key: str) -> str | None:
        """Return the value, or None when there is none.

        Raises:
            TransientError: the provider cannot be reached just now.

        """

    def find(self, key: str, place: SecretPlace) -> str | None:
        """Return the value for a project; a provider that does not care which one need not say anything here."""
        return self.get(key)


class Redactor:
    """Remembers secret values and replaces them in whatever is about to be shown."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._pieces: set[str] = set()

    def add(self, value: object) -> None:
        """Remember a secret, together with the ways in which drivers quote and escape it."""
        from urllib.parse import quote, quote_plus

        text = str(value)
        if text:
            self._forms.update(
                {text, quote(text, safe=""), quote_plus(text), json.dumps(text)[1:-1], repr(text)[1:-1]}
                | {json.dumps(text, ensure_ascii=False)[1:-1], text.replace("'", "''")}
            )
            # A multi-line secret must not slip out line by line, nor a long one in pieces.
            self._forms.update(line for line in text.splitlines() if len(line) > 3)  # noqa: PLR2004
            self._pieces.update(f[n : n + PIECE] for f in tuple(self._forms) for n in range(len(f) - PIECE + 1))

    @classmethod
    def joined(cls, redactors: Iterable[Redactor]) -> Redactor:
        """Return one that masks what any of these masks."""
        one = cls()
        for other in redactors:
            one._forms |= other._forms  # noqa: SLF001 - another of this class
            one._pieces |= other._pieces  # noqa: SLF001
        return one

    @property
    def idle(self) -> bool:
        """Whether there is no secret to mask."""
        return not self._forms

    def text(self, text: str) -> str:
        """Return the text with every secret masked, the longest first so that no tail is left standing."""
        for form in sorted(self._forms, key=len, reverse=True):
            if form in text:
                text = text.replace(form, MASK)
        return self._without_pieces(text) if self._pieces else text

    def _without_pieces(self, text: str) -> str:
        """Mask what is left of a secret that somebody has cut before it came here."""
        hit = [False] * len(text)
        for start in range(len(text) - PIECE + 1):
            if text[start : start + PIECE] in self._pieces:
                hit[start : start + PIECE] = [True] * PIECE
        parts: list[str] = []
        position = 0
        for cut, group in groupby(hit):
            end = position + len(list(group))
            piece = text[position:end]
            marked = text[end : end + 3] == "..." or text[max(position - 3, 0) : position] == "..."
            parts.append(MASK if cut and (marked or len(piece) >= 2 * PIECE) else piece)
            position = end
        return "".join(parts)

    def problems(self, problems: Iterable[Problem]) -> list[Problem]:
        """Return the problems with every secret masked, the quoted source lines included."""
        if not self._forms:
            return list(problems)
        return [
            replace(
                problem,
                message=self.text(problem.message),
                hint=problem.hint and self.text(problem.hint),
                mark=problem.mark and replace(problem.mark, text=self.text(problem.mark.text)),
            )
            for problem in problems
        ]

    @contextmanager
    def masking(self) -> Iterator[None]:
        """Mask the secrets in what is raised within."""
        try:
            yield
        except DocumentError as error:
            raise DocumentError(self.problems(error.problems)) from None
        except SQLFlowError as error:
            error.message = self.text(error.message)
            error.hint = error.hint and self.text(error.hint)
            raise

    def value(self, value: Any) -> Any:
        """Return a copy of nested data with every secret masked, keys included."""
        if not self._forms:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.value(key): self.value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        if value is None or isinstance(value, bool):
            return value
        masked = self.text(str(value))
        return value if masked == str(value) else masked
