"""A simulated scene as STAC 1.1 on disk, radar geometry: one item per date, one float32 GeoTIFF per band.

Metadata say what is true of the simulation, nothing else. The same scene gives the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import dask.array as da
import pystac

from local_runner.demo.simulator import LINE_INTERVAL_S, LINE_SPACING_M, RANGE_SPACING_M, SLANT_RANGE_FIRST_M
from local_runner.files.raster_writer import Target, write_geotiff
from local_runner.stac import footprint
from local_runner.stac.files import GEOTIFF
from local_runner.stac.metadata import extensions

if TYPE_CHECKING:
    from pathlib import Path

    from local_runner.demo.simulator import Float32, Scene
    from local_runner.files.raster_writer import Written

_DATACUBE: Final = "https://stac-extensions.github.io/datacube/v2.3.0/schema.json"
_UNITS: Final = {"i_VV": "1", "q_VV": "1", "grid_lat": "degree", "grid_lon": "degree", "reference_phase": "rad"}


def write_catalogue(scene: Scene, folder: Path) -> Path:
    """Write the scene below `folder` and return the path of its collection.json.

    Per date `i_VV`, `q_VV` (DN), and `reference_phase` (rad) where simulated; for all dates together `grid_lat` and
    `grid_lon` (degrees), which the footprint comes from. `proj:code` is null.
    """
    folder = folder.resolve()
    ids = [f"simulated_slc_{date:%Y%m%d}" for date in scene.dates]
    for name in ids:
        (folder / name).mkdir(parents=True, exist_ok=True)
    positions = [
        _target(folder, "grid_lat", scene.latitude, outline=True),
        _target(folder, "grid_lon", scene.longitude, outline=True),
    ]
    own = [
        [_target(folder / name, band, values) for band, values in _bands(scene, k).items()]
        for k, name in enumerate(ids)
    ]
    written = {file.path: file for file in write_geotiff([*positions, *(target for date in own for target in date)])}
    geometry, box = footprint.geometry_of(footprint.of_samples(*(written[p.path].sample for p in positions)))
    items = []
    for name, date, targets in zip(ids, scene.dates, own, strict=True):
        assets = {t.description: _asset(t, written[t.path]) for t in (*targets, *positions)}
        properties = _properties(scene)
        schemas = extensions(properties, *(asset.extra_fields for asset in assets.values()))
        items.append(pystac.Item(name, geometry, box, date, properties, stac_extensions=schemas, assets=assets))
    collection = _collection(scene, items)
    collection.normalize_hrefs(str(folder))
    collection.make_all_asset_hrefs_relative()
    collection.save(pystac.CatalogType.SELF_CONTAINED)
    return folder / "collection.json"


def _bands(scene: Scene, date: int) -> dict[str, Float32]:
    bands = {"i_VV": scene.i[date], "q_VV": scene.q[date]}
    return bands if scene.reference_phase is None else bands | {"reference_phase": scene.reference_phase[date]}


def _target(folder: Path, band: str, values: Float32, *, outline: bool = False) -> Target:
    lines, samples = (footprint.sample_positions(size) if outline else () for size in values.shape)
    return Target(folder / f"{band}.tif", da.from_array(values, name=False), band, sample=(lines, samples))


def _asset(target: Target, written: Written) -> pystac.Asset:
    band = {"name": target.description, "unit": _UNITS[target.description], "data_type": written.dtype}
    fields = {"bands": [band], "file:size": written.size, "file:checksum": written.checksum}
    return pystac.Asset(str(target.path), media_type=GEOTIFF, roles=["data"], extra_fields=fields)


def _collection(scene: Scene, items: list[pystac.Item]) -> pystac.Collection:
    lines, samples = scene.classes.shape
    collection = pystac.Collection(
        "simulated_slc",
        "Simulated stack of coregistered Sentinel-1-like SLCs in radar geometry, with known coherence.",
        pystac.Extent.from_items(items),
        title="Simulated SLC stack",
        license="CC0-1.0",
        stac_extensions=[_DATACUBE],
        extra_fields={
            "cube:dimensions": {
                "x": {"type": "spatial", "axis": "x", "extent": [0, samples - 1], "description": "range sample"},
                "y": {"type": "spatial", "axis": "y", "extent": [0, lines - 1], "description": "azimuth line"},
                "t": {"type": "temporal", "values": [f"{date:%Y-%m-%dT%H:%M:%SZ}" for date in scene.dates]},
                "bands": {"type": "bands", "values": [*_bands(scene, 0), "grid_lat", "grid_lon"]},
            },
        },
    )
    collection.add_items(items)
    return collection


def _properties(scene: Scene) -> dict[str, Any]:
    return {
        "platform": "simulated",
        "product:type": "SLC",
        "sar:instrument_mode": "IW",
        "sar:frequency_band": "C",
        "sar:center_frequency": 5.40500045433435,
        "sar:polarizations": ["VV"],
        "sar:observation_direction": "right",
        "sar:looks_range": 1,
        "sar:looks_azimuth": 1,
        "sar:pixel_spacing_range": RANGE_SPACING_M,
        "sar:pixel_spacing_azimuth": LINE_SPACING_M,
        "sat:orbit_state": "ascending",
        "proj:code": None,
        "proj:shape": list(scene.classes.shape),
        "first_line": 0,
        "first_sample": 0,
        "line_interval_s": LINE_INTERVAL_S,
        "slant_range_first_m": SLANT_RANGE_FIRST_M,
        "range_spacing_m": RANGE_SPACING_M,
    }
