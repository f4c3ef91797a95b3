"""Polynomials in (line, sample, height), fitted to what varies smoothly over an image, such as the shift to another one.

A tensor product of powers of the three, each brought to -1..1 over the box of the fit. The function is taken at Chebyshev
points, and the fit is judged at other points, which fill the box. Not here: what is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.polynomial.polynomial import polyval, polyvander

from local_runner.errors import OpenEOError, Quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

EXTRA_NODES: Final = 2
"""Points of the fit along each axis beyond those that the degree needs."""
CHECKS: Final = (17, 14, 7)
"""Points along line, sample and height at which a fit is judged."""


class Box(NamedTuple):
    """Lowest and highest line, sample and height (m)."""

    line: tuple[float, float]
    sample: tuple[float, float]
    height: tuple[float, float]


class Degrees(NamedTuple):
    """Highest powers of line, sample and height."""

    line: int
    sample: int
    height: int


@dataclass(frozen=True, eq=False)
class Polynomial:
    """`coefficients` (i, j, k) of powers of line, sample and height, each normalised to -1..1 over `box`.

    It holds within the box. float64 throughout.
    """

    coefficients: NDArray[np.float64]
    box: Box

    def at(self, line: ArrayLike, sample: ArrayLike, height: ArrayLike) -> NDArray[np.float64]:
        """Values, broadcast; NaN gives NaN."""
        axes = [_normalised(value, span) for value, span in zip((line, sample, height), self.box, strict=True)]
        dims = max(axis.ndim for axis in axes)
        x, y, z = (axis.reshape((1,) * (dims - axis.ndim) + axis.shape) for axis in axes)
        return np.asarray(polyval(z, polyval(y, polyval(x, self.coefficients), tensor=False), tensor=False))

    def on_lines(self, lines: ArrayLike) -> NDArray[np.float64]:
        """Coefficients (y, j, k) for lines (y,): of powers j of the normalised sample and k of the height in m."""
        powers = polyvander(_normalised(lines, self.box.line), self.coefficients.shape[0] - 1)
        metres = self.coefficients @ _powers_of_metres(self.box.height, self.coefficients.shape[2])
        return np.asarray(np.tensordot(powers, metres, axes=1))

    def on_rows(self, lines: ArrayLike, samples: ArrayLike) -> NDArray[np.float64]:
        """Coefficients (k, y, x) for all lines (y,) and samples (x,): of powers k of the height in m.

        The value of each pixel is c[0] + h (c[1] + h (c[2] + ...)). It takes k times the memory of the values: a compiled loop
        does better with `on_lines`.
        """
        powers = polyvander(self.normalised_sample(samples), self.coefficients.shape[1] - 1)
        return np.asarray(np.einsum("yjk,xj->kyx", self.on_lines(lines), powers, optimize=True))

    def normalised_sample(self, samples: ArrayLike) -> NDArray[np.float64]:
        """Samples brought to -1..1 over the box, which is what the coefficients of `on_lines` are for."""
        return _normalised(samples, self.box.sample)


class Fit(NamedTuple):
    """A polynomial, and the largest absolute difference from the function at points that are not those of the fit."""

    polynomial: Polynomial
    residual: float


def fit(function: Callable[[Floats, Floats, Floats], Floats], box: Box, degrees: Degrees) -> list[Fit]:
    """Least-squares fits of the n quantities that `function` of (line, sample, height) gives, (n, ...), over the box.

    A function that is NaN somewhere in the box gives a residual of NaN.
    """
    nodes = [_chebyshev(span, degree + 1 + EXTRA_NODES) for span, degree in zip(box, degrees, strict=True)]
    inverse = [
        np.linalg.pinv(polyvander(_normalised(node, span), degree))
        for node, span, degree in zip(nodes, box, degrees, strict=True)
    ]
    values = function(*np.meshgrid(*nodes, indexing="ij"))
    coefficients = np.einsum("il,js,kh,nlsh->nijk", *inverse, values, optimize=True)
    places = np.meshgrid(*(np.linspace(*span, n) for span, n in zip(box, CHECKS, strict=True)), indexing="ij")
    truth = function(*places)
    polynomials = [Polynomial(one, box) for one in coefficients]
    return [Fit(p, float(np.abs(p.at(*places) - true).max())) for p, true in zip(polynomials, truth, strict=True)]


def fit_within(
    what: str,
    function: Callable[[Floats, Floats, Floats], Floats],
    box: Box,
    trials: Sequence[Degrees],
    limits: Sequence[float],
) -> list[Fit]:
    """Fits of the lowest degrees of `trials` whose residuals are within `limits`, one for each quantity of the function.

    Raises `GeometryNotSmooth` telling `what` is not met where the last trial misses it.
    """
    for degrees in trials:
        fits = fit(function, box, degrees)
        if all(one.residual <= limit for one, limit in zip(fits, limits, strict=True)):
            return fits
    within = " and ".join(f"{limit:.2g}" for limit in limits)
    must = f"{what} must be polynomials of degrees up to {tuple(degrees)} in line, sample and height, within {within}"
    missed = " and ".join(f"{one.residual:.2g}" for one in fits)
    raise OpenEOError("GeometryNotSmooth", must, got=Quoted(missed), do="Check the orbit, or cut the image")


def _normalised(value: ArrayLike, span: tuple[float, float]) -> Floats:
    centre, half = _centre(span)
    return (np.asarray(value, np.float64) - centre) / half


def _centre(span: tuple[float, float]) -> tuple[float, float]:
    """Centre and half width; 1 for the latter where there is no width."""
    low, high = span
    return (low + high) / 2, (high - low) / 2 or 1.0


def _chebyshev(span: tuple[float, float], n: int) -> Floats:
    """Extrema of the Chebyshev polynomial of degree n - 1, ends included."""
    centre, half = _centre(span)
    return np.asarray(centre - half * np.cos(np.pi * np.arange(n) / (n - 1)))


def _powers_of_metres(span: tuple[float, float], n: int) -> Floats:
    """Matrix (n, n): row k holds the coefficients of powers of h in ((h - centre) / half)^k."""
    centre, half = _centre(span)
    return np.array(
        [[comb(k, m) * (-centre) ** (k - m) / half**k if m <= k else 0.0 for m in range(n)] for k in range(n)]
    )
