"""The names of a document and of its project, and where each is declared: steps, tables, variables, connections.

Places are looked up in the text as it stands now, finished or not; what the plan adds to it is which step writes what.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from msgspec import Struct

from sqlflow.compile import declared_functions
from sqlflow.plan import Value, table_key
from sqlflow.sdk import Role
from sqlflow.spec import Mapping, Node, Path_, Scalar, Sequence, find

from .grammar import Grammar
from .query import Columns
from .reading import Reading
from .sketch import sketch


class Place(Struct, frozen=True):
    """Where a name is declared: a file, and the key or value in it."""

    path: Path
    scalar: Scalar


class Names:
    """What is declared around one document. `project` is the project's file and its text, where there is one."""

    def __init__(
        self, text: str, reading: Reading | None, path: Path, grammar: Grammar, project: tuple[Path, str] | None
    ) -> None:
        self.path = path
        self.reading = reading
        self.grammar = grammar
        self.root: Node = sketch(text)
        self.project = project

    @cached_property
    def _layers(self) -> list[tuple[Path, Node]]:
        """The mappings that may declare variables and connections: the document, the project, its profiles."""
        layers = [(self.path, self.root)]
        if self.project is not None and self.project[0] != self.path:
            layers.append((self.project[0], sketch(self.project[1])))
        path, last = layers[-1]
        profiles = _under(last, "profiles") if self.project is not None else None
        inner = profiles.values.values() if isinstance(profiles, Mapping) else ()
        return [*layers, *((path, profile) for profile in inner)]

    def steps(self) -> dict[str, Scalar]:
        """Return the ids of the steps, and where they stand."""
        return {name.text: name for _, name in self._steps()}

    def _steps(self) -> Iterator[tuple[int, Scalar]]:
        steps = _under(self.root, "steps")
        for position, step in enumerate(steps.items if isinstance(steps, Sequence) else ()):
            name = _under(step, "id")
            if isinstance(name, Scalar) and name.text:
                yield position, name

    def writers(self, table: str) -> list[Place]:
        """Return the steps that write a table."""
        wanted = table_key(table)
        here = [
            Place(self.path, name) for position, name in self._steps() if wanted in self._written(position, name.text)
        ]
        elsewhere = self.reading.written.get(wanted, ()) if self.reading is not None else ()
        return here or [
            Place(path, Scalar(m.line - 1, m.column - 1, "", m.text[m.column - 1 :])) for path, m in elsewhere
        ]

    def _written(self, position: int, name: str) -> set[str]:
        step: Path_ = ("steps", position)
        options = [find(self.root, path)[0] for path in self.grammar.table_options(self.root, step, Role.WRITES)]
        written = {table_key(option.text) for option in options if isinstance(option, Scalar)}
        plan = self.reading.plan if self.reading is not None else None
        planned = [one for one in plan.steps if one.declared == name] if plan is not None and not written else []
        return written | {table_key(table) for one in planned for table in one.plan.writes}

    def tables(self) -> dict[str, str]:
        """Return the tables that there are, by name, and which steps write them."""
        found: dict[str, list[str]] = {}
        for table in self.reading.tables.values() if self.reading is not None else ():
            if not table.gone:
                found[table.name] = []
        for position, name in self._steps():
            for option in self.grammar.table_options(self.root, ("steps", position), Role.WRITES):
                node = find(self.root, option)[0]
                if isinstance(node, Scalar):
                    same = next((known for known in found if table_key(known) == table_key(node.text)), node.text)
                    found.setdefault(same, []).append(name.text)
        known = {table_key(name) for name in found}
        others = self.reading
        for key, table in others.around.items() if others is not None else ():
            if key not in known and not table.gone and others is not None:
                found[table.name] = sorted({path.name for path, _ in others.written.get(key, ())})
        return {name: ", ".join(writers) for name, writers in found.items()}

    def columns(self, table: str) -> Columns | None:
        """Return the columns of a table with their types."""
        schema = self.reading.schema(table) if self.reading is not None else None
        return None if schema is None else [(column.name, column.type) for column in schema]

    def declared(self, key: str, name: str, step: Path_ = ()) -> list[Place]:
        """Return where a variable or a connection is declared: in the step, the document, the project, its profiles."""
        holders = self._holders(key, step)
        return [Place(path, holder.keys[name]) for path, holder in holders if name in holder.keys]

    def all(self, key: str, step: Path_ = ()) -> list[str]:
        """Return every name that is declared under a key."""
        return list(dict.fromkeys(name for _, holder in self._holders(key, step) for name in holder.keys))

    def _holders(self, key: str, step: Path_) -> Iterator[tuple[Path, Mapping]]:
        each = _under(find(self.root, step)[0], "for_each") if step and key == "vars" else None
        for path, holder in ((self.path, each), *((path, _under(layer, key)) for path, layer in self._layers)):
            if isinstance(holder, Mapping):
                yield path, holder

    def profiles(self) -> dict[str, Place]:
        """Return the profiles of the project."""
        holders = self._holders("profiles", ())
        return {name: Place(path, key) for path, holder in holders for name, key in holder.keys.items()}

    def functions(self) -> dict[str, str]:
        """Return the functions of the project and of plugins with their signatures."""
        found = [owned.item for owned in self.grammar.catalog.all("function")]
        if self.reading is not None:
            found += declared_functions(self.reading.workspace.function_folders()).known.values()
        return {f.name: f"{f.name}({', '.join(f.parameters)}) -> {f.returns}" for f in found}

    def value(self, name: str) -> Value | None:
        """Return the value of a variable, and where it came from."""
        plan = self.reading.plan if self.reading is not None else None
        return plan.variables.get(name) if plan is not None else None


def _under(node: Node | None, name: str) -> Node | None:
    return node.values.get(name) if isinstance(node, Mapping) else None
