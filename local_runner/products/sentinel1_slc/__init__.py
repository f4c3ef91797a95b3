"""Sentinel-1 single look complex products (SAFE): a stack for each burst, an item for each date.

The grid of a stack is that of the burst of its primary date; the other dates are placed on it by whole lines and samples, and
the bands of the geometry tell what remains. Orbits are those of orbit files if given, else those of the annotation. Heights
are those of a DEM if given, else of the geolocation grid of the annotation. Not here: calibration, resampling, bursts put
together.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from local_runner.errors import OpenEOError
from local_runner.products._driver import Stack
from local_runner.products.sentinel1_slc.acquisitions import stacks_of
from local_runner.products.sentinel1_slc.dem import grounds_of
from local_runner.products.sentinel1_slc.items import fields_of, item_of
from local_runner.products.sentinel1_slc.opening import open_item
from local_runner.products.sentinel1_slc.orbits import orbit_for, read_orbit_file
from local_runner.products.sentinel1_slc.safe import is_safe, open_safe, without_own_zips

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from local_runner.products._driver import Options
    from local_runner.products.sentinel1_slc.acquisitions import Acquisition
    from local_runner.products.sentinel1_slc.dem import Ground
    from local_runner.products.sentinel1_slc.orbits import OrbitFile

__all__ = ["TITLE", "open_item", "recognise", "stacks", "stacks_above"]

TITLE: Final = "Sentinel-1 SLC: a .SAFE folder or its zip, whole or a burst of the CDSE burst extractor"
_LOG: Final = logging.getLogger(__name__)


def recognise(path: Path) -> bool:
    """Whether a path is the folder or the zip of a Sentinel-1 SLC product."""
    return is_safe(path)


def stacks(paths: Sequence[Path], options: Options) -> list[Stack]:
    """A stack for each burst and swath that is wanted, with the primary that the options name, else the earliest date.

    Of a DEM single pixels are read, to see whether it has heights there; no other pixel is.

    Raises `ProcessParameterInvalid` for choices that nothing meets, `FileNotFound` and `DataCorrupt` naming file and field,
    `DatesNotUnique`, `PolarizationsDiffer`, `BurstsDiffer`, `OrbitUnsuitable`, `ShiftTooLarge`, `DemIncomplete`.
    """
    return stacks_above(paths, options, None)


def stacks_above(paths: Sequence[Path], options: Options, rasters: Sequence[Path] | None) -> list[Stack]:
    """The same where the rasters of the DEM are known, in place of what its address leads to."""
    safes = [open_safe(path, options) for path in without_own_zips(paths)]
    found = _with_primary(stacks_of(safes, options), options.primary)
    files = [read_orbit_file(path) for path in options.orbits]
    placed = []
    for primary, dates in found:
        several = [_with_orbit(date, files) if files else date for date in dates]
        placed.append((several[dates.index(primary)], several))
    grounds = grounds_of([primary for primary, _ in placed], options, rasters)
    return [_stack(*each, ground, options) for each, ground in zip(placed, grounds, strict=True)]


def _with_primary(
    found: Sequence[Sequence[Acquisition]], day: str | None
) -> list[tuple[Acquisition, Sequence[Acquisition]]]:
    """Stacks with their primary; a stack at the edge of the scenes may lack that day, and is left out then."""
    if day is None:
        return [(dates[0], dates) for dates in found]
    there = sorted({date.day for dates in found for date in dates})
    if day not in there:
        raise OpenEOError("ProcessParameterInvalid", f"--primary must be one of the dates {tuple(there)}", got=day)
    made = []
    for dates in found:
        primary = next((date for date in dates if date.day == day), None)
        if primary is None:
            _LOG.warning("%s is left out: it has no acquisition on %s", dates[0].name, day)
        else:
            made.append((primary, dates))
    return made


def _with_orbit(date: Acquisition, files: Sequence[OrbitFile]) -> Acquisition:
    return replace(date, orbit_file=orbit_for(files, date.annotation.platform, date.start, date.duration_s))


def _stack(primary: Acquisition, dates: Sequence[Acquisition], ground: Ground, options: Options) -> Stack:
    name, annotation = primary.name, primary.annotation
    what = annotation.swath if primary.burst.burst_id is None else f"burst {primary.burst.burst_id} {annotation.swath}"
    track = "" if annotation.relative_orbit is None else f", relative orbit {annotation.relative_orbit}"
    roots = {image.folder for date in dates for image in date.images.values()}
    roots |= {date.orbit_file.path for date in dates if date.orbit_file} | set(ground.rasters)
    return Stack(
        id=name,
        title=f"Sentinel-1 {what}{track}",
        description=f"Sentinel-1 SLC, {what}{track}, on the grid of {primary.day}; i and q are digital numbers.",
        items=[item_of(name, primary, date, ground.rasters, ground.told) for date in dates],
        roots=tuple(sorted(root for root in roots if not root.is_relative_to(options.out))),
        fields=fields_of(primary),
    )
