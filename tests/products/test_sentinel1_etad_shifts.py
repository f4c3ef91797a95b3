"""Timing corrections as bands on the index grid of an SLC burst."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from local_runner.demo.etad import CALIBRATION_S, MAGNITUDES, OFFSETS_S, covering, write_etad
from local_runner.errors import DataError
from local_runner.geometry.carrier import Carrier, RangePolynomial
from local_runner.products.sentinel1_etad import shifts
from local_runner.products.sentinel1_etad.bilinear import interpolate
from local_runner.products.sentinel1_etad.frame import Frame
from local_runner.products.sentinel1_etad.layers import PHASE, SECONDS
from local_runner.products.sentinel1_etad.reader import read_product

START = np.datetime64("2019-12-16T19:45:20.475893")
DT, TAU, FS, F0 = 2.055556299999998e-03, 5.372502580223076e-03, 64345238.1257, 5405000454.33435
LINES, SAMPLES = 600, 80
CARRIER = Carrier(
    LINES, SAMPLES, DT, TAU, FS, F0, 0.0277, 7590.0, RangePolynomial(TAU, (-2300.0,)), RangePolynomial(TAU, (30.0,))
)
SHAPE = (LINES, SAMPLES)
FRAME = {
    "start": START,
    "line_interval_s": DT,
    "slant_range_time_first_s": TAU,
    "range_sampling_rate_hz": FS,
    "radar_frequency_hz": F0,
    "shape": SHAPE,
    "polarization": "VH",
    "carrier": CARRIER,
}


@pytest.fixture
def frame(tmp_path):
    """Makes the frame of a product with these layers; azimuthTimeMin lies 200 s before the burst, as in a long pass."""

    def make(shape=SHAPE, **layers):
        burst = covering(START, TAU, (shape[0] - 1) * DT, (shape[1] - 1) / FS, layers=layers)
        epoch = START - np.timedelta64(200, "s")
        made = read_product(write_etad(tmp_path / "X.SAFE", [burst], epoch=epoch, range_epoch_s=0.0053))
        return Frame(etad=made.bursts[0], **FRAME)

    return make


def band(frame, name):
    return shifts.bands(frame)[name]().compute()


def test_bilinear_is_exact_on_planes_and_their_product():
    rows, columns = np.linspace(-0.5, 5.5, 23), np.linspace(-0.5, 8.5, 31)

    def f(y, x):
        return 2 - 3 * y + 0.5 * x + 0.25 * x * y

    values = f(np.arange(6.0)[:, None], np.arange(9.0)[None])
    np.testing.assert_allclose(interpolate(values, rows, columns), f(rows[:, None], columns[None]), rtol=0, atol=1e-13)


def test_bilinear_has_no_value_beyond_half_a_cell():
    at = interpolate(np.zeros((3, 4)), np.array([-0.51, -0.5, 2.5, 2.51]), np.array([-0.51, -0.5, 3.5, 3.51]))
    inside = np.array([False, True, True, False])
    np.testing.assert_array_equal(np.isfinite(at), inside[:, None] & inside)


def test_bilinear_gives_the_nodes_and_spreads_no_data_by_a_cell():
    values = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(interpolate(values, np.arange(3.0), np.arange(4.0)), values)
    values[1, 1] = np.nan
    at = interpolate(values, np.array([0.5, 1.5]), np.array([0.5, 1.5, 2.5]))
    np.testing.assert_array_equal(np.isnan(at), [[True, True, False]] * 2)


def test_constants_are_shifts_of_delta_over_dt_and_delta_times_fs(frame):
    made = frame(sum_range=2e-8, sum_azimuth=-4e-4)
    lines = np.arange(0, LINES, 100)
    np.testing.assert_allclose(shifts.values(made, "azimuth_shift", lines), -4e-4 / DT, rtol=1e-14)
    np.testing.assert_allclose(shifts.values(made, "range_shift", lines), 2e-8 * FS, rtol=1e-14)
    np.testing.assert_allclose(band(made, "azimuth_shift"), -0.1945945, rtol=1e-6)
    np.testing.assert_allclose(band(made, "range_shift"), 1.2869048, rtol=1e-6)


@pytest.mark.parametrize("place", [(0, 0), (301, 40), (599, 79)])
def test_a_ramp_is_found_at_the_time_of_the_pixel(frame, place):
    ramp = lambda t, tau: 1e-4 * t + 3.0 * (tau - TAU)  # noqa: E731
    line, sample = place
    found = shifts.values(frame(sum_range=ramp), "sum_range", np.array([line]))[0, sample]
    assert found == pytest.approx(1e-4 * line * DT + 3.0 * sample / FS, abs=1e-12)


def test_a_corrected_point_is_sampled_where_it_was_annotated(frame):
    """A target annotated at t belongs to t - delta, so that the corrected image has it earlier by delta."""
    made = frame(sum_azimuth=2 * DT, sum_range=-3 / FS)
    annotated = (100, 50)
    corrected = (annotated[0] - 2, annotated[1] + 3)
    azimuth, along_range = (
        shifts.values(made, name, np.array([corrected[0]]))[0, corrected[1]] for name in shifts.SHIFT
    )
    assert (corrected[0] + azimuth, corrected[1] + along_range) == pytest.approx(annotated, abs=1e-9)


@pytest.mark.parametrize("name", SECONDS)
def test_each_layer_is_a_band_in_seconds(frame, name):
    at = int(name.endswith("_azimuth"))
    constants = {"channel_offset": OFFSETS_S["VH"][at], "timing_calibration": CALIBRATION_S[at]}
    layer = name.rpartition("_")[0]
    ways = [n for n in MAGNITUDES if n.endswith(name.rpartition("_")[2]) and "gradient" not in n]
    expected = sum(MAGNITUDES[n] for n in ways) if layer == "sum" else constants.get(layer, MAGNITUDES.get(name))
    found = band(frame(), name)
    assert found.shape == SHAPE
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_phase_follows_the_delays_and_the_ionosphere_with_the_other_sign(frame):
    delays = {"troposphere": 2.1e-8, "geodetic": -4e-10, "ocean_tide": 6e-11, "ionosphere": -2.2e-9}
    turns = F0 * sum(delays.values())
    found = shifts.values(frame(), "phase_correction", np.array([0, 300]))
    np.testing.assert_allclose(np.exp(1j * found), np.exp(2j * np.pi * turns), rtol=0, atol=1e-9)
    assert ((found > -np.pi) & (found <= np.pi)).all()


@pytest.mark.parametrize(("layer", "sign"), [("troposphere_range", 1), ("ionosphere_range", -1)])
def test_the_sign_of_a_layer_in_the_phase(frame, layer, sign):
    """The envelope moves by +delta fs in both cases, the phase by sign 4 pi / lambda (c / 2) delta."""
    delay = 1e-11
    made = frame(**{name: delay if name == layer else 0.0 for name in PHASE}, sum_range=delay)
    assert (band(made, "range_shift") > 0).all()
    np.testing.assert_allclose(band(made, "phase_correction"), sign * 2 * np.pi * F0 * delay, rtol=1e-6)


def test_what_moves_the_envelope_alone_is_no_phase(frame):
    made = frame(**dict.fromkeys(PHASE, 0.0), doppler_range=3e-9, sum_range=3e-9)
    np.testing.assert_array_equal(band(made, "phase_correction"), 0)


def test_reramp_is_the_carrier_at_the_shifted_place(frame):
    made = frame(sum_range=2e-8, sum_azimuth=-4e-4)
    line, sample = np.arange(LINES)[:, None], np.arange(SAMPLES)[None]
    deramp, reramp = band(made, "deramp_phase"), band(made, "reramp_phase")
    turned = np.exp(1j * (deramp - CARRIER.phase(line, sample)))
    np.testing.assert_allclose(turned, 1, atol=1e-6)
    turned = np.exp(1j * (reramp - CARRIER.phase(line - 4e-4 / DT, sample + 2e-8 * FS)))
    np.testing.assert_allclose(turned, 1, atol=1e-6)


def test_reramp_differs_from_the_unshifted_carrier_by_the_frequency(frame):
    """2 pi f dt times the shift: hundreds of degrees at the ends of a burst for an azimuth shift of a tenth of a line."""
    made = frame(sum_range=0.0, sum_azimuth=-2e-4)
    line, sample = np.array([0.0, LINES / 2, LINES - 1])[:, None], np.array([[40.0]])
    at = line[:, 0].astype(int)
    moved = (shifts.values(made, "reramp_phase", at) - shifts.values(made, "deramp_phase", at))[:, 40:41]
    mid = CARRIER.frequency(line - 1e-4 / DT, sample)
    np.testing.assert_allclose(np.exp(1j * moved), np.exp(-2j * np.pi * mid * -2e-4), atol=1e-6)
    assert np.abs(360 * mid[0] * 2e-4) > 60


def test_stripmap_has_no_carrier(frame):
    made = shifts.bands(replace(frame(), carrier=None))
    assert tuple(made) == shifts.names(carrier=False)
    assert not set(made) & set(shifts.CARRIER)


@pytest.mark.parametrize("name", ["azimuth_shift", "reramp_phase", "phase_correction", "sum_range"])
def test_chunks_are_the_whole(frame, name):
    ramps = {
        "sum_range": lambda t, tau: 2e-8 + 1e-9 * t + 1e-3 * (tau - TAU),
        "sum_azimuth": lambda t, tau: 1e-4 * t - tau,
    }
    made = frame(**ramps, troposphere_range=ramps["sum_range"])
    made = replace(made, shape=(600, 80))
    found = shifts.bands(made)[name]()
    assert found.chunks == ((256, 256, 88), (80,))
    np.testing.assert_array_equal(found.compute(), shifts.values(made, name, np.arange(600)).astype(np.float32))


def test_a_band_has_one_name_however_often_it_is_made(frame):
    made = frame()
    names = [shifts.bands(made)[name]().name for name in (*shifts.SHIFT, "sum_range") for _ in range(2)]
    assert len(set(names)) == 3


def test_nothing_is_read_before_a_chunk_is_computed(frame, monkeypatch):
    made = frame()
    read, own = [], h5py.Dataset.__getitem__
    monkeypatch.setattr(h5py.Dataset, "__getitem__", lambda data, at: (read.append(data.name), own(data, at))[1])
    lazy = {name: make() for name, make in shifts.bands(made).items()}
    assert read == []
    lazy["bistatic_azimuth"][:256].compute()
    assert read == ["/IW1/Burst0001/bistaticCorrectionAz"]


def test_outside_of_the_etad_grid_there_is_nothing(frame):
    made = frame((400, 80))
    late = replace(made, shape=(600, 80), carrier=replace(CARRIER, lines=600))
    rows = late.rows(np.arange(600))
    covered = rows <= made.etad.shape[0] - 0.5
    assert 400 <= covered.sum() < 600
    for name in ("azimuth_shift", "sum_range", "reramp_phase"):
        np.testing.assert_array_equal(np.isfinite(band(late, name)[:, 5]), covered)
    assert np.isfinite(band(late, "deramp_phase")).all()


@pytest.mark.parametrize(("layer", "value"), [("sum_azimuth", 9 * DT), ("sum_range", -9 / FS)])
def test_a_shift_beyond_what_a_resampling_allows_is_refused(frame, layer, value):
    made = frame(**{layer: value})
    name = "azimuth_shift" if layer == "sum_azimuth" else "range_shift"
    with pytest.raises(
        DataError, match=rf"^DataCorrupt: {layer} of IW1/Burst0001 in .*etad\.nc must be at most 8 pixels"
    ):
        band(made, name)
