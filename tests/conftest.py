"""What tests of several rooms share: another machine, on which plugins are installed without touching this one."""

from __future__ import annotations

import os
import site
import subprocess
import venv
from pathlib import Path

import pytest

#: Nothing is fetched: what is needed is here. (pip reads a variable for `--no-build-isolation` the other way round.)
OFFLINE = {"PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "false", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


class Machine:
    """An environment of its own that sees what is installed here, so that nothing is fetched, and can have more."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "venv"
        self.folder = folder / "work"
        self.folder.mkdir()
        venv.create(self.home, symlinks=True)
        (place,) = self.home.glob("lib/python*/site-packages")
        (place / "here.pth").write_text(f"import site; site.addsitedir({site.getsitepackages()[0]!r})\n")
        for name in ("sqlflow", "pytest", "pip"):
            module = {"sqlflow": "sqlflow.cli.main"}.get(name, name)
            script = self.home / "bin" / name
            script.write_text(f'#!/bin/sh\nexec "{self.home}/bin/python" -m {module} "$@"\n')
            script.chmod(0o755)

    def call(self, *words: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command there, as a user would."""
        return self.shell(" ".join(f"'{word}'" for word in words), folder)

    def shell(self, command: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a line of shell there."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SQLFLOW_", "OTEL_", "PYTEST_"))}
        return subprocess.run(
            ["bash", "-c", command],
            cwd=folder or self.folder,
            env={**kept, **OFFLINE, "NO_COLOR": "1", "PATH": f"{self.home / 'bin'}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )

    def does(self, *words: str | Path, folder: Path | None = None) -> str:
        """Run a command there, see it succeed, and return what it said."""
        done = self.call(*words, folder=folder)
        assert done.returncode == 0, f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}"
        return done.stdout

    def install(self, folder: Path) -> None:
        """Install the plugin in a folder as its author does, with nothing fetched."""
        self.does("pip", "install", "--quiet", "--editable", folder)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine that nobody has used."""
    return Machine(tmp_path)


@pytest.fixture(scope="module")
def shared_machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Return a machine that the tests of a module share."""
    return Machine(tmp_path_factory.mktemp("machine"))
