import json
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_bounds

from local_runner.demo.safe import write_safe
from local_runner.demo.safe_xml import terrain
from local_runner.errors import DataError, OpenEOError
from local_runner.products import catalogue
from local_runner.products.sentinel1_slc import heights
from local_runner.products.sentinel1_slc.annotation import read_annotation
from tests.products.sentinel1_slc import edits
from tests.products.sentinel1_slc.real import each_annotation
from tests.products.sentinel1_slc.test_opened import cube_of

BOX = (11.4, 46.3, 11.9, 46.8)
"""West, south, east, north around the first burst."""
SIZE = 500


def write_dem(path, box=BOX, height=None):
    """DEM in a box, of the terrain of the products or of one height."""
    west, south, east, north = box
    transform = from_bounds(*box, SIZE, SIZE)
    longitude = west + (np.arange(SIZE) + 0.5) * (east - west) / SIZE
    latitude = north - (np.arange(SIZE) + 0.5) * (north - south) / SIZE
    values = np.full((SIZE, SIZE), height) if height is not None else terrain(latitude[:, None], longitude[None, :])
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "width": SIZE, "height": SIZE}
    with rasterio.open(path, "w", transform=transform, crs="EPSG:4326", **profile) as file:
        file.write(values.astype(np.float32), 1)
    return path


def stac_of(folder, rasters):
    """STAC item collection of rasters with their boxes."""
    features = [
        {
            "type": "Feature",
            "stac_version": "1.1.0",
            "id": path.stem,
            "bbox": list(box),
            "geometry": None,
            "properties": {"datetime": "2024-01-01T00:00:00Z"},
            "links": [],
            "assets": {"data": {"href": path.name, "type": "image/tiff; application=geotiff", "roles": ["data"]}},
        }
        for path, box in rasters.items()
    ]
    document = folder / "dem.json"
    document.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return document


def test_heights_of_the_annotation_meet_its_points(tmp_path, product):
    whole = replace(product, samples=2000, lines=400, has_pixels=False)
    annotation = read_annotation(edits.annotation(write_safe(tmp_path, whole)))
    points = annotation.geolocation
    found = heights.of_annotation(annotation).at(points.latitude, points.longitude)
    assert np.abs(found - points.height).max() < 30


def test_points_of_the_geolocation_grid_are_on_the_ground(tmp_path, product):
    annotation = read_annotation(edits.annotation(write_safe(tmp_path, replace(product, samples=2000, lines=400))))
    points, grid = annotation.geolocation, annotation.grid(0)
    line = (points.time - grid.first_line_time) / np.timedelta64(1, "s") / grid.line_interval_s
    latitude, longitude, height = heights.on_ground(grid, annotation, line, points.sample.astype(float))
    np.testing.assert_allclose(height, points.height, atol=0.01)
    np.testing.assert_allclose(latitude, points.latitude, atol=1e-7)
    np.testing.assert_allclose(longitude, points.longitude, atol=1e-7)


def test_ground_goes_on_beyond_the_points(tmp_path, product):
    annotation = read_annotation(edits.annotation(write_safe(tmp_path, product)))
    points, grid = annotation.geolocation, annotation.grid(0)
    _, _, height = heights.on_ground(grid, annotation, np.array([-50.0, 9000.0]), np.array([-20.0, 99.0]))
    np.testing.assert_allclose(height, points.height[[0, -1]])


@each_annotation
def test_real_points_are_on_the_ground(path):
    annotation = read_annotation(path)
    points, grid = annotation.geolocation, annotation.grid(0)
    line = (points.time - grid.first_line_time) / np.timedelta64(1, "s") / grid.line_interval_s
    latitude, longitude, height = heights.on_ground(grid, annotation, line, points.sample.astype(float))
    assert np.abs(height - points.height).max() < 0.5
    assert np.abs(latitude - points.latitude).max() < 1e-5
    assert np.abs(longitude - points.longitude).max() < 1e-5


def test_lines_of_points_must_be_alike(tmp_path, product):
    path = edits.annotation(write_safe(tmp_path, product))
    edits.replace(path, "<geolocationGridPoint><azimuthTime>[^<]*.*?</geolocationGridPoint>", "")
    edits.replace(path, 'geolocationGridPointList count="15"', 'geolocationGridPointList count="14"')
    with pytest.raises(
        DataError, match=r"^DataCorrupt: geolocationGridPointList of .*\.xml must have two lines or more"
    ):
        heights.of_annotation(read_annotation(path))


def test_values_between_points_are_linear():
    corners = np.array([[[0, 0], [0, 4], [3, 0]], [[3, 0], [0, 4], [3, 4]], [[9, 9], [9, 9], [9, 9]]], float)
    rows, columns = np.arange(4.0), np.arange(6.0)
    found = heights._interpolated(corners, corners @ (10, 1), rows, columns)
    np.testing.assert_allclose(found[:, :5], 10 * rows[:, None] + columns[None, :5])
    assert np.isnan(found[:, 5]).all()


def test_heights_go_on_beyond_the_points(tmp_path, product):
    annotation = read_annotation(edits.annotation(write_safe(tmp_path, product)))
    points = annotation.geolocation
    beyond = heights.of_annotation(annotation).at(points.latitude[:1] + 0.4, points.longitude[:1] - 0.4)
    assert points.height.min() - 1 <= beyond[0] <= points.height.max() + 1


