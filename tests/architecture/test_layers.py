"""Imports run down only, and packages know each other by their faces."""

from __future__ import annotations

import ast
import sys

from .house import HOUSE, ROOMS, ROOT, TEMPLATES, allowed, imports, modules, room_of


def test_every_room_has_a_row():
    """A file or folder at the top of the house is a room with a row in the table, and the other way round."""
    rooms = {room_of(path) for path in modules()} - {"__init__"}
    assert rooms == set(ROOMS)


def test_imports_run_down_only():
    """No room imports a room that stands beside it or above it; lazy and type-only imports count."""
    broken = []
    for path in modules():
        room = room_of(path)
        if room == "__init__":
            continue
        for line, name in imports(path):
            parts = name.split(".")
            other = parts[1] if parts[0] == "sqlflow" and len(parts) > 1 else room
            if other != room and other not in allowed(room):
                broken.append(f"{path.relative_to(ROOT)}:{line} imports sqlflow.{other}")
    assert broken == []


def test_packages_import_faces():
    """A room imports another room's face, never a module inside it."""
    broken = []
    for path in modules():
        for line, name in imports(path):
            parts = name.split(".")
            inside = parts[0] == "sqlflow" and len(parts) > 2 and (HOUSE / parts[1]).is_dir()
            if inside and parts[1] != room_of(path) and (HOUSE / parts[1] / f"{parts[2]}.py").exists():
                broken.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert broken == []


def test_guests_import_the_sdk_only():
    """Built-ins, plugins and their templates know nothing of SQLFlow but `sqlflow.sdk` and themselves."""
    guests = [path for path in modules() if room_of(path) == "builtins"]
    guests += [*(ROOT / "plugins").glob("*/sqlflow_*/**/*.py"), *TEMPLATES.glob("*/sqlflow_*/**/*.py")]
    broken = []
    for path in guests:
        for line, name in imports(path):
            inner = name == "sqlflow.sdk" or name.startswith("sqlflow.builtins")
            if name.split(".")[0] == "sqlflow" and not inner:
                broken.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert broken == []


HOMES = {
    "pluggy": ("sdk/hooks.py", "registry/host.py"),
    "ruamel": ("spec/text.py",),
    "tenacity": ("resilience/retry.py",),
    "opentelemetry": ("run/telemetry.py",),
    "sqlglot": ("sql/",),
    "duckdb": ("sql/", "builtins/duckdb/"),
    "typer": ("cli/",),
    "rich": ("cli/",),
    "pygls": ("lsp/",),
    "lsprotocol": ("lsp/",),
    "packaging": ("plan/requirements.py",),
    "pytest": ("testing/",),
    "polars": ("result.py",),
    "pandas": ("result.py",),
}
CURRENCY = {"msgspec", "pydantic", "pyarrow"}


def test_each_library_has_one_home():
    """A third-party library is known in one place, so that replacing it touches one place."""
    broken = []
    for path in modules():
        where = path.relative_to(HOUSE).as_posix()
        for line, name in imports(path):
            library = name.split(".")[0]
            if library in sys.stdlib_module_names or library in CURRENCY or library in ("sqlflow", "__future__"):
                continue
            if not any(
                where == home or (home.endswith("/") and where.startswith(home)) for home in HOMES.get(library, ())
            ):
                broken.append(f"{where}:{line} imports {name}")
    assert broken == []


def test_records_that_keep_what_they_compute_have_room_for_it():
    """A Struct has no `__dict__` for a cached property unless it asks for one."""
    broken = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and "Struct" in map(ast.unparse, node.bases):
                kept = [f for f in node.body if isinstance(f, ast.FunctionDef)
                        and "cached_property" in map(ast.unparse, f.decorator_list)]  # fmt: skip
                if kept and "dict=True" not in map(ast.unparse, node.keywords):
                    broken.append(f"{path.relative_to(HOUSE).as_posix()}: {node.name}")
    assert broken == []
