"""The bursts of an annotation: times, ids, and which samples of each line are valid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from local_runner.products._xml import times
from local_runner.products.sentinel1_slc.burst_id import (
    ORBITS_PER_CYCLE,
    burst_id,
    node_before,
    orbit_of,
    relative_orbit,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from local_runner.products._xml import Node

_STRIPMAP: Final = tuple(f"S{n}" for n in range(1, 7))
_SWATHS: Final = (*(f"IW{n}" for n in range(1, 4)), *(f"EW{n}" for n in range(1, 6)), *_STRIPMAP)
_ID: Final = "burstId"
_MOST: Final = 1_000_000
"""Lines or samples: the longest stripmap images have a tenth of it."""


@dataclass(frozen=True, eq=False)
class Burst:
    """One burst; `index` counts from 0 in its file, `azimuth_time` is the zero-Doppler time of its first line.

    `burst_id` is relative, None for stripmap. `first_valid`, `last_valid`: first and last valid sample of each line (lines,),
    both -1 where none is.
    """

    index: int
    azimuth_time: np.datetime64
    sensing_time: np.datetime64
    burst_id: int | None
    first_valid: NDArray[np.int64]
    last_valid: NDArray[np.int64]


@dataclass(frozen=True)
class Timing:
    """The bursts, lines and samples of each; `tops`: whether the beam was steered in azimuth."""

    tops: bool
    lines: int
    samples: int
    relative_orbit: int | None
    bursts: tuple[Burst, ...]


def read_timing(root: Node) -> Timing:
    """Bursts of an annotation, checked; a stripmap image is one burst, all of it valid."""
    header, image = root.one("adsHeader"), root.one("imageAnnotation/imageInformation")
    swath = header.choice("swath", _SWATHS)
    orbit = relative_orbit(header.text("missionId"), header.integer("absoluteOrbitNumber", low=1))
    if mode_of(swath) == "SM":
        return _whole(image, orbit)
    timing = root.one("swathTiming")
    lines = timing.integer("linesPerBurst", low=2, high=_MOST)
    samples = timing.integer("samplesPerBurst", low=2, high=_MOST)
    entries = timing.entries("burstList")
    starts, sensed = (times(entries, field) for field in ("azimuthTime", "sensingTime"))
    node_time = node_before(image.time("ascendingNodeTime"), _first_time(root))
    if entries[0].has(_ID):
        told = orbit_of(entries[0].integer(_ID, low=1, high=_MOST), swath, sensed[0], node_time)
        orbit = orbit if told is None else (told - 1) % ORBITS_PER_CYCLE + 1
    bursts = []
    for index, entry in enumerate(entries):
        number = _id_of(entry, swath, sensed[index], node_time, orbit)
        bursts.append(Burst(index, starts[index], sensed[index], number, *_valid(entry, lines, samples)))
    return Timing(tops=True, lines=lines, samples=samples, relative_orbit=orbit, bursts=tuple(bursts))


def _first_time(root: Node) -> np.datetime64:
    """Time of the first line of the product that a swath comes from: an extracted burst keeps all geolocation points."""
    points = root.entries("geolocationGrid/geolocationGridPointList")
    return min(point.time("azimuthTime") for point in points)


def _whole(image: Node, orbit: int | None) -> Timing:
    """A stripmap image as one burst."""
    lines = image.integer("numberOfLines", low=2, high=_MOST)
    samples = image.integer("numberOfSamples", low=2, high=_MOST)
    start = image.time("productFirstLineUtcTime")
    burst = Burst(0, start, start, None, np.zeros(lines, np.int64), np.full(lines, samples - 1, np.int64))
    return Timing(tops=False, lines=lines, samples=samples, relative_orbit=orbit, bursts=(burst,))


def mode_of(swath: str) -> str:
    """IW, EW or SM by the name of a swath; stripmap swaths are S1 to S6."""
    return "SM" if swath in _STRIPMAP else swath[:2]


def _id_of(entry: Node, swath: str, sensed: np.datetime64, node_time: np.datetime64, orbit: int | None) -> int:
    """Burst id as annotated, which must follow from the times; computed where none is annotated."""
    if not entry.has(_ID):
        computed = burst_id(swath, sensed, node_time, orbit)
        if computed is None:
            entry.refuse(_ID, "be there: the id cannot be computed for this platform and swath")
        return computed
    annotated = entry.integer(_ID, low=1, high=_MOST)
    computed = burst_id(swath, sensed, node_time, orbit_of(annotated, swath, sensed, node_time))
    if computed is not None and annotated != computed:
        entry.refuse(_ID, f"be {computed}, the id that follows from sensingTime and ascendingNodeTime", annotated)
    return annotated


def _valid(entry: Node, lines: int, samples: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first = entry.integers("firstValidSample", size=lines)
    last = entry.integers("lastValidSample", size=lines)
    for name, values in (("firstValidSample", first), ("lastValidSample", last)):
        if values.min() < -1 or values.max() >= samples:
            entry.refuse(name, f"have samples from -1 to {samples - 1}", [int(values.min()), int(values.max())])
    wrong = np.flatnonzero(((first < 0) != (last < 0)) | (last < first))
    if wrong.size:
        line = int(wrong[0])
        entry.refuse("lastValidSample", f"not end before {first[line]} in line {line}", int(last[line]))
    return first, last
