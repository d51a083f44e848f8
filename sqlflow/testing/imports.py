"""What importing a module imports with it, seen in an interpreter of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

_PROGRAM = """
import importlib, json, sys
import pydantic, sqlflow.sdk, typer  # which commands are made of
pydantic.BaseModel, pydantic.Field, pydantic.SecretStr, pydantic.TypeAdapter
before = {name.partition(".")[0] for name in sys.modules}
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
after = {name.partition(".")[0] for name in sys.modules}
print(json.dumps(sorted(after - before - set(sys.stdlib_module_names))))
"""


def brings_along(modules: Sequence[str]) -> list[str]:
    """Return the libraries that importing some modules brings, less the standard library, the SDK and themselves.

    Typer is the SDK's: a plugin that brings commands has to import it.
    """
    own = {name.partition(".")[0] for name in modules}
    command = [sys.executable, "-c", _PROGRAM, json.dumps(list(modules))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - this interpreter
    assert done.returncode == 0, f"{', '.join(modules)} cannot be imported:\n{done.stderr}"
    return sorted(set(json.loads(done.stdout.splitlines()[-1])) - own)
