"""The graph `slc_interferogram` on made and real cubes: identities, known truths, geocoding, items, and what is computed."""

import json
import re

import dask.array as da
import numpy as np
import pytest
import rasterio
import xarray as xr

from local_runner import evaluate, run
from local_runner.errors import OpenEOError
from local_runner.jobs import assemble
from local_runner.profiles import ProfileWarning
from tests import analyses, real_pair

DATES = ["2024-08-09", "2024-08-21"]
PAIR = [DATES]
NAMES = ("coherence", "i", "q", "phase", "phase_filtered")
SHAPE = (72, 160)


def stack(images, phases=None, heights=None):
    """Cube of SLCs by date, with positions of cells of about 14 m by 4 m, reference phases and heights; a chunk per band."""
    rows, columns = np.indices(images[DATES[0]].shape)
    zero = np.zeros(rows.shape)
    phases = phases or dict.fromkeys(images, zero)
    heights = zero if heights is None else heights
    planes = [
        [s.real, s.imag, 52 - rows * 1.3e-4, 4 + columns * 5.8e-5, phases[date], heights] for date, s in images.items()
    ]
    names = ["i_VV", "q_VV", "grid_lat", "grid_lon", "reference_phase", "height"]
    coords = {"t": np.array([f"{d}T05:50:33" for d in images], "datetime64[ns]"), "bands": names}
    coords |= {"y": np.arange(rows.shape[0]), "x": np.arange(rows.shape[1])}
    values = da.from_array(np.array(planes, np.float32), chunks=(1, 1, -1, -1))
    return xr.DataArray(values, coords, ("t", "bands", "y", "x"))


def speckle(seed=0, shape=SHAPE):
    rng = np.random.default_rng(seed)
    return 30 * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape))


def noisy_pair(truth=0, coherence=0.9):
    """SLCs whose interferogram has the phase `truth`, rad."""
    first = speckle()
    second = coherence * first + np.sqrt(1 - coherence**2) * speckle(1)
    return dict(zip(DATES, (first, second * np.exp(-1j * truth)), strict=True))


def interferogram(cube, pair=DATES, **options):
    """Bands of one pair by their names without the pair."""
    result = analyses.run("slc_interferogram", cube, pairs=[pair], **options)
    end = "_" + "_".join(date.replace("-", "") for date in pair)
    return {str(name).removesuffix(end): result.sel(bands=name).values[0] for name in result.bands.values}


def test_bands_date_and_cells():
    result = analyses.run("slc_interferogram", stack(noisy_pair()), pairs=PAIR, geometry=["height"])
    assert result.bands.values.tolist() == [
        *(f"{name}_20240809_20240821" for name in NAMES),
        *("latitude", "longitude", "height"),
    ]
    assert result.t.values.tolist() == np.array(["2024-08-09"], "datetime64[ns]").tolist()
    assert dict(result.sizes) == {"t": 1, "bands": 8, "y": 36, "x": 20}
    assert result.x.values[:2].tolist() == [3.5, 11.5]
    assert result.y.values[:2].tolist() == [0.5, 2.5]


def test_identical_images_have_phase_zero_and_coherence_one():
    slc = speckle()
    found = interferogram(stack(dict.fromkeys(DATES, slc)))
    np.testing.assert_allclose(found["coherence"], 1, atol=1e-6)
    assert (found["phase"] == 0).all()
    np.testing.assert_allclose(found["phase_filtered"], 0, atol=1e-6)


def test_cells_are_means_of_numpy():
    images = noisy_pair(0.4)
    first, second = (images[date].astype(np.complex64).astype(complex) for date in DATES)
    found = interferogram(stack(images), looks_range=5, looks_azimuth=3, filter_alpha=0)
    expected = (first * second.conj()).reshape(24, 3, 32, 5).mean(axis=(1, 3))
    np.testing.assert_allclose(found["i"] + 1j * found["q"], expected, rtol=2e-5)
    np.testing.assert_allclose(found["phase"], np.angle(expected), atol=2e-5)
    assert np.array_equal(found["phase_filtered"], found["phase"])


def test_a_slant_range_that_grows_gives_a_positive_phase():
    ramp = np.broadcast_to(0.01 * np.arange(SHAPE[1]), SHAPE)
    found = interferogram(stack(noisy_pair(ramp)), looks_range=8, looks_azimuth=2)
    slope = np.angle(np.exp(1j * np.diff(found["phase_filtered"], axis=1)).mean())
    assert slope == pytest.approx(8 * 0.01, abs=0.003)


def test_looks_are_not_transposed():
    """Fringes along range are lost in wide cells, not in tall ones."""
    fringes = np.broadcast_to(0.35 * np.arange(SHAPE[1]), SHAPE)
    cube = stack({DATES[0]: np.full(SHAPE, 30 + 0j), DATES[1]: 20 * np.exp(-1j * fringes)})
    tall, wide = (
        interferogram(cube, looks_range=x, looks_azimuth=y, coherence_window=1)["coherence"]
        for x, y in ((1, 8), (8, 1))
    )
    np.testing.assert_allclose(tall, 1, atol=1e-5)
    np.testing.assert_allclose(wide, np.sin(4 * 0.35) / 8 / np.sin(0.175), atol=1e-5)


