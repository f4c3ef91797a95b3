import h5py
import netCDF4
import numpy as np
import pytest

from local_runner import evaluate
from local_runner.errors import DataError, LimitExceededError, OpenEOError
from local_runner.files import hdf5
from local_runner.products import catalogue, recognise
from local_runner.products.its_live import USABLE
from tests.products import traps
from tests.products.hdf5_files import (
    FACTOR,
    GRANULE_X,
    GRANULE_Y,
    OFFSET,
    SCALE,
    STORED_MATRIX,
    VELOCITY,
    cslc,
    granule,
    opened,
    stacks,
)

ID = "its_live_epsg32635_x400140_y6600060_120x120m_20x300"


@pytest.mark.parametrize("time", [False, True])
@pytest.mark.parametrize("packed", [True, False])
def test_values_are_unpacked_in_float64(tmp_path, packed, time):
    url = catalogue([granule(tmp_path / "a.nc", packed=packed, time=time)], out=tmp_path / "cat")
    cube = evaluate({"l": {"process_id": "load_stac", "arguments": {"url": str(url)}, "result": True}}).compute()
    expected = dict.fromkeys(("vx", "vy", "v", "vr"), VELOCITY) | {"chip_size_width": np.full(VELOCITY.shape, 240)}
    expected |= {name: STORED_MATRIX * np.float64(SCALE) + np.float64(OFFSET) for name in ("M11", "M12")}
    for name, values in expected.items():
        found = cube.sel(bands=name).values[0]
        assert np.isnan(found[0, 0])
        np.testing.assert_array_equal(found.ravel()[1:], values.astype(np.float32).ravel()[1:])
    assert cube.dtype == np.float32


def test_a_fill_value_that_is_a_flag_is_a_value(tmp_path):
    bands = opened(stacks("its_live", granule(tmp_path / "a.nc"))[0].items[0], tmp_path).bands
    mask = bands["interp_mask"]().compute()
    np.testing.assert_array_equal(mask.ravel()[1:], (VELOCITY % 2).ravel()[1:])


def test_grid_is_that_of_the_pixel_centres_with_its_sign(tmp_path):
    item = stacks("its_live", granule(tmp_path / "a.nc"))[0].items[0]
    grid = opened(item, tmp_path).grid
    np.testing.assert_array_equal(grid.x, GRANULE_X)
    np.testing.assert_array_equal(grid.y, GRANULE_Y)
    assert item.properties["proj:code"] == "EPSG:32635"
    assert item.properties["proj:transform"] == [120, 0, 400_080, 0, -120, 6_600_120]
    assert "openeo_sar:coordinates_like_corners" not in item.properties


def test_coordinates_of_corners_are_marked_and_not_moved(tmp_path):
    with netCDF4.Dataset(granule(tmp_path / "a.nc"), "a") as file:
        file["x"][:] -= 60
        file["y"][:] += 60
    item = stacks("its_live", tmp_path / "a.nc")[0].items[0]
    assert item.properties["openeo_sar:coordinates_like_corners"] is True
    np.testing.assert_array_equal(opened(item, tmp_path).grid.x, GRANULE_X - 60)


def test_fields_of_an_item(tmp_path, validate):
    (stack,) = stacks("its_live", granule(tmp_path / "a.nc"))
    item = stack.items[0]
    validate(item.to_dict(include_self_link=False, transform_hrefs=False))
    assert (stack.id, item.id) == (ID, f"{ID}_20170203_20170215")
    expected = {
        "start_datetime": "2017-02-03T16:21:06Z", "end_datetime": "2017-02-15T16:21:05Z", "platform": "sentinel-1a",
        "datetime": "2017-02-09T16:21:05.500000Z", "sat:orbit_state": "ascending", USABLE: True,
        "openeo_sar:dr_to_vr_factor": FACTOR, "openeo_sar:date_dt_days": 11.999995787,
        "openeo_sar:range_pixel_size_m": 2.329562114715323, "openeo_sar:autorift_software_version": "1.5.0",
    }  # fmt: skip
    properties = item.to_dict(include_self_link=False, transform_hrefs=False)["properties"]
    assert {name: properties.get(name) for name in expected} == expected
    assert [link.target for link in item.get_links("derived_from")] == [str(tmp_path / "a.nc")]
    assert item.bbox[0] < item.bbox[2]


