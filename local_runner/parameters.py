"""Values of process parameters: checked against the process description before any file is opened.

Raster cubes are no values here: they come in as STAC addresses, see `local_runner.jobs.assemble`.
"""

from __future__ import annotations

import datetime as dt
import math
import os
from typing import TYPE_CHECKING, Any, Final

from local_runner import schemas
from local_runner.errors import OpenEOError
from local_runner.limits import MAX_ARGUMENT_DEPTH, require_size
from local_runner.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jsonschema.exceptions import ValidationError

_PAIRS_BY_RULE: Final = 'In Python, local_runner.pairs.of_collection("all", STAC) makes pairs by a rule'
_CUBE_SUBTYPES: Final = ("datacube", "raster-cube")
_NAMES: Final = {
    "array": "a list",
    "object": "an object",
    "integer": "an integer",
    "null": "null",
    "boolean": "a boolean",
}


def alternatives(parameter: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Schemas of a parameter, of which a value must fulfil one."""
    schema = parameter.get("schema", {})
    return list(schema) if isinstance(schema, list) else [schema]


def is_cube(parameter: Mapping[str, Any]) -> bool:
    """Whether a parameter is a raster cube."""
    return any(schema.get("subtype") in _CUBE_SUBTYPES for schema in alternatives(parameter))


def resolve(process: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Values of all parameters that are not cubes, defaults filled in, as plain JSON.

    Raises `ProcessParameterUnsupported`, `ProcessParameterRequired` or `ProcessParameterInvalid`.
    """
    declared = {p["name"]: p for p in process.get("parameters") or [] if not is_cube(p)}
    cubes = [p["name"] for p in process.get("parameters") or [] if is_cube(p)]
    for name in given:
        if name in cubes:
            raise OpenEOError(
                "ProcessParameterInvalid",
                f"The parameter {name!r} of {process['id']!r} is a raster cube and must be given as an input",
                do=f"Use --input {name}=STAC, in Python inputs={{{name!r}: ...}}",
            )
        require_known(name, declared, process["id"])
    values: dict[str, Any] = {}
    for name, parameter in declared.items():
        if name in given:
            values[name] = checked(parameter, given[name], process["id"])
        elif parameter.get("optional", False):
            values[name] = parameter.get("default")
        else:
            raise required(parameter, process["id"], f"-p {name}=VALUE")
    return values


def require_known(name: str, declared: Iterable[str], process: str, *, kind: str = "parameter") -> None:
    """Raise `ProcessParameterUnsupported`, with what was probably meant, for a name that is not declared."""
    known = tuple(declared)
    if name in known:
        return
    must = f"A {kind} of {process!r} must be one of {known}"
    raise OpenEOError("ProcessParameterUnsupported", must, got=name, do=did_you_mean(name, known))


def required(parameter: Mapping[str, Any], process: str, how: str) -> OpenEOError:
    """Build the error for a parameter without value and default."""
    text = str(parameter.get("description", "")).strip().split("\n")[0]
    return OpenEOError(
        "ProcessParameterRequired",
        f"The parameter {parameter['name']!r} of {process!r} must be given"
        + (f" ({text.rstrip('.')})" if text else ""),
        do=f"Add {how}",
    )


def checked(parameter: Mapping[str, Any], given: Any, process: str) -> Any:
    """Return the value as plain JSON, if it fulfils one of the schemas of its parameter."""
    require_size(given)
    value = plain(given)
    if not _is_finite(value):
        raise _invalid(parameter, process, "hold finite numbers only", given)
    allowed = alternatives(parameter)
    found = [schemas.errors_of(value, schema) for schema in allowed]
    if not all(found):
        return value
    reasons = list(dict.fromkeys(_reason(errors, schema) for errors, schema in zip(found, allowed, strict=True)))
    raise _invalid(parameter, process, ", or ".join(reasons), given)


def plain(value: Any, depth: int = 0) -> Any:
    """Dates, paths, tuples and numpy scalars as what they are in JSON; `ProcessParameterInvalid` where nested too deeply."""
    if depth > MAX_ARGUMENT_DEPTH:
        must = f"The value of a parameter must be nested at most {MAX_ARGUMENT_DEPTH} deep"
        raise OpenEOError("ProcessParameterInvalid", must)
    if isinstance(value, dict):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value]
    if type(value).__module__ == "numpy":
        return str(value) if type(value).__name__ == "datetime64" else plain(value.tolist())
    if isinstance(value, dt.date):
        return value.isoformat()
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def constraints(schema: Mapping[str, Any]) -> str:
    """Range of a schema in words; empty where there is none."""
    rules: dict[str, Callable[[Any], str]] = {
        **_RULES,
        "enum": lambda allowed: f"one of {', '.join(map(str, allowed))}",
    }
    words = (text(schema[key]) for key, text in rules.items() if key in schema and key != "type")
    return ", ".join(rule.removeprefix("be ").removeprefix("have ") for rule in words)


