"""Orbit: state vectors and what lies between them.

Positions by cubic Hermite interpolation, velocity and acceleration as its derivatives, so that the three belong together.
Between vectors 10 s apart a low orbit is met within some mm, 60 s apart within 0.3 m. Not here: extrapolation, orbit files.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from local_runner.errors import DataError, Quoted

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

RADIUS_M: Final = (6.45e6, 1e7)
"""Distances from the centre of the Earth between which radar satellites fly."""
SPEED_M_S: Final = (5e3, 1e4)
"""Earth-fixed speeds between which they fly."""
MAX_MISMATCH: Final = 0.001
"""Of the mean velocity of two vectors and the step between their positions, as a share of the speed.

Velocities that are not Earth-fixed are off by 6 %, vectors 60 s apart by 0.03 %, and those 100 s apart, between which
interpolation is off by 3 m, by 0.1 %.
"""
CENTURY_S: Final = 3e9
"""Beyond it, a time is told as this."""


@dataclass(frozen=True, eq=False)
class Orbit:
    """State vectors, Earth-fixed: `position_m` (n, 3) and `velocity_m_s` (n, 3) at `time_s` (n,), float64.

    `time_s`: ascending seconds since `epoch` (datetime64[us]). `source`: annotation, RESORB or POEORB.

    Raises `OrbitInvalid` (DataError), naming the field, unless there are two vectors or more, all numbers are finite, the
    times ascend, and position and velocity are those of a satellite in m and m/s and belong together.
    """

    epoch: np.datetime64
    time_s: NDArray[np.float64]
    position_m: NDArray[np.float64]
    velocity_m_s: NDArray[np.float64]
    source: str = "annotation"

    def __post_init__(self) -> None:
        object.__setattr__(self, "epoch", microseconds(self.epoch, "epoch of the orbit", "OrbitInvalid"))
        for name in ("time_s", "position_m", "velocity_m_s"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.float64))
        self._check()

    @classmethod
    def of_times(
        cls,
        times: ArrayLike,
        position_m: ArrayLike,
        velocity_m_s: ArrayLike,
        *,
        epoch: np.datetime64 | None = None,
        source: str = "annotation",
    ) -> Orbit:
        """Orbit of vectors at `times` (n,), datetime64, counted from `epoch`, the first of them if None."""
        moments = np.asarray(times, "datetime64[us]")
        if moments.ndim != 1 or not moments.size:
            raise _invalid("times must be a list of at least 2", got=moments.shape)
        if np.isnat(moments).any():
            raise _invalid("times must all be given", got="a missing time")
        start = moments[0] if epoch is None else epoch
        seconds = seconds_between(np.asarray(start, "datetime64[us]"), moments)
        return cls(start, seconds, np.asarray(position_m), np.asarray(velocity_m_s), source)

    @property
    def span_s(self) -> tuple[float, float]:
        """Times of the first and the last vector."""
        return float(self.time_s[0]), float(self.time_s[-1])

    def at(self, time_s: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Position (m), velocity (m/s) and acceleration (m/s^2), each (..., 3), by cubic Hermite interpolation.

        `time_s` (...): seconds since the epoch; NaN gives NaN. Raises `OrbitTooShort` (DataError) outside of the vectors.
        """
        time = np.asarray(time_s, np.float64)
        first, last = self.span_s
        outside = (time < first) | (time > last)
        if outside.any():
            raise self.too_short(float(time[outside].flat[0]))
        interval = np.searchsorted(self.time_s[1:-1], time, side="right")
        u = (time - self.time_s[interval])[..., None]
        c0, c1, c2, c3 = (c[interval] for c in self._coefficients)
        position = ((c3 * u + c2) * u + c1) * u + c0
        velocity = (3 * c3 * u + 2 * c2) * u + c1
        return position, velocity, 6 * c3 * u + 2 * c2

    def since(self, epoch: np.datetime64) -> Orbit:
        """The same orbit, its times counted from another epoch."""
        shift = seconds_between(epoch, self.epoch)
        return Orbit(epoch, self.time_s + shift, self.position_m, self.velocity_m_s, self.source)

    def too_short(self, time_s: float) -> DataError:
        """The error for a time without vectors on both sides."""
        times = np.clip((*self.span_s, time_s), -CENTURY_S, CENTURY_S)
        first, last, got = (self.epoch + np.timedelta64(round(t * 1e6), "us") for t in times)
        must = f"times must lie between the first and the last orbit vector ({self.source}), {first} to {last}"
        return DataError("OrbitTooShort", must, got=Quoted(got), do="Use an orbit file that covers the image")

    @cached_property
    def _coefficients(self) -> tuple[NDArray[np.float64], ...]:
        """Of powers 0 to 3 of the time since the start of each interval, (n - 1, 3) each."""
        h = np.diff(self.time_s)[:, None]
        p0, v0, v1 = self.position_m[:-1], self.velocity_m_s[:-1], self.velocity_m_s[1:]
        slope = np.diff(self.position_m, axis=0) / h
        return p0, v0, (3 * slope - 2 * v0 - v1) / h, (v0 + v1 - 2 * slope) / h**2

    def _check(self) -> None:
        n = self.time_s.size
        if self.time_s.shape != (n,) or n < 2:
            raise _invalid("time_s must be a list of at least 2", got=self.time_s.shape)
        for name in ("position_m", "velocity_m_s"):
            if getattr(self, name).shape != (n, 3):
                raise _invalid(f"{name} must have the shape {(n, 3)}", got=getattr(self, name).shape)
        for name in ("time_s", "position_m", "velocity_m_s"):
            if not np.isfinite(getattr(self, name)).all():
                raise _invalid(f"{name} must be finite", got="NaN or infinity")
        if (np.diff(self.time_s) <= 0).any():
            raise _invalid("time_s must ascend strictly", got=float(np.diff(self.time_s).min()))
        for name, (low, high) in (("position_m", RADIUS_M), ("velocity_m_s", SPEED_M_S)):
            length = np.linalg.norm(getattr(self, name), axis=-1)
            if length.min() < low or length.max() > high:
                raise _invalid(
                    f"length of {name} must be {low:g} to {high:g}", got=(float(length.min()), float(length.max()))
                )
        self._check_frame()

    def _check_frame(self) -> None:
        step = np.diff(self.position_m, axis=0) / np.diff(self.time_s)[:, None]
        mean = (self.velocity_m_s[1:] + self.velocity_m_s[:-1]) / 2
        mismatch = np.linalg.norm(step - mean, axis=-1) / np.linalg.norm(mean, axis=-1)
        if mismatch.max() > MAX_MISMATCH:
            must = f"velocity_m_s must be the Earth-fixed rate of position_m, without gaps, within {MAX_MISMATCH:.1%}"
            raise _invalid(must, got=f"{mismatch.max():.1%} after vector {int(mismatch.argmax())}")


def microseconds(time: np.datetime64, name: str, code: str) -> np.datetime64:
    """A time in integer microseconds; `DataError` with the code where there is none."""
    if np.isnat(time):
        raise DataError(code, f"{name} must be a time", got="none", do="Download the product again")
    moment: np.datetime64 = time.astype("datetime64[us]")
    return moment


def seconds_between(
    start: np.datetime64 | NDArray[np.datetime64], end: np.datetime64 | NDArray[np.datetime64]
) -> NDArray[np.float64]:
    """Seconds from `start` to `end`, of differences taken in integer microseconds."""
    difference = np.asarray(end, "datetime64[us]") - np.asarray(start, "datetime64[us]")
    return np.asarray(difference / np.timedelta64(1, "s"), np.float64)


def _invalid(must: str, *, got: object) -> DataError:
    return DataError(
        "OrbitInvalid", f"orbit vectors: {must}", got=got, do="Download the product or its orbit file again"
    )
