"""Bursts opened on the grid of any of their dates.

Where that is not the one of the catalogue, the items are made again, in memory, from the same files; they are opened by the
same rules. No file is written.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from local_runner.access import is_remote
from local_runner.bursts import BurstStack
from local_runner.cube import utc_day
from local_runner.errors import DataError, OpenEOError
from local_runner.geometry.elevation import GAPS, named
from local_runner.products import Options
from local_runner.products import sentinel1_slc as driver
from local_runner.products.sentinel1_slc import items as written
from local_runner.products.sentinel1_slc.opening import burst_of
from local_runner.stac.metadata import PRIMARY
from local_runner.stac.read import load_items
from local_runner.stac.walk import Found

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pystac

    from local_runner.access import Access
    from local_runner.bursts import Chosen

_ANNOTATION: Final = "annotation_"


def opened(chosen: Chosen, access: Access, *, planning: bool = False) -> BurstStack:
    """A burst on the grid of its primary; annotations and orbits are read, no pixel is.

    `access` is that of the catalogue. With `planning` the cube has no values, and no DEM is opened. Raises what making a
    catalogue with that primary and opening it would raise; `FeatureUnsupported` for another primary than that of a remote one.
    """
    placed = on_primary(chosen, access, planning=planning)
    own = burst_of(placed.primary, access)
    return BurstStack(
        burst_id=placed.burst_id,
        swath=placed.swath,
        cube=load_items((placed.primary, *placed.secondaries), access=access, planning=planning),
        grid=own.grid,
        carrier=own.carrier,
        valid_lines=own.valid_lines,
        valid_samples=own.valid_samples,
    )


def on_primary(chosen: Chosen, access: Access, *, planning: bool = False) -> Chosen:
    """The same with items on the grid of the primary: as they are where it is that of the catalogue, else made again.

    Offsets that were estimated are then gone: they are relative to a primary.
    """
    day = utc_day(chosen.primary.time())
    several = (chosen.primary, *chosen.secondaries)
    if all(item.properties.get(PRIMARY) == day for item in several):
        return chosen
    remade = _remade(chosen, day, access, planning=planning)
    made = {utc_day(item.properties[written.START]): item for item in remade}
    primary, *others = (_as_found(made[utc_day(item.time())], item) for item in several)
    return replace(chosen, primary=primary, secondaries=tuple(others))


def with_azimuth_offsets(chosen: Chosen, offsets: Mapping[str, float]) -> Chosen:
    """The same with offsets, in px by day, that are added to the azimuth shift of the secondaries.

    Raises `ProcessParameterInvalid` for a day that is no secondary's.
    """
    days = [utc_day(item.time()) for item in chosen.secondaries]
    unknown = sorted(set(offsets) - set(days))
    if unknown:
        must = f"azimuth_offsets must be of the secondaries, which are {tuple(days)}"
        raise OpenEOError("ProcessParameterInvalid", must, got=unknown)
    shifted = [
        _with_property(item, written.AZIMUTH_OFFSET, offsets[day]) if day in offsets else item
        for day, item in zip(days, chosen.secondaries, strict=True)
    ]
    return replace(chosen, secondaries=tuple(shifted))


def _with_property(item: Found, name: str, value: Any) -> Found:
    return replace(item, item={**item.item, "properties": {**item.properties, name: value}})


def _remade(chosen: Chosen, day: str, access: Access, *, planning: bool) -> list[pystac.Item]:
    """Items of the same dates on the grid of another one, as a catalogue with that primary has them."""
    items = (chosen.primary, *chosen.secondaries)
    first = items[0].properties
    rasters = () if planning else tuple(_paths(items[0], written.DEM, access))
    options = Options(
        out=Path(),
        primary=day,
        dem=named(rasters) if rasters else None,
        dem_datum=first.get(written.DATUM) if rasters else None,
        dem_gaps=first.get(written.GAPS) or GAPS[0],
        orbits=tuple(dict.fromkeys(path for item in items for path in _paths(item, written.ORBIT, access))),
        bursts=(str(chosen.burst_id),) if chosen.burst_id else (),
        swaths=(chosen.swath,),
        polarizations=tuple(first.get("sar:polarizations") or ()),
    )
    wanted = {str(item.properties.get(written.START)) for item in items}
    for stack in driver.stacks_above(_products(items, access), options, rasters):
        if wanted <= {item.properties[written.START] for item in stack.items}:
            return stack.items
    must = f"The products of {items[0].id} must hold all dates that its collection has"
    raise DataError("DataCorrupt", must, got=sorted(wanted), do="Make the catalogue again")


def _products(items: Sequence[Found], access: Access) -> list[Path]:
    """Folders of the products that items come from, which must be such as the catalogue may name."""
    annotations = [path for item in items for path in _paths(item, _ANNOTATION, access)]
    return list(dict.fromkeys(path.parent.parent for path in annotations))


def _paths(item: Found, key: str, access: Access) -> Iterator[Path]:
    """Files of the assets of an item whose keys begin with `key`; what may not be opened is refused."""
    for name, asset in item.assets.items():
        if not name.startswith(key):
            continue
        href = access.resolve(str(asset.get("href", "")), item.href)
        if is_remote(href):
            must = "primary_date must be that of the catalogue where its products are remote"
            do = "Download the products, or make the catalogue with that primary: `openeo-sar stac --primary DATE`"
            raise OpenEOError("FeatureUnsupported", must, got=item.id, do=do)
        yield access.open_path(href)


def _as_found(made: pystac.Item, before: Found) -> Found:
    """An item made again, in the place of the one of the catalogue, and as a catalogue has it: assets with pixels first."""
    document = made.to_dict(include_self_link=False, transform_hrefs=False)
    assets = dict(sorted(document["assets"].items(), key=lambda entry: "data" not in entry[1].get("roles", ())))
    known = (link for link in before.item.get("links") or () if isinstance(link, dict))
    links = [link for link in known if link.get("rel") == "collection"]
    return Found({**document, "assets": assets, "links": links}, before.href, before.collection)