def _reason(errors: list[ValidationError], schema: Mapping[str, Any]) -> str:
    """Say what must hold by the error that lies deepest: the one nearest to what the caller meant."""
    error = max(errors, key=lambda e: len(e.absolute_path))
    while error.context:
        deepest = max(len(e.absolute_path) for e in error.context)
        nearest = [e for e in error.context if len(e.absolute_path) == deepest]
        wanted = [e for e in nearest if e.validator != "type"] or nearest
        error = wanted[0]
    where = "".join(f"[{part!r}]" for part in error.absolute_path)
    rule = _RULES.get(str(error.validator))
    text = rule(error.validator_value) if rule else f"fulfil {error.validator} {error.validator_value!r}"
    unit = schema.get("unit") if error.validator == "type" else None
    return (f"be such that {where} must {text}" if where else text) + (f" (in {unit})" if unit else "")


def _invalid(parameter: Mapping[str, Any], process: str, rule: str, got: Any) -> OpenEOError:
    default = f", the default is {parameter['default']!r}" if parameter.get("default") is not None else ""
    return OpenEOError(
        "ProcessParameterInvalid",
        f"The parameter {parameter['name']!r} of {process!r} must {rule}",
        got=got,
        do=_PAIRS_BY_RULE
        if parameter["name"] == "pairs" and isinstance(got, str)
        else f"Change {parameter['name']}{default}; `openeo-sar describe {process}` tells what it means",
    )


def _is_finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _types(names: str | list[str]) -> str:
    listed = [names] if isinstance(names, str) else names
    return "be " + " or ".join(_NAMES.get(name, f"a {name}") for name in listed)


def _entries(number: int) -> str:
    return f"{number} entry" if number == 1 else f"{number} entries"


def _not(schema: Mapping[str, Any]) -> str:
    if schema == {"multipleOf": 2}:
        return "be odd"
    return f"not fulfil {dict(schema)!r}"


_AS: Final = {"date": ", as 2024-08-09", "date-time": ", as 2024-08-09T00:00:00Z"}
_RULES: Final[dict[str, Callable[[Any], str]]] = {
    "type": _types,
    "not": _not,
    "minimum": lambda limit: f"be at least {limit}",
    "maximum": lambda limit: f"be at most {limit}",
    "exclusiveMinimum": lambda limit: f"be more than {limit}",
    "exclusiveMaximum": lambda limit: f"be less than {limit}",
    "multipleOf": lambda number: f"be a multiple of {number}",
    "enum": lambda allowed: f"be one of {tuple(allowed)}",
    "const": lambda allowed: f"be {allowed!r}",
    "pattern": lambda pattern: f"match {pattern}",
    "format": lambda name: f"be a valid {name}{_AS.get(name, '')}",
    "minItems": lambda number: f"have at least {_entries(number)}",
    "maxItems": lambda number: f"have at most {_entries(number)}",
    "uniqueItems": lambda _: "have entries that differ from each other",
    "minLength": lambda number: f"have at least {number} characters",
    "maxLength": lambda number: f"have at most {number} characters",
    "required": lambda names: f"have the entries {tuple(names)}",
}
