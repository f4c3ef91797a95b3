"""Directions told by positions, whatever the ground between them does."""

from types import SimpleNamespace

import numpy as np
import pytest

from local_runner.export.view import _heading

ROWS, COLUMNS = 40, 50


def test_mountains_do_not_turn_the_heading():
    """Ground that rises with the lines is seen ever nearer to the sensor, here to the west."""
    y, x = np.indices((ROWS, COLUMNS)).astype(float)
    height = 20 * y + 300 * np.sin(x / 7)
    west = 1.4 * height * 9e-6
    latitude = 52 + 0.001 * y + 0.0001 * x - west * np.sin(np.radians(13)) / 2
    longitude = 4 - 0.0004 * y + 0.002 * x - west
    grid = SimpleNamespace(shape=(ROWS, COLUMNS))
    flown = np.degrees(np.arctan2(-0.0004 * np.cos(np.radians(np.mean(latitude))), 0.001))
    assert _heading(latitude, longitude, height, grid) == pytest.approx(flown, abs=1e-3)
    assert _heading(latitude, longitude, 0 * height, grid) < flown - 5
    assert _heading(latitude, longitude, np.nan * height, grid) is None
