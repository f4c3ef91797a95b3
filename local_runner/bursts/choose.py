"""Which bursts of a catalogue are meant, and which dates of them; nothing but the items is looked at.

What is not named must leave one answer: a burst is never picked by its place in a list.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import shapely

from local_runner.bursts import Chosen
from local_runner.bursts.words import few, in_words, listed, texts_of
from local_runner.cube import iso, utc_day
from local_runner.errors import DataError, OpenEOError, Quoted
from local_runner.products._driver import DRIVER
from local_runner.products.sentinel1_slc.items import BURST, DRIVER_NAME
from local_runner.stac.metadata import PRIMARY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np

    from local_runner.bursts.words import Key
    from local_runner.stac.walk import Found


@dataclass(frozen=True)
class Wanted:
    """What is asked for; what is empty or None leaves the choice open.

    `area` in degrees of longitude and latitude, in place of `burst_ids`. `start`, `end`: of the dates, the end not included.
    `primary`: day of the primary, which need not lie between them; that of the catalogue if None.
    """

    burst_ids: tuple[int, ...] = ()
    swaths: tuple[str, ...] = ()
    area: shapely.Geometry | None = None
    start: np.datetime64 | None = None
    end: np.datetime64 | None = None
    primary: str | None = None
    polarizations: tuple[str, ...] = ("VV",)


def choose(found: Sequence[Found], wanted: Wanted) -> list[Chosen]:
    """Bursts that are wanted, sorted by swath and time, each with its primary and the other dates between start and end.

    Raises `BurstNotFound` telling which bursts there are, `BurstAmbiguous` where several are left and none is named,
    `DatesNotUnique`, `NoDataAvailable` (no date between start and end, no pixels), `PrimaryNotFound`, `PrimaryAmbiguous`,
    `DatesDiffer` and `PolarizationNotFound`.
    """
    there = _stacks(found)
    picked = _picked(there, wanted)
    for key in picked:
        _require_one_per_day(key, there[key])
    day = _primary_day({key: there[key] for key in picked}, wanted)
    chosen = [_chosen(key, there[key], day, wanted) for key in picked]
    _require_same_dates(chosen)
    for each in chosen:
        _require_polarizations(each, wanted.polarizations)
    return sorted(chosen, key=lambda each: (each.swath, each.primary.time()))


def _stacks(found: Sequence[Found]) -> dict[Key, list[Found]]:
    """Items of each burst in the order of time."""
    stacks: dict[Key, list[Found]] = {}
    for item in found:
        if item.properties.get(DRIVER) == DRIVER_NAME:
            stacks.setdefault(_key(item), []).append(item)
    if not stacks:
        must = "The catalogue must hold bursts of Sentinel-1 SLCs"
        do = "Make one by `openeo-sar stac SAFE... --out cat`; rasters of bursts are an input of slc_coregistration"
        raise OpenEOError("BurstNotFound", must, got=Quoted(f"{len(found)} items of other data"), do=do)
    return {key: sorted(stacks[key], key=lambda item: (item.time(), item.id)) for key in sorted(stacks)}


def _key(item: Found) -> Key:
    burst, swath = item.properties.get(BURST), next(iter(texts_of(item, "sar:beam_ids")), "")
    return (burst, swath, "") if isinstance(burst, int) else (0, swath, str(item.collection.get("id", "")))


def _picked(there: dict[Key, list[Found]], wanted: Wanted) -> list[Key]:
    """Keys of the bursts that are wanted."""
    if wanted.area is not None and wanted.burst_ids:
        must = "Either burst_id or spatial_extent must be given"
        raise OpenEOError("ProcessParameterInvalid", must, got=Quoted("both"), do="Leave one of them out")
    left = [key for key in there if not wanted.swaths or key[1] in wanted.swaths]
    left = [key for key in left if not wanted.burst_ids or key[0] in wanted.burst_ids]
    missing = [
        (burst, swath)
        for burst in wanted.burst_ids or (None,)
        for swath in wanted.swaths or (None,)
        if not any(burst in (None, key[0]) and swath in (None, key[1]) for key in left)
    ]
    if missing:
        raise _not_found(in_words(*missing[0]), there)
    if wanted.area is not None:
        left = [key for key in left if _meets(wanted.area, there[key])]
        if not left:
            raise _not_found(f"a footprint that meets spatial_extent, {_shortened(wanted.area)}", there)
        _require_one_track(left, there)
        return left
    _require_named(left, wanted, there)
    return left


def _shortened(area: shapely.Geometry) -> str:
    west, south, east, north = (f"{value:.4f}" for value in area.bounds)
    return f"{area.geom_type.lower()} of longitude {west} to {east}, latitude {south} to {north}"


def _not_found(what: str, there: dict[Key, list[Found]]) -> OpenEOError:
    must = f"The catalogue must hold {what}; it has {listed(there)}"
    return OpenEOError("BurstNotFound", must, do="Choose one of these by burst_id and sub_swath, or name another url")


def _meets(area: shapely.Geometry, items: Sequence[Found]) -> bool:
    """Whether the footprint of a burst, that of any of its dates, has a point in common with an area."""
    return any(_outline(item).intersects(area) for item in items if item.item.get("geometry"))


def _outline(item: Found) -> shapely.Geometry:
    try:
        return shapely.geometry.shape(item.item["geometry"])
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, shapely.errors.ShapelyError) as error:
        must = f"The geometry of item {item.id} must be GeoJSON"
        do = "Make the catalogue again with `openeo-sar stac`"
        raise DataError("DataCorrupt", must, got=item.item["geometry"], do=do) from error


def _require_one_track(left: Sequence[Key], there: dict[Key, list[Found]]) -> None:
    """Raise `BurstAmbiguous` for an area that several tracks show: they have no grid in common."""
    tracks = sorted({str(there[key][0].properties.get("sat:relative_orbit")) for key in left})
    if len(tracks) > 1:
        must = f"spatial_extent must be met by bursts of one relative orbit; it is by {listed(_of(left, there))}"
        do = "Name those that are meant by burst_id and sub_swath"
        raise OpenEOError("BurstAmbiguous", must, got=Quoted(f"relative orbits {', '.join(tracks)}"), do=do)


def _require_named(left: Sequence[Key], wanted: Wanted, there: dict[Key, list[Found]]) -> None:
    """Raise `BurstAmbiguous` where a parameter that is not given would have to pick one of several."""
    for name, place, given in (("burst_id", 0, wanted.burst_ids), ("sub_swath", 1, wanted.swaths)):
        if not given and len({key[place] for key in left}) > 1:
            must = f"{name} must be given where several bursts are left: {listed(_of(left, there))}"
            do = f"Add -p {name}=... (several by a list), or a spatial_extent"
            raise OpenEOError("BurstAmbiguous", must, do=do)
    if len({key[2] for key in left}) > 1:
        must = "The catalogue must hold one strip of stripmap, which has no burst id to choose it by"
        raise OpenEOError("BurstAmbiguous", must, got=[key[2] for key in left], do="Name its collection as url")


def _of(left: Iterable[Key], there: dict[Key, list[Found]]) -> dict[Key, list[Found]]:
    return {key: there[key] for key in left}


def _require_one_per_day(key: Key, items: Sequence[Found]) -> None:
    for one, other in pairwise(items):
        if utc_day(one.time()) == utc_day(other.time()):
            must = f"{in_words(key[0] or None, key[1])} must have one acquisition per UTC day"
            got = Quoted(f"{one.id} of {iso(one.time())} and {other.id} of {iso(other.time())}")
            raise OpenEOError("DatesNotUnique", must, got=got, do="Name a collection that has one of them as url")


def _primary_day(stacks: dict[Key, list[Found]], wanted: Wanted) -> str:
    """Day of the primary: the one that is wanted, else that of the collections."""
    if wanted.primary is not None:
        return wanted.primary
    told = sorted({str(item.properties.get(PRIMARY)) for items in stacks.values() for item in items})
    if len(told) > 1:
        must = "The bursts must have the same stack primary where primary_date is not given"
        raise OpenEOError("PrimaryAmbiguous", must, got=told, do="Add primary_date")
    return told[0]


def _chosen(key: Key, items: Sequence[Found], day: str, wanted: Wanted) -> Chosen:
    dates = {utc_day(item.time()): item for item in items}
    name = in_words(key[0] or None, key[1])
    if day not in dates:
        must = f"primary_date must be one of the dates of {name}, which are {few(list(dates))}"
        raise OpenEOError("PrimaryNotFound", must, got=day)
    inside = [each for each, item in dates.items() if _is_between(item.time(), wanted.start, wanted.end)]
    if not inside:
        must = f"temporal_extent must hold a date of {name}, which has {few(list(dates))}"
        ends = [None if end is None else iso(end) for end in (wanted.start, wanted.end)]
        raise OpenEOError("NoDataAvailable", must, got=ends, do="The end is not included")
    return Chosen(key[0], key[1], dates[day], tuple(dates[each] for each in inside if each != day))


def _is_between(time: np.datetime64, start: np.datetime64 | None, end: np.datetime64 | None) -> bool:
    return bool((start is None or time >= start) and (end is None or time < end))


def _require_same_dates(chosen: Sequence[Chosen]) -> None:
    """Raise `DatesDiffer` for bursts that cannot be put together: a date would show a part of the ground alone."""
    several = [tuple(utc_day(item.time()) for item in each.secondaries) for each in chosen]
    for each, days in zip(chosen, several, strict=True):
        apart = sorted(set(days) ^ set(several[0]))
        if apart:
            first = in_words(chosen[0].burst_id, chosen[0].swath)
            must = (
                f"{in_words(each.burst_id, each.swath)} must have the dates of {first}; one of them lacks {few(apart)}"
            )
            do = "Choose dates that both have by temporal_extent, or leave one of them out"
            raise OpenEOError("DatesDiffer", must, do=do)


def _require_polarizations(chosen: Chosen, names: Sequence[str]) -> None:
    for item in (chosen.primary, *chosen.secondaries):
        told = texts_of(item, "sar:polarizations")
        missing = [name for name in names if name not in told]
        if missing:
            must = f"polarization must be of {tuple(told)}, which {item.id} has"
            raise OpenEOError("PolarizationNotFound", must, got=missing)
        _require_pixels(item, names)


def _require_pixels(item: Found, names: Sequence[str]) -> None:
    bands: set[str] = set()
    for asset in item.assets.values():
        named = asset.get("bands")
        bands |= (
            {str(band.get("name")) for band in named if isinstance(band, dict)} if isinstance(named, list) else set()
        )
    without = [name for name in names if f"i_{name}" not in bands]
    if without:
        must = f"{item.id} must have pixels of {', '.join(without)}; its product is a zip or holds metadata alone"
        raise DataError("NoDataAvailable", must, do="Make the catalogue of the SAFE folder, or with --unpack")
