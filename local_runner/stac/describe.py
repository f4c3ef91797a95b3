"""A STAC catalogue in words: what `openeo-sar describe CATALOGUE` prints, and one line per collection for `openeo-sar stac`.

Reads documents alone; of the files of the products it is only asked whether they are there.
"""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text

from local_runner.cube import utc_day
from local_runner.errors import OpenEOError
from local_runner.products import is_driven
from local_runner.stac.overview import Overview, entry_of, overviews, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from local_runner.access import Access

_FIELDS: Final = {
    "product": ("product:type", "openeo_sar:driver"),
    "platform": ("platform",),
    "mode": ("sar:instrument_mode",),
    "polarisations": ("sar:polarizations",),
    "orbit": ("sat:relative_orbit", "sat:orbit_state"),
    "orbit file": ("openeo_sar:orbit",),
    "swath": ("openeo_sar:swath", "sar:beam_ids"),
}
"""Lines of the description, and the properties that they tell."""
_EXAMPLES: Final = ("height", "incidence_angle")
_MOST_TOLD: Final = 5


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
    """Commands that go on from a collection; none where its files are missing."""
    if stack.missing:
        return []
    images = [name.removeprefix("i_") for name in stack.bands if name.startswith("i_")]
    found = []
    if images and len(stack.days) > 1:
        found.append(_towards_pairs(stack, [] if "VV" in images else ["-p", f"polarization={images[0]}"]))
    if any(map(is_driven, stack.found)):
        bands = [name for name in _EXAMPLES if name in stack.bands] or list(stack.bands)[:2]
        found.append(["stac", stack.address, "--materialise", *(word for name in bands for word in ("--band", name))])
    return [shlex.join(["openeo-sar", *words]) for words in found]


def _towards_pairs(stack: Overview, polarization: list[str]) -> list[str]:
    """Words of the command that takes images of several dates one step further."""
    is_located = stack.bands.keys() >= {"grid_lat", "grid_lon"}
    if "azimuth_shift" in stack.bands and is_located:
        geometry = ["-p", 'geometry=["reference_phase"]'] if "reference_phase" in stack.bands else []
        further = [*polarization, *geometry, "--out", "stack"]
        if "sentinel1_slc" in stack.values("openeo_sar:driver"):
            return ["run", "insar_preprocessing", "-p", f"url={stack.address}", *further]
        carrier = [] if "reramp_phase" in stack.bands else ["-p", "carrier=false"]
        return ["run", "slc_coregistration", "--input", f"data={stack.address}", *carrier, *further]
    if is_located:
        pairs = ["-p", "pairs=neighbours:1", *polarization]
        process = "slc_interferogram" if "reference_phase" in stack.bands else "slc_coherence"
        return ["run", process, "--input", f"data={stack.address}", *pairs, "--out", process.removeprefix("slc_")]
    return ["pairs", stack.address, "neighbours:1"]


def _described(stack: Overview) -> Iterator[RenderableType]:
    title = [Text(stack.id, style="bold")]
    told = plain(stack.document.get("title") or stack.document.get("description") or "")
    yield Group(*title, *([Text(told)] if told else []))
    yield _facts(stack)
    yield _dates(stack)
    yield _bands(stack)
    if stack.missing:
        yield _missing(stack.missing)
    commands = [Text(command, no_wrap=True) for command in next_commands(stack)]
    if commands:
        yield Group(Text("Next", style="bold"), *commands)


def _facts(stack: Overview) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    rows = {name: ", ".join(stack.values(*fields)) for name, fields in _FIELDS.items()}
    rows |= {"burst": _burst(stack), "heights": _heights(stack), "primary": stack.primary}
    rows |= {"grid": _grid(stack), "footprint": _footprint(stack)}
    for name, value in rows.items():
        if value:
            table.add_row(name, value)
    return table


def _missing(files: Sequence[str]) -> RenderableType:
    """Files that are gone: their products, each with the number of its files."""
    count = Counter(next((str(p) for p in Path(file).parents if p.suffix.upper() == ".SAFE"), file) for file in files)
    told = [
        f"{_counted([*range(many)], 'file')} of {name}" if name not in files else name for name, many in count.items()
    ]
    rest = [f"and {len(told) - _MOST_TOLD} more"] if len(told) > _MOST_TOLD else []
    listed = [Text(plain(text)) for text in (*told[:_MOST_TOLD], *rest)]
    do = Text("Put them back, or make the catalogue again with `openeo-sar stac`.")
    return Group(Text(f"Missing: {_counted(files, 'file')}", style="bold red"), *listed, do)


def _burst(stack: Overview) -> str:
    """Bursts as `t117_249435_iw2`, whichever fields tell them."""
    told = stack.values("openeo_sar:burst_id")
    if told:
        return ", ".join(told)
    parts = [stack.values(name) for name in ("sat:relative_orbit", "openeo_sar:relative_burst", "openeo_sar:swath")]
    if any(len(values) != 1 for values in parts):
        return ", ".join(parts[1])
    track, burst, swath = (values[0] for values in parts)
    return f"t{track.zfill(3)}_{burst.zfill(6)}_{swath.lower()}"


def _heights(stack: Overview) -> str:
    """What the band `height` is made from: rasters and what they are counted from, or the annotation."""
    datum = stack.values("openeo_sar:dem_datum")
    assets = [(key, asset) for found in stack.found for key, asset in found.assets.items()]
    rasters = [plain(asset.get("href", "")) for key, asset in assets if key == "dem" or key.startswith("dem_")]
    known = list(dict.fromkeys(href.rpartition("/")[2] for href in rasters)) or stack.values("insar:processing_dem")
    if known or datum:
        return ", ".join([*known[:_MOST_TOLD], *(["..."] if len(known) > _MOST_TOLD else []), *datum])
    annotated = "sentinel1_slc" in stack.values("openeo_sar:driver") and "height" in stack.bands
    return "geolocation grid of the annotation" if annotated else ""


def _table(*names: str) -> Table:
    """Table whose columns are broken, not cut, where the terminal is narrow."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
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
    table = _table("date", "item", "days", "perpendicular (m)")
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
    table = _table("band", "unit", "meaning")
    for name, band in stack.bands.items():
        table.add_row(name, plain(band.get("unit", "")), plain(band.get("description", "")))
    return table


def _table_of(known: Sequence[Overview], address: str, access: Access) -> RenderableType:
    """Table of the collections of a collection."""
    entry = entry_of(address)
    document = access.naming(entry).read_json(entry)
    common = _common_bands(known)
    columns = ("collection", "dates", "shape", *(() if common else ("bands",)))
    table = _table(*columns)
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
        entry = entry_of(address)
        found = access.naming(entry).read_json(entry)
    except OpenEOError:
        return False
    return found.get("type") in ("Collection", "Feature", "Catalog", "FeatureCollection") and "stac_version" in found
