"""Coregistration by orbits: where a date's image shows what the pixels of the stack primary show, and where these lie.

Exact solutions (range-Doppler forward from the primary, backward to the date) at some hundred places, and polynomials in line,
sample and height between them, which replace the solution per pixel. Not here: estimation from pixels, heights of the
ground, resampling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from local_runner.errors import OpenEOError, Quoted
from local_runner.geometry.polynomial import Box, Degrees, fit_within
from local_runner.geometry.radar_grid import require_zero_doppler
from local_runner.geometry.range_doppler import forward, ground, seen

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from local_runner.geometry.polynomial import Polynomial
    from local_runner.geometry.radar_grid import RadarGrid

    Floats = NDArray[np.float64]

SPAN_M: Final = (-400.0, 8800.0)
"""Heights above the ellipsoid of all land."""
MAX_SHIFT_PX: Final = 8.0
"""Largest remainder of a shift after the integer placement."""
MIN_COMMON: Final = 0.5
"""Share of the smaller image's lines, and of its samples, that both must have in common: the next burst has a tenth."""
MAX_AZIMUTH_RESIDUAL_PX: Final = 1e-4
MAX_RANGE_RESIDUAL_RAD: Final = 0.02
"""As phase: 4 pi / lambda times the error of the slant range."""
MAX_POSITION_RESIDUAL_M: Final = 0.01
SHIFT_DEGREES: Final = (Degrees(2, 5, 3), Degrees(5, 6, 4), Degrees(9, 8, 4))
"""The first is enough for a burst, the others are for longer images."""
POSITION_DEGREES: Final = (Degrees(2, 7, 4), Degrees(5, 9, 5), Degrees(9, 12, 6))
METRES_PER_DEGREE: Final = 111_320.0
"""Of latitude; of longitude at the equator."""


@dataclass(frozen=True, eq=False)
class Coregistration:
    """Place of a date's image on the grid of the stack primary.

    Pixel (l, s) of the primary, where the ground is h above the ellipsoid, is at line l + `line_offset` + `azimuth`(l, s, h)
    and sample s + `sample_offset` + `range`(l, s, h) of the date's image. Residuals: largest differences from exact
    solutions between the points of the fit, in px.
    """

    line_offset: int
    sample_offset: int
    azimuth: Polynomial
    range: Polynomial
    residual_azimuth_px: float
    residual_range_px: float


@dataclass(frozen=True, eq=False)
class Position:
    """Where the pixels of an image lie; `longitude` goes on beyond 180 degrees where the image crosses them.

    `residual_m`: largest difference from exact solutions between the points of the fit.
    """

    latitude: Polynomial
    longitude: Polynomial
    residual_m: float

    def at(self, line: ArrayLike, sample: ArrayLike, height: ArrayLike) -> tuple[Floats, Floats]:
        """Latitude and longitude in [-180, 180), in degrees, broadcast."""
        return self.latitude.at(line, sample, height), wrapped(self.longitude.at(line, sample, height))


def coregister(
    primary: RadarGrid, date: RadarGrid, span: tuple[float, float] = SPAN_M, *, azimuth_offset_px: float = 0.0
) -> Coregistration:
    """Shifts from the pixels of the primary to a date's image, for heights of `span` (m above the ellipsoid).

    The integer offsets are those of the mid of the image at height 0. `azimuth_offset_px` is added to the azimuth shift: what
    orbits do not tell. Raises `DopplerNotZero` for lines that are not
    zero-Doppler; `ShiftTooLarge` for images that have less than half in common, and for a remainder above 8 px;
    `GeometryNotSmooth` where the polynomials miss the exact geometry by more than 1e-4 px in azimuth or 0.02 rad in range.
    """
    require_zero_doppler(primary)
    require_zero_doppler(date)
    offsets = _placed(primary, date)
    taken = (offsets - (azimuth_offset_px, 0.0)).reshape(2, 1, 1, 1)

    def remainder(line: Floats, sample: Floats, height: Floats) -> Floats:
        return _remainder(shift(primary, date, line, sample, height) - taken)

    limits = (
        MAX_AZIMUTH_RESIDUAL_PX,
        MAX_RANGE_RESIDUAL_RAD * primary.wavelength_m / (4 * np.pi * date.range_spacing_m),
    )
    azimuth, across = fit_within("shifts in px", remainder, box_of(primary, span), SHIFT_DEGREES, limits)
    return Coregistration(
        line_offset=int(offsets[0]),
        sample_offset=int(offsets[1]),
        azimuth=azimuth.polynomial,
        range=across.polynomial,
        residual_azimuth_px=azimuth.residual,
        residual_range_px=across.residual,
    )


