"""JSON Schemas that strangers wrote: judged before they are used, and validated in a time that their size bounds.

Draft 7. Not here: what an error of a value means to the caller (`local_runner.parameters`).
"""

from __future__ import annotations

import datetime as dt
import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from local_runner.errors import LimitExceededError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

MAX_DEPTH: Final = 32
MAX_STEPS: Final = 1_000_000
"""Schemas in a schema times values in a value: no more comparisons are made than these."""
MAX_PATTERN: Final = 256
"""Characters of a regular expression, and of a text that is matched with one."""
_ONE_CHARACTER: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_REPEATED_GROUP: Final = re.compile(r"\)[*+{]")
"""Matching one may take exponential time."""
_BACKREFERENCE: Final = re.compile(r"\\[1-9]|\(\?P=")
_VARYING: Final = re.compile(r"[*+]|\{\d*,\d*\}")
_MOST_VARYING: Final = 3


def fault_of(schema: Any) -> str:
    """Why a schema is refused; empty if it is none of: no object, nested too deeply, with `$ref`, slow, not draft 7."""
    from jsonschema import Draft7Validator, SchemaError  # noqa: PLC0415  (slow to import)

    fault = _fault_of_form(schema)
    if fault:
        return fault
    try:
        Draft7Validator.check_schema(schema, format_checker=Draft7Validator.FORMAT_CHECKER)
    except SchemaError as error:
        return error.message
    return ""


def errors_of(value: Any, schema: Mapping[str, Any]) -> list[ValidationError]:
    """What a value (plain JSON) lacks to be valid; raises `ProcessGraphComplexity` where finding out would take long."""
    if _parts(schema) * _parts(value) > MAX_STEPS:
        must = f"A value and its schema must be comparable in {MAX_STEPS} steps"
        raise LimitExceededError("ProcessGraphComplexity", must, do="Load large data by a process")
    return list(_validator()(schema, format_checker=_formats()).iter_errors(value))


def _fault_of_form(schema: Any) -> str:
    if not isinstance(schema, dict):
        return "it is no object"
    waiting: list[tuple[Any, int]] = [(schema, 0)]
    while waiting:
        part, depth = waiting.pop()
        if depth > MAX_DEPTH:
            return f"it is nested more than {MAX_DEPTH} deep"
        if isinstance(part, dict):
            fault = _fault_of_keywords(part)
            if fault:
                return fault
        if isinstance(part, dict | list):
            waiting += [(inner, depth + 1) for inner in (part.values() if isinstance(part, dict) else part)]
    return ""


def _fault_of_keywords(part: Mapping[Any, Any]) -> str:
    if not all(isinstance(key, str) for key in part):
        return "its keys must be texts"
    if "$ref" in part:  # would open a URL
        return "it has a $ref"
    named = part.get("patternProperties")
    patterns = [part.get("pattern"), *(named if isinstance(named, dict) else ())]
    return next(filter(None, map(_fault_of_pattern, patterns)), "")


def _fault_of_pattern(pattern: Any) -> str:
    if not isinstance(pattern, str):
        return ""
    bare = _ONE_CHARACTER.sub("a", pattern)
    slow = _REPEATED_GROUP.search(bare) or _BACKREFERENCE.search(pattern.replace(r"\\", ""))
    if len(pattern) > MAX_PATTERN or slow or len(_VARYING.findall(bare)) > _MOST_VARYING:
        return f"the pattern {pattern[:40]!r} may be slow: no repeated groups, at most {_MOST_VARYING} of * and +"
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"{pattern!r} is no regular expression: {error}"
    return ""


@cache
def _validator() -> type[Validator]:
    from jsonschema import Draft7Validator  # noqa: PLC0415  (`--help` needs no validator)
    from jsonschema.validators import extend  # noqa: PLC0415

    own = {"uniqueItems": _unique_items, "pattern": _pattern}
    validator: type[Validator] = extend(Draft7Validator, own)  # type: ignore[no-untyped-call]
    return validator


def _pattern(_validator: Any, pattern: str, value: Any, _schema: Any) -> Iterator[ValidationError]:
    from jsonschema.exceptions import ValidationError  # noqa: PLC0415

    if isinstance(value, str) and (len(value) > MAX_PATTERN or not re.search(pattern, value)):
        yield ValidationError(f"{value[:MAX_PATTERN]!r} does not match {pattern!r}")


def _unique_items(_validator: Any, wanted: object, value: Any, _schema: Any) -> Iterator[ValidationError]:
    from jsonschema.exceptions import ValidationError  # noqa: PLC0415

    if wanted and isinstance(value, list) and len({_comparable(item) for item in value}) < len(value):
        yield ValidationError("has non-unique elements")


def _comparable(value: Any) -> Any:
    """Something hashable that is equal where JSON values are: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, dict):
        return frozenset((key, _comparable(item)) for key, item in value.items())
    return tuple(map(_comparable, value)) if isinstance(value, list) else (isinstance(value, bool), value)


@cache
def _formats() -> Any:
    from jsonschema import FormatChecker  # noqa: PLC0415

    formats = FormatChecker(formats=("date",))

    @formats.checks("date-time", raises=ValueError)
    def _is_time(value: object) -> bool:
        return not isinstance(value, str) or dt.datetime.fromisoformat(value).tzinfo is not None

    return formats


def _parts(value: Any) -> int:
    """Number of values in a JSON value, itself included."""
    waiting, found = [value], 0
    while waiting:
        part = waiting.pop()
        found += 1
        if isinstance(part, dict | list):
            waiting += part.values() if isinstance(part, dict) else part
    return found
