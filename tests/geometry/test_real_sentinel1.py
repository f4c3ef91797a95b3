"""Real annotation of Sentinel-1 in ../shared/data: the geometry against the products' own geolocation grids, and two dates."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from local_runner.geometry.coregistration import coregister, locate, shift
from local_runner.geometry.ellipsoid import to_ecef
from local_runner.geometry.orbit import seconds_between
from local_runner.geometry.range_doppler import backward, forward, seen

from .annotations import FILES, carrier, geolocation, grid_of, needs_annotations, read
from .circular import places

pytestmark = needs_annotations
NAMES = [path.name[:14] + "-" + path.name[15:23] for path in FILES]
MOROCCO = [[path for path in FILES if f"slc-vv-{day}" in path.name] for day in ("20230904", "20230916")]
PAIRS = list(itertools.product(zip(*MOROCCO, strict=True), (0, 2, 5, 8)))
PAIR_IDS = [f"{primary.name[4:7]}-burst{burst}" for (primary, _), burst in PAIRS]
LIMITS = {"s1a": (1.5e-6, 5e-6, 1e-3), "s1b": (30e-6, 60e-6, 3e-3)}
"""Largest absolute mean and largest difference in azimuth time (s), largest difference in slant range (m)."""


def test_there_are_all_products():
    assert len(FILES) == 10


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_zero_doppler_against_the_geolocation_grid(path):
    tree = read(path)
    image, (azimuth_time, slant_range, latitude, longitude, height) = grid_of(tree), geolocation(tree)
    time, own_range = seen(image, to_ecef(latitude, longitude, height))
    difference = time - seconds_between(image.first_line_time, azimuth_time)
    mean, largest, largest_range = LIMITS[path.name[:3]]
    assert abs(difference.mean()) <= mean
    assert np.abs(difference).max() <= largest
    assert np.abs(own_range - slant_range).max() <= largest_range


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_forward_against_the_geolocation_grid(path):
    """Forward from the annotated time and range: within 7 km/s times the differences in time above."""
    tree = read(path)
    image, (azimuth_time, slant_range, latitude, longitude, height) = grid_of(tree), geolocation(tree)
    line = image.line_at(seconds_between(image.first_line_time, azimuth_time))
    own = forward(image, line, image.sample_at(slant_range), height)
    missed = np.linalg.norm(to_ecef(*own, height) - to_ecef(latitude, longitude, height), axis=-1)
    assert missed.max() < 7e3 * LIMITS[path.name[:3]][1]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_forward_and_backward_invert_each_other(path):
    image = grid_of(read(path), burst=4)
    line, sample, height = places(image, 2000)
    back = backward(image, *forward(image, line, sample, height), height)
    assert np.abs(np.subtract(back, (line, sample))).max() <= 1e-8


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_left_looking_radar_would_not_see_this(path):
    tree = read(path)
    *_, latitude, longitude, height = geolocation(tree)
    assert np.isnan(backward(replace(grid_of(tree), look="left"), latitude, longitude, height)).all()


@pytest.mark.parametrize(("files", "burst"), PAIRS, ids=PAIR_IDS)
def test_shift_polynomials_against_exact_geometry(files, burst):
    primary, date = (grid_of(read(path), burst) for path in files)
    pixels, found = places(primary, 20_000), coregister(primary, date)
    azimuth, across = shift(primary, date, *pixels)
    missed = np.abs(found.azimuth.at(*pixels) + found.line_offset - azimuth).max()
    missed_range = np.abs(found.range.at(*pixels) + found.sample_offset - across).max()
    assert missed < 1e-4
    assert missed_range * date.range_spacing_m * 4 * np.pi / date.wavelength_m < 0.02
    assert found.azimuth.coefficients.size == 72
    assert missed < 2 * found.residual_azimuth_px
    assert missed_range < 2 * found.residual_range_px


@pytest.mark.parametrize(("files", "burst"), PAIRS, ids=PAIR_IDS)
def test_position_polynomials_against_exact_geometry(files, burst):
    image = grid_of(read(files[0]), burst)
    pixels, found = places(image, 20_000), locate(image)
    own, truth = to_ecef(*found.at(*pixels), pixels[2]), to_ecef(*forward(image, *pixels), pixels[2])
    assert np.linalg.norm(own - truth, axis=-1).max() < 0.002
    assert found.residual_m < 0.01


def test_heights_matter_to_the_shift():
    """Some 0.025 px/km in range at a baseline of 35 to 40 m."""
    primary, date = (grid_of(read(path)) for path in (MOROCCO[0][0], MOROCCO[1][0]))
    across = coregister(primary, date).range.at(*primary.mid, np.array([0.0, 1000.0]))
    assert -0.03 < np.diff(across)[0] < -0.015


@pytest.mark.parametrize(("swath", "kt"), [(0, (1690, 1790)), (1, (1420, 1500)), (2, (1490, 1580))])
def test_carriers_have_the_rates_of_their_swaths(swath, kt):
    own = carrier(read(MOROCCO[0][swath]), burst=4)
    samples = np.array([0.0, own.samples - 1.0])
    rate = (own.frequency(1.0, samples) - own.frequency(0.0, samples)) / own.line_interval_s
    assert kt[0] < rate.min() < rate.max() < kt[1]
