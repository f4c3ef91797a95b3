"""Small folders of GeoTIFFs as CloudInSAR, Geogrid and others leave them, and their catalogues."""

import json
import warnings

import numpy as np
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from local_runner import evaluate
from local_runner.products import catalogue
from tests.stac.catalogues import LATITUDE, LONGITUDE, MAP, UTM, H, W, noise, tiff

TIMES = ("20240809T170739", "20240821T170739", "20240902T170740")
PARTS = ("i_VV", "q_VV")
NODATA = -32767
_SMALL = {"height": H, "width": W, "count": 1, "dtype": "float32"}


def slc(time, part):
    """Real or imaginary part of a date, float32 (y, x), y ascending."""
    return noise(2 * TIMES.index(time) + PARTS.index(part))


def radar(path, data, *, down=False):
    """One band in radar geometry with the makeshift CRS, stored from the first or (`down`) from the last line on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # of the identity
        transform = Affine(1, 0, 0, 0, -1, data.shape[0]) if down else Affine.identity()
        tiff(path, data[::-1] if down else data, transform=transform)
    return path


def cloudinsar(folder, *, down=(False, False, False), times=TIMES):
    """Files per date and band: the primary with `_vv`, the first secondary as well, later ones without."""
    folder.mkdir()
    for time, flipped in zip(times, down, strict=False):
        middle = "" if time == TIMES[2] else "_vv"
        stem = f"S1_2images_{'prm' if time == TIMES[0] else 'sec'}_{time}{middle}"
        for part in PARTS:
            radar(folder / f"{stem}_{part}.tif", slc(time, part), down=flipped)
    for band, data in (("grid_lat", LATITUDE), ("grid_lon", LONGITUDE)):
        radar(folder / f"S1_2images_prm_{TIMES[0]}_vv_{band}.tif", data, down=down[0])
    return folder


def openeo_job(folder, names=(*PARTS, "grid_lat", "grid_lon")):
    """One file per date with all bands, as an openEO job gives it."""
    folder.mkdir()
    for time in TIMES[:2]:
        day = f"{time[:4]}-{time[4:6]}-{time[6:8]}"
        bands = [slc(time, part) for part in PARTS] + [LATITUDE, LONGITUDE]
        tiff(folder / f"openEO_{day}Z.tif", *[band[::-1] for band in bands], descriptions=names)
    return folder


def geogrid(folder, *, factor=1.0):
    """Three files of Geogrid: int32 of two bands and of one, float64 of three; no-data in the first row."""
    folder.mkdir(parents=True)
    kinds = {"window_location": (2, np.int32), "window_stable_surface_mask": (1, np.int32)}
    kinds["window_rdr_off2vel_x_vec"] = (3, np.float64)
    for seed, (stem, (count, kind)) in enumerate(kinds.items()):
        bands = [layer(seed, number, kind) * kind(factor) for number in range(count)]
        for band in bands:
            band[0] = NODATA
        tiff(folder / f"{stem}.tif", *bands, crs=UTM, transform=MAP, nodata=NODATA)
    return folder


def layer(seed, number, kind=np.float64):
    """A band of Geogrid, without its no-data."""
    return (1000 * noise(10 * seed + number)).astype(kind)


def cut_off(path):
    """A whole GeoTIFF without its last bytes, which are pixels."""
    with MemoryFile() as memory, memory.open(driver="GTiff", crs=UTM, transform=MAP, **_SMALL) as file:
        file.write(noise(), 1)
        file.close()
        path.write_bytes(memory.read()[:-100])


def load(path, tmp_path, **options):
    """The cube that `load_stac` makes of the catalogue of a path."""
    return load_stac(catalogue([path], out=tmp_path / "cat", **options))


def load_stac(collection):
    return evaluate({"load": {"process_id": "load_stac", "arguments": {"url": str(collection)}, "result": True}})


def items_of(collection):
    """Items of a catalogue by id."""
    found = [json.loads(path.read_text()) for path in collection.parent.glob("*/*.json")]
    return {document["id"]: document for document in found}
