"""Identities, known truths, the rule for invalid samples, and errors of the resampling UDF."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from openeo.metadata import Band, BandDimension, CubeMetadata
from openeo.udf import UdfData, XarrayDataCube, run_udf_code

from tests.udfs.resampling import CONTEXT, SHAPE, fields, make_cube, phase, resampled, run, speckle, spoiled
from udfs import slc_resample

WITH_NUMBA = [
    pytest.param(True, marks=pytest.mark.skipif(not slc_resample.WITH_NUMBA, reason="numba is not installed")),
    False,
]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(params=WITH_NUMBA, ids=["numba", "numpy"], autouse=True)
def implementation(request, monkeypatch):
    monkeypatch.setattr(slc_resample, "WITH_NUMBA", request.param)


def bits(values):
    return np.ascontiguousarray(values).view(np.uint32)


# identities


@pytest.mark.parametrize("taps", [8, 12, 16])
def test_zero_shifts_return_the_input_bit_for_bit(rng, taps):
    slc, turn = spoiled(rng, speckle(rng)), phase(rng)
    cube = make_cube(slc, deramp_phase=turn, reramp_phase=turn)
    np.testing.assert_array_equal(bits(run(cube, taps=taps).values), bits(cube.values[:2]))


def test_zero_shifts_return_the_input_bit_for_bit_beside_others(rng):
    slc = spoiled(rng, speckle(rng))
    azimuth, across = np.zeros((2, *slc.shape))
    azimuth[30:, 40:], across[10, 5] = 0.4, np.nan
    cube = make_cube(slc, azimuth, across)
    result = run(cube).values
    same = (azimuth == 0) & (across == 0)
    np.testing.assert_array_equal(bits(result[:, same]), bits(cube.values[:2, same]))
    assert np.isnan(result[:, 10, 5]).all()


@pytest.mark.parametrize(("lines", "samples"), [(3, 0), (0, -5), (-8, 8), (8, -8), (1, 1)])
def test_whole_shifts_copy_the_sample(rng, lines, samples):
    slc = spoiled(rng, speckle(rng))
    cube = make_cube(slc, lines, samples)
    y, x = (np.arange(n) + d for n, d in zip(slc.shape, (lines, samples), strict=True))
    inside = np.ix_((y >= 0) & (y < slc.shape[0]), (x >= 0) & (x < slc.shape[1]))
    source = np.ix_([0, 1], y[(y >= 0) & (y < slc.shape[0])], x[(x >= 0) & (x < slc.shape[1])])
    result = run(cube).values
    np.testing.assert_array_equal(bits(result[(slice(None), *inside)]), bits(cube.values[source]))
    outside = np.ones(slc.shape, bool)
    outside[inside] = False
    assert np.isnan(result[:, outside]).all()


@pytest.mark.parametrize("axis", [0, 1], ids=["azimuth whole", "range whole"])
def test_a_whole_shift_on_one_axis_touches_no_neighbour_on_it(rng, axis):
    slc = speckle(rng)
    slc[22, 25] = np.nan
    shifts = {"azimuth_shift": 2.0, "range_shift": 2.0} | {("range_shift", "azimuth_shift")[axis]: 0.5}
    missing = np.argwhere(np.isnan(resampled(slc, **shifts))[16:-16, 16:-16]) + 16
    assert set(missing[:, axis]) == {(22, 25)[axis] - 2}
    assert len(set(missing[:, 1 - axis])) == 12


def test_whole_shifts_turn_by_the_difference_of_the_phases(rng):
    slc, deramp, reramp = speckle(rng), phase(rng), phase(rng)
    result = resampled(slc, 2, -3, deramp_phase=deramp, reramp_phase=reramp)
    expected = np.roll(slc * np.exp(1j * deramp), (-2, 3), (0, 1)) * np.exp(-1j * reramp)
    np.testing.assert_allclose(result[:-2, 3:], expected[:-2, 3:], atol=2e-6, rtol=0)


def test_a_constant_image_stays_constant(rng):
    azimuth, across = fields("rough places", rng)
    result = resampled(np.full(azimuth.shape, 3 - 4j), azimuth, across)
    assert np.isfinite(result).mean() > 0.1
    np.testing.assert_allclose(result[np.isfinite(result)], 3 - 4j, atol=1e-5, rtol=0)


@pytest.mark.parametrize("carrier", [True, False])
def test_the_phase_band_is_added(rng, carrier):
    slc, extra = speckle(rng), phase(rng)
    plain = resampled(slc, 0.37, -0.21, carrier=carrier)
    turned = resampled(slc, 0.37, -0.21, correction=extra, carrier=carrier, phase_band="correction")
    np.testing.assert_allclose(turned, plain * np.exp(1j * extra), atol=5e-6, rtol=0)


def test_a_constant_phase_band_turns_the_primary():
    slc = np.full((20, 20), 2 + 1j)
    result = resampled(slc, correction=np.pi / 2, phase_band="correction")
    np.testing.assert_allclose(result, -1 + 2j, atol=1e-6)


# known truths


@pytest.mark.parametrize(("azimuth", "across"), [(0.37, -0.21), (-1.6, 0.25), (7.3, -7.9)])
def test_a_plane_wave_is_moved_along_each_axis_by_its_own_shift(azimuth, across):
    y, x = np.indices(SHAPE)
    wave = lambda y, x: np.exp(2j * np.pi * (0.11 * y - 0.23 * x))  # noqa: E731
    result = resampled(wave(y, x), azimuth, across)[16:-16, 16:-16]
    assert abs(result - wave(y + azimuth, x + across)[16:-16, 16:-16]).max() < 5e-3


def test_more_taps_are_nearer_to_the_truth():
    y, x = np.indices(SHAPE)
    wave = lambda y, x: np.exp(2j * np.pi * (0.33 * y - 0.37 * x))  # noqa: E731
    truth = wave(y + 0.5, x - 0.5)[16:-16, 16:-16]
    errors = [abs(resampled(wave(y, x), 0.5, -0.5, taps=taps)[16:-16, 16:-16] - truth).max() for taps in (8, 12, 16)]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


def test_reramp_belongs_to_the_place_that_the_sample_comes_from():
    y, x = np.indices(SHAPE)
    carrier = lambda y: 0.02 * (y - 20.0) ** 2  # noqa: E731
    wave = lambda y, x: np.exp(1j * (0.1 * x - carrier(y)))  # noqa: E731
    azimuth = 0.37
    result = resampled(wave(y, x), azimuth, 0.2, deramp_phase=carrier(y), reramp_phase=carrier(y + azimuth))
    np.testing.assert_allclose(result[16:-16, 16:-16], wave(y + azimuth, x + 0.2)[16:-16, 16:-16], atol=1e-3)


# labels


def test_polarisations_follow_each_other_and_do_not_mix(rng):
    first, second = speckle(rng), speckle(rng)
    azimuth, across = fields("rough places", rng)
    cube = make_cube({"VV": first, "VH": second}, azimuth, across)
    result = run(cube, polarization=["VH", "VV"])
    assert result.bands.values.tolist() == ["i_VH", "q_VH", "i_VV", "q_VV"]
    for name in ("VV", "VH"):
        alone = run(cube, polarization=name)
        xr.testing.assert_identical(alone, result.sel(bands=alone.bands).assign_attrs(alone.attrs))


def test_result_is_float32_with_units_and_coordinates(rng):
    cube = make_cube(speckle(rng), 0.3, 0.4).assign_coords(y=np.arange(SHAPE[0]) + 5.0)
    result = run(cube.transpose("x", "bands", "y"))
    assert (result.dims, result.dtype) == (("bands", "y", "x"), np.float32)
    assert result.attrs["units"] == ["1", "1"]
    xr.testing.assert_identical(result, run(cube))
    xr.testing.assert_equal(result["y"], cube["y"])


def test_metadata_declare_the_labels_of_the_result():
    bands = [Band(name) for name in make_cube({"VV": np.zeros((1, 1)), "VH": np.zeros((1, 1))}).bands.values]
    context = CONTEXT | {"polarization": ["VV", "VH"]}
    declared = slc_resample.apply_metadata(CubeMetadata([BandDimension("bands", bands)]), context)
    assert declared.band_names == ["i_VV", "q_VV", "i_VH", "q_VH"]


def test_runs_as_text_in_the_openeo_client(rng):
    cube = make_cube(speckle(rng, (20, 24)), 0.3, 0.4)
    data = UdfData(proj={"EPSG": 4326}, datacube_list=[XarrayDataCube(cube)], user_context=CONTEXT)
    text = Path(slc_resample.__file__).read_text(encoding="utf-8")
    result = run_udf_code(text, data).get_datacube_list()[0].get_array()
    np.testing.assert_allclose(result, run(cube), atol=1e-5)


def test_input_is_not_modified(rng):
    cube = make_cube(spoiled(rng, speckle(rng)), *fields("rough places", rng), phase(rng), phase(rng))
    before = cube.copy(deep=True)
    cube.values.flags.writeable = False
    run(cube)
    xr.testing.assert_identical(cube, before)


# invalid


@pytest.mark.parametrize("band", ["azimuth_shift", "range_shift", "deramp_phase", "reramp_phase", "i_VV", "q_VV"])
def test_a_band_without_values_gives_nothing(rng, band):
    cube = make_cube(speckle(rng), 0.3, 0.4)
    cube.loc[{"bands": band}] = np.nan
    assert run(cube).isnull().all()


@pytest.mark.parametrize("shift", [0.0, 2.0, 0.4])
def test_a_phase_that_is_not_known_at_the_target_gives_nothing_there_alone(rng, shift):
    cube = make_cube(speckle(rng), shift, shift)
    cube.loc[{"bands": "reramp_phase", "y": 20, "x": 25}] = np.nan
    missing = run(cube).isnull().all("bands").values[16:-16, 16:-16]
    assert np.argwhere(missing).tolist() == [[4, 9]]


@pytest.mark.parametrize(("shift", "lost"), [(0.4, 144), (2.0, 1)])
def test_zeros_are_fill_or_values(rng, shift, lost):
    slc, turn = speckle(rng), phase(rng)
    slc[22, 25], slc[5, 5] = 0, complex(np.nan, 0)
    nearly = np.where(slc == 0, 1e-20, slc)
    by_fill, by_value, by_nearly = (
        resampled(image, shift, shift, deramp_phase=turn, reramp_phase=-turn, zeros_valid=valid)
        for image, valid in ((slc, False), (slc, True), (nearly, False))
    )
    np.testing.assert_allclose(by_value, by_nearly, atol=1e-6)
    assert np.isnan(by_fill).sum() == np.isnan(by_value).sum() + lost


def test_infinite_phases_give_nothing_where_they_meet(rng):
    cube = make_cube(speckle(rng), *[0.0] * 4, correction=0.0)
    cube.loc[{"bands": ["deramp_phase", "reramp_phase", "correction"], "y": 20, "x": 25}] = np.inf
    missing = run(cube, phase_band="correction").isnull().all("bands")
    assert np.argwhere(missing.values).tolist() == [[20, 25]]


# errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"polarization": "XX"}, r"^polarization must be one or several of \('VV', .*, each once, instead got 'XX'\. "),
        ({"polarization": []}, r"^polarization must be one or several .* instead got \[\]\. "),
        ({"polarization": ["VV", "VV"]}, r"^polarization must be one or several .* instead got \['VV', 'VV'\]\. "),
        ({"polarization": "HH"}, r"^bands must hold i_HH, instead got \['i_VV', 'q_VV', 'azimuth_shift', "),
        *[({"taps": n}, rf"^taps must be one of \(8, 12, 16\), instead got {n}\. ") for n in (10, 12.0, None, True)],
        ({"carrier": "yes"}, r"^carrier must be true or false, instead got 'yes'\. "),
        ({"phase_band": 3}, r"^phase_band must be the name of a band or null, instead got 3\. "),
        *[({"zeros_valid": n}, rf"^zeros_valid must be true or false, instead got {n!r}\. ") for n in (1, None, "no")],
        ({"phase_band": "phase_correction"}, r"^bands must hold phase_correction, instead got \['i_VV', "),
        ({"phase_band": ""}, r"^bands must hold , instead got \['i_VV', "),
    ],
)
def test_bad_option_is_named_with_what_to_do(options, message):
    with pytest.raises(ValueError, match=message):
        run(make_cube(np.ones((3, 3))), **options)


@pytest.mark.parametrize("band", ["azimuth_shift", "range_shift", "deramp_phase", "reramp_phase"])
def test_missing_band_is_named(band):
    with pytest.raises(ValueError, match=rf"^bands must hold {band}, instead got \['i_VV', "):
        run(make_cube(np.ones((3, 3))).drop_sel(bands=band))


def test_without_carrier_its_bands_are_not_read(rng):
    cube = make_cube(speckle(rng), 0.3, 0.4, deramp_phase=phase(rng), reramp_phase=phase(rng))
    without = cube.drop_sel(bands=["deramp_phase", "reramp_phase"])
    xr.testing.assert_identical(run(cube, carrier=False), run(without, carrier=False))


@pytest.mark.parametrize("band", ["azimuth_shift", "range_shift"])
@pytest.mark.parametrize("shift", [8.000001, 8.01, -9.0])
def test_larger_shifts_are_refused(band, shift):
    cube = make_cube(np.ones((3, 3)))
    cube.loc[{"bands": band, "y": 1, "x": 1}] = shift
    must = rf"^{band} must be at most 8 px, instead got {abs(shift):.7g} px\. Place the image by whole lines"
    with pytest.raises(ValueError, match=must):
        run(cube)


def test_a_cube_of_several_dates_is_refused():
    with pytest.raises(ValueError, match=r"^cube must have the dimensions bands, y, x of one date, instead got \["):
        run(make_cube(np.ones((3, 3))).expand_dims(t=2))
