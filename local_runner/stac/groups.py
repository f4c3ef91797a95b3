"""What the items of a result are: one per pair of dates or per date, and the inputs behind each."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from local_runner.cube import BANDS, DIMENSIONS, T, X, Y, crs_of, dimension_of_type, iso, spacing, to_time, utc_day
from local_runner.errors import OpenEOError
from local_runner.stac.bands import COORDINATES, STATIC
from local_runner.stac.baselines import baseline_of_pair
from local_runner.stac.inherited import Place
from local_runner.stac.metadata import Meaning, meaning_of, safe_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    import xarray as xr

PAIR_BAND: Final = re.compile(r"(.+)_(\d{8})_(\d{8})")


@dataclass
class Group:
    """One item: `bands` maps asset keys to band labels of the cube, `index` is its place on `t`.

    `sources`: the input items, each `{"id", "href", "properties", "role"}`, role `reference`, `secondary` or empty, and
    `geometry` and `bbox` where the cube keeps them, `bands` with what is told of bands that their names do not tell.
    """

    id: str
    index: int
    bands: dict[str, str]
    time: np.datetime64 | None
    start: np.datetime64 | None = None
    end: np.datetime64 | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    sources: list[dict[str, Any]] = field(default_factory=list)

    @property
    def folder(self) -> str:
        """Name of the folder of its files."""
        return safe_name(self.id)

    @property
    def is_pair(self) -> bool:
        """Whether the item is of a pair of dates."""
        return "insar:reference_datetime" in self.properties

    def meaning(self, key: str) -> Meaning:
        """What the band of an asset is: by its name, else as the inputs tell of the band of its label, if all agree."""
        known, label = meaning_of(key, of_a_pair=self.is_pair), self.bands.get(key, key)
        told = [source["bands"][label] for source in self.sources if label in source.get("bands", {})]
        if not told or any(other != told[0] for other in told):
            return known
        unit, description = (known.unit or told[0].get("unit", ""), known.description or told[0].get("description", ""))
        return replace(known, unit=unit, description=description)


def arranged(cube: xr.DataArray, process: str) -> xr.DataArray:
    """The cube with all of `t, bands, y, x`, in this order; `FormatUnsuitable` where it has others.

    A missing `t` gets one label NaT, a missing `bands` the name of the process; band labels that are numbers become texts.
    """
    renamed = {dimension_of_type(cube, kind): name for kind, name in (("temporal", T), ("bands", BANDS))}
    whole = cube.rename({old: new for old, new in renamed.items() if old not in (None, new)})
    if T not in whole.dims:
        whole = whole.drop_vars(T, errors="ignore").expand_dims({T: np.array(["NaT"], dtype="datetime64[ns]")})
    if BANDS not in whole.dims:
        whole = whole.drop_vars(BANDS, errors="ignore").expand_dims({BANDS: [process]})
    if set(whole.dims) != set(DIMENSIONS) or any(name not in whole.coords for name in (T, BANDS)):
        must = (
            f"A cube that is saved as raster must have the labelled dimensions {DIMENSIONS}, or part of them with y, x"
        )
        raise OpenEOError("FormatUnsuitable", must, got=tuple(cube.dims), do="Reduce the other dimensions")
    for name in (Y, X):
        if name not in whole.coords:
            whole = whole.assign_coords({name: np.arange(whole.sizes[name])})
    whole = whole.assign_coords({BANDS: [str(name) for name in whole[BANDS].values]})
    return whole.transpose(*DIMENSIONS)


def groups_of(cube: xr.DataArray, process: str, pair: tuple[str, str] | None) -> list[Group]:
    """Items of an arranged cube, in the order of its labels. Bands of the grid beside those of pairs make no item."""
    names = [str(name) for name in cube[BANDS].values]
    if len(set(names)) < len(names):
        raise OpenEOError("FormatUnsuitable", "The bands of a cube that is saved must have different names", got=names)
    data = [name for name in names if name not in COORDINATES]
    paired = {name: match for name in data if (match := PAIR_BAND.fullmatch(name))}
    keys: dict[tuple[str, str], dict[str, str]] = {}
    for name, match in paired.items():
        keys.setdefault((match[2], match[3]), {})[match[1]] = name
    rest = [name for name in data if name not in paired]
    if pair is not None and rest:
        primary, secondary = (utc_day(date).replace("-", "") for date in pair)
        keys.setdefault((primary, secondary), {}).update({name: name for name in rest})
        rest = []
    groups = [_pair_group(cube, process, primary, secondary, bands) for (primary, secondary), bands in keys.items()]
    if groups and cube.sizes[T] > 1:
        must = "A cube with bands of pairs must have one label on t"
        raise OpenEOError("FormatUnsuitable", must, got=[iso(t) for t in cube[T].values], do="Filter one date")
    if set(rest) - STATIC or not groups:
        groups += _date_groups(cube, process, rest or names)
    return groups


def place_of(cube: xr.DataArray) -> Place | None:
    """Where a raster in radar geometry lies, in lines and samples of its input; None on a map, and where rows are turned."""
    samples, lines = spacing(cube)
    if crs_of(cube) is not None or min(lines, samples) <= 0:
        return None
    return Place(float(cube[Y].values[0]), float(cube[X].values[0]), lines, samples)


def _pair_group(cube: xr.DataArray, process: str, primary: str, secondary: str, bands: dict[str, str]) -> Group:
    days = [f"{date[:4]}-{date[4:6]}-{date[6:]}" for date in (primary, secondary)]
    try:
        times = [_acquired(cube, day) for day in days]
    except ValueError as error:
        must = "Bands of pairs must end with two dates YYYYMMDD"
        raise OpenEOError("FormatUnsuitable", must, got=list(bands.values()), do="Rename the bands") from error
    sources = [
        s for day, role in zip(days, ("reference", "secondary"), strict=True) for s in _sources(cube, [day], role)
    ]
    return Group(
        id=f"{process}_{primary}_{secondary}",
        index=0,
        bands=bands,
        time=times[1],
        start=min(times),
        end=max(times),
        properties={
            "insar:reference_datetime": iso(times[0]),
            "insar:secondary_datetime": iso(times[1]),
            "insar:temporal_baseline": _days_between(*times),
            **baseline_of_pair(cube, days),
        },
        sources=sources,
    )


def _days_between(first: np.datetime64, second: np.datetime64) -> float:
    """Days from one time to another by whole seconds: the orbit repeats to the second, the start of a burst does not."""
    seconds = float((second - first) / np.timedelta64(1, "s"))
    return round(round(seconds) / 86_400, 6)


def _date_groups(cube: xr.DataArray, process: str, names: list[str]) -> list[Group]:
    bands = {name: name for name in names}
    times = cube[T].values
    if np.isnat(times).any():
        return [_dateless(cube, process, bands)]
    days = [utc_day(time) for time in times]
    stamps = [day.replace("-", "") for day in days]
    if len(set(stamps)) < len(stamps):
        stamps = [np.datetime_as_string(time, unit="s").replace("-", "").replace(":", "") for time in times]
    groups = []
    for index, (day, stamp, time) in enumerate(zip(days, stamps, times, strict=True)):
        exact = time if time != time.astype("datetime64[D]") else _acquired(cube, day)
        sources = _sources(cube, [day]) or _sources(cube, cube.attrs.get("stac", {}))
        groups.append(Group(f"{process}_{stamp}", index, bands, exact, sources=sources))
    return groups


def _dateless(cube: xr.DataArray, process: str, bands: dict[str, str]) -> Group:
    days = sorted(cube.attrs.get("stac", {}))
    if not days:
        must = "A cube that is saved must have dates, on t or of its inputs: a STAC item has a time"
        raise OpenEOError("FormatUnsuitable", must, got=tuple(cube.dims), do="Add t by add_dimension")
    start, end = _acquired(cube, days[0]), _acquired(cube, days[-1])
    return Group(process, 0, bands, None, start, end, sources=_sources(cube, days))


def _acquired(cube: xr.DataArray, day: str) -> np.datetime64:
    """Time of the acquisition of a day where an input tells it, else the start of the day."""
    for source in cube.attrs.get("stac", {}).get(day, ()):
        given = source.get("properties", {}).get("datetime")
        if given and utc_day(given) == day:
            return to_time(given)
    return to_time(day)


def _sources(cube: xr.DataArray, days: Iterable[str], role: str = "") -> list[dict[str, Any]]:
    known = cube.attrs.get("stac", {})
    return [
        {
            "id": source.get("id", ""),
            "href": source.get("href", ""),
            "properties": source.get("properties", {}),
            "role": role,
            **{name: source[name] for name in ("geometry", "bbox", "bands") if source.get(name)},
        }
        for day in days
        for source in known.get(day, ())
    ]
