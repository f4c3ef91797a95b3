"""`slc_coregistration` of products and of the rasters that `--materialise` makes of them: one graph, the same bytes."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from local_runner import evaluate, run
from local_runner.demo.interferometry import image_of
from local_runner.demo.safe import Product, later, write_safe
from local_runner.products import catalogue, materialise
from tests.demo.passes import hills, relief
from tests.graphs import graph

SMALL, ABOVE_A_TILE = (40, 48), (530, 560)


@pytest.fixture(scope="module", autouse=True)
def _state(tmp_path_factory):
    """Where the program keeps what it knows of catalogues, already while those of this module are made."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state"))
        yield


@pytest.fixture(scope="module", params=[SMALL, ABOVE_A_TILE], ids=["small", "above a tile"])
def sources(request, tmp_path_factory):
    """Catalogue of two passes 120 m apart over hills, and that of its rasters."""
    folder = tmp_path_factory.mktemp("passes")
    lines, samples = request.param
    product = Product(lines=lines, samples=samples, bursts=1)
    passes = product, later(product, across_m=120.0)
    bare = write_safe(tmp_path_factory.mktemp("bare"), replace(product, has_pixels=False))
    dem = relief(folder, hills, image_of(bare, "IW2", "VV", 0))
    safes = [write_safe(folder, each) for each in passes]
    products = catalogue(safes, out=folder / "cat", dem=dem, dem_datum="ellipsoid")
    (rasters,) = materialise(products)
    return str(products.parent), str(rasters.folder)


def checksums(folder):
    """sha256 of each raster by its place in the folder."""
    rasters = sorted(folder.rglob("*.tif"))
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in rasters}


def test_rasters_are_the_same_bytes(sources, tmp_path):
    given = {"geometry": ["height", "reference_phase"]}
    products, rasters = (
        run("slc_coregistration", given, inputs={"data": url}, out=tmp_path / name, quicklooks=False)
        for name, url in zip(("products", "rasters"), sources, strict=True)
    )
    found = checksums(products.folder)
    assert found == checksums(rasters.folder)
    assert {path.rpartition("/")[2] for path in found} == {
        f"{band}.tif" for band in ("i_VV", "q_VV", "grid_lat", "grid_lon", "height", "reference_phase")
    }


def test_sources_differ_in_chunks_and_are_resampled(sources):
    products, rasters = (
        evaluate(graph(load=("load_stac", {"url": url, "bands": ["i_VV", "azimuth_shift"]})), profile="geopyspark")
        for url in sources
    )
    assert products.chunks != rasters.chunks or products.shape[-2:] == SMALL
    shift = products.sel(bands="azimuth_shift").isel(t=1).values
    assert np.nanmax(np.abs(shift - np.round(shift))) > 0.01
