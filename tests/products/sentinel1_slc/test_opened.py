"""Items opened: from products to the cube that `load_stac` gives."""

import gzip
from dataclasses import replace

import dask
import numpy as np
import pytest

from local_runner import evaluate
from local_runner.demo.safe import later, speckle, write_orbit_file, write_safe, write_zip
from local_runner.geometry.baseline import reference_phase
from local_runner.geometry.coregistration import shift
from local_runner.geometry.range_doppler import backward
from local_runner.products import catalogue
from local_runner.products.sentinel1_slc import measurement, opening
from local_runner.products.sentinel1_slc.annotation import read_annotation
from local_runner.products.sentinel1_slc.orbits import read_orbit_file
from tests.products.sentinel1_slc import edits

POSITIONS = ("grid_lat", "grid_lon", "height", "incidence_angle", "look_east", "look_north", "look_up")


def cube_of(path, **arguments):
    """Cube of a catalogue."""
    node = {"process_id": "load_stac", "arguments": {"url": str(path), **arguments}, "result": True}
    return evaluate({"load": node})


@pytest.fixture
def cube(tmp_path, pair):
    """Cube of the first burst on both dates."""
    return cube_of(catalogue(pair, out=tmp_path / "cat", bursts=["249435"]))


@pytest.fixture
def grids(pair):
    """Grids of both dates."""
    return [read_annotation(edits.annotation(safe)).grid(0) for safe in pair]


def test_cube(cube):
    assert cube.sizes == {"t": 2, "bands": 14, "y": 24, "x": 32}
    assert cube.dtype == np.float32
    assert {"i_VV", "q_VV", "deramp_phase", "range_shift", *POSITIONS} < set(cube.bands.values)


def test_primary_is_the_raw_pixels_where_valid(cube, pair):
    raw = speckle()("IW2", "VV", 0, *_grid_and_carrier(pair[0])).round()
    valid = np.zeros((24, 32), bool)
    valid[2:-2, 3:-3] = True
    shown = cube.isel(t=0).compute()
    np.testing.assert_array_equal(shown.sel(bands="i_VV"), np.where(valid, np.rint(raw.real), np.nan))
    np.testing.assert_array_equal(shown.sel(bands="q_VV"), np.where(valid, np.rint(raw.imag), np.nan))


def test_secondary_is_its_raw_pixels_placed(cube, pair):
    raw = np.rint(speckle()("IW2", "VV", 0, *_grid_and_carrier(pair[1])).real)
    raw[[0, 1, -2, -1]] = np.nan
    raw[:, [0, 1, 2, -3, -2, -1]] = np.nan
    told = next(iter(cube.attrs["stac"]["2024-08-21"]))["properties"]
    down, right = told["openeo_sar:line_offset"], told["openeo_sar:sample_offset"]
    expected = np.full((24, 32), np.nan)
    for line, sample in np.ndindex(24, 32):
        if 0 <= line + down < 24 and 0 <= sample + right < 32:
            expected[line, sample] = raw[line + down, sample + right]
    assert right != 0
    np.testing.assert_array_equal(cube.isel(t=1).sel(bands="i_VV"), expected.astype(np.float32))


def test_shift_is_what_the_placement_leaves(cube, grids):
    told = next(iter(cube.attrs["stac"]["2024-08-21"]))["properties"]
    line, sample = np.mgrid[:24, :32].astype(float)
    height = cube.isel(t=1).sel(bands="height").values.astype(float)
    exact = shift(*grids, line, sample, height)
    for part, name, offset in ((0, "azimuth_shift", "line_offset"), (1, "range_shift", "sample_offset")):
        shown = cube.isel(t=1).sel(bands=name).values
        np.testing.assert_allclose(shown, exact[part] - told[f"openeo_sar:{offset}"], atol=2e-4)


def test_reference_phase_is_that_of_the_ranges(cube, grids):
    line, sample = np.mgrid[:24, :32].astype(float)
    height = cube.isel(t=1).sel(bands="height").values.astype(float)
    difference = cube.isel(t=1).sel(bands="reference_phase").values - reference_phase(*grids, line, sample, height)
    assert np.abs(np.angle(np.exp(1j * difference))).max() < 0.02


def test_primary_has_no_shift(cube):
    zero = cube.isel(t=0).sel(bands=["azimuth_shift", "range_shift", "reference_phase"])
    assert (zero.values == 0).all()
    phases = cube.isel(t=0).sel(bands=["deramp_phase", "reramp_phase"]).values
    np.testing.assert_array_equal(phases[0], phases[1])


def test_positions_are_where_the_pixels_lie(cube, grids):
    latitude, longitude, height = (cube.isel(t=0).sel(bands=name).values for name in POSITIONS[:3])
    line, sample = backward(grids[0], latitude, longitude, height)
    expected = np.mgrid[:24, :32]
    assert np.abs(line - expected[0]).max() < 0.03  # float32 degrees: half a metre
    assert np.abs(sample - expected[1]).max() < 0.3


def test_positions_are_the_same_on_all_dates(cube):
    first, second = (cube.isel(t=n).sel(bands=list(POSITIONS)).values for n in range(2))
    np.testing.assert_array_equal(first, second)


def test_deramping_takes_the_carrier_off(tmp_path, product):
    """White noise has no lag-1 coherence; noise that is the same on all lines has it after deramping alone."""

    def even(_swath, _polarization, _index, grid, carrier):
        line, sample = np.ogrid[: grid.shape[0], : grid.shape[1]]
        return (90 * np.exp(-1j * carrier.phase(line.astype(float), sample.astype(float)))).astype(np.complex64)

    made = write_safe(tmp_path, replace(product, lines=400, content=even))
    cube = cube_of(catalogue([made], out=tmp_path / "cat", bursts=["249435"])).isel(t=0).compute()
    slc = cube.sel(bands="i_VV").values + 1j * cube.sel(bands="q_VV").values
    flat = (slc * np.exp(1j * cube.sel(bands="deramp_phase").values))[2:-2, 3:-3]
    assert np.abs(np.angle(flat)).max() < 0.02
    assert np.abs(np.angle(slc[2:-2, 3:-3])).max() > 3


