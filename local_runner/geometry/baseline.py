"""Baselines of two dates, and the phase that geometry alone gives their interferogram.

With R_p and R_s the slant ranges of one point of the ground from primary and secondary, primary times conjugate of secondary
has the phase -4 pi / lambda (R_p - R_s), the reference phase. For one pixel of the primary it grows by 2 pi with each height of
ambiguity by which the ground is higher. Not here: baselines estimated from fringes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from local_runner.geometry.ellipsoid import to_geodetic
from local_runner.geometry.phase import phase_of_turns
from local_runner.geometry.radar_grid import require_zero_doppler
from local_runner.geometry.range_doppler import ground, look, seen

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from local_runner.geometry.radar_grid import RadarGrid


def perpendicular_baseline(
    primary: RadarGrid, date: RadarGrid, line: ArrayLike, sample: ArrayLike, height: ArrayLike
) -> NDArray[np.float64]:
    """Part of the way from the primary's sensor to the date's that is perpendicular to line of sight and flight path, in m.

    At pixels of the primary and heights in m above the ellipsoid, broadcast. Positive on the upper side of the line of sight.
    NaN where a point is not seen. Raises `DopplerNotZero`.
    """
    require_zero_doppler(primary)
    require_zero_doppler(date)
    point = ground(primary, line, sample, height)
    time, _ = seen(date, point)
    start, velocity, _ = primary.orbit.at(np.broadcast_to(primary.time_s(line), point.shape[:-1]))
    way = date.orbit.at(time)[0] - start
    across = np.cross(point - start, velocity)
    upwards = across * np.sign(np.sum(across * start, axis=-1, keepdims=True))
    return np.asarray(np.sum(way * upwards, axis=-1) / np.linalg.norm(upwards, axis=-1))


def height_of_ambiguity(
    primary: RadarGrid, date: RadarGrid, line: ArrayLike, sample: ArrayLike, height: ArrayLike
) -> NDArray[np.float64]:
    """Height difference in m for which the reference phase grows by 2 pi: -lambda R sin(theta) / (2 B), broadcast.

    theta the incidence angle on the ellipsoid, B the perpendicular baseline: negative where B is positive, and infinite where
    it is 0. NaN where a point is not seen. Raises `DopplerNotZero`.
    """
    baseline = perpendicular_baseline(primary, date, line, sample, height)
    latitude, longitude, _ = to_geodetic(ground(primary, line, sample, height))
    sine = np.sqrt(1 - look(primary, line, latitude, longitude, height)[..., 2] ** 2)
    with np.errstate(divide="ignore"):
        return -primary.wavelength_m * primary.slant_range_m(sample) * sine / (2 * baseline)


def reference_phase(
    primary: RadarGrid, date: RadarGrid, line: ArrayLike, sample: ArrayLike, height: ArrayLike
) -> NDArray[np.float64]:
    """Exact reference phase in rad, in (-pi, pi], at pixels of the primary and heights above the ellipsoid, broadcast.

    Flatten by exp(-j phase). NaN where a point is not seen. Raises `DopplerNotZero`.
    """
    require_zero_doppler(primary)
    require_zero_doppler(date)
    _, slant_range = seen(date, ground(primary, line, sample, height))
    return phase_of_ranges(primary.slant_range_m(sample) - slant_range, primary.wavelength_m)


def phase_of_ranges(difference_m: NDArray[np.float64], wavelength_m: float) -> NDArray[np.float64]:
    """-4 pi / lambda times R_p - R_s, in (-pi, pi]."""
    return phase_of_turns(-2 * difference_m / wavelength_m)
