"""The DEM below the bursts: what it must cover, what is void, and what items tell of it."""

import json
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio

from local_runner.demo.safe import write_safe
from local_runner.errors import DataError, OpenEOError
from local_runner.products import catalogue
from local_runner.products.sentinel1_slc import dem
from tests.products.sentinel1_slc.test_heights import BOX, SIZE, stac_of, write_dem
from tests.products.sentinel1_slc.test_opened import cube_of


@pytest.fixture
def properties(tmp_path, product):
    """Properties of the first item of a catalogue of the first burst."""
    safe = write_safe(tmp_path, product)

    def made(**options):
        path = catalogue([safe], out=tmp_path / "cat", bursts=["249435"], **options)
        return json.loads(next(path.parent.glob("*/*0809.json")).read_text())["properties"]

    return made


@pytest.fixture
def no_sockets(monkeypatch):
    """Whoever looks up a host fails."""
    monkeypatch.setattr(socket, "getaddrinfo", None)


def with_voids(path, columns, value=np.nan):
    """Set columns of a DEM to a value."""
    with rasterio.open(path, "r+") as file:
        values = file.read(1)
        values[:, columns] = value
        file.write(values, 1)
    return path


def of_crs(path, crs):
    """The DEM with another CRS."""
    with rasterio.open(path, "r+") as file:
        file.crs = rasterio.CRS.from_user_input(crs)
    return path


def test_without_a_dem_heights_are_of_the_geolocation_grid(properties):
    found = properties()
    assert found["openeo_sar:heights"] == "geolocation grid"
    assert not [name for name in found if name.startswith("openeo_sar:dem")]


def test_items_tell_the_datum_that_only_the_raster_tells(tmp_path, properties):
    found = properties(dem=of_crs(write_dem(tmp_path / "dem.tif"), "EPSG:4979"))
    told = {name: found[f"openeo_sar:{name}"] for name in ("heights", "dem_datum", "dem_gaps", "dem_void_share")}
    assert told == {"heights": "DEM", "dem_datum": "ellipsoid", "dem_gaps": "error", "dem_void_share": 0}


@pytest.mark.parametrize("value", [np.nan, -9999])
def test_dem_of_voids_alone(tmp_path, product, value):
    raster = with_voids(write_dem(tmp_path / "dem.tif"), slice(None), value)
    with rasterio.open(raster, "r+") as file:
        file.nodata = value
    must = (
        r"^DemIncomplete: Below t117_249435_iw2 of 2024-08-09: The DEM .*dem\.tif must have heights in longitude 11\."
    )
    with pytest.raises(DataError, match=must + r".*, instead got voids"):
        catalogue([write_safe(tmp_path, product)], out=tmp_path / "cat", dem=raster, dem_datum="ellipsoid")
    assert not (tmp_path / "cat").exists()


def test_a_hole_of_the_dem_is_told(tmp_path, product, caplog):
    safe = write_safe(tmp_path, replace(product, lines=300, samples=2000, has_pixels=False))
    options = {"bursts": ["249435"], "dem_datum": "ellipsoid"}
    whole = catalogue([safe], out=tmp_path / "whole", dem=write_dem(tmp_path / "dem.tif"), **options)
    middle = float(cube_of(whole, bands=["grid_lon"]).mean())
    hole = slice(0, round((middle - BOX[0]) / (BOX[2] - BOX[0]) * SIZE))
    path = catalogue([safe], out=tmp_path / "cat", dem=with_voids(tmp_path / "dem.tif", hole), **options)
    share = json.loads(next(path.parent.glob("*/*0809.json")).read_text())["properties"]["openeo_sar:dem_void_share"]
    assert share == pytest.approx(float(np.isnan(cube_of(path, bands=["height"])).mean()), abs=0.05)
    assert 0.3 < share < 0.7
    assert f"t117_249435_iw2: {100 * share:.0f} % of the DEM below it is void" in caplog.text


