"""The share of points at which a DEM has no height."""

import numpy as np
import pytest
import rasterio

from local_runner.errors import DataError
from local_runner.geometry.elevation import SEA, heights_of_raster
from local_runner.geometry.voids import void_share

from .dem_files import PIXEL, write_dem

BOX = (10.02, 46.82, 10.18, 46.98)
LONGITUDE, LATITUDE = (
    axis.ravel() for axis in np.meshgrid(np.linspace(10.02, 10.18, 21), np.linspace(46.82, 46.98, 21))
)


def share(paths, box=BOX, **options):
    heights = heights_of_raster(paths if isinstance(paths, list) else [paths], "ellipsoid", box, **options)
    return void_share(heights, LATITUDE, LONGITUDE)


def west_void(x, y):
    """7 m, but NaN in the western half of the points."""
    return np.where((x < 10.0999) & (y > 0), np.nan, 7.0)


def test_heights_everywhere(tmp_path):
    assert share(write_dem(tmp_path / "dem.tif")) == 0


@pytest.mark.parametrize("nodata", [None, np.nan, -32768.0, -9999.9])
def test_voids_are_nan_or_the_no_data_value(tmp_path, nodata):
    filled = np.nan if nodata is None else nodata
    path = write_dem(tmp_path / "dem.tif", lambda x, y: np.where(np.isnan(west_void(x, y)), filled, 7.0), nodata=nodata)
    assert share(path) == 10 / 21


def test_nothing_but_voids(tmp_path):
    assert share(write_dem(tmp_path / "dem.tif", lambda x, y: np.nan * x * y)) == 1


def test_a_no_data_value_of_0_is_the_sea(tmp_path):
    assert share(write_dem(tmp_path / "dem.tif", lambda x, y: 0 * x * y, nodata=0)) == 0


def test_a_coarser_tile_fills_the_voids_of_a_finer_one(tmp_path):
    fine = write_dem(tmp_path / "fine.tif", west_void)
    coarse = write_dem(tmp_path / "coarse.tif", shape=(120, 120), pixel=2 * PIXEL)
    assert share([fine, coarse]) == 0


def test_sea_is_no_void_but_voids_stay(tmp_path):
    path = write_dem(tmp_path / "dem.tif", west_void, shape=(240, 168))
    found = share(path, gaps=SEA)
    assert found == 10 / 21


def test_points_at_the_border_ask_the_nearest_pixel(tmp_path):
    path = write_dem(tmp_path / "dem.tif", west=10.02 + PIXEL, north=46.98 - PIXEL, shape=(191, 191))
    assert share(path, (10.03, 46.83, 10.17, 46.97)) == 0


def test_a_damaged_raster_is_named(tmp_path):
    path = write_dem(tmp_path / "dem.tif", compress="deflate")
    heights = heights_of_raster([path], "ellipsoid", BOX)
    with rasterio.open(path) as file:
        start = int(file.get_tag_item("BLOCK_OFFSET_0_0", dm="TIFF", bidx=1))
    with path.open("r+b") as file:
        file.seek(start)
        file.write(bytes(path.stat().st_size - start))
    with pytest.raises(DataError, match=r"^DataCorrupt: .*dem\.tif must be a whole, readable GeoTIFF"):
        void_share(heights, LATITUDE, LONGITUDE)
