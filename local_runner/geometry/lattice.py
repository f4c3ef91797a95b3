"""The lattice of pixel centres on which heights lie, in the CRS of their raster, and heights on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyproj
from pyproj.exceptions import ProjError

from local_runner.errors import DataError
from local_runner.geometry import kernels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ALIGNED_PX: Final = 0.01
"""Two lattices are one if their nodes differ by less."""


class Window(NamedTuple):
    """Rows and columns of a lattice, the ends not included."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, 0 where it is empty."""
        return max(self.bottom - self.top, 0), max(self.right - self.left, 0)

    def within(self, other: Window) -> Window:
        """What two windows share."""
        return Window(
            max(self.top, other.top),
            min(self.bottom, other.bottom),
            max(self.left, other.left),
            min(self.right, other.right),
        )

    def seen_from(self, other: Window) -> tuple[slice, slice]:
        """Index of the window in an array of another one."""
        return slice(self.top - other.top, self.bottom - other.top), slice(
            self.left - other.left, self.right - other.left
        )


@dataclass(frozen=True)
class Lattice:
    """Centre of pixel (row, column): x = `x0` + column * `dx`, y = `y0` + row * `dy`, in a CRS (WKT of its horizontal part).

    `dx`, `dy` are signed. Longitudes are counted within 180 degrees of `middle`, so that a lattice may cross the antimeridian.
    """

    crs: str
    middle: float
    x0: float
    y0: float
    dx: float
    dy: float

    def project(self, latitude: Floats, longitude: Floats) -> tuple[Floats, Floats]:
        """Coordinates x and y of points in degrees; infinite where the CRS has none. `DemUnplaced`: see `transformer`."""
        x, y = _points(transformer(self.crs), longitude, latitude, "FORWARD")
        return (x - 360.0 * np.round((x - self.middle) / 360.0), y) if self.is_geographic else (x, y)

    def place(self, latitude: Floats, longitude: Floats) -> tuple[Floats, Floats]:
        """Fractional row and column of points in degrees."""
        x, y = self.project(latitude, longitude)
        return (y - self.y0) / self.dy, (x - self.x0) / self.dx

    def degrees(self, row: Floats, column: Floats) -> tuple[Floats, Floats]:
        """Latitude and longitude of fractional rows and columns, broadcast."""
        x, y = np.broadcast_arrays(self.x0 + column * self.dx, self.y0 + row * self.dy)
        longitude, latitude = _points(transformer(self.crs), x, y, "INVERSE")
        return latitude, longitude

    def offset(self, other: Lattice) -> tuple[float, float]:
        """Row and column at which the pixel (0, 0) of another lattice lies in this one."""
        return (other.y0 - self.y0) / self.dy, (other.x0 - self.x0) / self.dx

    def is_aligned(self, other: Lattice) -> bool:
        """Whether the nodes of two lattices fall together: same spacing (over 10^5 pixels), offset of whole pixels."""
        same = np.allclose((self.dx, self.dy), (other.dx, other.dy), rtol=ALIGNED_PX / 1e5, atol=0)
        return bool(same and all(abs(o - round(o)) < ALIGNED_PX for o in self.offset(other)))

    def window(self, west: float, south: float, east: float, north: float, margin: int = 1) -> Window:
        """Pixels whose centres lie in a box of the CRS, and `margin` more on each side."""
        rows = sorted(((south - self.y0) / self.dy, (north - self.y0) / self.dy))
        columns = sorted(((west - self.x0) / self.dx, (east - self.x0) / self.dx))
        top, left = (int(np.floor(low)) - margin for low, _ in (rows, columns))
        bottom, right = (int(np.ceil(high)) + margin + 1 for _, high in (rows, columns))
        return Window(top, bottom, left, right)

    def moved(self, row: float, column: float) -> Lattice:
        """The lattice whose pixel (0, 0) is the given one of this."""
        return Lattice(self.crs, self.middle, self.x0 + column * self.dx, self.y0 + row * self.dy, self.dx, self.dy)

    @property
    def is_geographic(self) -> bool:
        """Whether x is a longitude in degrees."""
        return pyproj.CRS(self.crs).is_geographic


@dataclass(frozen=True, eq=False)
class HeightGrid:
    """Heights in memory: `values` (rows, columns) float32, m above the ellipsoid, NaN where not known, on a lattice."""

    values: NDArray[np.float32]
    lattice: Lattice

    def at(self, latitude: Floats, longitude: Floats) -> Floats:
        """Height in m of points in degrees, bilinear between pixel centres; NaN beyond the outermost pixels."""
        row, column = self.lattice.place(*np.broadcast_arrays(latitude, longitude))
        return kernels.sample(self.values, row.ravel(), column.ravel()).reshape(row.shape)

    @property
    def span(self) -> tuple[float, float]:
        """Lowest and highest height in m; NaN where none is known."""
        if not np.isfinite(self.values).any():
            return np.nan, np.nan
        return float(np.nanmin(self.values)), float(np.nanmax(self.values))


def transformer(crs: str) -> pyproj.Transformer:
    """From longitude and latitude (WGS84) to a CRS; `DemUnplaced` where PROJ knows no way that is more than a guess."""
    try:
        return pyproj.Transformer.from_crs(4326, crs, always_xy=True, allow_ballpark=False)
    except ProjError as error:
        must = f"The CRS of the DEM must be tied to WGS84 ({error})"
        do = "Give the file the CRS that it has, with gdal_edit.py -a_srs, or transform it to EPSG:4326"
        raise DataError("DemUnplaced", must, got=pyproj.CRS(crs).name, do=do) from error


def _points(way: pyproj.Transformer, x: Floats, y: Floats, direction: str) -> tuple[Floats, Floats]:
    # pyproj takes an array of one for a number, at which numpy warns: it never gets fewer than two
    first, second = (np.append(each.ravel(), each.ravel()[:1]) for each in (x, y))
    a, b = (np.asarray(each[:-1]).reshape(x.shape) for each in way.transform(first, second, direction=direction))
    return a, b
