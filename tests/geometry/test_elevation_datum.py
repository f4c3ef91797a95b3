"""Vertical datums: the undulation is added, comes from a file that is there, and is never silently 0."""

import numpy as np
import pyproj
import pytest

from local_runner.errors import DataError, OpenEOError
from local_runner.geometry import geoid
from local_runner.geometry.bands import positions
from local_runner.geometry.elevation import heights_of_raster
from local_runner.geometry.range_doppler import look

from .dem_files import PIXEL, plane, points, write_dem, write_geoid, write_geotiff_geoid
from .ground_scene import PRIMARY, box, view

BOX = (10.05, 46.85, 10.15, 46.95)


def tilted(longitude, latitude):
    """An undulation that bilinear interpolation keeps between whole degrees."""
    return 45.0 + 0.5 * (latitude - 46.0) + 0.25 * longitude


@pytest.fixture
def geoids(tmp_path, monkeypatch):
    """A folder of geoids that the environment names; no other one is looked into."""
    folder = tmp_path / "geoid grids"
    monkeypatch.setenv(geoid.FOLDER, str(folder))
    monkeypatch.setattr(geoid.datadir, "get_data_dir", lambda: str(tmp_path / "none"))
    monkeypatch.setattr(geoid.datadir, "get_user_data_dir", lambda: str(tmp_path / "own"))
    return folder


def test_the_undulation_is_that_of_the_grid(geoids):
    file = write_geoid(geoids / "egm96_15.gtx", tilted)
    latitude, longitude = points(-170, -80, 170, 80)
    own = geoid.undulation(file, latitude / 4, longitude)
    np.testing.assert_allclose(own, tilted(longitude, latitude / 4), atol=1e-4)


@pytest.mark.parametrize("pixel_is", ["Area", "Point"])
def test_a_grid_of_the_layout_of_proj_is_read_at_its_nodes_and_between(tmp_path, pixel_is):
    """`us_nga_egm96_15.tif`: float32 at each quarter of a degree from -180 and 90 on, both poles, one side of the border."""
    longitude, latitude = -180.0 + 0.25 * np.arange(1440), 90.0 - 0.25 * np.arange(721)
    nodes = (
        40.0 * np.cos(np.radians(latitude[:, None])) * np.sin(np.radians(2.0 * longitude)) + latitude[:, None] / 3
    ).astype("f4")
    file = write_geotiff_geoid(tmp_path / "us_nga_egm96_15.tif", nodes, pixel_is)
    y = np.array([0.0, 90.0, -90.0, 89.9, -89.95, 46.25, 46.3, 46.3, 46.3, -12.37])
    x = np.array([0.0, 10.0, -170.0, 50.0, -120.0, 11.25, 180.0, -180.0, 179.99, 359.9])
    row, column = (90.0 - y) / 0.25, ((x + 180.0) % 360.0) / 0.25
    i, j = np.minimum(row.astype(int), 719), column.astype(int)
    v, u, wide = row - i, column - j, np.pad(nodes.astype(float), ((0, 0), (0, 1)), mode="wrap")
    above, below = ((1 - u) * wide[k, j] + u * wide[k, j + 1] for k in (i, i + 1))
    np.testing.assert_allclose(geoid.undulation(file, y, x), (1 - v) * above + v * below, atol=1e-6)


@pytest.mark.parametrize(("datum", "name"), [("EGM96", "egm96_15.gtx"), ("EGM2008", "egm08_25.gtx")])
def test_heights_above_a_geoid_are_raised_by_its_undulation(tmp_path, geoids, datum, name):
    write_geoid(geoids / name, tilted)
    latitude, longitude = points(*BOX)
    heights = heights_of_raster([write_dem(tmp_path / "dem.tif")], datum, BOX)
    truth = plane(longitude, latitude) + tilted(longitude, latitude)
    np.testing.assert_allclose(heights.at(latitude, longitude), truth, atol=1e-3)
    np.testing.assert_allclose(heights.load().at(latitude, longitude), truth, atol=1e-3)


def test_the_grid_may_lie_where_proj_keeps_its_own(tmp_path, geoids):
    file = write_geoid(tmp_path / "own" / "egm96_15.gtx", tilted)
    assert geoid.grid_file("EGM96") == file
    first = write_geoid(geoids / "us_nga_egm96_15.tif", tilted)
    assert geoid.grid_file("EGM96") == first
    assert geoid.grid_file("ellipsoid") is None


