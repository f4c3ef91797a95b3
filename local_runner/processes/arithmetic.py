"""Arithmetic: null in, null out; integers stay integers where the result is whole."""

import math
from typing import Any

import numpy as np

from local_runner.processes._support import elementwise
from local_runner.processes._types import NumberOrNull


def add(x: NumberOrNull, y: NumberOrNull) -> NumberOrNull:
    """X + y."""
    return elementwise(np.add, x, y)


def subtract(x: NumberOrNull, y: NumberOrNull) -> NumberOrNull:
    """X - y."""
    return elementwise(np.subtract, x, y)


def multiply(x: NumberOrNull, y: NumberOrNull) -> NumberOrNull:
    """X * y."""
    return elementwise(np.multiply, x, y)


def divide(x: NumberOrNull, y: NumberOrNull) -> NumberOrNull:
    """X / y by IEEE 754: division by zero gives infinity or NaN."""
    return elementwise(np.divide, x, y)


def mod(x: NumberOrNull, y: NumberOrNull) -> NumberOrNull:
    """Remainder of x / y with the sign of y; x / 0 where y is zero."""
    return elementwise(_mod, x, y)


def _mod(x: Any, y: Any) -> Any:
    remainder = np.mod(x, y)
    return np.where(np.equal(y, 0), np.divide(x, 0.0), remainder).astype(remainder.dtype, copy=False)[()]


def power(base: NumberOrNull, p: NumberOrNull) -> NumberOrNull:
    """Base ** p; NaN for a fractional power of a negative base."""
    return elementwise(np.power, base, p)


def sqrt(x: NumberOrNull) -> NumberOrNull:
    """Square root; NaN below zero."""
    return elementwise(np.sqrt, x)


def absolute(x: NumberOrNull) -> NumberOrNull:
    """|x|."""
    return elementwise(np.abs, x)


def exp(p: NumberOrNull) -> NumberOrNull:
    """The number e to the power p."""
    return elementwise(np.exp, p)


def ln(x: NumberOrNull) -> NumberOrNull:
    """Natural logarithm; -inf at zero, NaN below."""
    return elementwise(np.log, x)


def cos(x: NumberOrNull) -> NumberOrNull:
    """Cosine of an angle in radians."""
    return elementwise(np.cos, x)


def sin(x: NumberOrNull) -> NumberOrNull:
    """Sine of an angle in radians."""
    return elementwise(np.sin, x)


def arctan2(y: NumberOrNull, x: NumberOrNull) -> NumberOrNull:
    """Angle of the point (x, y) in radians, in (-pi, pi]."""
    return elementwise(np.arctan2, y, x)


def int_(x: NumberOrNull) -> NumberOrNull:
    """The whole part of x, cut towards zero; cubes keep their dtype, because NaN has no integer."""
    return math.trunc(x) if isinstance(x, float | int) and math.isfinite(x) else elementwise(np.trunc, x)


def floor(x: NumberOrNull) -> NumberOrNull:
    """The greatest whole number not above x."""
    return math.floor(x) if isinstance(x, float | int) and math.isfinite(x) else elementwise(np.floor, x)


def ceil(x: NumberOrNull) -> NumberOrNull:
    """The smallest whole number not below x."""
    return math.ceil(x) if isinstance(x, float | int) and math.isfinite(x) else elementwise(np.ceil, x)


def pi() -> float:
    """The number pi."""
    return math.pi
