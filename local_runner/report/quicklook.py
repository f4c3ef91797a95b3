"""Pictures of one raster: quicklook (PNG, at most 1024 px), thumbnail (256 px), and its entry in STAC `renders`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.image import imsave

from local_runner.report.drawing import (
    LONGEST_PX,
    colour_bar,
    colours_of,
    figure_of,
    head,
    label_axes,
    save,
    scale_of,
    show,
    without_pair,
)
from local_runner.report.reduce import SAMPLE_ASPECT, fit

if TYPE_CHECKING:
    from pathlib import Path

    from pyproj import CRS

    from local_runner.report.reduce import Bounds, Raster

THUMBNAIL_PX: Final = 256
_LEAST_WIDTH: Final = 560
_MARGINS: Final = (86, 112, 74, 62)
"""Left, right, top, bottom, px."""


def quicklook(
    raster: Raster,
    *,
    quantity: str,
    title: str,
    out: Path,
    units: str | None = None,
    bounds: Bounds | None = None,
    crs: CRS | str | None = None,
    sample_aspect: float = SAMPLE_ASPECT,
) -> Path:
    """Draw a raster (y, x), array or GeoTIFF, as PNG with axes and colour bar; returns `out`.

    An array in map geometry needs `bounds` (west, south, east, north; row 0 is north) and `crs`; a file brings its own.
    `sample_aspect`: height over width of a sample on the ground, in radar geometry.
    """
    scale = scale_of(quantity)
    left, right, top, bottom = _MARGINS
    room = (LONGEST_PX - left - right, LONGEST_PX - top - bottom)
    picture = fit(raster, room, mean=scale.mean, sample_aspect=sample_aspect, bounds=bounds, crs=crs)
    rows, columns = picture.values.shape
    width, height = max(columns + left + right, _LEAST_WIDTH), rows + top + bottom
    figure = figure_of(width, height)
    axes = figure.add_axes((left / width, bottom / height, columns / width, rows / height))
    mappable = show(axes, picture, scale)
    label_axes(axes, picture)
    bar = figure.add_axes(((left + columns + 14) / width, bottom / height, 15 / width, rows / height))
    colour_bar(figure, mappable, bar, scale, _legend(quantity, scale.unit if units is None else units))
    head(figure, left, max(left + columns, _LEAST_WIDTH - 14), title, picture)
    return save(figure, out, scale)


def thumbnail(
    raster: Raster,
    *,
    quantity: str,
    out: Path,
    bounds: Bounds | None = None,
    crs: CRS | str | None = None,
    sample_aspect: float = SAMPLE_ASPECT,
) -> Path:
    """Draw a raster (y, x) as PNG of at most 256 px without decoration; returns `out`."""
    scale = scale_of(quantity)
    room = (THUMBNAIL_PX, THUMBNAIL_PX)
    values = fit(raster, room, mean=scale.mean, sample_aspect=sample_aspect, bounds=bounds, crs=crs).values
    pixels = np.asarray(colours_of(values, scale).to_rgba(values, bytes=True))
    out.parent.mkdir(parents=True, exist_ok=True)
    imsave(out, pixels, format="png", pil_kwargs={"optimize": True})
    return out


def render_extension(quantity: str, limits: tuple[float, float] | None = None) -> dict[str, Any]:
    """Entry of the STAC field `renders` (render extension 2.0.0) with the scaling of the quicklook.

    Quantities without a fixed scale get a `rescale` only where `limits` are given.
    """
    scale, name = scale_of(quantity), without_pair(quantity)
    entry: dict[str, Any] = {"assets": [name], "title": name.replace("_", " ")}
    entry["colormap_name"] = scale.colormap.lower()
    limits = scale.limits or limits
    if limits is not None:
        entry["rescale"] = [[float(v) for v in limits]]
    return entry | {"nodata": "nan", "resampling": "average" if scale.mean == "linear" else "nearest"}


def _legend(quantity: str, unit: str) -> str:
    name = without_pair(quantity).removesuffix("_m").replace("_", " ")
    return name if unit in {"", "1"} else f"{name} ({unit})"
