"""Document and catalog become a plan: something that can run. Pure: opens no connection and runs no query.

Must not know how steps are executed or how anything is shown.
"""

from .effects import effects
from .endpoints import Connections, declared_connections
from .engines import engine_plan
from .graph import feeds, table_key
from .guests import guarded
from .inheritance import inheritable
from .model import Condition, EnginePlan, Plan, PlannedStep
from .places import CheckPlace, Places
from .planner import draft_plan, make_plan
from .request import Asked, Request
from .scope import Scope, Value
from .sqlfields import SqlField, parse_ahead

__all__ = [
    "Asked",
    "CheckPlace",
    "Condition",
    "Connections",
    "EnginePlan",
    "Places",
    "Plan",
    "PlannedStep",
    "Request",
    "Scope",
    "SqlField",
    "Value",
    "declared_connections",
    "draft_plan",
    "effects",
    "engine_plan",
    "feeds",
    "guarded",
    "inheritable",
    "make_plan",
    "parse_ahead",
    "table_key",
]
