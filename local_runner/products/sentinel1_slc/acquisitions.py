"""The bursts of several products put together: stacks of acquisitions of one burst, one per UTC day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from local_runner.cube import utc_day
from local_runner.errors import DataError
from local_runner.products._driver import ChoiceEmptyError
from local_runner.products.sentinel1_slc.agreement import (
    apart,
    require_one_per_day,
    require_same_polarizations,
    require_shared,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from local_runner.geometry.orbit import Orbit
    from local_runner.geometry.radar_grid import RadarGrid
    from local_runner.products import Options
    from local_runner.products.sentinel1_slc.annotation import Annotation
    from local_runner.products.sentinel1_slc.bursts import Burst
    from local_runner.products.sentinel1_slc.orbits import OrbitFile
    from local_runner.products.sentinel1_slc.safe import Image, Safe

_ORDER: Final = ("VV", "HH", "VH", "HV")
"""The first of these that there is gives the geometry."""
_ID: Final = re.compile(r"t?(\d{1,3})[_-](\d+)[_-]([a-z0-9]+)")
_MOST_NAMES: Final = 6
"""Bursts that an error names one by one."""
_SECOND: Final = np.timedelta64(1, "s")


@dataclass(frozen=True, eq=False)
class Acquisition:
    """One burst on one day: its images by polarisation, the one that gives the geometry first.

    Each image has an annotation of its own, in which the burst is that with the first line at `start`. `orbit_file`: the orbit
    used in place of that of the annotation.
    """

    start: np.datetime64
    images: Mapping[str, Image]
    orbit_file: OrbitFile | None = None

    @property
    def annotation(self) -> Annotation:
        """Annotation that gives the geometry."""
        return next(iter(self.images.values())).annotation

    @property
    def folders(self) -> list[str]:
        """Folders of the products that it comes from."""
        return list(dict.fromkeys(str(image.folder) for image in self.images.values()))

    def index(self, annotation: Annotation) -> int:
        """Index of the burst in the annotation of one of the images."""
        return next(burst.index for burst in annotation.bursts if burst.azimuth_time == self.start)

    @cached_property
    def burst(self) -> Burst:
        """The burst in that annotation."""
        return self.annotation.bursts[self.index(self.annotation)]

    @property
    def day(self) -> str:
        """UTC day of the first line, YYYY-MM-DD."""
        return utc_day(self.burst.azimuth_time)

    @property
    def orbit(self) -> Orbit | None:
        """Orbit in place of that of the annotation."""
        return self.orbit_file.orbit if self.orbit_file else None

    @cached_property
    def grid(self) -> RadarGrid:
        """Grid of the burst."""
        return self.annotation.grid(self.burst.index, self.orbit)

    @property
    def since_node_s(self) -> float:
        """Time of the first line since the ascending node."""
        return float((self.burst.azimuth_time - self.annotation.ascending_node_time) / _SECOND)

    @property
    def duration_s(self) -> float:
        """Time from the first line to the last one."""
        return (self.annotation.lines - 1) * self.annotation.line_interval_s

    @property
    def name(self) -> str:
        """Track, burst and swath; for stripmap, which has no bursts, track, swath and start."""
        track = "" if self.annotation.relative_orbit is None else f"t{self.annotation.relative_orbit:03d}_"
        swath = self.annotation.swath.lower()
        if self.burst.burst_id is None:
            start = str(self.burst.azimuth_time.astype("datetime64[s]"))
            return f"{track}{swath}_{start.replace('-', '').replace(':', '')}"
        return f"{track}{self.burst.burst_id:06d}_{swath}"


def stacks_of(safes: Sequence[Safe], options: Options) -> list[list[Acquisition]]:
    """Acquisitions of each burst that is wanted, sorted by time; stacks sorted by swath and time of their first date.

    Raises `ProcessParameterInvalid` for choices that nothing meets, `DatesNotUnique`, `PolarizationsDiffer`, `BurstsDiffer`.
    """
    _require_choices(safes, options)
    found = _acquisitions([image for safe in safes for image in safe.images])
    wanted = _chosen(found, options.bursts)
    grouped = _grouped(wanted)
    require_shared(wanted, grouped)
    for stack in grouped:
        require_one_per_day(stack)
        require_same_polarizations(stack)
    return sorted(grouped, key=lambda stack: (stack[0].annotation.swath, stack[0].since_node_s, stack[0].name))


def _acquisitions(images: Iterable[Image]) -> list[Acquisition]:
    """Bursts of all images, polarisations together: the burst extractor makes a product of each."""
    found: dict[tuple[str, str, int], dict[str, Image]] = {}
    for image in sorted(images, key=lambda each: _ORDER.index(each.annotation.polarization)):
        annotation = image.annotation
        for burst in annotation.bursts:
            key = (annotation.platform, annotation.swath, int(burst.azimuth_time.astype(np.int64)))
            known = found.setdefault(key, {})
            other = known.setdefault(annotation.polarization, image)
            if other is not image:
                must = f"A burst must be named once; that of {burst.azimuth_time} is in two files"
                got = apart(each.annotation.path for each in (other, image))
                raise DataError("DatesNotUnique", must, got=got, do="Name one of these products")
    for several in found.values():
        _require_one_grid(list(several.values()))
    return [Acquisition(np.datetime64(start, "us"), images) for (_, _, start), images in found.items()]


def _require_one_grid(images: Sequence[Image]) -> None:
    """Raise `DataCorrupt` unless the polarisations of a burst have one grid."""
    first, *others = (image.annotation for image in images)
    for other in others:
        grids = [(each.lines, each.samples, each.slant_range_time_first_s) for each in (first, other)]
        if grids[0] != grids[1]:
            must = f"swathTiming and slantRangeTime of {other.path} must be those of {first.path}"
            raise DataError("DataCorrupt", must, got=grids[1], do="Choose one of them with --polarization")


def _require_choices(safes: Sequence[Safe], options: Options) -> None:
    """Raise where a swath or polarisation is chosen that no product has."""
    for place, name, chosen in ((0, "swath", options.swaths), (1, "polarization", options.polarizations)):
        there = tuple(sorted({pair[place] for safe in safes for pair in safe.offered}))
        unknown = [text for text in chosen if text.upper() not in there]
        if unknown:
            must = f"--{name} must be one of {there}, which the products have"
            raise ChoiceEmptyError("ProcessParameterInvalid", must, got=unknown[0])
    if not any(safe.images for safe in safes):
        there = tuple(sorted({" ".join(pair) for safe in safes for pair in safe.offered}))
        must = f"The products must have an image of the chosen swaths and polarisations; they have {there}"
        raise ChoiceEmptyError("ProcessParameterInvalid", must, got=(*options.swaths, *options.polarizations))


def _chosen(found: Sequence[Acquisition], chosen: Sequence[str]) -> list[Acquisition]:
    """Acquisitions of the chosen bursts: by id, by swath, or by track, id and swath; all if none is chosen."""
    for text in chosen:
        if not any(_is(each, text) for each in found):
            must = f"--burst must be one of {_listed({each.name for each in found})}, or the number or swath in it"
            raise ChoiceEmptyError("ProcessParameterInvalid", must, got=text)
    return [each for each in found if not chosen or any(_is(each, text) for text in chosen)]


def _listed(names: Iterable[str]) -> str:
    """Names of bursts, of many of them the ends."""
    there = tuple(sorted(names))
    if len(there) <= _MOST_NAMES:
        return str(there)
    return f"the {len(there)} bursts {there[0]}, {there[1]}, ... {there[-1]} (all are listed without --burst)"


def _is(acquisition: Acquisition, text: str) -> bool:
    folded = text.strip().lower()
    annotation, burst = acquisition.annotation, acquisition.burst
    if folded in (acquisition.name, annotation.swath.lower(), str(burst.burst_id)):
        return True
    matched = _ID.fullmatch(folded)
    if matched is None:
        return False
    named = (int(matched[1]), int(matched[2]), matched[3])
    return named == (annotation.relative_orbit, burst.burst_id, annotation.swath.lower())


def _grouped(found: Iterable[Acquisition]) -> list[list[Acquisition]]:
    """Acquisitions of one burst together, each list sorted by time; those of stripmap that show half of the same ground."""
    groups: dict[tuple[Any, ...], list[Acquisition]] = {}
    for each in sorted(found, key=lambda one: one.burst.azimuth_time):
        track = (each.annotation.relative_orbit, each.annotation.swath)
        if each.burst.burst_id is not None:
            groups.setdefault((*track, each.burst.burst_id), []).append(each)
            continue
        near = (
            key
            for key, stack in groups.items()
            if key[:2] == track and abs(stack[0].since_node_s - each.since_node_s) <= each.duration_s / 2
        )
        groups.setdefault(next(near, (*track, each.since_node_s)), []).append(each)
    return list(groups.values())
