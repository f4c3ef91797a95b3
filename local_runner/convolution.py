"""Two-dimensional convolution with a small kernel, by the cheapest exact way that the kernel allows.

A kernel whose non-zero weights are equal on a rectangle (zero-padded or not) is a window sum by block doubling: sums of 1,
2, 4, 8, ... samples are combined to the window length, so that each result adds only samples of its own window. A kernel
of rank 1 is two one-dimensional passes. Any other kernel is summed tap by tap. Nothing runs over the whole row (no running
sum, no FFT), so that one large value changes only the windows that it lies in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RANK_1 = 1e-12


class Box(NamedTuple):
    """A constant rectangle in a kernel: its value, and rows and columns relative to the centre (stop exclusive)."""

    value: float
    y_start: int
    y_stop: int
    x_start: int
    x_stop: int


def find_box(kernel: NDArray[np.float64]) -> Box | None:
    """The rectangle of equal weights outside of which a kernel is zero, or None."""
    rows, columns = np.flatnonzero(kernel.any(axis=1)), np.flatnonzero(kernel.any(axis=0))
    if rows.size == 0:
        return None
    inside = kernel[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if (inside != inside[0, 0]).any():
        return None
    cy, cx = kernel.shape[0] // 2, kernel.shape[1] // 2
    return Box(float(inside[0, 0]), rows[0] - cy, rows[-1] + 1 - cy, columns[0] - cx, columns[-1] + 1 - cx)


def convolve_valid(padded: NDArray[Any], kernel: NDArray[np.float64]) -> NDArray[Any]:
    """True convolution (an impulse returns the kernel) of an image padded by half the kernel on each side.

    `padded`: (..., y + ky - 1, x + kx - 1), floating point without NaN; `kernel`: (ky, kx), both odd, rows along y. Returns
    (..., y, x) of the same dtype. out(y, x) = sum over (j, i) of kernel(j, i) * image(y - j, x - i), (0, 0) at the centre.
    """
    kernel = np.asarray(kernel, np.float64)
    box = find_box(kernel)
    if box is not None:
        return _box(padded, kernel.shape, box)
    half = tuple(n // 2 for n in kernel.shape)
    inner = (..., slice(half[0], padded.shape[-2] - half[0]), slice(half[1], padded.shape[-1] - half[1]))
    factors = _rank_1_factors(kernel)
    if factors is not None:
        along_y = ndimage.convolve1d(padded, factors[0], axis=-2, mode="constant")
        return np.asarray(ndimage.convolve1d(along_y, factors[1], axis=-1, mode="constant")[inner])
    full = kernel.reshape((1,) * (padded.ndim - 2) + kernel.shape)
    return np.asarray(ndimage.convolve(padded, full, mode="constant")[inner])


def _rank_1_factors(kernel: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Column and row whose outer product is the kernel, or None."""
    j, i = np.unravel_index(np.argmax(np.abs(kernel)), kernel.shape)
    if kernel[j, i] == 0:
        return None
    column, row = kernel[:, i].copy(), kernel[j] / kernel[j, i]
    near = np.abs(np.outer(column, row) - kernel).max() <= _RANK_1 * np.abs(kernel).max()
    return (column, row) if near else None


def _box(padded: NDArray[Any], shape: tuple[int, ...], box: Box) -> NDArray[Any]:
    height, width = padded.shape[-2] - shape[0] + 1, padded.shape[-1] - shape[1] + 1
    # A convolution turns the kernel round: weights at +1 act on the sample at -1.
    top, left = shape[0] // 2 - (box.y_stop - 1), shape[1] // 2 - (box.x_stop - 1)
    ny, nx = box.y_stop - box.y_start, box.x_stop - box.x_start
    rows = padded[..., top : top + height + ny - 1, left : left + width + nx - 1]
    sums = window_sum(window_sum(rows, ny, axis=-2), nx, axis=-1)
    return sums if box.value == 1 else sums * padded.dtype.type(box.value)


def window_sum(values: NDArray[Any], length: int, *, axis: int) -> NDArray[Any]:
    """Sums of `length` neighbours along an axis, which becomes length - 1 shorter, by block doubling."""
    values = np.moveaxis(values, axis, -1) if axis not in (-1, values.ndim - 1) else values
    count = values.shape[-1] - length + 1
    block, size, offset = values, 1, 0
    total: NDArray[Any] | None = None
    while size <= length:
        if length & size:
            part = block[..., offset : offset + count]
            total = part.copy() if total is None else np.add(total, part, out=total)
            offset += size
        if size * 2 <= length:
            block = block[..., : block.shape[-1] - size] + block[..., size:]
        size *= 2
    return np.moveaxis(values if total is None else total, -1, axis)
