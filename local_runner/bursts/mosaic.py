"""Bursts of one pass put together on one radar grid, each sample from exactly one burst.

Bursts are placed by time: the first line of a burst is round((t_burst - t_0) / dt) of the mosaic, its first sample
round((tau - tau_0) fs), with t_0 the earliest first line and tau_0 the shortest first slant range time. Successive bursts of a
swath are cut in the middle of what is valid in both, and so are neighbouring swaths in range; nothing is averaged. Bursts of
one swath share their lines; those of another swath are placed to the nearest line, half a line off at most, so that the
bands of positions (`grid_lat`, `grid_lon`) tell the truth and the line does so to half a line. Not here: differences of phase
between bursts (`overlaps`), deramping, geocoding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import dask.array as da
import numpy as np
import xarray as xr

from local_runner.cube import BANDS, DIMENSIONS, T, X, Y, utc_day
from local_runner.errors import OpenEOError
from local_runner.geometry.bands import ROWS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local_runner.bursts import BurstStack
    from local_runner.geometry.radar_grid import RadarGrid

SAME: Final = 1e-9
"""Relative difference of line intervals and of range spacings below which 10 000 lines stay within 1e-5 of a line."""
_SHAPE: Final = "proj:shape"
_MEANS: Final = {"insar:perpendicular_baseline": 1, "insar:height_of_ambiguity": -1}
"""What bursts tell of their mid, and the power of it that is linear along the pass: its mean is that of the mosaic's mid."""


def stitched(parts: Sequence[tuple[BurstStack, xr.DataArray]]) -> xr.DataArray:
    """The coregistered cubes (t, bands, y, x) of bursts of one scene as one lazy cube on one grid, chunks of 256 whole rows.

    `parts`: each burst, of one or more swaths, with its cube on its own grid; dates and bands are those of the earliest
    burst. NaN where no burst is. The items in `attrs["stac"]` are those of all bursts, with the grid of the mosaic.
    Raises `BurstsDiffer`, naming the burst, for another sampling, for bands or dates that are not those of the earliest
    burst, for a burst that is given twice, and for a cube that is not the whole burst.
    """
    if len(parts) == 1:
        return parts[0][1]
    placed = _placed(parts)
    lines, samples = (max(part.stop[axis] for part in placed) for axis in (0, 1))
    swaths = [_swath([part for part in placed if part.stack.swath == name]) for name in _by_range(placed)]
    spans = _spans([swath.valid_samples for swath in swaths], samples)
    columns = [_rows(swath.parts, lines, span) for swath, span in zip(swaths, spans, strict=True)]
    values = da.concatenate(columns, axis=3).rechunk({2: ROWS, 3: -1})
    first = placed[0].cube
    coords = {T: first[T], BANDS: first[BANDS], Y: np.arange(lines), X: np.arange(samples)}
    attrs = {**first.attrs, "stac": _items(placed)}
    return xr.DataArray(values, coords, DIMENSIONS, attrs=attrs)


def lines_between(first: RadarGrid, other: RadarGrid) -> int:
    """Whole lines from the first line of one burst to that of another; half a line off at most."""
    return round(first.line_of(other.first_line_time))


def samples_between(first: RadarGrid, other: RadarGrid) -> int:
    """Whole samples from the first sample of one burst to that of another; half a sample off at most."""
    return round(float(first.sample_at(other.slant_range_first_m)))


@dataclass(frozen=True)
class _Placed:
    """A burst whose first pixel is at a line and a sample of the mosaic; `cube` has the dates and bands of all."""

    stack: BurstStack
    cube: xr.DataArray
    line: int
    sample: int

    @property
    def stop(self) -> tuple[int, int]:
        """Line and sample behind the last ones."""
        return self.line + self.stack.grid.shape[0], self.sample + self.stack.grid.shape[1]

    @property
    def valid_lines(self) -> tuple[int, int]:
        """First and last valid line of the mosaic."""
        first, last = self.stack.valid_lines
        return self.line + first, self.line + last

    @property
    def valid_samples(self) -> tuple[int, int]:
        """First and last valid sample of the mosaic."""
        first, last = self.stack.valid_samples
        return self.sample + first, self.sample + last


@dataclass(frozen=True)
class _Swath:
    """Bursts of a swath in the order of lines, and the samples that are valid in all of them."""

    parts: list[_Placed]
    valid_samples: tuple[int, int]


def _placed(parts: Sequence[tuple[BurstStack, xr.DataArray]]) -> list[_Placed]:
    """The bursts in the order of time, checked."""
    ordered = sorted(parts, key=lambda part: (part[0].grid.first_line_time, part[0].grid.slant_range_first_m))
    earliest = ordered[0][0].grid
    nearest = min((stack.grid for stack, _ in ordered), key=lambda grid: grid.slant_range_first_m)
    cubes = _matching(ordered)
    return [
        _Placed(stack, cube, lines_between(earliest, stack.grid), samples_between(nearest, stack.grid))
        for (stack, _), cube in zip(ordered, cubes, strict=True)
    ]


def _matching(ordered: Sequence[tuple[BurstStack, xr.DataArray]]) -> list[xr.DataArray]:
    """The cubes with dates and bands in the order of the first one."""
    names = [name_of(stack) for stack, _ in ordered]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise differ("each must be given once", got=twice)
    found = []
    for stack, cube in ordered:
        _require_alike(stack, cube, *ordered[0])
        (bands, days), (own_bands, own_days) = _labels(ordered[0][1]), _labels(cube)
        order = {T: [own_days.index(day) for day in days], BANDS: [own_bands.index(band) for band in bands]}
        found.append(cube.transpose(*DIMENSIONS).isel(order))
    return found


