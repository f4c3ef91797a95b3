import math

import numpy as np
import pytest
from affine import Affine
from click.testing import CliRunner
from rich.console import Console

from local_runner import compare as comparing
from local_runner.cli import cli
from local_runner.compare import compare, table
from local_runner.errors import DataError, OpenEOError
from local_runner.products import catalogue
from tests.products import raster_folders as folders
from tests.stac.catalogues import DATES, MAP, UTM, H, W, asset, collection, item, noise, tiff

NODATA = folders.NODATA


def in_map(path, *bands, **options):
    tiff(path, *bands, crs=UTM, **{"transform": MAP, **options})
    return path


@pytest.fixture
def pair(tmp_path):
    """Two folders of the same files of Geogrid."""
    return folders.geogrid(tmp_path / "a"), folders.geogrid(tmp_path / "b")


def only(comparison):
    """The one band of the one file of a comparison."""
    ((band,),) = (file.bands for file in comparison.files)
    return band


def of(tmp_path, a, b, *, tolerance=0.0, **options):
    paths = (in_map(tmp_path / f"{name}.tif", data, **options) for name, data in (("a", a), ("b", b)))
    return compare(*paths, tolerance=tolerance)


def printed(comparison):
    console = Console(width=200, markup=False, highlight=False)
    with console.capture() as captured:
        console.print(table(comparison))
    return captured.get()


def test_a_folder_is_the_same_as_itself(pair):
    found = compare(*pair)
    assert found.same
    assert [file.name for file in found.files] == [
        "window_location.tif",
        "window_rdr_off2vel_x_vec.tif",
        "window_stable_surface_mask.tif",
    ]
    assert {band.differing for file in found.files for band in file.bands} == {0}


def test_pixels_that_differ_are_counted_and_the_largest_difference_is_told(tmp_path):
    changed = noise().astype(np.float64)
    changed[2, 3:6] += (0.5, -2, 1)
    band = only(of(tmp_path, noise().astype(np.float64), changed))
    assert (band.pixels, band.differing, band.one_sided) == (H * W, 3, 0)
    assert band.largest == pytest.approx(2, rel=1e-12)
    assert band.share == 3 / (H * W)


def test_no_data_and_nan_are_no_value_on_either_side(tmp_path):
    a, b = noise(), noise()
    a[0], b[0] = NODATA, np.nan  # no value on both sides
    a[1, :4] = NODATA  # on one side only
    b[2, :2] = np.nan
    band = only(of(tmp_path, a, b, nodata=NODATA))
    assert (band.differing, band.one_sided, band.largest) == (6, 6, 0)
    assert (band.a.valid, band.b.valid) == (H * W - W - 4, H * W - W - 2)


def test_no_data_of_float32_that_is_no_float32_is_known(tmp_path):
    data = noise()
    data[0] = -9999.9
    assert only(of(tmp_path, data, data, nodata=-9999.9)).a.valid == (H - 1) * W


def test_infinite_values_are_values(tmp_path):
    a, b = np.zeros((H, W)), np.zeros((H, W))
    a[0, :3] = b[0, :2] = np.inf
    b[0, 2] = -np.inf
    band = only(of(tmp_path, a, b))
    assert (band.differing, band.largest) == (1, np.inf)


def test_statistics_are_those_of_the_values_in_float64(tmp_path):
    a = noise() + np.float32(1e6)
    a[0] = NODATA
    band = only(of(tmp_path, a, 12 * a, nodata=NODATA))
    values = a[1:].astype(np.float64)
    known = band.a.as_stac()
    assert [known[name] for name in ("minimum", "maximum", "mean", "stddev")] == pytest.approx(
        [values.min(), values.max(), values.mean(), values.std()], rel=1e-12
    )
    assert only(of(tmp_path, values, 12 * values)).ratio == pytest.approx(12, rel=1e-12)


def test_a_ratio_of_means_that_is_unknown_is_nan(tmp_path):
    zero, none = np.zeros((H, W)), np.full((H, W), np.nan)
    assert math.isnan(only(of(tmp_path, zero, zero + 1)).ratio)
    assert math.isnan(only(of(tmp_path, none, zero)).ratio)


def test_a_pair_and_one_day_differ_by_the_days_between(tmp_path):
    a, b = folders.geogrid(tmp_path / "a"), folders.geogrid(tmp_path / "b", factor=12)
    found = {file.name: file for file in compare(a, b).files}
    valid = (H - 1) * W
    for band in found["window_rdr_off2vel_x_vec.tif"].bands:
        assert band.ratio == pytest.approx(12, rel=1e-12)
        assert (band.differing, band.pixels) == (valid, H * W)
        assert band.largest == pytest.approx(11 * max(-band.a.minimum, band.a.maximum), rel=1e-12)


@pytest.mark.parametrize(("tolerance", "differing"), [(0, 3), (0.5, 2), (1, 1), (2, 0)])
def test_differences_within_the_tolerance_are_none(tmp_path, tolerance, differing):
    a, b = np.zeros((H, W)), np.zeros((H, W))
    b[0, :3] = 0.5, -1, 2
    found = of(tmp_path, a, b, tolerance=tolerance)
    assert only(found).differing == differing
    assert found.same == (differing == 0)
    assert only(found).largest == 2


def test_blocks_add_up_to_the_whole(tmp_path, monkeypatch):
    a, b = noise(0, (70, 90)), noise(1, (70, 90))
    b[:40] = a[:40]
    paths = [
        in_map(tmp_path / "a.tif", a, blockysize=7),
        in_map(tmp_path / "b.tif", b, tiled=True, blockxsize=16, blockysize=16),
    ]
    whole = only(compare(*paths))
    monkeypatch.setattr(comparing, "_SAMPLES", 300)
    parts = only(compare(*paths))
    assert (parts.pixels, parts.differing, parts.largest) == (70 * 90, 30 * 90, whole.largest)
    assert (parts.b.mean, parts.b.squares) == pytest.approx((whole.b.mean, whole.b.squares), rel=1e-12)


