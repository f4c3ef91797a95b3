"""A STAC catalogue in words: what `openeo-sar describe CATALOGUE` prints, and one line per collection for `openeo-sar stac`.

Reads documents alone; of the files of the products it is only asked whether they are there.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text

from local_runner.access import Access, locate
from local_runner.cube import utc_day
from local_runner.errors import OpenEOError
from local_runner.products import is_driven
from local_runner.stac.overview import Overview, overviews, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

_FIELDS: Final = {
    "product": ("product:type", "openeo_sar:driver"),
    "platform": ("platform",),
    "mode": ("sar:instrument_mode",),
    "polarisations": ("sar:polarizations",),
    "orbit": ("sat:relative_orbit", "sat:orbit_state"),
    "orbit file": ("openeo_sar:orbit",),
    "burst": ("openeo_sar:burst_id", "openeo_sar:relative_burst"),
    "swath": ("openeo_sar:swath", "sar:beam_ids"),
    "DEM": ("insar:processing_dem", "openeo_sar:dem_datum"),
}
"""Lines of the description, and the properties that they tell."""


def lines(known: Sequence[Overview]) -> list[str]:
    """Collections in one line each: id, dates, shape, bands; bands that all have stand in a line of their own."""
    common = _common_bands(known)
    found = []
    for stack in known:
        shape = " x ".join(map(str, stack.shape)) if stack.shape else "unknown shape"
        bands = _counted(list(stack.bands), "band") + ("" if common else f": {', '.join(stack.bands)}")
        found.append(f"{stack.id}: {_span(stack.days)}, {shape}, {bands}")
    return [*found, *([f"bands: {common}"] if common else [])]


def describe(address: str, access: Access) -> Group:
    """Description of an item, a collection, or a collection of collections."""
    known = overviews(address, access)
    parts = [_table_of(known, address, access)] if len(known) > 1 else [*_described(known[0])]
    return Group(*[line for part in parts for line in (Text(), part)][1:])


def next_commands(stack: Overview) -> list[str]:
    """Commands that go on from a collection."""
    from local_runner import catalog  # noqa: PLC0415

    given = f"data={stack.address}"
    found = []
    complex_bands = any(name.startswith("i_") for name in stack.bands)
    if complex_bands and "azimuth_shift" in stack.bands:
        found += [["run", "slc_coregistration", "--input", given]] if "slc_coregistration" in catalog.ids() else []
    elif complex_bands and len(stack.days) > 1:
        found.append(["run", "slc_coherence", "--input", given, "-p", "pairs=neighbours:1", "--out", "coherence"])
    if any(map(is_driven, stack.found)):
        found.append(["stac", stack.address, "--materialise"])
    return [f"openeo-sar {shlex.join(words)}" for words in found]


def _described(stack: Overview) -> Iterator[RenderableType]:
    title = [Text(stack.id, style="bold")]
    told = plain(stack.document.get("title") or stack.document.get("description") or "")
    yield Group(*title, *([Text(told)] if told else []))
    yield _facts(stack)
    yield _dates(stack)
    yield _bands(stack)
    if stack.missing:
        many = _counted(stack.missing, "file")
        yield Text(f"Missing: {many}, the first is {plain(stack.missing[0])}", style="bold red")
    commands = [Text(command, no_wrap=True) for command in next_commands(stack)]
    if commands:
        yield Group(Text("Next", style="bold"), *commands)


def _facts(stack: Overview) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    rows = {name: ", ".join(stack.values(*fields)) for name, fields in _FIELDS.items()}
    rows |= {"primary": stack.primary, "grid": _grid(stack), "footprint": _footprint(stack)}
    for name, value in rows.items():
        if value:
            table.add_row(name, value)
    return table


def _common_bands(known: Sequence[Overview]) -> str:
    """Bands of several collections that have the same ones; empty otherwise."""
    several = {", ".join(stack.bands) for stack in known}
    return several.pop() if len(known) > 1 and len(several) == 1 else ""


def _grid(stack: Overview) -> str:
    if stack.shape is None:
        return "not told by the metadata"
    rows, columns = stack.shape
    if stack.code:
        return f"{stack.code}, {rows} x {columns} cells"
    return f"radar geometry, {rows} lines x {columns} samples"


def _footprint(stack: Overview) -> str:
    if not stack.box:
        return ""
    west, south, east, north = stack.box
    middle = (west + (east - west) % 360 / 2 + 180) % 360 - 180
    return (
        f"centre {(south + north) / 2:.4f}, {middle:.4f} (latitude, longitude);"
        f" west {west:.4f}, south {south:.4f}, east {east:.4f}, north {north:.4f}"
    )


def _dates(stack: Overview) -> Table:
    """Items with their baselines to the stack primary, as far as they are known."""
    table = Table("date", "item", "days", "perpendicular (m)", box=None, header_style="bold", pad_edge=False)
    for found in sorted(stack.found, key=lambda each: (each.time(), each.id)):
        day = utc_day(found.time())
        after = (np.datetime64(day) - np.datetime64(stack.primary)).astype(int) if stack.primary else None
        baseline = found.properties.get("insar:perpendicular_baseline")
        told = f"{baseline:+.2f}" if isinstance(baseline, int | float) else ""
        table.add_row(
            day, plain(found.id), "" if after is None else f"{after:+d}", "primary" if day == stack.primary else told
        )
    return table


def _bands(stack: Overview) -> Table:
    table = Table("band", "unit", "meaning", box=None, header_style="bold", pad_edge=False)
    for name, band in stack.bands.items():
        table.add_row(name, plain(band.get("unit", "")), plain(band.get("description", "")))
    return table


def _table_of(known: Sequence[Overview], address: str, access: Access) -> RenderableType:
    """Table of the collections of a collection."""
    entry = locate(address)
    document = access.naming(address).read_json(entry)
    common = _common_bands(known)
    columns = ("collection", "dates", "shape", *(() if common else ("bands",)))
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for stack in known:
        shape = " x ".join(map(str, stack.shape)) if stack.shape else ""
        table.add_row(stack.id, _span(stack.days), shape, *(() if common else (", ".join(stack.bands),)))
    title = Text(f"{plain(document.get('id', ''))}: {_counted(known, 'collection')}", style="bold")
    bands = [Text(f"bands: {common}"), Text()] if common else []
    example = Text(f"openeo-sar describe {shlex.quote(known[0].address)}", no_wrap=True)
    return Group(title, Text(), table, Text(), *bands, Group(Text("Next", style="bold"), example))


def _span(days: Sequence[str]) -> str:
    ends = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return f"{_counted(days, 'date')} ({ends})"


def _counted(things: Sequence[Any], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def is_stac(address: str, access: Access) -> bool:
    """Whether an address leads to a STAC document rather than to a process."""
    try:
        entry = locate(address)
        found = access.naming(address).read_json(entry)
    except OpenEOError:
        return False
    return found.get("type") in ("Collection", "Feature", "Catalog", "FeatureCollection") and "stac_version" in found
