"""The demo of interferometry: two simulated passes from SAFE folder to unwrapped phase on a map, judged against the truth.

Everything between the pixels of the passes and the pictures is done by what a user calls: `products.catalogue` and `run`.
"""

from __future__ import annotations

import shutil
import warnings
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.ndimage import uniform_filter

from local_runner.demo.compare import compare, effective_looks, table
from local_runner.demo.interferometry import Scene, Truth, image_of, truth_of, write_pair
from local_runner.demo.landscape import BOWL_M, KINDS, Landscape
from local_runner.demo.phase import judge, phase_table
from local_runner.demo.relief import Relief, write_relief
from local_runner.demo.safe import Product, later, write_safe
from local_runner.demo.scatterers import BANDWIDTH
from local_runner.demo.show import PROJECTION, WINDOW, Shown, require_free
from local_runner.files.raster import open_lazy
from local_runner.jobs.run import run
from local_runner.products import catalogue
from local_runner.report.chain import chain
from local_runner.report.quicklook import quicklook

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from local_runner.compute.workers import Report
    from local_runner.demo.phase import Phases
    from local_runner.geometry.radar_grid import RadarGrid
    from local_runner.jobs.run import Result

    Band = NDArray[np.float32]

SWATH: Final = "IW2"
LOOKS: Final = (2, 8)
"""Lines and samples of a cell of the interferogram, the defaults of `slc_interferogram`."""
BASELINE_M: Final = 60.0
"""How far east of the first pass the second one crosses the equator."""
RESOLUTION_M: Final = 30.0
_WITHOUT: Final = 'The phase was not unwrapped, which needs the package snaphu: pip install "openeo-sar[unwrap]"'


@dataclass(frozen=True, eq=False)
class Simulated:
    """Two passes as SAFE folders with their DEM, and what is true on the grid of the first one."""

    safes: tuple[Path, Path]
    dem: Path
    days: tuple[str, str]
    truth: Truth
    kinds: NDArray[np.uint8]


def show_chain(out: Path, *, lines: int = 600, samples: int = 4000, progress: Report | None = None) -> Shown:
    """Simulate two passes below `out`, make their catalogue, coregister them, estimate coherence and interferogram, compare.

    A demo that is there is written anew. Without the package snaphu the phase is not unwrapped.
    """
    require_free(out, "catalogue")
    unwrap = find_spec("snaphu") is not None
    told = progress or (lambda _stage, _done, _total: None)
    told("simulate", 0, 1)
    passes = simulate(out, lines, samples)
    told("simulate", 1, 1)
    results = _processed(out, passes, progress, unwrap=unwrap)
    names = [kind.name for kind in KINDS]
    coherence = _bands(results["coherence"])["coherence"]
    looks = effective_looks(*WINDOW, BANDWIDTH[SWATH])
    judged = compare(coherence, _in_windows(passes.truth), looks, classes=passes.kinds, names=names)
    bands = _bands(results["interferogram"])
    phases = judge(bands, passes.truth, passes.kinds, LOOKS, BANDWIDTH[SWATH], names)
    picture = _drawn(out / "chain.png", _bands(results["fringes"])["phase"], bands, phases)
    return Shown(
        tables=(table(judged), phase_table(phases)),
        within=judged.within and phases.within,
        pictures=(picture, _on_map(out / "map.png", results["map"]), *results["map"].quicklooks),
        notes=() if unwrap else (_WITHOUT,),
    )


def _in_windows(truth: Truth) -> Band:
    """Coherence (y, x) of a window: less where the deformation turns the phase within it. NaN where that is not clear."""
    turned = [uniform_filter(part(truth.phase), WINDOW) for part in (np.cos, np.sin)]
    return np.where(truth.is_clear, truth.coherence * np.hypot(*turned), np.float32(np.nan))


