import json
import shutil

import numpy as np
import pytest
from affine import Affine

from local_runner.errors import DataError, OpenEOError
from local_runner.products import Options, catalogue, cloudinsar, recognise
from tests import real_pair
from tests.products import raster_folders as folders
from tests.products.raster_folders import PARTS, TIMES, items_of, load, slc
from tests.stac.catalogues import LATITUDE, LONGITUDE, H, noise, tiff


def expected(times):
    return [[*(slc(time, part) for part in PARTS), LATITUDE, LONGITUDE] for time in times]


@pytest.fixture
def stack(tmp_path):
    return folders.cloudinsar(tmp_path / "burst")


@pytest.mark.parametrize("down", [(False, False, False), (True, True, True), (True, False, True)])
def test_values_rows_and_order_are_those_of_the_files(tmp_path, down):
    found = load(folders.cloudinsar(tmp_path / "burst", down=down), tmp_path)
    assert found.bands.values.tolist() == [*PARTS, "grid_lat", "grid_lon"]
    assert [str(time)[:19] for time in found.t.values] == [
        "2024-08-09T17:07:39",
        "2024-08-21T17:07:39",
        "2024-09-02T17:07:40",
    ]
    np.testing.assert_array_equal(found.values, expected(TIMES))
    assert "crs" not in found.attrs
    assert "spatial_ref" not in found.coords


@pytest.mark.parametrize("named", [True, False])
def test_a_file_per_date_is_read_with_the_names_of_tags_or_of_the_stac_beside_it(tmp_path, named):
    folder = folders.openeo_job(tmp_path / "job", *[] if named else [()])
    if not named:
        bands = {"bands": {"type": "bands", "values": [*PARTS, "grid_lat", "grid_lon"]}}
        (folder / "job-results.json").write_text(json.dumps({"type": "Collection", "cube:dimensions": bands}))
    assert recognise(folder) == "cloudinsar"
    np.testing.assert_array_equal(load(folder, tmp_path).values, expected(TIMES[:2]))


def test_names_of_bands_in_the_stac_count_before_those_in_the_file(tmp_path):
    folder = folders.openeo_job(tmp_path / "job", ["a", "b", "c", "d"])
    bands = [{"name": name} for name in ("i_VH", "q_VH", "grid_lat", "grid_lon")]
    assets = {path.name: {"href": f"https://gone.example/{path.name}", "bands": bands} for path in folder.iterdir()}
    (folder / "job-results.json").write_text(json.dumps({"type": "Collection", "assets": assets}))
    found = load(folder, tmp_path)
    assert found.bands.values.tolist() == ["i_VH", "q_VH", "grid_lat", "grid_lon"]


def test_files_named_twice_count_once_and_left_over_ones_not(stack, tmp_path):
    for name in [path.name for path in stack.iterdir() if "grid" in path.name]:
        shutil.copy(stack / name, stack / f"{name}_0-{name}")
    (stack / "tmp_sec1_i_VV.tif").write_bytes(b"broken")
    (stack / ".hidden.tif").write_bytes(b"broken")
    np.testing.assert_array_equal(load(stack, tmp_path).values, expected(TIMES))


def test_a_file_named_twice_counts_where_it_is_the_only_one(stack, tmp_path):
    for path in [path for path in stack.iterdir() if "grid" in path.name]:
        path.rename(stack / f"{path.name}_0-{path.name}")
    np.testing.assert_array_equal(load(stack, tmp_path).values, expected(TIMES))


def test_positions_of_a_second_polarisation_are_those_of_the_first(stack, tmp_path):
    for path in [path for path in stack.iterdir() if "_grid_" in path.name]:
        shutil.copy(path, stack / path.name.replace("_vv_", "_vh_"))
    for path in [path for path in stack.iterdir() if path.stem.endswith(PARTS)]:
        shutil.copy(path, stack / path.name.replace("_vv_", "_").replace("_VV", "_VH"))
    made = catalogue([stack], out=tmp_path / "cat")
    assert items_of(made)["burst_20240809"]["properties"]["sar:polarizations"] == ["VH", "VV"]
    assert folders.load_stac(made).bands.values.tolist() == ["i_VH", "q_VH", *PARTS, "grid_lat", "grid_lon"]


def test_other_files_are_left_out_and_named(stack, tmp_path):
    folders.radar(stack / "mean.tif", noise())
    with pytest.warns(UserWarning, match=r"files of other names are left out: mean\.tif$"):
        assert load(stack, tmp_path).sizes["bands"] == 4


