"""Start-up decides small jobs: nothing is imported before it is needed."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = (
    "duckdb",
    "pyarrow",
    "sqlglot",
    "typer",
    "rich",
    "tenacity",
    "opentelemetry",
    "pydantic",
    "ruamel",
    "pandas",
    "pygls",
)


def loaded_after(statement: str) -> set[str]:
    """Return the heavy libraries that are loaded in a fresh interpreter after a statement."""
    program = f"import sys, json\n{statement}\nprint(json.dumps(sorted({{n.split('.')[0] for n in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1])) & set(HEAVY)


def test_importing_the_package_loads_nothing():
    """`import sqlflow` costs nothing."""
    assert loaded_after("import sqlflow") == set()


def test_version_loads_nothing():
    """`sqlflow --version` answers before anything is imported."""
    assert (
        loaded_after("import sys; sys.argv = ['sqlflow', '--version']; import sqlflow.cli.main as m; m.main()") == set()
    )


def test_discovery_loads_no_driver():
    """Asking every plugin what it brings imports no driver, no engine and no Arrow."""
    loaded = loaded_after("from sqlflow.pipeline import installed; installed().plugins()")
    assert loaded <= {"pydantic", "ruamel"}


def test_retries_and_spans_are_late():
    """A run without retries and without OTEL variables loads neither tenacity nor OpenTelemetry."""
    loaded = loaded_after("import sqlflow.pipeline, sqlflow.run")
    assert loaded <= {"pydantic", "ruamel"}


def test_the_pytest_plugin_loads_nothing():
    """Whoever runs pytest where SQLFlow is installed pays nothing for the exams."""
    assert loaded_after("import sqlflow.testing.pytest_plugin") == set()
