"""Identities, known truths and errors of the coherence UDF."""

from math import gamma, pi
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from openeo.metadata import Band, BandDimension, CubeMetadata
from openeo.udf import UdfData, XarrayDataCube, run_udf_code
from scipy.ndimage import uniform_filter

from udfs import slc_coherence

PAIR = ["2023-03-31", "2023-03-19"]
CONTEXT = {
    "pairs": [PAIR],
    "polarization": "VV",
    "window_range": 21,
    "window_azimuth": 5,
    "flatten": False,
    "bias_correction": False,
    "min_valid": 0.25,
}
SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "s1_amsterdam_pair"
SHAPE = (48, 64)


def make_cube(images, phases=None):
    """Cube of SLCs {date: complex (y, x)} with position bands and, if given, reference phases {date: (y, x)}."""
    dates = sorted(images)
    rows, columns = np.indices(images[dates[0]].shape)
    planes = [[images[d].real, images[d].imag, 52 + rows / 1e3, 4 + columns / 1e3] for d in dates]
    names = ["i_VV", "q_VV", "grid_lat", "grid_lon"]
    if phases is not None:
        planes = [[*p, phases[d]] for d, p in zip(dates, planes, strict=True)]
        names.append("reference_phase")
    coords = {"t": np.array([f"{d}T05:50:33" for d in dates], "datetime64[ns]"), "bands": names}
    coords |= {"y": np.arange(rows.shape[0]), "x": np.arange(rows.shape[1])}
    return xr.DataArray(np.array(planes, np.float32), coords, ("t", "bands", "y", "x"))


def pair_cube(primary, secondary, **kwargs):
    return make_cube({PAIR[0]: primary, PAIR[1]: secondary}, **kwargs)


def run(cube, **options):
    return slc_coherence.apply_datacube(cube, CONTEXT | options)


def coherence(primary, secondary, **options):
    return run(pair_cube(primary, secondary), **options).values[0, 0]


def speckle(rng, shape=SHAPE):
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) * 30


def correlated(rng, truth, shape=SHAPE):
    first, noise = speckle(rng, shape), speckle(rng, shape)
    return first, truth * first + np.sqrt(1 - truth**2) * noise


def reference(primary, secondary, azimuth=5, range_=21, min_valid=0.25):
    """The definition in float64 with a zero border, written without the code under test."""
    a, b = (z.astype(np.complex64).astype(complex) for z in (primary, secondary))
    valid = np.isfinite(a) & np.isfinite(b) & (a != 0) & (b != 0)
    a, b = np.where(valid, a, 0), np.where(valid, b, 0)
    box = lambda v: uniform_filter(v, (azimuth, range_), mode="constant")  # noqa: E731
    cross = np.hypot(box((a * b.conj()).real), box((a * b.conj()).imag))
    with np.errstate(all="ignore"):
        result = cross / np.sqrt(box(abs(a) ** 2)) / np.sqrt(box(abs(b) ** 2))
    return np.where(valid & (box(valid.astype(float)) > min_valid - 1e-9), result, np.nan)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def real_pair():
    if not SHARED.is_dir():
        pytest.skip(f"the real pair is not at {SHARED}")
    read = lambda name: np.fromfile(SHARED / f"{name}.f4be", ">f4").reshape(84, 338)  # noqa: E731
    days = [date.replace("-", "") for date in PAIR]
    return [read(f"i_VV_{day}") + 1j * read(f"q_VV_{day}") for day in days]


# identities


def test_identical_images_are_fully_coherent(rng):
    image = speckle(rng)
    np.testing.assert_allclose(coherence(image, image), 1, atol=1e-6, rtol=0)


def test_swapped_pair_has_the_same_coherence(rng):
    cube = pair_cube(*correlated(rng, 0.6))
    result = run(cube, pairs=[PAIR, PAIR[::-1]]).values[0]
    np.testing.assert_array_equal(result[0], result[1])


