"""`export.mintpy`: interferograms of one or more results as a folder in which MintPy goes on.

The phase has the sign that MintPy expects, so that only the order of dates may change: phase(earlier, later) = 4 pi / lambda
(range of the later minus range of the earlier date), as in ISCE and ROI_PAC. MintPy multiplies by -lambda / (4 pi): a range
that has grown by 1 cm is a displacement of -1 cm, positive being towards the satellite.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from local_runner.access import Access, locate, public_href
from local_runner.compute.workers import silent
from local_runner.errors import OpenEOError
from local_runner.export.attributes import attributes
from local_runner.export.hdf5 import write_geometry, write_stack
from local_runner.export.interferograms import stack_of
from local_runner.export.roipac import FOLDER, TEMPLATE, template, write_roipac
from local_runner.jobs import commit
from local_runner.jobs.inputs import fingerprint

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from local_runner.compute.workers import Report
    from local_runner.export.interferograms import Stack

LAYOUTS: Final = ("hdf5", "roipac")


def mintpy(
    results: Sequence[str | os.PathLike[str]],
    *,
    out: str | os.PathLike[str],
    layouts: Sequence[str] = LAYOUTS,
    overwrite: bool = False,
    progress: Report | None = None,
) -> Path:
    """Write interferograms into the folder `out` and return it.

    `results`: folders of results of `slc_interferogram` with unwrapped phase, height and incidence angle, on one grid, each
    pair of dates once. `layouts`: "hdf5" for `inputs/ifgramStack.h5` and `inputs/geometryRadar.h5` or `inputs/geometryGeo.h5`,
    "roipac" for flat binaries with `.rsc` in `roipac/`; always with an example of `smallbaselineApp.cfg`. Files are read and
    written by blocks of rows. The same results and layouts return what is in `out`; anything else there is an error, or with
    `overwrite` replaced if it is an earlier export. `progress("export", done, total)` is told after each pair. Raises
    `OpenEOError`; nothing is left behind then.
    """
    wanted = tuple(name for name in LAYOUTS if name in layouts)
    if not wanted or len(wanted) != len(set(layouts)):
        raise OpenEOError("ProcessParameterInvalid", f"layouts must be of {LAYOUTS}", got=list(layouts))
    folders = [Path(result) for result in results]
    stack = stack_of(folders)
    folder = commit.target(out, [Path(locate(path)).parent for path in folders])
    identity = {"process": "export mintpy", "layouts": list(wanted), "inputs": [_described(path) for path in folders]}
    with commit.locked(folder):
        commit.clean(folder)
        if not commit.is_there(folder, identity, overwrite=overwrite):
            with commit.writing(folder) as partial:
                _write(stack, partial, wanted, progress or silent)
                commit.write_record(partial, identity)
    return folder


def _write(stack: Stack, folder: Path, layouts: Sequence[str], report: Report) -> None:
    shared = attributes(stack)
    total, done = len(layouts) * len(stack.pairs), iter(range(1, len(layouts) * len(stack.pairs) + 1))

    def count() -> None:
        report("export", next(done), total)

    if "hdf5" in layouts:
        inputs = folder / "inputs"
        inputs.mkdir()
        write_stack(stack, inputs / "ifgramStack.h5", shared, done=count)
        write_geometry(stack, inputs / f"geometry{'Geo' if stack.on_map else 'Radar'}.h5", shared)
    if "roipac" in layouts:
        (folder / FOLDER).mkdir()
        write_roipac(stack, folder / FOLDER, shared, done=count)
    text = template(shared, with_roipac="roipac" in layouts)
    (folder / TEMPLATE).write_text(text, encoding="utf-8")


def _described(result: Path) -> dict[str, Any]:
    """What tells whether a result is still the one that was exported."""
    return {"href": public_href(locate(result)), "fingerprint": fingerprint(str(result), Access())}