def test_items_say_what_is_known_and_link_to_the_primary(stack, tmp_path, validate):
    (stack / "collection.json").write_text(json.dumps({"type": "Collection", "links": [], "assets": []}))
    found = items_of(catalogue([stack], out=tmp_path / "cat"))
    assert sorted(found) == ["burst_20240809", "burst_20240821", "burst_20240902"]
    for name, item in found.items():
        validate(item)
        links = {link["rel"]: link["href"] for link in item["links"]}
        reference = None if name == "burst_20240809" else "../burst_20240809/burst_20240809.json"
        assert links.get("reference") == reference
        assert links["derived_from"] == str(stack / "collection.json")
    properties = found["burst_20240821"]["properties"]
    del properties["datetime"]
    assert properties == {
        "constellation": "sentinel-1",
        "instruments": ["c-sar"],
        "sar:frequency_band": "C",
        "sar:polarizations": ["VV"],
        "product:type": "SLC",
        "openeo_sar:primary": "2024-08-09",
        "proj:code": None,
        "proj:shape": [12, 20],
    }


def test_the_footprint_is_that_of_latitude_and_longitude(stack, tmp_path):
    item = items_of(catalogue([stack], out=tmp_path / "cat"))["burst_20240902"]
    edges = (LONGITUDE.min(), LATITUDE.min(), LONGITUDE.max(), LATITUDE.max())
    assert item["bbox"] == pytest.approx([float(edge) for edge in edges], abs=1e-6)
    corners = np.array(item["geometry"]["coordinates"][0])
    assert np.sum(np.diff(corners[:, 0]) * (corners[1:, 1] + corners[:-1, 1])) < 0  # counter-clockwise


def test_no_pixel_but_those_of_latitude_and_longitude_is_read(stack, tmp_path):
    for path in stack.glob("*_[iq]_VV.tif"):
        tiff(path, noise(), transform=Affine(1, 0, 0, 0, -1, H), compress="deflate")
        path.write_bytes(path.read_bytes()[:-600] + b"\xff" * 600)
    made = catalogue([stack], out=tmp_path / "cat")
    with pytest.raises(DataError, match=r"^DataCorrupt: .*_[iq]_VV\.tif must be a whole, readable GeoTIFF"):
        folders.load_stac(made).compute()


def test_without_positions_there_is_no_footprint(stack, tmp_path, validate):
    for path in stack.glob("*_grid_*.tif"):
        path.unlink()
    item = items_of(catalogue([stack], out=tmp_path / "cat"))["burst_20240809"]
    validate(item)
    assert item["geometry"] is None
    assert "bbox" not in item


def test_the_primary_is_the_one_that_is_named_so(stack, tmp_path):
    (found,) = cloudinsar.stacks([stack], Options(tmp_path, primary="2024-08-09"))
    assert found.fields == {"openeo_sar:primary": "2024-08-09"}
    must = r"^ProcessParameterInvalid: --primary must be one of \('2024-08-09',\).*instead got '2024-08-21'"
    with pytest.raises(OpenEOError, match=must):
        cloudinsar.stacks([stack], Options(tmp_path, primary="2024-08-21"))


def test_in_a_file_per_date_nothing_tells_the_primary_but_the_option(tmp_path):
    folder = folders.openeo_job(tmp_path / "job")
    (found,) = cloudinsar.stacks([folder], Options(tmp_path))
    assert found.fields == {}
    assert "openeo_sar:primary" not in found.items[0].properties
    (found,) = cloudinsar.stacks([folder], Options(tmp_path, primary="2024-08-21"))
    assert found.fields == {"openeo_sar:primary": "2024-08-21"}


def test_results_of_other_jobs_are_plain_rasters(tmp_path):
    tiff(tmp_path / "openEO_2024-08-09Z.tif", noise(), descriptions=["coherence"])
    assert recognise(tmp_path) == "geotiff_folder"


def secondary(stack):
    return next(stack.glob("*_sec_20240821*_q_VV.tif"))


def broken(path):
    path.write_text("<VRTDataset/>")


def too_small(path):
    folders.radar(path, noise(shape=(5, 6)))


def complex_numbers(path):
    tiff(path, noise().astype(np.complex64))


