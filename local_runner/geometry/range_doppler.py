"""Range-Doppler equations: from the ground to the image (backward) and from the image to the ground (forward).

A point X is seen at the time t at which 2 V.(X - S) / (lambda R) = f(t, R), with S and V position and velocity of the sensor,
R = |X - S| and f the Doppler centroid that the lines follow, 0 for zero-Doppler lines. Both directions invert each other
within 1e-8 px. Where there is no solution, the result is NaN: points on the other side of the track or behind the horizon,
points whose time lies outside of the orbit vectors, slant ranges that do not reach the height. Not here: terrain (heights are
given), delays of the atmosphere, timing corrections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from local_runner.geometry.ellipsoid import east_north_up, to_ecef, to_geodetic

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from local_runner.geometry.radar_grid import RadarGrid

    Floats = NDArray[np.float64]

MAX_ITERATIONS: Final = 25
TIME_TOLERANCE_S: Final = 1e-10
"""Of the last but one step: the last one is smaller by orders of magnitude."""
HEIGHT_TOLERANCE_M: Final = 1e-8
"""Of the last but one step: the last one is smaller by two orders."""
BLOCK: Final = 1 << 16
"""Points that are solved together, so that memory does not grow with the image."""


def backward(
    grid: RadarGrid, latitude: ArrayLike, longitude: ArrayLike, height: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fractional line and sample at which points are seen, broadcast, float64; also outside of the image.

    Degrees, and metres above the WGS84 ellipsoid. NaN where a point is not seen, or an input is NaN.
    """
    time, slant_range = seen(grid, to_ecef(latitude, longitude, height))
    return grid.line_at(time), grid.sample_at(slant_range)


