"""What the bands of the geometry tell of the view: incidence, directions, corners; from a lattice of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from pyproj import Transformer

from local_runner.export.interferograms import LOOK, POSITIONS, blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from local_runner.export.interferograms import Stack
    from local_runner.files.raster import Header

_LATTICE: Final = 64
"""Samples along each axis, the first and the last of the image among them."""


class View(NamedTuple):
    """Means over the image: `latitude`, `incidence` (degree), `height` (m); NaN where no sample is valid.

    `heading`: direction of growing lines, `to_sensor`: horizontal direction to the sensor, both in degrees clockwise from
    north, None where the bands do not tell. Corners: first and last sample of the first line, then of the last line.
    """

    latitude: float
    incidence: float
    height: float
    heading: float | None = None
    to_sensor: float | None = None
    corner_latitudes: tuple[float, ...] = ()
    corner_longitudes: tuple[float, ...] = ()


def view_of(stack: Stack) -> View:
    """The view of a stack; reads the bands of the geometry once."""
    bands = {name: _lattice(band) for name, band in stack.geometry.items()}
    incidence, height = float(np.degrees(_mean(bands["incidence_angle"]))), _mean(bands["height"])
    to_sensor = None
    if set(LOOK) <= bands.keys():
        east, north = (_mean(bands[name]) for name in LOOK)
        to_sensor = float(np.degrees(np.arctan2(east, north)))
    if stack.on_map:
        return View(_centre_latitude(stack), incidence, height, to_sensor=to_sensor)
    latitude, longitude = (bands[name] for name in POSITIONS)
    corners = [_corners(values, stack.grid.shape) for values in (latitude, longitude)]
    heading = _heading(latitude, longitude, bands["height"], stack.grid)
    return View(_mean(latitude), incidence, height, heading, to_sensor, *corners)


def _places(size: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, size - 1, min(size, _LATTICE)).round().astype(np.int64))


def _lattice(band: Header) -> NDArray[np.float64]:
    """Values of a band at the places of the lattice."""
    rows, columns = map(_places, band.shape)
    found = np.full((rows.size, columns.size), np.nan)
    for part, values in blocks(band):
        here = (rows >= part.start) & (rows < part.stop)
        found[here] = values[rows[here] - part.start][:, columns]
    return found


def _mean(values: NDArray[np.float64]) -> float:
    valid = values[np.isfinite(values)]
    return float(valid.mean()) if valid.size else float("nan")


def _plane(values: NDArray[np.float64], shape: tuple[int, int], *others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Value at the first row and column and its growth per row, per column and with others: the plane of least squares."""
    terms = np.stack([np.ones(values.shape), *np.meshgrid(*map(_places, shape), indexing="ij"), *others], axis=-1)
    valid = np.isfinite(values) & np.isfinite(terms).all(axis=-1)
    design = terms[valid]
    return np.asarray(np.linalg.lstsq(design, values[valid], rcond=None)[0], np.float64)


def _heading(
    latitude: NDArray[np.float64], longitude: NDArray[np.float64], height: NDArray[np.float64], grid: Header
) -> float | None:
    """Direction of growing lines at one height: the higher the ground, the nearer to the sensor it is seen in a sample."""
    if grid.shape[0] < 2 or not (np.isfinite(latitude) & np.isfinite(height)).any():
        return None
    north, east = (_plane(values, grid.shape, height)[1] for values in (latitude, longitude))
    return float(np.degrees(np.arctan2(east * np.cos(np.radians(_mean(latitude))), north)))


def _corners(values: NDArray[np.float64], shape: tuple[int, int]) -> tuple[float, ...]:
    """Values at the corners; where one has none, that of the plane through all."""
    if not np.isfinite(values).any():
        return ()
    fitted = _plane(values, shape) @ np.array(
        [[1, 1, 1, 1], [0, 0, shape[0] - 1, shape[0] - 1], [0, shape[1] - 1, 0, shape[1] - 1]]
    )
    given = values[[0, 0, -1, -1], [0, -1, 0, -1]]
    return tuple(float(value) for value in np.where(np.isfinite(given), given, fitted))


def _centre_latitude(stack: Stack) -> float:
    rows, columns = stack.grid.shape
    x, y = stack.grid.transform * (columns / 2, rows / 2)
    return float(Transformer.from_crs(stack.grid.crs, "EPSG:4326", always_xy=True).transform(x, y)[1])
