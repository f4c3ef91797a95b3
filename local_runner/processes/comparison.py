"""Comparisons: true, false or null for scalars; within cubes 1, 0 and NaN for null, as float32."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from local_runner.processes._arrays import as_array
from local_runner.processes._support import elementwise
from local_runner.processes._types import BooleanOrNull, Cube, Number, Value
from local_runner.processes.logic import and_


def _compare(function: Callable[..., Any], x: Value, y: Value) -> BooleanOrNull:
    """`function` of two operands of one type; false for different types, null where an operand is null."""
    x, y = (as_array(v) if isinstance(v, Cube) else v for v in (x, y))
    cubes = [v for v in (x, y) if isinstance(v, Cube)]
    if x is None or y is None:
        return elementwise(function, x, y) if cubes else None
    if not cubes:
        return _kind(x) == _kind(y) and bool(function(x, y))
    if any(isinstance(v, str | list) for v in (x, y)):
        return elementwise(lambda a: _with_null(False, a), cubes[0])
    return elementwise(lambda a, b: _with_null(function(a, b), a, b), x, y)


def _with_null(result: Any, *operands: Any) -> Any:
    null = np.any(np.broadcast_arrays(*map(np.isnan, operands)), axis=0)
    return np.where(null, np.float32(np.nan), np.asarray(result, np.float32))


def _kind(value: Any) -> str:
    return "bool" if isinstance(value, bool) else "number" if isinstance(value, int | float) else type(value).__name__


def eq(x: Value, y: Value, delta: float | None = None, case_sensitive: bool = True) -> BooleanOrNull:
    """Whether x equals y: numbers within `delta` if given, texts with or without regard to case; types must agree."""
    if not case_sensitive and isinstance(x, str) and isinstance(y, str):
        x, y = x.casefold(), y.casefold()
    if delta is not None and _ordered(x, y):
        return _compare(lambda a, b: np.abs(a - b) <= delta, x, y)
    return _compare(lambda a, b: a == b, x, y)


def neq(x: Value, y: Value, delta: float | None = None, case_sensitive: bool = True) -> BooleanOrNull:
    """The opposite of `eq`; null stays null."""
    result = eq(x, y, delta, case_sensitive)
    return (not result) if isinstance(result, bool) else elementwise(lambda a: 1 - a, result)


def gt(x: Value, y: Value) -> BooleanOrNull:
    """Whether x > y; false for anything but numbers."""
    return _order(lambda a, b: a > b, x, y)


def gte(x: Value, y: Value) -> BooleanOrNull:
    """Whether x >= y; of anything but numbers whether they are equal."""
    return _order(lambda a, b: a >= b, x, y) if _ordered(x, y) else eq(x, y)


def lt(x: Value, y: Value) -> BooleanOrNull:
    """Whether x < y; false for anything but numbers."""
    return _order(lambda a, b: a < b, x, y)


def lte(x: Value, y: Value) -> BooleanOrNull:
    """Whether x <= y; of anything but numbers whether they are equal."""
    return _order(lambda a, b: a <= b, x, y) if _ordered(x, y) else eq(x, y)


def between(x: Any, min: Number | Cube, max: Number | Cube, exclude_max: bool = False) -> BooleanOrNull:
    """Whether x is not below `min` and not above `max` (below `max` if that is excluded); false for anything but numbers."""
    return and_(gte(x, min), (lt if exclude_max else lte)(x, max))


def is_nan(x: Any) -> BooleanOrNull:
    """Whether x is NaN; in a cube that is the same as no-data."""
    return elementwise(_flag(np.isnan), x) if _is_cube(x) else isinstance(x, float) and math.isnan(x)


def is_nodata(x: Any) -> BooleanOrNull:
    """Whether x is null; NaN in a cube."""
    return elementwise(_flag(np.isnan), x) if _is_cube(x) else x is None


def is_valid(x: Any) -> BooleanOrNull:
    """Whether x is neither null nor a number that is not finite."""
    if _is_cube(x):
        return elementwise(_flag(np.isfinite), x)
    return math.isfinite(x) if isinstance(x, float) else x is not None


def _is_cube(x: Any) -> bool:
    """Whether x is a cube, and not a labelled array in memory: that is one value, whatever is in it."""
    return isinstance(x, Cube) and isinstance(as_array(x), Cube)


def _flag(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a: function(a).astype(np.float32)


def _order(function: Callable[..., Any], x: Value, y: Value) -> BooleanOrNull:
    return _compare(function if _ordered(x, y) else lambda _a, _b: False, x, y)


def _ordered(x: Value, y: Value) -> bool:
    """Whether both operands have an order, which only numbers do; null does not decide it."""
    return all(v is None or _is_cube(v) or _kind(v) == "number" for v in (x, y))
