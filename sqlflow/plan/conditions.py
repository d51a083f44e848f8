"""`when`: a SQL boolean, decided while planning unless it reads a table."""

from __future__ import annotations

import re

from sqlflow.sdk import Role
from sqlflow.spec import Node, Scalar, substitute
from sqlflow.sql import holds

from .model import Condition
from .sqlfields import Binder, SqlField


def bind_condition(node: Node | None, binder: Binder) -> Condition | None:
    """Return the condition; one without tables is decided here. What is wrong with it is noted."""
    if node is None:
        return None
    if not isinstance(node, Scalar):  # told by the model of the envelope
        return None
    text = substitute(node, binder.scope, binder.diagnosis, sql=True).value
    if not isinstance(text, str):
        if text is None:
            binder.diagnosis.add("SF203", "when is empty", node, "write a SQL boolean, or remove it")
        return None
    binder.when = SqlField(text, node, binder.diagnosis)
    bound = binder.bind(Role.EXPRESSION, binder.when)
    if not bound:
        return None
    statement = bound[0]
    if statement.reads:
        return Condition(text, statement.parameters, statement.reads, None)
    if statement.literal_sql is None:  # a value is not known here
        return Condition(text, statement.parameters, frozenset(), True)
    try:
        return Condition(text, statement.parameters, frozenset(), holds(text, statement.parameters))
    except ValueError as error:
        unknown = _UNKNOWN.search(str(error))
        if unknown is None:
            binder.diagnosis.add("SF405", f"when: {error}", node, "it must be true or false in SQL")
            return None
        name = unknown[1]
        written = re.search(rf"(?<![\w$]){re.escape(name)}(?!\w)", text)
        meant = f"${name} is the variable" if binder.scope.values.get(name) else f"text is written '{name}'"
        told = f"when: {name!r} is no column, as no table is read"
        binder.diagnosis.add("SF405", told, binder.when.mark(written.start() if written else 0), meant)
        return None


#: How the engine tells of a name that nothing brings.
_UNKNOWN = re.compile(r'Referenced column "(.+?)"')
