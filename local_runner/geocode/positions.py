"""Positions of the source samples: from latitude and longitude in degrees to cells of the target grid.

A 2-D polynomial of degree 7 in latitude and longitude, fitted to PROJ over the extent of the samples, stands in for
PROJ where it agrees with it within 1 mm and a thousandth of a cell on points that were not fitted; else PROJ itself
is asked.

Not here: heights, datum shifts other than those PROJ applies, smoothing. Float32 degrees stay as coarse as they are
(0.2 m at 50 degrees north, up to 0.9 m in longitude).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numba
import numpy as np

from local_runner.errors import OpenEOError
from local_runner.geocode.projection import Projection

if TYPE_CHECKING:
    import pyproj
    from numpy.typing import NDArray

    Degrees = NDArray[np.float32] | NDArray[np.float64]

DEGREE: Final = 7
_FIT_POINTS: Final = 20
_CHECK_POINTS: Final = 33
_MILLIMETRE_M: Final = 1e-3
_MILLIMETRE_DEG: Final = 9e-9
_PROJ_SAMPLES: Final = 2_000_000
"""Samples that are handed to PROJ at once, which bounds the memory of its float64 copies to about 100 MB."""


class Extent(NamedTuple):
    """Box around the samples in degrees; longitudes run from `start` to `start + 360`, `start` being -180 or 0."""

    south: float
    north: float
    west: float
    east: float
    start: float


class Positions(NamedTuple):
    """`u`, `v` (lines, samples) float32, in cells from the corner of cell (`row`, `column`); NaN where there is none.

    `u` grows to the east, `v` to the south; the origin is near the middle, where float32 is finest (2 mm over 60 km).
    """

    u: NDArray[np.float32]
    v: NDArray[np.float32]
    column: int
    row: int


def locate_samples(
    latitude: Degrees, longitude: Degrees, crs: pyproj.CRS, resolution: tuple[float, float]
) -> tuple[Positions, tuple[float, float, float, float]]:
    """Positions of samples given in degrees (lines, samples), and their bounds (west, south, east, north) in the CRS.

    A sample whose latitude or longitude is not finite, or whose latitude is beyond 90 degrees, has no position;
    raises OpenEOError where none has one. Float32 arrays are overwritten: they become the positions, which saves a
    third of the memory.
    """
    projection = Projection(crs)
    extent = Extent(*_extent(latitude, longitude))
    if extent.south > extent.north:
        raise OpenEOError(
            "ProcessParameterInvalid",
            "The coordinate bands must hold a position in degrees for at least one sample",
            got="no finite value",
        )
    middle = projection(np.array([(extent.west + extent.east) / 2]), np.array([(extent.south + extent.north) / 2]))
    dx, dy = resolution
    column, row = (
        round(float(c[0]) / step) if np.isfinite(c[0]) else 0 for c, step in zip(middle, (dx, dy), strict=True)
    )
    u, v = latitude.astype(np.float32, copy=False), longitude.astype(np.float32, copy=False)
    polynomial = _fit(projection, extent, crs, resolution)
    if polynomial is not None:
        _evaluate(latitude, longitude, extent, polynomial, (column * dx, row * dy), resolution, u, v)
    else:
        _project(latitude, longitude, extent, projection, (column * dx, row * dy), resolution, u, v)
    west, east, north, south = (float(f.reduce(c, axis=None)) for c in (u, v) for f in (np.fmin, np.fmax))
    bounds = ((column + west) * dx, (row - south) * dy, (column + east) * dx, (row - north) * dy)
    if not np.isfinite(bounds).all():
        raise OpenEOError(
            "ProcessParameterInvalid",
            "The positions of the samples must lie where the projection is defined",
            got=crs.name,
            do="Choose a projection for this part of the world",
        )
    return Positions(u, v, column, row), bounds


def _fit(
    projection: Projection, extent: Extent, crs: pyproj.CRS, resolution: tuple[float, float]
) -> NDArray[np.float64] | None:
    """Coefficients (2, 8, 8) for x and y of powers of normalised latitude and longitude; None if they do not do."""
    coefficients = np.zeros((2, DEGREE + 1, DEGREE + 1))
    powers = [(i, j) for i in range(DEGREE + 1) for j in range(DEGREE + 1 - i)]
    nodes = np.cos(np.pi * (np.arange(_FIT_POINTS) + 0.5) / _FIT_POINTS)
    fit_design, fit_target = _design(projection, extent, nodes, powers)
    if not np.isfinite(fit_target).all():
        return None
    solution = np.linalg.lstsq(fit_design, fit_target, rcond=None)[0]
    check_design, check_target = _design(projection, extent, np.linspace(-1, 1, _CHECK_POINTS), powers)
    error = np.abs(check_design @ solution - check_target).max()
    millimetre = _MILLIMETRE_DEG if crs.is_geographic else _MILLIMETRE_M
    if not error <= min(millimetre, 1e-3 * min(resolution)):
        return None
    for (i, j), pair in zip(powers, solution, strict=True):
        coefficients[:, i, j] = pair
    return coefficients


def _design(
    projection: Projection, extent: Extent, nodes: NDArray[np.float64], powers: list[tuple[int, int]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Powers (n, terms) and projected x, y (n, 2) on the product grid of normalised `nodes` in -1..1."""
    a, b = (c.ravel() for c in np.meshgrid(nodes, nodes, indexing="ij"))
    middle_lat, half_lat, middle_lon, half_lon = _scale(extent)
    x, y = projection(middle_lon + half_lon * b, np.clip(middle_lat + half_lat * a, -90, 90))
    return np.stack([a**i * b**j for i, j in powers], axis=1), np.stack([x, y], axis=1)


