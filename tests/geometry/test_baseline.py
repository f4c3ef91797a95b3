"""Baselines and reference phase of two circular orbits: signs and magnitudes."""

import numpy as np
import pytest

from local_runner.geometry.baseline import height_of_ambiguity, perpendicular_baseline, phase_of_ranges, reference_phase
from local_runner.geometry.coregistration import shift

from .circular import grid, places, with_orbit

PIXEL = (700.0, 12_000.0)


def pair(look, **changes):
    primary = grid(look=look, argument_deg=0.0)
    return primary, with_orbit(primary, **({"argument_deg": 0.0} | changes))


def higher_by(metres, image):
    """A date whose orbit is higher than the image's."""
    return with_orbit(image, radius_m=7.07e6 + metres)


@pytest.mark.parametrize("look", ["right", "left"])
def test_a_higher_sensor_has_a_positive_baseline(look):
    image = grid(look=look)
    higher, lower = (higher_by(metres, image) for metres in (100.0, -100.0))
    assert 50 < perpendicular_baseline(image, higher, *PIXEL, 0.0) < 100
    assert -100 < perpendicular_baseline(image, lower, *PIXEL, 0.0) < -50


@pytest.mark.parametrize(("look", "sign"), [("right", 1), ("left", -1)])
def test_a_sensor_further_to_the_west_has_a_baseline_on_the_upper_side_when_looking_east(look, sign):
    """Ascending: right is east. Away from the ground seen is towards the upper side of its line of sight."""
    primary, west = pair(look, node_deg=20 - 0.001)
    assert sign * perpendicular_baseline(primary, west, *PIXEL, 0.0) < -20
    primary, east = pair(look, node_deg=20 + 0.001)
    assert sign * perpendicular_baseline(primary, east, *PIXEL, 0.0) > 20


def test_exchange_of_dates_turns_the_sign():
    primary, date = pair("right", node_deg=20.001)
    there, back = perpendicular_baseline(primary, date, *PIXEL, 0.0), perpendicular_baseline(date, primary, *PIXEL, 0.0)
    assert back == pytest.approx(-there, rel=2e-3)


@pytest.mark.parametrize("look", ["right", "left"])
@pytest.mark.parametrize("node", [20.001, 19.999])
def test_reference_phase_grows_by_a_turn_per_height_of_ambiguity(look, node):
    primary, date = pair(look, node_deg=node)
    heights = np.array([-1.0, 1.0])
    rate = np.diff(np.unwrap(reference_phase(primary, date, *PIXEL, heights)))[0] / 2
    assert 2 * np.pi / rate == pytest.approx(float(height_of_ambiguity(primary, date, *PIXEL, 0.0)), rel=1e-3)


def test_height_of_ambiguity_has_the_sign_opposite_to_the_baseline():
    image = grid()
    higher = higher_by(100.0, image)
    line, sample, height = places(image)
    product = perpendicular_baseline(image, higher, line, sample, height) * height_of_ambiguity(
        image, higher, line, sample, height
    )
    assert (product < 0).all()


def test_a_date_has_no_baseline_to_itself():
    image = grid()
    assert abs(perpendicular_baseline(image, image, *PIXEL, 0.0)) < 1e-6
    assert np.abs(reference_phase(image, image, *places(image))).max() < 1e-5


def test_a_nearer_date_has_a_negative_phase():
    """R_p - R_s of a quarter wavelength is -pi, which is told as pi; of an eighth, -pi / 2."""
    np.testing.assert_allclose(
        phase_of_ranges(np.array([0.125, -0.125, 0.25, -0.25, 0.5]), 1.0), np.pi * np.array([-0.5, 0.5, 1, 1, 0])
    )


def test_reference_phase_is_that_of_the_slant_ranges():
    primary, date = pair("right", node_deg=20.001)
    line, sample, height = places(primary)
    there = date.slant_range_m(sample + shift(primary, date, line, sample, height)[1])
    phase = -4 * np.pi / primary.wavelength_m * (primary.slant_range_m(sample) - there)
    np.testing.assert_allclose(
        np.exp(1j * (reference_phase(primary, date, line, sample, height) - phase)), 1, atol=1e-6
    )


def test_points_that_are_not_seen_give_nan():
    primary, date = pair("right", node_deg=20.001)
    for function in (perpendicular_baseline, height_of_ambiguity, reference_phase):
        assert np.isnan(function(primary, date, 0.0, -200_000.0, 0.0))
