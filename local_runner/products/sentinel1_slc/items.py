"""Items of Sentinel-1 bursts: what STAC and this project tell of a date, and the files behind its bands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyproj
import pystac

from local_runner.cube import iso
from local_runner.errors import OpenEOError
from local_runner.geometry import bands
from local_runner.geometry.baseline import height_of_ambiguity, perpendicular_baseline
from local_runner.geometry.coregistration import coregister
from local_runner.geometry.ellipsoid import to_geodetic
from local_runner.geometry.range_doppler import look
from local_runner.products._items import asset, item
from local_runner.products.sentinel1_slc import heights, manifest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from local_runner.geometry.coregistration import Coregistration
    from local_runner.products.sentinel1_slc.acquisitions import Acquisition
    from local_runner.products.sentinel1_slc.annotation import Annotation

DRIVER_NAME: Final = "sentinel1_slc"
BURST: Final = "openeo_sar:relative_burst"
PRIMARY: Final = "openeo_sar:primary"
START: Final = "start_datetime"
LINE_OFFSET: Final = "openeo_sar:line_offset"
SAMPLE_OFFSET: Final = "openeo_sar:sample_offset"
AZIMUTH_OFFSET: Final = "openeo_sar:azimuth_offset_px"
"""What is added to the azimuth shift of a secondary, in px: an estimate from pixels; 0 where it is missing."""
DATUM: Final = "openeo_sar:dem_datum"
GAPS: Final = "openeo_sar:dem_gaps"
HEIGHTS: Final = "openeo_sar:heights"
"""Where the heights of the bands come from: `DEM`, or `geolocation grid`."""
VOIDS: Final = "openeo_sar:dem_void_share"
"""Share of the burst in which the DEM has no height, 0 to 1, by single pixels."""
ORBIT: Final = "orbit"
DEM: Final = "dem"
OF_PRIMARY: Final = "primary_"
"""How the keys of assets begin that are of the stack primary."""
_GEOTIFF: Final = "image/tiff; application=geotiff"
_XML: Final = "application/xml"
_NO_PIXELS: Final = "Without i and q: the measurement is not part of the product, or still in its zip"
_GEOD: Final = pyproj.Geod(ellps="WGS84")


def item_of(
    stack: str,
    primary: Acquisition,
    date: Acquisition,
    dem: Sequence[Path] = (),
    told: Mapping[str, Any] | None = None,
) -> pystac.Item:
    """Item of a date of a stack. `dem`: rasters under the burst; `told`: properties of the heights."""
    properties = {
        **_of_sensor(date),
        **_of_view(date),
        **_of_grid(primary),
        **_of_placement(primary, date),
        PRIMARY: primary.day,
        "openeo_sar:orbit": date.orbit_file.orbit.source if date.orbit_file else "annotation",
        **(told or {}),
    }
    assets = _assets(date) | (_of_primary(primary) if date is not primary else {})
    for count, raster in enumerate(dem, start=1):
        assets[DEM if count == 1 else f"{DEM}_{count}"] = asset(raster, _GEOTIFF, ["metadata"], title="Heights")
    name = name_of(stack, date)
    outline = heights.outline(date.grid, date.annotation, date.burst.index)
    made = item(name, date.start, outline, properties, assets, driver=DRIVER_NAME)
    first = next(iter(date.images.values()))
    made.add_link(pystac.Link("derived_from", str((first.manifest or first.annotation.path).resolve())))
    if date is not primary:
        made.add_link(pystac.Link("reference", name_of(stack, primary), "application/geo+json"))
    return made


def name_of(stack: str, date: Acquisition) -> str:
    """Id of the item of a date."""
    return f"{stack}_{date.day.replace('-', '')}"


def _of_sensor(date: Acquisition) -> dict[str, Any]:
    first = next(iter(date.images.values()))
    end = date.start + np.timedelta64(round(date.duration_s * 1e6), "us")
    return {
        **(manifest.properties(first.manifest) if first.manifest else {}),
        **({} if first.measurement else {"description": _NO_PIXELS}),
        START: iso(date.start),
        "end_datetime": iso(end),
        "platform": f"sentinel-{date.annotation.platform[1:].lower()}",
        "constellation": "sentinel-1",
        "instruments": ["c-sar"],
        "product:type": "SLC",
        **_of_radar(date),
        **_of_orbit(date.annotation),
        **({} if date.burst.burst_id is None else {BURST: date.burst.burst_id}),
    }


def _of_radar(date: Acquisition) -> dict[str, Any]:
    azimuth, across = date.annotation.pixel_spacing_m
    return {
        "sar:instrument_mode": date.annotation.mode,
        "sar:frequency_band": "C",
        "sar:center_frequency": date.annotation.radar_frequency_hz / 1e9,
        "sar:polarizations": list(date.images),
        "sar:looks_range": 1,
        "sar:looks_azimuth": 1,
        "sar:pixel_spacing_azimuth": azimuth,
        "sar:pixel_spacing_range": across,
        "sar:observation_direction": "right",
        "sar:beam_ids": [date.annotation.swath],
    }


def _of_orbit(annotation: Annotation) -> dict[str, Any]:
    relative = annotation.relative_orbit
    return {
        "sat:orbit_state": annotation.orbit_state,
        "sat:absolute_orbit": annotation.absolute_orbit,
        **({} if relative is None else {"sat:relative_orbit": relative}),
        "sat:anx_datetime": iso(annotation.ascending_node_time),
    }


def _centre(date: Acquisition) -> tuple[float, float, float, float, float]:
    """Line, sample, latitude, longitude and height of the mid of a burst."""
    line, sample = date.grid.mid
    ground = heights.on_ground(date.grid, date.annotation, np.array([line]), np.array([sample]))
    latitude, longitude, height = (float(values[0]) for values in ground)
    return line, sample, latitude, longitude, height


def _of_view(date: Acquisition) -> dict[str, Any]:
    """Incidence angle at the mid of the burst, and the direction to it from the point below the satellite."""
    line, _, latitude, longitude, height = _centre(date)
    up = float(look(date.grid, line, latitude, longitude, height)[..., 2])
    sensor, _, _ = date.grid.orbit.at(date.grid.time_s(line))
    below = [float(angle) for angle in to_geodetic(sensor)[:2]]
    azimuth = _GEOD.inv(below[1], below[0], longitude, latitude)[0] % 360
    angle = float(np.degrees(np.arccos(up)))
    return {"view:incidence_angle": round(angle, 4), "view:azimuth": round(azimuth, 4)}


def _of_grid(primary: Acquisition) -> dict[str, Any]:
    grid = primary.grid
    return {
        "proj:code": None,
        "proj:shape": list(grid.shape),
        "first_line": 0,
        "first_sample": 0,
        "line_interval_s": grid.line_interval_s,
        "slant_range_first_m": grid.slant_range_first_m,
        "range_spacing_m": grid.range_spacing_m,
    }


def _of_placement(primary: Acquisition, date: Acquisition) -> dict[str, Any]:
    """Integer placement on the primary's grid, and what the pair of both is like at the mid of the burst."""
    if date is primary:
        return {LINE_OFFSET: 0, SAMPLE_OFFSET: 0}
    placed = _coregistered(primary, date)
    line, sample, _, _, height = _centre(primary)
    pair = (primary.grid, date.grid, line, sample, height)
    days = (date.start.astype("datetime64[D]") - primary.start.astype("datetime64[D]")).astype(int)
    ambiguity = float(height_of_ambiguity(*pair))
    return {
        LINE_OFFSET: placed.line_offset,
        SAMPLE_OFFSET: placed.sample_offset,
        "openeo_sar:shift_residual_px": {
            "azimuth": float(placed.residual_azimuth_px),
            "range": float(placed.residual_range_px),
        },
        "insar:perpendicular_baseline": float(perpendicular_baseline(*pair)),
        "insar:temporal_baseline": int(days),
        **({"insar:height_of_ambiguity": ambiguity} if np.isfinite(ambiguity) else {}),
        "insar:reference_datetime": iso(primary.start),
        "insar:secondary_datetime": iso(date.start),
    }


