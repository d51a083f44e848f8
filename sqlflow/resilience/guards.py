"""The guards of a run, one for each connection, and the steps that are handed guarded connectors."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from sqlflow.sdk import BoundEndpoint, StepInput
from sqlflow.spec import Resilience

from .guard import Calls, Guard, Listings, Surroundings
from .guarded import Guarded
from .limits import Lease


class Guards(Struct):
    """The guards of a run, by connection; and what the attempts of its steps see in the place of their connectors."""

    resilience: Mapping[str, Resilience]
    _guards: dict[str, Guard | None] = field(default_factory=dict)

    def of(self, endpoint: BoundEndpoint) -> Guard | None:
        """Return the guard of an endpoint's connection; None where nothing is asked of it."""
        name = endpoint.connection
        if name is None or name not in self.resilience:
            return None
        if name not in self._guards:
            settings, effective = self.resilience[name], endpoint.connector.resilience
            asked = any(getattr(settings, key) is not None for key in effective)
            self._guards[name] = Guard(name, settings, effective) if asked else None
        return self._guards[name]

    def prepare(self, given: Mapping[str, BoundEndpoint]) -> None:
        """Make the guards of these endpoints; called before there are threads."""
        for endpoint in given.values():
            self.of(endpoint)

    def given(self, given: StepInput, around: Surroundings, kept: Listings | None = None) -> StepInput:
        """Return a step's input with guarded connectors, for one attempt. `kept` outlasts it: listings made ahead."""
        found = {name: guard for name, e in given.endpoints.items() if (guard := self.of(e)) is not None}
        named = {guard.name: guard.slots for guard in found.values() if guard.slots is not None}
        lease = Lease(named[name] for name in sorted(named))
        endpoints = {
            name: replace(e, connector=Guarded(e.connector, Calls(found.get(name), around, lease), name, kept))
            for name, e in given.endpoints.items()
        }
        return replace(given, endpoints=endpoints)
