"""Panels: each band with its own colours, in one picture."""

import numpy as np
import pytest
from PIL import Image

from local_runner.errors import OpenEOError
from local_runner.report.panels import panels


def test_each_raster_has_its_panel_and_its_colours(tmp_path):
    ramp = np.linspace(-1, 1, 400, dtype=np.float32) * np.ones((60, 1), np.float32)
    path = panels({"range_shift": ramp, "height": ramp}, tmp_path / "p.png", title="t")
    picture = np.asarray(Image.open(path).convert("RGB"), int)
    middle = picture[130]
    first, second = middle[70:350], middle[395:670]
    assert first[5, 2] > first[5, 0]
    assert first[-5, 0] > first[-5, 2]
    assert second[5, 2] > second[5, 1]
    assert second[-5, 1] > second[-5, 2]


def test_rasters_must_have_one_shape(tmp_path):
    rasters = {"height": np.zeros((4, 8), np.float32), "dx": np.zeros((4, 9), np.float32)}
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: The rasters must have one shape"):
        panels(rasters, tmp_path / "p.png", title="t")


def test_no_raster_is_an_error(tmp_path):
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: Panels need at least one raster"):
        panels({}, tmp_path / "p.png", title="t")
