"""What a plugin does when it is imported, found out in a process of its own: a program, run by path.

It is handed the entry points and where their modules are, and leaves its answer in a file as JSON. Whatever the
plugin prints, raises or ends does no harm. At first it imports nothing but what every plugin has anyway, so that what
comes on top is the plugin's own.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from sqlflow.registry import HOOKS, Catalog, Host, PluginRecord, host_of
from sqlflow.sdk import GROUP, Late, field_docs

MODELS = ("Config", "ReadOptions", "WriteOptions")


def main(answer: Path, asked: Mapping[str, Any]) -> None:
    """Look at a plugin and leave the answer."""
    tops = {entry["value"].split(":")[0].split(".")[0] for entry in asked["entries"]}
    origins = {top: _origin(top) for top in tops}
    sys.path[:0] = asked["roots"]
    before = _libraries()
    started = time.perf_counter()
    host = host_of(
        (PluginRecord(e["name"], asked["distribution"], asked["version"], e["value"]), _entry(e).load)
        for e in asked["entries"]
    )
    offers = [(kind, record.name, item) for kind, hook in HOOKS.items() for record, item in host.offers(hook)]
    milliseconds = (time.perf_counter() - started) * 1000
    loaded = sorted(_libraries() - before - tops)
    subjects = [_subject(kind, name, item, tops) for kind, name, item in offers]
    answer.write_text(
        json.dumps({
            "origins": origins,
            "libraries": loaded,
            "milliseconds": milliseconds,
            "subjects": subjects,
            "errors": _errors(host),
            "taken": _taken(asked["names"], subjects),
        }),
        encoding="utf-8",
    )  # fmt: skip


def _entry(entry: Mapping[str, str]) -> EntryPoint:
    return EntryPoint(entry["name"], entry["value"], GROUP)


def _origin(top: str) -> str | None:
    """Return where a module is found that is imported here without further ado."""
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return None
    places = list(spec.submodule_search_locations or ()) if spec else []
    return (spec.origin or (places[0] if places else None)) if spec else None


def _libraries() -> set[str]:
    """Return the third-party libraries that are loaded now."""
    names = {name.split(".")[0] for name in sys.modules}
    own = {GROUP, "typer", "shellingham", "annotated_doc"}  # of which commands are made
    return {n for n in names if n not in sys.stdlib_module_names | own and not n.startswith(("_", "cython_"))}


def _subject(kind: str, plugin: str, item: Any, tops: set[str]) -> dict[str, Any]:
    """Tell of something that a plugin brings: its name, what loading it costs, and its options."""
    told: dict[str, Any] = {
        "kind": kind,
        "plugin": plugin,
        "name": _name(kind, item),
        "libraries": [],
        "error": None,
    }
    before = _libraries()
    try:
        brought = item.load() if isinstance(item, Late) else item
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything on import; it is told
        return {**told, "error": f"{item.where} cannot be imported: {type(error).__name__}: {error}"}
    named = brought if isinstance(brought, type) else getattr(brought, "function", brought)
    models: dict[str, Any] = {key: model for key in MODELS if _is_model(model := getattr(brought, key, None))}
    return {
        **told,
        "late": isinstance(item, Late) and getattr(brought, "name", None),
        "libraries": sorted(_libraries() - before - tops),
        "documented": bool((getattr(named, "__doc__", None) or "").strip()),
        "place": _place(named),
        "models": [_model(model) for model in _own(models.values(), tops)],
        "shared": _shared(models) if kind == "connector" and "Config" in models else [],
    }


def _is_model(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, BaseModel)


def _name(kind: str, item: Any) -> str | None:
    """Return what documents or the command line call it; a maker of observers is called like its function."""
    if kind == "command":
        return getattr(getattr(item, "info", None), "name", None)
    return getattr(item, "__name__" if kind == "observer" else "name", None)


def _own(models: Any, tops: set[str]) -> list[type[BaseModel]]:
    """Return the models that belong to the plugin, those that stand in fields of others included."""
    found: dict[type[BaseModel], None] = {}

    def look(annotation: Any) -> None:
        if _is_model(annotation):
            if annotation in found:
                return
            for parent in reversed(annotation.__mro__):
                if (
                    isinstance(parent, type)
                    and issubclass(parent, BaseModel)
                    and parent.__module__.split(".")[0] in tops
                ):
                    found[parent] = None
            annotation.model_rebuild(raise_errors=False)
            for field in annotation.model_fields.values():
                look(field.annotation)
        for inner in get_args(annotation):
            look(inner)

    for model in models:
        look(model)
    return list(found)


def _model(model: type[BaseModel]) -> dict[str, Any]:
    """Tell which fields of a model say nothing, with their lines."""
    docs = field_docs(model)
    own = [name for name in model.__annotations__ if name in model.model_fields]
    lines = _lines(model)
    path = inspect.getsourcefile(model)
    return {
        "name": model.__qualname__,
        "fields": len(own),
        "bare": [{"field": n, "file": path, "line": lines.get(n)} for n in own if not docs.get(n, "").strip()],
    }


def _shared(models: Mapping[str, type[BaseModel]]) -> list[dict[str, Any]]:
    """Return the fields of a connector's config that its options have, too."""
    config = models["Config"].model_fields
    return [
        {
            "field": name,
            "options": key,
            "file": inspect.getsourcefile(models[key]),
            "line": _lines(models[key]).get(name),
        }
        for key in ("ReadOptions", "WriteOptions")
        for name in sorted(config.keys() & models[key].model_fields.keys() if key in models else ())
    ]


def _lines(model: type[BaseModel]) -> dict[str, int]:
    """Return the line of every field that stands in a model's own source."""
    import textwrap

    try:
        source, first = inspect.getsourcelines(model)
        body = ast.parse(textwrap.dedent("".join(source))).body[0]
    except (OSError, TypeError, SyntaxError):
        return {}
    return {
        statement.target.id: first + statement.lineno - 1
        for statement in (body.body if isinstance(body, ast.ClassDef) else ())
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    }


def _place(brought: Any) -> dict[str, Any] | None:
    try:
        return {"file": inspect.getsourcefile(brought), "line": inspect.getsourcelines(brought)[1]}
    except (OSError, TypeError):
        return None


def _errors(host: Host) -> dict[str, str]:
    """Return what keeps a plugin from being registered."""
    from sqlflow.pipeline import RESERVED

    Catalog(host, RESERVED).plugins()
    return {record.name: record.error for record in host.records.values() if record.error}


def _taken(names: list[str], subjects: list[dict[str, Any]]) -> list[str]:
    """Return a sentence for every name that somebody else who is installed brings, too."""
    from sqlflow.pipeline import installed

    others = installed(names)
    return list(_owners(others, subjects))


def _owners(others: Catalog, subjects: list[dict[str, Any]]) -> Iterator[str]:
    for subject in subjects:
        kind, name = subject["kind"], subject["name"]
        if kind == "observer" or name is None:
            continue
        owner = others.owner(kind, name.lower() if kind == "function" else name)
        if owner is not None:
            yield f"{kind} {name!r} is brought by {owner.distribution}, too"


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
