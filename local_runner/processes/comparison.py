"""Comparisons: true, false or null for scalars; within cubes 1, 0 and NaN for null, as float32."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from local_runner.processes._support import elementwise
from local_runner.processes._types import Value


def _compare(function: Callable[..., Any], x: Value, y: Value) -> Value:
    """`function` of two operands of one type; false for different types, null where an operand is null."""
    cubes = [v for v in (x, y) if isinstance(v, xr.DataArray)]
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


def eq(x: Value, y: Value, delta: float | None = None, case_sensitive: bool = True) -> Value:
    """Whether x equals y: numbers within `delta` if given, texts with or without regard to case; types must agree."""
    if not case_sensitive and isinstance(x, str) and isinstance(y, str):
        x, y = x.casefold(), y.casefold()
    if delta is not None and not isinstance(x, str | bool) and not isinstance(y, str | bool):
        return _compare(lambda a, b: np.abs(a - b) <= delta, x, y)
    return _compare(lambda a, b: a == b, x, y)


def neq(x: Value, y: Value, delta: float | None = None, case_sensitive: bool = True) -> Value:
    """The opposite of `eq`; null stays null."""
    result = eq(x, y, delta, case_sensitive)
    return (not result) if isinstance(result, bool) else elementwise(lambda a: 1 - a, result)


def gt(x: Value, y: Value) -> Value:
    """Whether x > y."""
    return _order(lambda a, b: a > b, x, y)


def gte(x: Value, y: Value) -> Value:
    """Whether x >= y."""
    return _order(lambda a, b: a >= b, x, y)


def lt(x: Value, y: Value) -> Value:
    """Whether x < y."""
    return _order(lambda a, b: a < b, x, y)


def lte(x: Value, y: Value) -> Value:
    """Whether x <= y."""
    return _order(lambda a, b: a <= b, x, y)


def _order(function: Callable[..., Any], x: Value, y: Value) -> Value:
    """Only numbers have an order: the specification has false for texts and booleans."""
    ordered = all(v is None or isinstance(v, xr.DataArray) or _kind(v) == "number" for v in (x, y))
    return _compare(function if ordered else lambda _a, _b: False, x, y)
