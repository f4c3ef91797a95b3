import datetime as dt
import socket

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pyproj import CRS

from local_runner.cube import (
    crs_of,
    dimension_of_type,
    dimension_type,
    inherit,
    iso,
    labels,
    parse_crs,
    require_dimension,
    require_spatial,
    same_grid,
    spacing,
    take_cells,
    temporal_extent,
    to_time,
    utc_day,
    with_crs,
    with_type,
)
from local_runner.errors import OpenEOError

DAY = np.datetime64("2023-03-31", "ns")


def grid(x=(0, 1, 2), y=(0, 1), crs=None):
    cube = xr.DataArray(np.zeros((len(y), len(x))), {"y": list(y), "x": list(x)}, ("y", "x"))
    return cube if crs is None else cube.rio.write_crs(crs)


def item(name):
    return {"id": name, "href": f"/{name}.json", "properties": {}}


def with_items(**days):
    stac = {f"2020-01-0{day[1:]}": [item(name) for name in names] for day, names in days.items()}
    return grid().assign_attrs(stac=stac)


# Labels and time


def test_labels_of_bands_are_texts_and_of_time_iso_8601():
    times = np.array(["2023-03-31T05:50:33", "2023-04-12T00:00:00.5"], "datetime64[ns]")
    cube = xr.DataArray(np.zeros((2, 2)), {"t": times, "bands": ["a", "b"]}, ("t", "bands"))
    assert labels(cube, "t") == ["2023-03-31T05:50:33Z", "2023-04-12T00:00:00.500000Z"]
    assert labels(cube, "bands") == ["a", "b"]
    assert type(labels(cube, "bands")[0]) is str


def test_labels_of_a_dimension_without_labels_count_from_0():
    assert labels(xr.DataArray(np.zeros(3), dims="bands"), "bands") == [0, 1, 2]


@pytest.mark.parametrize("text", ["2023-03-31T05:50:33Z", "2023-03-31T00:00:00Z", "2023-03-31T05:50:33.123456789Z"])
def test_time_label_and_text_are_inverse(text):
    assert iso(to_time(text)) == text


@pytest.mark.parametrize(
    ("time", "day"),
    [
        ("2023-03-31", "2023-03-31"),
        ("2023-03-31T23:59:59.999999999Z", "2023-03-31"),
        ("2023-03-31T23:30:00-02:00", "2023-04-01"),
        ("2023-04-01T01:00:00+02:00", "2023-03-31"),
        (np.datetime64("2023-03-31T12:00"), "2023-03-31"),
        (pd.Timestamp("2023-03-31T23:30", tz="America/New_York"), "2023-04-01"),
        (dt.datetime(2023, 3, 31, 12, tzinfo=dt.UTC), "2023-03-31"),
    ],
)
def test_day_is_that_of_utc(time, day):
    assert utc_day(time) == day


@pytest.mark.parametrize("text", ["today", "now", "31/03/2023", "March 3 2023", "2023-02-30", "NaT", "", "2023"])
def test_text_that_is_no_iso_8601_date_is_refused(text):
    with pytest.raises(ValueError, match=r"^(Invalid isoformat string|day is out of range)"):
        to_time(text)


def test_time_has_nanoseconds():
    assert to_time("2023-03-31").dtype == np.dtype("datetime64[ns]")


def test_open_ends_of_an_extent():
    assert temporal_extent(["2023-03-31", None]) == (DAY, None)
    assert temporal_extent([None, "2023-03-31"]) == (None, DAY)


@pytest.mark.parametrize(
    ("extent", "message"),
    [
        ([None, None], "ProcessParameterInvalid: A temporal extent must be two dates, of which one may be null"),
        (["2023-03-31"], "ProcessParameterInvalid: A temporal extent must be two dates"),
        (["2023-03-31", "soon"], "ProcessParameterInvalid: The ends of a temporal extent must be ISO 8601 dates"),
        (["2023-03-31", "2023-03-31"], "TemporalExtentEmpty: The end must be later than the start"),
        (["2023-04-01", "2023-03-31"], "TemporalExtentEmpty: The end must be later than the start"),
    ],
)
def test_extent_that_is_none(extent, message):
    with pytest.raises(OpenEOError, match=f"^{message}"):
        temporal_extent(extent)


# Dimensions


