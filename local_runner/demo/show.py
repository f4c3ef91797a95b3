"""The demo: a simulated stack with known coherence through graph, geocoding and pictures, judged against the truth."""

from __future__ import annotations

import shutil
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from local_runner.access import Access
from local_runner.demo.catalogue import write_catalogue
from local_runner.demo.compare import compare, expected_coherence, table
from local_runner.demo.geometry import BURST, show_geometry
from local_runner.demo.simulator import CLASSES, simulate
from local_runner.errors import OpenEOError
from local_runner.files.raster import open_lazy
from local_runner.jobs.run import run
from local_runner.pairs import collection_dates, pairs
from local_runner.report.comparison import comparison

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from rich.table import Table

    from local_runner.compute.workers import Report
    from local_runner.demo.simulator import Scene
    from local_runner.jobs.run import Result

PROJECTION: Final = 32632
RESOLUTION_M: Final = 20.0
WINDOW: Final = (5, 21)
"""Lines and samples of the coherence window, the defaults of `slc_coherence`."""
_NOTE: Final = ". Outlines in the difference: a window across an edge sees both sides."


@dataclass(frozen=True)
class Shown:
    """What the demo found: tables against the truth, whether theory holds in every class, pictures, what is to be said."""

    tables: tuple[Table, ...]
    within: bool
    pictures: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def show(
    out: Path, *, lines: int = 600, samples: int = 2400, burst: tuple[int, int] = BURST, progress: Report | None = None
) -> Shown:
    """Simulate into `out`/input, estimate all pairs in radar geometry and on a map below `out`, compare the first pair.

    `out`/geometry holds the demo of products, with bursts of `burst` (lines, samples). A demo that is there is written anew.
    """
    require_free(out, "input")
    scene = simulate(lines, samples)
    collection = write_catalogue(scene, out / "input")
    chosen = pairs(collection_dates(str(collection), Access()), every=True)
    estimate = partial(
        run, "slc_coherence", {"pairs": chosen}, inputs={"data": collection}, overwrite=True, progress=progress
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\[geopyspark G45\]")  # nobody takes the demo to a back-end
        radar = estimate(out=out / "radar", quicklooks=False)
        on_map = estimate(out=out / "map", geocode=PROJECTION, resolution=RESOLUTION_M)
    truth, found = scene.truth(*chosen[0]), _coherence(radar, scene, chosen[0])
    judged = compare(
        found, truth, window_azimuth=WINDOW[0], window_range=WINDOW[1], classes=scene.classes, names=CLASSES
    )
    picture = comparison(
        found, truth, out / "comparison.png", title=_title(chosen[0]), note=_NOTE, theory=_theory(judged.looks)
    )
    drawn = show_geometry(out / "geometry", *burst)
    return Shown((table(judged),), judged.within, (picture, *on_map.quicklooks, *drawn))


def require_free(out: Path, catalogue: str) -> None:
    """Raise `ResultExists` for a folder with other files than those of an earlier demo, which has a `catalogue` folder."""
    if out.exists() and any(out.iterdir()) and not (out / catalogue / "collection.json").exists():
        raise OpenEOError(
            "ResultExists",
            "The folder of the demo must be new, empty or that of an earlier demo",
            got=str(out),
            do="Name another folder with --out",
        )


@contextmanager
def whole_or_gone(out: Path) -> Iterator[None]:
    """Take away what a demo that did not come to its end has written, unless an earlier one was there."""
    is_new = not out.exists() or not any(out.iterdir())
    try:
        yield
    except BaseException:
        if is_new:
            shutil.rmtree(out, ignore_errors=True)
        raise


def _coherence(result: Result, scene: Scene, pair: list[str]) -> NDArray[np.float32]:
    """Estimate of a pair (y, x) on the grid of the scene."""
    label = "_".join(day.replace("-", "") for day in pair)
    item = next(item for item in result.items if item.id.endswith(label))
    path = Path(item.assets["coherence"].get_absolute_href() or "")
    values = np.asarray(open_lazy(path).data, np.float32)
    if values.shape != scene.classes.shape:
        raise OpenEOError(
            "ProcessGraphInvalid", f"The coherence must have the shape {scene.classes.shape}", got=values.shape
        )
    return values


def _title(pair: list[str]) -> str:
    days = abs((date.fromisoformat(pair[1]) - date.fromisoformat(pair[0])).days)
    return f"Coherence over {days} days of a simulated scene, {WINDOW[0]} × {WINDOW[1]} samples per estimate"


def _theory(looks: float) -> Callable[[NDArray[np.float32]], NDArray[np.float64]]:
    nodes = np.linspace(0, 1, 101)
    curve = np.array([expected_coherence(node, looks) for node in nodes])
    return lambda true: np.interp(true, nodes, curve)
