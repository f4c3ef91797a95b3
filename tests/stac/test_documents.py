import pystac
import pytest

from local_runner.stac.documents import extent, reachable, summaries


def items(*boxes, **properties):
    time = pystac.utils.str_to_datetime("2023-03-19T00:00:00Z")
    return [pystac.Item(f"i{n}", None, box, time, dict(properties)) for n, box in enumerate(boxes)]


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([[1, 2, 3, 4], [2, 1, 5, 3]], [1, 1, 5, 4]),
        ([[179, 0, -179, 1]], [179, 0, -179, 1]),
        ([[179, 0, -179, 1], [178, 0, 179.5, 2]], [178, 0, -179, 2]),
        ([[179, 0, -179, 1], [-179.5, 0, -178, 1]], [179, 0, -178, 1]),
        ([[179, 0, -179, 1], [-10, 0, 10, 1]], [179, 0, 10, 1]),
        ([[170, 0, -150, 1], [-160, 0, 175, 1]], [-180, 0, 180, 1]),
        ([None], [-180, -90, 180, 90]),
    ],
)
def test_extent_holds_all_boxes(boxes, expected):
    assert extent(items(*boxes)).spatial.bboxes == [expected]


def test_summaries_are_values_or_ranges():
    several = [
        *items(None, **{"platform": "sentinel-1a", "sar:polarizations": ["VV"], "view:azimuth": 10.0, "first_line": 1}),
        *items(None, **{"platform": "sentinel-1b", "sar:polarizations": ["VV", "VH"], "view:azimuth": 12.0}),
    ]
    assert summaries(several) == {
        "platform": ["sentinel-1a", "sentinel-1b"],
        "sar:polarizations": ["VV", "VH"],
        "view:azimuth": {"minimum": 10.0, "maximum": 12.0},
    }


def test_hrefs_are_relative_below_the_folder_only(tmp_path):
    here = tmp_path / "cat" / "item"
    assert reachable(str(tmp_path / "cat" / "a b.tif"), here, tmp_path / "cat") == "../a b.tif"
    assert reachable(str(tmp_path / "data" / "a.tif"), here, tmp_path / "cat") == str(tmp_path / "data" / "a.tif")
    assert reachable("https://user:pw@example.org/a.tif?sig=x", here, tmp_path) == "https://example.org/a.tif"
