"""Pictures: size, colours, reduction by means, geometry, render entries."""

import json
import warnings
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import rasterio
from affine import Affine
from matplotlib.image import imread
from PIL import Image
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning

from local_runner.errors import OpenEOError
from local_runner.report import quicklook as ql

SCHEMA = Path("/work/shared/stac-schemas/extensions/render-v2.0.0.json")
UTM = {"crs": "EPSG:32632", "transform": Affine(20, 0, 676000, 0, -20, 5144000)}


def pixels(path):
    """RGB (y, x, 3), 0..255."""
    return np.asarray(Image.open(path).convert("RGB"))


def write(path, values, *, overviews=(), **georeference):
    """GeoTIFF (y, x) float32, NaN its nodata value."""
    options = {"nodata": np.nan} | georeference
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "height": values.shape[0], "width": values.shape[1]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        dataset = rasterio.open(path, "w", **profile, **options)
    with dataset:
        dataset.write(values, 1)
        if overviews:
            dataset.build_overviews(overviews, Resampling.average)
    return path


@pytest.mark.parametrize("shape", [(64, 64), (1500, 2000), (40, 3000), (3000, 40), (1, 1)])
@pytest.mark.parametrize("georeference", [{}, {"bounds": (11.2, 46.4, 11.4, 46.5), "crs": "EPSG:4326"}])
def test_quicklook_fits_into_1024_px(tmp_path, shape, georeference):
    values = np.linspace(0, 1, shape[0] * shape[1], dtype=np.float32).reshape(shape)
    out = ql.quicklook(values, quantity="coherence", title="A title", out=tmp_path / "new" / "a.png", **georeference)
    height, width, _ = pixels(out).shape
    assert 200 < max(height, width) <= 1024


def test_wide_radar_rasters_do_not_become_a_thin_strip(tmp_path):
    out = ql.quicklook(np.zeros((150, 4000), np.float32), quantity="dx", title="", out=tmp_path / "a.png")
    height, width, _ = pixels(out).shape
    assert height > 0.4 * width


def test_thumbnail_colours_are_exact(tmp_path):
    values = np.repeat(np.array([[0, 1, np.nan]], np.float32), 2, axis=0)
    picture = pixels(ql.thumbnail(values, quantity="coherence", out=tmp_path / "t.png", sample_aspect=1))
    assert max(picture.shape) == 256
    assert picture[50, [40, 128, 210]].tolist() == [[0, 0, 0], [255, 255, 255], list(ql.NO_DATA)]


def test_quicklook_shows_nan_and_the_ends_of_the_scale(tmp_path):
    values = np.repeat(np.array([[0, 1, np.nan]], np.float32), 30, axis=0)
    picture = pixels(ql.quicklook(values, quantity="coherence", title="t", out=tmp_path / "q.png", sample_aspect=0.1))
    row = picture[200, 86 : 86 + 826]
    assert row[[100, 400, 700]].tolist() == [[0, 0, 0], [255, 255, 255], list(ql.NO_DATA)]


def test_all_nan_gives_a_picture(tmp_path):
    out = ql.quicklook(np.full((9, 9), np.nan, np.float32), quantity="height", title="t", out=tmp_path / "q.png")
    assert (pixels(out) == ql.NO_DATA).all(axis=2).mean() > 0.5


def test_block_means_leave_nan_out():
    values = np.array([[1, np.nan, 5, 5], [3, np.nan, np.nan, np.nan]], np.float32)
    np.testing.assert_allclose(ql._reduce(values, (1, 2), "linear"), [[2, 5]])
    assert np.isnan(ql._reduce(values[:, 1:2], (1, 1), "linear")).all()


def test_means_of_uneven_blocks_conserve_the_sum(monkeypatch):
    monkeypatch.setattr(ql, "STRIP_SAMPLES", 50)
    values = np.random.default_rng(0).random((17, 23))
    expected = [[b.mean() for b in np.split(a, [7, 15], axis=1)] for a in np.split(values, [3, 6, 10, 13], axis=0)]
    np.testing.assert_allclose(ql._reduce(values, (5, 3), "linear"), expected, rtol=1e-6)


def test_phase_is_averaged_on_the_circle():
    values = np.array([[3.1, -3.1, 0.1, 0.3]], np.float32)
    np.testing.assert_allclose(np.abs(ql._reduce(values, (1, 2), "circular")), [[np.pi, 0.2]], atol=1e-6)


def test_flags_are_sampled_not_averaged():
    values = np.array([[0, 4, 4, 0]], np.uint8)
    assert set(ql._reduce(values, (1, 2), "nearest").ravel()) <= {0, 4}


def test_small_rasters_repeat_their_samples():
    assert ql._reduce(np.array([[1, 2]], np.float32), (2, 4), "linear").tolist() == [[1, 1, 2, 2]] * 2


@pytest.mark.parametrize("overviews", [(), (2, 4)])
def test_file_equals_array(tmp_path, overviews):
    values = np.random.default_rng(0).random((256, 512)).astype(np.float32)
    path = write(tmp_path / "a.tif", values, overviews=overviews, **UTM)
    np.testing.assert_allclose(ql._reduce(path, (32, 64), "linear"), ql._reduce(values, (32, 64), "linear"), rtol=1e-5)


def test_overview_is_read_where_it_suffices(tmp_path):
    path = write(tmp_path / "a.tif", np.zeros((256, 512), np.float32), overviews=(2, 4), **UTM)
    with ql._rows(path, (100, 200)) as (_, shape):
        assert shape == (128, 256)
    with ql._rows(path, (256, 200)) as (_, shape):
        assert shape == (256, 512)