def _coregistered(primary: Acquisition, date: Acquisition) -> Coregistration:
    try:
        return coregister(primary.grid, date.grid)
    except OpenEOError as error:
        must = f"the burst of {date.annotation.path} on that of {primary.annotation.path}: {error.must}"
        raise type(error)(error.code, must, got=error.got, do=error.do) from error


def _assets(date: Acquisition) -> dict[str, pystac.Asset]:
    """Files of a date. Bands made from metadata stand at the annotation that gives the geometry."""
    geometry = [*bands.POSITION, *bands.SHIFT, *(bands.CARRIER if date.annotation.steering_rate_rad_s else ())]
    found = {}
    for name, image in date.images.items():
        own = geometry if image.annotation is date.annotation else ()
        key = name.lower()
        if image.measurement:
            parts = (f"i_{name}", f"q_{name}")
            found[f"measurement_{key}"] = asset(image.measurement, _GEOTIFF, ["data"], bands=parts, title=f"SLC {name}")
        found[f"annotation_{key}"] = _metadata(image.annotation.path, f"Annotation {name}", own)
        for kind in ("calibration", "noise"):
            path = image.beside(kind)
            if path:
                found[f"{kind}_{key}"] = _metadata(path, f"{kind.capitalize()} {name}")
    first = next(iter(date.images.values()))
    if first.manifest:
        found["manifest"] = _metadata(first.manifest, "Manifest")
    return found | _orbit(date, "")


def _of_primary(primary: Acquisition) -> dict[str, pystac.Asset]:
    """What of the primary is needed to open the item of another date."""
    annotation = _metadata(primary.annotation.path, "Annotation of the stack primary")
    return {f"{OF_PRIMARY}annotation": annotation, **_orbit(primary, OF_PRIMARY)}


def _orbit(date: Acquisition, prefix: str) -> dict[str, pystac.Asset]:
    return {f"{prefix}{ORBIT}": _metadata(date.orbit_file.path, "Orbit")} if date.orbit_file else {}


def _metadata(path: Path, title: str, bands_of: Sequence[str] = ()) -> pystac.Asset:
    packed = {".gz": "application/gzip", ".zip": "application/zip"}.get(path.suffix, _XML)
    return asset(path, packed, ["metadata"], bands=bands_of, title=title)


def fields_of(primary: Acquisition) -> Mapping[str, Any]:
    """What the collection of a stack tells."""
    return {
        PRIMARY: primary.day,
        "license": "other",
        "keywords": ["SAR", "InSAR", "Sentinel-1", "SLC"],
        "providers": [{"name": "ESA", "roles": ["producer", "licensor"], "url": "https://sentinels.copernicus.eu"}],
    }
