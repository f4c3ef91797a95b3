"""DEMs as GeoTIFF and grids of a geoid as GTX, of functions whose values are known everywhere."""

import struct

import numpy as np
import rasterio
from rasterio.transform import Affine

PIXEL = 1 / 1200
"""Degrees: 3 arc seconds."""


def plane(x, y):
    """A height that bilinear interpolation keeps, in m."""
    return 500.0 + 40.0 * (x - 10.0) - 25.0 * (y - 46.0)


def write_dem(path, height=plane, *, west=10.0, north=47.0, shape=(240, 240), pixel=PIXEL, crs="EPSG:4326", **options):
    """Float32 raster of `height`(x, y) at the centres of pixels; `west`, `north`: the outer edges; returns the path."""
    dx, dy = pixel if isinstance(pixel, tuple) else (pixel, pixel)
    x = west + (np.arange(shape[1]) + 0.5) * dx
    y = north - (np.arange(shape[0]) + 0.5) * dy
    values = np.broadcast_to(height(x, y[:, None]), shape).astype(np.float32)
    kinds = {"driver": "GTiff", "count": 1, "dtype": "float32", "height": shape[0], "width": shape[1]}
    with rasterio.open(path, "w", crs=crs, transform=Affine(dx, 0, west, 0, -dy, north), **kinds, **options) as file:
        file.write(values, 1)
    return path


def write_geoid(path, undulation, *, step=1.0):
    """A grid (GTX) of `undulation`(longitude, latitude) in m over the world, which PROJ reads; returns the path."""
    latitude, longitude = np.arange(-90, 90 + step, step), np.arange(-180, 180, step)
    values = np.broadcast_to(undulation(longitude, latitude[:, None]), (latitude.size, longitude.size))
    header = struct.pack(">ddddii", -90.0, -180.0, step, step, latitude.size, longitude.size)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + values.astype(">f4").tobytes())
    return path


def write_geotiff_geoid(path, values, pixel_is):
    """A grid of a geoid of the whole world as PROJ has them since version 7; `pixel_is`: Area or Point; returns the path."""
    step = 180.0 / (values.shape[0] - 1)
    transform = Affine(step, 0, -180.0 - step / 2, 0, -step, 90.0 + step / 2)
    layout = {"tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "deflate", "predictor": 3}
    kinds = {"driver": "GTiff", "count": 1, "dtype": "float32", "height": values.shape[0], "width": values.shape[1]}
    with rasterio.open(path, "w", crs="EPSG:4326", transform=transform, **kinds, **layout) as file:
        told = {
            "TYPE": "VERTICAL_OFFSET_GEOGRAPHIC_TO_VERTICAL",
            "target_crs_epsg_code": "5773",
            "area_of_use": "World",
        }
        file.update_tags(AREA_OR_POINT=pixel_is, **told)
        file.write(values, 1)
        file.set_band_description(1, "geoid_undulation")
        file.units = ("metre",)
    return path


def points(west, south, east, north, n=200, seed=0):
    """Latitudes and longitudes at random in a box."""
    random = np.random.default_rng(seed)
    return random.uniform(south, north, n), random.uniform(west, east, n)
