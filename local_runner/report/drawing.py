"""What pictures are made of: the scale of each quantity, axes, colour bar, head, and a PNG with a palette.

Global matplotlib state is left alone.
"""

from __future__ import annotations

import io
import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from local_runner.report.reduce import Picture

LONGEST_PX: Final = 1024
NO_DATA: Final = (200, 213, 172)
"""Colour of NaN: a pale green, clearly apart from all greys, white, and every colour of `twilight` and `RdBu_r`."""
INK, PALE, MARK, EQUAL = "#262626", "#6b6b6b", "#e4572e", "#1f6fb2"
_PAIR: Final = re.compile(r"_\d{8}_\d{8}$")


@dataclass(frozen=True)
class Scale:
    """How a quantity is drawn. `mean`: of blocks.

    `limits` None: those that leave `beyond` percent of the values out at each end, about zero where `symmetric`.
    """

    colormap: str
    limits: tuple[float, float] | None = None
    symmetric: bool = False
    mean: str = "linear"
    unit: str = ""
    beyond: float = 2


OFFSET: Final = Scale("RdBu_r", symmetric=True, unit="px")
_OTHER: Final = Scale("viridis")
_PHASE: Final = Scale("twilight", (-math.pi, math.pi), mean="circular", unit="rad")
_SCALES: Final = {
    "coherence": Scale("gray", (0, 1)),
    "correlation": Scale("gray", (0, 1)),
    "amplitude": Scale("gray"),
    **dict.fromkeys(("i", "q"), Scale("gray", mean="rms")),  # their mean is 0: what is to be seen is the amplitude
    "intensity": Scale("gray"),
    **dict.fromkeys(("phase", "phase_filtered", "reference_phase", "deramp_phase", "reramp_phase"), _PHASE),
    **dict.fromkeys(("dx", "dy", "azimuth_shift", "range_shift"), OFFSET),
    **dict.fromkeys(("dx_m", "dy_m", "los_displacement_m"), replace(OFFSET, unit="m")),
    **dict.fromkeys(("vx", "vy"), replace(OFFSET, unit="m/yr")),
    "phase_unwrapped": Scale("viridis", unit="rad", beyond=0.1),  # what moves is a small part of most images
    "height": Scale("viridis", unit="m"),
    "status": Scale("Set2", (-0.5, 7.5), mean="nearest"),
    "component": Scale("tab20", (-0.5, 19.5), mean="nearest"),
}


def without_pair(quantity: str) -> str:
    """Name of a quantity without the dates of its pair at the end."""
    return _PAIR.sub("", quantity)


def scale_of(quantity: str) -> Scale:
    """Scale of a quantity, with or without polarisation and pair (`coherence_VV_20240809_20240821`)."""
    name = re.sub(r"_(VV|VH|HH|HV)$", "", without_pair(quantity), flags=re.IGNORECASE)
    return _SCALES.get(name, _OTHER)


def limits_of(values: NDArray[Any], scale: Scale) -> tuple[float, float]:
    """Values drawn with the first and last colour; (0, 1) where nothing is valid."""
    if scale.limits is not None:
        return scale.limits
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    if scale.symmetric:
        top = float(np.percentile(np.abs(finite), 100 - scale.beyond)) or 1.0
        return -top, top
    low, high = (float(v) for v in np.percentile(finite, (scale.beyond, 100 - scale.beyond)))
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def colours_of(values: NDArray[Any], scale: Scale) -> ScalarMappable:
    """Colours of values, `NO_DATA` for NaN."""
    colours = mpl.colormaps[scale.colormap].with_extremes(bad=_hex(NO_DATA))
    return ScalarMappable(Normalize(*limits_of(values, scale)), colours)


def figure_of(width: int, height: int) -> Figure:
    """An empty white figure, sizes in px."""
    figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def show(axes: Axes, picture: Picture, scale: Scale) -> ScalarMappable:
    """Draw sample by sample; the extent is in samples (radar) or map units (km where projected)."""
    mappable = colours_of(picture.values, scale)
    rows, columns = picture.shape
    extent = (-0.5, columns - 0.5, rows - 0.5, -0.5)
    if picture.bounds is not None:
        west, south, east, north = (v if _in_degrees(picture) else v / 1000 for v in picture.bounds)
        extent = (west, east, south, north)
    pixels = mappable.to_rgba(picture.values, bytes=True)
    axes.imshow(pixels, extent=extent, aspect="auto", interpolation="nearest")
    if not np.isfinite(picture.values).any():
        axes.text(0.5, 0.5, "no valid sample", transform=axes.transAxes, ha="center", va="center", color=INK)
    return mappable


