"""The shape of the documents: pipeline, project, profile, and the envelope that every step has.

Only what core owns stands here. The keys that belong to a step type, a connector or a check are their owner's.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from sqlflow.sdk import ConfigModel, Duration, Expression

NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_-]*$"
VARIABLE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
VariableName = Annotated[str, Field(pattern=VARIABLE_PATTERN)]
VariableType = Literal["string", "integer", "number", "boolean", "date", "timestamp", "identifier", "list"]
FailurePolicy = Literal["continue", "fail_fast"]

_SCALAR = {"type": ["string", "number", "boolean"]}


class Variable(ConfigModel):
    """A variable of a pipeline or project."""

    type: VariableType | None = None
    """Type of the value; follows from the default when left out."""

    default: Any = None
    """Value when nobody gives another; without one the variable must be given."""

    description: str | None = None
    """What the variable means."""


def _variable(value: Any) -> Any:
    return value if isinstance(value, dict) else {"default": value}


_VALUE_SCHEMA = {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}]}
_VARIABLE_SCHEMA = {
    "anyOf": [
        _SCALAR,
        {"type": "array", "items": _SCALAR},
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "type": {
                    "anyOf": [
                        {"enum": list(VariableType.__args__)},  # type: ignore[attr-defined]
                        {"type": "null"},
                    ]
                },
                "default": {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}, {"type": "null"}]},
                "description": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            },
        },
    ]
}


def _plain_values(variable: Variable) -> Variable:
    scalar = (str, int, float, bool)
    value = variable.default
    values = value if isinstance(value, list) else [value]
    if value is not None and not all(isinstance(item, scalar) for item in values):
        raise ValueError("a variable's value is text, a number, true, false, or a list of these")
    return variable


Variables = dict[
    VariableName,
    Annotated[Variable, BeforeValidator(_variable), AfterValidator(_plain_values), WithJsonSchema(_VARIABLE_SCHEMA)],
]


class Retry(ConfigModel):
    """How often a step is tried when it fails in a way that may pass."""

    attempts: int = Field(default=3, ge=1, le=100)
    """How many times the step is tried in all."""

    delay: Duration = timedelta(seconds=1)
    """Wait before the second attempt."""

    backoff: Literal["exponential", "constant"] = "exponential"
    """Whether the wait doubles with every attempt or stays."""

    max_delay: Duration = timedelta(minutes=1)
    """Longest wait between two attempts."""


class Defaults(BaseModel):
    """Keys that every step takes unless it says otherwise; other keys go to the step types that know them."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)

    retry: Retry | None = None
    """Retries of every step."""

    timeout: Duration | None = None
    """Time that one attempt of a step may take."""

    tags: list[str] = Field(default_factory=list)
    """Tags of every step that names none."""


class Connection(BaseModel):
    """A configured connector under a name; the other keys are the connector's own."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)

    connector: str
    """The connector, by its name."""


def _matrix(value: Any) -> Any:
    if isinstance(value, dict) and not value:
        raise ValueError("for_each needs at least one variable")
    return value


_FOR_EACH_SCHEMA = {
    "type": "object",
    "minProperties": 1,
    "propertyNames": {"pattern": VARIABLE_PATTERN},
    "additionalProperties": {
        "anyOf": [
            {"type": "string", "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$"},
            {"type": "array", "items": _SCALAR},
            {
                "type": "object",
                "additionalProperties": False,
                "required": ["values"],
                "properties": {
                    "type": {"enum": list(VariableType.__args__)},  # type: ignore[attr-defined]
                    "values": {
                        "anyOf": [
                            {"type": "array", "items": _SCALAR},
                            {"type": "string", "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$"},
                        ]
                    },
                },
            },
        ]
    },
}


class ForEachValues(ConfigModel):
    """The values that one variable of `for_each` takes."""

    type: VariableType | None = None
    """Type of the values; follows from them when left out."""

    values: list[Any]
    """One step is made for each."""


def _for_each_values(value: Any) -> Any:
    return {"values": value} if isinstance(value, list) else value


def _plain_list(spec: ForEachValues) -> ForEachValues:
    if not all(isinstance(value, (str, int, float, bool)) for value in spec.values):
        raise ValueError("the values of for_each are text, numbers, true or false")
    return spec


ForEach = Annotated[
    dict[
        VariableName,
        Annotated[ForEachValues, BeforeValidator(_for_each_values), AfterValidator(_plain_list)],
    ],
    BeforeValidator(_matrix),
    WithJsonSchema(_FOR_EACH_SCHEMA),
]


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

    timeout: Duration | None = None
    """Time that one attempt may take; then the query is interrupted and the step fails."""

    tags: list[str] = Field(default_factory=list)
    """Words to select steps by."""

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


class Pipeline(ConfigModel):
    """A pipeline document."""

    version: Literal[1]
    """Version of the document's grammar."""

    kind: Literal["pipeline"] = "pipeline"
    """Kind of the document."""

    name: Name
    """Name of the pipeline."""

    description: str | None = None
    """What the pipeline is for."""

    tags: list[str] = Field(default_factory=list)
    """Words to select the pipeline's steps by."""

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


class Profile(ConfigModel):
    """A named environment."""

    engine: dict[str, Any] | None = None
    """What executes SQL, by `type`, and its settings."""

    storage: dict[str, Any] | None = None
    """Where tables are kept, by `type`."""

    vars: dict[VariableName, Annotated[Any, WithJsonSchema(_VALUE_SCHEMA)]] = Field(default_factory=dict)
    """Values of variables."""

    connections: dict[Name, Any] = Field(default_factory=dict)
    """Connections; each replaces one of the same name whole."""

    concurrency: int | None = Field(default=None, ge=1, le=256)
    """How many steps run at once."""

    failure_policy: FailurePolicy | None = None
    """Failure policy of pipelines that name none."""


class Project(ConfigModel):
    """The project document, `sqlflow.yaml`."""

    version: Literal[1]
    """Version of the document's grammar."""

    name: Name
    """Name of the project."""

    description: str | None = None
    """What the project is for."""

    specs: list[str] = Field(default_factory=lambda: ["specs/**/*.yaml", "pipelines/**/*.yaml"])
    """Where the pipelines are, as globs."""

    plugins: list[str] = Field(default_factory=list)
    """Plugins that must be installed, such as `sqlflow-postgres>=0.1`."""

    functions: list[str] = Field(default_factory=lambda: ["udfs/"])
    """Folders of Python files with functions for SQL."""

    vars: Variables = Field(default_factory=dict)
    """Variables of every pipeline."""

    connections: dict[Name, Any] = Field(default_factory=dict)
    """Connections of every pipeline."""

    profiles: dict[Name, Any] = Field(default_factory=dict)
    """Environments, by name."""

    default_profile: Name | None = None
    """Profile used when none is asked for."""
