import functools
import http.server
import json
import threading

import numpy as np
import pytest
from affine import Affine

from local_runner.access import Access
from local_runner.cube import crs_of
from local_runner.errors import OpenEOError
from local_runner.stac.file_names import date_in, known_band, without_date
from local_runner.stac.read import load
from tests import real_pair
from tests.stac.catalogues import (
    DATES,
    LATITUDE,
    LONGITUDE,
    MAP,
    UTM,
    H,
    W,
    asset,
    collection,
    cube,
    item,
    noise,
    tiff,
    write,
)


def test_conventions_of_the_cube(stack):
    found = cube(stack)
    assert found.dims == ("t", "bands", "y", "x")
    assert found.dtype == np.float32
    assert found.bands.values.tolist() == ["i_VV", "grid_lat", "grid_lon"]
    assert found.t.values.tolist() == np.array(["2024-08-09T17:07:39", "2024-08-21T17:07:39.5"], "M8[ns]").tolist()
    assert found.attrs["stac"]["2024-08-21"] == [
        {
            "id": "d1",
            "href": stack.replace("collection", "d1"),
            "properties": {"datetime": "2024-08-21T17:07:39.5Z", "platform": "sentinel-1a"},
        }
    ]
    assert crs_of(found) is None
    assert found.name is None


def test_a_flipped_raster_with_a_fake_crs_is_radar_geometry(stack):
    found = cube(stack)
    np.testing.assert_array_equal(found.y, np.arange(H))
    np.testing.assert_array_equal(found.x, np.arange(W))
    np.testing.assert_array_equal(found.sel(bands="i_VV").values, [noise(0), noise(1)])


def test_coordinates_of_one_date_hold_for_all(stack):
    found = cube(stack, temporal_extent=["2024-08-01", None])
    for name, expected in (("grid_lat", LATITUDE), ("grid_lon", LONGITUDE)):
        np.testing.assert_array_equal(found.sel(bands=name).values, [expected, expected])


def test_the_real_pair_in_the_layout_of_the_cdse_process(tmp_path):
    if not real_pair.SHARED.is_dir():
        pytest.skip(f"{real_pair.SHARED} is not there")
    found = cube(str(real_pair.write_real_pair(tmp_path)))
    assert found.sizes == {"t": 2, "bands": 4, "y": 84, "x": 338}
    assert found.bands.values.tolist() == ["i_VV", "q_VV", "grid_lat", "grid_lon"]
    values = found.compute()
    for at, date in enumerate(("20230319", "20230331")):
        np.testing.assert_array_equal(values[at, 0], real_pair.read(f"i_VV_{date}"))
        np.testing.assert_array_equal(values[at, 2], real_pair.read("latitude_VV"))


@pytest.mark.parametrize("keyed", ["file", "band"])
def test_names_without_metadata_come_from_the_files(tmp_path, keyed):
    items = []
    for at, moment in enumerate(DATES):
        role, polarisation = ("prm", "vh_") if at == 0 else ("sec", "vh_" if at == 1 else "")
        name = f"S1_2images_{role}_{moment}_{polarisation}i_VH.tif"
        tiff(tmp_path / name, noise(at), transform=Affine(2, 0, 0, 0, 2, 0), crs=None)
        key = name if keyed == "file" else "i"
        assets = {key: {"href": name}, "tmp": {"href": "tmp_sec1.tif"}, f"{name}_0-{name}": {"href": name}}
        items.append(item(f"d{at}", None, assets))
    found = cube(collection(tmp_path, items))
    assert found.bands.values.tolist() == ["i_VH"]
    assert [str(t)[:19] for t in found.t.values] == [
        "2024-08-09T17:07:39",
        "2024-08-21T17:07:39",
        "2024-09-02T17:07:40",
    ]


@pytest.mark.parametrize(
    ("name", "band"),
    [
        ("S1_2images_prm_20180128T062713_vh_i_VH.tif", "i_VH"),
        ("S1_2images_sec_20180203T062631_q_VH.tif", "q_VH"),
        ("S1_2images_prm_20180128T062713_vh_grid_lat.tif", "grid_lat"),
        ("S1_2images_sec_20180203T062631_vv_q_vv.TIF", "q_VV"),
        ("coherence.tiff", ""),
    ],
)
def test_bands_of_file_names(name, band):
    assert known_band(name) == band


