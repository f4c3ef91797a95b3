"""Grids against analytic ramps: half a pixel of shift fails."""

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from pyproj import CRS, Transformer

from local_runner.errors import OpenEOError
from tests.processes import UTM, call, make_cube, on_map, unreadable

ALIGNS = ("upper-left", "lower-left", "upper-right", "lower-right")


def resample(cube, **arguments):
    return call("resample_spatial", data=cube, **arguments)


def ramp(cube, ax=2.0, ay=-3.0):
    """ax * x + ay * y of the cell centres, counted from 500 km east and 5800 km north."""
    x, y = np.meshgrid(cube.x - 500_000, cube.y - 5_800_000)
    return ax * x + ay * y


def ramp_cube(y=90, x=120, *, dtype=np.float64, chunks=(50, 50), **grid):
    cube = on_map(make_cube(y=y, x=x), **grid)
    return cube.copy(data=da.from_array(ramp(cube).astype(dtype), chunks=chunks))


@pytest.mark.parametrize("method", ["near", "bilinear", "average", "cubic"])
@pytest.mark.parametrize(
    "arguments", [{"resolution": 10}, {"resolution": [10, 10], "projection": 32631}, {"projection": "EPSG:32631"}]
)
def test_the_same_grid_is_the_identity(method, arguments):
    cube = unreadable(ramp_cube())
    assert resample(cube, method=method, **arguments).identical(cube)


def test_average_to_twice_the_resolution_is_the_mean_of_four():
    cube = ramp_cube()
    noise = cube.copy(data=np.random.default_rng(0).normal(size=cube.shape))
    result = resample(noise.chunk(), resolution=20, method="average")
    assert result.sizes == {"y": 45, "x": 60}
    assert np.allclose(result, noise.values.reshape(45, 2, 60, 2).mean((1, 3)), rtol=0, atol=1e-12)
    assert result.x.values[:2].tolist() == [500_010, 500_030]
    assert result.y.values[:2].tolist() == [5_799_990, 5_799_970]
    assert result.rio.crs == UTM


@pytest.mark.parametrize(("align", "turn"), [("upper-left", 1), ("lower-right", -1)])
@pytest.mark.parametrize(("columns", "factor"), [(8, 3), (10, 4), (9, 4), (2, 5)])
def test_average_at_the_edge_is_the_mean_of_the_pixels_that_are_there(columns, factor, align, turn):
    cube = ramp_cube(y=columns, x=columns)
    noise = np.random.default_rng(0).normal(size=cube.shape)
    result = resample(cube.copy(data=noise).chunk(), resolution=10 * factor, method="average", align=align)
    starts = np.arange(0, columns, factor)
    sums = (
        np.add.reduceat(np.add.reduceat(a, starts, 0), starts, 1) for a in (noise[::turn, ::turn], np.ones_like(noise))
    )
    assert np.allclose(result[::turn, ::turn], np.divide(*sums), rtol=0, atol=1e-12)


@pytest.mark.parametrize("resolution", [5, 20, 12.5, [20, 5]])
def test_bilinear_meets_a_ramp(resolution):
    result = resample(ramp_cube(), resolution=resolution, method="bilinear")
    inside = result.isel(x=slice(3, -3), y=slice(3, -3))
    one_pixel = 20
    assert np.abs(inside - ramp(inside)).max() < 1e-3 * one_pixel


@pytest.mark.parametrize("resolution", [30, 50])
def test_near_of_an_odd_ratio_takes_the_central_pixel(resolution):
    result = resample(ramp_cube(y=150, x=150), resolution=resolution, method="near")
    assert np.array_equal(result, ramp(result))


@pytest.mark.parametrize("method", ["near", "bilinear", "average"])
def test_chunks_do_not_matter(method):
    whole = resample(ramp_cube(chunks=(90, 120)), resolution=15, method=method)
    cut = resample(ramp_cube(chunks=(13, 17)), resolution=15, method=method)
    assert np.allclose(whole, cut, rtol=0, atol=1e-9, equal_nan=True)


@pytest.mark.parametrize("align", ALIGNS)
def test_the_new_grid_starts_at_the_corner_and_covers_the_old_one(align):
    result = resample(ramp_cube(y=10, x=13), resolution=40, method="average", align=align)
    vertical, horizontal = align.split("-")
    assert result.sizes == {"y": 3, "x": 4}
    assert result.x.values[0] == 500_020 - (30 if horizontal == "right" else 0)
    assert result.y.values[0] == 5_800_000 - 20 + (20 if vertical == "lower" else 0)


def test_radar_geometry_is_multilooked_by_average():
    cube = make_cube(t=2, bands=("a", "b"), y=12, x=10, dtype=np.float64)
    result = resample(cube, resolution=[2, 3], method="average")
    assert result.dims == cube.dims
    assert np.allclose(result, cube.values.reshape(2, 2, 4, 3, 5, 2).mean((3, 5)), rtol=0, atol=1e-12)
    assert result.x.values.tolist() == [0.5, 2.5, 4.5, 6.5, 8.5]
    assert result.y.values.tolist() == [1, 4, 7, 10]
    assert "spatial_ref" not in result.coords
    assert result.t.equals(cube.t)
    assert result.bands.values.tolist() == ["a", "b"]


def test_nan_is_left_out_of_an_average():
    cube = make_cube(y=4, x=4).copy(data=np.arange(16.0).reshape(4, 4))
    cube[0, 0] = np.nan
    cube[2:, 2:] = np.nan
    result = resample(cube.chunk(), resolution=2, method="average")
    assert np.allclose(result, [[10 / 3, 4.5], [10.5, np.nan]], equal_nan=True)


