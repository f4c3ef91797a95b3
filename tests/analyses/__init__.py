"""Golden end-to-end cases: each analysis through `evaluate` on real data, with the provenance of its numbers.

The pair: Sentinel-1A IW3 VV, Amsterdam, 2023-03-31 (primary) and 2023-03-19, 84 lines x 338 samples, coregistered and
without flat-earth and topographic phase (TUDelftGeodesy/sarxarray; contains modified Copernicus Sentinel data 2023).
"""

import numpy as np
import pytest
from scipy.ndimage import maximum_filter

from local_runner import evaluate
from tests import real_pair

WINDOW = (5, 21)  # azimuth lines, range samples
PAIR = ["2023-03-31", "2023-03-19"]

needs_real_pair = pytest.mark.skipif(
    not real_pair.SHARED.is_dir(), reason=f"the real pair is not part of the repository: {real_pair.SHARED} must exist"
)


def slcs(*, shift=0, conjugate=True):
    """Primary and secondary, complex64; the secondary shifted by range samples or conjugated."""
    primary, secondary = (
        real_pair.read(f"i_VV_{d}") + 1j * real_pair.read(f"q_VV_{d}") for d in ("20230331", "20230319")
    )
    secondary = np.roll(secondary, shift, axis=1)
    return primary, secondary if conjugate else secondary.conj()


def invalid_samples():
    """Where either date is 0 + 0j: three samples."""
    primary, secondary = slcs()
    return (primary == 0) | (secondary == 0)


def windows_with_invalid_samples():
    return maximum_filter(invalid_samples().astype(np.uint8), WINDOW) > 0


def load(url):
    return evaluate({"load": {"process_id": "load_stac", "arguments": {"url": str(url)}, "result": True}})


def run(process_id, cube, *, profile="geopyspark", **arguments):
    """A process of the collection on a cube, computed."""
    parameters = {"data": {"from_parameter": "data"}, **arguments}
    graph = {"it": {"process_id": process_id, "arguments": parameters, "result": True}}
    return evaluate(graph, {"data": cube}, profile=profile).compute()


def with_secondary(cube, secondary):
    """The cube with another image at the secondary's date."""
    values = cube.values.copy()
    bands = cube.bands.values.tolist()
    values[0, [bands.index("i_VV"), bands.index("q_VV")]] = secondary.real, secondary.imag
    return cube.copy(data=values).chunk()


def statistics(values):
    return [float(f(values)) for f in (np.nanmean, np.nanmedian, np.nanmin, np.nanmax)]
