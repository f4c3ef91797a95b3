"""Compiled loops of geometry: bilinear heights, ground of pixels, polynomials and carriers along lines.

All functions are pure and release the GIL. Lines are treated in blocks of samples that stay in the cache.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Heights = NDArray[np.float32]

EDGE: Final = 1e-6
"""Pixels by which a place may be beyond the outermost centres, for rounding."""

BLOCK: Final = 512
"""Samples of a line that are treated together."""
TOLERANCE_M: Final = 1e-3
"""Of the height of a pixel's ground."""
LARGEST_STEP_M: Final = 10.0
"""Between the heights of two samples, for the next one to be sought as far on."""
SECANTS: Final = 12
"""Steps of the secant method; bisection follows, which ends in any case."""
STEPS: Final = 60

_F = TypeVar("_F", bound="Callable[..., Any]")


def _compiled(function: _F, **options: Any) -> _F:
    """Compile with numba, keeping the type of the function."""
    compiler = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"}, **options)
    return cast("_F", compiler(function))


_inlined: Final = partial(_compiled, inline="always")


class Rates(NamedTuple):
    """What the phase of a carrier is computed with.

    `fm_rate`, `centroid`: coefficients of powers of the sample, Hz/s and Hz; `steering` in Hz/s; `mid_delay_s`: -fdc / ka at
    the mid sample.
    """

    fm_rate: Floats
    centroid: Floats
    steering: float
    mid_line: float
    interval_s: float
    mid_delay_s: float


@_inlined
def bilinear(values: Heights, row: float, column: float) -> float:
    """Height at a fractional row and column; NaN where a pixel that has weight is NaN, or beyond the edge."""
    rows, columns = values.shape
    if not (-EDGE <= row <= rows - 1 + EDGE and -EDGE <= column <= columns - 1 + EDGE):
        return np.nan
    row, column = min(max(row, 0.0), rows - 1.0), min(max(column, 0.0), columns - 1.0)
    i, j = int(row), int(column)
    v, u = row - i, column - j
    i1, j1 = i + (v > 0), j + (u > 0)
    above = (1 - u) * np.float64(values[i, j]) + u * np.float64(values[i, j1])
    below = (1 - u) * np.float64(values[i1, j]) + u * np.float64(values[i1, j1])
    return (1 - v) * above + v * below


@_compiled
def sample(values: Heights, row: Floats, column: Floats) -> Floats:
    """Heights at points (n,)."""
    out = np.empty(row.size)
    for k in range(row.size):
        out[k] = bilinear(values, row[k], column[k])
    return out


@_compiled
def fill_from(values: Heights, source: Heights, row: Floats, column: Floats) -> None:
    """Fill what is NaN in `values` by `source` at `row` (one of each row) and `column` (one of each column)."""
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            if np.isnan(values[i, j]):
                values[i, j] = bilinear(source, row[i], column[j])


@_compiled
def add_coarse(values: Heights, coarse: Floats, step: int) -> None:
    """Add to `values` what `coarse` has at each `step`-th row and column, bilinear between."""
    for i in range(values.shape[0]):
        k, v = i // step, (i % step) / step
        k1 = min(k + 1, coarse.shape[0] - 1)
        for j in range(values.shape[1]):
            m, u = j // step, (j % step) / step
            m1 = min(m + 1, coarse.shape[1] - 1)
            above = coarse[k, m] + u * (coarse[k, m1] - coarse[k, m])
            below = coarse[k1, m] + u * (coarse[k1, m1] - coarse[k1, m])
            values[i, j] += above + v * (below - above)


@_compiled
def evaluate(coefficients: Floats, sample: Floats, heights: Heights, out: NDArray[Any]) -> None:
    """Write the polynomials (y, j, k) of lines, in powers of `sample` (x,) and of `heights` (y, x), to `out` (y, x)."""
    terms, values = np.empty((coefficients.shape[2], BLOCK)), np.empty(BLOCK)
    for i in range(heights.shape[0]):
        for start in range(0, sample.size, BLOCK):
            block = slice(start, start + BLOCK)
            _along(coefficients[i], sample[block], heights[i, block], terms, values)
            out[i, block] = values[: sample.size - start]


