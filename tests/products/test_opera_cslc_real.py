"""The real OPERA files of ../shared/data/opera_cslc_schema, whose pixels are zero but for the line of sight."""

import time
from pathlib import Path

import numpy as np
import pytest
from dask import compute

from local_runner.files import hdf5
from local_runner.products import recognise
from local_runner.products._driver import Options
from local_runner.products.opera_cslc import stacks
from tests.products.hdf5_files import opened

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "opera_cslc_schema"
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"{FOLDER} is not there: real products are not in the repository"
)


@pytest.fixture(scope="module")
def stack():
    paths = sorted(FOLDER.glob("*.h5"))
    assert [recognise(path) for path in paths] == ["opera_cslc"] * 2
    started = time.perf_counter()
    (found,) = stacks(paths, Options(out=FOLDER))
    print(f"reading the metadata of {len(paths)} files took {time.perf_counter() - started:.3f} s")
    return found


def test_the_burst_and_its_date(stack, validate):
    (item,) = stack.items
    assert (stack.id, item.id) == ("t087_185683_iw2", "t087_185683_iw2_20221228")
    assert item.datetime.isoformat() == "2022-12-28T16:16:51.013157+00:00"
    orbit = ("descending", 87, 46_534, "sentinel-1a")
    names = ("sat:orbit_state", "sat:relative_orbit", "sat:absolute_orbit", "platform")
    assert tuple(item.properties[name] for name in names) == orbit
    assert item.bbox == pytest.approx([-156.2107, 19.2444, -155.3485, 19.5633], abs=1e-4)
    validate(item.to_dict(include_self_link=False, transform_hrefs=False))


def test_the_grid_with_its_sign(stack):
    item = stack.items[0]
    grid = opened(item, FOLDER).grid
    assert (item.properties["proj:code"], item.properties["proj:shape"]) == ("EPSG:32605", [4917, 20622])
    assert item.properties["proj:transform"] == [5, 0, 157_320, 0, -10, 2_172_300]
    assert (grid.x[0], grid.x[-1], grid.y[0], grid.y[-1]) == (157_322.5, 260_427.5, 2_172_295, 2_123_135)


def test_no_pixel_is_read_and_then_only_the_rows_of_a_chunk(stack, monkeypatch):
    read, given = [], hdf5.read_rows
    monkeypatch.setattr(hdf5, "read_rows", lambda *place: read.append(place[1:]) or given(*place))
    bands = {name: make() for name, make in opened(stack.items[0], FOLDER).bands.items()}
    assert list(bands) == [
        *("i_VV", "q_VV", "azimuth_carrier_phase", "flattening_phase"),
        *("los_east", "los_north", "local_incidence_angle", "layover_shadow_mask"),
    ]
    assert read == []
    assert not np.any(bands["i_VV"][300:310, 7:9].compute())
    assert read == [(256, 256)]


def test_the_line_of_sight(stack):
    bands = opened(stack.items[0], FOLDER).bands
    east, north = compute(*(bands[f"los_{axis}"]()[2304:2560] for axis in ("east", "north")))
    valid = np.isfinite(east)
    np.testing.assert_array_equal(valid, np.isfinite(north))
    assert 0.586 - 1e-4 <= east[valid].min() <= east[valid].max() <= 0.65625
    assert -0.124025 <= north[valid].min() <= north[valid].max() <= -0.113
    assert np.hypot(east, north)[valid].max() < 1