def test_dates_in_file_names():
    assert str(date_in("openEO_2024-08-09Z.tif")) == "2024-08-09T00:00:00.000000000"
    assert str(date_in("prm_20180128T062713_vh.tif")) == "2018-01-28T06:27:13.000000000"
    assert date_in("openEO_99999999.tif") is None


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("openEO_2024-08-09Z.tif", "openEO"),
        ("S1_20240809T170739_vv_power.TIFF", "S1_vv_power"),
        ("2024-08-09.tif", "2024-08-09"),
        ("openEO_99999999.tif", "openEO_99999999"),
        ("coherence_20230331_20230319.tif", "coherence_20230331_20230319"),
    ],
)
def test_file_names_without_their_date(name, bare):
    assert without_date(name) == bare


@pytest.mark.parametrize(
    ("transform", "x", "y"),
    [
        (Affine(1, 0, 0, 0, -1, H), 0, 0),
        (Affine(1, 0, 300, 0, -1, 200 + H), 300, 200),
        (Affine(1, 0, 300, 0, 1, 200), 300, 200),
    ],
)
def test_coordinates_of_a_fake_crs_are_indices(tmp_path, transform, x, y):
    tiff(tmp_path / "a.tif", noise()[:: int(transform.e)], transform=transform)
    found = cube(write(tmp_path, "a.json", item("a", "2024-08-09T00:00:00Z", {"a": asset("a.tif", "i_VV")})))
    assert (found.x.values.tolist(), found.y.values.tolist()) == (list(range(x, x + W)), list(range(y, y + H)))
    assert crs_of(found) is None
    np.testing.assert_array_equal(found[0, 0].values, noise())


@pytest.mark.parametrize("interleave", ["pixel", "band"])
def test_job_results_with_assets_on_the_collection(tmp_path, interleave):
    for at, day in enumerate(("2024-08-09", "2024-08-21")):
        bands = [noise(at), noise(at + 9), LATITUDE, LONGITUDE]
        names = ("i_VV", "q_VV", "grid_lat", "grid_lon")
        tiff(tmp_path / f"openEO_{day}Z.tif", *bands, descriptions=names, interleave=interleave)
    assets = {f"openEO_{d}Z.tif": asset(f"openEO_{d}Z.tif") for d in ("2024-08-21", "2024-08-09")}
    url = write(tmp_path, "results.json", {"type": "Collection", "id": "job", "links": [], "assets": assets})
    found = cube(url, bands=["q_VV", "i_VV"])
    assert [str(t)[:10] for t in found.t.values] == ["2024-08-09", "2024-08-21"]
    np.testing.assert_array_equal(found[:, :, ::-1].values, [[noise(9), noise(0)], [noise(10), noise(1)]])


def test_job_results_that_were_downloaded_are_read_from_the_files_beside(tmp_path):
    tiff(tmp_path / "openEO_2024-08-09Z.tif", noise(), descriptions=["coherence"])
    there = "https://openeo.example/jobs/1/results"
    assets = {"openEO_2024-08-09Z.tif": asset(f"{there}/assets/openEO_2024-08-09Z.tif?sig=1")}
    links = [{"rel": "item", "href": f"{there}/items/1"}, {"rel": "canonical", "href": there}]
    url = write(tmp_path, "job-results.json", {"type": "Collection", "id": "job", "links": links, "assets": assets})
    np.testing.assert_array_equal(cube(url)[0, 0, ::-1].values, noise())


def test_labels_of_the_collection_name_bands_of_a_file_that_does_not(tmp_path):
    tiff(tmp_path / "openEO_2024-08-09Z.tif", noise(0), noise(1))
    document = {"type": "Collection", "id": "job", "assets": {"a": {"href": "openEO_2024-08-09Z.tif"}}}
    document["cube:dimensions"] = {"bands": {"type": "bands", "values": ["i_VV", "q_VV"]}}
    assert cube(write(tmp_path, "collection.json", document)).bands.values.tolist() == ["i_VV", "q_VV"]


def test_map_geometry_has_cell_centres_and_a_crs(tmp_path):
    tiff(tmp_path / "a.tif", noise(), crs="EPSG:32631", transform=MAP)
    found = cube(write(tmp_path, "a.json", item("a", "2024-08-09T00:00:00Z", {"a": asset("a.tif", "coherence")})))
    assert crs_of(found) == UTM
    assert found.x.values[:2].tolist() == [500_010, 500_030]
    assert found.y.values[:2].tolist() == [5_799_990, 5_799_970]
    np.testing.assert_array_equal(found[0, 0].values, noise())


