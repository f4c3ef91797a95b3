"""Compiled loops of geocoding: which samples and which source quad make each target cell, and the values that follow.

Positions are (u, v) in cells of the target, u to the right and v downwards, relative to a common integer origin: the
cell in column c and row r covers [c, c + 1) x [r, r + 1) and has its centre at (c + 0.5, r + 0.5). NaN: no position.
A *quad* is the four samples (y, x), (y, x + 1), (y + 1, x), (y + 1, x + 1). All functions are pure and release the
GIL.

Not here: dask, labels, projections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float32] | NDArray[np.float64]

MIN_SAMPLES: Final = 4
"""Samples in a cell from which on it takes their mean."""
MAX_OFF_CENTRE: Final = 0.2
"""Distance in cells, in x and in y, between the centroid of the averaged samples and the cell centre, at most.

It is what the lines of Sentinel-1, 14 m apart, reach in cells of 20 m that they run along.
"""
MIN_FINITE: Final = 0.25
"""Share of the samples of a cell whose value must be finite for a mean."""
EDGE: Final = 1e-6
"""Width in source px by which neighbouring quads overlap, so that rounding leaves no gap between them."""

_F = TypeVar("_F", bound="Callable[..., Any]")


def _compiled(function: _F) -> _F:
    """Compile with numba, keeping the type of the function."""
    return cast("_F", numba.njit(cache=True, nogil=True, error_model="numpy")(function))


class Index(NamedTuple):
    """Where the values of one tile of the target come from; a cell is counted `row * columns + column`.

    `cell` (lines, samples) int32: the mean cell in which a sample lies, -1 for none. `number` (cells,) int32: samples
    in a mean cell, else 0; `off_u`, `off_v` (cells,) float32: their summed distance from the centre. `quad_cell` (n,)
    int32: the cells to interpolate; `quad_y`, `quad_x` (n,) int32: first corner of their quad; `quad_b`, `quad_a`
    (n,) float64: place in it along y and x, 0..1.
    """

    cell: NDArray[np.int32]
    number: NDArray[np.int32]
    off_u: NDArray[np.float32]
    off_v: NDArray[np.float32]
    quad_cell: NDArray[np.int32]
    quad_y: NDArray[np.int32]
    quad_x: NDArray[np.int32]
    quad_b: NDArray[np.float64]
    quad_a: NDArray[np.float64]


def locate(u: NDArray[np.float32], v: NDArray[np.float32], column: int, row: int, rows: int, columns: int) -> Index:
    """Index of the tile of `rows` x `columns` cells from (`row`, `column`) on, by positions (lines, samples)."""
    cell, count, off_u, off_v = _assign(u, v, column, row, rows, columns)
    mean = count >= MIN_SAMPLES
    centred = mean & (np.maximum(np.abs(off_u), np.abs(off_v)) <= MAX_OFF_CENTRE * count)
    quad_y, quad_x, quad_b, quad_a = _find_quads(u, v, column, row, columns, centred)
    found = np.flatnonzero(quad_x >= 0).astype(np.int32)
    count[~mean] = 0
    count[found] = 0
    _leave_out(cell, count)
    return Index(cell, count, off_u, off_v, found, quad_y[found], quad_x[found], quad_b[found], quad_a[found])


def fill(values: Floats, u: NDArray[np.float32], v: NDArray[np.float32], index: Index, out: Floats) -> None:
    """Write the cells of one tile, `out` (cells,), from the `values` (lines, samples) at the positions u, v."""
    _fill_means(values, u, v, index.cell, index.number, index.off_u, index.off_v, out)
    _fill_quads(values, index.quad_cell, index.quad_y, index.quad_x, index.quad_b, index.quad_a, out)


@_compiled
def block_boxes(u: NDArray[np.float32], v: NDArray[np.float32], lines: int, samples: int) -> NDArray[np.float32]:
    """Boxes (blocks in y, blocks in x, 4) of least and most u, least and most v of blocks of `lines` x `samples` quads.

    A block without positions has the box (inf, -inf, inf, -inf), which meets nothing.
    """
    shape = max((u.shape[0] + lines - 2) // lines, 1), max((u.shape[1] + samples - 2) // samples, 1)
    boxes = np.empty((*shape, 4), np.float32)
    for y in range(shape[0]):
        for x in range(shape[1]):
            least_u = least_v = np.float32(np.inf)
            most_u = most_v = np.float32(-np.inf)
            for i in range(y * lines, min((y + 1) * lines + 1, u.shape[0])):
                for j in range(x * samples, min((x + 1) * samples + 1, u.shape[1])):
                    if not np.isnan(u[i, j]):
                        least_u, most_u = min(least_u, u[i, j]), max(most_u, u[i, j])
                        least_v, most_v = min(least_v, v[i, j]), max(most_v, v[i, j])
            boxes[y, x] = np.array([least_u, most_u, least_v, most_v], np.float32)
    return boxes


@_compiled
def _assign(
    u: NDArray[np.float32], v: NDArray[np.float32], column: int, row: int, rows: int, columns: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """Cell of each sample (-1 outside); per cell the number of samples and their summed distance from its centre."""
    cell = np.full(u.shape, -1, np.int32)
    count = np.zeros(rows * columns, np.int32)
    off_u = np.zeros(rows * columns, np.float32)
    off_v = np.zeros(rows * columns, np.float32)
    for i in range(u.shape[0]):
        for j in range(u.shape[1]):
            here_u, here_v = u[i, j] - column, v[i, j] - row
            if here_u >= 0 and here_u < columns and here_v >= 0 and here_v < rows:
                c, r = int(here_u), int(here_v)
                k = r * columns + c
                cell[i, j] = k
                count[k] += 1
                off_u[k] += here_u - c - 0.5
                off_v[k] += here_v - r - 0.5
    return cell, count, off_u, off_v


@_compiled
def _leave_out(cell: NDArray[np.int32], count: NDArray[np.int32]) -> None:
    """Take the samples (-1) from the cells that have no mean."""
    for i in range(cell.shape[0]):
        for j in range(cell.shape[1]):
            if cell[i, j] >= 0 and count[cell[i, j]] == 0:
                cell[i, j] = -1


@_compiled
def _find_quads(
    u: NDArray[np.float32], v: NDArray[np.float32], column: int, row: int, columns: int, centred: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
    """First corner (y, x; -1 for none) and place (b, a) in the quad around the centre of each cell not `centred`.

    Of several quads around one centre the first in range (smallest x), then the first in azimuth, is taken.
    """
    cells = centred.size
    rows = cells // columns
    quad_y, quad_x = np.full(cells, -1, np.int32), np.full(cells, -1, np.int32)
    quad_b, quad_a = np.zeros(cells), np.zeros(cells)
    for i in range(u.shape[0] - 1):
        for j in range(u.shape[1] - 1):
            u0, u1, u2, u3 = u[i, j], u[i, j + 1], u[i + 1, j], u[i + 1, j + 1]
            v0, v1, v2, v3 = v[i, j], v[i, j + 1], v[i + 1, j], v[i + 1, j + 1]
            if not np.isfinite(u0 + u1 + u2 + u3 + v0 + v1 + v2 + v3):
                continue
            first_r = max(int(np.ceil(min(v0, v1, v2, v3) - 0.5 - EDGE)) - row, 0)
            last_r = min(int(np.floor(max(v0, v1, v2, v3) - 0.5 + EDGE)) - row, rows - 1)
            first_c = max(int(np.ceil(min(u0, u1, u2, u3) - 0.5 - EDGE)) - column, 0)
            last_c = min(int(np.floor(max(u0, u1, u2, u3) - 0.5 + EDGE)) - column, columns - 1)
            for r in range(first_r, last_r + 1):
                for c in range(first_c, last_c + 1):
                    k = r * columns + c
                    if centred[k] or (quad_x[k] >= 0 and quad_x[k] <= j):
                        continue
                    b, a = _invert(u0, u1, u2, u3, v0, v1, v2, v3, column + c + 0.5, row + r + 0.5)
                    if a >= 0:
                        quad_y[k], quad_x[k], quad_b[k], quad_a[k] = i, j, b, a
    return quad_y, quad_x, quad_b, quad_a


@_compiled
def _invert(
    u0: float, u1: float, u2: float, u3: float, v0: float, v1: float, v2: float, v3: float, u: float, v: float
) -> tuple[float, float]:
    """Place (b, a) of the point (u, v) in a quad, both 0..1, or (-1, -1) where it lies outside; the smaller a of two.

    The point is P0 + a*E + b*F + a*b*G with E = P1 - P0, F = P2 - P0, G = P0 - P1 - P2 + P3. Eliminating b leaves
    cross(H - a*E, F + a*G) = 0 with H = P - P0, a quadratic in a, whose roots are taken in the form that does not cancel.
    """
    eu, ev = np.float64(u1) - u0, np.float64(v1) - v0
    fu, fv = np.float64(u2) - u0, np.float64(v2) - v0
    gu, gv = np.float64(u3) - u2 - eu, np.float64(v3) - v2 - ev
    hu, hv = u - u0, v - v0
    square = gu * ev - gv * eu
    linear = hu * gv - hv * gu - (eu * fv - ev * fu)
    constant = hu * fv - hv * fu
    root = linear * linear - 4.0 * square * constant
    if root < 0:
        return -1.0, -1.0
    q = -0.5 * (linear + np.copysign(np.sqrt(root), linear))
    best_b, best_a = -1.0, -1.0
    for a in (constant / q, q / square):
        if a >= -EDGE and a <= 1 + EDGE and (best_a < 0 or a < best_a):
            side_u, side_v = fu + a * gu, fv + a * gv
            b = ((hu - a * eu) * side_u + (hv - a * ev) * side_v) / (side_u * side_u + side_v * side_v)
            if b >= -EDGE and b <= 1 + EDGE:
                best_b, best_a = min(max(b, 0.0), 1.0), min(max(a, 0.0), 1.0)
    return best_b, best_a


@_compiled
def _fill_means(
    values: Floats,
    u: NDArray[np.float32],
    v: NDArray[np.float32],
    cell: NDArray[np.int32],
    count: NDArray[np.int32],
    off_u: NDArray[np.float32],
    off_v: NDArray[np.float32],
    out: Floats,
) -> None:
    """Mean of the finite values per cell; NaN where no mean belongs, too few are finite, or the rest became one-sided.

    Differences from the first value of the cell are added up, so that a constant comes out exactly.
    """
    anchor, total = np.full(count.size, np.nan), np.zeros(count.size)
    finite, rest_u, rest_v = count.copy(), off_u.copy(), off_v.copy()
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            k = cell[i, j]
            if k >= 0:
                value = values[i, j]
                if np.isfinite(value):
                    if np.isnan(anchor[k]):
                        anchor[k] = value
                    total[k] += value - anchor[k]
                else:
                    finite[k] -= 1
                    rest_u[k] -= u[i, j] - np.floor(u[i, j]) - np.float32(0.5)
                    rest_v[k] -= v[i, j] - np.floor(v[i, j]) - np.float32(0.5)
    for k in range(count.size):
        n = finite[k]
        enough = n > 0 and n >= MIN_FINITE * count[k]
        all_centred = max(abs(off_u[k]), abs(off_v[k])) <= MAX_OFF_CENTRE * count[k]
        centred = max(abs(rest_u[k]), abs(rest_v[k])) <= MAX_OFF_CENTRE * n
        if enough and (centred or not all_centred):
            out[k] = anchor[k] + total[k] / n
        else:
            out[k] = np.nan


@_compiled
def _fill_quads(
    values: Floats,
    cell: NDArray[np.int32],
    quad_y: NDArray[np.int32],
    quad_x: NDArray[np.int32],
    quad_b: NDArray[np.float64],
    quad_a: NDArray[np.float64],
    out: Floats,
) -> None:
    """Bilinear value in the quad of each listed cell, exactly constant for a constant; NaN with a corner not finite."""
    for n in range(cell.size):
        i, j, b, a = quad_y[n], quad_x[n], quad_b[n], quad_a[n]
        upper = values[i, j] + a * (np.float64(values[i, j + 1]) - values[i, j])
        lower = values[i + 1, j] + a * (np.float64(values[i + 1, j + 1]) - values[i + 1, j])
        value = upper + b * (lower - upper)
        out[cell[n]] = value if np.isfinite(value) else np.nan
