from pathlib import Path

import numpy as np
import pytest

from local_runner.errors import DataError, LimitExceededError, OpenEOError
from local_runner.products import Options, catalogue, geotiff_folder, recognise
from tests.products import raster_folders as folders
from tests.products.raster_folders import items_of, load
from tests.stac.catalogues import LATITUDE, LONGITUDE, MAP, UTM, noise, tiff

MOROCCO = Path(__file__).resolve().parents[3] / "shared" / "data" / "morocco_geocoded"


def in_map(path, *bands, **options):
    tiff(path, *bands, crs=UTM, transform=MAP, **options)


@pytest.fixture
def folder(tmp_path):
    """Amplitude and coherence of two dates, of which the coherence tells the time of day as well."""
    path = tmp_path / "scene"
    path.mkdir()
    for seed, day in enumerate(("2024-08-09", "2024-08-21")):
        in_map(path / f"amp_{day}.tif", noise(seed))
        in_map(path / f"s1_{day.replace('-', '')}T170739_coh.tif", noise(10 + seed)[..., ::-1])
    return path


def whole_days(folder):
    for path in list(folder.glob("*T170739*")):
        path.rename(path.with_name(path.name.replace("T170739", "")))


def test_one_item_per_date_with_bands_named_by_their_files(folder, tmp_path, validate):
    whole_days(folder)
    made = catalogue([folder], out=tmp_path / "cat")
    for item in items_of(made).values():
        validate(item)
    found = folders.load_stac(made)
    assert found.bands.values.tolist() == ["amp", "s1_coh"]
    assert found.t.values.astype("datetime64[D]").astype(str).tolist() == ["2024-08-09", "2024-08-21"]
    np.testing.assert_array_equal(found[:, 0].values, [noise(0), noise(1)])
    np.testing.assert_array_equal(found[:, 1].values, [noise(10)[..., ::-1], noise(11)[..., ::-1]])
    assert found.y.values[0] > found.y.values[-1]


def test_descriptions_name_bands_before_files_do(tmp_path):
    folder = tmp_path / "scene"
    folder.mkdir()
    in_map(folder / "a_20240809.tif", noise(0), noise(1), descriptions=["vv", "vh"])
    in_map(folder / "b_20240821.tif", noise(2), noise(3), descriptions=["vv", "vh"])
    found = load(folder, tmp_path)
    assert found.bands.values.tolist() == ["vv", "vh"]
    np.testing.assert_array_equal(found.values.reshape(4, *noise().shape), [noise(k) for k in range(4)])


@pytest.mark.parametrize(
    ("names", "bands"),
    [
        (("amp_20240809.tif", "amp_20240821.tif"), ["amp_1", "amp_2"]),
        (("20240809.tif", "2024-08-21Z.TIFF"), ["data_1", "data_2"]),
    ],
)
def test_several_bands_without_description_are_numbered(tmp_path, names, bands):
    folder = tmp_path / "scene"
    folder.mkdir()
    for name in names:
        in_map(folder / name, noise(0), noise(1))
    made = catalogue([folder], out=tmp_path / "cat")
    assert folders.load_stac(made).bands.values.tolist() == bands
    assert {key for item in items_of(made).values() for key in item["assets"]} == {bands[0][:-2]}


def test_a_pattern_finds_dates_that_no_rule_finds(tmp_path):
    folder = tmp_path / "scene"
    folder.mkdir()
    for orbit, day in ((115, "20240809"), (117, "20240821")):
        in_map(folder / f"amp_{orbit}{day}_20000101.tif", noise(orbit))
    found = load(folder, tmp_path, date_pattern=r"amp_\d{3}(\d{8})")
    assert found.bands.values.tolist() == ["amp_115", "amp_117"]
    assert found.t.values.astype("datetime64[D]").astype(str).tolist() == ["2024-08-09", "2024-08-21"]


def test_positions_and_heights_without_a_date_hold_for_all_dates(folder, tmp_path):
    whole_days(folder)
    for name, seed in (("grid_lat", 20), ("height", 21), ("dem", 22)):
        in_map(folder / f"{name}.tif", noise(seed))
    found = load(folder, tmp_path)
    for name, seed in (("grid_lat", 20), ("height", 21), ("dem", 22)):
        np.testing.assert_array_equal(found.sel(bands=name).values, [noise(seed)] * 2)


def test_radar_geometry_has_no_map(tmp_path):
    folder = tmp_path / "scene"
    folder.mkdir()
    for name, data in (("amplitude_20240809", noise()), ("lat", LATITUDE), ("lon", LONGITUDE)):
        folders.radar(folder / f"{name}.tif", data, down=True)
    made = catalogue([folder], out=tmp_path / "cat")
    (item,) = items_of(made).values()
    assert item["properties"]["proj:code"] is None
    assert item["bbox"] == pytest.approx([4, 52, 4.019, 52.011], abs=1e-5)
    np.testing.assert_array_equal(folders.load_stac(made)[0].values, [noise(), LATITUDE, LONGITUDE])


def test_single_files_are_a_stack_with_those_of_their_folder(folder, tmp_path):
    files = sorted(folder.glob("amp*"))
    found = folders.load_stac(catalogue(files, out=tmp_path / "cat"))
    assert (found.sizes["t"], found.bands.values.tolist()) == (2, ["amp"])


def test_folders_within_are_not_looked_into(folder, tmp_path):
    whole_days(folder)
    (folder / "more").mkdir()
    in_map(folder / "more" / "x_20240902.tif", noise())
    assert load(folder, tmp_path).sizes["t"] == 2


def test_names_with_signs_that_mean_something_in_a_url_are_read(tmp_path):
    folder = tmp_path / "a b%20#c"
    folder.mkdir()
    in_map(folder / "amp é#1%41_20240809.tif", noise())
    np.testing.assert_array_equal(load(folder, tmp_path)[0, 0].values, noise())


