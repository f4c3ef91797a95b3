"""The resampling kernels against the definition and against each other; tiles; the choice between two passes and one sum."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import pytest

from tests.udfs.resampling import SHAPE, definition, fields, make_cube, phase, run, speckle, spoiled
from udfs import slc_resample

needs_numba = pytest.mark.skipif(not slc_resample.WITH_NUMBA, reason="numba is not installed")
FIELDS = ("smooth", "rough places", "wild", "whole")
MODES = [pytest.param(True, marks=needs_numba, id="numba"), pytest.param(False, id="numpy")]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def example(name, rng, shape=SHAPE):
    slc, (azimuth, across) = spoiled(rng, speckle(rng, shape)), fields(name, rng, shape)
    return slc, azimuth, across, phase(rng, shape), phase(rng, shape)


def rms(values):
    return np.sqrt(2 * np.nanmean(np.square(values)))


@pytest.mark.parametrize("taps", [8, 12, 16])
@pytest.mark.parametrize("name", FIELDS)
def test_equals_the_definition(rng, name, taps):
    slc, azimuth, across, deramp, reramp = example(name, rng)
    result = run(make_cube(slc, azimuth, across, deramp, reramp), taps=taps).values
    expected = definition(slc, azimuth, across, deramp, -reramp, taps)
    found = np.isfinite(result).all(axis=0)
    np.testing.assert_array_equal(found, np.isfinite(expected))
    assert found.mean() > 0.1
    two_passes = (
        slc_resample.planned(azimuth, across, inner=np.s_[:, :], half=taps // 2).kind == slc_resample.TWO_PASSES
    )
    error = abs(result[0] + 1j * result[1] - expected) / rms(result)
    assert np.nanmax(np.where(two_passes, 0, error)) < 2e-6
    assert np.nanmax(error) < 5e-4


@needs_numba
@pytest.mark.parametrize("taps", [8, 12, 16])
@pytest.mark.parametrize("name", FIELDS)
def test_numba_and_numpy_agree_bit_for_bit(rng, monkeypatch, name, taps):
    cube = make_cube(*example(name, rng))
    results = []
    for with_numba in (True, False):
        monkeypatch.setattr(slc_resample, "WITH_NUMBA", with_numba)
        results.append(run(cube, taps=taps).values)
    np.testing.assert_array_equal(*results)


@needs_numba
@pytest.mark.parametrize("name", FIELDS)
def test_numba_and_numpy_plan_the_same(rng, monkeypatch, name):
    azimuth, across = fields(name, rng)
    plans = []
    for with_numba in (True, False):
        monkeypatch.setattr(slc_resample, "WITH_NUMBA", with_numba)
        plans.append(slc_resample.planned(azimuth, across, inner=np.s_[2:, :-3], half=6))
    for one, other in zip(*plans, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("with_numba", MODES)
@pytest.mark.parametrize("taps", [12, 16])
@pytest.mark.parametrize("name", FIELDS)
def test_tiles_with_the_overlap_equal_the_whole_bit_for_bit(rng, monkeypatch, name, taps, with_numba):
    monkeypatch.setattr(slc_resample, "WITH_NUMBA", with_numba)
    cube = make_cube(*example(name, rng, (64, 80)))
    whole = run(cube, taps=taps).values
    padded = cube.pad(y=16, x=16, constant_values=np.nan)
    for y, x in np.ndindex(4, 4):
        tile = run(padded.isel(y=slice(16 * y, 16 * y + 48), x=slice(20 * x, 20 * x + 52)), taps=taps).values
        expected = whole[:, 16 * y : 16 * y + 16, 20 * x : 20 * x + 20]
        np.testing.assert_array_equal(tile[:, 16:32, 16:36], expected)


@pytest.mark.parametrize("with_numba", MODES)
def test_parts_that_it_cuts_itself_change_no_bit(rng, monkeypatch, with_numba):
    monkeypatch.setattr(slc_resample, "WITH_NUMBA", with_numba)
    cube = make_cube(*example("rough places", rng, (90, 110)))
    whole = run(cube).values
    monkeypatch.setattr(slc_resample, "TILE", 40)
    np.testing.assert_array_equal(run(cube).values, whole)


@pytest.mark.parametrize("gradient", [0.0005, 0.00095])
def test_two_passes_are_as_good_as_one_sum(rng, monkeypatch, gradient):
    """At the largest change that two passes take, 1 - coherence with the double sum stays far below that of the kernel."""
    spectrum = np.zeros((160, 160), complex)
    band = np.abs(np.fft.fftfreq(160)) < 0.375
    spectrum[np.ix_(band, band)] = speckle(rng, (band.sum(), band.sum()))
    slc, rows = np.fft.ifft2(spectrum), np.indices((160, 160))[0]
    cube = make_cube(slc, 0.5 - 1e-4, 0.3 + gradient * rows)
    two = run(cube).values[:, 30:-30, 30:-30].astype(float)
    monkeypatch.setattr(slc_resample, "MAX_RANGE_STEP", -1)
    monkeypatch.setattr(slc_resample, "WITH_NUMBA", False)
    one = run(cube).values[:, 30:-30, 30:-30].astype(float)
    assert not np.array_equal(one, two)
    first, second = (v[0] + 1j * v[1] for v in (one, two))
    assert 1 - abs(np.vdot(first, second)) / np.linalg.norm(first) / np.linalg.norm(second) < 3e-7


def test_smooth_fields_go_in_two_passes_and_rough_ones_do_not(rng):
    count = lambda name: np.bincount(  # noqa: E731
        slc_resample.planned(*fields(name, rng, (200, 60)), inner=np.s_[:, :], half=6).kind.ravel(), minlength=4
    )
    assert count("smooth")[slc_resample.TWO_PASSES] > 0.9 * 200 * 60
    assert count("wild")[slc_resample.DOUBLE_SUM] == 200 * 60
    assert count("whole")[slc_resample.WHOLE] > 0.5 * 200 * 60


def test_weights_have_the_sum_one_and_whole_shifts_one_weight():
    for taps in (8, 12, 16):
        table = slc_resample.weights(taps).astype(float)
        np.testing.assert_allclose(table.sum(axis=1), 1, atol=3e-7)
        assert np.flatnonzero(table[0]).tolist() == [taps // 2 - 1]
        assert (table[1:] != 0).all()
        np.testing.assert_allclose(table[1:], table[:0:-1, ::-1], atol=1e-7)


def test_threads_that_come_at_once_compile_once():
    made = []

    @lru_cache
    def compile_for(taps):
        time.sleep(0.05)
        made.append(taps)
        return taps

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(slc_resample.compiled, [compile_for] * 4, [12] * 4)) == [12] * 4
    assert made == [12]