@_compiled
def reramp(
    azimuth: Floats,
    across: Floats,
    sample: Floats,
    heights: Heights,
    place: tuple[int, int],
    carrier: Rates,
    out: Heights,
) -> None:
    """Write the phase of a carrier in (-pi, pi] where a date shows the pixels, to `out` (y, x), as `Carrier.phase`.

    `azimuth`, `across`: polynomials of lines as for `evaluate`, the shifts beside the whole line and sample `place` at which
    the date shows the first pixel.
    """
    terms, s_shift, l_shift = np.empty((azimuth.shape[2], BLOCK)), np.empty(BLOCK), np.empty(BLOCK)
    rate, centroid = np.empty(BLOCK), np.empty(BLOCK)
    for i in range(heights.shape[0]):
        for start in range(0, sample.size, BLOCK):
            block = slice(start, start + BLOCK)
            _along(azimuth[i], sample[block], heights[i, block], terms, l_shift)
            _along(across[i], sample[block], heights[i, block], terms, s_shift)
            for s in range(BLOCK):
                s_shift[s] += place[1] + start + s
            _power_series(carrier.fm_rate, s_shift, rate)
            _power_series(carrier.centroid, s_shift, centroid)
            for s in range(min(BLOCK, sample.size - start)):
                line = place[0] + i + l_shift[s]
                delay = (line - carrier.mid_line) * carrier.interval_s + centroid[s] / rate[s] + carrier.mid_delay_s
                chirp = rate[s] * carrier.steering / (rate[s] - carrier.steering)
                turns = -(chirp / 2 * delay + centroid[s]) * delay
                out[i, start + s] = 2 * np.pi * (turns - np.ceil(turns - 0.5))


@_compiled
def ground(
    values: Heights, rows: Floats, columns: Floats, sample: Floats, span: tuple[float, float], out: Heights
) -> None:
    """Write the height at which each pixel sees the ground: the root h of DEM(place(h)) - h, to `out` (y, x).

    `rows`, `columns`: polynomials of lines (y, j, k) that give the place in `values` by powers of `sample` (x,) and h;
    `span`: lowest and highest of `values`. The search begins where the samples before lead to, so that in layover, where there
    are several roots, it stays on the slope that it came from until that ends. If it comes to a void it begins again from the
    lowest and from the highest.
    """
    row, column = np.empty((rows.shape[2], BLOCK)), np.empty((columns.shape[2], BLOCK))
    for i in range(out.shape[0]):
        last, step, gain = (span[0] + span[1]) / 2, 0.0, 1.0
        for start in range(0, sample.size, BLOCK):
            block = sample[start : start + BLOCK]
            _terms(rows[i], block, row)
            _terms(columns[i], block, column)
            for s in range(block.size):
                h, gain = _root(values, row, column, s, last + step, gain, span)
                for other in span:
                    if np.isnan(h):
                        h, gain = _root(values, row, column, s, other, 1.0, span)
                if not np.isnan(h):
                    step = h - last if abs(h - last) < LARGEST_STEP_M else 0.0
                    last = h
                out[i, start + s] = h


@_compiled
def _along(coefficients: Floats, sample: Floats, heights: Heights, terms: Floats, values: Floats) -> None:
    """Write the polynomial (j, k) of a line to the first of `values`; `terms` is room."""
    _terms(coefficients, sample, terms)
    values[: sample.size] = terms[-1, : sample.size]
    for k in range(terms.shape[0] - 2, -1, -1):
        for s in range(sample.size):
            values[s] = values[s] * heights[s] + terms[k, s]


@_compiled
def _power_series(coefficients: Floats, x: Floats, values: Floats) -> None:
    values[:] = coefficients[-1]
    for j in range(coefficients.size - 2, -1, -1):
        for s in range(x.size):
            values[s] = values[s] * x[s] + coefficients[j]


@_compiled
def _terms(coefficients: Floats, sample: Floats, terms: Floats) -> None:
    """Write the polynomials (j, k) in powers of `sample`, one for each power k of the height, to `terms` (k, x)."""
    for k in range(coefficients.shape[1]):
        for s in range(sample.size):
            terms[k, s] = coefficients[-1, k]
        for j in range(coefficients.shape[0] - 2, -1, -1):
            for s in range(sample.size):
                terms[k, s] = terms[k, s] * sample[s] + coefficients[j, k]


@_inlined
def _above(values: Heights, row: Floats, column: Floats, s: int, h: float) -> float:
    """How much the ground is above h where a pixel would see it at h."""
    i, j = row[-1, s], column[-1, s]
    for k in range(row.shape[0] - 2, -1, -1):
        i, j = i * h + row[k, s], j * h + column[k, s]
    return bilinear(values, i, j) - h


@_compiled
def _root(
    values: Heights, row: Floats, column: Floats, s: int, start: float, gain: float, span: tuple[float, float]
) -> tuple[float, float]:
    """Height of the ground of a pixel, by secants within a bracket; NaN where they come to a place without height.

    `gain`: step in h per metre that the ground is above h, for the first step and of the last one. 1 is that of the fixed point
    h = DEM(place(h)), which is taken where a secant would lead away: where the ground rises faster than the place moves.
    """
    low, high = span[0] - 1, span[1] + 1
    h = min(max(start, low), high)
    above = _above(values, row, column, s, h)
    for count in range(STEPS):
        if np.isnan(above):
            return np.nan, 1.0
        if above > 0:
            low = h
        else:
            high = h
        trial = h + gain * above
        if abs(above) <= TOLERANCE_M or high - low <= TOLERANCE_M:
            break
        if count >= SECANTS or not low < trial < high:
            trial = (low + high) / 2
        new = _above(values, row, column, s, trial)
        gain = (trial - h) / (above - new) if (trial - h) * (above - new) > 0 else 1.0
        h, above = trial, new
    return h, gain
