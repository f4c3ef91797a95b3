"""The bounds of a map from the outlines of the items."""

import numpy as np
import pytest
from pyproj import CRS

from local_runner.errors import DataError
from local_runner.geocode.plan import footprint_bounds
from tests.processes import make_cube

DEGREES, UTM = CRS.from_epsg(4326), CRS.from_epsg(32631)


def bounds(*items, crs=DEGREES):
    cube = make_cube()
    cube.attrs["stac"] = {"2024-08-09": [{"id": "i", "properties": {}, **item} for item in items]}
    return footprint_bounds(cube, crs)


def box(west, south, east, north):
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def test_polygon():
    assert bounds({"geometry": box(3, 50, 4, 51)}) == (3, 50, 4, 51)


def test_all_items_together():
    assert bounds({"geometry": box(3, 50, 4, 51)}, {"geometry": box(3.5, 49, 3.6, 50)}) == (3, 49, 4, 51)


def test_property_footprint_of_results_for_a_back_end():
    assert bounds({"geometry": None, "properties": {"footprint": box(3, 50, 4, 51)}}) == (3, 50, 4, 51)


@pytest.mark.parametrize("given", [[3, 50, 4, 51], [3, 50, -10, 4, 51, 900]])
def test_bbox_where_there_is_no_geometry(given):
    assert bounds({"geometry": {"geometries": None}, "bbox": given}) == (3, 50, 4, 51)


@pytest.mark.parametrize(
    "outline",
    [
        {
            "geometry": {
                "type": "MultiPolygon",
                "coordinates": [box(179, 50, 180, 51)["coordinates"], box(-180, 50, -179, 51)["coordinates"]],
            }
        },
        {"bbox": [179, 50, -179, 51]},
    ],
)
def test_antimeridian(outline):
    west, south, east, north = bounds(outline)
    assert (west, south, east, north) == pytest.approx((179, 50, 181, 51))


def test_edges_are_curved_on_the_map():
    west, south, _, _ = bounds({"geometry": box(0, 50, 6, 51)}, crs=UTM)
    corners = bounds({"geometry": box(0, 50, 0.001, 51)}, crs=UTM)
    assert south < corners[1]
    assert np.isclose(west, corners[0])


@pytest.mark.parametrize(
    "geometry", [None, {"type": "Point", "coordinates": [3, 4]}, {"type": "Polygon", "coordinates": "no"}]
)
def test_no_outline(geometry):
    with pytest.raises(DataError, match=r"^FootprintUnknown: The STAC items must have a geometry in degrees"):
        bounds({"geometry": geometry})
