"""Pictures of the items of a result, as assets of the item, with the scaling they were drawn with in `renders`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pystac
import xarray as xr

from local_runner.cube import X, Y
from local_runner.jobs import readme
from local_runner.jobs.commit import sha256_of
from local_runner.report.quicklook import quicklook, render_extension
from local_runner.report.reduce import aspect_of
from local_runner.stac.metadata import RENDERS, extensions, meaning_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEY: Final = "quicklook"

Quantity = tuple[pystac.Asset, str, dict[str, Any]]
"""Asset, name and band."""


def add_quicklooks(items: Sequence[pystac.Item]) -> None:
    """Draw what is worth seeing of each item beside the document of the item, and name the pictures in that document."""
    for item in items:
        drawn = _worth_seeing(readme.quantities(item))
        if not drawn:
            continue
        document = Path(item.get_self_href() or "")
        stored = json.loads(document.read_text(encoding="utf-8"))
        for key, (asset, name, band) in drawn.items():
            stored["assets"][key] = _draw(item, key, asset, name, band.get("unit"))
        item.stac_extensions = sorted({*item.stac_extensions, *extensions(item.properties)})
        stored["properties"][RENDERS] = item.properties[RENDERS]
        stored["stac_extensions"] = item.stac_extensions
        document.write_text(json.dumps(stored, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _worth_seeing(quantities: Sequence[Quantity]) -> dict[str, Quantity]:
    """Quantities by the key of their picture: the first, and of wrapped and of unwrapped phases the last, the best one."""
    found = {KEY: quantities[0]} if quantities else {}
    for role in ("phase", "unwrapped_phase"):
        several = [quantity for quantity in quantities[1:] if meaning_of(quantity[1]).role == role]
        found |= {f"{KEY}_{quantity[1]}": quantity for quantity in several[-1:]}
    return found


def _draw(item: pystac.Item, key: str, asset: pystac.Asset, name: str, unit: str | None) -> dict[str, Any]:
    """Draw one quantity, add the picture to the item, and return its asset as it is stored."""
    picture = Path(item.get_self_href() or "").parent / f"{item.id}_{key}.png"
    path = Path(asset.get_absolute_href() or asset.href)
    source = _from_netcdf(path, name, item.properties) if path.suffix == ".nc" else {"raster": path}
    aspect = aspect_of(item.properties)
    quicklook(**source, quantity=name, title=item.id, out=picture, units=unit, sample_aspect=aspect)
    added = pystac.Asset(picture.name, title=f"Quicklook of {name}", media_type="image/png", roles=["overview"])
    item.add_asset(key, added)
    item.properties[RENDERS] = {**item.properties.get(RENDERS, {}), name: _render(item, asset, name)}
    return {
        **added.to_dict(),
        "href": f"./{picture.name}",
        "file:size": picture.stat().st_size,
        "file:checksum": f"1220{sha256_of(picture)}",
    }


def _render(item: pystac.Item, asset: pystac.Asset, name: str) -> dict[str, Any]:
    """Entry of `renders` that names the asset by its key, and the band in it where it has several."""
    key = next(key for key, one in item.assets.items() if one is asset)
    entry = {**render_extension(name), "assets": [key]}
    return entry if key == name else {**entry, "bands": [name]}


def _from_netcdf(path: Path, variable: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Raster (y, x) of a variable, with the bounds and CRS that the item tells if it is a map; row 0 is north then."""
    with xr.open_dataset(path, engine="netcdf4") as dataset:
        raster = dataset[variable].squeeze(drop=True).transpose(Y, X).load()
    code, bounds = properties.get("proj:code"), properties.get("proj:bbox")
    if code is None or bounds is None or "footprint" in properties:
        return {"raster": raster.sortby(Y).values}
    return {"raster": raster.sortby(Y, ascending=False).values, "bounds": tuple(bounds), "crs": code}
