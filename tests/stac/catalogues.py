"""Small catalogues to read, as others write them."""

import json

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS

from local_runner.access import Access
from local_runner.stac.read import load

H, W = 12, 20
LATITUDE = np.repeat(52 + np.arange(H, dtype=np.float32)[:, None] / 1000, W, axis=1)
LONGITUDE = np.repeat(4 + np.arange(W, dtype=np.float32)[None] / 1000, H, axis=0)
MAP = Affine(20, 0, 500_000, 0, -20, 5_800_000)
UTM = CRS.from_epsg(32631)
DATES = ("20240809T170739", "20240821T170739", "20240902T170740")


def noise(seed=0, shape=(H, W)):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def tiff(path, *bands, crs="EPSG:3857", transform=None, descriptions=(), **options):
    kinds = {"driver": "GTiff", "dtype": bands[0].dtype, "count": len(bands), "crs": crs}
    options["transform"] = transform or Affine(1, 0, 0, 0, -1, bands[0].shape[0])
    with rasterio.open(path, "w", height=bands[0].shape[0], width=bands[0].shape[1], **kinds, **options) as file:
        file.write(np.stack(bands))
        for index, text in enumerate(descriptions, start=1):
            file.set_band_description(index, text)


def asset(href, *bands, **fields):
    named = {"bands": [{"name": band} for band in bands]} if bands else {}
    return {"href": href, "type": "image/tiff; application=geotiff", "roles": ["data"], **named, **fields}


def item(name, moment, assets, **properties):
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": name,
        "geometry": None,
        "properties": {"datetime": moment, **properties},
        "links": [],
        "assets": assets,
    }


def write(folder, name, document):
    (folder / name).write_text(json.dumps(document))
    return str(folder / name)


def collection(folder, items, **fields):
    for found in items:
        write(folder, f"{found['id']}.json", found)
    links = [{"rel": "item", "href": f"./{found['id']}.json"} for found in items]
    return write(folder, "collection.json", {"type": "Collection", "id": "c", "links": links, **fields})


def cube(url, **options):
    return load(url, access=Access(), **options)
