"""Identities, known truths and errors of the UDF for enhanced spectral diversity."""

import numpy as np
import pytest
import xarray as xr
from openeo.metadata import Band, BandDimension, CubeMetadata
from scipy.ndimage import uniform_filter

from tests.bursts.looks import DT, PRIMARY, SECONDARY, Overlap, cube_of
from udfs import enhanced_spectral_diversity

PAIR = [PRIMARY, SECONDARY]
CONTEXT = {"pairs": [PAIR], "line_interval_s": DT, "window_range": 15, "window_azimuth": 5, "min_coherence": 0.0}
DIFFERENCE_HZ = 4026.0
TURN_PX = 1 / (DIFFERENCE_HZ * DT)
SHAPE = (24, 48)


def run(cube, **options):
    return enhanced_spectral_diversity.apply_datacube(cube, CONTEXT | options)


def offset_and_coherence(cube, **options):
    return run(cube, **options).values[0]


def apart(values):
    """Of windows of 5 x 15 that share no sample."""
    taken = values[2::5, 7::15]
    return taken[np.isfinite(taken)]


def noise(rng, shape=SHAPE):
    return rng.standard_normal((2, 2, *shape)) + 1j * rng.standard_normal((2, 2, *shape))


def correlated(rng, shape=SHAPE):
    """Looks (date, burst, y, x) of coherence about 0.8."""
    looks = noise(rng, shape)
    looks[1] = 0.8 * looks[0] + 0.6 * looks[1]
    return looks * 30


def turned(phase):
    """Cube of looks of amplitude 1 whose double difference has this phase (y, x), in rad."""
    looks = np.ones((2, 2, *phase.shape), complex)
    looks[1, 1] = np.exp(1j * phase)
    return cube_of(looks, np.full(phase.shape, DIFFERENCE_HZ))


def reference(cube, azimuth=5, range_=15):
    """The definition with a zero border, written without the code under test."""
    date = {d: cube.isel(t=n).values.astype(float) for n, d in enumerate(PAIR)}
    p, s = date[PRIMARY], date[SECONDARY]
    looks = [(p[i] + 1j * p[i + 1], s[i] + 1j * s[i + 1]) for i in (0, 2)]
    valid = np.all([np.isfinite(z) & (z != 0) for look in looks for z in look], axis=0)
    earlier, later = (np.where(valid, a, 0) * np.where(valid, b, 0).conj() for a, b in looks)
    box = lambda v: uniform_filter(v, (azimuth, range_), mode="constant")  # noqa: E731
    product = earlier * later.conj()
    total = box(product.real) + 1j * box(product.imag)
    known = valid & (box(valid.astype(float)) > 0.25 - 1e-9)
    with np.errstate(all="ignore"):
        offset = np.angle(total) / (2 * np.pi * p[4] * DT)
        return np.where(known, [offset, np.abs(total) / box(np.abs(product))], np.nan)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# known truths


@pytest.mark.parametrize("late", [0.01, -0.004])
@pytest.mark.parametrize("swath", ["IW1", "IW2", "IW3"])
def test_secondary_sampled_late_gives_what_is_to_be_added(swath, late):
    offset, coherence = offset_and_coherence(Overlap(swath).cube(late))
    assert np.median(apart(offset)) == pytest.approx(-late, abs=3e-4)
    assert np.median(coherence) == pytest.approx(0.77, abs=0.01)


def test_without_error_there_is_no_offset():
    offset, _ = offset_and_coherence(Overlap().cube(0.0))
    assert np.abs(np.median(apart(offset))) < 4e-4


@pytest.mark.parametrize(
    ("truth", "median", "deviation"), [(0.9, 0.89, 0.0018), (0.8, 0.77, 0.0029), (0.6, 0.51, 0.006)]
)
def test_noise_of_a_window_as_the_description_says(truth, median, deviation):
    offset, coherence = map(apart, offset_and_coherence(Overlap(coherence=truth).cube(0.0)))
    assert np.median(coherence) == pytest.approx(median, abs=0.02)
    assert np.std(offset) == pytest.approx(deviation, rel=0.12)