def test_dates_in_the_other_order_are_sorted(tmp_path):
    item = stacks("its_live", granule(tmp_path / "a.nc", dates=("20170215", "20170203")))[0].items[0]
    assert item.properties["start_datetime"] == "2017-02-03T16:21:05Z"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"factor": 0.0}, "dr_to_vr_factor of M11 is 0 or missing"),
        (
            {"packed": False, "matrix": -np.float64(OFFSET) / SCALE + np.zeros(VELOCITY.shape)},
            "M11 and M12 truncated to 0",
        ),
        ({"packed": "truncated"}, "M11 and M12 truncated to 0"),
    ],
)
def test_matrices_that_cannot_convert_are_flagged(tmp_path, options, why):
    with pytest.warns(UserWarning, match=rf"^.*a.nc cannot convert velocities: {why}"):
        item = stacks("its_live", granule(tmp_path / "a.nc", **options))[0].items[0]
    assert item.properties[USABLE] is False


def test_no_pixel_is_read_but_until_a_matrix_is_not_zero(tmp_path, monkeypatch):
    path, read, given = granule(tmp_path / "a.nc"), [], hdf5.read_rows
    monkeypatch.setattr(hdf5, "read_rows", lambda *place: read.append((place[0].name, *place[1:])) or given(*place))
    item = stacks("its_live", path)[0].items[0]
    assert read == [("M11", 0, 256), ("M12", 0, 256)]
    read.clear()
    first, again = ({name: make() for name, make in opened(item, tmp_path).bands.items()} for _ in range(2))
    assert read == []
    assert all(first[name].name == again[name].name for name in first)
    first["vx"][299:].compute()
    assert read == [("vx", 256, 44)]


def test_granules_of_one_grid_are_a_stack(tmp_path):
    paths = [granule(tmp_path / "a.nc"), granule(tmp_path / "b.nc", dates=("20170110", "20170122"))]
    (stack,) = stacks("its_live", *paths)
    assert [item.id for item in stack.items] == [f"{ID}_20170110_20170122", f"{ID}_20170203_20170215"]
    with netCDF4.Dataset(paths[1], "a") as file:
        file["x"][:] += 120
    assert len(stacks("its_live", *paths)) == 2


def test_two_granules_of_a_pair_are_refused(tmp_path):
    paths = granule(tmp_path / "a.nc"), granule(tmp_path / "b.nc")
    with pytest.raises(DataError, match=r"^DatesNotUnique: .* not .*a.nc and .*b.nc"):
        stacks("its_live", *paths)


def test_matrices_without_dates_get_one_by_option(tmp_path):
    path = granule(tmp_path / "a.nc", pair=False)
    assert recognise(path) == "its_live"
    with pytest.raises(OpenEOError, match=r"^DateUnknown: .*a.nc must tell its dates in 'img_pair_info'"):
        stacks("its_live", path)
    assert [item.id for item in stacks("its_live", path, date="2017-02-03")[0].items] == [f"{ID}_20170203"]


def without_dates(file):
    for number in (1, 2):
        del file["img_pair_info"].attrs[f"acquisition_date_img{number}"]


def test_a_pair_that_tells_no_dates_gets_one_by_option(tmp_path):
    path = granule(tmp_path / "a.nc")
    with h5py.File(path, "a") as file:
        without_dates(file)
    with pytest.raises(OpenEOError, match=r"^DateUnknown: .*a.nc must tell its dates in 'img_pair_info'"):
        stacks("its_live", path)
    assert stacks("its_live", path, date="2017-02-03")[0].items[0].id.endswith("_20170203")


@pytest.mark.parametrize(
    "text", ["20170215T16:21:05.1234567", "2017-02-15T16:21:05.123456Z", b"20170215T16:21:05.123456"]
)
def test_dates_are_read_as_different_writers_spell_them(tmp_path, text):
    path = granule(tmp_path / "a.nc")
    with h5py.File(path, "a") as file:
        file["img_pair_info"].attrs["acquisition_date_img2"] = np.array([text]) if isinstance(text, bytes) else text
    assert stacks("its_live", path)[0].items[0].properties["end_datetime"] == "2017-02-15T16:21:05.123456Z"


@pytest.mark.parametrize("value", [np.bytes_("a"), "a"])
def test_scalars_may_be_texts(tmp_path, value):
    path = granule(tmp_path / "a.nc")
    with h5py.File(path, "a") as file:
        for name in ("mapping", "img_pair_info"):
            told = dict(file[name].attrs)
            del file[name]
            file[name] = value
            file[name].attrs.update(told)
    assert stacks("its_live", path)[0].items[0].properties["proj:code"] == "EPSG:32635"


