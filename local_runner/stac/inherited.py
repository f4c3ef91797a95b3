"""What a result takes over from its inputs: the properties that they share, those of the grid converted to its cells."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeGuard

from local_runner.stac.metadata import PARAMETERS, PRIMARY, RENDERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_NOT_INHERITED: Final = frozenset(
    (
        "proj",
        "processing",
        "file",
        "cube",
        "raster",
        "render",
        "storage",
        "card4l",
        "ceosard",
        "eo",
        PARAMETERS.partition(":")[0],
    )
)
_KEPT: Final = frozenset(
    (
        PRIMARY,
        "openeo_sar:azimuth_offset_px",
        "openeo_sar:dem_datum",
        "openeo_sar:heights",
        "openeo_sar:orbit",
        "openeo_sar:relative_burst",
    )
)
"""Properties of this project that tell how an image was made, and hold for what is made of it."""
_OF_A_PAIR: Final = frozenset(
    f"insar:{name}"
    for name in (
        "perpendicular_baseline",
        "temporal_baseline",
        "height_of_ambiguity",
        "reference_datetime",
        "secondary_datetime",
    )
)
"""Properties of a date and its primary; another pair has others."""
_OF_THE_INPUT: Final = frozenset(
    (
        "datetime",
        "start_datetime",
        "end_datetime",
        "created",
        "updated",
        "published",
        "expires",
        "title",
        "description",
        "footprint",
        RENDERS,
        "bands",
        "product:type",
        "sar:datetime_secondary",
    )
)
"""Properties that tell of the input itself (`sar:datetime_secondary` is of no schema, but is met)."""
_OF_THE_GRID: Final = frozenset(
    (
        PRIMARY,
        "first_line",
        "first_sample",
        "line_interval_s",
        "slant_range_first_m",
        "range_spacing_m",
        "sar:pixel_spacing_range",
        "sar:pixel_spacing_azimuth",
    )
)
"""Properties of the primary's grid: kept as long as x and y count its lines and samples."""
_OF_A_CELL: Final = (
    ("line_interval_s", "sar:pixel_spacing_azimuth", "sar:looks_azimuth"),
    ("range_spacing_m", "sar:pixel_spacing_range", "sar:looks_range"),
)
"""Properties along azimuth and range that grow with the size of a cell."""
_POLARIZED: Final = re.compile(r"_(VV|VH|HV|HH)(?![A-Za-z])", re.IGNORECASE)


class Place(NamedTuple):
    """Where a raster lies in radar geometry, in lines and samples of its input: centre of the first cell, size of a cell."""

    line: float
    sample: float
    lines: float = 1.0
    samples: float = 1.0


def polarizations(inherited: Sequence[str], bands: Iterable[str], parameters: Mapping[str, Any]) -> list[str]:
    """Polarisations of the inputs that a result is of: by the names of its bands, else by the parameter `polarization`.

    Empty where neither tells, and the inputs have several.
    """
    named = {match[1].upper() for band in bands if (match := _POLARIZED.search(band))}
    told = named or {str(parameters.get("polarization", "")).upper()}
    return [name for name in inherited if name in told] or (list(inherited) if len(inherited) == 1 else [])


def shared(inputs: Iterable[Mapping[str, Any]], *, place: Place | None, of_one_date: bool = True) -> dict[str, Any]:
    """Properties that all inputs of an item have with one value, without those of the inputs as such.

    `place`: where the raster lies on the grid of the inputs, whose fields are converted to its cells; None where it has
    another grid.
    `of_one_date`: the item is of one date, so that the baseline of its inputs to their primary is that of the item.
    """
    several = list(inputs)
    if not several:
        return {}
    common = {
        key: value
        for key, value in several[0].items()
        if all(key in other and other[key] == value for other in several[1:])
        and value is not None
        and key not in _OF_THE_INPUT
        and (key in _KEPT or key.partition(":")[0] not in _NOT_INHERITED)
        and (of_one_date or key not in _OF_A_PAIR)
    }
    if place is None:
        return {key: value for key, value in common.items() if key not in _OF_THE_GRID}
    return common | _of_cells(common, place)


def looks_on_map(inherited: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Looks of a result on a map, whose cells do not tell them: those of the inputs times those that were asked for."""
    names = [name for name in ("looks_range", "looks_azimuth") if _is_number(parameters.get(name))]
    return {f"sar:{n}": inherited[f"sar:{n}"] * parameters[n] for n in names if _is_number(inherited.get(f"sar:{n}"))}


def _of_cells(common: dict[str, Any], place: Place) -> dict[str, Any]:
    """Properties of the grid of the inputs for cells at `place`.

    Lines and samples are counted in cells: line r of the raster is acquired (first_line + r) line intervals after the start.
    Without the spacing of samples the slant range of a raster that starts elsewhere is not known, and becomes None.
    """
    found: dict[str, Any] = {}
    for name, start, size in (("first_line", place.line, place.lines), ("first_sample", place.sample, place.samples)):
        if _is_number(common.get(name)):
            found[name] = _whole((common[name] + start) / size)
    for names, size in zip(_OF_A_CELL, (place.lines, place.samples), strict=True):
        found |= {name: _whole(common[name] * size) for name in names if size != 1 and _is_number(common.get(name))}
    first, spacing = common.get("slant_range_first_m"), common.get("range_spacing_m")
    if place.sample and _is_number(first):
        if _is_number(spacing):
            found["slant_range_first_m"] = first + place.sample * spacing
        else:
            common.pop("slant_range_first_m")
    return found


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(value: float) -> float:
    """A number as int where it is a whole one."""
    return int(value) if value == int(value) else value
