"""The house as the tests read it: which room is where, and what each file imports. Lazy imports count."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOUSE = ROOT / "sqlflow"

#: A room and the highest rooms that it may import; everything below those is allowed. A new room is a new row.
ROOMS: dict[str, tuple[str, ...]] = {
    "version": (),
    "codes": (),
    "problem": (),
    "errors": ("problem",),
    "sdk": ("errors",),
    "sql": ("sdk",),
    "spec": ("sdk",),
    "registry": ("sdk",),
    "project": ("spec", "registry", "root"),
    "plan": ("project", "sql"),
    "holder": ("sdk",),
    "resilience": ("spec",),
    "run": ("plan", "version", "holder", "resilience"),
    "compile": ("plan",),
    "result": ("run",),
    "pipeline": ("result", "compile"),
    "warehouse": ("pipeline",),
    "root": (),
    "cache": ("problem", "root"),
    "validation": ("spectest", "cache"),
    "lineage": ("compile",),
    "changes": ("validation", "lineage"),
    "rules": ("validation", "lineage"),
    "schema": ("run",),
    "memory": ("warehouse",),
    "quarantine": ("warehouse",),
    "spectest": ("pipeline", "codes"),
    "scaffold": ("registry", "version"),
    "testing": ("warehouse",),
    "inspection": ("testing",),
    "report": ("codes", "problem"),
    "lint": ("plan",),
    "layout": ("spec", "registry", "sql"),
    "lsp": ("validation", "schema", "lint", "codes"),
    "cli": (
        "memory",
        "changes",
        "rules",
        "quarantine",
        "spectest",
        "schema",
        "codes",
        "scaffold",
        "inspection",
        "report",
        "lint",
        "layout",
        "lsp",
    ),
    "__main__": ("cli",),
    "builtins": ("sdk",),
}


TEMPLATES = HOUSE / "scaffold" / "templates"
"""Plugins to be: no part of the house, but guests."""


def modules() -> Iterator[Path]:
    """Yield every module of the product."""
    yield from sorted(path for path in HOUSE.rglob("*.py") if not path.is_relative_to(TEMPLATES))


def room_of(path: Path) -> str:
    """Return the room that a file belongs to; the face of the whole package is a room of its own."""
    first = path.relative_to(HOUSE).parts[0]
    return first.removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield every absolute name that a file imports, with its line; relative imports are resolved."""
    package = ("sqlflow", *path.relative_to(HOUSE).parts[:-1]) if path.is_relative_to(HOUSE) else ()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            name = ".".join((*base, *((node.module,) if node.module else ())))
            yield from ((node.lineno, name if node.module else f"{name}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "sqlflow":
                yield from ((node.lineno, f"sqlflow.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, node.module


def allowed(room: str) -> set[str]:
    """Return every room that a room may import."""
    found: set[str] = set()
    stack = list(ROOMS[room])
    while stack:
        other = stack.pop()
        if other not in found:
            found.add(other)
            stack += ROOMS[other]
    return found