def test_without_coherence_it_is_as_low_as_the_description_says():
    coherence = apart(offset_and_coherence(Overlap(coherence=0.0).cube(0.0))[1])
    assert coherence.mean() == pytest.approx(0.17, abs=0.015)
    assert (coherence > 0.4).mean() < 0.03


@pytest.mark.parametrize("offset", [0.04, -0.04, 0.055, 0.07])
def test_more_than_half_a_turn_comes_out_a_turn_away_with_full_coherence(offset):
    found, coherence = offset_and_coherence(turned(np.full(SHAPE, 2 * np.pi * offset / TURN_PX)))
    expected = offset if abs(offset) < TURN_PX / 2 else offset - TURN_PX
    np.testing.assert_allclose(found, expected, atol=1e-7)
    np.testing.assert_allclose(coherence, 1, atol=1e-6)


def test_ramp_along_range_costs_the_wide_window_its_dirichlet_factor():
    rate = 0.2
    cube = turned(rate * np.arange(SHAPE[1]) * np.ones(SHAPE))
    wide_x = offset_and_coherence(cube)[1]
    wide_y = offset_and_coherence(cube, window_azimuth=15, window_range=5)[1]
    loss = [np.sin(n * rate / 2) / (n * np.sin(rate / 2)) for n in (15, 5)]
    np.testing.assert_allclose(wide_x[:, 7:-7], loss[0], atol=1e-6)
    np.testing.assert_allclose(wide_y[:, 2:-2], loss[1], atol=1e-6)


@pytest.mark.parametrize("window", [(5, 15), (3, 3), (15, 5), (65, 65), (7, 31)])
def test_equals_the_plain_definition_with_invalid_samples(rng, window):
    looks = correlated(rng)
    looks[0, 0][rng.random(SHAPE) < 0.05] = np.nan
    looks[1, 1][rng.random(SHAPE) < 0.05] = 0
    looks[1, 0, 16:, 30:] = np.inf
    cube = cube_of(looks, np.full(SHAPE, DIFFERENCE_HZ))
    found = offset_and_coherence(cube, window_azimuth=window[0], window_range=window[1])
    np.testing.assert_allclose(found, reference(cube, *window), rtol=0, atol=1e-6)


# identities


def test_identical_dates_have_no_offset_at_all(rng):
    looks = correlated(rng)
    looks[1] = looks[0]
    offset, coherence = offset_and_coherence(cube_of(looks, np.full(SHAPE, DIFFERENCE_HZ)))
    assert np.all(offset == 0)
    np.testing.assert_allclose(coherence, 1, atol=1e-6)


def test_swapped_pair_changes_the_sign_and_no_bit_else():
    cube = Overlap(shape=SHAPE).cube(0.01)
    cube[1, 4] += 7
    result = run(cube, pairs=[PAIR, PAIR[::-1]]).values[0]
    np.testing.assert_array_equal(result[2], -result[0])
    np.testing.assert_array_equal(result[3], result[1])


def test_bursts_exchanged_with_the_frequency_negated_give_the_same():
    cube = Overlap(shape=SHAPE).cube(0.01)
    names = ["i_later", "q_later", "i_earlier", "q_earlier", "frequency_difference"]
    other = cube.assign_coords(bands=names).copy()
    other.loc[{"bands": "frequency_difference"}] *= -1
    np.testing.assert_array_equal(offset_and_coherence(other), offset_and_coherence(cube))


def test_fringes_of_the_ground_change_nothing():
    overlap, rows, columns = Overlap(shape=SHAPE), *np.indices(SHAPE)
    plain = offset_and_coherence(overlap.cube(0.01))
    fringed = offset_and_coherence(overlap.cube(0.01, fringes=0.9 * columns - 1.7 * rows))
    np.testing.assert_allclose(fringed, plain, rtol=0, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-10, 1e12])