def _drawn(path: Path, fringes: Band, bands: dict[str, Band], phases: Phases) -> Path:
    """The picture of all steps; the unwrapped phase without whole turns of the whole image."""
    rows, columns = (slice(size) for size in phases.truth.shape)
    found = phases.unwrapped
    return chain(
        path,
        fringes=fringes[rows, columns],
        filtered=bands["phase_filtered"][rows, columns],
        coherence=bands["coherence"][rows, columns],
        truth=phases.truth,
        unwrapped=None if found is None else found.difference + phases.truth,
        cell=LOOKS,
        title="Two simulated Sentinel-1 passes: from fringes to the deformation that was put in",
        note=f"; ground that sinks by {100 * BOWL_M:.1f} cm along the line of sight",
    )


def _on_map(path: Path, result: Result) -> Path:
    (item,) = result.items
    raster = Path(item.assets["phase_filtered"].get_absolute_href() or "")
    title = "Flattened and filtered interferogram of two simulated passes"
    return quicklook(raster, quantity="phase_filtered", title=title, out=path)


def simulate(out: Path, lines: int, samples: int) -> Simulated:
    """Write both passes and their DEM below `out`."""
    shutil.rmtree(out / "safe", ignore_errors=True)
    first = Product(lines=lines, samples=samples, bursts=1, swaths=(SWATH,), valid=(lines // 60, samples // 120))
    second = later(first, across_m=BASELINE_M)
    grids = [_grid(out / "safe" / "annotation", product) for product in (first, second)]
    land = Landscape.below(grids[0])
    dem = write_relief(out / "safe" / "dem.tif", grids, land.height)
    scene = Scene(dem, land.coherence, land.deformation_m, land.amplitude_dn)
    safes = write_pair(out / "safe", scene, first, second)
    relief, every = Relief.of_raster(grids[0], dem), range(lines)
    kinds = land.kind(*relief.positions(every, relief.heights(every)))
    return Simulated(safes, dem, (first.day, second.day), truth_of(scene, *grids), kinds)


def _grid(folder: Path, product: Product) -> RadarGrid:
    """Grid of a pass before it has pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    safe = write_safe(folder, replace(product, has_pixels=False))
    grid = image_of(safe, SWATH, "VV", 0).grid
    shutil.rmtree(safe)
    return grid


def _processed(out: Path, passes: Simulated, progress: Report | None, *, unwrap: bool) -> dict[str, Result]:
    """The results by name of their folder."""
    made = catalogue(passes.safes, out=out / "catalogue", overwrite=True, dem=str(passes.dem), dem_datum="ellipsoid")
    kept = {"geometry": ["height", "reference_phase"]}
    stack = _run("slc_coregistration", kept, made, out / "coregistered", progress)
    pairs = {"pairs": [list(passes.days)]}
    on_map = {"projection": PROJECTION, "resolution": RESOLUTION_M}
    wanted: dict[str, tuple[str, dict[str, Any]]] = {
        "coherence": ("slc_coherence", {"flatten": True}),
        "fringes": ("slc_interferogram", {"flatten": False}),
        "interferogram": ("slc_interferogram", {"unwrap": unwrap}),
        "map": ("slc_interferogram", {"unwrap": unwrap, **on_map}),
    }
    data = stack.folder / "collection.json"
    return {
        name: _run(process, pairs | own, data, out / name, progress, quicklooks=name == "map")
        for name, (process, own) in wanted.items()
    }


def _run(
    process: str,
    parameters: dict[str, Any],
    data: Path,
    out: Path,
    progress: Report | None,
    *,
    quicklooks: bool = False,
) -> Result:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\[geopyspark G\d+\]")  # nobody takes the demo to a back-end
        inputs = {"data": data}
        told = None if progress is None else _named(out.name, progress)
        return run(process, parameters, inputs=inputs, out=out, overwrite=True, progress=told, quicklooks=quicklooks)


def _named(name: str, progress: Report) -> Report:
    """Tells the stages of one run of several by its name."""
    return lambda stage, done, total: progress(f"{name}: {stage}", done, total)


def _bands(result: Result) -> dict[str, Band]:
    """Rasters (y, x) of the one item of a result by name."""
    (item,) = result.items
    rasters = {key: Path(asset.get_absolute_href() or "") for key, asset in item.assets.items()}
    return {
        key: np.asarray(open_lazy(path).data, np.float32).squeeze()
        for key, path in rasters.items()
        if path.suffix == ".tif"
    }
