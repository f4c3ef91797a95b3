"""Convolution with a kernel."""

from typing import Any, Literal

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from local_runner.compute.tiling import Tile, map_tiles
from local_runner.convolution import convolve_valid
from local_runner.cube import X, Y, require_spatial
from local_runner.errors import OpenEOError
from local_runner.processes._axes import on_x_and_y
from local_runner.processes._types import Cube, Number

_PAD_MODES: dict[str, Literal["edge", "symmetric", "reflect", "wrap"]] = {
    "replicate": "edge",
    "reflect": "symmetric",
    "reflect_pixel": "reflect",
    "wrap": "wrap",
}
_ROWS_PER_TASK = 256


@on_x_and_y
def apply_kernel(
    data: Cube,
    kernel: list[list[Number]],
    factor: Number = 1,
    border: Literal["replicate", "reflect", "reflect_pixel", "wrap"] | Number = 0,
    replace_invalid: Number = 0,
) -> Cube:
    """Convolution of x and y with a kernel (outer list along y), times `factor`.

    A true convolution: an impulse returns the kernel. NaN and infinity count as `replace_invalid`, what lies outside of
    the image as `border`. float32 and float64 are kept, integers become float32, or float64 where that
    cannot hold them, booleans float64.
    """
    require_spatial(data)
    weights = _weights(kernel)
    cube = data.transpose(..., Y, X)
    values = da.asarray(cube.data)
    values = values.astype(np.float64 if values.dtype.kind == "b" else np.result_type(values.dtype, np.float32))
    half = (weights.shape[0] // 2, weights.shape[1] // 2)

    def convolve(block: NDArray[Any], tile: Tile) -> NDArray[Any]:
        valid = np.isfinite(block)
        clean = block if valid.all() else np.where(valid, block, block.dtype.type(replace_invalid))
        sums = convolve_valid(clean, weights)
        if factor != 1:
            sums = sums * block.dtype.type(factor)
        rows = [(0, 0)] * (sums.ndim - 2)
        return np.pad(sums, [*rows, (half[0], half[0]), (half[1], half[1])])

    result = _convolved(values, convolve, half, border)
    return cube.copy(deep=False, data=result).transpose(*data.dims)


def _convolved(values: da.Array, convolve: Any, half: tuple[int, int], border: Any) -> da.Array:
    layers = values.reshape((-1, *values.shape[-2:])) if values.ndim != 3 else values
    fill = 0.0
    if isinstance(border, str):
        layers = _padded(_padded(layers, 1, half[0], border), 2, half[1], border)
    else:
        fill = border
    size = (_ROWS_PER_TASK, layers.shape[-1])
    done = [
        map_tiles(
            convolve, layer[None], size=size, overlap=half, leading=(1,), dtype=values.dtype, fill=fill, full_size=False
        )
        for layer in layers
    ]
    result = da.concatenate(done)
    if isinstance(border, str):
        result = result[:, half[0] : result.shape[1] - half[0], half[1] : result.shape[2] - half[1]]
    return result.reshape(values.shape)


def _padded(layers: da.Array, axis: int, width: int, border: str) -> da.Array:
    """The image with `width` pixels of a border mode on both sides; unlike `dask.array.pad`, also where it is narrower."""
    places = np.pad(np.arange(layers.shape[axis]), width, mode=_PAD_MODES[border])
    sides = (places[:width], places[len(places) - width :])
    before, after = (da.take(layers, side, axis=axis) for side in sides)
    return da.concatenate([before, layers, after], axis=axis)


def _weights(kernel: list[list[Number]]) -> NDArray[np.float64]:
    if not kernel or not kernel[0] or len({len(row) for row in kernel}) != 1:
        got = [len(row) for row in kernel]
        raise OpenEOError("ProcessParameterInvalid", "The kernel must be rows of one length", got=got)
    weights = np.array(kernel, np.float64)
    if not np.isfinite(weights).all():
        raise OpenEOError("ProcessParameterInvalid", "The kernel must hold finite numbers")
    if weights.shape[0] % 2 == 0 or weights.shape[1] % 2 == 0:
        must = "Each dimension of the kernel must have an uneven number of elements"
        do = "Pad the kernel with a row or column of zeros"
        raise OpenEOError("KernelDimensionsUneven", must, got=f"{weights.shape[0]} rows of {weights.shape[1]}", do=do)
    return weights
