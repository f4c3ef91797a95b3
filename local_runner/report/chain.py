"""The figure of an interferogram from fringes to unwrapped phase, beside a known truth, in radar geometry."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from local_runner.report.drawing import (
    INK,
    LONGEST_PX,
    OFFSET,
    Scale,
    colour_bar,
    figure_of,
    head,
    label_axes,
    save,
    scale_of,
    show,
)
from local_runner.report.reduce import SAMPLE_ASPECT, fit

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from local_runner.report.reduce import Float32, Picture

_LEFT, _GAP, _TOP, _FOOT, _COLUMNS = 64, 24, 98, 14, 3
_BELOW: Final = 128
"""Room for axis labels, colour bar and the title of the next panel, px."""
_DIFFERENCE: Final = replace(OFFSET, unit="rad", limits=(-1.0, 1.0))


class _Panel(NamedTuple):
    name: str
    values: Float32
    scale: Scale
    text: str


def chain(
    out: Path,
    *,
    fringes: Float32,
    filtered: Float32,
    coherence: Float32,
    truth: Float32,
    unwrapped: Float32 | None,
    cell: tuple[int, int],
    title: str,
    note: str = "",
) -> Path:
    """Draw rasters of one shape (y, x), NaN without data, as PNG 1024 px wide; returns `out`.

    `fringes` and `filtered`: phase before and after flattening and filtering, rad; `truth` and `unwrapped`: phase in rad, the
    latter None where there is none. `cell`: lines and samples of one value. `note` follows the caption.
    """
    panels = _panels(fringes, filtered, coherence, truth, unwrapped)
    width = (LONGEST_PX - _LEFT - (_COLUMNS - 1) * _GAP - 16) // _COLUMNS
    aspect = SAMPLE_ASPECT * cell[0] / cell[1]
    pictures = [_picture(panel, width, aspect, cell) for panel in panels]
    rows = -(-len(panels) // _COLUMNS)
    step = pictures[0].values.shape[0] + _BELOW
    figure = figure_of(LONGEST_PX, _TOP + rows * step - 40 + _FOOT)
    for k, (panel, picture) in enumerate(zip(panels, pictures, strict=True)):
        _draw(figure, (_LEFT + k % _COLUMNS * (width + _GAP), _TOP + k // _COLUMNS * step), width, panel, picture)
    head(figure, _LEFT, LONGEST_PX - 16, title, pictures[0], note)
    return save(figure, out, *{panel.scale.colormap: panel.scale for panel in panels}.values())


def _panels(
    fringes: Float32, filtered: Float32, coherence: Float32, truth: Float32, unwrapped: Float32 | None
) -> list[_Panel]:
    phase, whole = scale_of("phase"), scale_of("phase_unwrapped")
    whole = replace(whole, limits=(float(np.nanmin(truth)), float(np.nanmax(truth))))
    found = [
        _Panel("interferogram", fringes, phase, "phase (rad)"),
        _Panel("flattened and filtered", filtered, phase, "phase (rad)"),
        _Panel("coherence", coherence, scale_of("coherence"), "coherence"),
    ]
    if unwrapped is not None:
        found.append(_Panel("unwrapped", unwrapped, whole, "phase (rad)"))
    found.append(_Panel("truth", truth, whole, "phase (rad)"))
    if unwrapped is not None:
        found.append(_Panel("unwrapped − truth", unwrapped - truth, _DIFFERENCE, "difference (rad)"))
    return found


def _picture(panel: _Panel, width: int, aspect: float, cell: tuple[int, int]) -> Picture:
    """A panel at its size, with the shape of the image that the cells are of."""
    picture = fit(panel.values, (width, 400), mean=panel.scale.mean, sample_aspect=aspect)
    lines, samples = (int(size * step) for size, step in zip(picture.shape, cell, strict=True))
    return replace(picture, shape=(lines, samples))


def _draw(figure: Figure, corner: tuple[int, int], width: int, panel: _Panel, picture: Picture) -> None:
    (x, y), rows = corner, picture.values.shape[0]
    w, h = figure.bbox.width, figure.bbox.height
    axes = figure.add_axes((x / w, 1 - (y + rows) / h, width / w, rows / h))
    mappable = show(axes, picture, panel.scale)
    label_axes(axes, picture, first=x == _LEFT)
    axes.set_title(panel.name, loc="left", fontsize=10.5, color=INK, pad=5)
    bar = figure.add_axes(((x + width / 8) / w, 1 - (y + rows + 58) / h, 0.75 * width / w, 9 / h))
    colour_bar(figure, mappable, bar, panel.scale, panel.text, orientation="horizontal")