@pytest.mark.parametrize("factor", [np.exp(2.1j), -1, 1e-6, 300 * np.exp(-1j), 1e9])
def test_constant_phase_and_scale_change_nothing(rng, factor):
    first, second = correlated(rng, 0.6)
    np.testing.assert_allclose(coherence(first, second * factor), coherence(first, second), atol=2e-6, rtol=0)


def test_proportional_images_never_exceed_one(rng):
    image = speckle(rng)
    result = coherence(image, image * (0.3 - 1.7j))
    assert result.max() <= 1
    np.testing.assert_allclose(result, 1, atol=1e-6, rtol=0)


def test_excess_beyond_rounding_is_not_hidden():
    ones, out = np.ones((1, 3), np.float32), np.zeros((1, 3), np.float32)
    slc_coherence.magnitude(np.float32([[1 + 5e-7, 1.01, 2]]), 0 * ones, ones.copy(), ones.copy(), out=out)
    np.testing.assert_array_equal(out, np.float32([[1, 1.01, 2]]))


@pytest.mark.parametrize(("azimuth", "range_"), [(5, 21), (3, 3), (9, 9), (21, 5), (65, 65), (7, 33), (3, 63)])
def test_equals_the_plain_definition_with_invalid_samples(rng, azimuth, range_):
    first, second = correlated(rng, 0.5)
    first[rng.random(SHAPE) < 0.05] = np.nan
    second[rng.random(SHAPE) < 0.05] = 0
    second[30:, 40:] = np.inf
    result = coherence(first, second, window_azimuth=azimuth, window_range=range_)
    np.testing.assert_allclose(result, reference(first, second, azimuth, range_), atol=2e-6, rtol=0)


@pytest.mark.parametrize("block", [1, 200, 1000, 10**6])
def test_size_of_the_row_blocks_changes_no_bit(rng, monkeypatch, block):
    first, second = correlated(rng, 0.5)
    first[20, 30] = np.nan
    options = {"bias_correction": True, "min_valid": 0.5}
    whole = coherence(first, second, **options)
    monkeypatch.setattr(slc_coherence, "BLOCK_SAMPLES", block)
    np.testing.assert_array_equal(coherence(first, second, **options), whole)


@pytest.mark.parametrize("shape", [(1, 1), (1, 64), (64, 1), (3, 5), (200, 3)])
def test_image_smaller_than_the_window(rng, shape):
    first, second = correlated(rng, 0.5, shape)
    result = coherence(first, second, min_valid=0.001)
    np.testing.assert_allclose(result, reference(first, second, min_valid=0), atol=2e-6, rtol=0)


# known truths


def test_fringe_along_range_costs_the_wide_range_window_its_dirichlet_factor(rng):
    image, rate = speckle(rng), 0.2
    fringes = np.exp(1j * rate * np.arange(SHAPE[1])) * np.ones(SHAPE)
    flat = abs(np.ones(SHAPE)) * 10
    wide_x = coherence(flat, flat * fringes, window_azimuth=3, window_range=21)
    wide_y = coherence(flat, flat * fringes, window_azimuth=21, window_range=3)
    loss = [np.sin(n * rate / 2) / (n * np.sin(rate / 2)) for n in (21, 3)]
    np.testing.assert_allclose(wide_x[:, 10:-10], loss[0], atol=2e-6)
    np.testing.assert_allclose(wide_y[:, 1:-1], loss[1], atol=2e-6)
    assert np.median(coherence(image, image * fringes)) < 0.5


@pytest.mark.parametrize("truth", [0.0, 0.3, 0.7])
def test_mean_over_independent_speckle_has_the_known_bias(rng, truth):
    scenes = [correlated(rng, truth, (64, 64)) for _ in range(12)]
    estimates = [coherence(*scene, window_azimuth=3, window_range=3)[1:-1, 1:-1] for scene in scenes]
    np.testing.assert_allclose(np.mean(estimates), mean_coherence(truth, 9), atol=0.006)


