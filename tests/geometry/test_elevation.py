"""Heights of rasters: interpolation, tiles, projections, voids, and what must be covered."""

import pickle

import numpy as np
import pyproj
import pytest
from dask.base import tokenize

from local_runner.errors import DataError, LimitExceededError, OpenEOError
from local_runner.geometry import elevation
from local_runner.geometry.elevation import ConstantHeights, heights_of_raster

from .dem_files import PIXEL, plane, points, write_dem

BOX = (10.05, 46.85, 10.15, 46.95)


def ellipsoidal(paths, box=BOX, outline=None):
    return heights_of_raster(paths if isinstance(paths, list) else [paths], "ellipsoid", box, outline)


def test_a_plane_is_kept(tmp_path):
    latitude, longitude = points(*BOX)
    heights = ellipsoidal(write_dem(tmp_path / "dem.tif"))
    np.testing.assert_allclose(heights.at(latitude, longitude), plane(longitude, latitude), atol=1e-4)
    np.testing.assert_allclose(heights.load().at(latitude, longitude), plane(longitude, latitude), atol=1e-4)


def test_a_pixel_holds_the_height_of_its_centre(tmp_path):
    steps = write_dem(tmp_path / "dem.tif", lambda x, y: np.round((x - 10.0) / PIXEL - 0.5) + 0 * y)
    longitude = 10.05 + PIXEL * np.array([0.5, 1.0, 1.5])
    assert ellipsoidal(steps).at(np.full(3, 46.9), longitude) == pytest.approx([60.0, 60.5, 61.0], abs=1e-6)


def test_tiles_join_without_a_seam(tmp_path):
    tiles = [
        write_dem(tmp_path / f"{i}{j}.tif", west=10.0 + i * 60 * PIXEL, north=47.0 - j * 60 * PIXEL, shape=(60, 60))
        for i in range(4)
        for j in range(4)
    ]
    latitude, longitude = points(*BOX, n=2000)
    heights = ellipsoidal(tiles[::-1]).at(latitude, longitude)
    np.testing.assert_allclose(heights, plane(longitude, latitude), atol=1e-4)


def test_tiles_of_two_spacings_join_as_those_of_glo_30_do(tmp_path):
    """Centres at whole degrees, and wider pixels in the north, which begin a row above the highest of the south."""
    west, border = 10.0 - PIXEL / 2, 46.9 - PIXEL / 2
    south = write_dem(tmp_path / "s.tif", west=west, north=border + PIXEL)
    wide = (1.5 * PIXEL, PIXEL)
    north = write_dem(
        tmp_path / "n.tif", west=10.0 - 0.75 * PIXEL, north=border + PIXEL + 120 * PIXEL, shape=(120, 160), pixel=wide
    )
    latitude, longitude = points(10.05, 46.85, 10.15, 46.95, n=2000)
    heights = ellipsoidal([north, south]).at(latitude, longitude)
    np.testing.assert_allclose(heights, plane(longitude, latitude), atol=1e-4)


def test_a_projected_dem_is_read_where_its_projection_says(tmp_path):
    way = pyproj.Transformer.from_crs(4326, 32632, always_xy=True)
    (west, east), (south, north) = way.transform([9.9, 10.3], [46.7, 47.1])

    def slope(x, y):
        return 0.01 * (x - west) + 0.02 * (north - y)

    size = (int((north - south) / 90), int((east - west) / 90))
    path = write_dem(tmp_path / "utm.tif", slope, west=west, north=north, shape=size, pixel=90.0, crs="EPSG:32632")
    latitude, longitude = points(*BOX)
    np.testing.assert_allclose(
        ellipsoidal(path).at(latitude, longitude), slope(*way.transform(longitude, latitude)), atol=1e-3
    )


@pytest.mark.parametrize("box", [(179.9, 46.85, -179.9, 46.95), (179.9, 46.85, 180.1, 46.95)])
def test_a_box_may_cross_the_antimeridian(tmp_path, box):
    def height(x, y):
        return 100.0 + 50.0 * ((x % 360.0) - 180.0) + 0 * y

    east = write_dem(tmp_path / "e.tif", height, west=180.0 - 240 * PIXEL)
    west = write_dem(tmp_path / "w.tif", height, west=-180.0)
    longitude = np.array([179.95, 180.0 - PIXEL / 4, -180.0, -179.95])
    ring = [(179.9, 46.85), (-179.9, 46.85), (-179.9, 46.95), (179.9, 46.95)]
    heights = ellipsoidal([east, west], box, ring).at(np.full(4, 46.9), longitude)
    np.testing.assert_allclose(heights, height(longitude, 0.0), atol=1e-4)


def test_voids_stay_voids(tmp_path):
    path = write_dem(tmp_path / "dem.tif", lambda x, y: np.where((x > 10.1) & (y > 0), -9999.0, 7.0), nodata=-9999.0)
    assert np.isnan(ellipsoidal(path).at(np.array([46.9, 46.9]), np.array([10.13, 10.07]))).tolist() == [True, False]


