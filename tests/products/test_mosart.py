import h5py
import numpy as np
import pytest

from local_runner import evaluate
from local_runner.errors import DataError, LimitExceededError, OpenEOError
from local_runner.files import hdf5
from local_runner.products import catalogue, recognise
from tests.products import traps
from tests.products.hdf5_files import amplitude_stack, opened, stacks

BANDS = {
    "height": "dem",
    "grid_lat": "lat",
    "grid_lon": "lon",
    "gradient": "grad",
    "amplitude_std": "std",
}


def test_values_come_back(tmp_path):
    data = amplitude_stack(tmp_path / "ascending.h5")
    url = catalogue([tmp_path / "ascending.h5"], out=tmp_path / "cat")
    cube = evaluate({"l": {"process_id": "load_stac", "arguments": {"url": str(url)}, "result": True}})
    assert cube.dims == ("t", "bands", "y", "x")
    assert [str(time)[:19] for time in cube.t.values] == ["2016-07-21T00:00:00", "2016-08-14T00:00:00"]
    np.testing.assert_array_equal(cube.y, np.arange(300))
    for at, day in enumerate(("20160721", "20160814")):
        found = cube.isel(t=at)
        for band, name in {"amplitude": day, **BANDS}.items():
            np.testing.assert_array_equal(found.sel(bands=band), data[name].astype(np.float32))
    assert "crs" not in cube.attrs


def test_a_box_in_degrees_selects_by_the_positions(tmp_path):
    data = amplitude_stack(tmp_path / "ascending.h5")
    url = catalogue([tmp_path / "ascending.h5"], out=tmp_path / "cat")
    box = {"west": -163.9905, "south": 54.7495, "east": -163.9805, "north": 54.7605}
    arguments = {"url": str(url), "spatial_extent": box, "bands": ["amplitude"]}
    cube = evaluate({"l": {"process_id": "load_stac", "arguments": arguments, "result": True}})
    inside = (abs(data["lat"] - 54.755) < 0.0055) & (abs(data["lon"] + 163.9855) < 0.005)
    rows, columns = np.nonzero(inside.any(axis=1))[0], np.nonzero(inside.any(axis=0))[0]
    np.testing.assert_array_equal(cube.y, np.arange(rows[0], rows[-1] + 1))
    np.testing.assert_array_equal(cube.x, np.arange(columns[0], columns[-1] + 1))


def test_fields_of_an_item(tmp_path, validate):
    data = amplitude_stack(tmp_path / "ascending.h5")
    (stack,) = stacks("mosart", tmp_path / "ascending.h5")
    assert (stack.id, [item.id for item in stack.items]) == ("ascending", ["ascending_20160721", "ascending_20160814"])
    item = stack.items[0]
    validate(item.to_dict(include_self_link=False, transform_hrefs=False))
    assert item.datetime.isoformat() == "2016-07-21T00:00:00+00:00"
    assert (item.properties["proj:code"], item.properties["proj:shape"]) == (None, [300, 20])
    assert item.bbox == pytest.approx([data["lon"].min(), 54.7, data["lon"].max(), 54.999], abs=1e-6)
    assert [link.target for link in item.get_links("derived_from")] == [str(tmp_path / "ascending.h5")]


def test_no_pixel_is_read_before_a_cube_is_computed(tmp_path, monkeypatch):
    amplitude_stack(tmp_path / "a.h5")
    read, given = [], hdf5.read_rows
    item = stacks("mosart", tmp_path / "a.h5")[0].items[1]
    monkeypatch.setattr(hdf5, "read_rows", lambda *place: read.append(place) or given(*place))
    bands = opened(item, tmp_path).bands
    arrays = {name: make() for name, make in bands.items()}
    assert read == []
    assert all(array.chunks == ((256, 44), (20,)) for array in arrays.values())
    arrays["amplitude"][:3].compute()
    assert [(source.name, *rows) for source, *rows in read] == [("20160814", 0, 256)]


def test_some_rows_of_the_positions_make_the_footprint(tmp_path, monkeypatch):
    amplitude_stack(tmp_path / "a.h5")
    read, given = [], hdf5.read_rows
    monkeypatch.setattr(hdf5, "read_rows", lambda *place: read.append((place[0].name, place[2])) or given(*place))
    stacks("mosart", tmp_path / "a.h5")
    assert set(read) == {("lat", 1), ("lon", 1)}
    assert len(read) == 2 * 17


def test_without_positions_there_is_no_footprint_which_is_said(tmp_path, validate):
    amplitude_stack(tmp_path / "a.h5", without=("lat", "lon", "grad", "std"))
    with pytest.warns(UserWarning, match=r"^.*a.h5 has no data sets 'lat' and 'lon': its items have no footprint"):
        item = stacks("mosart", tmp_path / "a.h5")[0].items[0]
    assert (item.geometry, item.bbox) == (None, None)
    assert list(opened(item, tmp_path).bands) == ["amplitude", "height"]
    validate(item.to_dict(include_self_link=False, transform_hrefs=False))


