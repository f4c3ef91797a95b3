"""Pixels of geometries against their definition, asked of shapely for every single centre or cell."""

import numpy as np
import pytest
import shapely
from shapely.geometry import LineString, MultiPoint, Point, Polygon

from local_runner.vector import LONLAT, Geometries
from local_runner.vector_pixels import Pixels
from tests.processes import UTM, make_cube, on_map
from tests.processes.shapes import LEFT, TOP, radar

CUBE = on_map(make_cube(y=60, x=70, chunks=17))


def shapes_of(*shapes, crs=UTM):
    return Geometries(np.array([*shapes, None], object)[:-1], crs, [{} for _ in shapes])


def star(seed):
    """A star with corners here and there, every other one of them with its corners on centres and edges of cells."""
    rng = np.random.default_rng(seed)
    angle, radius = np.sort(rng.uniform(0, 2 * np.pi, 9)), rng.uniform(20, 290, 9)
    corners = np.stack([LEFT + 350 + radius * np.cos(angle), TOP - 300 + radius * np.sin(angle)], axis=1)
    return Polygon(np.round(corners / 5) * 5 if seed % 2 else corners)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("upside_down", [False, True])
def test_centres_that_a_polygon_intersects(seed, upside_down):
    cube = CUBE.isel(y=slice(None, None, -1)) if upside_down else CUBE
    shape = star(seed)
    expected = shapely.intersects_xy(shape, *np.meshgrid(cube.x, cube.y))
    pixels = Pixels(cube)
    assert np.array_equal(pixels.covered(pixels.shapes(shapes_of(shape))), expected)
    window = pixels.window(shape)
    assert np.array_equal(window.inside, expected[window.rows, window.columns])
    assert window.inside.sum() == expected.sum()


@pytest.mark.parametrize("seed", range(6))
def test_cells_that_a_line_meets(seed):
    """The corners of the line are nowhere near the edges of cells, where a pixel is as close as its neighbour."""
    corners = np.random.default_rng(seed).integers(0, 60, (5, 2)) * 10 + (3.3, 6.1)
    line = LineString(np.stack([LEFT + corners[:, 0], TOP - corners[:, 1]], axis=1))
    x, y = np.meshgrid(CUBE.x, CUBE.y)
    cells = shapely.box(x - 5, y - 5, x + 5, y + 5)
    pixels = Pixels(CUBE)
    found = pixels.covered(pixels.shapes(shapes_of(line))).values
    deep = shapely.length(shapely.intersection(line, cells)) > 0.5
    assert found[deep].all()
    assert not found[~shapely.intersects(line, cells)].any()


def test_the_closest_pixel_of_each_point():
    places = np.random.default_rng(0).uniform(0, 600, (20, 2))
    points = MultiPoint(np.stack([LEFT + places[:, 0], TOP - places[:, 1]], axis=1))
    expected = np.zeros((60, 70), bool)
    expected[(places[:, 1] // 10).astype(int), (places[:, 0] // 10).astype(int)] = True
    pixels = Pixels(CUBE)
    assert np.array_equal(pixels.covered(pixels.shapes(shapes_of(points))), expected)


@pytest.mark.parametrize(
    "shape", [Polygon(), Point(LEFT - 1, TOP - 5), Point(LEFT + 5, TOP + 1), Point(LEFT + 701, TOP - 5)]
)
def test_what_holds_no_pixel_has_no_window(shape):
    assert Pixels(CUBE).window(shape) is None


def test_radar_geometry_by_its_positions():
    pixels = Pixels(radar())
    shape = Point(4.1, 52.05).buffer(0.04)
    lon, lat = np.meshgrid(4 + 0.02 * np.arange(10), 52 + 0.01 * np.arange(12))
    expected = shapely.intersects_xy(shape, lon, lat)
    found = pixels.covered(pixels.shapes(shapes_of(shape, crs=LONLAT))).values
    assert (found != expected).sum() <= 2  # positions are float32: the border may lie on either side
    window = pixels.window(shape)
    assert np.array_equal(window.inside, found[window.rows, window.columns])


def test_positions_with_gaps_belong_to_nothing():
    cube = radar().load()
    cube[:, 1:, 5] = np.nan
    pixels = Pixels(cube.chunk())
    found = pixels.covered(pixels.shapes(shapes_of(shapely.box(3, 51, 5, 53), crs=LONLAT)))
    assert found.sum("x").values.tolist() == [10] * 5 + [0] + [10] * 6