def test_flatten_removes_the_reference_phase_and_nothing_else():
    rng = np.random.default_rng(3)
    phases = {date: rng.uniform(-np.pi, np.pi, SHAPE) for date in DATES}
    plain = noisy_pair(0.3)
    bent = {date: plain[date] * np.exp(-1j * phases[date]) for date in DATES}
    flat, expected = interferogram(stack(bent, phases)), interferogram(stack(plain), flatten=False)
    np.testing.assert_allclose(flat["i"] + 1j * flat["q"], expected["i"] + 1j * expected["q"], rtol=1e-5)
    np.testing.assert_allclose(flat["coherence"], expected["coherence"], atol=1e-6)
    assert np.median(interferogram(stack(bent, phases), flatten=False)["coherence"]) < 0.3


@pytest.mark.parametrize(
    "options", [{}, {"projection": 32631, "resolution": 60}, {"filter_patch": 16, "looks_range": 3}]
)
def test_swapped_dates_conjugate_bit_for_bit(options):
    images = noisy_pair(np.linspace(0, 9, SHAPE[1]))
    images[DATES[0]][10:20, 30:60] = 0
    phases = {date: np.random.default_rng(n).uniform(-3, 3, SHAPE) / 9 for n, date in enumerate(DATES)}
    cube = stack(images, phases, heights=np.indices(SHAPE)[1])
    first, other = (interferogram(cube, pair, geometry=["height"], **options) for pair in (DATES, DATES[::-1]))
    assert np.isfinite(first["phase_filtered"]).any()
    for name in first:
        sign = -1 if name in ("q", "phase", "phase_filtered") else 1
        assert np.array_equal(first[name], sign * other[name], equal_nan=True), name


def test_cells_with_too_few_valid_samples_are_missing():
    images = noisy_pair()
    images[DATES[1]][8:10, 16:24] = 0  # all of a cell
    images[DATES[0]][12:14, 40:47] = np.nan  # 14 of 16 samples
    images[DATES[0]][16:18, 40:46] = np.nan  # 12 of 16 samples
    found = interferogram(stack(images))
    for name in NAMES:
        assert np.argwhere(np.isnan(found[name])).tolist() == [[4, 2], [6, 5]], name
    assert np.isfinite(found["latitude"]).all()


def test_filter_lowers_the_noise_of_the_phase():
    truth = np.broadcast_to(np.linspace(0, 12, SHAPE[1]), SHAPE)
    found = interferogram(stack(noisy_pair(truth, coherence=0.5)), looks_range=4, filter_patch=16, filter_alpha=1)
    cells = truth.reshape(36, 2, 40, 4).mean(axis=(1, 3))
    before, after = (np.exp(1j * (found[name] - cells)) for name in ("phase", "phase_filtered"))
    assert abs(after.mean()) > 1 - 0.3 * (1 - abs(before.mean()))


def test_phases_are_those_of_geocoded_complex_values():
    """Half of the cells near pi, half near -pi: their phase is pi, the mean of the wrapped phases would be 0."""
    wrapping = np.where(np.indices(SHAPE).sum(axis=0) % 2, 0.1, -0.1) + np.pi
    cube = stack(noisy_pair(wrapping, coherence=1))
    options = {"looks_range": 1, "looks_azimuth": 1, "coherence_window": 1, "filter_alpha": 0}
    found = interferogram(cube, projection=32631, resolution=60, **options)
    inside = np.isfinite(found["phase"])
    assert inside.any()
    assert (np.pi - abs(found["phase"][inside])).max() < 0.11
    assert np.angle(np.exp(1j * found["phase"][inside]).mean()) % (2 * np.pi) == pytest.approx(np.pi, abs=0.02)
    assert {"latitude", "longitude"}.isdisjoint(found)


def test_both_profiles_agree():
    cube = stack(noisy_pair(1))
    with pytest.warns(ProfileWarning, match=r"^The UDF changes the band labels"):
        by_specification = analyses.run("slc_interferogram", cube, profile="specification", pairs=PAIR)
    assert by_specification.equals(analyses.run("slc_interferogram", cube, pairs=PAIR))


def test_projection_and_resolution_need_each_other():
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: The argument 'resolution' of resample_spatial"):
        interferogram(stack(noisy_pair()), projection=32631)
    with pytest.raises(OpenEOError, match=r"^FeatureUnsupported: \[geopyspark G39\] geocode needs a projection"):
        interferogram(stack(noisy_pair()), resolution=60)


