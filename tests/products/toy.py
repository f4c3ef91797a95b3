"""A product of two lines of JSON and its driver: what every driver does, without a format behind it.

A product is a folder `<name>.toy` with `product.json`: date, burst, shape, and the perpendicular baseline of the date.
"""

import json
from itertools import groupby

import dask.array as da
import numpy as np
import pystac
from dask.base import tokenize

from local_runner.products import ROWS, Product, Stack
from local_runner.products._items import asset, item
from local_runner.stac.grid import Grid

TITLE = "toy product: a .toy folder"
BANDS = ("i_VV", "q_VV", "grid_lat", "grid_lon", "height", "reference_phase")
MANIFEST = "product.json"


def product(folder, day, burst="t001_000001_iw1", shape=(600, 40), baseline=0.0, longitude=4.0):
    """Write a product and return its folder."""
    path = folder / f"{burst}_{day.replace('-', '')}.toy"
    path.mkdir(parents=True)
    told = {"day": day, "burst": burst, "shape": shape, "baseline": baseline, "longitude": longitude}
    (path / MANIFEST).write_text(json.dumps(told))
    return path


def recognise(path):
    return (path / MANIFEST).is_file()


def stacks(paths, options):
    told = sorted(((_told(path), path) for path in paths), key=lambda entry: (entry[0]["burst"], entry[0]["day"]))
    return [_stack(burst, list(members), options) for burst, members in groupby(told, lambda e: e[0]["burst"])]


def open_item(found, access):
    """Bands that tell themselves apart; nothing is read."""
    path = access.open_path(access.resolve(found.assets["manifest"]["href"], found.href))
    told = json.loads(path.read_text())
    height, width = told["shape"]
    grid = Grid(np.arange(width), np.arange(height), None)
    return Product(grid, {name: lambda name=name: band(told, name) for name in BANDS})


def band(told, name):
    """What the band of a product holds."""
    height, width = told["shape"]
    line, sample = np.mgrid[:height, :width]
    values = {
        "grid_lat": 52 + line * 1e-4 + sample * 1e-6,
        "grid_lon": told["longitude"] + sample * 1e-3 - line * 1e-5,
        "height": np.full((height, width), 7.0),
    }
    noise = np.random.default_rng([int(told["day"].replace("-", "")), BANDS.index(name)])
    data = values.get(name, noise.standard_normal((height, width))).astype(np.float32)
    named = "toy-" + tokenize(told["burst"] if name in values else told, name)
    return da.from_array(data, chunks=(ROWS, width), name=named)


def _told(path):
    return json.loads((path / MANIFEST).read_text())


def _stack(burst, members, options):
    primary = options.primary or members[0][0]["day"]
    items = [_item(burst, told, path, primary) for told, path in members]
    first = next((made for made in items if str(made.datetime)[:10] == primary), items[0])
    for made in items:
        if made is not first:
            made.add_link(pystac.Link("reference", first))
    fields = {"openeo_sar:primary": primary, "keywords": ["SAR", "toy"]}
    return Stack(burst, f"Toys of {burst}", "Nothing is measured.", items, tuple(path for _, path in members), fields)


def _item(burst, told, path, primary):
    height, width = told["shape"]
    properties = {
        "platform": "sentinel-1a",
        "sar:instrument_mode": "IW",
        "sar:frequency_band": "C",
        "sar:polarizations": ["VV"],
        "sat:relative_orbit": 1,
        "product:type": "SLC",
        "insar:perpendicular_baseline": told["baseline"],
        "proj:shape": told["shape"],
        "proj:code": None,
        "first_line": 10,
        "first_sample": 20,
        "openeo_sar:primary": primary,
    }
    east = told["longitude"] + width * 1e-3
    ring = [
        (told["longitude"], 52.0),
        (east, 52.0),
        (east, 52 + height * 1e-4),
        (told["longitude"], 52 + height * 1e-4),
    ]
    assets = {
        "manifest": asset(path / MANIFEST, "application/json", ["metadata"], bands=BANDS[2:]),
        "measurement_vv": asset(path / MANIFEST, "application/json", ["data"], bands=BANDS[:2]),
    }
    name = f"{burst}_{told['day'].replace('-', '')}"
    made = item(name, f"{told['day']}T05:50:33Z", ring, properties, assets, driver="toy")
    made.add_link(pystac.Link("derived_from", str(path / MANIFEST), "application/json"))
    return made
