"""Heights of pixels: that the ground seen is the DEM's, on planes, hills, in layover, beside voids, and in any projection."""

import numpy as np
import pyproj
import pytest

from local_runner.geometry.bands import View, bands, positions
from local_runner.geometry.elevation import ConstantHeights, heights_of_raster
from local_runner.geometry.range_doppler import backward

from .circular import grid
from .dem_files import PIXEL, write_dem
from .ground_scene import MIDDLE, PRIMARY, SHAPE, box, cliff, hill, pixels, terrain, tilted, view

LINES, SAMPLES = np.ogrid[: SHAPE[0] : 7, : SHAPE[1]]


@pytest.mark.parametrize("shape", [tilted, hill, cliff])
def test_the_ground_of_a_pixel_is_ground_and_is_seen_there(tmp_path, shape):
    heights = terrain(tmp_path, shape)
    found = positions(view(heights), LINES, SAMPLES)
    np.testing.assert_allclose(heights.at(found.latitude, found.longitude), found.height, atol=0.1)
    line, sample = backward(PRIMARY, *found)
    np.testing.assert_allclose(line, np.broadcast_to(LINES, line.shape), atol=1e-3)
    np.testing.assert_allclose(sample, np.broadcast_to(SAMPLES, line.shape), atol=1e-3)


@pytest.mark.parametrize("shape", [tilted, hill])
def test_a_point_of_the_ground_is_found_again(tmp_path, shape):
    """From the DEM to the image and back, where there is one point only."""
    heights = terrain(tmp_path, shape)
    random = np.random.default_rng(1)
    latitude, longitude = (MIDDLE[i] + random.uniform(-0.004, 0.004, 300) for i in range(2))
    line, sample = (
        np.round(c).astype(int) for c in backward(PRIMARY, latitude, longitude, heights.at(latitude, longitude))
    )
    inside = (line >= 0) & (line < SHAPE[0]) & (sample >= 0) & (sample < SHAPE[1])
    assert inside.sum() > 30
    found = positions(view(heights), line[inside], sample[inside])
    apart = np.hypot((found.latitude - latitude[inside]) * 111_000, (found.longitude - longitude[inside]) * 76_000)
    assert apart.max() < 16.0


def test_a_plane_is_met_exactly(tmp_path):
    found = positions(view(terrain(tmp_path, tilted)), LINES, SAMPLES)
    np.testing.assert_allclose(found.height, tilted(found.longitude, found.latitude), atol=0.01)


def test_layover_leaves_no_hole_and_goes_from_near_to_far(tmp_path):
    heights = bands(view(terrain(tmp_path, cliff)))["height"]().compute()
    assert np.isfinite(heights).all()
    assert heights.min() == pytest.approx(300.0, abs=1.0)
    assert heights.max() > 500.0
    assert (np.diff(heights, axis=1) > 20.0).any()


def test_a_higher_ground_is_seen_farther_from_the_sensor():
    """The same range reaches farther at a greater height: to the east, where a right-looking ascending radar looks."""
    line, sample = pixels()
    low, high = (positions(view(ConstantHeights(h)), line, sample) for h in (0.0, 1000.0))
    assert (high.longitude > low.longitude + 0.01).all()


def test_voids_of_the_dem_are_voids_of_the_bands(tmp_path):
    def half(x, y):
        return np.where(x > MIDDLE[1], np.nan, 150.0 + 0 * y)

    scene = view(terrain(tmp_path, half))
    computed = {name: make().compute() for name, make in bands(scene).items()}
    missing = np.isnan(computed["height"])
    assert 0.2 < missing.mean() < 0.8
    for name, values in computed.items():
        np.testing.assert_array_equal(np.isnan(values), missing if name != "deramp_phase" else np.zeros_like(missing))


def test_a_void_takes_no_more_than_its_border(tmp_path):
    """A pixel has a height if its ground is not in a void, nor within two pixels of the DEM of one."""

    def broken(x, y):
        return np.where(np.abs(x - MIDDLE[1]) < 0.004, np.nan, hill(x, y))

    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    shapes = {"whole": hill, "broken": broken}
    whole, found = (positions(view(terrain(tmp_path / name, f)), LINES, SAMPLES) for name, f in shapes.items())
    apart = np.abs(whole.longitude - MIDDLE[1])
    assert np.isfinite(found.height[apart > 0.004 + 2 * PIXEL]).all()
    assert np.isnan(found.height[apart < 0.004 - PIXEL]).all()
    known = np.isfinite(found.height)
    np.testing.assert_allclose(found.height[known], whole.height[known], atol=0.01)


def test_a_dem_in_utm_gives_the_same_ground(tmp_path):
    west, south, east, north = box(0.07)
    zone = pyproj.CRS(f"EPSG:{32601 + int((west + 180) // 6)}")
    way = pyproj.Transformer.from_crs(4326, zone, always_xy=True)
    x0, y0, x1, y1 = way.transform_bounds(west, south, east, north)
    shape = int((y1 - y0) / 30), int((x1 - x0) / 30)

    def height(x, y):
        return tilted(*way.transform(*np.broadcast_arrays(x, y), direction="INVERSE"))

    path = write_dem(tmp_path / "utm.tif", height, west=x0, north=y1, shape=shape, pixel=30.0, crs=zone)
    found = positions(view(heights_of_raster([path], "ellipsoid", box())), LINES, SAMPLES)
    np.testing.assert_allclose(found.height, tilted(found.longitude, found.latitude), atol=0.02)


def test_heights_in_memory_are_those_of_the_raster(tmp_path):
    heights = terrain(tmp_path, hill)
    line, sample = pixels()
    np.testing.assert_allclose(
        positions(view(heights.load()), line, sample), positions(view(heights), line, sample), rtol=0, atol=1e-6
    )


def test_other_heights_are_met_by_fixed_point():
    class Sloping:
        span = (0.0, 1000.0)

        def at(self, latitude, longitude):
            return tilted(longitude, latitude) / 2

    line, sample = pixels(40)
    found = positions(view(Sloping()), line, sample)
    np.testing.assert_allclose(found.height, tilted(found.longitude, found.latitude) / 2, atol=0.01)


def test_the_antimeridian_is_no_cut(tmp_path):
    image = grid(shape=SHAPE, node_deg=20.0 + 180.0 - MIDDLE[1])
    west, south, east, north = box(0.06)
    turn = 180.0 - MIDDLE[1]

    def height(x, y):
        return tilted(x % 360.0 - turn, y)

    size = int((north - south) / PIXEL), int((east - west) / PIXEL)
    left = write_dem(tmp_path / "l.tif", height, west=180.0 - size[1] * PIXEL, north=north, shape=size)
    right = write_dem(tmp_path / "r.tif", height, west=-180.0, north=north, shape=size)
    heights = heights_of_raster([left, right], "ellipsoid", (west + turn, south, east + turn - 360.0, north))
    scene = View(image, image, heights)
    found = positions(scene, LINES, SAMPLES)
    np.testing.assert_allclose(found.height, height(found.longitude, found.latitude), atol=0.01)
    longitude = bands(scene)["grid_lon"]().compute()
    assert longitude.min() < -179.9
    assert longitude.max() > 179.9
    line, sample = backward(image, *found)
    np.testing.assert_allclose(sample - SAMPLES, 0.0, atol=1e-3)
    np.testing.assert_allclose(line - LINES, 0.0, atol=1e-3)


def test_a_dem_without_any_height_gives_none(tmp_path):
    found = positions(view(terrain(tmp_path, lambda x, y: np.nan * (x + y))), *pixels(20))
    assert np.isnan(found).all()
