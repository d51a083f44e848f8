"""Variables in a document: what one looks like, and `for_each`, which makes some. Not their values."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from sqlflow.sdk import ConfigModel

VARIABLE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
VariableName = Annotated[str, Field(pattern=VARIABLE_PATTERN)]
VariableType = Literal["string", "integer", "number", "boolean", "date", "timestamp", "identifier", "list"]

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


VALUE_SCHEMA = {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}]}
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


def _plain(value: Any) -> Any:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(item, (str, int, float, bool)) for item in values):
        raise ValueError("a variable's value is text, a number, true, false, or a list of these")
    return value


def _plain_values(variable: Variable) -> Variable:
    if variable.default is not None:
        _plain(variable.default)
    return variable


Values = dict[VariableName, Annotated[Any, AfterValidator(_plain), WithJsonSchema(VALUE_SCHEMA)]]
"""Values of variables that are declared elsewhere."""


Variables = dict[
    VariableName,
    Annotated[Variable, BeforeValidator(_variable), AfterValidator(_plain_values), WithJsonSchema(_VARIABLE_SCHEMA)],
]


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
    if not isinstance(value, (list, dict)):
        raise ValueError(f"must be a list of values, found {value!r}; write [{value}]")  # noqa: TRY004 - told as the others
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
