"""Document and catalog become a plan: something that can run. Pure: opens no connection and runs no query.

Must not know how steps are executed or how anything is shown.
"""

from .effects import effects
from .endpoints import Connections, declared_connections
from .engines import engine_plan
from .graph import table_key
from .guests import guarded
from .model import Asked, Condition, EnginePlan, Plan, PlannedStep
from .planner import Request, make_plan
from .sqlfields import parse_ahead
from .variables import Scope, Value

__all__ = [
    "Asked",
    "Condition",
    "Connections",
    "EnginePlan",
    "Plan",
    "PlannedStep",
    "Request",
    "Scope",
    "Value",
    "declared_connections",
    "effects",
    "engine_plan",
    "guarded",
    "make_plan",
    "parse_ahead",
    "table_key",
]