def test_height_band_is_that_of_the_dem(tmp_path, pair):
    dem = write_dem(tmp_path / "dem.tif")
    path = catalogue(pair, out=tmp_path / "cat", bursts=["249435"], dem=dem, dem_datum="ellipsoid")
    cube = cube_of(path).isel(t=1).compute()
    latitude, longitude, height = (cube.sel(bands=name).values for name in ("grid_lat", "grid_lon", "height"))
    np.testing.assert_allclose(height, terrain(latitude.astype(float), longitude.astype(float)), atol=0.5)


def test_item_names_dem_and_datum(tmp_path, pair):
    dem = write_dem(tmp_path / "dem.tif")
    path = catalogue(pair, out=tmp_path / "cat", bursts=["249435"], dem=dem, dem_datum="ellipsoid")
    item = json.loads(next(path.parent.glob("*/*0821.json")).read_text())
    assert item["assets"]["dem"]["href"] == str(dem)
    assert item["properties"]["openeo_sar:dem_datum"] == "ellipsoid"


@pytest.mark.parametrize("box", [(11.4, 46.3, 11.68, 46.8), (20.0, 50.0, 21.0, 51.0)])
def test_dem_that_does_not_cover_the_burst(tmp_path, product, box):
    safe = write_safe(tmp_path, replace(product, lines=400, samples=2000))
    dem = write_dem(tmp_path / "dem.tif", box)
    with pytest.raises(DataError, match=r"^DemIncomplete: .*"):
        catalogue([safe], out=tmp_path / "cat", bursts=["249435"], dem=dem, dem_datum="ellipsoid")
    assert not (tmp_path / "cat").exists()


def test_samples_that_are_not_valid_have_a_place_too(tmp_path, product):
    """Where the DEM has heights: a hole in the coordinate bands is bad for geocoding and for neighbourhoods."""
    safe = write_safe(tmp_path, replace(product, samples=9000, valid=(2, 3500), has_pixels=False))
    dem = write_dem(tmp_path / "dem.tif", (11.0, 46.0, 12.4, 47.2))
    path = catalogue([safe], out=tmp_path / "cat", bursts=["249435"], dem=dem, dem_datum="ellipsoid")
    assert cube_of(path, bands=["grid_lat", "grid_lon", "height", "look_up"]).notnull().all()


def test_gaps_of_the_dem_are_sea_where_that_is_said(tmp_path, product):
    safe = write_safe(tmp_path, replace(product, samples=2000, has_pixels=False))
    options = {"dem": write_dem(tmp_path / "dem.tif", (11.4, 46.3, 11.68, 46.8), 500.0), "dem_datum": "ellipsoid"}
    with pytest.raises(DataError, match=r"^DemIncomplete: .* say --dem-gaps sea\.$"):
        catalogue([safe], out=tmp_path / "no", bursts=["249435"], **options)
    path = catalogue([safe], out=tmp_path / "cat", bursts=["249435"], dem_gaps="sea", **options)
    cube = cube_of(path, bands=["height", "grid_lon"]).isel(t=0).compute()
    height, longitude = (cube.sel(bands=name) for name in ("height", "grid_lon"))
    assert (height.where(longitude < 11.675, 500.0) == 500.0).all()
    assert (height.where(longitude > 11.685, 0.0) == 0.0).all()
    assert {500.0, 0.0} <= set(height.values.ravel())
    item = json.loads(next(path.parent.glob("*/*0809.json")).read_text())
    assert item["properties"]["openeo_sar:dem_gaps"] == "sea"


def test_a_burst_of_open_sea_needs_no_tile(tmp_path, product, caplog):
    tile = (20.0, 50.0, 21.0, 51.0)
    dem = stac_of(tmp_path, {write_dem(tmp_path / "far.tif", tile): tile})
    safe = write_safe(tmp_path, product)
    options = {"dem": dem, "dem_datum": "ellipsoid", "dem_gaps": "sea"}
    path = catalogue([safe], out=tmp_path / "cat", bursts=["249435"], **options)
    assert (cube_of(path, bands=["height"]) == 0).all()
    assert "no raster of the DEM covers t117_249435_iw2: it is taken for open sea" in caplog.text


@pytest.mark.parametrize("kind", ["folder", "stac"])
def test_tiles_that_meet_the_burst_are_taken(tmp_path, product, kind):
    folder = tmp_path / "tiles"
    folder.mkdir()
    boxes = {"a": (11.1715, 46.3, 11.6715, 46.8), "b": (11.6715, 46.3, 12.1715, 46.8), "far": (20.0, 50.0, 21.0, 51.0)}
    tiles = {write_dem(folder / f"{name}.tif", box): box for name, box in boxes.items()}
    dem = folder if kind == "folder" else stac_of(folder, tiles)
    safe = write_safe(tmp_path, product)
    path = catalogue([safe], out=tmp_path / "cat", bursts=["249435"], dem=dem, dem_datum="ellipsoid")
    item = json.loads(next(path.parent.glob("*/*0809.json")).read_text())
    taken = {key: asset["href"].rpartition("/")[2] for key, asset in item["assets"].items() if key.startswith("dem")}
    expected = ["a.tif", "b.tif"] if kind == "stac" else ["a.tif", "b.tif", "far.tif"]
    assert list(taken.values()) == expected
    assert cube_of(path, bands=["height"]).notnull().all()


def test_missing_dem(tmp_path, pair):
    (tmp_path / "empty").mkdir()
    with pytest.raises(OpenEOError, match=r"^FileNotFound: A folder of a DEM must hold GeoTIFF files"):
        catalogue(pair, out=tmp_path / "cat", dem=tmp_path / "empty", dem_datum="ellipsoid")
