"""The reader of S1-ETAD products: grids, layers, and what is refused."""

import re

import h5py
import numpy as np
import pytest

from local_runner.demo.etad import CALIBRATION_S, MAGNITUDES, OFFSETS_S, STEP_S, Burst, fields, write_etad
from local_runner.errors import DataError, OpenEOError
from local_runner.products.sentinel1_etad.layers import GRADIENT, LATER, POSITION, SECONDS, STORED, VARIABLES
from local_runner.products.sentinel1_etad.reader import read_burst, read_product

START = np.datetime64("2019-12-16T19:45:20.438892")
MID = np.datetime64("2019-12-16T19:45:22.020644")
"""Mid of the burst in the guide of the product (its t_ref)."""


def burst_of(**known):
    return Burst(**{"start": START, "range_start_s": 0.0053716, "shape": (6, 9), **known})


def product(folder, *bursts, **known):
    return read_product(write_etad(folder / "X.SAFE", bursts or [burst_of()], **known))


def change(folder, function):
    """Change the netCDF file of a product by a function of the open file."""
    with h5py.File(write_etad(folder / "X.SAFE", [burst_of()]) / "measurement" / "etad.nc", "r+") as file:
        function(file)
    return folder / "X.SAFE"


def corrupt(text):
    return pytest.raises(DataError, match=rf"^DataCorrupt: {text}")


def test_the_grid_starts_where_the_guide_of_the_product_says(tmp_path):
    epoch = np.datetime64("2019-12-16T19:41:48.123456")
    start_s = -1.5817520840728037 - (epoch - MID) / np.timedelta64(1, "s")
    made = burst_of(
        start=epoch + np.timedelta64(round(start_s * 1e6), "us"),
        range_start_s=0.005371694439612913,
        attributes={"gridStartAzimuthTime": start_s},
    )
    burst = product(tmp_path, made, epoch=epoch, range_epoch_s=0.0053).bursts[0]
    assert burst.azimuth_start_s(MID) == -1.5817520840728037
    assert burst.range.start_s == 0.005371694439612913


def test_the_axes_are_grid_start_and_n_steps(tmp_path):
    burst = product(tmp_path, burst_of(), epoch=START - np.timedelta64(200, "s"), range_epoch_s=0.0053).bursts[0]
    np.testing.assert_allclose(burst.azimuth.seconds(), 200 + STEP_S[0] * np.arange(6), rtol=0, atol=1e-12)
    np.testing.assert_allclose(burst.range.seconds(), 0.0053716 + STEP_S[1] * np.arange(9), rtol=0, atol=1e-17)
    assert burst.time_of(0) == START


@pytest.mark.parametrize("axis", ["azimuth", "range"])
def test_an_axis_that_counts_grid_start_twice_is_refused(tmp_path, axis):
    def shift(file):
        data = file[f"IW1/Burst0001/{axis}"]
        data[:] += {"azimuth": 212.0, "range": 7e-5}[axis]

    with corrupt(
        rf"IW1/Burst0001/{axis} in .*etad\.nc must be gridStart\w+ \+ n gridSampling\w+, which is .* at n = 0"
    ):
        read_product(change(tmp_path, shift))


def test_layers_are_the_float64_numbers_of_the_file(tmp_path):
    ramp = {"troposphere_range": lambda t, tau: 1e-8 * (1 + t) + tau / 7}
    burst = product(tmp_path, burst_of(layers=ramp)).bursts[0]
    known = fields(burst_of(layers=ramp))
    assert set(burst.variables) == set(STORED)
    for name in STORED:
        layer = burst.layer(name)
        assert layer.dtype == np.float64
        np.testing.assert_array_equal(layer, known[name], err_msg=name)


def test_the_sum_is_the_product_s_own(tmp_path):
    burst = product(tmp_path, burst_of(layers={"sum_range": 2e-8, "sum_azimuth": -4e-4})).bursts[0]
    assert burst.layer("sum_range")[2, 3] == 2e-8
    assert burst.metres("sum_range", burst.layer("sum_range"))[0, 0] == pytest.approx(2.99792458, abs=1e-9)
    assert burst.metres("sum_azimuth", burst.layer("sum_azimuth"))[0, 0] == pytest.approx(-2.728, abs=1e-9)


def test_constants_of_a_burst_are_layers(tmp_path):
    burst = product(tmp_path).bursts[0]
    for at, way in enumerate(("range", "azimuth")):
        assert (burst.layer(f"timing_calibration_{way}") == CALIBRATION_S[at]).all()
        assert (burst.layer(f"channel_offset_{way}", "VH") == OFFSETS_S["VH"][at]).all()
        assert (burst.layer(f"channel_offset_{way}") == OFFSETS_S["VV"][at]).all()


def test_layers_that_older_products_lack_are_zero(tmp_path):
    absent = [f"{way}Offset{name}" for way in ("range", "azimuth") for name in OFFSETS_S]
    absent += [f"instrumentTimingCalibration{way}" for way in ("Range", "Azimuth")]
    without = [(VARIABLES | GRADIENT)[name] for name in (*LATER, *GRADIENT)]
    burst = product(tmp_path, burst_of(attributes=dict.fromkeys(absent), without=tuple(without))).bursts[0]
    lacking = {name for name in SECONDS if name.startswith(("channel", "timing", "ocean"))}
    assert set(burst.lacking) == lacking
    assert all((burst.layer(name) == 0).all() for name in lacking)
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: The layer of IW1/Burst0001 must be one of"):
        burst.layer("troposphere_gradient_range")


