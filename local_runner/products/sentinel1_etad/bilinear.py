"""Bilinear interpolation from one regular grid to another that has its axes along the same directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MARGIN: Final = 0.5
"""Cells beyond the outermost nodes to which the cells next to them are continued: a node stands for the cell around it."""


def inside(places: NDArray[np.float64], size: int) -> NDArray[np.bool_]:
    """Whether places, fractional indices of an axis with `size` nodes, lie on the grid."""
    return (places >= -MARGIN) & (places <= size - 1 + MARGIN)


def interpolate(
    values: NDArray[np.float64], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Values (n, m) at fractional `rows` (p,) and `columns` (q,) of a grid of at least 2 by 2 nodes: (p, q), float64.

    Exact for a + b row + c column + d row column. NaN beyond `MARGIN`, and where one of the four nodes around is NaN.
    """
    row, below = _cells(rows, values.shape[0])
    column, right = _cells(columns, values.shape[1])
    along = values[row] * (1 - below)[:, None] + values[row + 1] * below[:, None]
    found: NDArray[np.float64] = along[:, column]
    found *= 1 - right
    found += along[:, column + 1] * right
    return found


def _cells(places: NDArray[np.float64], size: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Node before each place, and how far behind it the place lies, in cells; NaN beyond the grid."""
    first = np.clip(np.floor(places), 0, size - 2)
    return first.astype(np.intp), np.where(inside(places, size), places - first, np.nan)
