"""Comparisons: true, false or null for scalars; within cubes 1, 0 and NaN for null, as float32."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from local_runner.processes._support import elementwise
from local_runner.processes._types import Value


def _compare(function: Callable[..., Any], x: Value, y: Value) -> Value:
    if x is None or y is None:
        return elementwise(function, x, y) if isinstance(x, xr.DataArray) or isinstance(y, xr.DataArray) else None
    if isinstance(x, xr.DataArray) or isinstance(y, xr.DataArray):
        return elementwise(lambda a, b: _with_null(function(a, b), a, b), x, y)
    if isinstance(x, list) or isinstance(y, list) or _kind(x) != _kind(y):
        return False
    return bool(function(x, y))


def _with_null(result: Any, *operands: Any) -> Any:
    null = np.zeros(np.shape(result), bool)
    for operand in operands:
        null |= np.isnan(operand)
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
    if isinstance(x, bool) or isinstance(y, bool):
        return False
    return _compare(function, x, y)