def locate(grid: RadarGrid, span: tuple[float, float] = SPAN_M) -> Position:
    """Latitude and longitude of the pixels of an image, for heights of `span` (m above the ellipsoid).

    Raises `GeometryNotSmooth` where the polynomials miss the exact geometry by more than 1 cm, as in an image with a pole.
    """
    centre = float(forward(grid, *grid.mid, 0.0)[1])

    def place(line: Floats, sample: Floats, height: Floats) -> Floats:
        latitude, longitude = forward(grid, line, sample, height)
        return np.stack((latitude, centre + wrapped(longitude - centre)))

    limit = MAX_POSITION_RESIDUAL_M / METRES_PER_DEGREE
    latitude, longitude = fit_within("degrees of position", place, box_of(grid, span), POSITION_DEGREES, (limit, limit))
    residual = METRES_PER_DEGREE * float(np.hypot(latitude.residual, longitude.residual))
    return Position(latitude.polynomial, longitude.polynomial, residual)


def shift(
    primary: RadarGrid, date: RadarGrid, line: ArrayLike, sample: ArrayLike, height: ArrayLike
) -> NDArray[np.float64]:
    """Exact lines and samples, stacked (2, ...), to add to those of the primary to come to those of the date, broadcast."""
    time, slant_range = seen(date, ground(primary, line, sample, height))
    own = np.asarray(line, np.float64), np.asarray(sample, np.float64)
    return np.stack((date.line_at(time) - own[0], date.sample_at(slant_range) - own[1]))


def box_of(grid: RadarGrid, span: tuple[float, float] = SPAN_M) -> Box:
    """All lines and samples of an image, for heights of `span`; `HeightsInvalid` where that is none."""
    low, high = span
    if not -np.inf < low <= high < np.inf:
        raise OpenEOError(
            "HeightsInvalid", "heights must be a lowest and a highest, finite", got=span, do="Check the DEM"
        )
    return Box((0.0, grid.shape[0] - 1.0), (0.0, grid.shape[1] - 1.0), (low, high))


def wrapped(longitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Longitudes in [-180, 180); those that are already do not change."""
    turned = longitude - 360 * np.floor((longitude + 180) / 360)
    return np.where((longitude >= -180) & (longitude < 180), longitude, turned)


def _placed(primary: RadarGrid, date: RadarGrid) -> Floats:
    """Whole lines and samples (2,) of the shift at the mid of the image and height 0."""
    offsets = shift(primary, date, *primary.mid, 0.0).round()
    if np.isnan(offsets).any():
        raise _apart("a mid that the date does not see")
    for offset, own, other, axis in zip(offsets, primary.shape, date.shape, ("lines", "samples"), strict=True):
        common = min(own, other - offset) - max(0, -offset)
        if common < MIN_COMMON * min(own, other):
            raise _apart(f"{offset:.0f} {axis}")
    return offsets


def _remainder(shifts: Floats) -> Floats:
    """The shifts (2, ...), if they are small enough."""
    largest = np.abs(shifts).max(axis=tuple(range(1, shifts.ndim)))
    if np.isnan(largest).any():
        raise _apart("a pixel that the date does not see, or not before its orbit vectors end")
    if (largest > MAX_SHIFT_PX).any():
        raise _apart(f"remainders of {largest.round(2).tolist()} px")
    return shifts


def _apart(got: str) -> OpenEOError:
    must = (
        "an image must show at least half of the ground of the stack primary's, whole lines and samples apart"
        f" and at most {MAX_SHIFT_PX:g} px beside that in azimuth and range"
    )
    do = "Check that both are the same burst of the same relative orbit and have the same sampling, and check their orbits"
    return OpenEOError("ShiftTooLarge", must, got=Quoted(got), do=do)
