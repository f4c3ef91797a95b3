"""Enhanced spectral diversity through its graph: an injected error is found, and resampling again by it leaves nothing."""

import numpy as np
import pytest
import xarray as xr

from local_runner import evaluate
from local_runner.demo.interferometry import Scene, write_pair
from local_runner.demo.safe import Product, later
from local_runner.errors import OpenEOError
from local_runner.products import catalogue
from local_runner.profiles import ProfileWarning
from tests import analyses
from tests.bursts.looks import DT, PRIMARY, SECONDARY, Overlap, cube_of
from tests.demo import passes
from tests.processes import unreadable
from udfs import slc_resample

PAIR = [PRIMARY, SECONDARY]
SHAPE = (120, 640)
LATE = 0.01


@pytest.fixture(scope="module")
def overlap():
    return Overlap(shape=SHAPE)


def estimate(cube, *, pairs=(PAIR,), **arguments):
    """Offsets and coherences by band of windows that share no sample."""
    chunked = cube.chunk({"y": 64, "x": -1})
    result = analyses.run("enhanced_spectral_diversity", chunked, pairs=list(pairs), line_interval_s=DT, **arguments)
    return result.isel(t=0, y=slice(2, -2, 5), x=slice(7, -7, 15))


def median(cube, **arguments):
    offset = estimate(cube, **arguments)[0].values
    return float(np.nanmedian(offset))


def resampled(overlap, shift_px, monkeypatch):
    """Cube of the overlap, the secondary of both bursts resampled by `udfs/slc_resample.py` with this azimuth shift."""
    monkeypatch.setattr(slc_resample, "WITH_NUMBA", False)
    looks = np.zeros((2, 2, *SHAPE), complex)
    context = {"polarization": "VV", "taps": 12, "carrier": True, "zeros_valid": False, "phase_band": None}
    for burst, (lines, carrier) in enumerate(zip(overlap.lines, overlap.carriers, strict=True)):
        slc, flat = overlap.sampled(burst, LATE), np.zeros(SHAPE)
        deramp, reramp = (carrier.phase(lines[:, None] + shift, overlap.samples) for shift in (0, np.float32(shift_px)))
        planes = [slc.real, slc.imag, flat + shift_px, flat, deramp, reramp]
        names = ["i_VV", "q_VV", "azimuth_shift", "range_shift", "deramp_phase", "reramp_phase"]
        coords = {"bands": names, "y": np.arange(SHAPE[0]), "x": np.arange(SHAPE[1])}
        date = xr.DataArray(np.array(planes, np.float32), coords, ("bands", "y", "x"))
        real, imag = slc_resample.apply_datacube(date, context).values
        looks[0, burst], looks[1, burst] = overlap.sampled(burst, 0, overlap.primary), real + 1j * imag
    return cube_of(looks, overlap.frequency_difference)


def test_injected_error_is_found_with_its_sign(overlap):
    assert median(overlap.cube(LATE)) == pytest.approx(-LATE, abs=5e-4)
    assert median(overlap.cube(-LATE)) == pytest.approx(LATE, abs=5e-4)


def test_resampling_again_by_the_offset_leaves_no_jump(overlap, monkeypatch):
    offset = median(resampled(overlap, 0.0, monkeypatch))
    assert offset == pytest.approx(-LATE, abs=5e-4)
    assert median(resampled(overlap, offset, monkeypatch)) == pytest.approx(0, abs=3e-4)
    assert median(resampled(overlap, -offset, monkeypatch)) == pytest.approx(-2 * LATE, abs=1e-3)


def test_bursts_of_two_simulated_passes_fit_together(tmp_path):
    """From SAFE folders to the mosaic: the offset is in the items, and the phase of both bursts is the same at their cut.

    A secondary late by 0.01 px has a step of 30 degrees there, one that is shifted the wrong way 60 degrees.
    """
    first = Product(lines=200, samples=256, bursts=2, overlap=64)
    pair = first, later(first, across_m=60.0)
    images = [passes.image(tmp_path / product.day, product) for product in pair]
    dem = passes.relief(tmp_path, lambda east, north: 300 + 0 * east * north, *images)
    safes = write_pair(tmp_path / "safe", Scene(dem, coherence=0.9, azimuth_error_px=LATE), *pair)
    made = catalogue(safes, out=tmp_path / "cat", dem=str(dem), dem_datum="ellipsoid")
    arguments = {"url": str(made), "burst_id": [first.burst_id, first.burst_id + 1], "sub_swath": "IW2"}
    arguments |= {"primary_date": first.day, "geometry": ["reference_phase"], "esd": True}
    graph = {"stack": {"process_id": "insar_preprocessing", "arguments": arguments, "result": True}}
    mosaic = evaluate(graph, profile="geopyspark").compute()
    told = [item["properties"]["openeo_sar:azimuth_offset_px"] for item in mosaic.attrs["stac"][pair[1].day]]
    assert told == pytest.approx([-LATE] * 2, abs=5e-4)
    i, q, phase = (mosaic.sel(bands=name).values for name in ("i_VV", "q_VV", "reference_phase"))
    interferogram = (i[0] + 1j * q[0]) * np.conj(i[1] + 1j * q[1]) * np.exp(-1j * (phase[1] - phase[0]))
    cut = first.lines - 32
    above, below = (np.nansum(interferogram[cut + start : cut + start + 10]) for start in (-10, 0))
    assert abs(np.degrees(np.angle(above * np.conj(below)))) < 4


def test_swapped_pair_changes_the_sign(overlap):
    both = estimate(overlap.cube(LATE), pairs=[PAIR, PAIR[::-1]])
    names = [
        f"{name}_{pair}"
        for pair in ("20240809_20240821", "20240821_20240809")
        for name in ("azimuth_offset", "coherence")
    ]
    assert both.bands.values.tolist() == names
    np.testing.assert_array_equal(both[2], -both[0])
    np.testing.assert_array_equal(both[3], both[1])


def test_both_profiles_and_any_chunks_agree(overlap):
    cube = overlap.cube(LATE)
    first = estimate(cube)
    with pytest.warns(ProfileWarning, match=r"^The UDF changes the band labels"):
        other = estimate(cube.chunk({"y": 33, "x": 100}), profile="specification")
    assert first.equals(other)


def test_no_pixel_is_read_before_the_result_is(overlap):
    cube = unreadable(overlap.cube(0.0).chunk())
    with pytest.raises(AssertionError, match=r"^a pixel was read$"):
        estimate(cube)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"pairs": [[PRIMARY, "2024-09-02"]]},
            r"^UdfInputInvalid: .*pairs must hold dates of the cube, instead got '2024-09",
        ),
        (
            {"window_range": 4},
            r"^ProcessParameterInvalid: The parameter 'window_range' of 'enhanced_spectral_diversity'",
        ),
        (
            {"min_coherence": 1},
            r"^ProcessParameterInvalid: The parameter 'min_coherence' of 'enhanced_spectral_diversity'",
        ),
    ],
)
def test_what_is_wrong_is_named_before_a_pixel_is_read(overlap, arguments, message):
    cube = unreadable(overlap.cube(0.0).chunk())
    with pytest.raises(OpenEOError, match=message):
        estimate(cube, **arguments)
