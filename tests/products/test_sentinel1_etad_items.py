"""S1-ETAD products as catalogues, on their own grid."""

import h5py
import numpy as np
import pytest

from local_runner.access import Access
from local_runner.demo.etad import CALIBRATION_S, Burst, fields, write_etad
from local_runner.errors import DataError, OpenEOError
from local_runner.products import _catalogue, recognise, sentinel1_etad
from local_runner.products._driver import Options
from local_runner.products.sentinel1_etad import EtadWarning, stacks
from local_runner.products.sentinel1_etad.layers import GRADIENT, LATER, POSITION, SECONDS, VARIABLES
from local_runner.stac.read import load

START = np.datetime64("2019-12-16T19:45:20.438892")
NAME = "s1a_etad_iw1_20191216T194520"


def burst_of(**known):
    return Burst(**{"start": START, "range_start_s": 0.0053716, "shape": (300, 9), **known})


@pytest.fixture
def product(tmp_path):
    """A product of two bursts of IW1 and one of IW2."""
    later = START + np.timedelta64(2_758_273, "us")
    bursts = [burst_of(), burst_of(start=later, index=2), burst_of(swath="IW2", index=3)]
    return write_etad(tmp_path / "S1A_IW_ETA__AXDV_1.SAFE", bursts)


def made(folder, tmp_path, **options):
    return stacks([folder], Options(out=tmp_path, **options))


def test_a_product_is_known_by_its_name_or_its_annotation(product, tmp_path):
    assert recognise(product) == "sentinel1_etad"
    assert recognise(write_etad(tmp_path / "X.SAFE", [burst_of()])) == "sentinel1_etad"


def test_other_netcdf_in_a_safe_is_none(tmp_path):
    folder = write_etad(tmp_path / "S1A_IW_OCN__2SDV_1.SAFE", [burst_of()])
    (folder / "annotation" / "etad.xml").write_text("<product/>")
    assert not sentinel1_etad.recognise(folder)
    assert not sentinel1_etad.recognise(folder / "measurement" / "etad.nc")


def test_each_burst_is_a_stack_with_an_item(product, tmp_path):
    found = made(product, tmp_path)
    assert [stack.id for stack in found] == [NAME, "s1a_etad_iw1_20191216T194523", "s1a_etad_iw2_20191216T194520"]
    (item,) = found[0].items
    told = {
        "platform": "sentinel-1a",
        "sar:instrument_mode": "IW",
        "sar:polarizations": ["VV"],
        "sat:absolute_orbit": 30378,
        "sat:relative_orbit": 31,
        "product:type": "ETA",
        "proj:code": None,
        "proj:shape": [300, 9],
        "line_interval_s": 0.02932551319648094,
        "openeo_sar:etad_group": "IW1/Burst0001",
        "start_datetime": "2019-12-16T19:45:20.438892Z",
    }
    assert {name: item.properties[name] for name in told} == told
    assert item.properties["slant_range_first_m"] == pytest.approx(299_792_458 / 2 * 0.0053716, rel=1e-12)


def test_items_are_valid_and_have_the_outline_of_the_grid(product, tmp_path, validate):
    (item,) = made(product, tmp_path)[0].items
    validate(item.to_dict())
    known = fields(burst_of())
    corners = [
        [round(float(known[name][at]), 6) for name in ("grid_lon", "grid_lat")] for at in ((0, 0), (-1, -1), (0, -1))
    ]
    assert all(corner in item.geometry["coordinates"][0] for corner in corners)


def test_bands_are_the_layers_in_float32(product, tmp_path):
    _catalogue.write(made(product, tmp_path, bursts=("1",)), tmp_path / "cat")
    cube = load(str(tmp_path / "cat"), access=Access())
    assert cube.sizes == {"t": 1, "bands": 19, "y": 300, "x": 9}
    assert cube.chunks[2] == (256, 44)
    assert set(cube.bands.values) == {*POSITION, *SECONDS, *GRADIENT}
    found, known = cube.isel(t=0).compute(), fields(burst_of())
    for name in (*VARIABLES, *POSITION, *GRADIENT):
        np.testing.assert_array_equal(found.sel(bands=name), known[name].astype(np.float32), err_msg=name)
    assert (found.sel(bands="timing_calibration_azimuth") == np.float32(CALIBRATION_S[1])).all()


