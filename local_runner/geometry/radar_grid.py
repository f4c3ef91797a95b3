"""The grid of a radar image: lines in azimuth time, samples in slant range, and the orbit above it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from local_runner.errors import DataError, OpenEOError, Quoted
from local_runner.geometry.constants import SEMI_MAJOR_AXIS_M
from local_runner.geometry.orbit import microseconds, seconds_between

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from local_runner.geometry.doppler import Doppler
    from local_runner.geometry.orbit import Orbit

MAX_LINES_OFF: Final = 1e-3
"""Lines by which a Doppler centroid may displace an image that is taken for one of zero-Doppler lines."""
LOOKS: Final = ("right", "left")


@dataclass(frozen=True, eq=False)
class RadarGrid:
    """Line l is at `first_line_time` + l * `line_interval_s`, sample s at `slant_range_first_m` + s * `range_spacing_m`.

    `shape` (lines, samples). `first_line_time` is datetime64[us]; times in seconds, those of the orbit and of the Doppler
    centroid too, are counted from it (an orbit with another epoch is put to this one). `doppler`: the Doppler centroid that
    the lines follow; None for zero-Doppler lines. `look` is "right" or "left". Lines and samples are 0-based, may be
    fractional, and stand for the centre of a pixel.

    Raises `GridInvalid` (DataError), naming the field, and `OrbitTooShort` unless the orbit covers all lines.
    """

    first_line_time: np.datetime64
    line_interval_s: float
    slant_range_first_m: float
    range_spacing_m: float
    shape: tuple[int, int]
    wavelength_m: float
    orbit: Orbit
    look: str = "right"
    doppler: Doppler | None = None

    def __post_init__(self) -> None:
        start = microseconds(self.first_line_time, "first_line_time", "GridInvalid")
        object.__setattr__(self, "first_line_time", start)
        for name in ("line_interval_s", "slant_range_first_m", "range_spacing_m", "wavelength_m"):
            value = float(getattr(self, name))
            if not 0 < value < np.inf:
                raise _invalid(f"{name} must be above 0 and finite", got=value)
            object.__setattr__(self, name, value)
        if min(self.shape) < 1:
            raise _invalid("shape must be lines and samples, at least 1 each", got=self.shape)
        if self.look not in LOOKS:
            raise _invalid(f"look must be one of {LOOKS}", got=self.look)
        if self.orbit.epoch != start:
            object.__setattr__(self, "orbit", self.orbit.since(start))
        self._check_orbit()

    @property
    def mid(self) -> tuple[float, float]:
        """Line and sample of the middle of the image."""
        return (self.shape[0] - 1) / 2, (self.shape[1] - 1) / 2

    def time_s(self, line: ArrayLike) -> NDArray[np.float64]:
        """Azimuth time of a line, seconds since `first_line_time`."""
        return np.asarray(line, np.float64) * self.line_interval_s

    def time_of(self, line: float) -> np.datetime64:
        """Azimuth time of a line, to the microsecond."""
        time: np.datetime64 = self.first_line_time + np.timedelta64(round(line * self.line_interval_s * 1e6), "us")
        return time

    def line_of(self, time: np.datetime64) -> float:
        """Line, in general fractional, at an azimuth time."""
        return float(seconds_between(self.first_line_time, time)) / self.line_interval_s

    def line_at(self, time_s: ArrayLike) -> NDArray[np.float64]:
        """Line at seconds since `first_line_time`."""
        return np.asarray(time_s, np.float64) / self.line_interval_s

    def slant_range_m(self, sample: ArrayLike) -> NDArray[np.float64]:
        """One-way slant range of a sample."""
        return self.slant_range_first_m + np.asarray(sample, np.float64) * self.range_spacing_m

    def sample_at(self, slant_range_m: ArrayLike) -> NDArray[np.float64]:
        """Sample at a one-way slant range."""
        return (np.asarray(slant_range_m, np.float64) - self.slant_range_first_m) / self.range_spacing_m

    def _check_orbit(self) -> None:
        first, last = self.orbit.span_s
        for line in (0, self.shape[0] - 1):
            time = line * self.line_interval_s
            if not first <= time <= last:
                raise self.orbit.too_short(time)


def lines_off(grid: RadarGrid, doppler: Doppler) -> float:
    """Largest number of lines by which an image is displaced that follows `doppler` and is taken for zero-Doppler.

    A centroid f is met f / |ka| beside the zero-Doppler time, with |ka| = 2 (|V|^2 - A.(X - S)) / (lambda R), within some
    percent. Flags a product for which a Doppler centroid was measured or is delivered, and is not known to be removed.
    """
    position, velocity, acceleration = grid.orbit.at(grid.time_s(grid.mid[0]))
    distance, slant_range = np.linalg.norm(position), doppler.slant_range_m
    depth = (distance**2 + slant_range**2 - SEMI_MAJOR_AXIS_M**2) / (2 * distance)
    rate = 2 * (velocity @ velocity - np.linalg.norm(acceleration) * depth) / (grid.wavelength_m * slant_range)
    return float(np.abs(doppler.frequency_hz / rate).max()) / grid.line_interval_s


def is_zero_doppler(grid: RadarGrid) -> bool:
    """Whether the lines are zero-Doppler lines within `MAX_LINES_OFF`."""
    return grid.doppler is None or lines_off(grid, grid.doppler) <= MAX_LINES_OFF


def require_zero_doppler(grid: RadarGrid) -> None:
    """Raise `DopplerNotZero` unless the lines are zero-Doppler lines; for what holds for those alone."""
    if grid.doppler is None or is_zero_doppler(grid):
        return
    mean, off = float(grid.doppler.frequency_hz.mean()), lines_off(grid, grid.doppler)
    raise OpenEOError(
        "DopplerNotZero",
        f"the lines of the image must be zero-Doppler lines within {MAX_LINES_OFF:g} lines",
        got=Quoted(f"a Doppler centroid of {mean:.1f} Hz on average, which is up to {off:.3g} lines"),
        do="Use a product in zero-Doppler geometry",
    )


def _invalid(must: str, *, got: object) -> DataError:
    return DataError("GridInvalid", f"radar grid: {must}", got=got, do="Check the metadata of the product")