def _scale(extent: Extent) -> tuple[float, float, float, float]:
    """Middle and half width of latitude and of longitude; the half width at least 1e-6 degree."""
    lat, lon = (extent.south, extent.north), (extent.west, extent.east)
    return sum(lat) / 2, max(lat[1] - lat[0], 2e-6) / 2, sum(lon) / 2, max(lon[1] - lon[0], 2e-6) / 2


def _evaluate(
    latitude: Degrees,
    longitude: Degrees,
    extent: Extent,
    polynomial: NDArray[np.float64],
    origin: tuple[float, float],
    resolution: tuple[float, float],
    u: NDArray[np.float32],
    v: NDArray[np.float32],
) -> None:
    """Write u and v by the polynomial."""
    in_cells = polynomial.copy()
    for axis, step in enumerate((resolution[0], -resolution[1])):
        in_cells[axis, 0, 0] -= origin[axis]
        in_cells[axis] /= step
    _polynomial(latitude, longitude, np.array(_scale(extent)), extent.start, in_cells, u, v)


def _project(
    latitude: Degrees,
    longitude: Degrees,
    extent: Extent,
    projection: Projection,
    origin: tuple[float, float],
    resolution: tuple[float, float],
    u: NDArray[np.float32],
    v: NDArray[np.float32],
) -> None:
    """Write u and v by PROJ, some lines at a time."""
    step = max(1, _PROJ_SAMPLES // max(latitude.shape[1], 1))
    for start in range(0, latitude.shape[0], step):
        lines = slice(start, start + step)
        lat, lon = np.empty(latitude[lines].shape), np.empty(latitude[lines].shape)
        _unwrapped(latitude[lines], longitude[lines], extent.start, lat, lon)
        x, y = projection(lon, lat)
        u[lines] = (x - origin[0]) / resolution[0]
        v[lines] = (origin[1] - y) / resolution[1]


def _compiled(function: Any) -> Any:
    return numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})(function)


@_compiled
def _unwrap(latitude: float, longitude: float, start: float) -> float:
    """Longitude in start..start + 360; NaN for a sample without position."""
    turned = longitude - 360.0 * np.floor((longitude - start) / 360.0)
    return turned if abs(latitude) <= 90.0 else np.nan


@_compiled
def _extent(latitude: Degrees, longitude: Degrees) -> tuple[float, float, float, float, float]:
    """South, north, west, east, start of the samples in degrees; inf, -inf, ... where none has a position.

    Longitudes are in the range, -180..180 or 0..360, in which they span less; `start` is where it begins.
    """
    south, north, west, east, west_0, east_0 = np.inf, -np.inf, np.inf, -np.inf, np.inf, -np.inf
    for i in range(latitude.shape[0]):
        for j in range(latitude.shape[1]):
            lat = np.float64(latitude[i, j])
            lon = _unwrap(lat, np.float64(longitude[i, j]), -180.0)
            if not np.isnan(lon):
                lon_0 = lon + 360.0 if lon < 0 else lon
                south, north = min(south, lat), max(north, lat)
                west, east = min(west, lon), max(east, lon)
                west_0, east_0 = min(west_0, lon_0), max(east_0, lon_0)
    if east_0 - west_0 < east - west:
        return south, north, west_0, east_0, 0.0
    return south, north, west, east, -180.0


@_compiled
def _unwrapped(
    latitude: Degrees, longitude: Degrees, start: float, lat: NDArray[np.float64], lon: NDArray[np.float64]
) -> None:
    """Write `lat` and the unwrapped `lon` in float64, both NaN for a sample without position."""
    for i in range(latitude.shape[0]):
        for j in range(latitude.shape[1]):
            lon[i, j] = _unwrap(np.float64(latitude[i, j]), np.float64(longitude[i, j]), start)
            lat[i, j] = np.nan if np.isnan(lon[i, j]) else latitude[i, j]


@_compiled
def _polynomial(
    latitude: Degrees,
    longitude: Degrees,
    scale: NDArray[np.float64],
    start: float,
    coefficients: NDArray[np.float64],
    u: NDArray[np.float32],
    v: NDArray[np.float32],
) -> None:
    """Write u, v = sum over m, n of coefficients[0 or 1, m, n] * a**m * b**n; a, b: normalised latitude, longitude."""
    a, b = np.empty(latitude.shape[1]), np.empty(latitude.shape[1])
    for i in range(latitude.shape[0]):
        for j in range(latitude.shape[1]):
            lat = np.float64(latitude[i, j])
            a[j] = (lat - scale[0]) / scale[1]
            b[j] = (_unwrap(lat, np.float64(longitude[i, j]), start) - scale[2]) / scale[3]
        for j in range(latitude.shape[1]):
            total_u = total_v = 0.0
            for m in range(DEGREE, -1, -1):
                row_u = row_v = 0.0
                for n in range(DEGREE, -1, -1):
                    if n <= DEGREE - m:
                        row_u = row_u * b[j] + coefficients[0, m, n]
                        row_v = row_v * b[j] + coefficients[1, m, n]
                total_u = total_u * a[j] + row_u
                total_v = total_v * a[j] + row_v
            u[i, j], v[i, j] = total_u, total_v