def test_nodata_value_of_a_file_is_neutral(tmp_path):
    path = write(tmp_path / "a.tif", np.full((4, 4), -9, np.float32), nodata=-9, **UTM)
    assert (pixels(ql.thumbnail(path, quantity="height", out=tmp_path / "t.png")) == ql.NO_DATA).all()


def test_maps_have_north_up_and_the_shape_of_the_ground(tmp_path):
    values = np.repeat(np.array([[0.0], [1.0]], np.float32), 2, axis=1)
    south_up = write(tmp_path / "s.tif", values, crs="EPSG:32632", transform=Affine(20, 0, 0, 0, 10, 5e6))
    picture = pixels(ql.thumbnail(south_up, quantity="coherence", out=tmp_path / "t.png"))
    assert picture.shape[:2] == (128, 256)
    assert (picture[10, 10].tolist(), picture[-10, 10].tolist()) == ([255] * 3, [0] * 3)


def test_degrees_shrink_with_the_cosine_of_latitude(tmp_path):
    out = ql.thumbnail(
        np.ones((2, 2)), quantity="coherence", out=tmp_path / "t.png", bounds=(11, 59, 13, 61), crs="EPSG:4326"
    )
    assert pixels(out).shape[:2] == (256, 128)


@pytest.mark.parametrize("step", [-1, 1])
def test_identity_grid_is_radar_geometry(tmp_path, step):
    transform = Affine(1, 0, 0, 0, step, 20 if step < 0 else 0)
    path = write(tmp_path / "r.tif", np.zeros((20, 40), np.float32), crs="EPSG:3857", transform=transform)
    assert ql._describe(path, None, None) == ((20, 40), None, None, False)


@pytest.mark.parametrize(
    "quantity", ["coherence", "phase", "dx", "dy_m_20240809_20240821", "snr", "status", "amplitude_VV"]
)
def test_render_entry_is_valid_and_drawn_with_a_known_scale(quantity):
    entry = ql.render_extension(quantity, limits=(-2, 2))
    assert entry["nodata"] == "nan"
    if not SCHEMA.exists():
        pytest.skip("the STAC schemas are not here")
    fields = json.loads(SCHEMA.read_text())["definitions"]["fields"]
    jsonschema.validate(entry, fields)


def test_render_entry_of_coherence():
    assert ql.render_extension("coherence_20240809_20240821") == {
        "assets": ["coherence"],
        "title": "coherence",
        "colormap_name": "gray",
        "rescale": [[0.0, 1.0]],
        "nodata": "nan",
        "resampling": "average",
    }
    assert "rescale" not in ql.render_extension("dx")


def test_offsets_have_symmetric_limits_and_others_percentiles():
    values = np.linspace(-1, 3, 401)[None]
    low, high = ql.limits_of(values, "dx")
    assert -low == high == pytest.approx(2.92, abs=0.02)
    assert ql.limits_of(values, "snr") == pytest.approx((-0.92, 2.92), abs=0.02)
    assert ql.limits_of(np.full((3, 3), np.nan), "snr") == (0, 1)
    low, high = ql.limits_of(np.full((3, 3), 7.0), "snr")
    assert low < 7 < high


def test_same_input_gives_the_same_bytes(tmp_path):
    values = np.random.default_rng(0).random((50, 60))
    first, second = (ql.quicklook(values, quantity="snr", title="t", out=tmp_path / n) for n in ("a.png", "b.png"))
    assert first.read_bytes() == second.read_bytes()


def test_comparison_draws_arrays_and_files(tmp_path):
    truth = np.random.default_rng(0).random((40, 90)).astype(np.float32)
    truth[0] = np.nan
    path = write(tmp_path / "a.tif", truth, crs="EPSG:3857", transform=Affine.identity())
    out = ql.comparison(path, truth, tmp_path / "c.png", theory=lambda g: g)
    assert imread(out).shape[1] == 1024


@pytest.mark.parametrize("raster", [np.zeros(3), np.zeros((3, 3), complex), np.zeros((0, 3))])
def test_only_real_planes_are_drawn(tmp_path, raster):
    with pytest.raises(
        OpenEOError, match=r"^ProcessParameterInvalid: A raster must be real \(y, x\), instead got \(\("
    ):
        ql.quicklook(raster, quantity="coherence", title="t", out=tmp_path / "q.png")


def test_comparison_needs_one_shape(tmp_path):
    with pytest.raises(
        OpenEOError, match=r"^ProcessParameterInvalid: The rasters must have one shape, instead got \(\(3"
    ):
        ql.comparison(np.zeros((3, 4)), np.zeros((3, 5)), tmp_path / "c.png")


def test_limits_are_those_of_the_picture(tmp_path):
    noise = np.random.default_rng(0).standard_normal((400, 4000)).astype(np.float32)
    path = write(tmp_path / "a.tif", noise, **UTM)
    low, high = ql.limits_of(path, "snr")
    assert high - low < 0.8 * np.subtract(*np.percentile(noise, (98, 2)))


def test_long_titles_fit(tmp_path):
    out = ql.quicklook(
        np.ones((9, 9)), quantity="coherence", title="slc_coherence_20240809_20240821 " * 6, out=tmp_path / "q.png"
    )
    assert (pixels(out)[:40, -4:] == 255).all()
