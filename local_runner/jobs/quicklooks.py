"""One picture per item of a result, as an asset of the item, with the scaling it was drawn with in `renders`."""

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
from local_runner.stac.metadata import RENDERS, extensions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEY: Final = "quicklook"


def add_quicklooks(items: Sequence[pystac.Item]) -> None:
    """Draw the first quantity of each item beside the document of the item, and name the picture in that document."""
    for item in items:
        quantities = readme.quantities(item)
        if not quantities:
            continue
        asset, name, band = quantities[0]
        document = Path(item.get_self_href() or "")
        picture = document.parent / f"{item.id}_{KEY}.png"
        path = Path(asset.get_absolute_href() or asset.href)
        source = _from_netcdf(path, name, item.properties) if path.suffix == ".nc" else {"raster": path}
        quicklook(**source, quantity=name, title=item.id, out=picture, units=band.get("unit"))
        added = pystac.Asset(picture.name, title=f"Quicklook of {name}", media_type="image/png", roles=["overview"])
        item.add_asset(KEY, added)
        item.properties[RENDERS] = {**item.properties.get(RENDERS, {}), name: _render(item, asset, name)}
        item.stac_extensions = sorted({*item.stac_extensions, *extensions(item.properties)})
        stored = json.loads(document.read_text(encoding="utf-8"))
        stored["properties"][RENDERS] = item.properties[RENDERS]
        stored["stac_extensions"] = item.stac_extensions
        stored["assets"][KEY] = {
            **added.to_dict(),
            "href": f"./{picture.name}",
            "file:size": picture.stat().st_size,
            "file:checksum": f"1220{sha256_of(picture)}",
        }
        document.write_text(json.dumps(stored, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


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