def _require_alike(stack: BurstStack, cube: xr.DataArray, first: BurstStack, model: xr.DataArray) -> None:
    """Raise `BurstsDiffer` unless a burst is whole, and has the sampling, the bands and the dates of the first one."""
    name, whole = name_of(stack), (cube.sizes[Y], cube.sizes[X])
    if whole != stack.grid.shape:
        raise differ(f"the cube of {name} must have its lines and samples, {stack.grid.shape}", got=whole)
    for what in ("line_interval_s", "range_spacing_m"):
        own, other = getattr(stack.grid, what), getattr(first.grid, what)
        if not math.isclose(own, other, rel_tol=SAME):
            raise differ(f"{name} must have the {what} of {name_of(first)}, {other!r}", got=own)
    for what, own, other in zip(("bands", "dates"), _labels(cube), _labels(model), strict=True):
        if sorted(own) != sorted(other):
            raise differ(f"{name} must have the {what} of {name_of(first)}, {other}", got=own)


def _labels(cube: xr.DataArray) -> tuple[list[str], list[str]]:
    """Bands and UTC days."""
    return [str(band) for band in cube[BANDS].values], [utc_day(time) for time in cube[T].values]


def name_of(stack: BurstStack) -> str:
    """How messages call a burst."""
    return f"burst {stack.burst_id} {stack.swath}"


def differ(must: str, *, got: Any) -> OpenEOError:
    """The error for bursts that cannot be used together."""
    do = "Choose bursts of one pass that have all dates, or dates that all bursts have"
    return OpenEOError("BurstsDiffer", f"bursts that are put together must be alike: {must}", got=got, do=do)


def _by_range(placed: Sequence[_Placed]) -> list[str]:
    """Names of the swaths from near to far range."""
    return list(dict.fromkeys(part.stack.swath for part in sorted(placed, key=lambda part: part.sample)))


def _swath(parts: list[_Placed]) -> _Swath:
    starts, ends = zip(*(part.valid_samples for part in parts), strict=True)
    return _Swath(parts, (max(starts), min(ends)))


def _spans(valid: Sequence[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    """Start and stop of each of successive parts, which fill the length: cut in the middle of what is valid in both."""
    cuts = [(before[1] + after[0] + 1) // 2 for before, after in pairwise(valid)]
    return list(pairwise([0, *cuts, length]))


def _rows(parts: Sequence[_Placed], lines: int, samples: tuple[int, int]) -> da.Array:
    """All lines of a swath between two samples of the mosaic."""
    spans = _spans([part.valid_lines for part in parts], lines)
    pieces = [
        _taken(_taken(da.asarray(part.cube.data), 2, part.line, span), 3, part.sample, samples)
        for part, span in zip(parts, spans, strict=True)
    ]
    return da.concatenate(pieces, axis=2)


def _taken(values: da.Array, axis: int, start: int, span: tuple[int, int]) -> da.Array:
    """What lies in a span of an array that begins at `start`, NaN where it has nothing."""
    length = span[1] - span[0]
    first, last = (min(max(end - start, 0), values.shape[axis]) for end in span)
    before = min(max(start - span[0], 0), length)
    pieces = [
        _nothing(values, axis, before),
        values[(slice(None),) * axis + (slice(first, last),)],
        _nothing(values, axis, length - before - (last - first)),
    ]
    return da.concatenate([piece for piece in pieces if piece.shape[axis]] or pieces[:1], axis=axis)


def _nothing(values: da.Array, axis: int, size: int) -> da.Array:
    """NaN, so many along an axis, chunks as they are along the others."""
    shape = (*values.shape[:axis], size, *values.shape[axis + 1 :])
    chunks = (*values.chunks[:axis], ROWS if axis == 2 else max(size, 1), *values.chunks[axis + 1 :])
    return da.full(shape, np.nan, chunks=chunks, dtype=values.dtype)


def _items(placed: Sequence[_Placed]) -> dict[str, list[dict[str, Any]]]:
    """Items of all bursts by date, the earliest burst first, with the properties of the mosaic's grid."""
    earliest = placed[0].stack.grid
    grid = {
        "first_line": 0,
        "first_sample": 0,
        "line_interval_s": earliest.line_interval_s,
        "slant_range_first_m": min(part.stack.grid.slant_range_first_m for part in placed),
        "range_spacing_m": earliest.range_spacing_m,
    }
    found: dict[str, list[dict[str, Any]]] = {}
    for part in placed:
        for day, several in part.cube.attrs.get("stac", {}).items():
            found.setdefault(day, []).extend(several)
    return {day: [_of_mosaic(item, {**grid, **_mid(several)}) for item in several] for day, several in found.items()}


def _of_mosaic(item: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """An item without the shape of its burst, and with what is told of the mosaic."""
    own = {key: value for key, value in item.get("properties", {}).items() if key != _SHAPE}
    return {**item, "properties": {**own, **told}}


def _mid(several: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Baseline and height of ambiguity at the mid of the mosaic, where all items of a date have them."""
    found: dict[str, float] = {}
    for name, power in _MEANS.items():
        values = [item.get("properties", {}).get(name) for item in several]
        if all(isinstance(value, int | float) and value for value in values):
            mean = float(np.mean(np.array(values, float) ** power))
            found |= {name: mean**power} if mean else {}
    return found
