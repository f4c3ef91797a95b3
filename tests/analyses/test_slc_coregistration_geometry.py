"""Two passes above mountains, from SAFE folder to flattened interferogram: what is left of the phase is the deformation."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import minimum_filter

from local_runner import evaluate
from local_runner.demo.interferometry import Scene, image_of, of_primary, of_secondary, truth_of, write_pair
from local_runner.demo.real_safe import write_burst
from local_runner.demo.relief import write_relief
from local_runner.demo.safe import Product, later, write_safe
from local_runner.geometry.range_doppler import forward
from local_runner.products import catalogue

MOROCCO = Path(__file__).resolve().parents[3] / "shared" / "data" / "s1_annotations" / "eo_tools_morocco"
REAL = sorted(MOROCCO.glob("*.SAFE"))
"""Two dates of one track."""
SHAPE = (144, 2400)
"""9 km on the ground: a wave of the mountains."""
BORDER_PX = 16
GROWN_M = 0.01
GROWN_RAD = 2.266


@dataclass(frozen=True, eq=False)
class Found:
    """Interferogram and reference phase (y, x), and the samples that are judged, without and with growth of the range."""

    interferogram: np.ndarray
    reference: np.ndarray
    still: np.ndarray
    grown: np.ndarray


def mountains(grid):
    """2000 m of relief, slopes up to 36 degrees, some of them in layover."""
    south, west = forward(grid, *grid.mid, 1000.0)

    def height(latitude, longitude):
        east, north = (longitude - west) * 111_320 * np.cos(np.radians(south)), (latitude - south) * 111_320
        return 1100 + 1000 * np.cos(2 * np.pi * (east + 1800) / 8800) * np.cos(2 * np.pi * north / 20_000)

    return height


def on_generic_orbit(folder):
    """Annotations of two passes, and what writes them with pixels."""
    first = Product(lines=SHAPE[0], samples=SHAPE[1], bursts=1, valid=(0, 0))
    second = later(first, across_m=60.0)
    bare = [write_safe(folder / "bare", replace(product, has_pixels=False)) for product in (first, second)]
    return bare, lambda scene: write_pair(folder, scene, first, second)


def on_real_orbits(folder):
    """The same on times, orbits and polynomials of two real dates."""

    def cut(into, product, content):
        return write_burst(into, product, content, swath="IW2", index=4, shape=SHAPE)

    def write(scene):
        first = cut(folder, REAL[0], of_primary(scene))
        return first, cut(folder, REAL[1], of_secondary(scene, first))

    return [cut(folder / "bare", product, None) for product in REAL], write


needs_real = pytest.mark.skipif(len(REAL) != 2, reason=f"two products in {MOROCCO} are not there")
PASSES = [on_generic_orbit, pytest.param(on_real_orbits, marks=needs_real)]


@pytest.fixture(scope="module", params=PASSES, ids=["generic", "real"])
def found(request, tmp_path_factory):
    """The range grows by a centimetre in the eastern half."""
    folder = tmp_path_factory.mktemp("passes")
    bare, write = request.param(folder)
    grids = [image_of(safe, "IW2", "VV", 0).grid for safe in bare]
    middle = float(forward(grids[0], *grids[0].mid, 1000.0)[1])
    dem = write_relief(folder / "dem.tif", grids, mountains(grids[0]))
    scene = Scene(
        dem,
        amplitude_dn=5000.0,
        deformation_m=lambda _, longitude: np.where(longitude > middle, GROWN_M, 0.0),
        is_exact=True,
    )
    collection = catalogue(write(scene), out=folder / "catalogue", dem=str(dem), dem_datum="ellipsoid")
    return judged(coregistered(collection), truth_of(scene, *grids))


def coregistered(collection):
    arguments = {"data": {"from_node": "load"}, "polarization": "VV", "geometry": ["height", "reference_phase"]}
    nodes = {
        "load": {"process_id": "load_stac", "arguments": {"url": str(collection)}},
        "coregister": {"process_id": "slc_coregistration", "arguments": arguments, "result": True},
    }
    return evaluate(nodes, profile="geopyspark").compute()


def judged(cube, truth):
    i, q, reference, height = (
        cube.sel(bands=name).values.astype(float) for name in ("i_VV", "q_VV", "reference_phase", "height")
    )
    first, second = i + 1j * q
    assert np.ptp(height[0]) > 1900
    inside = np.zeros(SHAPE, bool)
    inside[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = True
    inside &= truth.is_clear
    assert 0.5 < inside.mean() < 0.95
    assert np.isfinite(second[inside]).all()
    near = [truth.deformation_m == value for value in (0, np.float32(GROWN_M))]
    still, grown = (minimum_filter(each, BORDER_PX + 1) & inside for each in near)
    return Found(first * second.conj(), reference[1] - reference[0], still, grown)


def of_phase(values):
    """Circular mean and standard deviation in rad."""
    mean = np.mean(np.exp(1j * np.angle(values)))
    return np.angle(mean), np.sqrt(-2 * np.log(np.abs(mean)))


def test_flattened_phase_of_ground_that_rests_is_0(found):
    mean, deviation = of_phase((found.interferogram * np.exp(-1j * found.reference))[found.still])
    assert abs(mean) < np.radians(0.05)
    assert deviation < np.radians(2)
    assert found.still.sum() > 100_000


def test_range_that_grew_turns_the_phase_forward(found):
    flat = found.interferogram * np.exp(-1j * found.reference)
    assert of_phase(flat[found.grown])[1] < np.radians(2)
    lines, samples = (slice(start, start + 100) for start in corner_of_grown(found))
    block = np.where(found.grown, flat, 0)[lines, samples]
    assert np.angle(block.sum()) == pytest.approx(GROWN_RAD, abs=0.045)


def corner_of_grown(found):
    """First line and sample of 100 x 100 samples, most of which have grown and are clear."""
    full = found.grown.astype(float).cumsum(0).cumsum(1)
    count = full[100:, 100:] - full[:-100, 100:] - full[100:, :-100] + full[:-100, :-100]
    assert count.max() > 5000
    return np.array(np.unravel_index(count.argmax(), count.shape)) + 1


@pytest.mark.parametrize("factor", [0, -1])
def test_without_the_reference_phase_or_with_its_sign_wrong_fringes_are_left(found, factor):
    _, deviation = of_phase((found.interferogram * np.exp(-1j * factor * found.reference))[found.still])
    assert deviation > 1
