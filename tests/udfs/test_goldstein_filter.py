"""Identities, known truths and errors of the filter and of the coherence of cells."""

import numpy as np
import pytest
import xarray as xr

from udfs import goldstein_filter

PAIR = ["2024-08-09", "2024-08-21"]
CONTEXT = {
    "pairs": [PAIR],
    "coherence_window": 3,
    "min_valid": 0.25,
    "filter_alpha": 0.5,
    "filter_patch": 32,
    "filter_overlap": 0.5,
}
SHAPE = (96, 120)


def make_cube(interferogram, *, pair=PAIR, valid=None, powers=(1.0, 1.0)):
    """Means over cells of one pair: complex values, the intensities and the share of valid samples, each (y, x)."""
    valid = np.ones(interferogram.shape) if valid is None else valid
    planes = [interferogram.real, interferogram.imag, *(np.broadcast_to(p, interferogram.shape) for p in powers), valid]
    names = [f"{name}_{goldstein_filter.suffix(pair)}" for name in goldstein_filter.NEEDED]
    coords = {"t": [np.datetime64("2024-08-09", "ns")], "bands": names}
    coords |= {"y": np.arange(interferogram.shape[0]), "x": np.arange(interferogram.shape[1])}
    return xr.DataArray(np.array([planes], np.float32), coords, ("t", "bands", "y", "x"))


def run(interferogram, pair=PAIR, cube=None, **options):
    """Coherence, and the complex values before and after the filter."""
    cube = make_cube(interferogram, pair=pair) if cube is None else cube
    coherence, *parts = goldstein_filter.apply_datacube(cube, CONTEXT | {"pairs": [pair]} | options).values[0]
    return coherence, parts[0] + 1j * parts[1], parts[2] + 1j * parts[3]


def ramp(down=0.05, across=0.11):
    rows, columns = np.indices(SHAPE)
    return np.exp(1j * (down * rows + across * columns))


def noise(rng, level):
    return level * (rng.standard_normal(SHAPE) + 1j * rng.standard_normal(SHAPE))


def spread(values):
    """Circular standard deviation in rad."""
    return np.sqrt(-2 * np.log(abs(np.mean(values / abs(values)))))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# the filter


def test_exponent_0_returns_the_input(rng):
    values = noise(rng, 3)
    _, before, after = run(values, filter_alpha=0)
    assert np.array_equal(before, after)
    assert np.array_equal(after, values.astype(np.complex64))


@pytest.mark.parametrize("patch", [16, 32, 64])
@pytest.mark.parametrize("overlap", [0.5, 0.75, 0.875])
def test_a_constant_stays(patch, overlap):
    _, _, after = run(np.full((160, 140), 2 - 3j), filter_patch=patch, filter_overlap=overlap)
    inner = after[64:-64, 64:-64]
    np.testing.assert_allclose(inner, 2 - 3j, rtol=2e-6)


def test_a_ramp_keeps_its_slope_and_noise_falls(rng):
    truth = ramp()
    values = truth + noise(rng, 0.6)
    _, before, after = run(values, filter_alpha=1)
    residual = after * truth.conj()
    assert spread(residual) < 0.45 * spread(before * truth.conj())
    assert abs(np.angle(residual.mean())) < 0.02
    assert abs(np.angle(np.sum(residual[:, 8:] * residual[:, :-8].conj()))) < 0.02
    assert abs(np.angle(np.sum(residual[8:] * residual[:-8].conj()))) < 0.02


def test_a_larger_exponent_filters_more(rng):
    values = 1 + noise(rng, 0.8)
    spreads = [spread(run(values, filter_alpha=alpha)[2]) for alpha in (0, 0.3, 0.6, 1)]
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[-1] < 0.6 * spreads[0]


def test_the_spectrum_is_weighted_as_published(rng):
    patches = noise(rng, 1)[:32, :32][None].astype(np.complex64)
    spectrum = np.fft.fft2(patches[0].astype(complex))
    smooth = sum(np.roll(abs(spectrum), (a, b), (0, 1)) for a in (-1, 0, 1) for b in (-1, 0, 1))
    expected = np.fft.ifft2(spectrum * (smooth / smooth.max()) ** 0.5)
    np.testing.assert_allclose(goldstein_filter.weighted(patches, 0.5)[0], expected, atol=2e-6)


def test_weights_sum_to_one():
    for patch, stride in ((16, 8), (32, 8), (64, 8), (64, 32)):
        total = np.zeros((3 * patch, 3 * patch))
        for y in range(0, 2 * patch + 1, stride):
            for x in range(0, 2 * patch + 1, stride):
                total[y : y + patch, x : x + patch] += goldstein_filter.weights(patch, stride)
        np.testing.assert_allclose(total[patch:-patch, patch:-patch], 1, rtol=1e-6)


