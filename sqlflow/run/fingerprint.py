"""What a step is and what it reads, in a few hashes: to know whether it would do again what it has done.

A part that cannot be known, such as a database outside, makes the step run. Layout and comments of SQL do not count.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct, field

from sqlflow.errors import RunInterrupted, SQLFlowError, TransientError
from sqlflow.plan import Plan, PlannedStep, table_key
from sqlflow.registry import Catalog
from sqlflow.resilience import Guarded
from sqlflow.sdk import SQL_ROLES, BoundEndpoint, Role, Session, StepInput, Udf, role_of

from .source import texts

UNKNOWN = "unknown"
"""Stands for a part without identity; it is never equal to anything."""
WRITTEN = "written"
"""Stands for a place outside that a step has written, as long as there is something."""
ABSENT = "absent"
"""Stands for such a place where there is nothing."""

Parts = dict[str, str]


class Fingerprints(Struct):
    """The fingerprints of the steps of one run."""

    plan: Plan
    catalog: Catalog
    functions: Mapping[str, Udf]
    _owners: dict[tuple[str, str], str] = field(default_factory=dict)
    _sources: dict[str, str] = field(default_factory=dict)

    def definition(self, step: PlannedStep) -> Parts:
        """Hash what the document, its variables and the installed code say; nothing is opened."""
        given = step.given
        statements = [s for found in given.sql.values() for s in found]
        used = {name for s in statements for name in s.parameters} | {n for c in given.checks for n in c.parameters}
        if step.condition is not None:
            used |= set(step.condition.parameters)
        values = {**dict(_variables(statements, given.checks)), **(step.condition.parameters if step.condition else {})}
        hidden = {name for name, value in self.plan.variables.items() if value.secret}
        parts = {
            "sql": _hash({name: [s.digest or s.sql for s in found] for name, found in given.sql.items()}),
            "options": _hash(self._options(step)),
            "checks": _hash([self._check(check) for check in given.checks]),
            "code": _hash(sorted(self._code(step))),
        }
        parts |= {f"variable {n}": UNKNOWN if n in hidden else _hash(values.get(n)) for n in sorted(used)}
        return parts | {f"function {name}": self._source(name) for name in sorted(step.functions & set(self.functions))}

    def full(self, step: PlannedStep, session: Session, given: StepInput, *, done: bool = False) -> Parts:
        """Add what the step reads: the data version of every table, and the identity of every file.

        `given` is the step's input as this attempt sees it; files that are listed here are not listed again by it.
        `done`: as it will be once the step has written what it writes outside.

        Raises:
            TransientError: the files cannot be listed just now, so there is no use in going on to read them.

        """
        parts = self.definition(step)
        own = {table_key(table) for table in step.plan.writes}
        for table in sorted(step.reads):
            if table_key(table) not in own:
                parts[table] = session.version(table) or UNKNOWN
        for name, endpoint in given.endpoints.items():
            written = done and role_of(step.step_type.Config, (name,)) is Role.DESTINATION
            parts[endpoint.place or name] = WRITTEN if written else self._outside(step, name, endpoint)
        volatile = [s.volatile for found in step.given.sql.values() for s in found if s.volatile]
        if volatile:
            parts[f"call of {volatile[0]}"] = UNKNOWN
        if any(not check.kind.steady for check in step.given.checks) or not step.plan.steady:
            parts["clock"] = UNKNOWN
        return parts

    def _outside(self, step: PlannedStep, name: str, endpoint: BoundEndpoint) -> str:
        connector, folder = endpoint.connector, self.plan.folder
        if role_of(step.step_type.Config, (name,)) is Role.DESTINATION:
            there = connector.exists(endpoint.config, endpoint.options, folder)
            return UNKNOWN if there is None else WRITTEN if there else ABSENT
        try:
            look = connector.look if isinstance(connector, Guarded) else connector.versions
            files = look(endpoint.config, endpoint.options, folder)
        except (TransientError, RunInterrupted):
            raise
        except (SQLFlowError, OSError):  # the step will say so itself
            return UNKNOWN
        return UNKNOWN if files is None else _hash([(f.path, f.size, f.stamp) for f in files])

    def _options(self, step: PlannedStep) -> Any:
        """Return the options but for SQL, which has a hash of its own; secrets are masked."""
        model = step.step_type.Config
        skipped = {name for name in model.model_fields if role_of(model, (name,)) in {*SQL_ROLES, Role.SQL_FILE}}
        ends = {
            name: (
                e.connector.name,
                e.incremental,
                e.config.model_dump(mode="json"),
                e.options.model_dump(mode="json"),
            )
            for name, e in step.given.endpoints.items()
        }
        own = step.given.config.model_dump(mode="json", exclude=skipped | set(ends))
        return self.plan.redactor.value({"own": own, "ends": ends})

    def _check(self, check: Any) -> Any:
        return [check.name, check.kind.name, check.config.model_dump(mode="json"), check.scope, check.severity,
                check.where, check.max_failures, check.quarantine]  # fmt: skip

    def _code(self, step: PlannedStep) -> Iterator[str]:
        """Name the distributions whose code does the work, with their versions."""
        yield self._owner("step type", step.type_name)
        for endpoint in step.given.endpoints.values():
            yield self._owner("connector", endpoint.connector.name)
        for check in step.given.checks:
            yield self._owner("check", check.kind.name)
        for name in step.functions:
            if self.catalog.owner("function", name) is not None:
                yield self._owner("function", name)

    def _owner(self, kind: str, name: str) -> str:
        if (kind, name) not in self._owners:
            found = self.catalog.owner(kind, name)
            self._owners[kind, name] = f"{found.distribution} {found.version}" if found else name
        return self._owners[kind, name]

    def _source(self, name: str) -> str:
        if name not in self._sources:
            function = self.functions[name]
            shape = (function.parameters, function.returns, function.arrow, function.null_input)
            self._sources[name] = _hash([shape, texts(function.function)])
        return self._sources[name]


def differences(was: Parts, now: Parts) -> list[str]:
    """Say in a few words each what is other than it was; nothing when it is all the same."""
    words = {"sql": "its SQL was edited", "options": "its options were edited", "checks": "its checks were edited",
             "code": "another version of its code is installed"}  # fmt: skip
    found = []
    for name in sorted({*was, *now}):
        if now.get(name) == UNKNOWN:
            found.append("it depends on the time" if name == "clock" else f"{name} may have changed")
        elif now.get(name) == ABSENT:
            found.append(f"{name} is not there")
        elif was.get(name) != now.get(name):
            edited = name.startswith(("variable ", "function "))
            found.append(words.get(name) or (f"{name} is another" if edited else f"{name} has changed"))
    return found


def _variables(statements: list[Any], checks: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    for holder in (*statements, *checks):
        yield from holder.parameters.items()


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
