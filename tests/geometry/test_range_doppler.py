"""Range-Doppler equations below circular orbits: everywhere on the Earth, on both sides, with and without Doppler."""

from dataclasses import replace

import numpy as np
import pytest

from local_runner.errors import DataError
from local_runner.geometry.doppler import Doppler
from local_runner.geometry.ellipsoid import to_ecef
from local_runner.geometry.range_doppler import backward, forward, ground, look, seen

from .circular import grid, places

PLACES = {
    "midlatitude": {},
    "descending": {"argument_deg": 140.0},
    "equator": {"argument_deg": 0.0},
    "south": {"argument_deg": 230.0},
    "pole": {"argument_deg": 90.0, "inclination_deg": 87.0},
    "antimeridian": {"argument_deg": 5.0, "node_deg": 176.0},
}


@pytest.fixture(params=[(place, side) for place in PLACES for side in ("right", "left")], ids="-".join)
def image(request):
    place, side = request.param
    return grid(look=side, **PLACES[place])


def squinted(image, frequency_hz=290.0):
    """The image with a Doppler centroid that varies with time and range."""
    time, slant_range = np.array([-1.0, 2.0, 5.0]), np.array([840e3, 870e3, 920e3])
    return replace(
        image, doppler=Doppler(time, slant_range, frequency_hz + 3 * np.add.outer(np.arange(3), np.arange(3)))
    )


def inversion(image):
    line, sample, height = places(image)
    back = backward(image, *forward(image, line, sample, height), height)
    return np.abs(np.subtract(back, (line, sample))).max()


def test_forward_and_backward_invert_each_other(image):
    assert inversion(image) < 1e-8


def test_they_do_so_with_a_doppler_centroid(image):
    assert inversion(squinted(image)) < 1e-8


def test_a_point_is_seen_where_it_is_nearest(image):
    point = ground(image, *places(image))
    time, slant_range = seen(image, point)
    for shift in (-0.01, 0.01):
        assert (np.linalg.norm(point - image.orbit.at(time + shift)[0], axis=-1) > slant_range).all()


def test_doppler_equation_holds(image):
    own = squinted(image)
    line, sample, height = places(own)
    sensor, velocity, _ = own.orbit.at(own.time_s(line))
    sight = ground(own, line, sample, height) - sensor
    slant_range = np.linalg.norm(sight, axis=-1)
    frequency = 2 * np.sum(velocity * sight, axis=-1) / (own.wavelength_m * slant_range)
    np.testing.assert_allclose(slant_range, own.slant_range_m(sample), atol=1e-8)
    np.testing.assert_allclose(frequency, own.doppler.at(own.time_s(line), slant_range), atol=1e-8)


def test_a_positive_centroid_is_seen_before_the_nearest_point(image):
    latitude, longitude = forward(image, *image.mid, 0.0)
    early = backward(squinted(image, 290.0), latitude, longitude, 0.0)[0]
    late = backward(squinted(image, -310.0), latitude, longitude, 0.0)[0]
    assert early < image.mid[0] - 50 < image.mid[0] + 50 < late


def test_the_side_of_the_look_is_kept(image):
    point, (sensor, velocity, _) = ground(image, *image.mid, 0.0), image.orbit.at(image.time_s(image.mid[0]))
    to_the_right = np.dot(point - sensor, np.cross(velocity, sensor)) > 0
    assert to_the_right == (image.look == "right")


def test_a_descending_right_looking_radar_looks_west():
    image = grid(argument_deg=140.0)
    latitude, longitude = forward(image, *image.mid, 0.0)
    east, north, up = look(image, image.mid[0], latitude, longitude, 0.0)
    assert east > 0.3
    assert abs(north) < 0.25
    assert 0.6 < up < 0.95


def test_look_vector_points_from_the_ground_to_the_sensor():
    image = grid()
    latitude, longitude = forward(image, *image.mid, 0.0)
    unit = look(image, image.mid[0], latitude, longitude, 0.0)
    np.testing.assert_allclose(np.linalg.norm(unit), 1, atol=1e-14)
    nearer = backward(image, latitude, longitude, 100.0)[1]
    assert (nearer - image.mid[1]) * image.range_spacing_m == pytest.approx(-100 * unit[2], rel=2e-3)


def test_heights_that_are_asked_for_are_met():
    image = grid()
    line, sample, height = places(image, span=(-1000, 20_000))
    latitude, longitude = forward(image, line, sample, height)
    np.testing.assert_allclose(to_ecef(latitude, longitude, height), ground(image, line, sample, height), atol=1e-7)


def test_points_of_the_other_side_are_not_seen(image):
    latitude, longitude = forward(image, *image.mid, 0.0)
    other = replace(image, look={"right": "left", "left": "right"}[image.look])
    assert np.isnan(backward(other, latitude, longitude, 0.0)).all()


@pytest.mark.parametrize("place", [(-40.0, 200.0), (40.0, -80.0), (0.0, 20.0), (np.nan, 0.0), (40.0, np.inf)])
def test_points_far_away_are_not_seen(place):
    assert np.isnan(backward(grid(), *place, 0.0)).all()


def test_points_whose_time_has_no_orbit_are_not_seen():
    image = grid()
    short = grid(vectors=3, step_s=4.0, shape=(100, 24_000))
    latitude, longitude = forward(image, np.array([0.0, 3000.0]), 5000.0, 0.0)
    line, _ = backward(short, latitude, longitude, 0.0)
    assert abs(line[0]) < 1e-4
    assert np.isnan(line[1])


def test_ranges_that_do_not_reach_the_ground_give_nan():
    image = grid(slant_range_first_m=500e3)
    latitude, longitude = forward(image, 0.0, np.array([0.0, 150_000.0]), 0.0)
    assert np.isnan(latitude[0])
    assert np.isnan(longitude[0])
    assert np.isfinite(latitude[1])


def test_ranges_beyond_the_horizon_give_nan():
    assert np.isnan(forward(grid(slant_range_first_m=4e6), 0.0, 0.0, 0.0)).all()


@pytest.mark.parametrize("line", [1e6, -1e300, np.inf])
def test_lines_without_orbit_are_an_error(line):
    with pytest.raises(DataError, match=r"^OrbitTooShort: times must lie between the first and the last orbit vector"):
        forward(grid(), line, 0.0, 0.0)


def test_scalars_and_broadcasting():
    image = grid()
    lines, samples = np.arange(3.0)[:, None], np.arange(0, 20_000, 5000.0)
    latitude, longitude = forward(image, lines, samples, 100.0)
    assert latitude.shape == (3, 4)
    line, sample = backward(image, latitude, longitude, 100.0)
    np.testing.assert_allclose(line, np.broadcast_to(lines, (3, 4)), atol=1e-8)
    np.testing.assert_allclose(sample, np.broadcast_to(samples, (3, 4)), atol=1e-8)
    assert forward(image, 1.0, 2.0, 3.0)[0].shape == ()


def test_blocks_are_seamless(monkeypatch):
    image = grid()
    whole = forward(image, *places(image))
    monkeypatch.setattr("local_runner.geometry.range_doppler.BLOCK", 64)
    np.testing.assert_array_equal(forward(image, *places(image)), whole)
    assert inversion(image) < 1e-8