def test_files_on_one_side_only_are_named(pair):
    a, b = pair
    (a / "window_location.tif").unlink()
    (b / "window_rdr_off2vel_x_vec.tif").unlink()
    found = compare(a, b)
    assert (found.only_a, found.only_b) == (("window_rdr_off2vel_x_vec.tif",), ("window_location.tif",))
    assert not found.same


@pytest.mark.parametrize(
    ("options", "field", "values"),
    [
        ({"nodata": 0}, "no-data value", ("('None',)", "('0.0',)")),
        ({"transform": MAP * Affine.translation(1, 0)}, "transform", None),
        ({"crs": "EPSG:32632"}, "CRS", ("EPSG:32631", "EPSG:32632")),
    ],
)
def test_headers_that_differ_are_told(tmp_path, options, field, values):
    a = in_map(tmp_path / "a.tif", noise())
    tiff(tmp_path / "b.tif", noise(), **{"crs": UTM, "transform": MAP, **options})
    found = compare(a, tmp_path / "b.tif")
    ((name, told),) = found.files[0].fields.items()
    assert name == field
    assert values is None or tuple(map(str, told)) == values
    assert only(found).differing == 0
    assert not found.same


def test_types_and_numbers_of_bands_that_differ_are_told(tmp_path):
    a = in_map(tmp_path / "a.tif", noise(), noise())
    b = in_map(tmp_path / "b.tif", noise().astype(np.float64))
    (file,) = compare(a, b).files
    assert file.fields == {"number of bands": (2, 1), "type": (("float32",), ("float64",))}
    assert [band.differing for band in file.bands] == [0]


def test_pixels_of_different_shapes_are_not_compared(tmp_path):
    (file,) = of(tmp_path, noise(), noise(shape=(3, 4))).files
    assert file.fields == {"shape": ((H, W), (3, 4))}
    assert file.bands == ()
    assert not file.same


def test_folders_within_folders_are_compared(pair):
    for number, folder in enumerate(pair):
        (folder / "more").mkdir()
        in_map(folder / "more" / "x.tif", noise(number))
    assert [file.name for file in compare(*pair).files if not file.same] == ["more/x.tif"]


def test_stac_is_compared_by_date_and_key(pair, tmp_path):
    catalogues = [catalogue([folder], out=tmp_path / f"cat{folder.name}", date="2017-02-03") for folder in pair]
    found = compare(*catalogues)
    assert found.same
    assert next(file.name for file in found.files) == "20170203/window_location"
    assert compare(catalogues[0].parent, catalogues[1].parent).files == found.files


def test_items_of_one_day_are_compared_by_their_ids(tmp_path):
    tiff(tmp_path / "x.tif", noise())
    items = [item(name, "2024-08-09T00:00:00Z", {"i": asset("./x.tif", "i_VV")}) for name in ("pair1", "pair2")]
    collection(tmp_path, items)
    found = compare(tmp_path, tmp_path)
    assert [file.name for file in found.files] == ["pair1/i", "pair2/i"]


def test_items_that_a_driver_opens_are_refused(tmp_path):
    collection(tmp_path, [item("a", DATES[0], {}, **{"openeo_sar:driver": "opera_cslc"})])
    with pytest.raises(
        OpenEOError, match=r"^FormatUnsuitable: Item a must have plain rasters to be compared, instead got"
    ):
        compare(tmp_path, tmp_path)


def test_bad_sides_are_refused(pair, tmp_path):
    a, b = pair
    with pytest.raises(DataError, match=r"^FileNotFound: Both sides must exist, instead got '.*gone'"):
        compare(a, tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(OpenEOError, match=r"^NoDataAvailable: Each side must hold GeoTIFFs, instead got '.*empty'"):
        compare(a, tmp_path / "empty")
    with pytest.raises(
        OpenEOError, match=r"^ProcessParameterInvalid: --tolerance must be a number of at least 0, .* -1"
    ):
        compare(a, b, tolerance=-1)
    folders.cut_off(b / "window_location.tif")
    with pytest.raises(DataError, match=r"^DataCorrupt: .*b/window_location\.tif must be a whole, readable GeoTIFF"):
        compare(a, b)


def test_the_table_says_what_differs_in_both_sides(tmp_path):
    a, b = folders.geogrid(tmp_path / "a"), folders.geogrid(tmp_path / "b", factor=12)
    (b / "window_location.tif").unlink()
    text = printed(compare(a, b))
    assert f"window_location.tif: only in {a}" in text
    line = next(line for line in text.splitlines() if line.startswith("window_rdr_off2vel_x_vec.tif"))
    assert line.split()[1:4] == ["1", str((H - 1) * W), f"{100 * (H - 1) / H:.4g}"]
    assert text.rstrip().endswith("They differ.")
    assert printed(compare(a, a)).rstrip().endswith("The same.")


@pytest.mark.parametrize(("factor", "code"), [(1, 0), (12, 1)])
def test_the_command_exits_with_1_where_they_differ(tmp_path, factor, code):
    a, b = folders.geogrid(tmp_path / "a"), folders.geogrid(tmp_path / "b", factor=factor)
    result = CliRunner().invoke(cli, ["compare", str(a), str(b)])
    assert result.exit_code == code, result.output
    assert result.output.rstrip().endswith("The same." if code == 0 else "They differ.")