@pytest.mark.parametrize(("patch", "overlap"), [(64, 0.5), (32, 0.75), (16, 0.875)])
def test_tiles_equal_the_whole_bit_for_bit(rng, patch, overlap):
    values = rng.standard_normal((150, 200)) + 1j * rng.standard_normal((150, 200))
    values[20:50, 60:90] = np.nan
    cube, options = make_cube(values), CONTEXT | {"filter_patch": patch, "filter_overlap": overlap}
    whole = goldstein_filter.apply_datacube(cube, options)
    padded = cube.pad(y=(64, 192), x=(64, 192), constant_values=np.nan)
    for y, x in ((0, 0), (64, 128), (128, 64)):
        tile = padded.isel(y=slice(y, y + 64 + 128), x=slice(x, x + 64 + 128))
        inner = goldstein_filter.apply_datacube(tile, options).values[..., 64:128, 64:128]
        expected = whole.values[..., y : y + 64, x : x + 64]
        assert np.array_equal(inner[..., : expected.shape[-2], : expected.shape[-1]], expected, equal_nan=True), (y, x)


def test_swapped_dates_conjugate_bit_for_bit(rng):
    values = (ramp() + noise(rng, 1)).astype(np.complex64)
    coherence, before, after = run(values)
    other = run(values.conj(), pair=PAIR[::-1])
    assert np.array_equal(coherence, other[0])
    assert np.array_equal(before, other[1].conj())
    assert np.array_equal(after, other[2].conj())


def test_missing_cells_stay_missing(rng):
    values = ramp() + noise(rng, 0.1)
    values[40:44, 50:70] = np.nan
    _, before, after = run(values)
    assert np.array_equal(np.isnan(after), np.isnan(values))
    assert np.array_equal(np.isnan(before), np.isnan(values))


def test_no_data_at_all():
    cube = make_cube(np.zeros(SHAPE, complex))
    assert goldstein_filter.apply_datacube(cube.where(False), CONTEXT).isnull().all()


# coherence


def test_coherence_of_a_constant_is_one():
    coherence, _, _ = run(np.full(SHAPE, 3 + 4j), cube=make_cube(np.full(SHAPE, 3 + 4j), powers=(25, 1)))
    np.testing.assert_array_equal(coherence, 1)


@pytest.mark.parametrize("window", [1, 3, 5])
def test_coherence_is_that_of_the_sums(rng, window):
    values, powers = noise(rng, 1), rng.uniform(4, 9, (2, *SHAPE))
    coherence, _, _ = run(None, cube=make_cube(values, powers=powers), coherence_window=window)
    half = window // 2
    box = np.s_[30 - half : 31 + half, 41 - half : 42 + half]
    sums = [band[box].sum() for band in (values, *powers)]
    assert coherence[30, 41] == pytest.approx(abs(sums[0]) / np.sqrt(sums[1] * sums[2]), rel=1e-6)


def test_fringes_lower_the_coherence_of_wide_windows():
    assert run(ramp(0, 0))[0].min() == 1
    assert run(ramp(0.5, 0), coherence_window=5)[0][40, 40] == pytest.approx(np.sin(1.25) / 5 / np.sin(0.25), rel=1e-5)


def test_cells_count_by_their_valid_samples():
    valid = np.ones(SHAPE)
    valid[10, 10] = 0.2
    valid[20, 20] = 0.25
    valid[29:32, 29:32] = 0
    valid[30, 30] = 1
    values = np.full(SHAPE, 1 + 1j) * valid
    coherence, mean, after = run(None, cube=make_cube(values, valid=valid, powers=2**0.5 * valid[None].repeat(2, 0)))
    assert np.isnan(mean[10, 10])
    assert np.isnan(after[10, 10])
    assert np.isnan(coherence[10, 10])
    assert mean[20, 20] == pytest.approx(1 + 1j)
    assert coherence[20, 20] == pytest.approx(1)
    assert mean[30, 30] == pytest.approx(1 + 1j)
    assert np.isnan(coherence[30, 30])  # 1 of 9 cells


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"filter_alpha": 1.5}, r"^filter_alpha must be from 0 to 1, instead got 1.5\."),
        ({"filter_patch": 48}, r"^filter_patch must be one of \(16, 32, 64\), instead got 48\."),
        ({"filter_overlap": 0.6}, r"^filter_overlap must be one of \(0.5, 0.75, 0.875\), instead got 0.6\."),
        ({"coherence_window": 4}, r"^coherence_window must be odd, from 1 to 129, instead got 4\."),
        ({"min_valid": 0}, r"^min_valid must be above 0 and at most 1, instead got 0\."),
        ({"pairs": [["2024-08-09", "2024-09-02"]]}, r"^bands must hold i_20240809_20240902, instead got \['i_2024"),
    ],
)
def test_wrong_options(options, text):
    with pytest.raises(ValueError, match=text):
        goldstein_filter.apply_datacube(make_cube(ramp()), CONTEXT | options)


def test_several_dates_are_refused():
    cube = make_cube(ramp())
    with pytest.raises(ValueError, match=r"^cube must have one date on t, instead got 2\."):
        goldstein_filter.apply_datacube(xr.concat([cube, cube], "t"), CONTEXT)
