"""The ten hooks through which everything enters: built-ins and third-party packages alike.

A hook takes nothing, touches nothing and returns what the plugin brings. Hooks run once, at discovery;
at run time every call is plain Python. A plugin is a module with some of these functions, each marked with
`@hookimpl`, named under the entry-point group `sqlflow`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import pluggy
from msgspec import Struct

from sqlflow.errors import PluginBroken
from sqlflow.problem import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .check import CheckKind
    from .connector import Connector
    from .engine import Engine
    from .lint import LintRule
    from .observer import Observer
    from .secret import SecretProvider
    from .step import StepType
    from .storage import StorageBackend
    from .udf import Udf

GROUP = "sqlflow"


class Late(Struct, frozen=True):
    """Stands for a class that is imported only when a document uses its name: `Late("csv", "my_plugin.csv:Csv")`.

    Any hook but functions, observers and commands may return it in the place of the class.
    """

    name: str
    where: str

    def load(self) -> Any:
        """Import the class."""
        module, _, attribute = self.where.partition(":")
        return getattr(import_module(module), attribute)


def brought(hook: str, name: str) -> Any:
    """Return the class that an installed plugin brings, for a guest that builds on another one.

    `brought("sqlflow_engines", "duckdb")` is the engine in the box.

    Raises:
        PluginBroken: nobody brings it, or it cannot be imported.

    """
    known: list[str] = []
    for entry in entry_points(group=GROUP):
        try:
            items: Sequence[Any] = getattr(entry.load(), hook, tuple)()
        except (Exception, SystemExit):  # noqa: BLE001, S112 - `sqlflow plugin list` tells of a broken one
            continue
        for item in items:
            if item.name == name:
                return item.load() if isinstance(item, Late) else item
            known.append(item.name)
    raise PluginBroken(
        f"no installed plugin brings {name!r} by {hook}", hint=did_you_mean(name, known, noun="name"), code="SF601"
    )


hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


class Hooks:
    """What a plugin may bring. Every hook returns a sequence; what it returns is frozen and holds no state."""

    @hookspec
    def sqlflow_step_types(self) -> Sequence[type[StepType] | Late]:
        """Step types, by the `type` of a step."""
        return ()

    @hookspec
    def sqlflow_connectors(self) -> Sequence[type[Connector[Any]] | Late]:
        """Connectors, by the `connector` of a connection, source or target."""
        return ()

    @hookspec
    def sqlflow_udfs(self) -> Sequence[Udf]:
        """Functions that SQL may call."""
        return ()

    @hookspec
    def sqlflow_storage_backends(self) -> Sequence[type[StorageBackend] | Late]:
        """Storage backends, by the `type` of a profile's storage."""
        return ()

    @hookspec
    def sqlflow_engines(self) -> Sequence[type[Engine] | Late]:
        """Engines, by the `type` of a profile's engine."""
        return ()

    @hookspec
    def sqlflow_checks(self) -> Sequence[type[CheckKind] | Late]:
        """Check kinds, by the key of an entry under `checks`."""
        return ()

    @hookspec
    def sqlflow_lint_rules(self) -> Sequence[type[LintRule] | Late]:
        """Lint rules, by their codes."""
        return ()

    @hookspec
    def sqlflow_secret_providers(self) -> Sequence[type[SecretProvider] | Late]:
        """Secret providers, by the name before the slash in `${secret:PROVIDER/KEY}`."""
        return ()

    @hookspec
    def sqlflow_observers(self) -> Sequence[Callable[[], Observer]]:
        """Makers of observers; each run gets its own."""
        return ()

    @hookspec
    def sqlflow_commands(self) -> Sequence[Any]:
        """Typer apps that become verbs of the command line, each by its `info.name`."""
        return ()