@pytest.mark.usefixtures("geoids")
def test_a_missing_grid_is_named_with_the_ways_out(tmp_path):
    must = (
        r"^GeoidMissing: The grid us_nga_egm08_25\.tif of the geoid EGM2008, to which the DEM refers, must be on this machine,"
        r" instead got no such file\. Put it \(from https://cdn\.proj\.org/us_nga_egm08_25\.tif, or egm08_25\.gtx\) into"
        rf" {tmp_path / 'own'} or into a folder named by the environment variable OPENEO_SAR_GEOIDS, or give a DEM of"
        r" ellipsoidal heights with --dem-datum ellipsoid\.$"
    )
    with pytest.raises(DataError, match=must):
        heights_of_raster([write_dem(tmp_path / "dem.tif")], "EGM2008", BOX)


@pytest.mark.parametrize("content", [b"", b"not a grid", "truncated"])
def test_a_broken_grid_is_no_undulation_of_zero(geoids, content):
    file = write_geoid(geoids / "egm96_15.gtx", tilted)
    file.write_bytes(file.read_bytes()[:4000] if content == "truncated" else content)
    with pytest.raises(
        DataError, match=r"^GeoidMissing: .*egm96_15\.gtx must be a whole grid of a geoid that covers the"
    ):
        geoid.undulation(file, np.array([46.9, 47.0]), np.array([10.1, 10.2]))


def test_a_grid_of_other_numbers_is_refused(geoids):
    file = write_geoid(geoids / "egm96_15.gtx", lambda longitude, _: 200.0 + 0 * longitude)
    with pytest.raises(DataError, match=r"^GeoidMissing: .*, instead got no undulation"):
        geoid.undulation(file, np.array([46.9]), np.array([10.1]))


@pytest.mark.parametrize(
    ("crs", "datum"), [("EPSG:4326+5773", "EGM96"), ("EPSG:32632+3855", "EGM2008"), ("EPSG:4979", "ellipsoid")]
)
def test_a_crs_with_a_vertical_part_tells_the_datum(crs, datum):
    assert geoid.datum_of(pyproj.CRS(crs), None, "dem.tif") == datum
    assert geoid.datum_of(pyproj.CRS(crs), datum, "dem.tif") == datum


@pytest.mark.parametrize(
    ("crs", "datum", "must"),
    [
        (
            "EPSG:4326",
            None,
            r"What the heights of dem\.tif refer to must be known, .* Say it with --dem-datum: EGM2008",
        ),
        (
            "EPSG:4326",
            "EGM84",
            r"The vertical datum must be one of \('ellipsoid', 'EGM96', 'EGM2008'\), instead got 'EGM84'",
        ),
        ("EPSG:4326+5773", "EGM2008", r"The vertical datum of dem\.tif must be the one in its CRS, EGM96"),
        ("EPSG:4326+5703", None, r"The vertical datum of dem\.tif must be one of .*, instead got 'NAVD88 height'"),
    ],
)
def test_an_unknown_datum_is_asked_for(crs, datum, must):
    with pytest.raises(OpenEOError, match=rf"^DatumUnknown: {must}"):
        geoid.datum_of(pyproj.CRS(crs), datum, "dem.tif")


def test_a_raster_with_a_compound_crs_needs_no_option(tmp_path, geoids):
    write_geoid(geoids / "egm08_25.gtx", tilted)
    path = write_dem(tmp_path / "dem.tif", crs="EPSG:4326+3855", GEOTIFF_VERSION="1.1")
    height = heights_of_raster([path], None, BOX).at(np.array([46.9]), np.array([10.1]))
    assert height == pytest.approx(plane(10.1, 46.9) + tilted(10.1, 46.9), abs=1e-3)


def test_the_geoid_moves_the_ground_by_its_cotangent(tmp_path, geoids):
    """Section 5 of the specification: N / tan(theta) on the ground, some 70 m for 48 m; coherence would not show it."""
    write_geoid(geoids / "egm96_15.gtx", lambda longitude, _: 48.0 + 0 * longitude)
    west, south, east, north = box(0.02)
    shape = int((north - south) / PIXEL), int((east - west) / PIXEL)
    dem = write_dem(tmp_path / "dem.tif", lambda x, y: 300.0 + 0 * x + 0 * y, west=west, north=north, shape=shape)
    views = [view(heights_of_raster([dem], datum, box())) for datum in ("ellipsoid", "EGM96")]
    low, high = (positions(each, np.array([10, 590]), np.array([20, 880])) for each in views)
    _, _, moved = pyproj.Geod(ellps="WGS84").inv(low.longitude, low.latitude, high.longitude, high.latitude)
    theta = np.arccos(look(PRIMARY, np.array([10, 590]), *low)[:, 2])
    np.testing.assert_allclose(high.height - low.height, 48.0, atol=1e-3)
    np.testing.assert_allclose(moved, 48.0 / np.tan(theta), rtol=0.01)