def mean_coherence(truth, looks):
    """E|gamma| = G(L)G(3/2)/G(L+1/2) * 3F2(3/2, L, L; L+1/2, 1; truth^2) * (1 - truth^2)^L (Touzi et al. 1999)."""
    total, term = 0.0, 1.0
    for k in range(2000):
        total += term
        term *= (1.5 + k) * (looks + k) ** 2 / ((looks + 0.5 + k) * (1 + k) ** 2) * truth**2
    return gamma(looks) * gamma(1.5) / gamma(looks + 0.5) * total * (1 - truth**2) ** looks


@pytest.mark.parametrize(("looks", "bias"), [(4, 0.457), (9, 0.30), (20, 0.199), (53, 0.122), (105, 0.087)])
def test_bias_numbers_of_the_description(looks, bias):
    assert mean_coherence(0.0, looks) == pytest.approx(bias, abs=6e-4)
    if looks != 53:
        assert f"{bias:.3f}".rstrip("0") in slc_coherence.__doc__ or f"{bias:.2f}" in slc_coherence.__doc__


def test_real_pair_has_its_published_coherence(real_pair):
    result = coherence(*real_pair)
    assert np.nanmean(result, dtype=float) == pytest.approx(0.747153, abs=1e-5)
    assert np.nanmedian(result) == pytest.approx(0.802916, abs=1e-5)
    np.testing.assert_allclose(result, reference(*real_pair), atol=2e-6, rtol=0)


def test_real_pair_tells_transposed_shifted_and_unconjugated_apart(real_pair):
    first, second = real_pair
    wrong = [
        np.nanmean(coherence(first, second, window_azimuth=21, window_range=5)),
        np.nanmean(coherence(first, np.roll(second, 1, axis=1))),
        np.nanmean(coherence(first, second.conj())),
    ]
    np.testing.assert_allclose(wrong, [0.7417, 0.48, 0.23], atol=5e-3)


# invalid samples


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0, 1e12, 1e25, complex(1, np.nan)])
def test_one_bad_sample_changes_only_the_windows_that_hold_it(rng, value):
    first, second = correlated(rng, 0.5)
    clean = coherence(first, second)
    first[20, 30] = value
    changed = coherence(first, second) != clean
    assert changed[18:23, 20:41].all()
    assert changed.sum() == 105


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0])
@pytest.mark.parametrize("date", [0, 1])
def test_invalid_centre_is_nan_and_its_neighbours_leave_it_out(rng, value, date):
    pair = correlated(rng, 0.5)
    pair[date][20, 30] = value
    result = coherence(*pair)
    assert np.argwhere(np.isnan(result)).tolist() == [[20, 30]]
    np.testing.assert_allclose(result, reference(*pair), atol=2e-6, rtol=0)


def test_sample_with_one_part_zero_is_valid(rng):
    first, second = correlated(rng, 0.5)
    first[20, 30], second[21, 31] = 5, 7j
    assert not np.isnan(coherence(first, second)).any()


@pytest.mark.parametrize(("min_valid", "kept"), [(8 / 25, True), (9 / 25, True), (9 / 25 + 1e-9, False), (1.0, False)])
def test_min_valid_is_the_least_part_that_gives_a_result(rng, min_valid, kept):
    first, second = correlated(rng, 0.5)
    first[18:23, 28:33] = np.nan
    first[19:22, 29:32] = 3 + 1j
    result = coherence(first, second, window_azimuth=5, window_range=5, min_valid=min_valid)
    assert np.isnan(result[20, 30]) == (not kept)


def test_image_border_counts_as_missing(rng):
    result = coherence(*correlated(rng, 0.5), min_valid=1.0)
    inner = np.zeros(SHAPE, bool)
    inner[2:-2, 10:-10] = True
    np.testing.assert_array_equal(np.isfinite(result), inner)


def test_all_nan_gives_all_nan():
    empty = np.full(SHAPE, np.nan + 0j)
    assert np.isnan(coherence(empty, empty)).all()
    assert np.isnan(coherence(empty, empty, bias_correction=True)).all()


