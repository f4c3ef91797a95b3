import numpy as np
import pytest

from local_runner.errors import OpenEOError
from tests.stac.catalogues import MAP, H, W, asset, cube, item, noise, tiff, write


def test_no_file_is_opened_that_is_not_selected(tmp_path, stack):
    for name in ("i1.tif", "lat.tif", "lon.tif"):
        (tmp_path / name).unlink()
    found = cube(stack, temporal_extent=["2024-08-09", "2024-08-10"], bands=["i_VV"])
    np.testing.assert_array_equal(found.values[0, 0], noise(0))


@pytest.mark.parametrize(
    ("extent", "days"),
    [
        (["2024-08-09", "2024-08-21"], ["2024-08-09"]),
        (["2024-08-09T17:07:39Z", None], ["2024-08-09", "2024-08-21"]),
        ([None, "2024-08-21T17:07:39.5Z"], ["2024-08-09"]),
    ],
)
def test_temporal_extent_is_half_open(stack, extent, days):
    assert [str(t)[:10] for t in cube(stack, temporal_extent=extent).t.values] == days


def test_empty_and_idle_extents(stack):
    with pytest.raises(OpenEOError, match=r"^TemporalExtentEmpty: "):
        cube(stack, temporal_extent=["2024-08-09", "2024-08-09"])
    with pytest.raises(OpenEOError, match=r"^NoDataAvailable: .* which has 2024-08-09, 2024-08-21, instead got"):
        cube(stack, temporal_extent=["2020-01-01", "2021-01-01"])


def test_properties_are_not_supported(stack):
    with pytest.raises(OpenEOError, match=r"^PropertiesUnsupported: "):
        cube(stack, properties={})


def box(west, south, east, north, **crs):
    return {"west": west, "south": south, "east": east, "north": north, **crs}


def test_a_box_in_radar_geometry_selects_indices_that_are_kept(stack):
    found = cube(stack, spatial_extent=box(4.0045, 52.0025, 4.0095, 52.0055), bands=["i_VV"])
    assert found.x.values.tolist() == [5, 6, 7, 8, 9]
    assert found.y.values.tolist() == [3, 4, 5]
    np.testing.assert_array_equal(found.values[1, 0], noise(1)[3:6, 5:10])


def test_a_box_in_radar_geometry_may_come_in_another_crs(stack):
    found = cube(stack, spatial_extent=box(-180, 52.0025, 180, 52.0055, crs=4258))
    assert found.y.values.tolist() == [3, 4, 5]


def test_a_box_in_radar_geometry_needs_coordinates(tmp_path, stack):
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: A spatial_extent in radar geometry needs bands"):
        cube(str(tmp_path / "d1.json"), spatial_extent=box(4, 52, 5, 53))
    with pytest.raises(OpenEOError, match=r"^NoDataAvailable: spatial_extent must hold the centre of a pixel"):
        cube(stack, spatial_extent=box(14, 52, 15, 53))


def test_a_box_in_map_geometry_selects_centres(tmp_path):
    tiff(tmp_path / "a.tif", noise(), crs="EPSG:32631", transform=MAP)
    url = write(tmp_path, "a.json", item("a", "2024-08-09T00:00:00Z", {"a": asset("a.tif", "coherence")}))
    found = cube(url, spatial_extent=box(500_030, 5_799_940, 500_069, 5_799_975, crs=32631))
    assert found.x.values.tolist() == [500_030, 500_050]
    assert found.y.values.tolist() == [5_799_970, 5_799_950]
    assert cube(url, spatial_extent=box(2, 52, 4, 53)).shape == (1, 1, H, W)


def test_polygons_are_not_supported(stack):
    with pytest.raises(OpenEOError, match=r"^FeatureUnsupported: spatial_extent must be a bounding box"):
        cube(stack, spatial_extent={"type": "Polygon", "coordinates": []})
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: spatial_extent must be a bounding box"):
        cube(stack, spatial_extent={"west": 3})
