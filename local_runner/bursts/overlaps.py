"""Azimuth offsets of the dates of a stack from the overlaps of successive bursts (enhanced spectral diversity, ESD).

The estimate that needs the whole image: numbers per date that enter the graph which resamples again (`azimuth_shift` plus
offset, `reramp_phase` at the new place). This is the one place that reads pixels while a graph is built. Not here: the offset
of a window (`udfs/enhanced_spectral_diversity.py`), resampling.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import dask.array as da
import numpy as np
import xarray as xr

from local_runner.bursts.mosaic import differ, lines_between, name_of, samples_between
from local_runner.cube import BANDS, T, X, Y, utc_day
from local_runner.errors import OpenEOError, Quoted
from local_runner.geometry.bands import ROWS
from local_runner.graph import evaluate_with
from local_runner.stac.metadata import PRIMARY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from local_runner.bursts import BurstStack
    from local_runner.execution import Execution

PROCESS: Final = "enhanced_spectral_diversity"
WINDOW: Final = (5, 15)
"""Lines and samples of a window, and between the windows that are taken, so that these share no sample."""
MIN_COHERENCE: Final = 0.4
"""Of a window: without any coherence 1 % of the windows are above it."""
MIN_WINDOWS: Final = 100
"""Of all overlaps: at the least coherence they give the median within 0.001 px."""
MARGIN: Final = 16
"""Lines that resampling needs beside those of an overlap: a shift of 8 and half of 16 taps."""


def azimuth_offsets(
    stacks: Sequence[BurstStack],
    coregister: Callable[[BurstStack], xr.DataArray],
    execution: Execution,
    *,
    polarization: str | Sequence[str],
) -> dict[str, float]:
    """Pixels to be added to `azimuth_shift` by UTC day (YYYY-MM-DD) of each secondary: the median over all overlaps.

    `coregister` gives the coregistered cube (t, bands, y, x) of a stack, which here holds the lines of an overlap and
    `MARGIN` beside them, labelled as in the burst. Overlaps are those of successive bursts (ids that differ by one) of the same
    swath, and are reduced one after the other, to one value per `WINDOW`. Of several polarisations the first counts. While
    planning nothing is read, and all offsets are 0; without secondaries there are none.
    Raises `OverlapMissing` unless two successive bursts of a TOPS mode are there, `BurstsDiffer` for a burst without the
    dates of the first, `StackPrimaryUnknown` unless all items name the same primary, and `CoherenceTooLow` where fewer than
    `MIN_WINDOWS` windows of a date are coherent.
    """
    pairs = _successive(stacks)
    primary, secondaries = _days(stacks)
    if execution.planning or not secondaries:
        return dict.fromkeys(secondaries, 0.0)
    name = polarization if isinstance(polarization, str) else polarization[0]
    found: list[_Windows] = []
    for earlier, later in pairs:
        overlap = _overlap(earlier, later)
        if overlap is not None:
            cube = overlap.cube(coregister, name)
            found.append(_windows(cube, primary, secondaries, earlier.grid.line_interval_s, execution))
    offsets = np.concatenate([each.offsets for each in found] or [np.empty((len(secondaries), 0))], axis=1)
    periods = np.concatenate([each.periods for each in found] or [np.empty(0)])
    return {day: _median(values, periods, day) for day, values in zip(secondaries, offsets, strict=True)}


@dataclass(frozen=True)
class _Windows:
    """Windows of an overlap that share no sample.

    `offsets` (secondaries, windows) in px, NaN where not coherent, and `periods` (windows,), of which a whole number may be
    added to them.
    """

    offsets: NDArray[np.float64]
    periods: NDArray[np.float64]


@dataclass(frozen=True)
class _Overlap:
    """What is valid in two bursts: `size` lines and samples from `starts` (line, sample) in the earlier and later one."""

    stacks: tuple[BurstStack, BurstStack]
    starts: tuple[tuple[int, int], tuple[int, int]]
    size: tuple[int, int]

    def cube(self, coregister: Callable[[BurstStack], xr.DataArray], polarization: str) -> xr.DataArray:
        """Lazy cube as the process wants it, lines and samples counted from 0."""
        planes = []
        for name, stack, (line, sample) in zip(("earlier", "later"), self.stacks, self.starts, strict=True):
            around = slice(max(line - MARGIN, 0), line + self.size[0] + MARGIN)
            whole = coregister(replace(stack, cube=stack.cube.isel({Y: around})))
            inside = {Y: slice(line, line + self.size[0] - 1), X: slice(sample, sample + self.size[1] - 1)}
            slc = whole.sel({**inside, BANDS: [f"{part}_{polarization}" for part in "iq"]})
            planes.append(_counted(slc, [f"{part}_{name}" for part in "iq"]))
        planes.append(self._frequencies(planes[0]))
        return xr.concat(planes, BANDS, coords="minimal", compat="override", join="override", combine_attrs="drop")

    def _frequencies(self, like: xr.DataArray) -> xr.DataArray:
        """Instantaneous azimuth frequency in the earlier burst minus that in the later one, Hz, the same for all dates."""
        earlier, later = (
            stack.carrier.frequency(line + np.arange(self.size[0])[:, None], sample + np.arange(self.size[1]))
            for stack, (line, sample) in zip(self.stacks, self.starts, strict=True)
            if stack.carrier is not None
        )
        difference = da.from_array((earlier - later).astype(np.float32), chunks=(ROWS, -1))
        values = da.broadcast_to(difference, (like.sizes[T], 1, *self.size))
        return _counted(xr.DataArray(values, {T: like[T]}, like.dims), ["frequency_difference"])


def _counted(cube: xr.DataArray, bands: list[str]) -> xr.DataArray:
    """A part of a burst with other names of bands, lines and samples from 0."""
    places = {Y: np.arange(cube.sizes[Y]), X: np.arange(cube.sizes[X])}
    bare = cube.transpose(T, BANDS, Y, X).reset_coords(drop=True)
    return bare.assign_coords({BANDS: bands, **places})


def _overlap(earlier: BurstStack, later: BurstStack) -> _Overlap | None:
    """Lines and samples that are valid in both bursts; None where there are none."""
    apart = lines_between(earlier.grid, later.grid), samples_between(earlier.grid, later.grid)
    valid = [(stack.valid_lines, stack.valid_samples) for stack in (earlier, later)]
    starts = [max(own[0], shift + other[0]) for own, other, shift in zip(*valid, apart, strict=True)]
    stops = [min(own[1], shift + other[1]) + 1 for own, other, shift in zip(*valid, apart, strict=True)]
    if any(stop <= start for start, stop in zip(starts, stops, strict=True)):
        return None
    line, sample = starts
    places = (line, sample), (line - apart[0], sample - apart[1])
    return _Overlap((earlier, later), places, (stops[0] - line, stops[1] - sample))


def _successive(stacks: Sequence[BurstStack]) -> list[tuple[BurstStack, BurstStack]]:
    """Pairs of an earlier and a later burst of a swath."""
    ordered = sorted(
        (stack for stack in stacks if stack.carrier is not None), key=lambda stack: (stack.swath, stack.burst_id)
    )
    found = [(a, b) for a, b in pairwise(ordered) if a.swath == b.swath and b.burst_id == a.burst_id + 1]
    if not found:
        must = "Enhanced spectral diversity needs two successive bursts of a swath of a TOPS mode"
        do = "Choose one more burst, or leave esd out: the orbits place a single burst well enough"
        raise OpenEOError("OverlapMissing", must, got=[name_of(stack) for stack in stacks], do=do)
    return found


def _days(stacks: Sequence[BurstStack]) -> tuple[str, list[str]]:
    """UTC day of the stack primary, and those of the other dates."""
    days = [utc_day(time) for time in stacks[0].cube[T].values]
    for stack in stacks:
        own = [utc_day(time) for time in stack.cube[T].values]
        if own != days:
            raise differ(f"{name_of(stack)} must have the dates of {name_of(stacks[0])}, {days}", got=own)
    items = [item for stack in stacks for several in stack.cube.attrs.get("stac", {}).values() for item in several]
    told = {str(item.get("properties", {}).get(PRIMARY)) for item in items}
    if len(told) != 1 or not told <= set(days):
        must = f"The items of all bursts must name one of their dates, {days}, as {PRIMARY}"
        raise OpenEOError("StackPrimaryUnknown", must, got=sorted(told), do="Make the catalogue with `openeo-sar stac`")
    primary = told.pop()
    return primary, [day for day in days if day != primary]


def _windows(
    cube: xr.DataArray, primary: str, secondaries: list[str], line_interval_s: float, execution: Execution
) -> _Windows:
    """Offsets in the windows of an overlap."""
    arguments: dict[str, Any] = {
        "data": {"from_parameter": "data"},
        "pairs": [[primary, day] for day in secondaries],
        "line_interval_s": line_interval_s,
        "window_azimuth": WINDOW[0],
        "window_range": WINDOW[1],
        "min_coherence": MIN_COHERENCE,
    }
    graph = {PROCESS: {"process_id": PROCESS, "arguments": arguments, "result": True}}
    result = evaluate_with(graph, {"data": cube}, replace(execution, observer=None))
    bands = [name for name in result[BANDS].values.tolist() if name.startswith("azimuth_offset_")]
    halves = {d: (size // 2, size) for d, size in zip((Y, X), WINDOW, strict=True)}
    centres = {d: slice(half, cube.sizes[d] - half, size) for d, (half, size) in halves.items()}
    offsets = result.sel({BANDS: bands}).isel(centres).transpose(BANDS, T, Y, X).values
    frequency = cube.sel({BANDS: "frequency_difference"}).isel({T: 0, **centres}).values
    return _Windows(
        np.asarray(offsets.reshape(len(secondaries), -1), np.float64),
        1 / (frequency.ravel().astype(np.float64) * line_interval_s),
    )


def _median(offsets: NDArray[np.float64], periods: NDArray[np.float64], day: str) -> float:
    """Median of the offsets, each in the period around the circular mean of all: near the ends noise would wrap it."""
    known = np.isfinite(offsets)
    if known.sum() < MIN_WINDOWS:
        must = (
            f"At least {MIN_WINDOWS} windows of {WINDOW[0]} x {WINDOW[1]} samples of the overlaps must have a coherence of"
            f" {MIN_COHERENCE:g} or more on {day}"
        )
        got = Quoted(f"{known.sum()} of {offsets.size}")
        raise OpenEOError("CoherenceTooLow", must, got=got, do="Choose more bursts or another date, or leave esd out")
    turns = offsets[known] / periods[known]
    mean = np.angle(np.exp(2j * np.pi * turns).mean()) / (2 * np.pi)
    return float(np.median(offsets[known] + periods[known] * np.round(mean - turns)))
