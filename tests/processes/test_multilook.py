"""Means over whole numbers of cells: numpy, GDAL, chunks, edges, and when this path is taken."""

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from affine import Affine

from local_runner import evaluate
from local_runner.cube import parse_crs, with_crs
from local_runner.processes import _warping
from local_runner.processes._multilook import block_mean, multilooked, whole_ratio


@pytest.fixture
def values():
    found = np.random.default_rng(0).normal(100, 30, (2, 24, 36)).astype(np.float32)
    found[0, 3:9, 10:15] = np.nan
    found[1, :6, :9] = np.nan
    return found


def resampled(values, resolution, method="average", **arguments):
    """A cube in radar geometry through `resample_spatial`."""
    y, x = map(np.arange, values.shape[-2:])
    cube = xr.DataArray(da.asarray(values), {"bands": ["a", "b"], "y": y, "x": x}, ("bands", "y", "x"))
    given = {"data": {"from_parameter": "data"}, "resolution": resolution, "method": method, **arguments}
    return evaluate({"it": {"process_id": "resample_spatial", "arguments": given, "result": True}}, {"data": cube})


def blocks(values, down, across):
    """Means of numpy in float64."""
    parts = values.astype(np.float64).reshape(*values.shape[:-2], values.shape[-2] // down, down, -1, across)
    count = np.isfinite(parts).sum(axis=(-3, -1))
    return np.nansum(parts, axis=(-3, -1)) / np.where(count, count, np.nan)


@pytest.mark.parametrize(("down", "across"), [(2, 3), (6, 9), (1, 4), (8, 1)])
def test_means_are_those_of_numpy(values, down, across):
    expected = blocks(values, down, across)
    for given in (values, np.nan_to_num(values, nan=7)):
        expected = blocks(given, down, across)
        np.testing.assert_array_equal(block_mean(given, (down, across)), expected.astype(np.float32))


@pytest.mark.parametrize(("down", "across"), [(2, 3), (5, 7), (7, 11), (1, 12)])
def test_means_are_those_of_gdal(values, down, across):
    source = _warping.Grid((24, 36), Affine.identity(), parse_crs(3857))
    target = _warping.aligned(source, (across, down), "upper-left")
    cube = xr.DataArray(values, {"y": np.arange(24) + 0.5, "x": np.arange(36) + 0.5}, ("bands", "y", "x"))
    expected = _warping.warped(cube, source, target, "average").values
    found = block_mean(values, (down, across))
    there = np.isfinite(expected)
    assert there[:, : 24 // down, : 36 // across].any()  # GDAL leaves out cells whose centre lies beyond the edge
    np.testing.assert_allclose(found[there], expected[there], rtol=3e-7)
    assert np.array_equal(np.isnan(found[:, : 24 // down, : 36 // across]), ~there[:, : 24 // down, : 36 // across])


@pytest.mark.parametrize("chunks", [(2, 24, 36), (1, 5, 7), (1, 1, 36), (2, 24, 2)])
def test_chunks_do_not_matter(values, chunks):
    result = multilooked(da.from_array(values, chunks), (5, 8))
    assert result.shape == (2, 5, 5)
    np.testing.assert_array_equal(result.compute(), block_mean(values, (5, 8)))


def test_chunks_stay_as_small_as_they_are():
    lazy = da.zeros((1, 1000, 600), chunks=(1, 256, 600), dtype=np.float32)
    assert multilooked(lazy, (3, 8)).chunks == ((1,), (85, 85, 86, 78), (75,))


def test_cut_cells_are_means_of_what_is_there():
    values = np.arange(15, dtype=np.float32).reshape(3, 5)
    assert block_mean(values, (2, 3)).tolist() == [[3.5, 6.0], [11.0, 13.5]]


def test_sums_are_added_up_in_float64():
    values = np.full((1000, 1000), 0.1, np.float32)
    values[0, 0] = 1e7
    expected = np.float32(values.astype(np.float64).mean())
    assert block_mean(values, (1000, 1000)).item() == expected


def test_labels_are_centres_of_cells(values):
    result = resampled(values, [3, 2])
    assert result.y.values[:2].tolist() == [0.5, 2.5]
    assert result.x.values[:2].tolist() == [1, 4]
    np.testing.assert_array_equal(result.values, block_mean(values, (2, 3)))


def test_maps_keep_their_projection_and_corner():
    coords = {"y": 5_800_000 - 20.0 * np.arange(4), "x": 500_000 + 20.0 * np.arange(6)}
    cube = with_crs(xr.DataArray(np.ones((4, 6), np.float32), coords, ("y", "x")), parse_crs(32631))
    given = {"data": {"from_parameter": "data"}, "resolution": 40, "method": "average"}
    result = evaluate({"it": {"process_id": "resample_spatial", "arguments": given, "result": True}}, {"data": cube})
    assert result.x.values.tolist() == [500_010, 500_050, 500_090]
    assert result.y.values.tolist() == [5_799_990, 5_799_950]
    assert result.rio.crs.to_epsg() == 32631


@pytest.mark.parametrize(
    ("resolution", "arguments"),
    [([3, 2.5], {}), ([3, 2], {"align": "lower-right"}), ([3, 2], {"method": "bilinear"})],
    ids=["no whole cells", "another corner", "another method"],
)
def test_everything_else_is_left_to_gdal(values, monkeypatch, resolution, arguments):
    monkeypatch.setattr(_warping, "multilooked", lambda *_: pytest.fail("taken for whole cells"))
    assert np.isfinite(resampled(values, resolution, **arguments).values).any()


def test_gdal_is_not_asked_for_whole_cells(values, monkeypatch):
    monkeypatch.setattr(_warping, "_Warp", lambda *_: pytest.fail("GDAL was asked"))
    assert resampled(values, [4, 4]).shape == (2, 6, 9)


def test_whole_ratios():
    assert whole_ratio((1, 1), (8, 2)) == (2, 8)
    assert whole_ratio((0.1, 0.1), (0.3, 0.1)) == (1, 3)
    assert whole_ratio((1, 1), (2.5, 1)) is None
    assert whole_ratio((2, 2), (1, 2)) is None