def test_opening_an_item_reads_no_layer(product, tmp_path, monkeypatch):
    _catalogue.write(made(product, tmp_path, bursts=("1",)), tmp_path / "cat")
    read, own = set(), h5py.Dataset.__getitem__
    monkeypatch.setattr(h5py.Dataset, "__getitem__", lambda data, at: (read.add(data.name), own(data, at))[1])
    cube = load(str(tmp_path / "cat"), access=Access())
    assert read == {"/IW1/Burst0001/azimuth", "/IW1/Burst0001/range"}
    cube.sel(bands="geodetic_range").compute()
    assert "/IW1/Burst0001/geodeticCorrectionRg" in read
    assert len(read) == 3


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"swaths": ("iw2",)}, ["s1a_etad_iw2_20191216T194520"]),
        ({"bursts": ("IW1/Burst0002",)}, ["s1a_etad_iw1_20191216T194523"]),
        ({"bursts": ("1", "3"), "swaths": ("IW1",)}, [NAME]),
    ],
)
def test_bursts_are_chosen(product, tmp_path, options, names):
    assert [stack.id for stack in made(product, tmp_path, **options)] == names


@pytest.mark.parametrize(
    ("options", "must"),
    [
        ({"swaths": ("IW3",)}, r"--swath must be one of \('IW1', 'IW2'\)"),
        ({"bursts": ("9",)}, r"--burst must be the number of a burst of the product"),
    ],
)
def test_a_choice_that_nothing_meets_is_refused(product, tmp_path, options, must):
    with pytest.raises(OpenEOError, match=rf"^ProcessParameterInvalid: {must}"):
        made(product, tmp_path, **options)


def test_what_an_older_product_lacks_is_warned_of_and_told(tmp_path):
    without = [VARIABLES[name] for name in LATER] + list(GRADIENT.values())
    absent = {"instrumentTimingCalibrationRange": None}
    folder = write_etad(tmp_path / "X.SAFE", [burst_of(without=tuple(without), attributes=absent)])
    with pytest.warns(
        EtadWarning, match=r"^.*etad\.nc lacks ocean_tide_azimuth, .*timing_calibration_range: they are taken"
    ):
        found = made(folder, tmp_path)
    (item,) = found[0].items
    lacking = [*LATER, "timing_calibration_range", "timing_calibration_azimuth"]
    assert item.properties["openeo_sar:missing_layers"] == lacking
    assert not any(band["name"] in GRADIENT for band in item.assets["data"].extra_fields["bands"])


def test_a_name_that_tells_no_orbit_is_left_out(tmp_path):
    folder = write_etad(tmp_path / "X.SAFE", [burst_of(product_id="some product")])
    found = made(folder, tmp_path)[0]
    assert found.id == "etad_iw1_20191216T194520"
    assert not {"platform", "sat:absolute_orbit", "sar:instrument_mode"} & set(found.items[0].properties)


@pytest.mark.parametrize(
    ("change", "must"),
    [
        (lambda item: item.assets.pop("data"), rf"Item {NAME} must have the asset 'data'"),
        (
            lambda item: item.properties.update({"openeo_sar:etad_group": "IW3/Burst0007"}),
            r".*nc must have the group 'IW3/",
        ),
    ],
)
def test_an_item_that_names_what_is_not_there_is_refused(product, tmp_path, change, must):
    (stack,) = made(product, tmp_path, bursts=("1",))
    stack.items[0].assets["annotation"].extra_fields["bands"] = [{"name": "height"}]
    change(stack.items[0])
    _catalogue.write([stack], tmp_path / "cat")
    with pytest.raises(DataError, match=rf"^DataCorrupt: {must}"):
        load(str(tmp_path / "cat"), access=Access())
