"""What core enforces around the calls of connectors: retries, timeouts, pace, circuit breakers, connections at once.

Must not know plans, engines or any connector: it stands between a step and whatever its endpoints are.
"""

from .guard import Listings, Surroundings
from .guarded import Guarded
from .guards import Guards
from .retry import CircuitOpen, attempted

__all__ = ["CircuitOpen", "Guarded", "Guards", "Listings", "Surroundings", "attempted"]