def test_type_of_a_dimension_comes_from_attrs_before_its_name():
    cube = xr.DataArray(
        np.zeros((1, 1, 1, 1)), dims=("t", "bands", "x", "q"), attrs={"dimension_types": {"q": "temporal"}}
    )
    assert [dimension_type(cube, d) for d in cube.dims] == ["temporal", "bands", "spatial", "temporal"]
    assert dimension_type(cube.assign_attrs(dimension_types={"t": "other"}), "t") == "other"
    assert dimension_type(xr.DataArray(np.zeros(1), dims="q"), "q") == "other"


def test_first_dimension_of_a_type():
    cube = xr.DataArray(np.zeros((1, 1, 1)), dims=("bands", "y", "x"))
    assert dimension_of_type(cube, "spatial") == "y"
    assert dimension_of_type(cube, "temporal") is None


def test_dimension_that_is_not_there():
    with pytest.raises(
        OpenEOError, match=r"^DimensionNotAvailable: The dimension must be one of \('y', 'x'\), instead"
    ):
        require_dimension(grid(), "t")
    with pytest.raises(
        OpenEOError, match=r"^DimensionMissing: The cube must have the dimensions \('y', 'x'\), instead"
    ):
        require_spatial(grid().isel(x=0))


# CRS


@pytest.mark.parametrize(
    "given", [32631, "32631", "EPSG:32631", " epsg:32631 ", CRS.from_epsg(32631).to_wkt(), CRS.from_epsg(32631)]
)
def test_codes_and_wkt_are_crs(given):
    assert parse_crs(given).to_epsg() == 32631


def test_web_mercator_as_old_wkt_with_null_grid_is_read():
    wkt = CRS.from_epsg(3857).to_wkt("WKT1_GDAL")
    assert "+nadgrids=@null" in wkt
    assert parse_crs(wkt).to_epsg() == 3857


GRID = 'GEOGCS["x",DATUM["d",SPHEROID["e",6378137,298.25]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433],{}]'


@pytest.mark.parametrize(
    "given",
    [
        "/etc/passwd",
        "crs.prj",
        "file:///etc/passwd",
        "https://example.org/crs.wkt",
        "http://127.0.0.1/crs",
        "+proj=utm +zone=31",
        "+init=epsg:32631",
        "+proj=longlat +nadgrids=/etc/passwd",
        GRID.format('EXTENSION["PROJ4","+proj=longlat +nadgrids=/etc/passwd"]'),
        GRID.format('EXTENSION["PROJ4_GRIDS","/etc/passwd"]'),
        'BOUNDCRS[PARAMETERFILE["Latitude and longitude difference file","/etc/passwd"]]',
        "urn:ogc:def:crs:EPSG::32631",
        "WGS84",
        '{"type": "GeographicCRS"}',
        CRS.from_epsg(32631).to_wkt().replace(",", "," + " " * 8192, 1),
        "PROJCS[",
        "EPSG:999999",
        "EPSG:-1",
        "9" * 40,
        "",
        True,
        4326.5,
    ],
)
def test_everything_else_is_refused_without_opening_anything(given, monkeypatch):
    def opened(*_, **__):
        pytest.fail("a file or socket was opened")

    monkeypatch.setattr(socket, "socket", opened)
    monkeypatch.setattr("builtins.open", opened)
    with pytest.raises(
        OpenEOError,
        match=r"^ProcessParameterInvalid: A projection must be (an EPSG code or WKT2 text|a known EPSG code)",
    ):
        parse_crs(given)


def test_crs_is_read_from_coordinate_or_attribute_and_absent_in_radar_geometry():
    assert crs_of(grid(crs=32631)).to_epsg() == 32631
    assert crs_of(grid().assign_attrs(crs="EPSG:32631")).to_epsg() == 32631
    assert crs_of(grid()) is None


@pytest.mark.parametrize("crs", [None, CRS.from_epsg(32632)])
@pytest.mark.parametrize("cube", [grid().assign_attrs(crs="EPSG:32631", a=1), grid(crs=32631).assign_attrs(a=1)])
def test_setting_a_crs_replaces_the_old_one_and_leaves_the_input(cube, crs):
    attrs, encoding, coords = dict(cube.attrs), dict(cube.encoding), set(cube.coords)
    result = with_crs(cube, crs)
    assert crs_of(result) == crs
    assert result.attrs["a"] == 1
    assert (cube.attrs, cube.encoding, set(cube.coords)) == (attrs, encoding, coords)
    result.attrs.clear()
    assert cube.attrs == attrs


