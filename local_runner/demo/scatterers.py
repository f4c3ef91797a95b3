"""Band-limited speckle without end, and its values between the samples.

The spectrum is filled in a box about zero alone, so that the speckle goes on periodically beyond the image and what lies
between its samples is known. Interpolation is a sum over 24 lines by 48 samples, weights sinc times Kaiser (beta 9), nothing
in common with the resampling that is judged by it: its error is below 1e-4 of the amplitude for all bandwidths of Sentinel-1.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, cast

import numba
import numpy as np
import scipy.fft

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Complex = NDArray[np.complex64]
    Floats = NDArray[np.float64]

BANDWIDTH: Final = {"IW1": (0.672, 0.878), "IW2": (0.672, 0.750), "IW3": (0.672, 0.665)}
"""Processed bandwidth over sampling rate, azimuth and range."""
TAPS: Final = (24, 48)
"""Lines and samples of the sum."""
_BETA: Final = 9.0
_PHASES: Final = 1024
"""Places between two samples at which weights are tabulated; linear between them."""
_ROWS: Final = 16
"""Rows that a thread interpolates at a time."""


def speckle(shape: tuple[int, int], bandwidth: tuple[float, float], seed: Sequence[int]) -> Complex:
    """Circular complex Gaussian noise (y, x) of unit power, band-limited, periodic; `bandwidth` over sampling rate."""
    rng = np.random.default_rng(seed)
    kept = [np.flatnonzero(np.abs(np.fft.fftfreq(n)) <= b / 2) for n, b in zip(shape, bandwidth, strict=True)]
    size = tuple(each.size for each in kept)
    spectrum = np.zeros(shape, np.complex64)
    noise = rng.standard_normal((*size, 2), dtype=np.float32).view(np.complex64)[..., 0]
    spectrum[np.ix_(*kept)] = noise * np.float32(np.sqrt(np.prod(shape) / np.prod(size) * np.prod(shape) / 2))
    return np.asarray(scipy.fft.ifft2(spectrum, overwrite_x=True), np.complex64)


class Between:
    """Values of periodic samples (y, x) complex64 at any place."""

    def __init__(self, samples: Complex) -> None:
        self._shape = samples.shape
        self._parts = [np.pad(part, [(n, n) for n in TAPS], mode="wrap") for part in (samples.real, samples.imag)]
        self._weights = [_weights(n) for n in TAPS]

    def at(self, line: Floats, sample: Floats) -> Complex:
        """Values (y, x) at fractional lines and samples (y, x); 0 where these are NaN."""
        out = np.empty(line.shape, np.complex64)
        blocks = [slice(start, start + _ROWS) for start in range(0, line.shape[0], _ROWS)]

        def interpolate(rows: slice) -> None:
            _interpolate(*self._parts, *self._weights, self._shape, line[rows], sample[rows], out[rows])

        with ThreadPoolExecutor(2) as threads:
            list(threads.map(interpolate, blocks))
        return out


def _weights(taps: int) -> NDArray[np.float32]:
    """Weights (phase, tap) of the samples about a place that is phase / `_PHASES` behind the middle one."""
    tap = np.arange(taps) - (taps // 2 - 1)
    distance = np.arange(_PHASES + 1)[:, None] / _PHASES - tap
    window = np.i0(_BETA * np.sqrt(np.maximum(1 - (distance / (taps / 2)) ** 2, 0)))
    weights = np.sinc(distance) * window
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def _sum(
    real: NDArray[np.float32],
    imag: NDArray[np.float32],
    along: NDArray[np.float32],
    across: NDArray[np.float32],
    shape: tuple[int, int],
    line: Floats,
    sample: Floats,
    out: Complex,
) -> None:
    """Write values at places (y, x) to `out`; `real`, `imag` have a border of as many samples as the sums have."""
    taps, width = along.shape[1], across.shape[1]
    rows, columns = np.empty(taps, np.float32), np.empty(width, np.float32)
    for i in range(line.shape[0]):
        for j in range(line.shape[1]):
            if not (np.isfinite(line[i, j]) and np.isfinite(sample[i, j])):
                out[i, j] = 0
                continue
            top = _place(along, line[i, j], shape[0], rows)
            left = _place(across, sample[i, j], shape[1], columns)
            re, im = np.float32(0), np.float32(0)
            for k in range(taps):
                x, y = real[top + k, left : left + width], imag[top + k, left : left + width]
                part_re, part_im = np.float32(0), np.float32(0)
                for m in range(width):
                    part_re += columns[m] * x[m]
                    part_im += columns[m] * y[m]
                re += rows[k] * part_re
                im += rows[k] * part_im
            out[i, j] = complex(re, im)


@numba.njit(cache=True, nogil=True, inline="always")
def _place(table: NDArray[np.float32], place: float, period: int, weights: NDArray[np.float32]) -> int:
    """Write the weights about a place; index of the first sample in the array with its border."""
    taps = table.shape[1]
    whole = int(np.floor(place))
    phase = (place - whole) * (table.shape[0] - 1)
    low = min(int(phase), table.shape[0] - 2)
    share = np.float32(phase - low)
    for k in range(taps):
        weights[k] = table[low, k] + share * (table[low + 1, k] - table[low, k])
    return int(whole % period + taps - (taps // 2 - 1))


_FAST: Final = {"contract", "reassoc", "nsz"}
_interpolate: Final = cast(
    "Callable[..., None]", numba.njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")(_sum)
)