# options


def test_bias_correction_uses_the_valid_samples_of_each_window(rng):
    first, second = correlated(rng, 0.5)
    first[20:30, 30:35] = np.nan
    plain = coherence(first, second).astype(float)
    looks = np.rint(uniform_filter(np.isfinite(first).astype(float), (5, 21), mode="constant") * 105)
    expected = plain - (1 - plain**2) / (2 * looks)
    assert len(np.unique(looks)) > 30
    np.testing.assert_allclose(coherence(first, second, bias_correction=True), expected, atol=2e-6)


def test_bias_correction_is_never_negative(rng):
    result = coherence(*correlated(rng, 0.0), window_azimuth=3, window_range=3, bias_correction=True)
    assert result.min() == 0


def geometry_pair(rng):
    """One ground with two ranges: phases -4 pi/lambda R, and their reference phases against a third stack primary."""
    wavelength, columns = 0.0555, np.arange(SHAPE[1]) * np.ones(SHAPE)
    ranges = {PAIR[0]: 8.0e2 + 3e-3 * columns, PAIR[1]: 8.1e2 + 1e-4 * columns}
    ground, stack_primary = speckle(rng), 8.05e2 + 2e-3 * columns
    images = {date: ground * np.exp(-4j * pi / wavelength * r) for date, r in ranges.items()}
    phases = {d: np.angle(np.exp(-4j * pi / wavelength * (stack_primary - r))) for d, r in ranges.items()}
    return images, phases


def test_flatten_removes_the_phase_of_the_geometry(rng):
    images, phases = geometry_pair(rng)
    assert np.median(run(make_cube(images, phases)).values[0, 0]) < 0.3
    np.testing.assert_allclose(run(make_cube(images, phases), flatten=True).values[0, 0], 1, atol=2e-6)


def test_flatten_with_the_opposite_sign_fails(rng):
    images, phases = geometry_pair(rng)
    opposite = make_cube(images, {date: -phase for date, phase in phases.items()})
    assert np.median(run(opposite, flatten=True).values[0, 0]) < 0.3


def test_sample_without_reference_phase_is_invalid_only_with_flatten(rng):
    images, phases = geometry_pair(rng)
    phases[PAIR[1]][20, 30] = np.nan
    cube = make_cube(images, phases)
    assert np.argwhere(np.isnan(run(cube, flatten=True).values[0, 0])).tolist() == [[20, 30]]
    assert not np.isnan(run(cube).values[0, 0]).any()


# cubes


@pytest.mark.parametrize(
    "options", [{}, {"window_range": 65, "window_azimuth": 33, "bias_correction": True}, {"flatten": True}]
)
def test_tiles_with_overlap_equal_the_whole_bit_for_bit(rng, options):
    first, second = correlated(rng, 0.5, (64, 64))
    first[rng.random((64, 64)) < 0.02] = np.nan
    second[:, :3] = 0
    phases = {date: rng.uniform(-pi, pi, (64, 64)) for date in PAIR}
    cube = pair_cube(first, second, phases=phases)
    padded = cube.pad(y=32, x=32, constant_values=np.nan)
    tiles = [
        [
            run(padded.isel(y=slice(y, y + 80), x=slice(x, x + 80)), **options).values[..., 32:48, 32:48]
            for x in (0, 16, 32, 48)
        ]
        for y in (0, 16, 32, 48)
    ]
    np.testing.assert_array_equal(np.block(tiles), run(cube, **options).values)


@pytest.mark.parametrize("dims", [("x", "y", "bands", "t"), ("y", "t", "x", "bands"), ("bands", "t", "y", "x")])
def test_order_of_the_dimensions_does_not_matter(rng, dims):
    cube = pair_cube(*correlated(rng, 0.5))
    xr.testing.assert_identical(run(cube.transpose(*dims)), run(cube))
    xr.testing.assert_identical(run(cube.isel(bands=[2, 1, 3, 0])), run(cube))


