"""Pictures of results: quicklook (PNG, at most 1024 px), thumbnail (256 px), comparison with a known truth.

Rasters are reduced to the size of the picture by block means that leave NaN out (phase: mean of exp(j phase); flags:
one sample of each block), strip by strip, from an overview where there is one: a file of any size is never held whole.
Radar geometry is drawn with the shape that a sample has on the ground (Sentinel-1 IW: 14 m along azimuth, about 3.9 m
in ground range), azimuth lines downwards as stored; map geometry with north up. Global matplotlib state is left alone.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
import numpy as np
import rasterio
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, PowerNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from PIL import Image
from pyproj import CRS
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window
from scipy.spatial import cKDTree

from local_runner.errors import OpenEOError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matplotlib.axes import Axes

    Rows = Callable[[int, int], NDArray[Any]]

Raster = NDArray[Any] | str | Path
Float32 = NDArray[np.float32]
Bounds = tuple[float, float, float, float]

LONGEST_PX: Final = 1024
STRIP_SAMPLES: Final = 4e6
"""Samples read at a time."""
THUMBNAIL_PX: Final = 256
NO_DATA: Final = (236, 231, 220)
"""Colour of NaN: light and slightly warm, so that it is neither the white nor a grey of a grey scale."""
SAMPLE_ASPECT: Final = 14.0 / 3.9
"""Height over width of a Sentinel-1 IW sample on the ground."""
RADAR_SHAPE: Final = (0.36, 1.1)
"""Height over width of a picture in radar geometry: least and most."""
_MARGINS: Final = (86, 112, 74, 62)
_ROOM: Final = (LONGEST_PX - _MARGINS[0] - _MARGINS[1], LONGEST_PX - _MARGINS[2] - _MARGINS[3])
_PAIR: Final = re.compile(r"_\d{8}_\d{8}$")
_INK, _PALE, _MARK, _EQUAL = "#262626", "#6b6b6b", "#e4572e", "#1f6fb2"


@dataclass(frozen=True)
class Scale:
    """How a quantity is drawn. `limits` None: percentiles 2 to 98, about zero where `symmetric`. `mean`: of blocks."""

    colormap: str
    limits: tuple[float, float] | None = None
    symmetric: bool = False
    mean: str = "linear"
    unit: str = ""


_OTHER: Final = Scale("viridis")
_OFFSET: Final = Scale("RdBu_r", symmetric=True, unit="px")
_PHASE: Final = Scale("twilight", (-math.pi, math.pi), mean="circular", unit="rad")
_SCALES: Final = {
    "coherence": Scale("gray", (0, 1)),
    "correlation": Scale("gray", (0, 1)),
    "amplitude": Scale("gray"),
    "intensity": Scale("gray"),
    **dict.fromkeys(("phase", "phase_filtered", "reference_phase", "deramp_phase", "reramp_phase"), _PHASE),
    **dict.fromkeys(("dx", "dy", "azimuth_shift", "range_shift"), _OFFSET),
    **dict.fromkeys(("dx_m", "dy_m", "los_displacement_m"), replace(_OFFSET, unit="m")),
    **dict.fromkeys(("vx", "vy"), replace(_OFFSET, unit="m/yr")),
    "phase_unwrapped": Scale("viridis", unit="rad"),
    "height": Scale("viridis", unit="m"),
    "status": Scale("Set2", (-0.5, 7.5), mean="nearest"),
    "component": Scale("tab20", (-0.5, 19.5), mean="nearest"),
}


@dataclass(frozen=True)
class _Picture:
    """A raster at the size of the picture: `values` (y, x) float32, north up; `shape` of the source; map `bounds`."""

    values: Float32
    shape: tuple[int, int]
    bounds: Bounds | None
    geographic: bool


def scale_of(quantity: str) -> Scale:
    """Scale of a quantity, with or without polarisation and pair (`coherence_VV_20240809_20240821`)."""
    name = re.sub(r"_(VV|VH|HH|HV)$", "", _PAIR.sub("", quantity), flags=re.IGNORECASE)
    return _SCALES.get(name, _OTHER)


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
    picture = _picture(raster, scale, _ROOM, sample_aspect, bounds, crs)
    rows, columns = picture.values.shape
    width, height = max(columns + left + right, 560), rows + top + bottom
    figure = _figure(width, height)
    axes = figure.add_axes((left / width, bottom / height, columns / width, rows / height))
    mappable = _show(axes, picture, scale)
    _label_axes(axes, picture)
    unit = scale.unit if units is None else units
    text = _PAIR.sub("", quantity).removesuffix("_m").replace("_", " ") + (
        f" ({unit})" if unit not in {"", "1"} else ""
    )
    bar = figure.add_axes(((left + columns + 14) / width, bottom / height, 15 / width, rows / height))
    _colour_bar(figure, mappable, bar, scale, text)
    _head(figure, left, title, _caption(picture, scale))
    return _save(figure, out, scale)


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
    picture = _picture(raster, scale, (THUMBNAIL_PX, THUMBNAIL_PX), sample_aspect, bounds, crs)
    mappable = _mappable(picture.values, scale)
    out.parent.mkdir(parents=True, exist_ok=True)
    imsave(out, np.asarray(mappable.to_rgba(picture.values, bytes=True)), format="png", pil_kwargs={"optimize": True})
    return out


def render_extension(quantity: str, limits: tuple[float, float] | None = None) -> dict[str, Any]:
    """Entry of the STAC field `renders` (render extension 2.0.0) with the scaling of the quicklook.

    Quantities without a fixed scale get a `rescale` only where `limits` (of `limits_of`) are given.
    """
    scale, name = scale_of(quantity), _PAIR.sub("", quantity)
    entry: dict[str, Any] = {"assets": [name], "title": name.replace("_", " ")}
    entry["colormap_name"] = scale.colormap.lower()
    limits = scale.limits or limits
    if limits is not None:
        entry["rescale"] = [[float(v) for v in limits]]
    return entry | {"nodata": "nan", "resampling": "average" if scale.mean == "linear" else "nearest"}


def limits_of(raster: Raster, quantity: str) -> tuple[float, float]:
    """Values that a quicklook draws with the first and last colour: fixed, else percentiles 2 and 98 of its pixels.

    (0, 1) where nothing is valid.
    """
    scale = scale_of(quantity)
    return _limits(_picture(raster, scale, _ROOM, SAMPLE_ASPECT, None, None).values, scale)


def comparison(
    estimate: Raster,
    truth: Raster,
    out: Path,
    *,
    quantity: str = "coherence",
    title: str = "Coherence: truth, estimate, difference",
    theory: Callable[[Float32], Any] | None = None,
    sample_aspect: float = SAMPLE_ASPECT,
) -> Path:
    """Draw truth, estimate and difference side by side, their density, and one line as profile.

    `theory` gives the expected estimate for true values. All rasters (y, x) in radar geometry.
    """
    scale = scale_of(quantity)
    left, gap, columns, top, low, foot = 64, 18, 304, 84, 190, 50
    known, guess = (_picture(r, scale, (columns, 400), sample_aspect, None, None) for r in (truth, estimate))
    if known.shape != guess.shape:
        raise OpenEOError("ProcessParameterInvalid", "The rasters must have one shape", got=(guess.shape, known.shape))
    rows = known.values.shape[0]
    base = top + rows + 122
    height = base + low + foot
    figure = _figure(LONGEST_PX, height)

    def place(x: float, y: float, w: float, h: float) -> Axes:
        return figure.add_axes((x / LONGEST_PX, 1 - (y + h) / height, w / LONGEST_PX, h / height))

    line = known.shape[0] // 2
    difference = replace(known, values=guess.values - known.values)
    panels = (("truth", known, scale), ("estimate", guess, scale), ("estimate − truth", difference, _OFFSET))
    for k, (name, picture, how) in enumerate(panels):
        x = left + k * (columns + gap)
        axes = place(x, top, columns, rows)
        mappable = _show(axes, picture, how)
        _label_axes(axes, picture, first=k == 0)
        axes.axhline(line, color=_MARK, lw=0.8, ls=(0, (4, 3)))
        axes.set_title(name, loc="left", fontsize=10.5, color=_INK, pad=5)
        bar = place(x + columns / 6, top + rows + 50, columns / 1.5, 9)
        _colour_bar(figure, mappable, bar, how, "", orientation="horizontal")
    sampled = [_reduce(r, known.values.shape, "nearest") for r in (estimate, truth)]
    _density(place(left, base, columns, low), sampled[0], sampled[1], _limits(known.values, scale), theory)
    _profile(place(left + columns + gap + 34, base, 2 * columns + gap - 34, low), estimate, truth, line)
    _head(figure, left, title, _caption(known, scale))
    return _save(figure, out, scale, _OFFSET)


def _picture(
    raster: Raster, scale: Scale, room: tuple[int, int], aspect: float, bounds: Bounds | None, crs: CRS | str | None
) -> _Picture:
    """Reduce (or repeat) the raster to fill `room` (width, height), in px, with the shape that it has on the ground."""
    shape, box, system, flipped = _describe(raster, bounds, crs)
    geographic = system is not None and system.is_geographic
    if box is None:
        ratio = min(max(shape[0] * aspect / shape[1], RADAR_SHAPE[0]), RADAR_SHAPE[1])
    else:
        ratio = (box[3] - box[1]) / (box[2] - box[0])
        ratio /= math.cos(math.radians((box[1] + box[3]) / 2)) if geographic else 1
    width = min(room[0], room[1] / ratio)
    values = _reduce(raster, (max(1, round(width * ratio)), max(1, round(width))), scale.mean)
    return _Picture(values[::-1] if flipped else values, shape, box, geographic)


def _describe(
    raster: Raster, bounds: Bounds | None, crs: CRS | str | None
) -> tuple[tuple[int, int], Bounds | None, CRS | None, bool]:
    """Shape, map bounds (None: radar geometry), CRS, and whether row 0 is the south."""
    if isinstance(raster, np.ndarray):
        if raster.ndim != 2 or raster.dtype.kind == "c" or not raster.size:
            got = (raster.shape, str(raster.dtype))
            raise OpenEOError("ProcessParameterInvalid", "A raster must be real (y, x)", got=got)
        return raster.shape, bounds, None if crs is None or bounds is None else CRS.from_user_input(crs), False
    with _open(raster) as dataset:
        t, shape = dataset.transform, (dataset.height, dataset.width)
        identity = t.a == 1 and abs(t.e) == 1 and t.c == 0 and t.f in {0, dataset.height}
        if dataset.crs is None or identity:
            return shape, None, None, False
        west, low, east, high = dataset.bounds
        return shape, (west, min(low, high), east, max(low, high)), CRS.from_wkt(dataset.crs.to_wkt()), t.e > 0


def _open(path: str | Path, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path, **options)


@contextmanager
def _rows(raster: Raster, size: tuple[int, int] | None = None) -> Iterator[tuple[Rows, tuple[int, int]]]:
    """Give a reader of the rows [a, b) and the shape that it reads: the coarsest overview not smaller than `size`."""
    if isinstance(raster, np.ndarray):
        yield (lambda a, b: raster[a:b]), raster.shape
        return
    with _open(raster) as full:
        factors = full.overviews(1) if size else []
        fit = [k for k, f in enumerate(factors) if size and f * size[0] <= full.height and f * size[1] <= full.width]
    with _open(raster, **({"overview_level": fit[-1]} if fit else {})) as dataset:

        def read(a: int, b: int) -> NDArray[Any]:
            block: NDArray[Any] = dataset.read(1, window=Window(0, a, dataset.width, b - a))
            return block if dataset.nodata is None else np.where(block == dataset.nodata, np.nan, block)

        yield read, (dataset.height, dataset.width)


def _reduce(raster: Raster, size: tuple[int, int], mean: str) -> Float32:
    """Reduce to `size` (y, x) by means over blocks, NaN left out; samples repeat where `size` is larger."""
    with _rows(raster, size if mean == "linear" else None) as (read, shape):
        height, width = min(shape[0], size[0]), min(shape[1], size[1])
        rows, columns = np.arange(height + 1) * shape[0] // height, np.arange(width + 1) * shape[1] // width
        reduced = np.empty((height, width), np.float32)
        step = max(1, int(STRIP_SAMPLES / shape[1] * height / shape[0]))
        for a in range(0, height, step):
            b = min(a + step, height)
            reduced[a:b] = _blocks(read(int(rows[a]), int(rows[b])), rows[a:b] - rows[a], columns[:-1], mean)
    return reduced[np.arange(size[0])[:, None] * height // size[0], np.arange(size[1]) * width // size[1]]


def _blocks(values: NDArray[Any], rows: NDArray[np.intp], columns: NDArray[np.intp], mean: str) -> NDArray[Any]:
    """Mean of each block that starts at `rows` and `columns`; NaN where nothing is finite."""
    if mean == "nearest":
        return values[rows[:, None], columns]
    finite = np.isfinite(values)
    clean = np.where(finite, values, 0)
    terms = np.where(finite, np.exp(1j * clean), 0) if mean == "circular" else clean.astype(np.float64)
    total, count = (np.add.reduceat(np.add.reduceat(v, columns, axis=1), rows, axis=0) for v in (terms, finite * 1.0))
    value = np.angle(total) if mean == "circular" else total / np.maximum(count, 1)
    return np.where(count > 0, value, np.nan)


def _limits(values: NDArray[Any], scale: Scale) -> tuple[float, float]:
    if scale.limits is not None:
        return scale.limits
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    if scale.symmetric:
        top = float(np.percentile(np.abs(finite), 98)) or 1.0
        return -top, top
    low, high = (float(v) for v in np.percentile(finite, (2, 98)))
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _mappable(values: Float32, scale: Scale) -> ScalarMappable:
    colours = mpl.colormaps[scale.colormap].with_extremes(bad="#{:02x}{:02x}{:02x}".format(*NO_DATA))
    return ScalarMappable(Normalize(*_limits(values, scale)), colours)


def _show(axes: Axes, picture: _Picture, scale: Scale) -> ScalarMappable:
    """Draw sample by sample; the extent is in samples (radar) or map units (km where projected)."""
    mappable = _mappable(picture.values, scale)
    rows, columns = picture.shape
    extent = (-0.5, columns - 0.5, rows - 0.5, -0.5)
    if picture.bounds is not None:
        west, south, east, north = (v if picture.geographic else v / 1000 for v in picture.bounds)
        extent = (west, east, south, north)
    pixels = mappable.to_rgba(picture.values, bytes=True)
    axes.imshow(pixels, extent=extent, aspect="auto", interpolation="nearest")
    if not np.isfinite(picture.values).any():
        axes.text(0.5, 0.5, "no valid sample", transform=axes.transAxes, ha="center", va="center", color=_PALE)
    return mappable


def _label_axes(axes: Axes, picture: _Picture, *, first: bool = True) -> None:
    names = ("range sample", "azimuth line")
    if picture.bounds is not None:
        names = ("longitude (°)", "latitude (°)") if picture.geographic else ("easting (km)", "northing (km)")
    axes.set_xlabel(names[0], fontsize=9.5, color=_INK)
    axes.set_ylabel(names[1] if first else "", fontsize=9.5, color=_INK)
    box = axes.get_window_extent()
    for axis, length in ((axes.xaxis, box.width), (axes.yaxis, box.height)):
        axis.set_major_locator(MaxNLocator(max(2, int(length / 90)), steps=[1, 2, 5, 10]))
        axis.get_major_formatter().set_useOffset(False)  # type: ignore[attr-defined]
    axes.tick_params(labelsize=8.5, length=3, color=_PALE, labelcolor=_INK, labelleft=first)
    for spine in axes.spines.values():
        spine.set(color=_PALE, linewidth=0.6)


def _colour_bar(
    figure: Figure, mappable: ScalarMappable, axes: Axes, scale: Scale, text: str, orientation: Any = "vertical"
) -> None:
    bar = figure.colorbar(mappable, cax=axes, orientation=orientation, extend="neither" if scale.limits else "both")
    bar.set_label(text, fontsize=9.5, color=_INK)
    if scale.mean == "circular":
        bar.set_ticks([-math.pi, -math.pi / 2, 0, math.pi / 2, math.pi], labels=["−π", "−π/2", "0", "π/2", "π"])
    bar.ax.tick_params(labelsize=8.5, length=3, color=_PALE, labelcolor=_INK)
    bar.outline.set(edgecolor=_PALE, linewidth=0.6)


def _figure(width: int, height: int) -> Figure:
    figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _head(figure: Figure, left: int, title: str, caption: str) -> None:
    """Title, made smaller where it would not fit, and caption."""
    width, height = figure.bbox.width, figure.bbox.height
    fontsize = min(14, 1.05 * (width - left) / max(1, len(title)))
    figure.text(left / width, 1 - 30 / height, title, fontsize=fontsize, weight="bold", color=_INK)
    figure.text(left / width, 1 - 53 / height, caption, fontsize=9, color=_PALE)


def _caption(picture: _Picture, scale: Scale) -> str:
    rows, columns = picture.shape
    down, across = rows / picture.values.shape[0], columns / picture.values.shape[1]
    text = f"{columns} × {rows} samples"
    if max(down, across) >= 1.05:
        part = "one" if scale.mean == "nearest" else "the mean"
        text += f", a pixel is {part} of {max(1, across):.1f} × {max(1, down):.1f}"
    empty = float(1 - np.isfinite(picture.values).mean())
    return text + (f"; {empty:.1%} without data" if empty else "")


def _density(axes: Axes, estimate: Float32, truth: Float32, limits: tuple[float, float], theory: Any) -> None:
    """Density of estimates over truth, with the line of equality and the expectation."""
    valid = np.isfinite(estimate) & np.isfinite(truth)
    axes.hist2d(truth[valid], estimate[valid], bins=80, range=(limits, limits), cmap="Greys", norm=PowerNorm(0.4))
    x = np.linspace(*limits, 101, dtype=np.float32)
    axes.plot(x, x, color=_EQUAL, lw=1, ls="--", label="equal")
    if theory is not None:
        axes.plot(x, [theory(v) for v in x], color=_MARK, lw=1.3, label="expected by theory")
    axes.set(xlim=limits, ylim=limits)
    _dress(axes, "truth", "estimate")


def _profile(axes: Axes, estimate: Raster, truth: Raster, line: int) -> None:
    """One azimuth line at full resolution."""
    for raster, style in ((estimate, ("#8a8a8a", 0.8, "estimate")), (truth, (_MARK, 1.3, "truth"))):
        with _rows(raster) as (read, _):
            values = read(line, line + 1)[0]
        axes.plot(values, color=style[0], lw=style[1], label=style[2])
    axes.margins(x=0)
    _dress(axes, f"range sample of line {line} (dashed above)", "")


def _dress(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x, fontsize=9.5, color=_INK)
    axes.set_ylabel(y, fontsize=9.5, color=_INK)
    axes.tick_params(labelsize=8.5, length=3, color=_PALE, labelcolor=_INK)
    axes.legend(fontsize=8.5, frameon=False, loc="lower left", bbox_to_anchor=(-0.01, 0.98), ncols=2, borderpad=0.2)
    axes.spines[["top", "right"]].set_visible(False)


def _save(figure: Figure, out: Path, *scales: Scale) -> Path:
    """Write the figure with a palette of the colours of `scales`, greys and marks: half the bytes, no banding."""
    share = 216 // len(scales)
    colours = [mpl.colormaps[s.colormap](np.linspace(0, 1, share))[:, :3] for s in scales]
    greys = np.repeat(np.linspace(0, 1, 20)[:, None], 3, axis=1)
    lines = [w * np.array(to_rgb(c)) + 1 - w for c in (_MARK, _EQUAL) for w in (1, 0.75, 0.5, 0.25)]
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
