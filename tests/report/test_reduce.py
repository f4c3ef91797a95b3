"""Rasters at the size of a picture: means, overviews, geometry."""

import dask.array as da
import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from local_runner.errors import OpenEOError
from local_runner.files.raster_writer import Target, write_geotiff
from local_runner.report import reduce
from tests.report.files import UTM, write


def test_block_means_leave_nan_out():
    values = np.array([[1, np.nan, 5, 5], [3, np.nan, np.nan, np.nan]], np.float32)
    np.testing.assert_allclose(reduce.reduce(values, (1, 2), "linear"), [[2, 5]])
    assert np.isnan(reduce.reduce(values[:, 1:2], (1, 1), "linear")).all()


def test_means_of_uneven_blocks_conserve_the_sum(monkeypatch):
    monkeypatch.setattr(reduce, "STRIP_SAMPLES", 50)
    values = np.random.default_rng(0).random((17, 23))
    expected = [[b.mean() for b in np.split(a, [7, 15], axis=1)] for a in np.split(values, [3, 6, 10, 13], axis=0)]
    np.testing.assert_allclose(reduce.reduce(values, (5, 3), "linear"), expected, rtol=1e-6)


def test_phase_is_averaged_on_the_circle():
    values = np.array([[3.1, -3.1, 0.1, 0.3]], np.float32)
    np.testing.assert_allclose(np.abs(reduce.reduce(values, (1, 2), "circular")), [[np.pi, 0.2]], atol=1e-6)


def test_parts_of_an_slc_show_the_amplitude():
    """Their mean is 0 where the amplitude is 5."""
    values = np.array([[3, -4, np.nan, 1], [4, -3, -7, 7]], np.float32)
    np.testing.assert_allclose(reduce.reduce(values, (1, 2), "rms"), [[np.sqrt(12.5), np.sqrt(33)]], rtol=1e-6)


def test_flags_are_sampled_not_averaged():
    values = np.array([[0, 4, 4, 0]], np.uint8)
    assert set(reduce.reduce(values, (1, 2), "nearest").ravel()) <= {0, 4}


def test_small_rasters_repeat_their_samples():
    assert reduce.reduce(np.array([[1, 2]], np.float32), (2, 4), "linear").tolist() == [[1, 1, 2, 2]] * 2


@pytest.mark.parametrize("overviews", [(), (2, 4)])
def test_file_equals_array(tmp_path, overviews):
    values = np.random.default_rng(0).random((256, 512)).astype(np.float32)
    path = write(tmp_path / "a.tif", values, overviews=overviews, **UTM)
    np.testing.assert_allclose(
        reduce.reduce(path, (32, 64), "linear"), reduce.reduce(values, (32, 64), "linear"), rtol=1e-5
    )


def test_overview_is_read_where_it_suffices(tmp_path):
    path = write(tmp_path / "a.tif", np.zeros((256, 512), np.float32), overviews=(2, 4), **UTM)
    with reduce._rows(path, (100, 200)) as (_, shape):
        assert shape == (128, 256)
    with reduce._rows(path, (256, 200)) as (_, shape):
        assert shape == (256, 512)


@pytest.mark.parametrize("step", [-1, 1])
def test_identity_grid_is_radar_geometry(tmp_path, step):
    transform = Affine(1, 0, 0, 0, step, 20 if step < 0 else 0)
    target = Target(tmp_path / "r.tif", da.zeros((20, 40), dtype=np.float32), "coherence")
    write_geotiff([target], transform=transform, crs=CRS.from_epsg(3857))
    picture = reduce.fit(target.path, (40, 40))
    assert (picture.shape, picture.bounds, picture.crs) == ((20, 40), None, None)


@pytest.mark.parametrize("raster", [np.zeros(3), np.zeros((3, 3), complex), np.zeros((0, 3))])
def test_only_real_planes_are_drawn(raster):
    with pytest.raises(
        OpenEOError, match=r"^ProcessParameterInvalid: A raster must be real \(y, x\), instead got \(\("
    ):
        reduce.fit(raster, (100, 100))