def test_result_is_float32_with_date_labels_units_and_coordinates(rng):
    third = "2023-04-12"
    cube = make_cube({PAIR[0]: speckle(rng), PAIR[1]: speckle(rng), third: speckle(rng)})
    result = run(cube, pairs=[[third, PAIR[0]], PAIR])
    names = ["coherence_20230412_20230331", "coherence_20230331_20230319", "latitude", "longitude"]
    assert (result.dims, result.dtype) == (("t", "bands", "y", "x"), np.float32)
    assert result["bands"].values.tolist() == names
    assert result["t"].values == np.array(["2023-03-19"], "datetime64[ns]")
    assert result.attrs["units"] == ["1", "1", "degree", "degree"]
    xr.testing.assert_equal(result["x"], cube["x"])
    assert np.array_equal(result.sel(bands="coherence_20230331_20230319")[0], run(cube).values[0, 0])


def test_input_is_not_modified(rng):
    images, phases = geometry_pair(rng)
    cube = make_cube(images, phases)
    before = cube.copy(deep=True)
    cube.values.flags.writeable = False
    run(cube, flatten=True, bias_correction=True)
    xr.testing.assert_identical(cube, before)


def test_position_comes_from_the_first_primary_and_gaps_from_the_others(rng):
    cube = pair_cube(*correlated(rng, 0.5))
    cube.loc[{"bands": "grid_lat"}] = np.nan
    cube.loc[{"t": "2023-03-19", "bands": "grid_lat"}] = 50
    cube.loc[{"t": "2023-03-31", "bands": "grid_lat", "x": slice(0, 9)}] = 52
    latitude = run(cube).sel(bands="latitude").values[0]
    assert (latitude[:, :10] == 52).all()
    assert (latitude[:, 10:] == 50).all()


def test_bands_named_latitude_and_longitude_are_accepted(rng):
    cube = pair_cube(*correlated(rng, 0.5))
    renamed = cube.assign_coords(bands=["i_VV", "q_VV", "latitude", "longitude"])
    xr.testing.assert_identical(run(renamed), run(cube))


def test_other_polarization(rng):
    cube = pair_cube(*correlated(rng, 0.5))
    renamed = cube.assign_coords(bands=["i_VH", "q_VH", "grid_lat", "grid_lon"])
    xr.testing.assert_identical(run(renamed, polarization="VH"), run(cube))


def test_dates_match_by_utc_day(rng):
    cube = pair_cube(*correlated(rng, 0.5))
    pairs = [["2023-03-31T05:50:33Z", "2023-03-20T01:00:00+02:00"]]
    xr.testing.assert_identical(run(cube, pairs=pairs), run(cube))


# execution


def test_metadata_declare_the_labels_of_the_result(rng):
    context = CONTEXT | {"pairs": [PAIR, PAIR[::-1]]}
    bands = BandDimension("bands", [Band(name) for name in ("i_VV", "q_VV", "grid_lat", "grid_lon")])
    declared = slc_coherence.apply_metadata(CubeMetadata([bands]), context)
    result = run(pair_cube(*correlated(rng, 0.5)), **context)
    assert declared.band_names == result["bands"].values.tolist()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"polarization": "HH"}, r"^bands must hold i_HH, instead got \['i_VV', 'q_VV'\]\. "),
        ({"pairs": [PAIR, PAIR]}, r"^pairs must not repeat, instead got "),
    ],
)
def test_metadata_of_an_input_that_does_not_suit_are_refused(wrong, message):
    bands = BandDimension("bands", [Band(name) for name in ("i_VV", "q_VV")])
    with pytest.raises(ValueError, match=message):
        slc_coherence.apply_metadata(CubeMetadata([bands]), CONTEXT | wrong)


def test_runs_as_text_in_the_openeo_client(rng):
    cube = pair_cube(*correlated(rng, 0.5))
    data = UdfData(proj={"EPSG": 4326}, datacube_list=[XarrayDataCube(cube)], user_context=CONTEXT)
    text = Path(slc_coherence.__file__).read_text(encoding="utf-8")
    result = run_udf_code(text, data).get_datacube_list()[0].get_array()
    xr.testing.assert_identical(result, run(cube))


