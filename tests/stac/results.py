"""Small cubes with the metadata of their inputs, and the results that they are saved as."""

import json

import dask.array as da
import numpy as np
import xarray as xr

from local_runner.access import Access
from local_runner.cube import parse_crs, with_crs
from local_runner.stac.read import load
from local_runner.stac.write import Provenance, save

H, W = 40, 60
GRAPH = {
    "load": {"process_id": "load_stac", "arguments": {"url": "https://example.org/collection.json"}, "result": True}
}
SIGNED = {"load": {**GRAPH["load"], "arguments": {"url": "https://user:pw@example.org/collection.json?sig=secret"}}}
PROVENANCE = Provenance(
    process_graph=SIGNED,
    parameters={"url": "https://example.org/a?token=secret", "window_range": 21},
    versions={"numpy": np.__version__},
    inputs=["https://user:pw@example.org/collection.json?sig=secret"],
    created="2026-01-01T00:00:00Z",
)
SAR = {"platform": "sentinel-1a", "sar:polarizations": ["VV"], "sar:frequency_band": "C", "sar:instrument_mode": "IW"}
GRID = {"first_line": 912, "first_sample": 7, "slant_range_first_m": 923676.27, "range_spacing_m": 2.33}
TIMES = {"2023-03-19": "2023-03-19T05:50:33.5Z", "2023-03-31": "2023-03-31T05:50:33.9Z"}
PAIR = ("coherence_20230331_20230319", "phase_20230331_20230319", "latitude", "longitude")


def sources(folder):
    """Input items of two days; the orbit differs, everything else is shared."""
    orbits = zip(TIMES.items(), (47709, 47884), strict=True)
    return {
        day: [
            {
                "id": day,
                "href": str(folder / "in" / f"{day}.json"),
                "properties": {"datetime": time, "sat:absolute_orbit": orbit, "proj:shape": [1, 1], **SAR, **GRID},
            }
        ]
        for (day, time), orbit in orbits
    }


def cube(folder, *names, times=("2023-03-19",), crs=None):
    """Cube (t, bands, y, x) of noise; latitude and longitude are positions."""
    y, x = np.arange(H), np.arange(W)
    data = np.random.default_rng(0).random((len(times), len(names), H, W)).astype(np.float32)
    data[:, 0, :4] = np.nan
    for at, name in enumerate(names):
        if name in ("latitude", "grid_lat"):
            data[:, at] = 52 + y[:, None] / 1000 + x / 10_000
        if name in ("longitude", "grid_lon"):
            data[:, at] = 4 - y[:, None] / 10_000 + x / 1000
    coords = {"t": np.array(times, "datetime64[ns]"), "bands": list(names), "y": y, "x": x}
    if crs is not None:
        coords |= {"x": 500_010 + 20.0 * x, "y": 5_799_990 - 20.0 * y}
    lazy = da.from_array(data, chunks=(1, 1, 16, 32))
    found = xr.DataArray(lazy, dims=("t", "bands", "y", "x"), coords=coords, attrs={"stac": sources(folder)})
    return with_crs(found, None if crs is None else parse_crs(crs))


def saved(folder, data, **options):
    out = folder / "out"
    out.mkdir()
    options.setdefault("provenance", PROVENANCE)
    save(data, out, process="analysis", **options)
    (out / "record.json").write_text("{}")
    return out


def items_of(out):
    return [json.loads(path.read_text()) for path in sorted(out.glob("*/*.json"))]


def reference_of(out):
    return load(str(out / "collection.json"), access=Access())
