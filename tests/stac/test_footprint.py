import numpy as np
import pytest
from pyproj import CRS, Transformer

from local_runner.stac import footprint


def valid(geometry):
    shape = pytest.importorskip("shapely.geometry").shape(geometry)
    rings = [shape.exterior] if geometry["type"] == "Polygon" else [part.exterior for part in shape.geoms]
    return shape.is_valid and all(ring.is_ccw for ring in rings)


def grid(lat0=52.0, lon0=4.0, *, heading=1):
    y, x = np.mgrid[:17, :17]
    return lat0 + heading * y / 100 + x / 1000, lon0 - y / 1000 + x / 100


@pytest.mark.parametrize("heading", [1, -1])
def test_footprints_are_valid_and_counter_clockwise(heading):
    latitude, longitude = grid(heading=heading)
    latitude[:2, :9] = np.nan
    geometry, bbox = footprint.geometry_of(footprint.of_samples(latitude, longitude))
    assert valid(geometry)
    seen = np.isfinite(latitude)
    assert bbox == pytest.approx(
        [longitude[seen].min(), latitude[seen].min(), longitude[seen].max(), latitude[seen].max()]
    )


def test_a_folded_outline_becomes_its_hull():
    latitude, longitude = grid()
    longitude[0] = longitude[0][::-1]
    latitude[0, 3] += 0.2
    assert valid(footprint.geometry_of(footprint.of_samples(latitude, longitude))[0])


def test_a_footprint_at_the_antimeridian_is_split():
    latitude, longitude = grid(lon0=179.95)
    longitude = (longitude + 180) % 360 - 180
    geometry, bbox = footprint.geometry_of(footprint.of_samples(latitude, longitude))
    assert geometry["type"] == "MultiPolygon"
    assert valid(geometry)
    assert bbox[0] > 0 > bbox[2]


def test_no_footprint_without_positions():
    assert footprint.geometry_of(footprint.of_samples(np.full((3, 3), np.nan), np.zeros((3, 3)))) == (None, None)
    assert footprint.geometry_of(footprint.of_samples(np.zeros((3, 3)), np.zeros((3, 3)))) == (None, None)


def test_the_footprint_of_spans_is_their_hull():
    x, y = 500_010 + 20.0 * np.arange(100), 5_799_990 - 20.0 * np.arange(80)
    spans = np.full((80, 2), -1)
    spans[10:60] = np.stack([np.arange(50), np.arange(50) + 40], axis=1)
    geometry, bbox = footprint.geometry_of(footprint.of_spans(spans, x, y, CRS.from_epsg(32631)))
    assert valid(geometry)
    (ring,) = geometry["coordinates"]
    assert len(ring) > 40
    east, north = Transformer.from_crs(4326, 32631, always_xy=True).transform(*np.array(ring).T)
    assert (east.min(), east.max()) == (pytest.approx(500_000, abs=0.1), pytest.approx(501_800, abs=0.1))
    assert (north.min(), north.max()) == (pytest.approx(5_798_800, abs=0.1), pytest.approx(5_799_800, abs=0.1))
    assert abs(bbox[0] - 3) < 1e-5


@pytest.mark.parametrize("heading", [1, -1])
@pytest.mark.parametrize("west", [179.83, 179.9, 179.99, 180.0, -179.9, -180.0])
def test_radar_footprints_near_the_antimeridian_are_those_elsewhere_moved(west, heading):
    """Same area and same extent as at 4 degrees east, in two parts or in one, with longitudes from -180 to 180."""
    shapely = pytest.importorskip("shapely.geometry")
    latitude, longitude = grid(lon0=west, heading=heading)
    moved, bbox = footprint.geometry_of(footprint.of_samples(latitude, (longitude + 180) % 360 - 180))
    plain, box = footprint.geometry_of(footprint.of_samples(*grid(heading=heading)))
    assert valid(moved)
    assert shapely.shape(moved).area == pytest.approx(shapely.shape(plain).area, rel=1e-5)
    assert (bbox[2] - bbox[0]) % 360 == pytest.approx(box[2] - box[0], abs=2e-6)
    bounds = shapely.shape(moved).bounds
    assert -180 <= bounds[0] <= bounds[2] <= 180
    assert (bbox[0] > bbox[2]) == (moved["type"] == "MultiPolygon")


BOX = [(0.0, 10.0), (4.0, 10.0), (4.0, 12.0), (0.0, 12.0)]


def moved(degrees, ring=BOX):
    return [(lon + degrees, lat) for lon, lat in ring]


@pytest.mark.parametrize("turns", [-720, -360, 360, 720])
@pytest.mark.parametrize("start", [-182.0, -180.0, -90.0, 176.0, 178.0, 180.0])
def test_longitudes_of_any_revolution_are_one_place(start, turns):
    geometry, bbox = footprint.geometry_of(moved(start + turns))
    assert (geometry, bbox) == footprint.geometry_of(moved(start))
    assert valid(geometry)
    assert [abs(lon) <= 180 for lon in (bbox[0], bbox[2])] == [True, True]


def test_outline_that_jumps_at_greenwich_is_small():
    """Longitudes from 0 to 360, as some products give them."""
    geometry, bbox = footprint.geometry_of([(lon % 360, lat) for lon, lat in moved(-2.0)])
    assert geometry["type"] == "Polygon"
    assert bbox == [-2, 10, 2, 12]


def test_corners_that_jump_at_the_antimeridian_are_split():
    geometry, bbox = footprint.geometry_of([((lon + 180) % 360 - 180, lat) for lon, lat in moved(178.0)])
    assert geometry["type"] == "MultiPolygon"
    assert bbox == [178, 10, -178, 12]


def test_the_whole_globe_stays_whole():
    for west in (-180, 0):
        x = west + 0.5 + np.arange(360)
        geometry, bbox = footprint.geometry_of(footprint.of_grid(x, 89.5 - np.arange(180.0), CRS.from_epsg(4326)))
        assert valid(geometry)
        assert bbox == [-180, -90, 180, 90]


def test_no_footprint_around_a_pole():
    ring = [(float(lon), 85.0) for lon in range(-180, 180, 20)]
    assert footprint.geometry_of(ring) == (None, None)


def test_outline_that_folds_over_the_antimeridian_is_split_into_valid_parts():
    """A bay at the line would leave edges that lie on each other."""
    ring = [(179.0, 10.0), (181.0, 10.0), (181.0, 11.0), (179.5, 11.5), (181.0, 12.0), (181.0, 13.0), (179.0, 13.0)]
    geometry, bbox = footprint.geometry_of(ring)
    assert valid(geometry)
    assert bbox == [179, 10, -179, 13]


def test_outline_beyond_its_projection():
    x = y = np.array([1e30, 2e30])
    with pytest.raises(ValueError, match=r"^the positions of an outline must be finite$"):
        footprint.of_grid(x, y, CRS.from_epsg(32631))
