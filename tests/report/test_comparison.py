"""The figure of estimate and truth."""

import dask.array as da
import numpy as np
import pytest
from matplotlib.image import imread

from local_runner.errors import OpenEOError
from local_runner.files.raster_writer import Target, write_geotiff
from local_runner.report.comparison import comparison


def test_comparison_draws_arrays_and_files(tmp_path):
    truth = np.random.default_rng(0).random((40, 90)).astype(np.float32)
    truth[0] = np.nan
    target = Target(tmp_path / "a.tif", da.from_array(truth), "coherence")
    write_geotiff([target])
    out = comparison(target.path, truth, tmp_path / "c.png", theory=lambda g: g)
    assert imread(out).shape[1] == 1024


def test_comparison_needs_one_shape(tmp_path):
    with pytest.raises(
        OpenEOError, match=r"^ProcessParameterInvalid: The rasters must have one shape, instead got \(\(3"
    ):
        comparison(np.zeros((3, 4)), np.zeros((3, 5)), tmp_path / "c.png")
