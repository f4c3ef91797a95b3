"""The map of footprints: true to scale, one colour per group, across the antimeridian."""

import numpy as np
import pytest
from PIL import Image

from local_runner.errors import OpenEOError
from local_runner.report.footprints import Outline, footprints


def square(west, south, size=1.0):
    ring = [(west, south), (west + size, south), (west + size, south + size), (west, south + size), (west, south)]
    return {"type": "Polygon", "coordinates": [ring]}


def drawn(path, colour):
    """Columns and rows that hold a colour."""
    pixels = np.asarray(Image.open(path).convert("RGB"), int)[70:-80]
    rows, columns = np.nonzero((np.abs(pixels - colour) < 12).all(axis=2))
    return columns, rows


BLUE, ORANGE = (31, 119, 180), (255, 127, 14)


def test_a_square_on_the_ground_is_a_square_on_the_map(tmp_path):
    size = 1.0
    ring = square(10, 60, size)
    ring["coordinates"][0] = [(10 + 2 * (lon - 10), lat) for lon, lat in ring["coordinates"][0]]
    columns, rows = drawn(footprints([Outline("a", "", ring)], tmp_path / "f.png", title="t"), BLUE)
    assert np.ptp(columns) == pytest.approx(np.ptp(rows), rel=0.03)  # cos(60.5 degrees) is 0.49


def test_east_is_right_and_groups_have_their_colour(tmp_path):
    path = footprints(
        [Outline("IW1", "", square(10, 46)), Outline("IW2", "", square(12, 46))], tmp_path / "f.png", title="t"
    )
    assert drawn(path, BLUE)[0].max() < drawn(path, ORANGE)[0].min()


def test_outlines_on_both_sides_of_the_antimeridian_stand_side_by_side(tmp_path):
    both = [Outline("west", "", square(178, 0)), Outline("east", "", square(-179, 0))]
    path = footprints(both, tmp_path / "f.png", title="t")
    assert drawn(path, BLUE)[0].max() < drawn(path, ORANGE)[0].min()
    assert np.ptp(drawn(path, BLUE)[0]) > 200


def test_items_without_a_geometry_make_no_map(tmp_path):
    with pytest.raises(OpenEOError, match=r"^NoDataAvailable: A map of footprints needs items with a geometry"):
        footprints([], tmp_path / "f.png", title="t")
    assert not (tmp_path / "f.png").exists()