@pytest.mark.parametrize("kind", ["item", "features", "catalogue", "folder", "file URL"])
def test_forms_of_an_address(tmp_path, stack, kind):
    if kind == "features":
        items = [json.loads((tmp_path / f"d{n}.json").read_text()) for n in (0, 1)]
        stack = write(tmp_path, "items.json", {"type": "FeatureCollection", "features": items})
    if kind == "catalogue":
        links = [{"rel": "child", "href": "collection.json"}, {"rel": "child", "href": "catalog.json"}]
        stack = write(tmp_path, "catalog.json", {"type": "Catalog", "id": "top", "links": links})
    urls = {"item": str(tmp_path / "d0.json"), "folder": str(tmp_path), "file URL": f"file://{stack}"}
    assert cube(urls.get(kind, stack)).sizes["t"] == (1 if kind == "item" else 2)


def test_bands_by_name_key_and_common_name_in_the_given_order(tmp_path):
    names = {"a": {"name": "B1", "eo:common_name": "red"}, "b": {"name": "B2"}}
    for key in names:
        tiff(tmp_path / f"{key}.tif", noise())
    assets = {key: asset(f"{key}.tif") | {"bands": [band]} for key, band in names.items()}
    url = write(tmp_path, "a.json", item("a", "2024-08-09T00:00:00Z", assets))
    assert cube(url, bands=["b", "red"]).bands.values.tolist() == ["B2", "B1"]
    with pytest.raises(
        OpenEOError, match=r"^ProcessParameterInvalid: Each of 'bands' must be one of \('B1', 'B2'\), inst"
    ):
        cube(url, bands=["B3"])


def test_assets_without_data_are_left_out(tmp_path, stack):
    document = json.loads((tmp_path / "d1.json").read_text())
    document["assets"]["quicklook"] = {"href": "none.tif", "type": "image/tiff", "roles": ["overview"]}
    document["assets"]["png"] = {"href": "none.png", "type": "image/png", "roles": ["data"]}
    write(tmp_path, "d1.json", document)
    assert cube(stack).sizes["bands"] == 3


def test_a_remote_collection_is_loaded_by_way_of_the_cache(tmp_path, stack):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        handler.func.log_message = lambda *_args: None
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/collection.json"
        found = load(url, access=Access(trusted=True, cache=tmp_path / "cache"))
        server.shutdown()
        thread.join()
    np.testing.assert_array_equal(found.values, cube(stack).values)
    assert found.attrs["stac"]["2024-08-09"][0]["href"] == url.replace("collection", "d0")
    assert len(list((tmp_path / "cache").iterdir())) == 4


def test_items_of_one_acquisition_are_put_together(tmp_path):
    for name in "iq":
        tiff(tmp_path / f"{name}.tif", noise())
    items = [item(n, "2024-08-09T17:07:39Z", {n: asset(f"{n}.tif", f"{n}_VV")}) for n in "iq"]
    assert cube(collection(tmp_path, items)).bands.values.tolist() == ["i_VV", "q_VV"]


def test_pairs_that_share_their_secondary_keep_apart(tmp_path):
    items = []
    for at, primary in enumerate(("2024-08-09", "2024-08-21")):
        tiff(tmp_path / f"{at}.tif", noise(at))
        times = {"insar:reference_datetime": f"{primary}T17:07:39Z", "insar:secondary_datetime": "2024-09-02T17:07:39Z"}
        items.append(item(f"p{at}", "2024-09-02T17:07:39Z", {"coherence": asset(f"{at}.tif", "coherence")}, **times))
    found = cube(collection(tmp_path, items))
    assert found.bands.values.tolist() == ["coherence_20240809_20240902", "coherence_20240821_20240902"]
    assert [str(t)[:10] for t in found.t.values] == ["2024-08-09"]
    np.testing.assert_array_equal(found[0, :, ::-1].values, [noise(0), noise(1)])


def test_a_band_that_a_date_lacks_is_nan_there(tmp_path, stack):
    document = json.loads((tmp_path / "d1.json").read_text())
    document["assets"]["i"]["bands"] = [{"name": "q_VV"}]
    write(tmp_path, "d1.json", document)
    found = cube(stack, bands=["i_VV", "q_VV"]).compute()
    assert np.isnan(found.sel(bands="i_VV")[1]).all()
    np.testing.assert_array_equal(found.sel(bands="q_VV")[1], noise(1))
