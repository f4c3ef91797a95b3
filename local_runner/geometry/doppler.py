"""Doppler centroid of an image whose lines are not zero-Doppler lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from local_runner.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Doppler:
    """Values `frequency_hz` (n, m) at `time_s` (n,) since the epoch of the grid and `slant_range_m` (m,), bilinear between.

    Beyond the axes the value at their ends holds. Positive where the sensor comes nearer: the squint is forward.
    Raises `DopplerInvalid` (DataError), naming the field, unless both axes ascend and the values are finite.
    """

    time_s: NDArray[np.float64]
    slant_range_m: NDArray[np.float64]
    frequency_hz: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("time_s", "slant_range_m", "frequency_hz"):
            values = np.asarray(getattr(self, name), np.float64)
            object.__setattr__(self, name, values)
            if not np.isfinite(values).all():
                raise _invalid(f"{name} must be finite", got="NaN or infinity")
        for name in ("time_s", "slant_range_m"):
            axis = getattr(self, name)
            if axis.ndim != 1 or not axis.size or (np.diff(axis) <= 0).any():
                raise _invalid(f"{name} must ascend strictly", got=axis[:3].tolist())
        shape = (self.time_s.size, self.slant_range_m.size)
        if self.frequency_hz.shape != shape:
            raise _invalid(f"frequency_hz must have the shape {shape}", got=self.frequency_hz.shape)

    def at(self, time_s: NDArray[np.float64], slant_range_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """Doppler centroid in Hz, broadcast; NaN gives NaN."""
        i, u = _place(self.time_s, time_s)
        k, v = _place(self.slant_range_m, slant_range_m)
        f = self.frequency_hz
        j, m = np.minimum(i + 1, f.shape[0] - 1), np.minimum(k + 1, f.shape[1] - 1)
        near = f[i, k] + u * (f[j, k] - f[i, k])
        far = f[i, m] + u * (f[j, m] - f[i, m])
        interpolated: NDArray[np.float64] = near + v * (far - near)
        return interpolated


def _place(axis: NDArray[np.float64], value: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Index of the point before each value and the fraction to the next, within the axis."""
    clipped = np.clip(value, axis[0], axis[-1])
    index = np.searchsorted(axis[1:-1], clipped, side="right")
    if axis.size == 1:
        return index, clipped - clipped
    return index, (clipped - axis[index]) / (axis[index + 1] - axis[index])


def _invalid(must: str, *, got: object) -> DataError:
    return DataError("DopplerInvalid", f"Doppler centroid: {must}", got=got, do="Download the product again")
