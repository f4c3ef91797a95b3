"""`insar_preprocessing`: from its arguments to the cube.

What is computed per pixel is in the UDFs of the processes that are called; here stands which of them, on what.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import shapely
import xarray as xr

from local_runner.bursts.choose import Wanted, choose
from local_runner.bursts.mosaic import stitched
from local_runner.bursts.overlaps import azimuth_offsets as estimated
from local_runner.bursts.stacks import on_primary, opened, with_azimuth_offsets
from local_runner.cube import temporal_extent as ends_of
from local_runner.cube import utc_day
from local_runner.errors import OpenEOError
from local_runner.graph import evaluate_with
from local_runner.roots import registered
from local_runner.stac.grid import parse_extent
from local_runner.stac.walk import items
from local_runner.vector import LONLAT, projected, read_geometries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local_runner.access import Access
    from local_runner.bursts import BurstStack, Chosen
    from local_runner.execution import Execution
    from local_runner.stac.walk import Found


@dataclass(frozen=True)
class Request:
    """The arguments of `insar_preprocessing`."""

    burst_id: int | list[int] | None
    sub_swath: str | list[str] | None
    temporal_extent: list[str | None] | None
    polarization: str | list[str]
    primary_date: str | None
    master_date: str | None
    spatial_extent: dict[str, Any] | None
    url: str | None
    geometry: list[str]
    taps: int
    zeros_valid: bool
    esd: bool
    azimuth_offsets: dict[str, float] | None

    @property
    def polarizations(self) -> str | list[str]:
        """Polarisations in upper case, a text where one text is given."""
        given = self.polarization
        return given.upper() if isinstance(given, str) else list(dict.fromkeys(name.upper() for name in given))

    @property
    def wanted(self) -> Wanted:
        """What is to be chosen; raises `ProcessParameterInvalid` and `TemporalExtentEmpty`."""
        names = tuple(_listed(self.polarizations))
        if not names:
            raise OpenEOError("ProcessParameterInvalid", "polarization must name one or more", got=self.polarization)
        start, end = (None, None) if self.temporal_extent is None else ends_of(self.temporal_extent)
        return Wanted(
            burst_ids=tuple(_listed(self.burst_id)),
            swaths=tuple(name.upper() for name in _listed(self.sub_swath)),
            area=_area_of(self.spatial_extent),
            start=start,
            end=end,
            primary=_primary_day(self.primary_date, self.master_date),
            polarizations=names,
        )

    @property
    def offsets(self) -> dict[str, float]:
        """Azimuth offsets by UTC day, in px; none with `esd`, which estimates them."""
        if self.esd and self.azimuth_offsets:
            must, do = "Either esd or azimuth_offsets must be given", "Leave one of them out"
            raise OpenEOError("ProcessParameterInvalid", must, got=self.azimuth_offsets, do=do)
        given = (self.azimuth_offsets or {}).items()
        return {_day("A key of azimuth_offsets", text): float(offset) for text, offset in given}


def preprocessed(request: Request, execution: Execution) -> xr.DataArray:
    """The bursts that are asked for, coregistered and put together; lazy (t, bands, y, x).

    Raises what `choose` and `opened` do, `ProcessParameterInvalid` for arguments that contradict each other, and
    `ProcessParameterRequired` where no catalogue is known.
    """
    wanted, offsets = request.wanted, request.offsets
    access, found = _found(request.url, execution)
    own = replace(execution, access=access, processes={})
    coregister = partial(_coregistered, request, own)
    placed = [on_primary(each, access, planning=own.planning) for each in choose(found, wanted)]
    stacks = _opened(placed, own)
    if request.esd:
        offsets = estimated(stacks, coregister, own, polarization=request.polarizations)
    if offsets:
        stacks = _opened([with_azimuth_offsets(each, offsets) for each in placed], own)
    parts = [(stack, coregister(stack)) for stack in stacks]
    unknown = [part for _, part in parts if not isinstance(part, xr.DataArray)]
    return unknown[0] if unknown else stitched(parts)


def _opened(chosen: Sequence[Chosen], execution: Execution) -> list[BurstStack]:
    return [opened(each, execution.access, planning=execution.planning) for each in chosen]


def _coregistered(request: Request, execution: Execution, stack: BurstStack) -> Any:
    """What the installed `slc_coregistration` makes of a burst, watched as a node below the one that is called.

    What a plan cannot tell is not a cube.
    """
    arguments = {
        "data": {"from_parameter": "data"},
        "polarization": request.polarizations,
        "geometry": request.geometry,
        "taps": request.taps,
        "zeros_valid": request.zeros_valid,
        "carrier": stack.carrier is not None,
    }
    node = {"process_id": "slc_coregistration", "arguments": arguments, "result": True}
    name = f"insar_preprocessing/{stack.burst_id}_{stack.swath}"
    return evaluate_with({name: node}, {"data": stack.cube}, execution)


def _found(url: str | None, execution: Execution) -> tuple[Access, list[Found]]:
    """The items of the catalogue, and what may be opened of it."""
    address = url or registered()
    if address is None:
        must = "url must name the catalogue of the bursts where none was made on this machine, or the last one is gone"
        do = "Make one by `openeo-sar stac SAFE... --out cat`, and name it with -p url=cat"
        raise OpenEOError("ProcessParameterRequired", must, do=do)
    access = execution.access.naming(address)
    return access, items(str(address), access)


def _primary_day(primary_date: str | None, master_date: str | None) -> str | None:
    """Day of the primary by either of its names."""
    given = {"primary_date": primary_date, "master_date": master_date}
    days = {name: _day(name, text) for name, text in given.items() if text is not None}
    if len(set(days.values())) > 1:
        must = "primary_date and master_date must be the same date where both are given"
        raise OpenEOError("ProcessParameterInvalid", must, got=list(days.values()), do="Give primary_date alone")
    return next(iter(days.values()), None)


def _day(name: str, text: str) -> str:
    try:
        return utc_day(text)
    except ValueError:
        raise OpenEOError("ProcessParameterInvalid", f"{name} must be a date as YYYY-MM-DD", got=text) from None


def _area_of(extent: dict[str, Any] | None) -> shapely.Geometry | None:
    """A bounding box or GeoJSON in degrees of longitude and latitude."""
    if extent is None:
        return None
    if "type" in extent:
        area = shapely.union_all(projected(read_geometries(extent), LONLAT))
        if area.is_empty:
            raise OpenEOError("ProcessParameterInvalid", "spatial_extent must have a geometry that is not empty")
        return area
    box = parse_extent(extent)
    assert box is not None  # noqa: S101  (of None alone)
    west, south, east, north = box.within(LONLAT)
    if west <= east:
        return shapely.box(west, south, east, north)
    return shapely.union(shapely.box(west, south, 180, north), shapely.box(-180, south, east, north))


def _listed(given: Any) -> list[Any]:
    """One value, several, or none as a list, each once."""
    if given is None:
        return []
    return list(dict.fromkeys(given)) if isinstance(given, list) else [given]