@pytest.mark.parametrize(
    ("dtype", "expected"), [(np.float64, np.float64), (np.float32, np.float32), (np.int16, np.float32)]
)
def test_dtype(dtype, expected):
    assert resample(ramp_cube(dtype=dtype), resolution=20, method="average").compute().dtype == expected


def test_another_order_of_dimensions():
    cube = make_cube(t=2, bands=("a",), y=12, x=10)
    result = resample(cube.transpose("x", "t", "y", "bands"), resolution=2, method="average")
    assert result.dims == ("x", "t", "y", "bands")
    assert result.transpose(*cube.dims).equals(resample(cube, resolution=2, method="average"))


def test_another_projection_meets_the_truth():
    target = CRS.from_epsg(32632)
    result = resample(ramp_cube(), projection=32632, resolution=10, method="bilinear")
    assert result.rio.crs == target
    x, y = np.meshgrid(result.x, result.y)
    east, north = Transformer.from_crs(target, UTM, always_xy=True).transform(x, y)
    truth = 2 * (east - 500_000) - 3 * (north - 5_800_000)
    error = np.abs(result.values - truth)
    inside = (east > 500_020) & (east < 501_180) & (north < 5_799_980) & (north > 5_799_120)
    assert inside.sum() > 9000
    assert error[inside].max() < 0.05 * 20
    outside = (east < 499_980) | (east > 501_220) | (north > 5_800_020) | (north < 5_799_080)
    assert np.isnan(result.values[outside]).all()


def test_a_new_projection_lies_on_multiples_of_the_resolution():
    result = resample(ramp_cube(), projection=32632, resolution=[25, 50], method="near")
    assert np.array_equal((result.x - 12.5) % 25, np.zeros(result.sizes["x"]))
    assert np.array_equal((result.y - 25) % 50, np.zeros(result.sizes["y"]))
    assert (np.diff(result.y) < 0).all()


@pytest.mark.parametrize(("epsg", "smallest", "largest"), [(32632, 9, 11), (4326, 10 / 111_320, 10 / 68_000)])
def test_a_projection_without_resolution_keeps_about_the_size_of_a_pixel(epsg, smallest, largest):
    result = resample(ramp_cube(), projection=epsg, method="near")
    assert smallest < float(result.y[0] - result.y[1]) < largest
    assert 0.5 < result.size / (90 * 120) < 2


@pytest.mark.parametrize(
    "arguments", [{"resolution": 20}, {"projection": 32632}, {"projection": 4326, "resolution": 1e-4}]
)
def test_nothing_is_read(arguments):
    assert resample(unreadable(ramp_cube()), method="bilinear", **arguments).dims == ("y", "x")


def test_a_method_that_does_not_exist():
    with pytest.raises(
        OpenEOError, match=r"^ProcessParameterInvalid: The argument 'method' of resample_spatial must be"
    ):
        resample(ramp_cube(), resolution=20, method="nearest")


def test_neither_resolution_nor_projection():
    with pytest.raises(
        OpenEOError, match=r"^ProcessParameterRequired: resample_spatial must be given a resolution or a projection"
    ):
        resample(ramp_cube())


@pytest.mark.parametrize("resolution", [-1, [1, 2, 3], [10, float("nan")]])
def test_a_wrong_resolution(resolution):
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: resolution must be one number or \[x, y\]"):
        resample(ramp_cube(), resolution=resolution)


def test_radar_geometry_has_no_projection_to_start_from():
    with pytest.raises(OpenEOError, match=r"^FeatureUnsupported: A cube in radar geometry.*Use method=.geocode"):
        resample(make_cube(), projection=32631, resolution=10)


def test_geocode_is_handed_on(monkeypatch):
    calls = []
    monkeypatch.setattr("local_runner.geocode.geocode", lambda cube, **options: calls.append(options) or cube)
    resample(make_cube(), projection="EPSG:32631", resolution=[20, 10], method="geocode")
    (options,) = calls
    assert (options["crs"], options["resolution"], options["planning"]) == (UTM, (20.0, 10.0), False)


@pytest.mark.parametrize("arguments", [{"projection": 32631}, {"resolution": 20}])
def test_geocode_needs_projection_and_resolution(arguments):
    with pytest.raises(
        OpenEOError, match=r"^ProcessParameterRequired: Method geocode must be given a projection and a resol"
    ):
        resample(make_cube(), method="geocode", **arguments)


def test_geocode_needs_positions():
    with pytest.raises(OpenEOError, match=r"latitude"):
        resample(make_cube(bands=("a",)), method="geocode", projection=32631, resolution=20)


def test_geocode_puts_a_cube_on_the_map():
    to_degrees = Transformer.from_crs(UTM, 4326, always_xy=True)
    x, y = np.meshgrid(500_000 + 20 * np.arange(30), 5_800_000 - 20 * np.arange(20))
    lon, lat = to_degrees.transform(x, y)
    cube = xr.DataArray(
        da.from_array(np.stack([x - 500_000.0, lat, lon])),
        {"bands": ["a", "latitude", "longitude"]},
        ("bands", "y", "x"),
    )
    result = resample(cube, method="geocode", projection=32631, resolution=20).compute()
    assert result.rio.crs == UTM
    east = np.broadcast_to(result.x - 500_000, result.sel(bands="a").shape)
    error = np.abs(result.sel(bands="a").values - east)
    assert np.isfinite(error).sum() > 400
    assert np.nanmax(error) < 0.05 * 20
