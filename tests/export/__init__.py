"""Small results of interferograms with known phase, in radar geometry and on a map."""

import json

import dask.array as da
import numpy as np
import xarray as xr

from local_runner.cube import parse_crs, with_crs
from local_runner.stac.write import Provenance, save

H, W = 30, 40
LOOKS = 4  # in range
WAVELENGTH = 0.05546576
FREQUENCY = 299_792_458 / WAVELENGTH / 1e9
DAYS = ("2024-08-09", "2024-08-21", "2024-09-02")
ORIGIN = {
    "platform": "sentinel-1a",
    "constellation": "sentinel-1",
    "sat:orbit_state": "ascending",
    "sat:relative_orbit": 88,
    "sar:center_frequency": FREQUENCY,
    "sar:observation_direction": "right",
    "sar:polarizations": ["VV"],
    "sar:pixel_spacing_azimuth": 13.9,
    "sar:looks_range": 1,
    "sar:looks_azimuth": 1,
    "proj:code": None,
    "proj:shape": [H, LOOKS * W],
    "openeo_sar:primary": "2024-08-09T05:50:33Z",
    "slant_range_first_m": 850_000.0,
    "range_spacing_m": 2.33,
    "line_interval_s": 0.002,
    "first_line": 0,
    "first_sample": 0,
}
BASELINES = {"2024-08-09": 0.0, "2024-08-21": 80.0, "2024-09-02": -30.0}


def growth(first, second):
    """Growth of range in m between two days: 1 cm and 3 cm at the first row, doubled at the last one."""
    moved = dict(zip(DAYS, (0.0, 0.01, 0.03), strict=True))
    return (moved[second] - moved[first]) * np.linspace(1, 2, H)[:, None] * np.ones(W)


def planes_of(first, second):
    """Bands of a pair by their names, NaN at one corner."""
    rng = np.random.default_rng(int(first[-2:]) + int(second[-2:]))
    phase = 4 * np.pi / WAVELENGTH * growth(first, second)
    amplitude = rng.uniform(10, 20, (H, W))
    found = {"phase_unwrapped": phase, "coherence": rng.uniform(0.3, 0.9, (H, W))}
    found |= {"component": np.where(np.arange(W) < 20, 1.0, 2.0) * np.ones((H, 1))}
    found |= {"phase_filtered": np.angle(np.exp(1j * phase))}
    found |= {"i": amplitude * np.cos(phase), "q": amplitude * np.sin(phase)}
    for plane in found.values():
        plane[:3, :5] = np.nan
    return {f"{name}_{first}_{second}".replace("-", ""): plane for name, plane in found.items()}


def geometry():
    """An ascending orbit that looks to the right: lines go north by west, samples east by north."""
    y, x = np.indices((H, W))
    found = {"latitude": 52 + 0.001 * y + 0.0001 * x, "longitude": 4 - 0.0004 * y + 0.002 * x}
    found |= {"height": 10.0 + x, "incidence_angle": np.radians(36 + 0.02 * x)}
    azimuth = np.radians(-90 - 13.0)
    return found | {"look_east": np.full((H, W), np.sin(azimuth)), "look_north": np.full((H, W), np.cos(azimuth))}


def sources(folder):
    """Input items by day, written into a folder; incidence and direction differ from day to day as they do."""
    folder.mkdir(exist_ok=True)
    found = {}
    for number, day in enumerate(DAYS):
        view = {"view:incidence_angle": 36.39 + number / 1000, "view:azimuth": 77 + number / 1000}
        properties = {**ORIGIN, **view, "datetime": f"{day}T05:50:33Z", "insar:perpendicular_baseline": BASELINES[day]}
        path = folder / f"{day}.json"
        path.write_text(json.dumps({"type": "Feature", "id": day, "properties": properties}))
        found[day] = [{"id": day, "href": str(path), "properties": properties}]
    return found


def result(folder, *pairs, crs=None, without=(), rows=H, data=sources):
    """A result of `slc_interferogram` with these pairs of days, written by the writer of the project."""
    planes = {name: plane for pair in pairs for name, plane in planes_of(*pair).items()} | geometry()
    planes = {name: plane[:rows] for name, plane in planes.items() if not name.startswith((*without, "?"))}
    y, x = np.arange(rows), (LOOKS - 1) / 2 + LOOKS * np.arange(W)
    parameters = {"looks_range": LOOKS, "looks_azimuth": 1}
    if crs is not None:
        x, y = 500_010 + 20.0 * np.arange(W), 5_799_990 - 20.0 * y
        planes = {name: plane for name, plane in planes.items() if name not in ("latitude", "longitude")}
    coords = {"t": np.array([min(map(min, pairs))], "datetime64[ns]"), "bands": list(planes), "y": y, "x": x}
    lazy = da.from_array(np.array([list(planes.values())], np.float32), chunks=(1, 1, 16, 32))
    cube = xr.DataArray(lazy, coords, ("t", "bands", "y", "x"), attrs={"stac": data(folder.parent / "in")})
    folder.mkdir()
    graph = {"load": {"process_id": "load_stac", "arguments": {}, "result": True}}
    provenance = Provenance(process_graph=graph, parameters=parameters)
    save(with_crs(cube, crs and parse_crs(crs)), folder, process="slc_interferogram", provenance=provenance)
    (folder / "record.json").write_text("{}")
    return folder
