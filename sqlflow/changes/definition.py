"""What a step is, as a flat list of named texts that can be compared with another's. Opens nothing."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlflow.plan import Plan, PlannedStep
from sqlflow.sdk import SQL_ROLES, Role, fold, role_of

from .model import Option

#: Options that say nothing of which rows a step brings.
HARMLESS = frozenset({"on_schema_change", "max_bad_rows"})
CHECKS = "check "
"""How the names of a step's checks start."""
LONGEST = 60
"""Characters of a value that is still shown."""

Definition = Mapping[str, tuple[str, str]]
"""Of each part what it is compared by, which may hold secrets, and what is shown of it."""


def definition(plan: Plan, step: PlannedStep) -> Definition:
    """Return everything that the document says of a step, its variables resolved; secrets are masked where shown."""
    mask = plan.redactor.text
    return {
        name: (text, mask(text) if _short(text) and name not in step.given.sql else "")
        for name, text in _parts(plan, step)
    }


def differing(was: Definition, now: Definition) -> tuple[Option, ...]:
    """Return what is other than it was, in the order of the document as far as there is one."""
    found = []
    for name in dict.fromkeys([*now, *was]):
        before, after = was.get(name), now.get(name)
        if before != after and (before is None or after is None or before[0] != after[0]):
            found.append(Option(name, _shown(before), _shown(after)))
    return tuple(found)


def _short(text: str) -> bool:
    return len(text) <= LONGEST and "\n" not in text


def _shown(part: tuple[str, str] | None) -> str | None:
    return (part[1] or None) if part is not None else None


def _parts(plan: Plan, step: PlannedStep) -> Iterator[tuple[str, str]]:
    given, model = step.given, step.step_type.Config
    yield "type", step.type_name
    for name, endpoint in given.endpoints.items():
        yield f"{name}.connector", endpoint.connector.name
        yield from _flat(name, endpoint.config.model_dump(mode="json") | endpoint.options.model_dump(mode="json"))
    skipped = {name for name in model.model_fields if role_of(model, (name,)) in {*SQL_ROLES, Role.SQL_FILE}}
    own = given.config.model_dump(mode="json", exclude=skipped | set(given.endpoints))
    yield from _flat("", own)
    for name, statements in given.sql.items():
        yield name, "\n".join(s.digest or s.sql for s in statements)
    if step.condition is not None:
        yield "when", step.condition.sql
    used = {name: value for s in _statements(step) for name, value in s.items()}
    used |= {name: value for check in given.checks for name, value in check.parameters.items()}
    for name, value in sorted(used.items()):
        hidden = name in plan.variables and plan.variables[name].secret
        yield f"${name}", "***" if hidden else _text(value)
    for check in given.checks:
        told = check.config.model_dump(mode="json", exclude_defaults=True)
        ruled = (check.scope, check.severity, check.where, check.max_failures, check.quarantine)
        yield f"{CHECKS}{check.name}", f"{_text(told)} {_text(ruled)}"
    for function in sorted(step.functions):
        if (source := _source(function, plan.function_folders)) is not None:
            yield f"function {function}", source


def _statements(step: PlannedStep) -> Iterator[Mapping[str, Any]]:
    yield from (statement.parameters for statements in step.given.sql.values() for statement in statements)
    if step.condition is not None:
        yield step.condition.parameters


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the leaves of nested options with their dotted names; a list is one leaf."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else key, inner)
    elif value is not None:
        yield prefix, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return f"[{', '.join(value)}]"
    return json.dumps(value, default=str)


def _source(name: str, folders: tuple[Path, ...]) -> str | None:
    """Return the module that defines a function, without layout and comments, so that what it calls counts too."""
    for folder in folders:
        for file in sorted(folder.glob("*.py")) if folder.is_dir() else ():
            try:
                tree = ast.parse(file.read_text(encoding="utf-8"))
            except (OSError, ValueError, SyntaxError):
                continue
            if any(isinstance(node, ast.FunctionDef) and fold(node.name) == name for node in ast.walk(tree)):
                return f"\n{ast.unparse(tree)}"
    return None