def test_of_several_bursts_those_with_heights_are_named(tmp_path, product):
    safe = write_safe(tmp_path, product)
    whole = (catalogue([safe], out=tmp_path / burst, bursts=[burst]) for burst in ("249435", "249436"))
    south, north = sorted(float(cube_of(path, bands=["grid_lat"]).mean()) for path in whole)
    raster = write_dem(tmp_path / "dem.tif", (BOX[0], (south + north) / 2, BOX[2], north + 0.2))
    with pytest.raises(DataError, match=r"^DemIncomplete: Below t117_24943\d_iw2 of 2024-08-09: The DEM") as error:
        catalogue([safe], out=tmp_path / "cat", dem=raster, dem_datum="ellipsoid")
    assert "; 1 of 2 bursts have heights. Choose with --burst of those that have heights (t117_24943" in str(
        error.value
    )


def test_a_collection_of_tiles_elsewhere(tmp_path, product):
    tile = (20.0, 50.0, 21.0, 51.0)
    tiles = stac_of(tmp_path, {write_dem(tmp_path / "far.tif", tile): tile})
    must = r"^DemIncomplete: Below t117_.*: The DEM .* must have a raster in longitude .*, instead got 1 rasters elsewhere;"
    with pytest.raises(DataError, match=must):
        catalogue([write_safe(tmp_path, product)], out=tmp_path / "cat", dem=tiles, dem_datum="ellipsoid")


def test_a_collection_without_rasters(tmp_path, pair):
    tiles = stac_of(tmp_path, {write_dem(tmp_path / "dem.tif"): BOX})
    tiles.write_text(tiles.read_text().replace('"roles": ["data"]', '"roles": ["thumbnail"]'))
    with pytest.raises(DataError, match=r"^FileNotFound: A STAC document of a DEM must have rasters"):
        catalogue(pair, out=tmp_path / "cat", dem=tiles, dem_datum="ellipsoid", dem_gaps="sea")


@pytest.mark.parametrize(
    ("box", "other", "expected"),
    [
        (None, (0, 0, 1, 1), True),
        ((0, 0, 1, 1), (0.5, 0.5, 2, 2), True),
        ((0, 0, 1, 1), (1.5, 0, 2, 1), False),
        ((0, 0, 1, 1), (0, 1.5, 1, 2), False),
        ((179, 0, -179, 1), (-179.5, 0, -178, 1), True),
        ((179, 0, -179, 1), (170, 0, 178, 1), False),
        ((170, 0, 171, 1), (-180, 0, 180, 1), True),
    ],
)
def test_boxes_that_meet(box, other, expected):
    assert dem.meets(box, other) == expected
    assert box is None or dem.meets(other, box) == expected


FAR = (100.0, -10.0, 101.0, -9.0)


def with_remote(tmp_path, rasters, name):
    """STAC of rasters, one of which is on another host."""
    document = Path(stac_of(tmp_path, rasters))
    document.write_text(document.read_text().replace(f'"{name}"', f'"https://dem.invalid/{name}"'))
    return str(document)


@pytest.mark.usefixtures("no_sockets")
def test_rasters_of_a_catalogue_are_opened_where_they_meet_a_burst(tmp_path, properties):
    """The host of the other one is not even asked."""
    tiles = with_remote(tmp_path, {write_dem(tmp_path / "near.tif"): BOX, tmp_path / "far.tif": FAR}, "far.tif")
    found = properties(dem=tiles, dem_datum="ellipsoid", allow_hosts=["dem.invalid"])
    assert found["openeo_sar:dem_void_share"] == 0


@pytest.mark.usefixtures("no_sockets")
def test_a_remote_raster_needs_its_host_allowed(tmp_path, properties):
    tiles = with_remote(tmp_path, {tmp_path / "near.tif": BOX}, "near.tif")
    with pytest.raises(OpenEOError, match=r"^AccessRefused: .*: The host of a remote address must be allowed"):
        properties(dem=tiles, dem_datum="ellipsoid")