def test_no_data_of_zero_is_the_sea(tmp_path):
    path = write_dem(tmp_path / "dem.tif", lambda x, y: np.where((x > 10.1) & (y > 0), 0.0, 7.0), nodata=0.0)
    assert ellipsoidal(path).at(np.array([46.9, 46.9]), np.array([10.13, 10.07])).tolist() == [0.0, 7.0]


def test_nothing_is_known_beyond_the_raster(tmp_path):
    heights = ellipsoidal(write_dem(tmp_path / "dem.tif"))
    assert np.isnan(heights.at(np.array([46.9, 46.9, np.nan]), np.array([10.3, 11.0, 10.1]))).all()


def test_heights_travel_and_have_one_name(tmp_path):
    path = write_dem(tmp_path / "dem.tif")
    heights = ellipsoidal(path)
    moved = pickle.loads(pickle.dumps(heights))
    assert tokenize(moved) == tokenize(heights) == tokenize(ellipsoidal(path))
    assert tokenize(ellipsoidal(path, (10.05, 46.85, 10.15, 46.9))) != tokenize(heights)
    assert moved.at(np.array([46.9]), np.array([10.1])) == heights.at(np.array([46.9]), np.array([10.1]))


def test_no_pixel_is_read_before_a_height_is_asked_for(tmp_path):
    path = write_dem(tmp_path / "dem.tif", compress="deflate", tiled=True, blockxsize=64, blockysize=64)
    heights = ellipsoidal(path)
    assert heights.span == (-500.0, 9000.0)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"^DataCorrupt: .*dem\.tif must be a whole, readable GeoTIFF"):
        heights.load()


def test_heights_may_be_constant():
    heights = ConstantHeights(12.5)
    assert heights.span == (12.5, 12.5)
    assert heights.at(np.array([1.0, np.nan]), np.array([2.0, 3.0]))[0] == 12.5
    assert np.isnan(heights.at(np.array([1.0, np.nan]), np.array([2.0, 3.0]))[1])


def test_the_box_must_be_covered(tmp_path):
    path = write_dem(tmp_path / "dem.tif")
    must = (
        r"^DemIncomplete: The DEM .*dem\.tif must cover the image, longitude 10\.050 to 10\.300, latitude 46\.850 to 46\.950,"
        r" instead got heights in longitude 10\.000 to 10\.200, .*, nothing in longitude 10\.201 to 10\.300, latitude"
    )
    with pytest.raises(DataError, match=must):
        ellipsoidal(path, (10.05, 46.85, 10.3, 46.95))
    triangle = [(10.05, 46.85), (10.05, 46.95), (10.19, 46.9)]
    assert np.isfinite(ellipsoidal(path, (10.05, 46.85, 10.3, 46.95), triangle).at(np.array([46.9]), np.array([10.1])))


def test_a_gap_between_tiles_is_seen(tmp_path):
    west, east = (
        write_dem(tmp_path / "w.tif", shape=(240, 100)),
        write_dem(tmp_path / "e.tif", west=10.1, shape=(240, 100)),
    )
    with pytest.raises(
        DataError,
        match=r"^DemIncomplete: The DEM .*w\.tif and 1 more must cover .* nothing in longitude 10\.085 to 10\.099,",
    ):
        ellipsoidal([west, east])
    with pytest.raises(DataError, match=r"^DemIncomplete: A DEM must have at least one raster"):
        ellipsoidal([])


@pytest.mark.parametrize(
    ("options", "code", "must"),
    [
        (
            {"crs": None},
            "FormatUnsuitable",
            r"A DEM must have a coordinate reference system, and rows along x: .*dem\.tif",
        ),
        ({"crs": "+proj=longlat +R=6371000 +no_defs"}, "DemUnplaced", r"The CRS of the DEM must be tied to WGS84 \("),
    ],
)
def test_a_dem_must_be_placed(tmp_path, options, code, must):
    path = write_dem(tmp_path / "dem.tif", **options)
    with pytest.raises(OpenEOError, match=rf"^{code}: {must}"):
        ellipsoidal(path)


def test_tiles_must_be_of_one_dem(tmp_path):
    tiles = [write_dem(tmp_path / "a.tif"), write_dem(tmp_path / "b.tif", crs="EPSG:4258")]
    with pytest.raises(OpenEOError, match=r"^FormatUnsuitable: Rasters of one DEM must have one horizontal CRS"):
        ellipsoidal(tiles)


def test_pixels_must_be_heights(tmp_path):
    path = write_dem(tmp_path / "dem.tif", lambda x, y: np.where((x > 10.1) & (y > 0), -9999.0, 7.0))
    must = r"^DataCorrupt: Heights in .*dem\.tif must be metres between -500 and 9000, instead got -9999 to 7"
    with pytest.raises(DataError, match=must):
        ellipsoidal(path).load()


def test_a_dem_must_not_be_too_fine(tmp_path, monkeypatch):
    monkeypatch.setattr(elevation, "MAX_PIXELS", 1000)
    with pytest.raises(LimitExceededError, match=r"^ArrayTooLarge: A DEM must have at most"):
        ellipsoidal(write_dem(tmp_path / "dem.tif"))
