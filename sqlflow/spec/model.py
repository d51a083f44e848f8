"""The shape of the documents: pipeline, project, profile, and the envelope that every step has.

Only what core owns stands here. The keys that belong to a step type, a connector or a check are their owner's.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sqlflow.sdk import ConfigModel, Expression, LintLevel

from .resilience import Resilience, Retry, Timeout
from .spectest import SpecTest
from .variable import ForEach, Values, Variables

NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_-]*$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]


def _no_flag(value: Any) -> Any:
    if isinstance(value, bool):  # in Python, True equals 1
        raise ValueError("write version: 1")  # noqa: TRY004 - pydantic collects ValueError
    return value


Version = Annotated[Literal[1], BeforeValidator(_no_flag)]
FailurePolicy = Literal["continue", "fail_fast"]


class Defaults(BaseModel):
    """Keys that every step takes unless it says otherwise; other keys go to the step types that know them."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)

    retry: Retry | None = None
    """Retries of every step."""

    timeout: Timeout | None = None
    """Time that one attempt of a step may take."""

    tags: list[str] = Field(default_factory=list)
    """Tags of every step that names none."""

    meta: dict[str, str] = Field(default_factory=dict)
    """Notes on every step that has none."""


class Connection(Resilience):
    """A configured connector under a name; the other keys are the connector's own."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)

    connector: str
    """The connector, by its name."""


class Envelope(ConfigModel):
    """The keys that every step may have, whatever its type."""

    id: Name
    """Name of the step, unique in the pipeline."""

    type: str
    """Kind of the step."""

    description: str | None = None
    """What the step is for."""

    depends_on: list[str] = Field(default_factory=list)
    """Steps that must end first, beyond those whose tables this one reads."""

    when: Expression | None = None
    """SQL boolean; the step is skipped unless it is true."""

    for_each: ForEach | None = None
    """Makes one step for each value, with the value as a variable."""

    retry: Retry | None = None
    """Retries after failures that may pass."""

    timeout: Timeout | None = None
    """Time that one attempt may take; then the query is interrupted and the step fails."""

    tags: list[str] = Field(default_factory=list)
    """Words to select steps by."""

    meta: dict[str, str] = Field(default_factory=dict)
    """What a team notes of the step, such as `owner`; the rules of the project read it."""

    checks: list[Any] = Field(default_factory=list)
    """What must hold of the rows."""


class CheckOptions(ConfigModel):
    """The options that every check may have, whatever its kind."""

    name: str | None = None
    """How messages and results call the check."""

    severity: Literal["error", "warn"] = "error"
    """Whether a failure fails the step or is only reported."""

    scope: Literal["batch", "target"] | None = None
    """Whether it holds on the batch before anything is written, or on the target before the commit."""

    where: Expression | None = None
    """SQL condition; only rows that meet it are looked at."""

    max_failures: int = Field(default=0, ge=0)
    """How many failing rows are let through."""

    quarantine: bool = False
    """Whether failing rows are moved to the quarantine table and the others are written; row checks only."""


class Pipeline(ConfigModel):
    """A pipeline document."""

    version: Version
    """Version of the document's grammar."""

    kind: Literal["pipeline"] = "pipeline"
    """Kind of the document."""

    name: Name
    """Name of the pipeline."""

    description: str | None = None
    """What the pipeline is for."""

    tags: list[str] = Field(default_factory=list)
    """Words to select the pipeline's steps by."""

    meta: dict[str, str] = Field(default_factory=dict)
    """What a team notes of all steps, such as `owner`; a step may say otherwise."""

    vars: Variables = Field(default_factory=dict)
    """Variables, by name."""

    connections: dict[Name, Any] = Field(default_factory=dict)
    """Connections, by name."""

    defaults: Any = None
    """Keys that every step inherits."""

    failure_policy: FailurePolicy | None = None
    """Whether steps that do not depend on a failed one go on (`continue`) or nothing new starts (`fail_fast`)."""

    steps: list[Any] = Field(min_length=1)
    """The steps; their order follows from the tables they read and write."""

    tests: list[SpecTest] = Field(default_factory=list)
    """Tests on given rows, for `sqlflow test`."""


class Tests(ConfigModel):
    """A document of tests that stands apart from the pipeline that they are about."""

    version: Version
    """Version of the document's grammar."""

    kind: Literal["test"]
    """Kind of the document."""

    description: str | None = None
    """What the tests are about."""

    pipeline: str = Field(min_length=1)
    """File of the pipeline; its path starts at this document's folder."""

    vars: Values = Field(default_factory=dict)
    """Values of variables in every test that does not say otherwise."""

    tests: list[SpecTest] = Field(min_length=1)
    """Tests on given rows."""


class Profile(ConfigModel):
    """A named environment."""

    engine: dict[str, Any] | None = None
    """What executes SQL, by `type`, and its settings."""

    storage: dict[str, Any] | None = None
    """Where tables are kept, by `type`."""

    vars: Values = Field(default_factory=dict)
    """Values of variables."""

    connections: dict[Name, Any] = Field(default_factory=dict)
    """Connections; each replaces one of the same name whole."""

    concurrency: int | None = Field(default=None, ge=1, le=256)
    """How many steps run at once."""

    failure_policy: FailurePolicy | None = None
    """Failure policy of pipelines that name none."""


class Rule(ConfigModel):
    """A rule of the project: a query over what its documents say. Every row is a finding."""

    sql: str
    """A SELECT over `pipelines`, `steps`, `columns`, `lineage`, `checks` and `problems`."""

    description: str | None = None
    """Why there is such a rule; told with a finding that has no column `message`."""

    level: LintLevel = "warn"
    """How much a finding matters: `off`, `warn` or `error`."""


class Project(ConfigModel):
    """The project document, `sqlflow.yaml`."""

    version: Version
    """Version of the document's grammar."""

    name: Name
    """Name of the project."""

    description: str | None = None
    """What the project is for."""

    specs: list[str] = Field(default_factory=lambda: ["specs/**/*.yaml", "pipelines/**/*.yaml"])
    """Where the pipelines and their tests are, as globs."""

    plugins: list[str] = Field(default_factory=list)
    """Plugins that must be installed, such as `sqlflow-postgres>=0.1`."""

    functions: list[str] = Field(default_factory=lambda: ["udfs/"])
    """Folders of Python files with functions for SQL."""

    vars: Variables = Field(default_factory=dict)
    """Variables of every pipeline."""

    connections: dict[Name, Any] = Field(default_factory=dict)
    """Connections of every pipeline."""

    default_profile: Name | None = None
    """Profile used when none is asked for."""

    profiles: dict[Name, Any] = Field(default_factory=dict)
    """Environments, by name."""

    lint: dict[str, LintLevel] = Field(default_factory=dict)
    """Levels of lint rules by their codes: `off`, `warn` or `error`."""

    rules: dict[Name, Rule] = Field(default_factory=dict)
    """Rules of the project's own, which `sqlflow lint` holds its documents against."""