def test_a_grid_beyond_its_crs_is_named(tmp_path):
    path = granule(tmp_path / "a.nc")
    with h5py.File(path, "a") as file:
        file["x"][...] = 1e300 * np.arange(file["x"].size)
    with pytest.raises(
        DataError, match=r"^DataCorrupt: .*a.nc must lie within its CRS, EPSG:32635, instead got 'a grid"
    ):
        stacks("its_live", path)


def test_a_granule_is_no_cslc_and_a_cslc_no_granule(tmp_path):
    assert recognise(granule(tmp_path / "a.nc")) == "its_live"
    assert recognise(cslc(tmp_path / "a.h5")) == "opera_cslc"


@pytest.mark.parametrize("trap", traps.LEAD_ELSEWHERE)
def test_files_that_lead_elsewhere_are_refused(tmp_path, trap):
    with h5py.File(granule(tmp_path / "a.nc"), "a") as file:
        name = trap(file)
    assert recognise(tmp_path / "a.nc") == "its_live"
    with pytest.raises(OpenEOError, match=rf"^AccessRefused: .*a.nc must hold its data itself.*'{name}'"):
        stacks("its_live", tmp_path / "a.nc")


@pytest.mark.parametrize(
    ("name", "attribute", "value", "message"),
    [
        (
            "img_pair_info",
            "acquisition_date_img2",
            "later",
            r"DataCorrupt: 'img_pair_info.acquisition_date_img2' in .*a.nc must be a time",
        ),
        (
            "mapping",
            "spatial_epsg",
            999_999,
            r"FormatUnsuitable: 'mapping.spatial_epsg' in .*a.nc must be an EPSG code",
        ),
        ("M12", "dr_to_vr_factor", 850.0, r"DataCorrupt: dr_to_vr_factor of 'M11' and 'M12' in .*a.nc must be one"),
        (
            "M11",
            "dr_to_vr_factor",
            "x",
            r"DataCorrupt: attribute 'dr_to_vr_factor' of 'M11' in .*a.nc must be a number",
        ),
        ("vx", "scale_factor", np.nan, r"DataCorrupt: scale_factor and add_offset of 'vx' in .*a.nc must be finite"),
    ],
)
def test_attributes_that_make_no_sense_are_named(tmp_path, name, attribute, value, message):
    with h5py.File(granule(tmp_path / "a.nc"), "a") as file:
        file[name].attrs[attribute] = value
    with pytest.raises(OpenEOError, match=f"^{message}"):
        stacks("its_live", tmp_path / "a.nc")


def test_data_sets_that_make_no_sense_are_named(tmp_path):
    path = traps.replaced(granule(tmp_path / "a.nc"), "vx", (300, 21))
    with pytest.raises(DataError, match=r"^DataCorrupt: 'vx' in .*a.nc must have the shape of its grid, \(300, 20\)"):
        stacks("its_live", path)
    path = traps.replaced(granule(tmp_path / "b.nc"), "vx", dtype="c8")
    with pytest.raises(OpenEOError, match=r"^FormatUnsuitable: 'vx' in .*b.nc must hold real numbers"):
        stacks("its_live", path)
    with h5py.File(granule(tmp_path / "c.nc"), "a") as file:
        del file["mapping"]
    with pytest.raises(DataError, match=r"^DataCorrupt: .*c.nc must have the data set 'mapping'"):
        stacks("its_live", tmp_path / "c.nc")


def test_sizes_and_damage_are_found(tmp_path):
    path = traps.replaced(granule(tmp_path / "a.nc"), "vx", (300, 20), chunks=(300, 20), maxshape=(None, None))
    with h5py.File(path, "a") as file:
        file["vx"].resize((2**20, 2**20))
    with pytest.raises(OpenEOError, match=r"^DataCorrupt: 'vx' in .*a.nc must have the shape of its grid"):
        stacks("its_live", path)
    path = traps.cut(granule(tmp_path / "b.nc"), 0.9)
    with pytest.raises(DataError, match=r"^DataCorrupt: .*b.nc must be a whole, readable netCDF file"):
        stacks("its_live", path)


def test_axes_are_bounded(tmp_path):
    path = granule(tmp_path / "a.nc")
    with h5py.File(path, "a") as file:
        del file["x"]
        file.create_dataset("x", (2**39,), "f8", chunks=(2**20,))
    with pytest.raises(LimitExceededError, match=r"^ArrayTooLarge: 'x' in .*a.nc must have at most 1000000 values"):
        stacks("its_live", path)
