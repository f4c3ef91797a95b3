"""Radar grids and Doppler centroids: axes, checks, and the refusal of lines that are not zero-Doppler."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from dask.base import tokenize

from local_runner.errors import DataError, OpenEOError
from local_runner.geometry.baseline import perpendicular_baseline, reference_phase
from local_runner.geometry.coregistration import coregister
from local_runner.geometry.doppler import Doppler
from local_runner.geometry.radar_grid import is_zero_doppler, lines_off, require_zero_doppler
from local_runner.geometry.range_doppler import backward, forward

from .circular import EPOCH, grid

IMAGE = grid()
AXES = (np.array([0.0, 1.0, 3.0]), np.array([850e3, 900e3]))
VALUES = np.array([[10.0, 20.0], [12.0, 26.0], [20.0, 30.0]])


def constant(frequency_hz):
    return Doppler(np.array([0.0]), np.array([850e3, 900e3]), np.full((1, 2), frequency_hz))


def test_lines_and_samples_are_linear_in_time_and_range():
    assert IMAGE.time_s(1000) == 1000 * 2.0555563e-3
    assert IMAGE.slant_range_m(0) == 850e3
    np.testing.assert_allclose(IMAGE.line_at(IMAGE.time_s(np.arange(5))), np.arange(5), atol=1e-12)
    np.testing.assert_allclose(IMAGE.sample_at(IMAGE.slant_range_m(np.arange(5))), np.arange(5), atol=1e-9)
    assert IMAGE.mid == (749.5, 11_999.5)


def test_times_of_lines_are_moments():
    assert IMAGE.time_of(0) == EPOCH
    assert IMAGE.time_of(1000) == EPOCH + np.timedelta64(2_055_556, "us")
    assert IMAGE.line_of(EPOCH + np.timedelta64(2_055_556, "us")) == pytest.approx(1000, abs=5e-4)


def test_the_orbit_is_put_to_the_first_line():
    moved = replace(IMAGE, first_line_time=EPOCH + np.timedelta64(1, "s"))
    assert moved.orbit.epoch == moved.first_line_time
    np.testing.assert_allclose(moved.orbit.at(0.0)[0], IMAGE.orbit.at(1.0)[0], atol=1e-8)


def test_grids_are_told_apart_by_what_they_hold():
    used = pickle.loads(pickle.dumps(IMAGE))
    used.orbit.at(0.0)
    assert tokenize(used) == tokenize(grid())
    assert tokenize(used) != tokenize(replace(used, orbit=replace(used.orbit, position_m=used.orbit.position_m + 1e-6)))


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("line_interval_s", 0.0, "line_interval_s must be above 0"),
        ("slant_range_first_m", np.nan, "slant_range_first_m must be above 0"),
        ("range_spacing_m", -2.3, "range_spacing_m must be above 0"),
        ("wavelength_m", np.inf, "wavelength_m must be above 0 and finite"),
        ("shape", (0, 5), "shape must be lines and samples"),
        ("look", "up", r"look must be one of \('right', 'left'\)"),
    ],
)
def test_impossible_fields_are_refused_by_name(field, value, text):
    with pytest.raises(DataError, match=rf"^GridInvalid: radar grid: {text}"):
        replace(IMAGE, **{field: value})


def test_the_first_line_must_have_a_time():
    with pytest.raises(DataError, match=r"^GridInvalid: first_line_time must be a time"):
        replace(IMAGE, first_line_time=np.datetime64("NaT"))


@pytest.mark.parametrize("start", [-81, 78])
def test_the_orbit_must_cover_all_lines(start):
    with pytest.raises(
        DataError, match=r"^OrbitTooShort: times must lie between .* Use an orbit file that covers the image"
    ):
        replace(IMAGE, first_line_time=EPOCH + np.timedelta64(start, "s"))


def test_doppler_is_bilinear_and_held_beyond_its_axes():
    doppler = Doppler(*AXES, VALUES)
    np.testing.assert_allclose(doppler.at(AXES[0][:, None], AXES[1]), VALUES)
    assert doppler.at(2.0, 875e3) == pytest.approx((12 + 26 + 20 + 30) / 4)
    assert doppler.at(-5.0, 800e3) == 10
    assert doppler.at(5.0, 1e6) == 30
    assert np.isnan(doppler.at(np.nan, 875e3))
    assert constant(7.0).at(3.0, 860e3) == 7


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("time_s", AXES[0][::-1], "time_s must ascend strictly"),
        ("slant_range_m", np.array([850e3, np.nan]), "slant_range_m must be finite"),
        ("frequency_hz", VALUES.T, r"frequency_hz must have the shape \(3, 2\)"),
    ],
)
def test_damaged_centroids_are_refused_by_field(field, value, text):
    with pytest.raises(DataError, match=rf"^DopplerInvalid: Doppler centroid: {text}"):
        replace(Doppler(*AXES, VALUES), **{field: value})


@pytest.mark.parametrize("frequency", [290.0, -30.0])
def test_lines_off_is_what_the_wrong_assumption_displaces(frequency):
    own = replace(IMAGE, doppler=constant(frequency))
    latitude, longitude = forward(own, *own.mid, 0.0)
    displaced = backward(IMAGE, latitude, longitude, 0.0)[0] - own.mid[0]
    assert np.sign(displaced) == np.sign(frequency)
    assert lines_off(IMAGE, constant(frequency)) == pytest.approx(abs(displaced), rel=0.05)


def test_a_grid_is_zero_doppler_without_a_centroid_or_with_one_of_zero():
    assert is_zero_doppler(IMAGE)
    assert is_zero_doppler(replace(IMAGE, doppler=constant(1e-4)))
    assert not is_zero_doppler(replace(IMAGE, doppler=constant(1.0)))


def test_what_needs_zero_doppler_refuses_other_lines():
    other = replace(IMAGE, doppler=constant(290.0))
    match = (
        r"^DopplerNotZero: the lines .*, instead got a Doppler centroid of 290.0 Hz .*, which is up to 6\d[.\d]* lines"
    )
    pixel = (0.0, 0.0, 0.0)
    calls = [
        lambda f=f, pair=pair: f(*pair, *pixel)
        for f in (perpendicular_baseline, reference_phase)
        for pair in pairs(other)
    ]
    calls += [lambda: require_zero_doppler(other), *(lambda pair=pair: coregister(*pair) for pair in pairs(other))]
    for call in calls:
        with pytest.raises(OpenEOError, match=match):
            call()


def pairs(other):
    return (IMAGE, other), (other, IMAGE)