def test_nothing_is_read_before_it_is_computed(tmp_path, pair, monkeypatch):
    monkeypatch.setattr(measurement, "_window", None)
    cube = cube_of(catalogue(pair, out=tmp_path / "cat", bursts=["249435"]))
    assert cube.sel(bands="height").isel(t=0).compute().notnull().all()
    with pytest.raises(TypeError):
        cube.sel(bands="i_VV").compute()


def test_items_open_alone(tmp_path, pair):
    path = catalogue(pair, out=tmp_path / "cat", bursts=["249435"])
    item = path.parent / "t117_249435_iw2_20240821" / "t117_249435_iw2_20240821.json"
    whole, alone = cube_of(path).isel(t=1), cube_of(item).isel(t=0)
    np.testing.assert_array_equal(whole.sel(bands=alone.bands), alone)


def test_static_bands_of_all_dates_are_one_task(tmp_path, pair):
    cube = cube_of(catalogue(pair, out=tmp_path / "cat", bursts=["249435"]), bands=["grid_lat", "height"])
    opened = [cube.isel(t=n).data.__dask_graph__() for n in range(2)]
    named = [{key for key in graph if str(key[0]).startswith(("height", "grid_lat"))} for graph in opened]
    assert named[0] == named[1] != set()


def test_i_and_q_of_one_chunk_are_read_once(tmp_path, pair, monkeypatch):
    calls, window = [], measurement._window
    monkeypatch.setattr(measurement, "_window", lambda *given: calls.append(given) or window(*given))
    cube = cube_of(catalogue(pair, out=tmp_path / "cat", bursts=["249435"]), bands=["i_VV", "q_VV"])
    dask.compute(cube.data, scheduler="synchronous")
    assert len(calls) == 2


def test_unpacked_zip_has_its_pixels_in_the_catalogue(tmp_path, pair):
    zips = [write_zip(safe) for safe in pair]
    there = cube_of(catalogue(zips, out=tmp_path / "zipped", bursts=["249435"], unpack=True))
    here = cube_of(catalogue(pair, out=tmp_path / "cat", bursts=["249435"]))
    np.testing.assert_array_equal(there.sel(bands=here.bands), here)


def test_zip_that_is_not_unpacked_has_no_pixels(tmp_path, pair):
    cube = cube_of(catalogue([write_zip(pair[0])], out=tmp_path / "cat", bursts=["249435"]))
    assert {"i_VV", "q_VV"}.isdisjoint(cube.bands.values)
    assert set(POSITIONS) < set(cube.bands.values)


def test_extracted_burst_is_the_burst_of_the_product(tmp_path, product):
    content = speckle(with_carrier=True)
    made = replace(product, content=lambda s, p, _, grid, carrier: content(s, p, 0, grid, carrier))
    whole = catalogue([write_safe(tmp_path, made)], out=tmp_path / "whole", bursts=["249436"])
    alone = catalogue([write_safe(tmp_path, made, burst=1)], out=tmp_path / "alone")
    np.testing.assert_array_equal(cube_of(alone), cube_of(whole))


def test_gzipped_metadata(tmp_path, product):
    safe = write_safe(tmp_path, product)
    plain = cube_of(catalogue([safe], out=tmp_path / "plain", bursts=["249435"])).compute()
    for path in [*safe.rglob("*.xml"), safe / "manifest.safe"]:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    packed = cube_of(catalogue([safe], out=tmp_path / "packed", bursts=["249435"]))
    np.testing.assert_array_equal(packed, plain)


def test_stripmap(tmp_path, product):
    whole = replace(product, swaths=("S3",), lines=400)
    cube = cube_of(catalogue([write_safe(tmp_path, each) for each in (whole, later(whole))], out=tmp_path / "cat"))
    assert {"deramp_phase", "reramp_phase"}.isdisjoint(cube.bands.values)
    assert np.isfinite(cube.isel(t=0).sel(bands="i_VV")).all()
    assert np.abs(cube.sel(bands="azimuth_shift")).max() <= 0.51


def test_orbit_file_is_used_when_opened(tmp_path, product, pair):
    """Orbits 10 m higher, as no annotation has them, move the range by some px, which the placement takes up."""
    raised = [replace(each, height_m=each.height_m + 10) for each in (product, later(product))]
    files = [write_orbit_file(tmp_path, each) for each in raised]
    cube = cube_of(catalogue(pair, out=tmp_path / "cat", bursts=["249435"], orbits=files))
    annotation = read_annotation(edits.annotation(pair[0]))
    grid = annotation.grid(0, read_orbit_file(files[0]).orbit)
    values = [cube.isel(t=0).sel(bands=name).values for name in POSITIONS[:3]]
    _, sample = backward(grid, *values)
    assert np.abs(sample - np.arange(32)).max() < 0.3
    _, other = backward(annotation.grid(0), *values)
    assert np.abs(other - np.arange(32)).min() > 1


def test_an_annotation_is_read_once_for_all_its_bursts(tmp_path, pair):
    path = catalogue(pair, out=tmp_path / "cat")
    opening._read.cache_clear()
    for name in ("t117_249435_iw2", "t117_249436_iw2"):
        cube_of(path.parent / name)
    assert opening._read.cache_info().misses == 2


def _grid_and_carrier(safe):
    annotation = read_annotation(edits.annotation(safe))
    return annotation.grid(0), annotation.carrier(0)