def test_a_file_is_known_by_its_data_sets(tmp_path):
    amplitude_stack(tmp_path / "projections.h5", without=("grad", "std"))
    assert recognise(tmp_path / "projections.h5") == "mosart"
    amplitude_stack(tmp_path / "b.h5", without=("dem",))
    with pytest.raises(DataError, match=r"^ProductUnknown: .*MoSARt"):
        recognise(tmp_path / "b.h5")


@pytest.mark.parametrize("trap", traps.LEAD_ELSEWHERE)
def test_files_that_lead_elsewhere_are_refused(tmp_path, trap):
    amplitude_stack(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        name = trap(file)
    assert recognise(tmp_path / "a.h5") == "mosart"
    with pytest.raises(OpenEOError, match=rf"^AccessRefused: .*a.h5 must hold its data itself.*'{name}'"):
        stacks("mosart", tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "message"),
    [
        ("dem", (300, 21), "f4", r"DataCorrupt: 'dem' in .*a.h5 must have the shape of its grid, \(300, 20\)"),
        ("20160814", (299, 20), "f4", r"DataCorrupt: '20160814' in .*a.h5 must have the shape"),
        ("20160721", (300,), "f4", r"DataCorrupt: '20160721' in .*a.h5 must have rows and columns"),
        ("20160721", (300, 20), "c8", r"FormatUnsuitable: '20160721' in .*a.h5 must hold real numbers"),
    ],
)
def test_data_sets_must_agree(tmp_path, name, shape, dtype, message):
    amplitude_stack(tmp_path / "a.h5")
    traps.replaced(tmp_path / "a.h5", name, shape, dtype)
    with pytest.raises(OpenEOError, match=f"^{message}"):
        stacks("mosart", tmp_path / "a.h5")


def test_missing_data_sets_and_days_that_are_none_are_named(tmp_path):
    amplitude_stack(tmp_path / "a.h5", without=("dem",))
    with pytest.raises(DataError, match=r"^DataCorrupt: .*a.h5 must have the data set 'dem'"):
        stacks("mosart", tmp_path / "a.h5")
    amplitude_stack(tmp_path / "b.h5", days=("20160230",))
    with pytest.raises(DataError, match=r"^DataCorrupt: '20160230' in .*b.h5 must be a time"):
        stacks("mosart", tmp_path / "b.h5")


def test_sizes_and_filters_are_judged(tmp_path):
    amplitude_stack(tmp_path / "a.h5", days=("20160721",), without=("lat", "lon", "grad", "std"))
    traps.replaced(tmp_path / "a.h5", "20160721", (2**20, 2**20), chunks=(256, 256))
    traps.replaced(tmp_path / "a.h5", "dem", (2**20, 2**20), chunks=(256, 256))
    with pytest.raises(LimitExceededError, match=r"^ArrayTooLarge: a plane of '20160721' in .*a.h5"):
        stacks("mosart", tmp_path / "a.h5")
    amplitude_stack(tmp_path / "b.h5")
    traps.with_plugin_filter(tmp_path / "b.h5", "lat", (300, 20))
    with pytest.raises(OpenEOError, match=r"^FormatUnsuitable: .*b.h5 must be compressed by .* 'lat'"):
        stacks("mosart", tmp_path / "b.h5")


@pytest.mark.parametrize(("name", "value", "range_"), [("lat", 6e6, "-90 to 90"), ("lon", -200.0, "-180 to 360")])
def test_positions_that_are_no_degrees_are_refused(tmp_path, name, value, range_):
    amplitude_stack(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file[name][0, 0] = value
    with pytest.raises(DataError, match=rf"^DataCorrupt: '{name}' in .*a.h5 must be degrees from {range_}"):
        stacks("mosart", tmp_path / "a.h5")


def test_positions_without_data_are_left_out(tmp_path):
    amplitude_stack(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        for name in ("lat", "lon"):
            file[name][:, :5] = -9999.0
            file[name].attrs["_FillValue"] = -9999.0
    (item, _) = stacks("mosart", tmp_path / "a.h5")[0].items
    assert item.bbox[1] == pytest.approx(54.7)
    assert np.isnan(opened(item, tmp_path).bands["grid_lat"]()[:, :5].compute()).all()


def test_a_truncated_file_is_named(tmp_path):
    amplitude_stack(tmp_path / "a.h5")
    traps.cut(tmp_path / "a.h5", 0.9)
    with pytest.raises(DataError, match=r"^DataCorrupt: .*a.h5 must be a whole, readable HDF5 file"):
        stacks("mosart", tmp_path / "a.h5")


def test_an_item_of_a_day_that_is_gone_is_refused(tmp_path):
    amplitude_stack(tmp_path / "a.h5")
    item = stacks("mosart", tmp_path / "a.h5")[0].items[0]
    with pytest.raises(
        DataError, match=r"^DataCorrupt: openeo_sar:dataset of item a_20160721 must be a data set of .*a.h5"
    ):
        opened(item, tmp_path, **{"openeo_sar:dataset": "20200101"})
