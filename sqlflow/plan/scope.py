"""What names mean in one place of a document: variables, the environment, secrets, the run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from sqlflow.errors import SQLFlowError, raised_in
from sqlflow.problem import Problem
from sqlflow.registry import Catalog, Unknown
from sqlflow.sdk import Redactor, SecretPlace, SecretProvider
from sqlflow.spec import Expression, Resolved, VariableType


class Value(Struct, frozen=True):
    """The value of a variable, its type, and where it came from. `known` false: an outside value is not set."""

    name: str
    type: VariableType
    value: Any
    origin: str
    secret: bool = False
    known: bool = True


class Scope(Struct, frozen=True):
    """Everything that `${...}` and `$name` may mean in one place."""

    catalog: Catalog
    environment: Mapping[str, str]
    redactor: Redactor
    run_id: str
    started_at: datetime
    profile: str | None
    offline: bool
    folder: Path = Path()
    """The project's."""
    noted: list[Problem] = field(default_factory=list)
    """What secret providers warn of."""
    values: Mapping[str, Value] = field(default_factory=dict)

    def value(self, expression: Expression) -> Resolved | None:
        """Return what an expression stands for; None when its name means nothing."""
        if expression.kind == "var":
            found = self.values.get(expression.name)
            return None if found is None else Resolved(_plain(found.value), secret=found.secret, known=found.known)
        if expression.kind == "env":
            text = self.environment.get(expression.name, expression.default)
            return Resolved(text if text is not None else f"${{env:{expression.name}}}", False, known=text is not None)
        if expression.kind == "run":
            return Resolved(self.run_id if expression.name == "id" else self.started_at.isoformat())
        if expression.kind == "profile":
            return Resolved(self.profile or "")
        return self._secret(expression.name)

    def is_identifier(self, name: str) -> bool:
        """Tell whether a variable may be spliced into SQL."""
        found = self.values.get(name)
        return found is not None and found.type == "identifier"

    def with_values(self, values: Mapping[str, Value]) -> Scope:
        """Return a scope with further variables, which hide those of the same name."""
        return replace(self, values={**self.values, **values})

    def _secret(self, name: str) -> Resolved | None:
        provider_name, _, key = name.partition("/")
        try:
            provider = self.catalog.secret_provider(provider_name)()
        except Unknown:
            return None
        place = SecretPlace(self.folder, self._warn)
        found = self._asked(provider, key, place) if provider.local or not self.offline else None
        if found is None:
            return Resolved(f"${{secret:{name}}}", False, known=False)
        self.redactor.add(found)
        return Resolved(found, False, secret=True)

    def _asked(self, provider: SecretProvider, key: str, place: SecretPlace) -> str | None:
        """Ask a provider; what it raises may hold the value, so only its kind is told."""
        told = f"secret provider {provider.name!r} failed for {key!r}"
        try:
            found = provider.find(key, place)
        except SQLFlowError:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a guest may raise anything
            hint = f"it was raised in {raised_in(error)}; tell the authors of the provider"
            self._note(Problem("SF601", f"{told}: {type(error).__name__}", None, hint))
            return None
        if found is not None and not isinstance(found, str):
            hint = "this is a bug in the provider; tell its authors"
            self._note(Problem("SF601", f"{told}: it returned {type(found).__name__}, expected str", None, hint))
            return None
        return found

    def _warn(self, message: str, hint: str) -> None:
        self._note(Problem("SF317", message, None, hint, "warning"))

    def _note(self, problem: Problem) -> None:
        if problem not in self.noted:
            self.noted.append(problem)


def _plain(value: Any) -> Any:
    """Return a value as it stands in JSON."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return list(value) if isinstance(value, (list, tuple)) else value