def test_two_times_of_one_day_are_an_error(folder, tmp_path):
    must = (
        r"^DatesNotUnique: Files of one UTC day must have one time; .*amp_2024-08-09\.tif and .*T170739_coh\.tif do not"
    )
    with pytest.raises(OpenEOError, match=must):
        catalogue([folder], out=tmp_path / "cat")


def test_a_band_twice_at_a_date_is_an_error(folder, tmp_path):
    whole_days(folder)
    in_map(folder / "other_20240809.tif", noise(), descriptions=["amp"])
    with pytest.raises(
        DataError, match=r"^DataCorrupt: Files of one date must hold different bands; .* instead got 'amp'"
    ):
        catalogue([folder], out=tmp_path / "cat")


def test_a_file_without_a_date_is_named(folder, tmp_path):
    whole_days(folder)
    in_map(folder / "mean.tif", noise())
    must = r"^DataCorrupt: The name of .*mean\.tif must have a date YYYYMMDD. Give --date-pattern .*--date for files without"
    with pytest.raises(DataError, match=must):
        catalogue([folder], out=tmp_path / "cat")


def test_positions_alone_have_no_date(tmp_path):
    in_map(tmp_path / "lat.tif", noise())
    with pytest.raises(DataError, match=r"^DataCorrupt: The name of .*lat\.tif must have a date"):
        geotiff_folder.stacks([tmp_path], Options(tmp_path))


@pytest.mark.parametrize("pattern", [r"\d{8}", r"(\d{4})(\d{4})", "(", "(a" + "+" * 300 + ")", "(" * 150, None])
def test_a_bad_pattern_is_an_error(folder, pattern):
    options = Options(folder, date_pattern=pattern or "(" + "a" * 300 + ")")
    must = r"^ProcessParameterInvalid: --date-pattern must be a regular expression with one group, of at most 200 char"
    with pytest.raises(OpenEOError, match=must):
        geotiff_folder.stacks([folder], options)


def test_what_the_pattern_matches_must_be_a_date(folder):
    must = r"^DataCorrupt: The group of --date-pattern must match a date YYYYMMDD in the name of .*amp_2024-08-09\.tif, instead"
    with pytest.raises(DataError, match=must):
        geotiff_folder.stacks([folder], Options(folder, date_pattern="(amp)"))


def test_a_bad_date_is_an_error(folder):
    with pytest.raises(
        OpenEOError, match=r"^ProcessParameterInvalid: --date must be a date or time like .*'yesterday'"
    ):
        geotiff_folder.stacks([folder], Options(folder, date="yesterday"))


def test_files_of_several_grids_are_named(folder, tmp_path):
    folders.radar(folder / "x_20240902.tif", noise())
    with pytest.raises(DataError, match=r"^GridsDiffer: .*amp_2024-08-09\.tif has shape .*x_20240902\.tif "):
        catalogue([folder], out=tmp_path / "cat")


def test_more_files_of_one_date_than_are_read_are_refused(tmp_path):
    folder = tmp_path / "scene"
    folder.mkdir()
    for number in range(201):
        in_map(folder / f"band{number}.tif", noise(shape=(1, 1)))
    with pytest.raises(LimitExceededError, match=r"^TooManyAssets: An item must have at most 200 assets"):
        catalogue([folder], out=tmp_path / "cat", date="2024-08-09")


def test_it_is_the_last_to_be_asked(tmp_path):
    folder = folders.cloudinsar(tmp_path / "burst")
    assert geotiff_folder.recognise(folder)
    assert recognise(folder) == "cloudinsar"
    with pytest.raises(DataError, match=r"^ProductUnknown: The path must be one of these products: "):
        recognise(Path(__file__).parent)


@pytest.mark.skipif(not MOROCCO.is_dir(), reason=f"{MOROCCO} is not there")
def test_real_rasters_have_the_values_of_their_description(tmp_path, validate):
    made = catalogue(sorted(MOROCCO.glob("*.tif")), out=tmp_path / "cat", date="2023-09-04")
    (item,) = items_of(made).values()
    validate(item)
    assert item["bbox"] == pytest.approx([-8.828879, 31.754997, -8.725012, 31.840212], abs=2e-6)
    found = folders.load_stac(made)
    primary, secondary, coherence, phase = (
        found.sel(bands=name)[0].values.astype(float) for name in ("amp_prm_vv", "amp_sec_vv", "coh_vv", "phi_vv")
    )
    valid = np.isfinite(primary) & np.isfinite(secondary) & np.isfinite(coherence)
    assert found.shape == (1, 4, 552, 673)
    assert 100 * valid.mean() == pytest.approx(83.05, abs=0.005)
    assert coherence[valid].mean() == pytest.approx(0.77271, abs=5e-6)
    assert np.percentile(coherence[valid], [5, 50, 95]) == pytest.approx([0.4896, 0.8075, 0.9444], abs=5e-5)
    assert np.corrcoef(primary[valid], secondary[valid])[0, 1] == pytest.approx(0.92432, abs=5e-6)
    assert (np.nanmin(phase), np.nanmax(phase)) == pytest.approx((-3.141, 3.139), abs=1e-3)


@pytest.mark.skipif(not MOROCCO.is_dir(), reason=f"{MOROCCO} is not there")
def test_the_whole_real_folder_has_several_grids():
    with pytest.raises(
        DataError, match=r"^GridsDiffer: .*amp_prm_vv\.tif has shape \(552, 673\) .*dem-b1-.*tiff \(605, 1873\)"
    ):
        geotiff_folder.stacks([MOROCCO], Options(MOROCCO, date="2023-09-04"))
