"""Ground that no raster covers: an error, or open sea where that is said; and how far the pixels of an image see."""

import numpy as np
import pytest
from dask.base import tokenize

from local_runner.errors import DataError
from local_runner.geometry import geoid
from local_runner.geometry.elevation import SEA, heights_of_raster
from local_runner.geometry.ground import reach
from local_runner.geometry.range_doppler import forward

from .circular import grid, places
from .dem_files import PIXEL, write_dem, write_geoid

BOX = (10.05, 46.85, 10.3, 46.95)
"""The rasters of these tests end at 10.2 degrees east."""


def flat(x, y):
    return 7.0 + 0 * x + 0 * y


def sea(paths, datum="ellipsoid", box=BOX):
    return heights_of_raster(paths if isinstance(paths, list) else [paths], datum, box, gaps=SEA)


def test_the_error_says_what_to_do_at_the_coast(tmp_path):
    must = r"^DemIncomplete: The DEM .* must cover .* if there are none because it is open sea, say --dem-gaps sea\.$"
    with pytest.raises(DataError, match=must):
        heights_of_raster([write_dem(tmp_path / "dem.tif", flat)], "ellipsoid", BOX)


def test_what_no_raster_covers_is_the_level_of_the_sea(tmp_path):
    heights = sea(write_dem(tmp_path / "dem.tif", flat))
    longitude = np.array([10.1, 10.2 - PIXEL / 2, 10.2, 10.2 + PIXEL / 2, 10.28])
    expected = [7.0, 7.0, 3.5, 0.0, 0.0]
    np.testing.assert_allclose(heights.at(np.full(5, 46.9), longitude), expected, atol=1e-5)
    np.testing.assert_allclose(heights.load().at(np.full(5, 46.9), longitude), expected, atol=1e-5)


def test_the_sea_is_as_high_as_the_geoid(tmp_path, monkeypatch):
    monkeypatch.setenv(geoid.FOLDER, str(tmp_path))
    write_geoid(tmp_path / "egm08_25.gtx", lambda longitude, _: 48.0 + 0 * longitude)
    heights = sea(write_dem(tmp_path / "dem.tif", flat), "EGM2008")
    np.testing.assert_allclose(heights.at(np.full(2, 46.9), np.array([10.1, 10.28])), [55.0, 48.0], atol=1e-4)


def test_voids_of_rasters_are_no_sea(tmp_path):
    path = write_dem(tmp_path / "dem.tif", lambda x, y: np.where((x > 10.1) & (y > 0), np.nan, 7.0))
    found = sea(path).at(np.full(3, 46.9), np.array([10.08, 10.15, 10.28]))
    np.testing.assert_array_equal(found, [7.0, np.nan, 0.0])


def test_tiles_of_two_spacings_go_over_into_the_sea(tmp_path):
    """The raster of the wider pixels ends between two centres of the finer one."""
    fine = write_dem(tmp_path / "s.tif", flat, north=46.9)
    wide = write_dem(tmp_path / "n.tif", flat, north=46.9 + 120 * PIXEL, shape=(120, 160), pixel=(1.5 * PIXEL, PIXEL))
    grid_of_heights = sea([wide, fine]).load()
    assert np.isfinite(grid_of_heights.values).all()
    assert set(grid_of_heights.at(np.array([46.92, 46.92, 46.88]), np.array([10.1, 10.28, 10.1]))) == {7.0, 0.0}


def test_an_image_of_open_sea_needs_a_raster_for_its_datum_alone(tmp_path):
    far = write_dem(tmp_path / "far.tif", flat, west=100.0, north=-20.0)
    assert (sea(far).load().values == 0).all()


def test_sea_is_part_of_the_name(tmp_path):
    path, box = write_dem(tmp_path / "dem.tif", flat), (10.05, 46.85, 10.15, 46.95)
    assert tokenize(sea(path, box=box)) != tokenize(heights_of_raster([path], "ellipsoid", box))


@pytest.mark.parametrize("node_deg", [20.0, 20.0 + 180.0 - 14.0])
def test_reach_holds_all_that_pixels_may_see(node_deg):
    image = grid(shape=(600, 9000), node_deg=node_deg)
    west, south, east, north = reach(image)
    latitude, longitude = forward(image, *places(image))
    beyond = (longitude - west) % 360.0
    assert (beyond < east - west + 1e-3).all()
    assert (latitude > south - 1e-3).all()
    assert (latitude < north + 1e-3).all()
    assert east - west < 1.0
