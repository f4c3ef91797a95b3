"""Several bands of one image side by side, each with its own colours: rasters (y, x) in radar geometry."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from local_runner.errors import OpenEOError
from local_runner.report.drawing import (
    INK,
    LONGEST_PX,
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
    from collections.abc import Mapping
    from pathlib import Path

    from matplotlib.figure import Figure

    from local_runner.report.reduce import Picture, Raster

_LEFT, _GAP, _TOP, _FOOT, _COLUMNS = 64, 24, 98, 16, 3
_BELOW: Final = 112
"""Room for axis labels and colour bar below a panel, px."""
_TITLE: Final = 24
_TALLEST: Final = 320


def panels(
    rasters: Mapping[str, Raster],
    out: Path,
    *,
    title: str,
    units: Mapping[str, str] | None = None,
    sample_aspect: float = SAMPLE_ASPECT,
    shape: tuple[int, int] | None = None,
) -> Path:
    """Draw rasters of one shape, three in a row, as PNG 1024 px wide; returns `out`. Names are those of the bands.

    `shape`: lines and samples of the image that the rasters hold every n-th line and sample of; the axes are then its.
    """
    if not rasters:
        raise OpenEOError("ProcessParameterInvalid", "Panels need at least one raster", got=0)
    width = (LONGEST_PX - _LEFT - (_COLUMNS - 1) * _GAP - 16) // _COLUMNS
    room = (width, _TALLEST)
    pictures = {
        name: fit(raster, room, mean=scale_of(name).mean, sample_aspect=sample_aspect)
        for name, raster in rasters.items()
    }
    first = next(iter(pictures.values()))
    if any(picture.shape != first.shape for picture in pictures.values()):
        shapes = {name: picture.shape for name, picture in pictures.items()}
        raise OpenEOError("ProcessParameterInvalid", "The rasters must have one shape", got=shapes)
    if shape is not None:
        pictures = {name: replace(picture, shape=shape, mean="nearest") for name, picture in pictures.items()}
        first = next(iter(pictures.values()))
    rows = -(-len(pictures) // _COLUMNS)
    step = _TITLE + first.values.shape[0] + _BELOW
    figure = figure_of(LONGEST_PX, _TOP - _TITLE + rows * step + _FOOT)
    for k, (name, picture) in enumerate(pictures.items()):
        corner = (_LEFT + k % _COLUMNS * (width + _GAP), _TOP + k // _COLUMNS * step)
        _panel(figure, corner, width, name, picture, (units or {}).get(name, scale_of(name).unit))
    head(figure, _LEFT, LONGEST_PX - 16, title, first)
    return save(figure, out, *{scale_of(name).colormap: scale_of(name) for name in pictures}.values())


def _panel(figure: Figure, corner: tuple[int, int], width: int, name: str, picture: Picture, unit: str) -> None:
    x, y = corner
    rows, scale = picture.values.shape[0], scale_of(name)
    total = figure.bbox
    axes = figure.add_axes((x / total.width, 1 - (y + rows) / total.height, width / total.width, rows / total.height))
    mappable = show(axes, picture, scale)
    label_axes(axes, picture, first=x == _LEFT)
    axes.set_title(name, loc="left", fontsize=10.5, color=INK, pad=5)
    bar = figure.add_axes(
        (
            (x + width / 8) / total.width,
            1 - (y + rows + 58) / total.height,
            0.75 * width / total.width,
            9 / total.height,
        )
    )
    colour_bar(figure, mappable, bar, scale, unit, orientation="horizontal")
