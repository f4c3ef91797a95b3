"""Coregistration by orbits: polynomials against exact geometry of two circular orbits, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from local_runner.errors import OpenEOError
from local_runner.geometry.coregistration import Coregistration, coregister, locate, shift, wrapped
from local_runner.geometry.range_doppler import backward, forward

from .circular import EPOCH, grid, places, with_orbit

PRIMARY = grid()
DATE = with_orbit(PRIMARY, radius_m=7.07e6 + 120.0, node_deg=20.001, argument_deg=40.0004)
"""An orbit some 130 m away."""


def misses(found: Coregistration, primary, date):
    """Largest differences in px from exact geometry, azimuth and range, at random pixels and heights."""
    pixels = places(primary, 5000)
    truth = shift(primary, date, *pixels)
    own = found.line_offset + found.azimuth.at(*pixels), found.sample_offset + found.range.at(*pixels)
    return np.abs(np.subtract(own, truth)).max(axis=1)


def test_shifts_are_those_of_exact_geometry():
    azimuth, across = misses(coregister(PRIMARY, DATE), PRIMARY, DATE)
    assert azimuth < 1e-4
    assert across * 4 * np.pi * DATE.range_spacing_m / DATE.wavelength_m < 0.02


def test_residuals_tell_what_is_missed():
    found = coregister(PRIMARY, DATE)
    told = found.residual_azimuth_px, found.residual_range_px
    assert (misses(found, PRIMARY, DATE) < 1.5 * np.array(told) + 1e-9).all()


def test_shift_is_the_place_in_the_date_minus_that_in_the_primary():
    line, sample, height = places(PRIMARY)
    there = backward(DATE, *forward(PRIMARY, line, sample, height), height)
    np.testing.assert_allclose(
        shift(PRIMARY, DATE, line, sample, height), np.subtract(there, (line, sample)), atol=1e-8
    )


def test_an_image_is_not_shifted_from_itself():
    found = coregister(PRIMARY, PRIMARY)
    assert (found.line_offset, found.sample_offset) == (0, 0)
    assert max(np.abs(p.at(*places(PRIMARY))).max() for p in (found.azimuth, found.range)) < 1e-8


def test_a_later_start_is_a_smaller_line():
    later = replace(
        PRIMARY, first_line_time=EPOCH + np.timedelta64(205_556, "us"), slant_range_first_m=850e3 - 7 * 2.329562
    )
    found = coregister(PRIMARY, later)
    assert (found.line_offset, found.sample_offset) == (-100, 7)
    np.testing.assert_allclose(found.azimuth.at(*places(PRIMARY)), 100 - 0.205556 / 2.0555563e-3, atol=1e-6)
    np.testing.assert_allclose(found.range.at(*places(PRIMARY)), 0, atol=1e-6)


def test_offsets_do_not_depend_on_the_heights():
    offsets = [
        (c.line_offset, c.sample_offset) for c in (coregister(PRIMARY, DATE, s) for s in ((0, 100), (3000, 8800)))
    ]
    assert offsets[0] == offsets[1]


def test_shape_of_the_date_does_not_matter():
    one, other = coregister(PRIMARY, DATE), coregister(PRIMARY, replace(DATE, shape=(1510, 23_500)))
    assert (one.line_offset, one.sample_offset) == (other.line_offset, other.sample_offset)
    np.testing.assert_allclose(one.azimuth.at(*places(PRIMARY)), other.azimuth.at(*places(PRIMARY)), atol=1e-8)


@pytest.mark.parametrize(("cycles", "lines"), [(1, -1342), (-1, 1342), (2, -2684)])
def test_another_burst_is_refused(cycles, lines):
    other = replace(PRIMARY, first_line_time=EPOCH + cycles * np.timedelta64(2_758_273, "us"))
    with pytest.raises(
        OpenEOError, match=rf"^ShiftTooLarge: .*, instead got {lines} lines. Check that both are the same burst"
    ):
        coregister(PRIMARY, other)


def test_images_that_have_half_in_common_are_placed():
    half = replace(PRIMARY, first_line_time=EPOCH + np.timedelta64(1_520_000, "us"))
    assert coregister(PRIMARY, half).line_offset == -739


def test_another_range_gate_is_refused():
    with pytest.raises(OpenEOError, match=r"^ShiftTooLarge: .*, instead got -2\d{4} samples"):
        coregister(PRIMARY, replace(PRIMARY, slant_range_first_m=910e3))


def test_another_sampling_is_refused():
    match = r"^ShiftTooLarge: .* at most 8 px .*, instead got remainders of \[0.0, 1[12]\.\d+\] px"
    with pytest.raises(OpenEOError, match=match):
        coregister(PRIMARY, replace(PRIMARY, range_spacing_m=2.329562 * 1.001))


def test_an_orbit_elsewhere_is_refused():
    with pytest.raises(OpenEOError, match=r"^ShiftTooLarge: .*, instead got a mid that the date does not see"):
        coregister(PRIMARY, with_orbit(PRIMARY, node_deg=70.0))


def test_an_orbit_that_ends_early_is_refused():
    short = grid(vectors=3, step_s=2.0, shape=(100, 24_000))
    with pytest.raises(
        OpenEOError, match=r"^ShiftTooLarge: .*, instead got a pixel .* not before its orbit vectors end"
    ):
        coregister(PRIMARY, short)


def test_heights_must_be_known():
    with pytest.raises(OpenEOError, match=r"^HeightsInvalid: heights must be a lowest and a highest, finite"):
        coregister(PRIMARY, DATE, (np.nan, np.nan))


def position_error_m(image):
    """Largest distance of the polynomials from exact positions, at most."""
    pixels = places(image, 5000)
    latitude, longitude = (
        own - true for own, true in zip(locate(image).at(*pixels), forward(image, *pixels), strict=True)
    )
    return 111_320 * np.hypot(latitude, wrapped(longitude)).max()


@pytest.mark.parametrize("argument", [-85.0, -40.0, 0.0, 60.0, 80.0, 88.0])
def test_positions_are_those_of_exact_geometry(argument):
    assert position_error_m(grid(argument_deg=argument)) < 0.01


def test_positions_across_the_antimeridian():
    image = grid(argument_deg=5.0, node_deg=176.0)
    longitude = forward(image, *places(image))[1]
    assert longitude.min() < -179
    assert longitude.max() > 179
    assert position_error_m(image) < 0.01
    assert np.ptp(locate(image).longitude.at(*places(image))) < 3


def test_an_image_with_a_pole_is_refused():
    image = grid(argument_deg=90.0, inclination_deg=94.4)
    assert forward(image, *places(image))[0].max() > 89.9
    with pytest.raises(
        OpenEOError, match=r"^GeometryNotSmooth: degrees of position must be polynomials of degrees up to \(9, 12, 6\)"
    ):
        locate(image)


def test_a_long_image_takes_higher_degrees():
    image = grid(shape=(12_000, 24_000), vectors=21)
    found = coregister(image, replace(image, orbit=DATE.orbit.since(EPOCH)))
    assert found.residual_azimuth_px < 1e-4
    assert (
        misses(found, image, with_orbit(image, radius_m=7.07e6 + 120.0, node_deg=20.001, argument_deg=40.0004)) < 1e-4
    ).all()


def test_wrapped_longitudes_keep_what_is_in_range():
    inside = np.array([-180.0, -1e-15, 12.345678901234567, 179.99999999999997])
    np.testing.assert_array_equal(wrapped(inside), inside)
    np.testing.assert_allclose(wrapped(np.array([180.0, 181.0, -181.0, 540.0])), [-180, -179, 179, -180])