def label_axes(axes: Axes, picture: Picture, *, first: bool = True) -> None:
    """Name the axes of a raster; the vertical one only where it is the `first` of a row."""
    names = ("range sample", "azimuth line")
    if picture.bounds is not None:
        system = "" if picture.crs is None else ", " + ":".join(picture.crs.to_authority() or (picture.crs.name,))
        names = (f"easting (km{system})", "northing (km)")
        if _in_degrees(picture):
            names = (f"longitude (°{system})", "latitude (°)")
    label(axes, names[0], names[1] if first else "")
    box = axes.get_window_extent()
    for axis, length in ((axes.xaxis, box.width), (axes.yaxis, box.height)):
        axis.set_major_locator(MaxNLocator(max(2, int(length / 90)), steps=[1, 2, 5, 10]))
        axis.get_major_formatter().set_useOffset(False)  # type: ignore[attr-defined]
    axes.tick_params(labelleft=first)
    for spine in axes.spines.values():
        spine.set(color=PALE, linewidth=0.6)


def label(axes: Axes, x: str, y: str) -> None:
    """Name both axes."""
    axes.set_xlabel(x, fontsize=9.5, color=INK)
    axes.set_ylabel(y, fontsize=9.5, color=INK)
    axes.tick_params(labelsize=8.5, length=3, color=PALE, labelcolor=INK)


def colour_bar(
    figure: Figure, mappable: ScalarMappable, axes: Axes, scale: Scale, text: str, orientation: Any = "vertical"
) -> None:
    """Fill `axes` with the colour bar; pointed where values may lie beyond its ends."""
    bar = figure.colorbar(mappable, cax=axes, orientation=orientation, extend="neither" if scale.limits else "both")
    bar.set_label(text, fontsize=9.5, color=INK)
    if scale.mean == "circular":
        bar.set_ticks([-math.pi, -math.pi / 2, 0, math.pi / 2, math.pi], labels=["−π", "−π/2", "0", "π/2", "π"])
    bar.ax.tick_params(labelsize=8.5, length=3, color=PALE, labelcolor=INK)
    bar.outline.set(edgecolor=PALE, linewidth=0.6)


def head(figure: Figure, left: int, right: int, title: str, picture: Picture, note: str = "") -> None:
    """Title, made smaller where it would not fit, caption, and at `right` a key to the colour of NaN where there is any."""
    width, height = figure.bbox.width, figure.bbox.height
    fontsize = min(14, 1.05 * (width - left) / max(1, len(title)))
    figure.text(left / width, 1 - 30 / height, title, fontsize=fontsize, weight="bold", color=INK)
    caption = _caption(picture) + note
    room = right - left - 70
    size = min(9, 1.25 * room / max(1, len(caption)))
    figure.text(left / width, 1 - 53 / height, caption, fontsize=size, color=PALE)
    if not np.isfinite(picture.values).all():
        box = {"boxstyle": "square,pad=0.3", "facecolor": _hex(NO_DATA), "edgecolor": PALE, "linewidth": 0.6}
        at = ((right - 3) / width, 1 - 53 / height)
        figure.text(*at, "no data", fontsize=8.5, ha="right", color=INK, bbox=box)


def save(figure: Figure, out: Path, *scales: Scale) -> Path:
    """Write the figure with a palette of the colours of `scales`, greys and marks: half the bytes, no banding."""
    share = 216 // len(scales)
    colours = [mpl.colormaps[s.colormap](np.linspace(0, 1, share))[:, :3] for s in scales]
    greys = np.repeat(np.linspace(0, 1, 20)[:, None], 3, axis=1)
    lines = [w * np.array(to_rgb(c)) + 1 - w for c in (MARK, EQUAL) for w in (1, 0.75, 0.5, 0.25)]
    palette = np.round(255 * np.concatenate([*colours, greys, lines, np.array([NO_DATA]) / 255])).astype(np.uint8)
    with io.BytesIO() as full:
        FigureCanvasAgg(figure).print_png(full)  # type: ignore[no-untyped-call]
        pixels = np.asarray(Image.open(full).convert("RGB"), np.uint32)
    packed, inverse = np.unique(pixels @ np.array([65536, 256, 1], np.uint32), return_inverse=True)
    nearest = cKDTree(palette).query(np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=1))[1]
    picture = Image.fromarray(nearest.astype(np.uint8)[inverse].reshape(pixels.shape[:2]))
    picture.putpalette(palette.tobytes())
    out.parent.mkdir(parents=True, exist_ok=True)
    picture.save(out, optimize=True)
    return out


def _in_degrees(picture: Picture) -> bool:
    return picture.crs is not None and picture.crs.is_geographic


def _caption(picture: Picture) -> str:
    rows, columns = picture.shape
    down, across = rows / picture.values.shape[0], columns / picture.values.shape[1]
    text = f"{rows} lines × {columns} samples" if picture.crs is None else f"{rows} × {columns} cells"
    if max(down, across) >= 1.05:
        part = {"nearest": "one", "rms": "the root mean square"}.get(picture.mean, "the mean")
        text += f", a pixel is {part} of {max(1, down):.1f} × {max(1, across):.1f}"
    empty = float(1 - np.isfinite(picture.values).mean())
    share = f"{empty:.1%}" if empty >= 0.0005 else "less than 0.1%"
    return text + (f"; {share} without data" if empty else "")


def _hex(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