def test_any_linear_unit(rng, scale):
    looks = correlated(rng)
    plain, scaled = (
        offset_and_coherence(cube_of(looks * factor, np.full(SHAPE, DIFFERENCE_HZ))) for factor in (1, scale)
    )
    np.testing.assert_allclose(scaled, plain, rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [(16, 16), (7, 25)])
def test_tiles_with_overlap_equal_the_whole_bit_for_bit(rng, size):
    looks = correlated(rng)
    looks[0, 1, 7, 11], looks[1, 0, 12:15, 30], looks[1, :, :5, :5] = 0, np.nan, np.nan
    cube, halo = cube_of(looks, np.full(SHAPE, DIFFERENCE_HZ)), 32
    whole = run(cube).values
    padded = cube.pad(y=(halo, 2 * halo), x=(halo, 2 * halo), constant_values=np.nan)
    for y in range(0, SHAPE[0], size[0]):
        for x in range(0, SHAPE[1], size[1]):
            tile = padded.isel(y=slice(y, y + size[0] + 2 * halo), x=slice(x, x + size[1] + 2 * halo))
            inner = run(tile).values[..., halo:-halo, halo:-halo]
            expected = whole[..., y : y + size[0], x : x + size[1]]
            np.testing.assert_array_equal(inner[..., : expected.shape[2], : expected.shape[3]], expected)


# what is left out


def test_nothing_in_gives_nothing_out(rng):
    cube = cube_of(correlated(rng), np.full(SHAPE, DIFFERENCE_HZ))
    assert run(cube.where(False)).isnull().all()
    for name in cube.bands.values:
        assert run(cube.where(cube.bands != name)).isnull().all()


@pytest.mark.parametrize("value", [0, np.nan, np.inf, 1e18, 1e-16])
def test_invalid_sample_has_no_result_and_counts_in_no_other(rng, value):
    looks = correlated(rng)
    looks[1, 1, 10, 20] = value
    found = offset_and_coherence(cube_of(looks, np.full(SHAPE, DIFFERENCE_HZ)))
    assert np.argwhere(np.isnan(found)).tolist() == [[0, 10, 20], [1, 10, 20]]
    looks[1, 1, 10, 20] = np.nan
    np.testing.assert_array_equal(offset_and_coherence(cube_of(looks, np.full(SHAPE, DIFFERENCE_HZ))), found)


def test_looks_less_than_a_sampling_frequency_apart_give_nothing(rng):
    least = 1 / DT
    difference = np.full(SHAPE, DIFFERENCE_HZ)
    difference[:, :10], difference[:, 10:20] = 0.99 * least, -0.99 * least
    difference[:, 20:30], difference[:, 30:] = -1.01 * least, np.where(np.arange(18) < 9, np.nan, 1.01 * least)
    known = np.isfinite(offset_and_coherence(cube_of(correlated(rng), difference))[0])
    assert known.all(axis=0).tolist() == [False] * 20 + [True] * 10 + [False] * 9 + [True] * 9
    assert not known[:, :20].any()


def test_below_min_coherence_and_a_quarter_of_the_window_there_is_nothing(rng):
    cube = cube_of(noise(rng), np.full(SHAPE, DIFFERENCE_HZ))
    free, kept = offset_and_coherence(cube), offset_and_coherence(cube, min_coherence=0.3)
    assert 0.02 < np.isfinite(kept[0]).mean() < 0.5
    np.testing.assert_array_equal(np.isfinite(kept), np.isfinite(free) & (free[1] >= np.float32(0.3)))
    narrow = cube.where((cube.x >= 20) & (cube.x < 23))
    assert run(narrow).isnull().all()
    assert run(cube.where((cube.x >= 20) & (cube.x < 24))).notnull().sum() == 2 * 20 * 4


