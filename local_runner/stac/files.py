"""The files of a result and the assets that name them: rasters or netCDF, footprint and projection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import dask.array as da
import numpy as np
import pystac
from affine import Affine
from pyproj import CRS

from local_runner.cube import BANDS, T, X, Y, crs_of, spacing
from local_runner.files.netcdf_writer import File, write_netcdf
from local_runner.files.raster_writer import Target, Written, write_geotiff
from local_runner.stac import footprint
from local_runner.stac.bands import COORDINATES, LATITUDE, LONGITUDE, STATIC
from local_runner.stac.metadata import is_averaged, is_plain, safe_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import xarray as xr
    from numpy.typing import NDArray

    from local_runner.compute.workers import Workers
    from local_runner.stac.groups import Group
    from local_runner.stac.metadata import Meaning
    from local_runner.stac.save_options import Options

COG: Final = "image/tiff; application=geotiff; profile=cloud-optimized"
GEOTIFF: Final = "image/tiff; application=geotiff"
NETCDF: Final = "application/x-netcdf"
_MAKESHIFT: Final = CRS.from_epsg(3857)

Rings = dict[str, footprint.Ring | None]


@dataclass
class Files:
    """What was written: assets by item and key, footprint by item (GeoJSON and bbox), and fields that all items share."""

    assets: dict[str, dict[str, pystac.Asset]] = field(default_factory=dict)
    footprints: dict[str, tuple[dict[str, Any] | None, list[float] | None]] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)


def write_files(
    cube: xr.DataArray,
    groups: list[Group],
    folder: Path,
    options: Options,
    *,
    for_backend: bool,
    workers: Workers | None = None,
) -> Files:
    """Write the bands of an arranged cube, in one computation; what holds for all dates once, beside the items."""
    makeshift = for_backend and crs_of(cube) is None
    files = Files(properties=_projection(cube, makeshift=makeshift))
    if options.netcdf:
        rings = _write_netcdf(cube, groups, folder, options, files, workers=workers)
    else:
        rings = _write_rasters(cube, groups, folder, options, files, makeshift=makeshift, workers=workers)
    files.footprints = {name: footprint.geometry_of(ring) for name, ring in rings.items()}
    return files


def _write_rasters(
    cube: xr.DataArray,
    groups: list[Group],
    folder: Path,
    options: Options,
    files: Files,
    *,
    makeshift: bool,
    workers: Workers | None,
) -> Rings:
    crs = crs_of(cube)
    common = _common_targets(cube, folder, options)
    own = {group.id: _targets(cube, group, folder, options) for group in groups}
    everything = [*common.values(), *(target for targets in own.values() for target in targets.values())]
    results = write_geotiff(
        everything,
        transform=Affine.identity() if crs is None else _transform(cube),
        crs=_MAKESHIFT if makeshift else crs,
        tile=options.tile,
        workers=workers,
    )
    written = {result.path: result for result in results}
    for group in groups:
        assets = {key: _asset("./", group, target, written, files) for key, target in own[group.id].items()}
        shared = {key: _asset("../", group, target, written, files) for key, target in common.items()}
        files.assets[group.id] = assets | shared
    if crs is not None:
        spans = {name: [written[target.path].spans for target in targets.values()] for name, targets in own.items()}
        return _outlines(cube, crs, spans)
    outline = _outline({key: written[common[key].path].sample for key in _coordinates(cube)})
    return {group.id: outline for group in groups}


def _common_targets(cube: xr.DataArray, folder: Path, options: Options) -> dict[str, Target]:
    """Bands that hold for all dates, of which latitude and longitude are sampled for the footprint."""
    names = _Names(options.prefix)
    sample = (footprint.sample_positions(cube.sizes[Y]), footprint.sample_positions(cube.sizes[X]))
    keys = [str(name) for name in cube[BANDS].values if str(name) in options.once]
    return {
        key: Target(
            folder / names.of(key), _plane(cube, 0, key), key, sample=sample if key in COORDINATES else ((), ())
        )
        for key in keys
    }


def _targets(cube: xr.DataArray, group: Group, folder: Path, options: Options) -> dict[str, Target]:
    names = _Names(options.prefix)
    here = folder / group.folder
    here.mkdir(parents=True, exist_ok=True)
    outlined = None if crs_of(cube) is None else _outlined(group)
    return {
        key: Target(
            here / names.of(key),
            _plane(cube, group.index, label),
            key,
            cog=options.overviews and not is_plain(key),
            spans=key == outlined,
            averaged=is_averaged(key),
        )
        for key, label in group.bands.items()
        if label not in options.once
    }


def _outlined(group: Group) -> str | None:
    """Asset key of the band whose valid data make the footprint: the first that is not of the grid."""
    keys = [key for key, label in group.bands.items() if label not in COORDINATES]
    return next((key for key in keys if key not in STATIC), keys[0] if keys else None)


def _outlines(cube: xr.DataArray, crs: CRS, spans: Mapping[str, list[NDArray[Any]]]) -> Rings:
    """Footprint of each item in map geometry; `spans` of its bands, empty but for one of them."""
    known = {
        name: next((found for found in several if found.size), np.empty((0, 2))) for name, several in spans.items()
    }
    return {name: footprint.of_spans(found, cube[X].values, cube[Y].values, crs) for name, found in known.items()}


def _coordinates(cube: xr.DataArray) -> list[str]:
    return [str(name) for name in cube[BANDS].values if str(name) in COORDINATES]


def _write_netcdf(
    cube: xr.DataArray, groups: list[Group], folder: Path, options: Options, files: Files, *, workers: Workers | None
) -> Rings:
    targets = [_file(cube, group, folder, options) for group in groups]
    results = dict(zip([group.id for group in groups], write_netcdf(targets, workers=workers), strict=True))
    for group, written in zip(groups, results.values(), strict=True):
        first = next(iter(written.values()))
        bands = [_band(key, group.meaning(key), result) for key, result in written.items()]
        fields = {"bands": bands, **_file_fields(first), **files.properties}
        asset = pystac.Asset(f"./{first.path.name}", media_type=NETCDF, roles=["data"], extra_fields=fields)
        files.assets[group.id] = {"data": asset}
    crs = crs_of(cube)
    if crs is not None:
        return _outlines(cube, crs, {name: [r.spans for r in written.values()] for name, written in results.items()})
    return {
        name: _outline({key: written[key].sample for key in _coordinates(cube)}) for name, written in results.items()
    }


def _file(cube: xr.DataArray, group: Group, folder: Path, options: Options) -> File:
    common = [str(name) for name in cube[BANDS].values if str(name) in options.once]
    labels = {key: label for key, label in group.bands.items() if label not in common}
    labels |= {name: name for name in common}
    path = folder / group.folder / _Names(options.prefix, ".nc").of("data")
    path.parent.mkdir(parents=True, exist_ok=True)
    return File(
        path,
        _part(cube, group, labels),
        title=group.id,
        attributes={key: _cf_attributes(group.meaning(key)) for key in labels},
        spans="" if crs_of(cube) is None else _outlined(group) or "",
        sample=(footprint.sample_positions(cube.sizes[Y]), footprint.sample_positions(cube.sizes[X])),
    )


def _part(cube: xr.DataArray, group: Group, labels: Mapping[str, str]) -> xr.DataArray:
    """Bands of one item under their asset keys, at the time of the item."""
    part = cube.isel({T: [group.index]}).sel({BANDS: list(labels.values())}).assign_coords({BANDS: list(labels)})
    if group.time is None:
        return part.isel({T: 0}, drop=True)
    return part.assign_coords({T: np.array([group.time], dtype="datetime64[ns]")})


def _cf_attributes(meaning: Meaning) -> dict[str, str]:
    return {name: text for name, text in (("long_name", meaning.description), ("units", meaning.unit)) if text}


def _outline(samples: Mapping[str, NDArray[Any]]) -> footprint.Ring | None:
    for latitude, longitude in zip(LATITUDE, LONGITUDE, strict=True):
        if latitude in samples and longitude in samples:
            return footprint.of_samples(samples[latitude], samples[longitude])
    return None


def _plane(cube: xr.DataArray, index: int, label: str) -> da.Array:
    return da.asarray(cube.isel({T: index}).sel({BANDS: label}).data)


def _asset(where: str, group: Group, target: Target, written: Mapping[Path, Written], files: Files) -> pystac.Asset:
    result = written[target.path]
    meaning = group.meaning(target.description)
    return pystac.Asset(
        href=f"{where}{target.path.name}",
        description=meaning.description or None,
        media_type=COG if target.cog else GEOTIFF,
        roles=["data", *([meaning.role] if meaning.role else [])],
        extra_fields={
            "bands": [_band(target.description, meaning, result)],
            **_file_fields(result),
            **files.properties,
        },
    )


def _band(key: str, meaning: Meaning, written: Written) -> dict[str, Any]:
    band: dict[str, Any] = {"name": key, "data_type": written.dtype, "statistics": written.statistics.as_stac()}
    band |= {name: text for name, text in (("description", meaning.description), ("unit", meaning.unit)) if text}
    return band if written.nodata is None else {**band, "nodata": "nan"}


def _file_fields(written: Written) -> dict[str, Any]:
    return {"file:size": written.size, "file:checksum": written.checksum}


def _projection(cube: xr.DataArray, *, makeshift: bool) -> dict[str, Any]:
    """Fields `proj:*`: code null and the shape in radar geometry; EPSG:3857 with the identity grid if `makeshift`."""
    height, width = cube.sizes[Y], cube.sizes[X]
    crs = crs_of(cube)
    if crs is None and not makeshift:
        return {"proj:code": None, "proj:shape": [height, width]}
    transform = Affine.identity() if crs is None else _transform(cube)
    xs, ys = zip(transform * (0, 0), transform * (width, height), strict=True)
    named = {"proj:code": "EPSG:3857"} if crs is None else _named(crs)
    bbox = [float(edge) for edge in (min(xs), min(ys), max(xs), max(ys))]
    grid = [float(number) for number in tuple(transform)[:6]]
    return {**named, "proj:shape": [height, width], "proj:bbox": bbox, "proj:transform": grid}


def _named(crs: CRS) -> dict[str, Any]:
    authority = crs.to_authority()
    return {"proj:code": None, "proj:wkt2": crs.to_wkt()} if authority is None else {"proj:code": ":".join(authority)}


def _transform(cube: xr.DataArray) -> Affine:
    step_x, step_y = spacing(cube)
    return Affine.translation(cube[X].values[0] - step_x / 2, cube[Y].values[0] - step_y / 2) * Affine.scale(
        step_x, step_y
    )


class _Names:
    """File names, safe, and different within a folder also on disks that do not tell upper from lower case."""

    def __init__(self, prefix: str, ending: str = ".tif") -> None:
        self.prefix = f"{prefix}_" if prefix else ""
        self.ending = ending
        self.taken: set[str] = set()

    def of(self, key: str) -> str:
        """Name of the file of an asset."""
        name = stem = safe_name(key)
        number = 1
        while name.casefold() in self.taken:
            number += 1
            name = f"{stem}-{number}"
        self.taken.add(name.casefold())
        return f"{self.prefix}{name}{self.ending}"
