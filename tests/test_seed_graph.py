"""The graph of the seed notebook, written with the openEO client and run as it is on the real Sentinel-1 pair.

The notebook ("Sentinel-1 InSAR coherence from SLC pre-processing", steps 20 to 31) loads a job's result; here its collection
is a local one. The expected numbers were computed with `scipy.ndimage.uniform_filter` (zero border) on the same pair, see
tests/real_pair.py.
"""

import numpy as np
import openeo.processes
import pytest
from openeo.internal.graph_building import PGNode
from openeo.metadata import Band, BandDimension, CubeMetadata, SpatialDimension, TemporalDimension
from openeo.processes import array_create, array_element
from openeo.rest.datacube import DataCube
from pyproj import CRS

from local_runner import evaluate
from local_runner.errors import OpenEOError
from tests import real_pair

pytestmark = pytest.mark.skipif(
    not real_pair.SHARED.is_dir(), reason=f"the real pair is not part of the repository: {real_pair.SHARED} must exist"
)

PRIMARY, SECONDARY = ["2023-03-31", "2023-04-01"], ["2023-03-19", "2023-03-20"]
RANGE_DIM, AZIMUTH_DIM = 21, 5
PAD = int((RANGE_DIM - AZIMUTH_DIM) / 2)
KERNEL = np.pad(np.ones((AZIMUTH_DIM, RANGE_DIM)), ((PAD, PAD), (0, 0)))


def compute_parts_VV(x: openeo.processes.ProcessBuilder):  # noqa: N802
    i_prm = array_element(x, label="i_VV_prm")
    q_prm = array_element(x, label="q_VV_prm")
    i_sec = array_element(x, label="i_VV_sec")
    q_sec = array_element(x, label="q_VV_sec")
    return array_create(
        [i_prm * i_sec + q_prm * q_sec, q_prm * i_sec - i_prm * q_sec, i_prm**2 + q_prm**2, i_sec**2 + q_sec**2]
    )


def parts_without_conjugate(x: openeo.processes.ProcessBuilder):
    i_prm, q_prm, i_sec, q_sec = (
        array_element(x, label=f"{part}_VV_{role}") for role in ("prm", "sec") for part in "iq"
    )
    return array_create(
        [i_prm * i_sec - q_prm * q_sec, q_prm * i_sec + i_prm * q_sec, i_prm**2 + q_prm**2, i_sec**2 + q_sec**2]
    )


def compute_coherence_amplitude_VV(x: openeo.processes.ProcessBuilder):  # noqa: N802
    q_num_VV = array_element(x, label="q_num_VV")  # noqa: N806
    i_num_VV = array_element(x, label="i_num_VV")  # noqa: N806
    prm_den = array_element(x, label="prm_den")
    sec_den = array_element(x, label="sec_den")

    coh_i = i_num_VV / ((prm_den * sec_den + 1e-12) ** 0.5)
    coh_q = q_num_VV / ((prm_den * sec_den + 1e-12) ** 0.5)

    return (coh_i**2 + coh_q**2) ** 0.5


def slc_cube(url):
    """What `connection.load_stac_from_job` gives, without a connection."""
    bands = BandDimension("bands", bands=[Band(name) for name in ("i_VV", "q_VV", "grid_lat", "grid_lon")])
    spatial = [SpatialDimension(name, extent=[0, 1]) for name in "xy"]
    metadata = CubeMetadata(dimensions=[*spatial, TemporalDimension("t", extent=[None, None]), bands])
    return DataCube(PGNode("load_stac", url=url), connection=None, metadata=metadata)


def coherence(cube, *, kernel=KERNEL, parts=compute_parts_VV):
    primary, secondary = (
        cube.filter_temporal(extent)
        .filter_bands(["i_VV", "q_VV"])
        .drop_dimension("t")
        .rename_labels(dimension="bands", source=["i_VV", "q_VV"], target=[f"i_VV_{role}", f"q_VV_{role}"])
        for extent, role in ((PRIMARY, "prm"), (SECONDARY, "sec"))
    )
    products = (
        primary.merge_cubes(secondary)
        .apply_dimension(dimension="bands", process=parts)
        .rename_labels("bands", target=["i_num_VV", "q_num_VV", "prm_den", "sec_den"])
    )
    boxcar = products.apply_kernel(kernel=kernel, factor=1 / (RANGE_DIM * AZIMUTH_DIM), border=0)
    return boxcar.reduce_dimension(dimension="bands", reducer=compute_coherence_amplitude_VV).add_dimension(
        name="bands", type="bands", label="coh_VV"
    )


def geocoded(cube):
    positions = (
        cube.filter_temporal(PRIMARY)
        .filter_bands(["grid_lat", "grid_lon"])
        .drop_dimension("t")
        .rename_labels(dimension="bands", target=["latitude", "longitude"])
    )
    dated = (
        coherence(cube).merge_cubes(positions).add_dimension(name="t", type="temporal", label=f"{PRIMARY[0]}T00:00:00Z")
    )
    return dated.resample_spatial(projection="EPSG:32631", resolution=20, method="geocode").save_result(format="GTiff")


def run(cube, profile="geopyspark"):
    return evaluate(cube.flat_graph(), profile=profile).compute()


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    return slc_cube(str(real_pair.write_real_pair(tmp_path_factory.mktemp("pair"))))


def test_the_numbers_of_the_pair(cube):
    values = run(coherence(cube)).values
    assert values.shape == (1, *real_pair.SHAPE)
    statistics = [float(f(values)) for f in (np.mean, np.median, np.min, np.max)]
    assert statistics == pytest.approx([0.747131, 0.802880, 0.022687, 0.981968], abs=1e-5)


def test_geocoded_it_keeps_its_mean(cube):
    result = run(geocoded(cube))
    assert result.dims == ("t", "bands", "y", "x")
    assert result.bands.values.tolist() == ["coh_VV"]
    assert str(result.t.values[0])[:10] == "2023-03-31"
    assert result.rio.crs == CRS.from_epsg(32631)
    assert float(result.x[1] - result.x[0]) == 20
    assert float(result.mean()) == pytest.approx(0.747, abs=0.01)
    assert [item["id"] for items in result.attrs["stac"].values() for item in items] == [
        f"S1_2images_{moment}" for moment in (real_pair.SECONDARY, real_pair.PRIMARY)
    ]


def test_the_specification_wants_the_source_of_a_label(cube):
    with pytest.raises(OpenEOError, match=r"^LabelsNotEnumerated: .*\(node renamelabels3\)$"):
        run(coherence(cube), profile="specification")


def test_the_window_transposed_is_seen(cube):
    assert float(run(coherence(cube, kernel=KERNEL.T)).mean()) == pytest.approx(0.7417, abs=1e-3)


def test_the_conjugate_dropped_is_seen(cube):
    assert float(run(coherence(cube, parts=parts_without_conjugate)).mean()) == pytest.approx(0.23, abs=0.01)


def test_a_shift_of_one_range_sample_is_seen(tmp_path, monkeypatch):
    read = real_pair.read
    monkeypatch.setattr(
        real_pair, "read", lambda name: np.roll(read(name), 1, axis=1) if "20230319" in name else read(name)
    )
    shifted = slc_cube(str(real_pair.write_real_pair(tmp_path)))
    assert float(run(coherence(shifted)).mean()) == pytest.approx(0.48, abs=0.01)
