"""The real Sentinel-1 pair of ../shared/data as a STAC collection, as the CDSE process `insar_preprocessing` writes it.

`python -m tests.real_pair OUT` writes it, with the faults of that layout: fake EPSG:3857 with the identity grid, no
footprint, no projection fields, coordinates of the primary under doubled keys. The flat-earth and topographic phase is
already removed from the secondary. Contains modified Copernicus Sentinel data 2023.
"""

import json
import sys
from pathlib import Path

import dask.array as da
import numpy as np
from pyproj import CRS

from local_runner.files.raster_writer import Target, write_geotiff

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "s1_amsterdam_pair"
SHAPE = (84, 338)
PRIMARY, SECONDARY = "20230331T055033", "20230319T055033"


def read(name):
    """One band of the pair, float32 (84, 338)."""
    path = SHARED / f"{name}.f4be"
    if not path.is_file():
        raise FileNotFoundError(f"{path} must exist: the real pair is not part of the repository")
    return np.fromfile(path, ">f4").reshape(SHAPE).astype(np.float32)


def write_real_pair(folder):
    """Write rasters, an item per date and `collection.json` into `folder`; returns the path of the collection."""
    folder = Path(folder)
    rasters = {
        f"S1_2images_{role}_{moment}_vv_{part}_VV.tif": read(f"{part}_VV_{moment[:8]}")
        for role, moment in (("prm", PRIMARY), ("sec", SECONDARY))
        for part in "iq"
    }
    for band, source in (("grid_lat", "latitude_VV"), ("grid_lon", "longitude_VV")):
        rasters[f"S1_2images_prm_{PRIMARY}_vv_{band}.tif"] = read(source)
    folder.mkdir(parents=True, exist_ok=True)
    targets = [Target(folder / name, da.from_array(data), _band(name)) for name, data in rasters.items()]
    write_geotiff(targets, crs=CRS.from_epsg(3857))
    items = [_item(moment, list(rasters)) for moment in (PRIMARY, SECONDARY)]
    for item in items:
        (folder / f"{item['id']}.json").write_text(json.dumps(item, indent=2))
    path = folder / "collection.json"
    path.write_text(json.dumps(_collection(items), indent=2))
    return path


def _band(name):
    return name.removesuffix(".tif").partition("_vv_")[2]


def _item(moment, names):
    time = f"{moment[:4]}-{moment[4:6]}-{moment[6:11]}:{moment[11:13]}:{moment[13:]}Z"
    assets = {}
    for name in names:
        coordinate = "_grid_" in name
        if moment in name or coordinate:
            asset = {"href": f"./{name}", "type": "image/tiff; application=geotiff", "roles": ["data"]}
            assets[f"{name}_0-{name}" if coordinate else name] = asset | {"bands": [{"name": _band(name)}]}
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": f"S1_2images_{moment}",
        "geometry": {"geometries": None},
        "properties": {"datetime": time, "sar:datetime_secondary": "2023-03-19T05:50:33Z"},
        "links": [{"rel": "collection", "href": "./collection.json", "type": "application/json"}],
        "assets": assets,
        "collection": "S1_2images",
    }


def _collection(items):
    axes = {"x": SHAPE[1], "y": SHAPE[0]}
    dimensions = {axis: {"type": "spatial", "axis": axis, "extent": [0, size]} for axis, size in axes.items()}
    dimensions["t"] = {"type": "temporal", "values": [item["properties"]["datetime"] for item in items]}
    dimensions["bands"] = {"type": "bands", "values": ["i_VV", "q_VV", "grid_lat", "grid_lon"]}
    return {
        "type": "Collection",
        "stac_version": "1.1.0",
        "id": "S1_2images",
        "description": "Sentinel-1A IW3 VV, Amsterdam, 2023-03-31 (primary) and 2023-03-19, coregistered.",
        "license": "other",
        "extent": {
            "spatial": {"bbox": [[-180, -90, 180, 90]]},
            "temporal": {"interval": [["2023-03-19T05:50:33Z", "2023-03-31T05:50:33Z"]]},
        },
        "cube:dimensions": dimensions,
        "links": [{"rel": "item", "href": f"./{item['id']}.json", "type": "application/geo+json"} for item in items],
    }


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.real_pair OUT")
    try:
        path = write_real_pair(sys.argv[1])
    except FileNotFoundError as error:
        sys.exit(str(error))
    print(path)
    print(f'openeo-sar run slc_coherence --input data={path} -p \'pairs=[["2023-03-31", "2023-03-19"]]\' --out result')


if __name__ == "__main__":
    main()