# labels


def test_labels_units_and_declared_bands(rng):
    cube = cube_of(correlated(rng), np.full(SHAPE, DIFFERENCE_HZ))
    result = run(cube.transpose("x", "bands", "y", "t"), pairs=[PAIR[::-1]])
    names = ["azimuth_offset_20240821_20240809", "coherence_20240821_20240809"]
    assert (result.dims, result.dtype) == (("t", "bands", "y", "x"), np.float32)
    assert result.bands.values.tolist() == names
    assert result.t.values.astype(str).tolist() == [f"{PRIMARY}T00:00:00.000000000"]
    assert result.attrs["units"] == ["pixel", "1"]
    metadata = CubeMetadata([BandDimension("bands", [Band(name=str(b)) for b in cube.bands.values])])
    declared = enhanced_spectral_diversity.apply_metadata(metadata, CONTEXT | {"pairs": [PAIR[::-1]]})
    assert declared.band_names == names


def test_input_is_not_modified(rng):
    cube = cube_of(correlated(rng), np.full(SHAPE, DIFFERENCE_HZ))
    before = cube.copy(deep=True)
    cube.values.flags.writeable = False
    run(cube)
    xr.testing.assert_identical(cube, before)


# errors


BAD_CONTEXT = [
    ({"pairs": []}, r"^pairs must be a list of \[primary, secondary\] dates, one or more, instead got \[\]\. "),
    ({"pairs": [[PRIMARY, "soon"]]}, r"^pairs must be a list of .* one or more, instead got .*'soon'\]\]\. "),
    (
        {"pairs": [[PRIMARY, PRIMARY]]},
        r"^pairs must hold two different days, instead got \['2024-08-09', '2024-08-09'\]",
    ),
    ({"pairs": [PAIR, PAIR]}, r"^pairs must not repeat, instead got "),
    ({"pairs": [[PRIMARY, "2024-09-02"]]}, r"^pairs must hold dates of the cube, instead got '2024-09-02'\. "),
    *[
        ({name: size}, rf"^{name} must be an odd number of samples from 3 to 65, instead got {size}\. ")
        for name in ("window_range", "window_azimuth")
        for size in (4, 1, 67, 5.0, True, None)
    ],
    *[
        ({"line_interval_s": value}, rf"^line_interval_s must be above 0 and below 1 s, instead got {value}\. ")
        for value in (0.0, -0.1, 1.0, float("nan"), 0, True, None)
    ],
    *[
        ({"min_coherence": value}, rf"^min_coherence must be at least 0 and below 1, instead got {value}\. ")
        for value in (1, -0.1, float("nan"), True, None)
    ],
]


@pytest.mark.parametrize(("options", "message"), BAD_CONTEXT)
def test_bad_option_is_named_with_what_to_do(rng, options, message):
    with pytest.raises(ValueError, match=message):
        run(cube_of(noise(rng), np.ones(SHAPE)), **options)


def test_missing_band_dates_and_dimensions_are_named(rng):
    cube = cube_of(noise(rng), np.ones(SHAPE))
    for name in cube.bands.values:
        with pytest.raises(ValueError, match=rf"^bands must hold {name}, instead got \["):
            run(cube.drop_sel(bands=name))
    with pytest.raises(
        ValueError, match=r"^cube must have dimensions t, bands, y, x, instead got \['bands', 'x', 'y'\]"
    ):
        run(cube.isel(t=0))
    with pytest.raises(ValueError, match=r"^t must be labelled with dates, instead got int64\. "):
        run(cube.assign_coords(t=[1, 2]))
    twice = xr.concat([cube, cube.isel(t=[1]).assign_coords(t=[np.datetime64("2024-08-21T23:00", "ns")])], "t")
    with pytest.raises(
        ValueError, match=r"^t must hold one acquisition per UTC day, instead got several on \['2024-08-21'"
    ):
        run(twice)