# errors

BAD_CONTEXT = [
    ({"pairs": []}, r"^pairs must be a list of \[primary, secondary\] dates, one or more, instead got \[\]\. "),
    ({"pairs": None}, r"^pairs must be a list of .* one or more, instead got None\. "),
    ({"pairs": [["2023-03-31"]]}, r"^pairs must be a list of .* one or more, instead got \[\['2023-03-31'\]\]\. "),
    ({"pairs": [["2023-03-31", "soon"]]}, r"^pairs must be a list of .* one or more, instead got .*'soon'\]\]\. "),
    ({"pairs": [PAIR, [20230331, 20230319]]}, r"^pairs must be a list of .* one or more, instead got "),
    ({"pairs": ["2023-03-31"]}, r"^pairs must be a list of .* one or more, instead got \['2023-03-31'\]\. "),
    (
        {"pairs": [[PAIR[0], PAIR[0]]]},
        r"^pairs must hold two different days, instead got \['2023-03-31', '2023-03-31'\]",
    ),
    (
        {"pairs": [PAIR, ["2023-03-31", "2023-04-12"]]},
        r"^pairs must hold dates of the cube, instead got '2023-04-12'\. Choose from \['2023-03-19', '2023-03-31'\]\.$",
    ),
    ({"pairs": [PAIR, PAIR]}, r"^pairs must not repeat, instead got "),
    ({"polarization": "HH"}, r"^bands must hold i_HH, instead got \['i_VV', 'q_VV', 'grid_lat', 'grid_lon'\]\. "),
    ({"flatten": True}, r"^bands must hold reference_phase, instead got \['i_VV', "),
    *[
        ({name: size}, rf"^{name} must be an odd number of samples from 3 to 65, instead got {size}\. ")
        for name in ("window_range", "window_azimuth")
        for size in (4, 1, 67, -5, 5.0, True, None)
    ],
    ({"flatten": "false"}, r"^flatten must be true or false, instead got 'false'\. "),
    ({"bias_correction": 1}, r"^bias_correction must be true or false, instead got 1\. "),
    *[
        ({"min_valid": part}, rf"^min_valid must be above 0 and at most 1, instead got {part}\. ")
        for part in (0, -0.1, 1.01, float("nan"), True, None)
    ],
]


@pytest.mark.parametrize(("options", "message"), BAD_CONTEXT)
def test_bad_option_is_named_with_what_to_do(rng, options, message):
    with pytest.raises(ValueError, match=message):
        run(pair_cube(*correlated(rng, 0.5)), **options)


@pytest.mark.parametrize(("band", "named"), [("q_VV", "q_VV"), ("grid_lat", "grid_lat or latitude")])
def test_missing_band_is_named(rng, band, named):
    with pytest.raises(ValueError, match=rf"^bands must hold {named}, instead got \["):
        run(pair_cube(*correlated(rng, 0.5)).drop_sel(bands=band))


def test_two_acquisitions_of_one_day_are_refused(rng):
    cube = pair_cube(*correlated(rng, 0.5))
    twice = xr.concat([cube, cube.isel(t=[1]).assign_coords(t=[np.datetime64("2023-03-31T23:00", "ns")])], "t")
    with pytest.raises(
        ValueError, match=r"^t must hold one acquisition per UTC day, instead got several on \['2023-03-31'\]"
    ):
        run(twice)


def test_cube_without_time_or_dates_is_refused(rng):
    cube = pair_cube(*correlated(rng, 0.5))
    with pytest.raises(
        ValueError, match=r"^cube must have dimensions t, bands, y, x, instead got \['bands', 'x', 'y'\]\. "
    ):
        run(cube.isel(t=0))
    with pytest.raises(ValueError, match=r"^t must be labelled with dates, instead got int64\. "):
        run(cube.assign_coords(t=[1, 2]))
