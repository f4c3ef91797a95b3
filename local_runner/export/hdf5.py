"""The stack as MintPy's own files: `inputs/ifgramStack.h5` and `inputs/geometryRadar.h5` or `inputs/geometryGeo.h5`.

https://mintpy.readthedocs.io/en/latest/api/data_structure/. Written block by block.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import h5py
import numpy as np

from local_runner.export.attributes import of_pair
from local_runner.export.interferograms import GEOMETRY, LOOK, POSITIONS, blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from local_runner.export.interferograms import Stack

    Planes = Iterator[tuple[slice, NDArray[np.floating[Any]]]]

_DATASETS: Final = {
    "unwrapPhase": "phase_unwrapped",
    "coherence": "coherence",
    "connectComponent": "component",
    "wrapPhase": "phase_filtered",
}
"""Bands of the stack by their names in MintPy."""
_SIGNED: Final = frozenset(("phase_unwrapped", "phase_filtered"))
"""Bands that change their sign with the order of the dates."""
_CELLS: Final = 256
"""Rows and columns of a chunk in the file."""


def write_stack(stack: Stack, path: Path, attributes: Mapping[str, str], *, done: Callable[[], None]) -> None:
    """Write the interferograms, float32 in rad and 1, int16 for components; 0 where there is no value, as MintPy has it.

    `done` is called after each pair.
    """
    rows, columns = stack.grid.shape
    names = {name: band for name, band in _DATASETS.items() if stack.common([band])}
    with h5py.File(path, "w") as file:
        for name in names:
            file.create_dataset(
                name,
                (len(stack.pairs), rows, columns),
                np.int16 if name == "connectComponent" else np.float32,
                maxshape=(None, rows, columns),
                chunks=(1, min(rows, _CELLS), min(columns, _CELLS)),
                compression="lzf",
            )
        for number, pair in enumerate(stack.pairs):
            for name, band in names.items():
                sign = pair.sign if band in _SIGNED else 1
                for part, values in blocks(pair.bands[band]):
                    file[name][number, part] = np.nan_to_num(sign * values, nan=0)
            done()
        file["date"] = np.array([pair.dates for pair in stack.pairs], np.bytes_)
        file["bperp"] = np.array([_baseline(pair.baseline_m) for pair in stack.pairs], np.float32)
        file["dropIfgram"] = np.ones(len(stack.pairs), np.bool_)
        file.attrs.update({**of_pair(stack.pairs[0]), **attributes, "FILE_TYPE": "ifgramStack", "PROCESSOR": "isce"})


def write_geometry(stack: Stack, path: Path, attributes: Mapping[str, str]) -> None:
    """Write positions (radar geometry), height (m), incidence and azimuth angle (degree) and slant range (m), NaN kept."""
    rows, columns = stack.grid.shape
    with h5py.File(path, "w") as file:
        for name, planes in geometry_of(stack, attributes).items():
            chunks = (min(rows, _CELLS), min(columns, _CELLS))
            data = file.create_dataset(name, (rows, columns), np.float32, chunks=chunks, compression="lzf")
            for part, values in planes:
                data[part] = values
        file.attrs.update({**attributes, "FILE_TYPE": "geometry", "PROCESSOR": "isce"})


def geometry_of(stack: Stack, attributes: Mapping[str, str]) -> dict[str, Planes]:
    """Rows and values of each dataset of the geometry, by their names in MintPy."""
    bands = stack.geometry
    names = ("height",) if stack.on_map else (*POSITIONS, "height")
    found: dict[str, Planes] = {name: blocks(bands[name]) for name in names}
    found["incidenceAngle"] = ((part, np.degrees(values)) for part, values in blocks(bands["incidence_angle"]))
    if set(LOOK) <= bands.keys():
        found["azimuthAngle"] = _azimuth_angles(stack)
    if ranges := _slant_ranges(stack, attributes):
        found["slantRangeDistance"] = ranges
    return found


def _azimuth_angles(stack: Stack) -> Planes:
    """Horizontal direction from ground to sensor in degrees, from north, anticlockwise, as in ISCE."""
    east, north = (blocks(stack.geometry[name]) for name in LOOK)
    for (part, to_east), (_, to_north) in zip(east, north, strict=True):
        yield part, np.degrees(np.arctan2(-to_east, to_north))


def _slant_ranges(stack: Stack, attributes: Mapping[str, str]) -> Planes | None:
    """Distance to the sensor: of the column in radar geometry, on a map by the incidence angle at the height of the ground."""
    if {"STARTING_RANGE", "RANGE_PIXEL_SIZE"} <= attributes.keys():
        first, spacing = (float(attributes[name]) for name in ("STARTING_RANGE", "RANGE_PIXEL_SIZE"))
        row = first + spacing * np.arange(stack.grid.shape[1])
        return ((part, np.broadcast_to(row, values.shape)) for part, values in blocks(stack.geometry["height"]))
    if {"HEIGHT", "EARTH_RADIUS"} <= attributes.keys():
        return _ranges_by_incidence(stack, float(attributes["EARTH_RADIUS"]), float(attributes["HEIGHT"]))
    return None


def _ranges_by_incidence(stack: Stack, radius: float, height: float) -> Planes:
    """R = sqrt((Re + H)^2 - (Re + h)^2 sin^2(incidence)) - (Re + h) cos(incidence)."""
    heights, angles = (blocks(stack.geometry[name]) for name in GEOMETRY)
    for (part, ground), (_, angle) in zip(heights, angles, strict=True):
        centre = radius + ground.astype(np.float64)
        across = centre * np.sin(angle)
        yield part, np.sqrt((radius + height) ** 2 - across**2) - centre * np.cos(angle)


def _baseline(value: float | None) -> float:
    return math.nan if value is None else value