@pytest.mark.parametrize("options", [{}, {"projection": 32631, "resolution": 60}])
def test_every_sample_is_read_once(options):
    cube, reads = stack(noisy_pair()), []

    def counted(block, block_info=None):
        reads.append(block_info[0]["chunk-location"][:2])
        return block

    parameters = {"data": {"from_parameter": "data"}, "pairs": PAIR, "geometry": ["height"], **options}
    graph = {"it": {"process_id": "slc_interferogram", "arguments": parameters, "result": True}}
    data = cube.copy(data=cube.data.map_blocks(counted, dtype=np.float32, meta=np.empty((0,) * 4, np.float32)))
    evaluate(graph, {"data": data}, profile="geopyspark").compute(scheduler="synchronous")
    products = [place for place in reads if place[1] in (0, 1, 4)]
    assert sorted(products) == [(date, band) for date in (0, 1) for band in (0, 1, 4)]


@pytest.mark.filterwarnings("ignore:.geopyspark G55:local_runner.profiles.ProfileWarning")
def test_unwrapped_phase():
    pytest.importorskip("snaphu")
    truth = np.broadcast_to(np.linspace(0, 25, SHAPE[1]), SHAPE)
    cube = stack(noisy_pair(truth))
    first, other = (
        interferogram(cube, pair, unwrap=True, looks_range=2, looks_azimuth=2, filter_patch=16)
        for pair in (DATES, DATES[::-1])
    )
    assert list(first)[5:7] == ["phase_unwrapped", "component"]
    cells = truth.reshape(36, 2, 80, 2).mean(axis=(1, 3))
    assert np.std(first["phase_unwrapped"] - cells) < 0.3
    assert (first["component"] == 1).mean() > 0.9
    assert np.array_equal(first["phase_unwrapped"], -other["phase_unwrapped"])
    assert np.array_equal(first["component"], other["component"])


def test_two_grids_are_refused():
    process = {"id": "a", "parameters": [{"name": "projection"}, {"name": "resolution"}]}
    assert assemble.on_grid(process, {}, 32631, 20.0) == ({"projection": 32631, "resolution": 20.0}, None, None)
    assert assemble.on_grid(process, {"x": 1}, None, None) == ({"x": 1}, None, None)
    assert assemble.on_grid({"id": "a"}, {}, 32631, 20.0) == ({}, 32631, 20.0)
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: The parameter 'projection' of a and the grid"):
        assemble.on_grid(process, {"projection": 32632}, 32631, 20.0)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return real_pair.write_real_pair(tmp_path_factory.mktemp("pair"))


@analyses.needs_real_pair
class TestRealPair:
    def test_coherence_agrees_with_that_of_windows(self, catalogue):
        """Three cells of 7 x 1 samples by 3 cells of 1 x 1: the same 21 by 3 samples as a window of slc_coherence."""
        cube, pair = analyses.load(catalogue), analyses.PAIR
        options = {"flatten": False, "looks_range": 7, "looks_azimuth": 1, "min_valid": 1}
        found = interferogram(cube, pair, **options)["coherence"]
        windows = analyses.run("slc_coherence", cube, pairs=[pair], window_range=21, window_azimuth=3).values[0, 0]
        inner = np.s_[1:-1, 1:-1]  # windows that do not reach beyond the image
        whole, expected = found[:, :48][inner], windows[:, 3::7][inner]
        both = np.isfinite(whole) & np.isfinite(expected)
        assert both.mean() > 0.9
        np.testing.assert_allclose(whole[both], expected[both], atol=2e-6)

    def test_fringes_were_removed_before(self, catalogue):
        found = interferogram(analyses.load(catalogue), analyses.PAIR, flatten=False)
        values = found["i"] + 1j * found["q"]
        values = values[np.isfinite(values)]
        assert abs(values.sum()) / abs(values).sum() > 0.7

    def test_items_on_a_map(self, catalogue, tmp_path):
        options = {"pairs": [analyses.PAIR], "flatten": False, "looks_range": 4, "looks_azimuth": 1}
        inputs, out = {"data": catalogue}, tmp_path / "out"
        result = run("slc_interferogram", options, inputs=inputs, out=out, geocode=32631, resolution=40)
        (item,) = result.items
        assert item.id == "slc_interferogram_20230331_20230319"
        assert list(item.assets) == [*NAMES, "quicklook", "quicklook_phase_filtered"]
        assert item.assets["phase"].extra_fields["bands"][0]["unit"] == "rad"
        text = (out / "README.md").read_text()
        assert re.search(r"\| coherence \| 1 \| [^|]*, mean 0\.\d+ \|", text)
        assert re.search(r"\| phase \| rad \| [-\d.]+ to [-\d.]+ \|", text)  # a mean of wrapped phases means nothing
        record = json.loads((out / "record.json").read_text())
        assert (record["parameters"]["projection"], record["parameters"]["resolution"]) == (32631, 40)
        assert not [n for n in record["graph"].values() if n["process_id"] == "resample_spatial"]
        with rasterio.open(out / item.id / "phase.tif") as phase, rasterio.open(out / item.id / "i.tif") as real:
            with rasterio.open(out / item.id / "q.tif") as imag:
                expected = np.arctan2(imag.read(1), real.read(1))
            np.testing.assert_array_equal(phase.read(1), expected)
