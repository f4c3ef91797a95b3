"""Pictures of one raster: size, colours, geometry, render entries."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pystac
import pytest
from affine import Affine
from PIL import Image

from local_runner.jobs.quicklooks import _worth_seeing
from local_runner.report.drawing import NO_DATA
from local_runner.report.quicklook import quicklook, render_extension, thumbnail
from local_runner.report.reduce import SAMPLE_ASPECT, aspect_of
from tests.report.files import UTM, write

SCHEMA = Path(__file__).resolve().parents[3] / "shared" / "stac-schemas" / "extensions" / "render-v2.0.0.json"


def pixels(path):
    """RGB (y, x, 3), 0..255."""
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.mark.parametrize("shape", [(64, 64), (1500, 2000), (40, 3000), (3000, 40), (1, 1)])
@pytest.mark.parametrize("georeference", [{}, {"bounds": (11.2, 46.4, 11.4, 46.5), "crs": "EPSG:4326"}])
def test_quicklook_fits_into_1024_px(tmp_path, shape, georeference):
    values = np.linspace(0, 1, shape[0] * shape[1], dtype=np.float32).reshape(shape)
    out = quicklook(values, quantity="coherence", title="A title", out=tmp_path / "new" / "a.png", **georeference)
    height, width, _ = pixels(out).shape
    assert 200 < max(height, width) <= 1024


def test_wide_radar_rasters_do_not_become_a_thin_strip(tmp_path):
    out = quicklook(np.zeros((150, 4000), np.float32), quantity="dx", title="", out=tmp_path / "a.png")
    height, width, _ = pixels(out).shape
    assert height > 0.4 * width


def test_thumbnail_colours_are_exact(tmp_path):
    values = np.repeat(np.array([[0, 1, np.nan]], np.float32), 2, axis=0)
    picture = pixels(thumbnail(values, quantity="coherence", out=tmp_path / "t.png", sample_aspect=1))
    assert max(picture.shape) == 256
    assert picture[50, [40, 128, 210]].tolist() == [[0, 0, 0], [255, 255, 255], list(NO_DATA)]


def test_quicklook_shows_nan_and_the_ends_of_the_scale(tmp_path):
    values = np.repeat(np.array([[0, 1, np.nan]], np.float32), 30, axis=0)
    picture = pixels(quicklook(values, quantity="coherence", title="t", out=tmp_path / "q.png", sample_aspect=0.1))
    row = picture[200, 86 : 86 + 826]
    assert row[[100, 400, 700]].tolist() == [[0, 0, 0], [255, 255, 255], list(NO_DATA)]


def test_all_nan_gives_a_picture(tmp_path):
    out = quicklook(np.full((9, 9), np.nan, np.float32), quantity="height", title="t", out=tmp_path / "q.png")
    assert (pixels(out) == NO_DATA).all(axis=2).mean() > 0.5


def test_nodata_value_of_a_file_is_neutral(tmp_path):
    path = write(tmp_path / "a.tif", np.full((4, 4), -9, np.float32), nodata=-9, **UTM)
    assert (pixels(thumbnail(path, quantity="height", out=tmp_path / "t.png")) == NO_DATA).all()


def test_maps_have_north_up_and_the_shape_of_the_ground(tmp_path):
    values = np.repeat(np.array([[0.0], [1.0]], np.float32), 2, axis=1)
    south_up = write(tmp_path / "s.tif", values, crs="EPSG:32632", transform=Affine(20, 0, 0, 0, 10, 5e6))
    picture = pixels(thumbnail(south_up, quantity="coherence", out=tmp_path / "t.png"))
    assert picture.shape[:2] == (128, 256)
    assert (picture[10, 10].tolist(), picture[-10, 10].tolist()) == ([255] * 3, [0] * 3)


def test_degrees_shrink_with_the_cosine_of_latitude(tmp_path):
    out = thumbnail(
        np.ones((2, 2)), quantity="coherence", out=tmp_path / "t.png", bounds=(11, 59, 13, 61), crs="EPSG:4326"
    )
    assert pixels(out).shape[:2] == (256, 128)


@pytest.mark.parametrize(
    "quantity", ["coherence", "phase", "dx", "dy_m_20240809_20240821", "snr", "status", "amplitude_VV"]
)
def test_render_entry_is_valid_and_drawn_with_a_known_scale(quantity):
    entry = render_extension(quantity, limits=(-2, 2))
    assert entry["nodata"] == "nan"
    if not SCHEMA.exists():
        pytest.skip(f"{SCHEMA} is not there")
    fields = json.loads(SCHEMA.read_text())["definitions"]["fields"]
    jsonschema.validate(entry, fields)


def test_render_entry_of_coherence():
    assert render_extension("coherence_20240809_20240821") == {
        "assets": ["coherence"],
        "title": "coherence",
        "colormap_name": "gray",
        "rescale": [[0.0, 1.0]],
        "nodata": "nan",
        "resampling": "average",
    }
    assert "rescale" not in render_extension("dx")


def test_same_input_gives_the_same_bytes(tmp_path):
    values = np.random.default_rng(0).random((50, 60))
    first, second = (quicklook(values, quantity="snr", title="t", out=tmp_path / n) for n in ("a.png", "b.png"))
    assert first.read_bytes() == second.read_bytes()


def test_long_titles_fit(tmp_path):
    out = quicklook(
        np.ones((9, 9)), quantity="coherence", title="slc_coherence_20240809_20240821 " * 6, out=tmp_path / "q.png"
    )
    assert (pixels(out)[:40, -4:] == 255).all()


def test_looks_change_the_shape_of_a_cell():
    assert aspect_of({}) == SAMPLE_ASPECT
    assert aspect_of({"sar:looks_azimuth": 2, "sar:looks_range": 8}) == pytest.approx(SAMPLE_ASPECT / 4)
    asked = {"looks_azimuth": 2, "looks_range": 8}
    assert aspect_of({"openeo_sar:parameters": asked}) == pytest.approx(SAMPLE_ASPECT / 4)
    assert aspect_of({"openeo_sar:parameters": asked, "sar:looks_azimuth": 4, "sar:looks_range": 4}) == SAMPLE_ASPECT


def test_the_best_phases_are_drawn_also_where_one_asset_holds_all():
    asset = pystac.Asset("data.nc", roles=["data"])
    quantities = [(asset, name, {}) for name in ("coherence", "i", "phase", "phase_filtered", "phase_unwrapped")]
    drawn = _worth_seeing(quantities)
    assert list(drawn) == ["quicklook", "quicklook_phase_filtered", "quicklook_phase_unwrapped"]
