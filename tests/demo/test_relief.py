"""What simulated passes see of the ground, and where that is not clear."""

import numpy as np
import pytest

from local_runner.demo.crossing import Crossing
from local_runner.demo.relief import SPARSE, Relief

from .passes import PRODUCT, SECONDARY, hills, image, relief

ALL = range(PRODUCT.lines)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return [image(tmp_path_factory.mktemp(name), p) for name, p in (("a", PRODUCT), ("b", SECONDARY))]


def seen(folder, height, images, cell_deg=1 / 1200):
    return Relief.of_raster(images[0].grid, relief(folder, height, *images, cell_deg=cell_deg))


def test_pixels_see_the_heights_that_were_written(tmp_path, images):
    found = seen(tmp_path, lambda east, north: 1000 + 0.1 * east - 0.05 * north, images)
    heights = found.heights(ALL)
    latitude, longitude = found.positions(ALL, heights)
    np.testing.assert_allclose(heights, found.dem.at(latitude, longitude), atol=0.05)
    assert np.ptp(heights) > 50


@pytest.mark.parametrize("slope", [0.0, 0.55])
def test_gentle_ground_is_clear(tmp_path, images, slope):
    """The steeper one is searched for folds, and has none."""
    found = seen(tmp_path, lambda east, north: 800 + slope * np.abs(east % 4000 - 2000) + 0 * north, images)
    assert found.is_clear().all()


def step(fall, width, place=0.0):
    """Ground that falls to the east, away from the sensor, or rises where `fall` is below 0."""
    return lambda east, north: 900 + fall / 2 * (1 - np.tanh((east - place) / width)) + 0 * north


def test_slope_steeper_than_the_line_of_sight_is_layover(tmp_path, images):
    """51 degrees: to the sensor it folds, away from it it is seen."""
    rising, falling = (seen(tmp_path, step(fall, 120), images, 1 / 4800).is_clear() for fall in (-300, 300))
    folded = np.flatnonzero(~rising[48])
    assert 10 < folded.size == np.ptp(folded) + 1 < 60
    assert falling.all()


def test_ground_behind_a_wall_is_in_shadow(tmp_path, images):
    """A wall of 150 m hides 150 m / cos(incidence) of slant range, less what its own width takes."""
    hidden = ~seen(tmp_path, step(150, 24), images, 1 / 9600).is_clear()[48]
    longest = 150 / np.cos(np.radians(35.9)) / images[0].grid.range_spacing_m
    assert 0.8 * longest < hidden.sum() < longest + 2 * SPARSE
    assert np.diff(np.flatnonzero(hidden)).max() == 1


def test_wall_before_the_image_hides_its_first_samples(tmp_path, images):
    clear = seen(tmp_path, step(400, 70, place=-600), images, 1 / 4800).is_clear()
    assert not clear[:, :10].any()
    assert clear[:, -60:].all()


def test_polynomials_and_exact_places_agree(tmp_path, images):
    dem = relief(tmp_path, hills, *images)
    own, other = images[1].grid, images[0].grid
    heights = Relief.of_raster(own, dem).heights(ALL)
    fitted, exact = (Crossing.over(dem, own, other, is_exact=flag).places(ALL, heights, 0.25) for flag in (False, True))
    np.testing.assert_allclose(fitted, exact, atol=1e-4, rtol=0)
    assert np.ptp(exact[0][:, 0]) > 90