def forward(
    grid: RadarGrid, line: ArrayLike, sample: ArrayLike, height: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Latitude and longitude in [-180, 180], in degrees, of pixels at a height in m above the WGS84 ellipsoid, broadcast.

    NaN where the slant range does not reach the height, or an input is NaN; `OrbitTooShort` for lines without orbit.
    """
    latitude, longitude, _ = to_geodetic(ground(grid, line, sample, height))
    return latitude, longitude


def seen(grid: RadarGrid, position_m: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Time in s since the first line and slant range in m of Earth-fixed positions (..., 3) in m; else as `backward`."""
    points = np.asarray(position_m, np.float64)
    solved = _in_blocks(lambda x: _seen(grid, x), points.reshape(-1, 3))
    time, slant_range = (solved[:, i].reshape(points.shape[:-1]) for i in range(2))
    return time, slant_range


def ground(grid: RadarGrid, line: ArrayLike, sample: ArrayLike, height: ArrayLike) -> NDArray[np.float64]:
    """Earth-fixed positions (..., 3) in m; else as `forward`."""
    time, slant_range, h = np.broadcast_arrays(
        grid.time_s(line), grid.slant_range_m(sample), np.asarray(height, np.float64)
    )
    columns = np.stack((time.ravel(), slant_range.ravel(), h.ravel()), axis=-1)
    return _in_blocks(lambda x: _ground(grid, *x.T), columns).reshape(*time.shape, 3)


def look(
    grid: RadarGrid, line: ArrayLike, latitude: ArrayLike, longitude: ArrayLike, height: ArrayLike
) -> NDArray[np.float64]:
    """Unit vectors (..., 3) from the ground to the sensor at a line: components east, north, up, broadcast.

    The incidence angle on the ellipsoid is the arc cosine of the last one.
    """
    sensor, _, _ = grid.orbit.at(grid.time_s(line))
    to_sensor = sensor - to_ecef(latitude, longitude, height)
    unit = to_sensor / np.linalg.norm(to_sensor, axis=-1, keepdims=True)
    return np.asarray(np.einsum("...ij,...j->...i", east_north_up(latitude, longitude), unit))


def _seen(grid: RadarGrid, x: Floats) -> Floats:
    """Columns time and slant range (n, 2) of positions (n, 3), by Newton's method from the mid of the image."""
    first, last = grid.orbit.span_s
    time = np.full(len(x), np.clip(grid.time_s(grid.mid[0]), first, last))
    step = np.full(len(x), np.inf)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for _ in range(MAX_ITERATIONS):
            step = _newton_step(grid, x, time)
            time = np.clip(time - step, first, last)
            if not (np.abs(step) > TIME_TOLERANCE_S).any():
                break
        sensor, velocity, _ = grid.orbit.at(time)
        solved = (np.abs(step) <= TIME_TOLERANCE_S) & _visible(grid, x, sensor, velocity)
        return _or_nan(solved, np.stack((time, np.linalg.norm(x - sensor, axis=-1)), axis=-1))


def _newton_step(grid: RadarGrid, x: Floats, time: Floats) -> Floats:
    """F / F' of F = V.(X - S) - lambda R f / 2; the slow change of f is left out of F'."""
    sensor, velocity, acceleration = grid.orbit.at(time)
    sight = x - sensor
    along = _dot(velocity, sight)
    slope = _dot(acceleration, sight) - _dot(velocity, velocity)
    if grid.doppler is None:
        return np.asarray(along / slope)
    slant_range = np.asarray(np.linalg.norm(sight, axis=-1))
    squint = grid.wavelength_m / 2 * grid.doppler.at(time, slant_range)
    return np.asarray((along - squint * slant_range) / (slope + squint * along / slant_range))


def _ground(grid: RadarGrid, time: Floats, slant_range: Floats, height: Floats) -> Floats:
    """Positions (n, 3): iteration of the distance from the centre of the Earth until the height is met."""
    sensor, velocity, _ = grid.orbit.at(time)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        radius = np.linalg.norm(sensor, axis=-1) - to_geodetic(sensor)[2] + height
        place = _on_sphere(grid, time, slant_range, sensor, velocity)
        error = np.full(len(time), np.inf)
        for _ in range(MAX_ITERATIONS):
            error = height - to_geodetic(place(radius))[2]
            radius = radius + error
            if not (np.abs(error) > HEIGHT_TOLERANCE_M).any():
                break
        x = place(radius)
        solved = (np.abs(error) <= HEIGHT_TOLERANCE_M) & _visible(grid, x, sensor, velocity)
        return _or_nan(solved, x)


def _on_sphere(
    grid: RadarGrid, time: Floats, slant_range: Floats, sensor: Floats, velocity: Floats
) -> Callable[[Floats], Floats]:
    """Function of distances from the centre of the Earth, to positions (n, 3) at the range and Doppler of each pixel."""
    speed = np.linalg.norm(velocity, axis=-1)
    ahead = velocity / speed[:, None]
    side = _unit(_side(grid, sensor, velocity))
    down = _unit(_dot(sensor, ahead)[:, None] * ahead - sensor)
    squint = np.zeros_like(time)
    if grid.doppler is not None:
        squint = grid.wavelength_m / 2 * grid.doppler.at(time, slant_range) / speed
    square = _dot(sensor, sensor) + slant_range**2

    def place(radius: Floats) -> Floats:
        towards = (radius**2 - square) / (2 * slant_range)
        below = (towards - squint * _dot(sensor, ahead)) / _dot(sensor, down)
        beside = np.sqrt(1 - squint**2 - below**2)
        sight = squint[:, None] * ahead + below[:, None] * down + beside[:, None] * side
        return np.asarray(sensor + slant_range[:, None] * sight)

    return place


def _visible(grid: RadarGrid, x: Floats, sensor: Floats, velocity: Floats) -> NDArray[np.bool_]:
    """Whether positions are on the side to which the radar looks, and above the horizon."""
    sight = x - sensor
    return (_dot(sight, _side(grid, sensor, velocity)) > 0) & (_dot(sight, x) < 0)


def _side(grid: RadarGrid, sensor: Floats, velocity: Floats) -> Floats:
    right = np.cross(velocity, sensor)
    return right if grid.look == "right" else -right


def _in_blocks(solve: Callable[[Floats], Floats], points: Floats) -> Floats:
    if len(points) <= BLOCK:
        return solve(points)
    return np.concatenate([solve(points[start : start + BLOCK]) for start in range(0, len(points), BLOCK)])


def _or_nan(known: NDArray[np.bool_], rows: Floats) -> Floats:
    return np.where(known[:, None], rows, np.nan)


def _dot(a: Floats, b: Floats) -> Floats:
    return np.asarray(np.einsum("...i,...i->...", a, b))


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit
