"""The plugins that a project asks for, held against what is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from packaging.requirements import InvalidRequirement, Requirement


def unmet(text: str) -> str | None:
    """Return why a requirement such as `sqlflow-postgres>=0.1` is not met, or None."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        return f"{text!r} is not a requirement: {str(error).splitlines()[0]}"
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return f"plugin {requirement.name!r} is not installed"
    if not requirement.specifier.contains(found, prereleases=True):
        return f"plugin {requirement.name} {found} is installed, the project asks for {requirement.specifier}"
    return None