# Grids


def test_one_cell_remembers_the_spacing():
    cell = take_cells(grid(x=(10, 20, 30), y=(5, 3)), {"x": slice(1, 2), "y": [0]})
    assert spacing(cell) == (10, -2)
    assert spacing(take_cells(cell, {"x": slice(0), "y": slice(0)})) == (10, -2)
    assert spacing(cell * 2) == (10, -2)
    assert take_cells(grid(x=(10, 20, 30)), {"x": slice(0, 2)}).x.attrs == {}


def test_the_type_of_a_dimension_is_told_where_the_name_does_not():
    cube = grid()
    assert with_type(cube, "x", "other").attrs == {"dimension_types": {"x": "other"}}
    assert with_type(with_type(cube, "x", "other"), "x", "spatial").attrs == {}
    assert cube.attrs == {}


def test_spacing_is_signed_and_1_where_unknown():
    assert spacing(grid(x=(10, 20, 30), y=(5, 3))) == (10, -2)
    assert spacing(grid(x=(7,), y=(0, 1))) == (1, 1)
    assert spacing(xr.DataArray(np.zeros((2, 2)), dims=("y", "x"))) == (1, 1)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (grid(), True),
        (grid(x=(0.0005, 1.0005, 2.0005)), True),
        (grid(x=(0.002, 1.002, 2.002)), False),
        (grid(x=(0, 1, 2.002)), False),
        (grid(x=(0, 1)), False),
        (grid(y=(1, 0)), False),
        (grid(y=(1, 2)), False),
        (grid(crs=32631), False),
        (grid().isel(x=0, drop=True), False),
        (xr.DataArray(np.zeros((2, 3)), dims=("y", "x")), True),
    ],
)
def test_same_grid(other, same):
    assert same_grid(grid(), other) is same
    assert same_grid(other, grid()) is same


def test_same_grid_in_large_coordinates_is_judged_by_the_cell():
    here = grid(x=(500_000, 500_010), y=(5_100_000, 5_099_990), crs=32631)
    near = grid(x=(500_000.009, 500_010.009), y=(5_100_000, 5_099_990), crs=32631)
    far = grid(x=(500_000.02, 500_010.02), y=(5_100_000, 5_099_990), crs=32631)
    assert same_grid(here, near)
    assert not same_grid(here, far)


def test_other_dimensions_do_not_matter_for_the_grid():
    assert same_grid(grid(), grid().expand_dims(bands=["a", "b"]))


# Metadata


def test_items_are_the_union_of_all_inputs_by_day_without_repetition():
    result = inherit(grid(), [with_items(d2=["b"], d1=["a"]), with_items(d2=["b", "c"])])
    assert list(result.attrs["stac"]) == ["2020-01-01", "2020-01-02"]
    assert [i["id"] for i in result.attrs["stac"]["2020-01-02"]] == ["b", "c"]


def test_inputs_and_result_are_left_as_they_were():
    first, second, result = with_items(d1=["a"]), with_items(d1=["b"]), with_items(d1=["c"])
    found = inherit(result, [first, second])
    assert [i["id"] for i in found.attrs["stac"]["2020-01-01"]] == ["a", "b", "c"]
    for cube, name in ((first, "a"), (second, "b"), (result, "c")):
        assert cube.attrs == with_items(d1=[name]).attrs


def test_other_attributes_stay_those_of_the_result():
    result = inherit(grid().assign_attrs(units="1"), [with_items(d1=["a"]).assign_attrs(units="m", more=1)])
    assert set(result.attrs) == {"units", "stac"}
    assert result.attrs["units"] == "1"


def test_dimension_types_are_kept_while_the_dimension_is_there():
    source = grid().expand_dims(day=[1]).assign_attrs(dimension_types={"day": "temporal", "gone": "other"})
    assert inherit(source.copy(), [source]).attrs["dimension_types"] == {"day": "temporal"}
    assert "dimension_types" not in inherit(grid(), [source]).attrs


def test_type_that_the_result_gives_goes_before_that_of_an_input():
    source = grid().expand_dims(d=[1]).assign_attrs(dimension_types={"d": "temporal"})
    assert (
        inherit(source.assign_attrs(dimension_types={"d": "bands"}), [source]).attrs["dimension_types"]["d"] == "bands"
    )


def test_nothing_to_inherit_gives_the_cube_itself():
    cube = grid()
    assert inherit(cube, [grid()]) is cube
