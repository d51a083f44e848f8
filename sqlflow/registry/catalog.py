"""What the plugins brought, by kind and name, and who owns each name.

Each kind is asked for the first time somebody needs it, so a document pays only for what it uses.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from sqlflow.errors import PluginBroken, PluginConflict
from sqlflow.problem import did_you_mean
from sqlflow.sdk import (
    CheckKind,
    Connector,
    Engine,
    Late,
    LintRule,
    Observer,
    SecretProvider,
    StepType,
    StorageBackend,
    Udf,
)

from .admission import objection
from .host import Host, PluginRecord

HOOKS = {
    "step type": "sqlflow_step_types",
    "connector": "sqlflow_connectors",
    "function": "sqlflow_udfs",
    "storage backend": "sqlflow_storage_backends",
    "engine": "sqlflow_engines",
    "check": "sqlflow_checks",
    "lint rule": "sqlflow_lint_rules",
    "secret provider": "sqlflow_secret_providers",
    "observer": "sqlflow_observers",
    "command": "sqlflow_commands",
}


class Owned(Struct, frozen=True):
    """Something a plugin brought, and which plugin. `item` may be a `Late`, whose class is imported on demand."""

    name: str
    item: Any
    owner: PluginRecord


class Unknown(LookupError):
    """A name that nobody brings; `hint` says what may be meant or which broken plugin may have brought it."""

    def __init__(self, kind: str, name: str, hint: str) -> None:
        super().__init__(f"unknown {kind} {name!r}")
        self.hint = hint


class Catalog(Struct):
    """All that can be named in a document. `reserved` are keys that guests may not take, by kind."""

    host: Host
    reserved: Mapping[str, Collection[str]] = field(default_factory=dict)
    _kinds: dict[str, dict[str, list[Owned]]] = field(default_factory=dict)

    def step_type(self, name: str) -> type[StepType]:
        """Return a step type by name."""
        return self._one("step type", name)  # type: ignore[no-any-return]

    def connector(self, name: str) -> type[Connector[Any]]:
        """Return a connector by name."""
        return self._one("connector", name)  # type: ignore[no-any-return]

    def engine(self, name: str) -> type[Engine]:
        """Return an engine by name."""
        return self._one("engine", name)  # type: ignore[no-any-return]

    def storage(self, name: str) -> type[StorageBackend]:
        """Return a storage backend by name."""
        return self._one("storage backend", name)  # type: ignore[no-any-return]

    def check(self, name: str) -> type[CheckKind]:
        """Return a check kind by name."""
        return self._one("check", name)  # type: ignore[no-any-return]

    def lint_rules(self) -> list[type[LintRule]]:
        """Return every lint rule, in the order of their codes."""
        return [owned.item for owned in sorted(self.all("lint rule"), key=lambda o: o.name)]

    def secret_provider(self, name: str) -> type[SecretProvider]:
        """Return a secret provider by name."""
        return self._one("secret provider", name)  # type: ignore[no-any-return]

    def function(self, name: str) -> Udf | None:
        """Return a function by name, case folded as SQL folds it, or None."""
        owned = self.kind("function").get(name.lower(), [])
        self._refuse_two("function", name, owned)
        return owned[0].item if owned else None

    def owner(self, kind: str, name: str) -> PluginRecord | None:
        """Return the plugin that brought a name."""
        owned = self.kind(kind).get(name)
        return owned[0].owner if owned else None

    def observers(self) -> Iterator[tuple[PluginRecord, Callable[[], Observer]]]:
        """Yield the makers of observers."""
        for owned in self.all("observer"):
            yield owned.owner, owned.item

    def names(self, kind: str) -> list[str]:
        """Return the names known of a kind, sorted."""
        return sorted(self.kind(kind))

    def all(self, kind: str) -> list[Owned]:
        """Return everything of a kind, with its owner."""
        found = [self._loaded(kind, one) for owned in self.kind(kind).values() for one in owned]
        return [one for one in found if one is not None]

    def kind(self, kind: str) -> dict[str, list[Owned]]:
        """Ask the plugins for one kind, once."""
        if kind not in self._kinds:
            found: dict[str, list[Owned]] = {}
            for record, item in self.host.offers(HOOKS[kind]):
                if not isinstance(item, Late) and (reason := objection(kind, item, self.reserved)):
                    self.host.fail(record.name, reason)
                    continue
                name = _name_of(kind, item, record)
                if kind == "command" and name in self.reserved.get(kind, ()):
                    self.host.fail(record.name, f"command {name!r} is one of SQLFlow's own")
                    continue
                found.setdefault(name.lower() if kind == "function" else name, []).append(Owned(name, item, record))
            self._kinds[kind] = found
        return self._kinds[kind]

    def plugins(self) -> list[PluginRecord]:
        """Return every plugin after asking it for everything, so that what is broken shows."""
        for kind in HOOKS:
            self.all(kind)
        return list(self.host.records.values())

    def conflicts(self) -> list[str]:
        """Return a sentence for every name that has two owners."""
        return [
            _conflict(kind, name, owned)
            for kind in HOOKS
            if kind != "observer"
            for name, owned in self.kind(kind).items()
            if len(owned) > 1
        ]

    def _loaded(self, kind: str, owned: Owned) -> Owned | None:
        """Return what is owned with its class imported; one that cannot be is the fault of its plugin."""
        if not isinstance(owned.item, Late):
            return owned
        try:
            item = owned.item.load()
            reason = objection(kind, item, self.reserved)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything on import
            reason = f"{owned.item.where} cannot be imported: {type(error).__name__}: {error}"
        if reason:
            self.host.fail(owned.owner.name, reason)
            return None
        loaded = replace(owned, item=item)
        others = self._kinds[kind][owned.name]
        if owned in others:  # another thread may have been first
            others[others.index(owned)] = loaded
        return loaded

    def _refuse_two(self, kind: str, name: str, owned: list[Owned]) -> None:
        if len(owned) > 1:
            raise PluginConflict(
                _conflict(kind, name, owned), hint="uninstall one of the two distributions", code="SF602"
            )

    def _one(self, kind: str, name: str) -> Any:
        owned = self.kind(kind).get(name, [])
        self._refuse_two(kind, name, owned)
        if owned and (loaded := self._loaded(kind, owned[0])) is not None:
            return loaded.item
        broken = [record for record in self.host.records.values() if record.error]
        if broken:
            told = "; ".join(f"{r.distribution} ({r.name}): {r.error}" for r in broken)
            raise PluginBroken(
                f"unknown {kind} {name!r}, and an installed plugin that may bring it is broken: {told}",
                hint="`sqlflow plugin list` shows every plugin; mend or uninstall the broken one",
                code="SF601",
            )
        raise Unknown(kind, name, did_you_mean(name, self.kind(kind), noun=kind))


def _name_of(kind: str, item: Any, record: PluginRecord) -> str:
    if kind == "observer":
        return f"{record.name}.{getattr(item, '__name__', 'observer')}"
    if kind == "command":
        named = getattr(getattr(item, "info", None), "name", None)
        return named if isinstance(named, str) else record.name  # without one Typer keeps an object of its own
    return str(item.name)


def _conflict(kind: str, name: str, owned: list[Owned]) -> str:
    owners = " and ".join(sorted(f"{o.owner.distribution} ({o.owner.name})" for o in owned))
    return f"{kind} {name!r} is brought by {owners}"
