"""The ellipsoid: positions there and back, and directions."""

import numpy as np
import pyproj
import pytest

from local_runner.geometry.ellipsoid import east_north_up, to_ecef, to_geodetic

LATITUDES = np.concatenate((np.linspace(-90, 90, 361), [-89.9999999, 89.9999999, 1e-12]))
LONGITUDES = np.array([-179.999, -90.0, 0.0, 11.3, 135.0, 180.0])
HEIGHTS = np.array([-1000.0, 0.0, 8848.0, 35_786.0, 700e3, 1e6])
GRID = tuple(np.meshgrid(LATITUDES, LONGITUDES, HEIGHTS, indexing="ij"))


def test_there_and_back():
    position = to_ecef(*GRID)
    assert np.linalg.norm(to_ecef(*to_geodetic(position)) - position, axis=-1).max() < 5e-9
    latitude, _, height = to_geodetic(position)
    assert np.abs(latitude - GRID[0]).max() < 3e-14
    assert np.abs(height - GRID[2]).max() < 4e-9


def test_positions_are_those_of_pyproj():
    truth = np.stack(pyproj.Transformer.from_crs(4979, 4978).transform(*GRID), axis=-1)
    np.testing.assert_allclose(to_ecef(*GRID), truth, rtol=0, atol=5e-9)


def test_semi_axes():
    np.testing.assert_allclose(to_ecef(0, 0, 0), (6378137, 0, 0), atol=1e-9)
    np.testing.assert_allclose(to_ecef(90, 0, 0), (0, 0, 6356752.314245179), atol=1e-9)


def test_at_a_pole_and_with_nan():
    assert to_geodetic(np.array([0.0, 0.0, 6356752.314245179 + 100]))[0] == 90
    assert np.isnan(to_geodetic(np.array([np.nan, 0.0, 7e6]))[0])
    assert np.isnan(to_ecef(np.nan, 0, 0)).any()


@pytest.mark.parametrize(("row", "step"), [(0, (0, 1e-4, 0)), (1, (1e-4, 0, 0)), (2, (0, 0, 10.0))])
def test_directions_are_those_in_which_positions_change(row, step):
    place = (47.3, 11.3, 500.0)
    change = to_ecef(*np.add(place, step)) - to_ecef(*np.subtract(place, step))
    np.testing.assert_allclose(east_north_up(*place[:2])[row], change / np.linalg.norm(change), atol=1e-8)


def test_directions_are_a_right_handed_basis():
    axes = east_north_up(LATITUDES[:, None], LONGITUDES)
    assert axes.shape == (LATITUDES.size, LONGITUDES.size, 3, 3)
    np.testing.assert_allclose(
        np.einsum("...ij,...kj->...ik", axes, axes), np.broadcast_to(np.eye(3), axes.shape), atol=1e-15
    )
    np.testing.assert_allclose(np.linalg.det(axes), 1, atol=1e-14)
