"""From products to an analysis: coherence over a stack that the driver opens."""

import json
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from local_runner import evaluate
from local_runner.demo.safe import SPECKLE_DN, Product, later, write_safe
from local_runner.products import catalogue, materialise

pytestmark = pytest.mark.filterwarnings(
    "ignore::local_runner.profiles.ProfileWarning"
)  # of what a back-end cannot load
PRODUCT = Product(lines=300, samples=120, valid=(7, 11))
DAYS = ["2024-08-09", "2024-08-21", "2024-09-02"]
PAIRS = [[DAYS[0], DAYS[1]], [DAYS[0], DAYS[2]], [DAYS[1], DAYS[2]]]


def coherence(path):
    """Coherence of all pairs, with the process as it is published."""
    process = json.loads((files("process_graphs") / "slc_coherence.json").read_text())
    load = {"process_id": "load_stac", "arguments": {"url": str(path)}}
    data = {"data": {"from_node": "load"}, "pairs": PAIRS, "polarization": "VV"}
    call = {"process_id": process["id"], "arguments": data, "result": True}
    return evaluate({"load": load, "call": call}, profile="geopyspark").compute()


def same_scene(_swath, _polarization, index, grid, _carrier):
    """Speckle that is the same on all dates."""
    real, imaginary = np.random.default_rng(index).normal(scale=SPECKLE_DN, size=(2, *grid.shape))
    return real + 1j * imaginary


def test_coherence_of_one_scene_is_one(tmp_path):
    made = replace(PRODUCT, content=same_scene)
    safes = [write_safe(tmp_path, replace(made, day=day)) for day in DAYS]
    found = coherence(catalogue(safes, out=tmp_path / "cat", bursts=["249435"])).values[0, :3]
    valid = np.zeros(found.shape[1:], bool)
    valid[7:-7, 11:-11] = True
    assert np.isnan(found[:, ~valid]).all()
    np.testing.assert_allclose(found[:, 10:-10, 25:-25], 1, atol=1e-6)


def test_coherence_is_that_of_the_bands_written_as_rasters(tmp_path):
    safes = [write_safe(tmp_path, later(PRODUCT, cycles)) for cycles in range(3)]
    path = catalogue(safes, out=tmp_path / "cat", bursts=["249435"])
    (written,) = materialise(path)
    driven, read = coherence(path), coherence(written.folder / "collection.json")
    assert driven.bands.values.tolist() == read.bands.values.tolist()
    np.testing.assert_array_equal(driven.values, read.values)
    assert 0 < np.nanmean(driven.values[0, :3]) < 0.2