def test_fill_values_are_no_data(tmp_path):
    def mark(file):
        data = file["IW1/Burst0001/lats"]
        data.attrs["_FillValue"] = np.array([-999.0])
        data[2, 3] = -999.0

    layer = read_product(change(tmp_path, mark)).bursts[0].layer("grid_lat")
    assert np.argwhere(np.isnan(layer)).tolist() == [[2, 3]]


def test_bursts_are_read_by_their_groups(tmp_path):
    bursts = [burst_of(swath=f"IW{n}", index=n, shape=(4 + n, 7)) for n in (1, 2, 3)]
    made = product(tmp_path, *bursts)
    assert [burst.group for burst in made.bursts] == ["IW1/Burst0001", "IW2/Burst0002", "IW3/Burst0003"]
    assert made.processor_version == "003.00"
    burst = read_burst(made.file, "IW2/Burst0002")
    assert (burst.swath, burst.index, burst.swath_index, burst.shape) == ("IW2", 2, 2, (6, 7))
    assert burst == made.bursts[1]


def test_opening_reads_no_layer(tmp_path, monkeypatch):
    folder = write_etad(tmp_path / "X.SAFE", [burst_of()])
    read, own = [], h5py.Dataset.__getitem__
    monkeypatch.setattr(h5py.Dataset, "__getitem__", lambda data, at: (read.append(data.name), own(data, at))[1])
    read_product(folder)
    assert {name.rpartition("/")[2] for name in read} == {"azimuth", "range"}


@pytest.mark.parametrize(
    "name",
    ["gridStartAzimuthTime", "gridSamplingRange", "swathID", "productID", "bIndex", "averageZeroDopplerVelocity"],
)
def test_a_missing_attribute_is_named(tmp_path, name):
    with corrupt(rf"attribute '{name}' of group IW1/Burst0001 in .*etad\.nc must be there"):
        product(tmp_path, burst_of(attributes={name: None}))


@pytest.mark.parametrize(
    ("name", "value", "must"),
    [
        ("gridSamplingAzimuth", 0.0, "a number from"),
        ("gridStartRangeTime", np.nan, "a finite number"),
        ("gridStartRangeTime", np.zeros(2), "one value"),
        ("swathID", 3, "a text"),
        ("bIndex", 1.5, "a whole number"),
    ],
)
def test_an_attribute_of_the_wrong_kind_is_named(tmp_path, name, value, must):
    with corrupt(rf"attribute '{name}' of group IW1/Burst0001 in .*etad\.nc must be {must}"):
        product(tmp_path, burst_of(attributes={name: value}))


@pytest.mark.parametrize("name", ["azimuthTimeMin", "rangeTimeMin"])
def test_a_missing_attribute_of_the_product_is_named(tmp_path, name):
    with corrupt(rf"attribute '{name}' of group / in .*etad\.nc must be there"):
        read_product(change(tmp_path, lambda file: file.attrs.__delitem__(name)))


def test_a_time_that_is_none_is_named(tmp_path):
    with corrupt(r"attribute 'azimuthTimeMin' of group / in .*etad\.nc must be a time"):
        read_product(change(tmp_path, lambda file: file.attrs.__setitem__("azimuthTimeMin", "yesterday")))


@pytest.mark.parametrize("name", sorted(set(VARIABLES) - set(LATER)) + sorted(POSITION))
def test_a_missing_variable_is_named(tmp_path, name):
    with corrupt(rf".*etad\.nc must have the data set 'IW1/Burst0001/{STORED[name]}'"):
        product(tmp_path, burst_of(without=(STORED[name],)))


def test_a_layer_of_another_shape_is_refused(tmp_path):
    def reshape(file):
        group = file["IW1/Burst0001"]
        del group["sumOfCorrectionsRg"]
        group["sumOfCorrectionsRg"] = np.zeros((6, 8))

    with corrupt(
        r"IW1/Burst0001/sumOfCorrectionsRg in .*etad\.nc must hold numbers on the grid of its burst, \(6, 9\)"
    ):
        read_product(change(tmp_path, reshape))


@pytest.mark.parametrize(("name", "place"), [("second.nc", "measurement"), ("second.xml", "annotation")])
def test_several_files_are_refused(tmp_path, name, place):
    folder = write_etad(tmp_path / "X.SAFE", [burst_of()])
    (folder / place / name).write_bytes(b"")
    with corrupt(
        rf".*{place} must hold exactly one file \*{re.escape(name[6:])}, instead got \['etad\.\w+', '{name}'\]"
    ):
        read_product(folder)


def test_an_external_link_is_refused(tmp_path):
    link = h5py.ExternalLink("/etc/hostname", "/x")
    with pytest.raises(OpenEOError, match=r"^AccessRefused: .*etad\.nc must hold its data itself"):
        read_product(change(tmp_path, lambda file: file["IW1"].__setitem__("Burst0002", link)))


def test_entities_in_the_annotation_are_refused(tmp_path):
    folder = write_etad(tmp_path / "X.SAFE", [burst_of()])
    (folder / "annotation" / "etad.xml").write_text(
        '<!DOCTYPE etadProduct [<!ENTITY a "b">]><etadProduct>&a;</etadProduct>'
    )
    with corrupt(r".*etad\.xml must be XML without DTD and entities"):
        read_product(folder)


def test_a_product_without_bursts_is_refused(tmp_path):
    with corrupt(r".*etad\.nc must have groups like IW1/Burst0001"):
        read_product(change(tmp_path, lambda file: file.__delitem__("IW1")))


def test_the_sum_of_the_synthetic_product_is_that_of_its_layers():
    known = fields(burst_of())
    ranges = [v for name, v in MAGNITUDES.items() if name.endswith("_range") and name not in GRADIENT]
    assert known["sum_range"][0, 0] == pytest.approx(sum(ranges), rel=1e-12)
