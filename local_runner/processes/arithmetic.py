"""Numbers: null in, null out; integers stay integers where the result is whole."""

import math
from functools import partial
from typing import Any

import numpy as np

from local_runner.errors import OpenEOError
from local_runner.processes._support import elementwise, whole
from local_runner.processes._types import Cube, Number, NumberOrNull


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


def log(x: NumberOrNull, base: NumberOrNull) -> NumberOrNull:
    """Logarithm to a base; -inf at zero whatever the base, NaN below; exact at powers of 2 and 10 where that is the base."""
    exact = _LOGARITHMS.get(base) if isinstance(base, int | float) else None
    return elementwise(exact, x) if exact else elementwise(_log, x, base)


def _log(x: Any, base: Any) -> Any:
    logarithm = np.where(np.equal(x, 0) & ~np.isnan(base), -np.inf, np.log(x) / np.log(base))
    return logarithm.astype(np.result_type(x, base), copy=False)


_LOGARITHMS: dict[float, Any] = {2: np.log2, 10: np.log10, math.e: np.log}


def sgn(x: NumberOrNull) -> NumberOrNull:
    """1, 0 or -1: the sign of x."""
    return whole(np.sign, x)


def int_(x: NumberOrNull) -> NumberOrNull:
    """The whole part of x, cut towards zero."""
    return whole(np.trunc, x)


def floor(x: NumberOrNull) -> NumberOrNull:
    """The greatest whole number not above x."""
    return whole(np.floor, x)


def ceil(x: NumberOrNull) -> NumberOrNull:
    """The smallest whole number not below x."""
    return whole(np.ceil, x)


def round_(x: NumberOrNull, p: int = 0) -> NumberOrNull:
    """X to `p` digits after the decimal point (negative: to a power of ten), halves to the even digit."""
    return elementwise(partial(_round, digits=p), x)


def _round(x: Any, digits: int) -> Any:
    rounded = np.round(x, max(-400, min(digits, 400)))
    nearest = x if digits > 0 else np.where(np.isfinite(x), np.multiply(x, 0.0), x)
    return np.where(np.isfinite(rounded), rounded, nearest)  # ten to the power `digits` may be out of range


def clip(x: NumberOrNull, min: Number | Cube, max: Number | Cube) -> NumberOrNull:
    """The nearest to x between `min` and `max`, both included."""
    if not isinstance(min, Cube) and not isinstance(max, Cube) and max < min:
        raise OpenEOError("MinMaxSwapped", "The argument 'max' of clip must not be below 'min'", got=f"{min} and {max}")
    return elementwise(np.clip, x, min, max)


def linear_scale_range(
    x: NumberOrNull,
    inputMin: Number | Cube,  # noqa: N803  (the names of the specification)
    inputMax: Number | Cube,  # noqa: N803
    outputMin: Number | Cube = 0,  # noqa: N803
    outputMax: Number | Cube = 1,  # noqa: N803
) -> NumberOrNull:
    """X, cut to the input range, from there to the output range in a straight line."""
    return elementwise(_scale, x, inputMin, inputMax, outputMin, outputMax)


def _scale(x: Any, low: Any, high: Any, new_low: Any, new_high: Any) -> Any:
    return np.clip((x - low) / (high - low), 0.0, 1.0) * (new_high - new_low) + new_low


def normalized_difference(x: NumberOrNull, y: NumberOrNull) -> NumberOrNull:
    """(x - y) / (x + y); NaN where both are zero."""
    return elementwise(lambda a, b: (a - b) / (a + b), x, y)


def constant(x: Any) -> Any:
    """X."""
    return x


def e() -> float:
    """Euler's number."""
    return math.e


def pi() -> float:
    """The number pi."""
    return math.pi
