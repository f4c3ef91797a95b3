"""Projection of degrees that may cross the antimeridian."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyproj

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Degrees = NDArray[np.float32] | NDArray[np.float64]


class Projection:
    """Projection of unwrapped longitude and latitude in degrees to x and y of a CRS, without a cut at 180 degrees.

    Where the CRS itself is cut there (geographic, cylindrical), x goes on beyond the cut by the width of the world.
    """

    def __init__(self, crs: pyproj.CRS) -> None:
        self._transformer = pyproj.Transformer.from_crs(4326, crs, always_xy=True)
        x, _ = self._transformer.transform([-180.0 + 1e-9, 180.0 - 1e-9], [0.0, 0.0])
        width = x[1] - x[0]
        self._period = width if np.isfinite(width) and abs(width) > 1.0 else 0.0

    def __call__(self, longitude: Degrees, latitude: Degrees) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """X and y of the same shape; NaN where PROJ has no answer."""
        turns = np.floor((np.float64(longitude) + 180.0) / 360.0)
        points = np.stack([longitude - 360.0 * turns, np.float64(latitude)])
        # pyproj takes an array of one for a number, at which numpy warns: it never gets fewer than two.
        x, y = self._transformer.transform(*np.append(points.reshape(2, -1), points.reshape(2, -1)[:, :1], axis=1))
        x = x[:-1].reshape(turns.shape) + self._period * turns
        y = y[:-1].reshape(turns.shape)
        known = np.isfinite(x) & np.isfinite(y)
        return np.where(known, x, np.nan), np.where(known, y, np.nan)
