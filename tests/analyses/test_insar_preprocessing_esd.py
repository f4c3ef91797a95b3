"""`insar_preprocessing` with `esd`: an azimuth error of one pass is found where bursts overlap, and taken out."""

from dataclasses import replace

import numpy as np
import pytest

from local_runner import evaluate, run
from local_runner.demo.interferometry import Scene, image_of, write_pair
from local_runner.demo.safe import Product, write_safe
from local_runner.products import catalogue
from tests.demo.passes import relief
from tests.graphs import graph, node

ERROR_PX = 0.01
BURSTS = {"burst_id": [249_435, 249_436], "sub_swath": "IW2", "geometry": ["reference_phase"]}


@pytest.fixture(scope="module", autouse=True)
def _state(tmp_path_factory):
    """Where the program keeps what it knows of catalogues, already while that of this module is made."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state"))
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Catalogue of two bursts with 70 lines in common, whose secondary is sampled too late."""
    folder = tmp_path_factory.mktemp("late")
    product = Product(lines=220, samples=300, overlap=70)
    bare = write_safe(tmp_path_factory.mktemp("bare"), replace(product, has_pixels=False))
    images = [image_of(bare, "IW2", "VV", index) for index in range(2)]
    dem = relief(folder, lambda east, north: 500 + 0 * (east + north), *images)
    safes = write_pair(folder, Scene(dem, azimuth_error_px=ERROR_PX), product)
    return catalogue(safes, out=folder / "cat", dem=dem, dem_datum="ellipsoid")


def cube_of(made, **arguments):
    node = ("insar_preprocessing", {"url": str(made), **BURSTS, **arguments})
    return evaluate(graph(stack=node), profile="geopyspark").compute()


def offset_of(cube):
    return cube.attrs["stac"]["2024-08-21"][0]["properties"]["openeo_sar:azimuth_offset_px"]


def flattened(cube):
    """Interferogram of primary and secondary without the phase of the geometry."""
    first, second = (cube.isel(t=t).sel(bands=["i_VV", "q_VV", "reference_phase"]).values for t in (0, 1))
    slc = [values[0] + 1j * values[1] for values in (first, second)]
    return slc[0] * slc[1].conj() * np.exp(-1j * (second[2] - first[2]))


def step_at_the_seam(cube):
    """Phase of the lines below the cut between both bursts against that of the lines above it, rad."""
    values = flattened(cube)
    cut = 150 + 70 // 2
    above, below = values[cut - 8 : cut], values[cut : cut + 8]
    return float(np.angle(np.nansum(below) * np.nansum(above).conj()))


@pytest.fixture(scope="module")
def aligned(made):
    """Both bursts with the offset that is estimated."""
    return cube_of(made, esd=True)


def test_error_is_found(aligned):
    """Sampled too late by 0.01: that is taken off the shift."""
    assert abs(offset_of(aligned) + ERROR_PX) < 1e-4


def test_error_is_taken_out(made, aligned):
    """In IW2 0.001 px are a step of 2.98 degrees between bursts."""
    assert step_at_the_seam(cube_of(made)) == pytest.approx(np.radians(29.8), abs=0.03)
    assert abs(step_at_the_seam(aligned)) < 0.002


def test_offset_that_was_found_gives_the_same_when_it_is_given(made, aligned):
    given = cube_of(made, azimuth_offsets={"2024-08-21": offset_of(aligned)})
    np.testing.assert_array_equal(aligned.values, given.values)


def test_interferogram_of_the_stitched_bursts_has_no_step(made, aligned, tmp_path):
    """From the stack on disk; the ground rests, so that the flattened phase is 0 on both sides of the cut."""
    given = {**BURSTS, "url": str(made), "azimuth_offsets": {"2024-08-21": offset_of(aligned)}}
    stack = run("insar_preprocessing", given, out=tmp_path / "stack", quicklooks=False)
    pair = {"pairs": [["2024-08-09", "2024-08-21"]], "looks_range": 4, "looks_azimuth": 4, "filter_alpha": 0}
    out = ("slc_interferogram", {"data": node("load"), **pair})
    found = evaluate(graph(load=("load_stac", {"url": str(stack.folder)}), out=out), profile="geopyspark").compute()
    phase, coherence = (found.sel(bands=f"{name}_20240809_20240821").values[0] for name in ("phase", "coherence"))
    assert np.nanmax(np.abs(phase[8:-8, 8:-8])) < np.radians(2)
    assert np.nanmin(coherence[8:-8, 8:-8]) > 0.999
