"""The map of footprints: outlines of STAC items in degrees, one colour per group, named where there is room.

True to scale at the middle latitude. No coastlines and no background: those would have to be fetched.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from matplotlib.patches import Polygon
from matplotlib.ticker import MaxNLocator

from local_runner.errors import OpenEOError
from local_runner.report.drawing import INK, LONGEST_PX, PALE, Scale, figure_of, label, save

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

_COLOURS: Final = Scale("tab10")
_LEFT, _RIGHT, _TOP, _BOTTOM = 86, 34, 74, 88
"""Margins, px; the legend stands in the lower one."""
_TALLEST: Final = 760
_MARGIN: Final = 0.05
"""Room around the outlines, as a part of the map."""


class Outline(NamedTuple):
    """A footprint: the group that gives its colour, its name on the map, and its GeoJSON geometry."""

    group: str
    name: str
    geometry: Mapping[str, Any]


def footprints(outlines: Sequence[Outline], out: Path, *, title: str, note: str = "") -> Path:
    """Draw outlines as PNG of at most 1024 px; returns `out`. Raises `NoDataAvailable` where there is none."""
    parts = [(outline, ring) for outline in outlines for ring in _rings(outline.geometry)]
    if not parts:
        raise OpenEOError("NoDataAvailable", "A map of footprints needs items with a geometry", got=len(outlines))
    parts = _one_side(parts)
    west, south, east, north = _extent([ring for _, ring in parts])
    stretch = math.cos(math.radians((south + north) / 2))
    width = LONGEST_PX - _LEFT - _RIGHT
    height = round(width * (north - south) / ((east - west) * stretch))
    if height > _TALLEST:
        width, height = max(320, round(width * _TALLEST / height)), _TALLEST
    figure = figure_of(width + _LEFT + _RIGHT, height + _TOP + _BOTTOM)
    total = figure.bbox
    axes = figure.add_axes((_LEFT / total.width, _BOTTOM / total.height, width / total.width, height / total.height))
    groups = list(dict.fromkeys(outline.group for outline in outlines))
    for outline, ring in parts:
        _draw(axes, outline, ring, f"C{groups.index(outline.group) % 10}")
    axes.set(xlim=(west, east), ylim=(south, north))
    _dress(axes, groups)
    figure.text(_LEFT / total.width, 1 - 30 / total.height, title, fontsize=14, weight="bold", color=INK)
    figure.text(_LEFT / total.width, 1 - 53 / total.height, note, fontsize=9, color=PALE)
    return save(figure, out, _COLOURS)


def _rings(geometry: Mapping[str, Any]) -> list[list[tuple[float, float]]]:
    """Outer rings of a polygon or of several."""
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    return [[(float(p[0]), float(p[1])) for p in polygon[0]] for polygon in polygons]


Part = tuple[Outline, list[tuple[float, float]]]


def _one_side(parts: list[Part]) -> list[Part]:
    """Outlines in longitudes of 0 to 360 where they lie on both sides of the antimeridian."""
    lons = [lon for _, ring in parts for lon, _ in ring]
    if max(lons) - min(lons) <= 180:
        return parts
    return [(outline, [(lon % 360 if lon != 180 else lon, lat) for lon, lat in ring]) for outline, ring in parts]


def _extent(rings: Sequence[Sequence[tuple[float, float]]]) -> tuple[float, float, float, float]:
    lons, lats = zip(*[point for ring in rings for point in ring], strict=True)
    x, y = (_MARGIN * max(max(v) - min(v), 1e-6) for v in (lons, lats))
    return min(lons) - x, min(lats) - y, max(lons) + x, max(lats) + y


def _draw(axes: Axes, outline: Outline, ring: list[tuple[float, float]], colour: str) -> None:
    axes.add_patch(Polygon(ring, closed=True, facecolor="none", edgecolor=colour, linewidth=1.2))
    lons, lats = zip(*ring[:-1], strict=True)
    axes.text(
        sum(lons) / len(lons), sum(lats) / len(lats), outline.name, fontsize=8.5, ha="center", va="center", color=colour
    )


def _dress(axes: Axes, groups: Sequence[str]) -> None:
    """Axes in degrees, a grid, and the key to the groups below."""
    label(axes, "longitude (°)", "latitude (°)")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
        axis.get_major_formatter().set_useOffset(False)  # type: ignore[attr-defined]
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set(color=PALE, linewidth=0.6)
    for k, group in enumerate(groups):
        axes.plot([], [], color=f"C{k % 10}", label=group)
    below = (0.5, -44 / axes.get_window_extent().height)
    axes.legend(fontsize=9, frameon=False, ncols=min(len(groups), 5), loc="upper center", bbox_to_anchor=below)
