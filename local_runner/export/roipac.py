"""The stack in the layout of ROI_PAC: flat little-endian binaries, each with a text `.rsc` beside it.

`<pair>.unw` and `<pair>.cor` hold amplitude and value, line by line, float32; `<pair>_snap_connect.byt` one byte, 1 within a
component; geometry is in `.hgt` of the same form as `.unw`. 0 is no data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from local_runner.export.attributes import missing, of_pair
from local_runner.export.hdf5 import geometry_of
from local_runner.export.interferograms import blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from local_runner.export.interferograms import Interferogram, Stack

FOLDER: Final = "roipac"
TEMPLATE: Final = "smallbaselineApp.cfg"
_VALUES: Final = {"unw": "phase_unwrapped", "cor": "coherence"}


def write_roipac(stack: Stack, folder: Path, attributes: Mapping[str, str], *, done: Callable[[], None]) -> None:
    """Write the files into `folder`, which is there; `done` is called after each pair."""
    shared = {**attributes, "PROCESSOR": "roipac"}
    for pair in stack.pairs:
        of_this = {**shared, **of_pair(pair)}
        for ending, band in _VALUES.items():
            sign = pair.sign if ending == "unw" else 1
            _write(folder / f"{pair.name}.{ending}", _two_bands(pair, band, sign), of_this)
        components = ((values > 0).astype(np.uint8) for _, values in blocks(pair.bands["component"]))
        _write(folder / f"{pair.name}_snap_connect.byt", components, of_this)
        done()
    for name, planes in geometry_of(stack, attributes).items():
        _write(folder / f"{name}.hgt", (_lines(np.isfinite(v), v) for _, v in planes), shared)


def template(attributes: Mapping[str, str], *, with_roipac: bool) -> str:
    """Example of MintPy's configuration: where the files are, and which attributes are missing."""
    lines = ["# vim: set filetype=cfg:", "# Written by openeo-sar export mintpy. Steps after load_data:"]
    lines += ["#   smallbaselineApp.py smallbaselineApp.cfg --start modify_network", ""]
    lines += [f"# {name} = # not known here; some steps of MintPy need it" for name in missing(attributes)]
    if with_roipac:
        names = {"unwFile": "*.unw", "corFile": "*.cor", "connCompFile": "*_snap_connect.byt", "demFile": "height.hgt"}
        names |= {"incAngleFile": "incidenceAngle.hgt"}
        lines += ["mintpy.load.processor = roipac"]
        lines += [f"mintpy.load.{key} = ./{FOLDER}/{pattern}" for key, pattern in names.items()]
    return "\n".join(lines) + "\n"


def _two_bands(pair: Interferogram, band: str, sign: int) -> Iterator[NDArray[np.float32]]:
    """Amplitude and signed value of a band."""
    for amplitude, (_, values) in zip(_amplitude(pair), blocks(pair.bands[band]), strict=True):
        yield _lines(amplitude, sign * values)


def _amplitude(pair: Interferogram) -> Iterator[NDArray[Any]]:
    """Magnitude of the interferogram; 1 where there is a phase if the result does not keep i and q."""
    if not {"i", "q"} <= pair.bands.keys():
        yield from (np.isfinite(values) for _, values in blocks(pair.bands["phase_unwrapped"]))
        return
    for (_, i), (_, q) in zip(*(blocks(pair.bands[name]) for name in ("i", "q")), strict=True):
        yield np.hypot(i, q)


def _lines(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float32]:
    """Two bands (rows, columns) line by line: (rows, 2, columns), 0 where either is not a number."""
    both = np.stack([first, second], axis=1).astype("<f4")
    return np.where(np.isfinite(both).all(axis=1, keepdims=True), both, np.float32(0))


def _write(path: Path, parts: Iterable[NDArray[Any]], attributes: Mapping[str, str]) -> None:
    with path.open("wb") as file:
        for part in parts:
            file.write(part.tobytes())
    text = "".join(f"{name:<40} {value}\n" for name, value in {**attributes, "FILE_TYPE": path.suffix}.items())
    path.with_name(f"{path.name}.rsc").write_text(text, encoding="utf-8")
