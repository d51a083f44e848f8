"""Finding plugins: one entry-point group, each plugin loaded on its own, none able to break another.

Knows pluggy and installed distributions. Must not know what a connector or a step is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from types import FunctionType, ModuleType
from typing import Any

import pluggy
from msgspec import Struct, field

from sqlflow.sdk import GROUP, Hooks, did_you_mean

BUILTIN = "sqlflow-pipelines"


class PluginRecord(Struct, frozen=True):
    """An installed plugin: its entry point, the distribution it came with, and what is wrong with it if anything."""

    name: str
    distribution: str
    version: str
    module: str
    error: str | None = None

    @property
    def builtin(self) -> bool:
        """Whether it came in the box."""
        return self.distribution == BUILTIN


class Host(Struct):
    """Holds the plugins of this process; nothing in it is global."""

    manager: pluggy.PluginManager
    records: dict[str, PluginRecord] = field(default_factory=dict)

    def offers(self, hook: str) -> Iterator[tuple[PluginRecord, Any]]:
        """Call one hook of every plugin, each alone, and yield what it brings with where it came from."""
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            record = self.records[implementation.plugin_name]
            try:
                brought = list(implementation.function())
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything; it is recorded, not hidden
                self.fail(record.name, f"{hook} failed: {_describe(error)}")
                continue
            for item in brought:
                yield record, item

    def fail(self, name: str, message: str) -> None:
        """Note that a plugin is broken; the first reason stands."""
        old = self.records[name]
        if old.error is None:
            self.records[name] = PluginRecord(old.name, old.distribution, old.version, old.module, message)


def discover(blocked: Collection[str] = ()) -> Host:
    """Load every installed plugin of the group, but those of the distributions named in `blocked`."""
    found = [e for e in entry_points(group=GROUP) if _distribution(e)[0] not in blocked]
    return host_of(_loadable(found))


def host_of(plugins: Iterable[tuple[PluginRecord, Callable[[], ModuleType] | None]]) -> Host:
    """Build a host from records and the functions that load their modules (None: known to be broken)."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(Hooks)
    host = Host(manager)
    for record, load in plugins:
        host.records[record.name] = record
        if load is None:
            continue
        try:
            module = load()
            manager.register(module, record.name)
            _refuse_unknown_hooks(module)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything on import; it is recorded
            host.fail(record.name, _describe(error))
            if manager.has_plugin(record.name):
                manager.unregister(name=record.name)
    return host


def _loadable(found: Iterable[EntryPoint]) -> Iterator[tuple[PluginRecord, Callable[[], ModuleType] | None]]:
    """Turn entry points into plugins; pluggy would silently skip a second of one name, so it is looked for here."""
    by_name: dict[str, dict[str, EntryPoint]] = defaultdict(dict)
    for entry in found:
        by_name[entry.name].setdefault(f"{_distribution(entry)[0]} {entry.value}", entry)
    for name, entries in sorted(
        by_name.items(), key=lambda item: (_distribution(next(iter(item[1].values())))[0] != BUILTIN, item[0])
    ):
        for position, entry in enumerate(entries.values()):
            distribution, version = _distribution(entry)
            if len(entries) == 1:
                yield PluginRecord(name, distribution, version, entry.value), entry.load
                continue
            owners = " and ".join(sorted({_distribution(e)[0] for e in entries.values()}))
            error = f"two distributions name a plugin {name!r}: {owners}; uninstall one of them"
            shown = name if position == 0 else f"{name} ({distribution})"
            yield PluginRecord(shown, distribution, version, entry.value, error), None


def _distribution(entry: EntryPoint) -> tuple[str, str]:
    return _named(entry.dist) if entry.dist else ("unknown", "0")


@lru_cache(maxsize=256)
def _named(distribution: Distribution) -> tuple[str, str]:
    """Return name and version; each look at either reads the whole description of the distribution again."""
    described = distribution.metadata
    return described["Name"], described["Version"]


def _refuse_unknown_hooks(module: ModuleType) -> None:
    known = {name for name in vars(Hooks) if name.startswith(f"{GROUP}_")}
    for name, value in vars(module).items():
        if isinstance(value, FunctionType) and name in known and not hasattr(value, f"{GROUP}_impl"):
            raise AttributeError(f"{name} is not marked, so nobody would ask it; write @hookimpl above it")
        marked = value.__dict__.get(f"{GROUP}_impl") if isinstance(value, FunctionType) else None
        if marked is not None and (hook := marked["specname"] or name) not in known:
            raise AttributeError(f"{hook} is not a hook; {did_you_mean(hook, known, noun='hook')}")


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".strip().replace("\n", " ")