_LACKS = (
    r"^DataCorrupt: Each date in .* must have \('i_.*'q_VV'\); that of 2024-08-(09|21) has not, instead got \('i_VV',\)"
)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda path: path.unlink(),
            r"^DataCorrupt: Each date in .*burst must have \('i_VV', 'q_VV'\); that of 2024-08-21 .*got \('i_VV',\)",
        ),
        (broken, r"^DataCorrupt: .*20240821T170739_vv_q_VV\.tif must be a GeoTIFF, instead got b'<VRT'"),
        (
            folders.cut_off,
            r"^DataCorrupt: .*20240821T170739_vv_q_VV\.tif must have at least \d+ bytes, .*instead got \d+",
        ),
        (too_small, r"^GridsDiffer: .*\(12, 20\).*20240821T170739_vv_q_VV\.tif \(5, 6\)"),
        (complex_numbers, r"^FormatUnsuitable: .*20240821T170739_vv_q_VV\.tif must hold real numbers"),
        (lambda path: path.write_bytes(b""), r"^DataCorrupt: .*20240821T170739_vv_q_VV\.tif must be a GeoTIFF"),
    ],
)
def test_bad_files_are_named_and_nothing_is_written(stack, tmp_path, spoil, message):
    spoil(secondary(stack))
    with pytest.raises(OpenEOError, match=message):
        catalogue([stack], out=tmp_path / "cat")
    assert not (tmp_path / "cat").exists()


def test_links_that_lead_out_are_refused(stack, tmp_path):
    path = secondary(stack)
    path.rename(tmp_path / "elsewhere.tif")
    path.symlink_to(tmp_path / "elsewhere.tif")
    with pytest.raises(
        OpenEOError, match=r"^AccessRefused: .*q_VV\.tif must lie in its folder, instead got '.*elsewhere"
    ):
        catalogue([stack], out=tmp_path / "cat")


def test_dates_of_other_polarisations_are_an_error(stack, tmp_path):
    for path in list(stack.glob("*_sec_*")):
        path.rename(stack / path.name.replace("_VV", "_VH"))
    must = r"^DataCorrupt: Each date in .* have \('i_VH', 'i_VV', 'q_VH', 'q_VV'\); that of 2024-08-09 .*\('i_VV', 'q_VV'\)"
    with pytest.raises(DataError, match=must):
        catalogue([stack], out=tmp_path / "cat")


def test_two_files_of_one_band_are_an_error(stack, tmp_path):
    path = secondary(stack)
    shutil.copy(path, path.with_name(path.name.replace("_vv_", "_")))
    with pytest.raises(
        DataError, match=r"^DataCorrupt: Files of one date must hold different bands; .* instead got 'q_VV'"
    ):
        catalogue([stack], out=tmp_path / "cat")


def test_two_primaries_are_an_error(stack, tmp_path):
    path = secondary(stack)
    path.rename(path.with_name(path.name.replace("_sec_", "_prm_")))
    with pytest.raises(
        DataError, match=r"^DataCorrupt: .*must have the files of one primary, instead got \('2024-08-09', "
    ):
        catalogue([stack], out=tmp_path / "cat")


def test_two_acquisitions_of_one_day_are_an_error(stack, tmp_path):
    for path in list(stack.glob("*_sec_20240821*")):
        shutil.copy(path, path.with_name(path.name.replace("T170739", "T055000")))
    with pytest.raises(
        OpenEOError, match=r"^DatesNotUnique: .*T055000_vv_i_VV\.tif and .*T170739_vv_i_VV\.tif are of one day"
    ):
        catalogue([stack], out=tmp_path / "cat")


def test_the_footprint_leaves_out_what_is_no_position(stack, tmp_path):
    path = next(stack.glob("*_grid_lat.tif"))
    data = LATITUDE.copy()
    data[:3] = np.nan
    data[3] = -9999
    folders.radar(path, data)
    item = items_of(catalogue([stack], out=tmp_path / "cat"))["burst_20240809"]
    assert item["bbox"][1] == pytest.approx(float(LATITUDE[4, 0]), abs=1e-6)


@pytest.mark.skipif(not real_pair.SHARED.is_dir(), reason=f"{real_pair.SHARED} is not there")
def test_the_real_pair_is_read_as_it_is(tmp_path, validate):
    folder = real_pair.write_real_pair(tmp_path / "pair").parent
    made = catalogue([folder], out=tmp_path / "cat")
    found = folders.load_stac(made)
    days = ("20230319", "20230331")
    own = [[real_pair.read(f"{part}_VV_{day}") for part in "iq"] for day in days]
    np.testing.assert_array_equal(found.sel(bands=["i_VV", "q_VV"]).values, own)
    for band, source in (("grid_lat", "latitude_VV"), ("grid_lon", "longitude_VV")):
        np.testing.assert_array_equal(found.sel(bands=band).values, [real_pair.read(source)] * 2)
    items = items_of(made)
    for item in items.values():
        validate(item)
        assert item["properties"]["openeo_sar:primary"] == "2023-03-31"
        assert item["bbox"] == pytest.approx([4.8866, 52.3656, 4.9061, 52.3775], abs=1e-4)
