"""The figure that compares an estimate with a known truth, in radar geometry."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.colors import PowerNorm

from local_runner.errors import OpenEOError
from local_runner.report.drawing import (
    EQUAL,
    INK,
    LONGEST_PX,
    MARK,
    OFFSET,
    Scale,
    colour_bar,
    figure_of,
    head,
    label,
    label_axes,
    limits_of,
    save,
    scale_of,
    show,
)
from local_runner.report.reduce import SAMPLE_ASPECT, fit, line_of, reduce

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from local_runner.report.reduce import Float32, Picture, Raster

_LEFT, _GAP, _WIDTH, _TOP, _LOW, _FOOT = 64, 18, 304, 84, 190, 50
"""Layout, px: margin, between panels, width of a panel, head, height of the lower panels, below them."""
_BARS: Final = 148
"""Room for axis labels, colour bars and the legends of the lower panels, px."""


def comparison(
    estimate: Raster,
    truth: Raster,
    out: Path,
    *,
    quantity: str = "coherence",
    title: str = "Coherence: truth, estimate, difference",
    note: str = "",
    theory: Callable[[Float32], Any] | None = None,
    sample_aspect: float = SAMPLE_ASPECT,
) -> Path:
    """Draw truth, estimate and difference side by side, their density, and one line as profile.

    `theory` gives the expected estimate for true values; `note` follows the caption. All rasters (y, x) in radar geometry.
    """
    scale = scale_of(quantity)
    known, guess = (fit(r, (_WIDTH, 400), mean=scale.mean, sample_aspect=sample_aspect) for r in (truth, estimate))
    if known.shape != guess.shape:
        raise OpenEOError("ProcessParameterInvalid", "The rasters must have one shape", got=(guess.shape, known.shape))
    rows, line = known.values.shape[0], known.shape[0] // 2
    base = _TOP + rows + _BARS
    figure = figure_of(LONGEST_PX, base + _LOW + _FOOT)
    difference = replace(known, values=guess.values - known.values)
    panels = (
        ("truth", known, scale, quantity),
        ("estimate", guess, scale, quantity),
        ("estimate − truth", difference, OFFSET, f"difference of {quantity}"),
    )
    for k, (name, picture, how, text) in enumerate(panels):
        _panel(figure, k, name, picture, how, text, line)
    sampled = [reduce(r, known.values.shape, "nearest") for r in (estimate, truth)]
    limits = limits_of(known.values, scale)
    density = _place(figure, _LEFT, base, _WIDTH, _LOW)
    _density(density, sampled[0], sampled[1], limits, theory)
    label(density, f"true {quantity}, one sample per pixel above", "estimate")
    profile = _place(figure, _LEFT + _WIDTH + _GAP + 44, base, 2 * _WIDTH + _GAP - 44, _LOW)
    _profile(profile, line_of(estimate, line), line_of(truth, line), scale)
    label(profile, f"range sample of azimuth line {line}, dashed above", quantity)
    head(figure, _LEFT, _LEFT + 3 * _WIDTH + 2 * _GAP, title, known, note)
    return save(figure, out, scale, OFFSET)


def _place(figure: Figure, x: float, y: float, width: float, height: float) -> Axes:
    """Axes whose upper left corner is at (x, y), px from the upper left of the figure."""
    w, h = figure.bbox.width, figure.bbox.height
    return figure.add_axes((x / w, 1 - (y + height) / h, width / w, height / h))


def _panel(figure: Figure, k: int, name: str, picture: Picture, scale: Scale, text: str, line: int) -> None:
    x, rows = _LEFT + k * (_WIDTH + _GAP), picture.values.shape[0]
    axes = _place(figure, x, _TOP, _WIDTH, rows)
    mappable = show(axes, picture, scale)
    label_axes(axes, picture, first=k == 0)
    axes.axhline(line, color=MARK, lw=0.8, ls=(0, (4, 3)))
    axes.set_title(name, loc="left", fontsize=10.5, color=INK, pad=5)
    bar = _place(figure, x + _WIDTH / 6, _TOP + rows + 50, _WIDTH / 1.5, 9)
    colour_bar(figure, mappable, bar, scale, text, orientation="horizontal")


def _density(axes: Axes, estimate: Float32, truth: Float32, limits: tuple[float, float], theory: Any) -> None:
    """Density of estimates over truth, with the line of equality and the expectation."""
    valid = np.isfinite(estimate) & np.isfinite(truth)
    axes.hist2d(truth[valid], estimate[valid], bins=80, range=(limits, limits), cmap="Greys", norm=PowerNorm(0.4))
    x = np.linspace(*limits, 101, dtype=np.float32)
    axes.plot(x, x, color=EQUAL, lw=1, ls="--", label="estimate = truth")
    if theory is not None:
        axes.plot(x, [theory(v) for v in x], color=MARK, lw=1.3, label="expected by theory")
    axes.set(xlim=limits, ylim=limits)
    _dress(axes)


def _profile(axes: Axes, estimate: Float32, truth: Float32, scale: Scale) -> None:
    """One azimuth line at full resolution."""
    axes.plot(estimate, color="#8a8a8a", lw=0.8, label="estimate")
    axes.plot(truth, color=MARK, lw=1.3, label="truth")
    axes.margins(x=0)
    if scale.limits is not None:
        axes.set_ylim(scale.limits)
    _dress(axes)


def _dress(axes: Axes) -> None:
    axes.legend(fontsize=8.5, frameon=False, loc="lower left", bbox_to_anchor=(-0.01, 0.98), ncols=2, borderpad=0.2)
    axes.spines[["top", "right"]].set_visible(False)
