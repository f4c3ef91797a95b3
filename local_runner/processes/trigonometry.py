"""Trigonometry in radians: null in, null out; NaN where a function is not defined."""

import math
from typing import Any

import numpy as np

from local_runner.processes._support import elementwise
from local_runner.processes._types import NumberOrNull


def cos(x: NumberOrNull) -> NumberOrNull:
    """Cosine of an angle in radians."""
    return elementwise(np.cos, x)


def sin(x: NumberOrNull) -> NumberOrNull:
    """Sine of an angle in radians."""
    return elementwise(np.sin, x)


def tan(x: NumberOrNull) -> NumberOrNull:
    """Tangent of an angle in radians; infinite with the sign of x at the numbers that stand for pi/2 + n*pi."""
    return elementwise(_tan, x)


def _tan(x: Any) -> Any:
    is_pole = np.isfinite(x) & np.equal(x, math.pi / 2 + math.pi * np.rint(x / math.pi - 0.5))
    return np.where(is_pole, np.copysign(np.inf, x), np.tan(x)).astype(np.asarray(x).dtype, copy=False)[()]


def arccos(x: NumberOrNull) -> NumberOrNull:
    """Angle in [0, pi] with this cosine; NaN outside of [-1, 1]."""
    return elementwise(np.arccos, x)


def arcsin(x: NumberOrNull) -> NumberOrNull:
    """Angle in [-pi/2, pi/2] with this sine; NaN outside of [-1, 1]."""
    return elementwise(np.arcsin, x)


def arctan(x: NumberOrNull) -> NumberOrNull:
    """Angle in [-pi/2, pi/2] with this tangent."""
    return elementwise(np.arctan, x)


def arctan2(y: NumberOrNull, x: NumberOrNull) -> NumberOrNull:
    """Angle of the point (x, y) in radians, in (-pi, pi]."""
    return elementwise(np.arctan2, y, x)
