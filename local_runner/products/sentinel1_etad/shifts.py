"""Timing corrections as bands on the index grid of an SLC burst.

    out(T) = SLC(T + delta):   azimuth_shift = delta_t / dt,   range_shift = delta_tau fs      (etad.md 4)
    phase_correction = 2 pi f0 (troposphere + geodetic + ocean_tide - ionosphere)              (etad.md 6)

The sample annotated t belongs to the corrected time t - delta, so that a regular corrected grid finds its samples at T + delta.
The shifts are those of the product's own sum. Layers are bilinear between the nodes of the ETAD grid, continued by half a cell
beyond the outermost ones and NaN from there on. Computed in float64, offered as float32, which keeps seven digits of seconds.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import dask.array as da
import numpy as np
from dask.base import tokenize

from local_runner.errors import DataError
from local_runner.products._driver import ROWS
from local_runner.products.sentinel1_etad.bilinear import interpolate
from local_runner.products.sentinel1_etad.layers import PHASE, SECONDS, SUM

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from local_runner.products.sentinel1_etad.frame import Frame

    Layers = Mapping[str, NDArray[np.float64]]

SHIFT: Final = ("azimuth_shift", "range_shift")
CARRIER: Final = ("reramp_phase", "deramp_phase")
PHASE_CORRECTION: Final = "phase_correction"
LARGEST_PX: Final = 8.0
"""Largest shift that a resampling allows for."""
_TOGETHER: Final = 16
"""Lines that are computed together: their temporary arrays stay small."""


def names(*, carrier: bool) -> tuple[str, ...]:
    """Names of the bands; `carrier`: whether the image has one."""
    return (*SHIFT, *(CARRIER if carrier else ()), PHASE_CORRECTION, *SECONDS)


def bands(frame: Frame) -> dict[str, Callable[[], da.Array]]:
    """For each of `names`, what makes its lazy array (y, x), float32, chunks of 256 whole rows.

    Names of tasks are a function of the frame and the file. `DataCorrupt` when a chunk is computed whose shift is too large.
    """
    return {name: partial(_array, frame, name) for name in names(carrier=frame.carrier is not None)}


def values(frame: Frame, name: str, lines: NDArray[np.int64]) -> NDArray[np.float64]:
    """A band at some lines (n, samples) in float64, as its array has them in float32."""
    return _values(frame, name, lines, _layers(frame, name))


def _array(frame: Frame, name: str) -> da.Array:
    lines, samples = frame.shape
    status = frame.etad.file.stat()
    token = f"{name}-{tokenize(frame, name, status.st_size, status.st_mtime_ns)}"
    chunks = [range(start, min(start + ROWS, lines)) for start in range(0, lines, ROWS)]
    tasks = {(token, at, 0): (_chunk, frame, name, chunk) for at, chunk in enumerate(chunks)}
    return da.Array(tasks, token, (tuple(map(len, chunks)), (samples,)), dtype=np.float32)


def _chunk(frame: Frame, name: str, lines: range) -> NDArray[np.float32]:
    layers = _layers(frame, name)
    found = np.empty((len(lines), frame.shape[1]), np.float32)
    for start in range(0, len(lines), _TOGETHER):
        part = np.array(lines[start : start + _TOGETHER])
        found[start : start + part.size] = _values(frame, name, part, layers)
    return found


def _layers(frame: Frame, name: str) -> Layers:
    """The layers that a band is made of, by their names."""
    wanted = {**dict.fromkeys(SHIFT, SUM), "reramp_phase": SUM, "deramp_phase": (), PHASE_CORRECTION: tuple(PHASE)}
    return {layer: frame.etad.layer(layer, frame.polarization) for layer in wanted.get(name, (name,))}


def _values(frame: Frame, name: str, lines: NDArray[np.int64], layers: Layers) -> NDArray[np.float64]:
    if name in SHIFT:
        return _shift(frame, name, lines, layers)
    if name in CARRIER:
        return _carrier(frame, name, lines, layers)
    if name == PHASE_CORRECTION:
        delay = sum(sign * layers[layer] for layer, sign in PHASE.items())
        turns = frame.radar_frequency_hz * _on_lines(frame, np.asarray(delay), lines)
        return 2 * np.pi * (turns - np.ceil(turns - 0.5))
    return _on_lines(frame, layers[name], lines)


def _on_lines(frame: Frame, layer: NDArray[np.float64], lines: NDArray[np.int64]) -> NDArray[np.float64]:
    return interpolate(layer, frame.rows(lines), frame.columns(np.arange(frame.shape[1])))


def _shift(frame: Frame, name: str, lines: NDArray[np.int64], layers: Layers) -> NDArray[np.float64]:
    """Shift in pixels, source index minus target index."""
    along_azimuth = name == "azimuth_shift"
    layer = "sum_azimuth" if along_azimuth else "sum_range"
    shift = _on_lines(frame, layers[layer], lines)
    shift *= 1 / frame.line_interval_s if along_azimuth else frame.range_sampling_rate_hz
    largest = float(np.nanmax(np.abs(shift), initial=0))
    if largest > LARGEST_PX:
        must = f"{layer} of {frame.etad.group} in {frame.etad.file} must be at most {LARGEST_PX:g} pixels of the SLC"
        raise DataError("DataCorrupt", must, got=largest, do="Download the ETAD product again")
    return shift


def _carrier(frame: Frame, name: str, lines: NDArray[np.int64], layers: Layers) -> NDArray[np.float64]:
    """Carrier phase at the sample itself, or where its shifts lead to."""
    assert frame.carrier is not None  # noqa: S101  (the bands are not offered otherwise)
    line, sample = lines[:, None].astype(np.float64), np.arange(frame.shape[1], dtype=np.float64)[None]
    if name == "deramp_phase":
        return frame.carrier.phase(line, sample)
    azimuth, along_range = (_shift(frame, shift, lines, layers) for shift in SHIFT)
    return frame.carrier.phase(line + azimuth, sample + along_range)
