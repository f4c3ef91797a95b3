"""README.md of a result, for people who find the folder without knowing where it comes from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from local_runner.stac.bands import COORDINATES
from local_runner.stac.metadata import is_averaged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pystac

_LONGEST_VALUE: Final = 200
_COLUMNS: Final = ("item", "dates", "baseline (days)", "quantity", "unit", "range", "file")
_PAIRS: Final = "Dates of pairs: primary / secondary. Temporal baseline: secondary minus primary."
_CLOSING: Final = (
    "`record.json` holds the process graph, versions, and size and sha256 of every file, `log.jsonl` the steps of the run"
    " and their times. `collection.json` is the STAC collection: `load_stac` reads the result again."
)


def text(process: Mapping[str, Any], items: Sequence[pystac.Item], record: Mapping[str, Any]) -> str:
    """Markdown from the metadata of a result alone: what it is, files, dates, units, ranges, method, inputs, parameters.

    The method is the description of the process, which also tells formula, signs and limits.
    """
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    parts = [
        f"# {process.get('summary') or record['process']}",
        f"Result of the openEO process `{record['process']}`, written {record['created']} with {versions}.",
        "## Files\n\n" + _table(_COLUMNS, _file_rows(items)),
        *([_PAIRS] if any(_baseline(item) for item in items) else []),
        _grid(items),
        *_method(process),
        *_geocoding(record),
        "## Inputs\n\n" + _table(("input", "address"), [(i["name"], i["href"]) for i in record["inputs"]]),
        "## Parameters\n\n" + _table(("parameter", "value"), _parameter_rows(record)),
        _CLOSING,
    ]
    years = copernicus_years(items)
    if years:
        parts.append(f"contains modified Copernicus Sentinel data {', '.join(years)}")
    return "\n\n".join(parts) + "\n"


def copernicus_years(items: Sequence[pystac.Item]) -> list[str]:
    """Years of the Sentinel data behind the items; empty where no platform says Sentinel."""
    years: set[str] = set()
    for item in items:
        if not str(item.properties.get("platform", "")).lower().startswith("sentinel"):
            continue
        moments = [item.properties.get(key) for key in ("datetime", "start_datetime", "end_datetime")]
        years |= {str(moment)[:4] for moment in moments if moment}
    return sorted(years)


def quantities(item: pystac.Item) -> list[tuple[pystac.Asset, str, dict[str, Any]]]:
    """Asset, name and band of each quantity of an item; bands that only tell positions are left out."""
    found = []
    for key, asset in item.assets.items():
        bands = asset.extra_fields.get("bands") or [{}]
        for band in bands if "data" in (asset.roles or []) else ():
            name = key if asset.href.endswith(".tif") else str(band.get("name", key))
            if name not in COORDINATES:
                found.append((asset, name, {**asset.extra_fields, **band}))
    return found


def _file_rows(items: Sequence[pystac.Item]) -> list[tuple[str, ...]]:
    return [
        (
            item.id,
            _dates(item),
            _baseline(item),
            name,
            str(band.get("unit", "")),
            _range(name, band),
            _file(item, asset),
        )
        for item in items
        for asset, name, band in quantities(item)
    ]


def _grid(items: Sequence[pystac.Item]) -> str:
    properties = items[0].properties if items else {}
    rows, columns = properties.get("proj:shape") or ("?", "?")
    code = properties.get("proj:code")
    if code is None or "footprint" in properties:
        return f"Grid: radar geometry, {rows} azimuth lines (y) by {columns} range samples (x)."
    transform = properties.get("proj:transform")
    size = f", cells of {abs(transform[0]):g} by {abs(transform[4]):g}" if transform else ""
    return f"Grid: {code}, {rows} rows by {columns} columns{size}."


def _file(item: pystac.Item, asset: pystac.Asset) -> str:
    """Path of an asset from the folder of the result on: items have folders of their own."""
    href = asset.href.removeprefix("./")
    return (
        href.removeprefix("../") if href.startswith("../") else f"{Path(item.get_self_href() or '').parent.name}/{href}"
    )


def _dates(item: pystac.Item) -> str:
    """Primary and secondary of a pair, else start and end, else the date."""
    for names in (("insar:reference_datetime", "insar:secondary_datetime"), ("start_datetime", "end_datetime")):
        first, last = (str(item.properties.get(name) or "")[:10] for name in names)
        if first and last and first != last:
            return f"{first} / {last}"
    return str(item.properties.get("datetime") or item.properties.get("start_datetime") or "")[:10]


def _baseline(item: pystac.Item) -> str:
    """Temporal baseline in days, secondary minus primary; empty where the item is of no pair."""
    days = item.properties.get("insar:temporal_baseline")
    return "" if days is None else f"{days:+g}"


def _method(process: Mapping[str, Any]) -> list[str]:
    description = str(process.get("description") or "").strip()
    return [f"## Method\n\n{description}"] if description else []


def _geocoding(record: Mapping[str, Any]) -> list[str]:
    """What a run did with the result of the process before it saved it."""
    return [
        f"The result was then geocoded by its bands of latitude and longitude to EPSG:{node['arguments']['projection']},"
        f" resolution {node['arguments']['resolution']:g} in the unit of that projection."
        for node in record["graph"].values()
        if node["process_id"] == "resample_spatial" and isinstance(node["arguments"].get("resolution"), int | float)
    ]


def _range(name: str, band: Mapping[str, Any]) -> str:
    """Least and largest value, and the mean of what has one: not of wrapped phases and of numbers that name classes."""
    statistics = band.get("statistics", {})
    if "minimum" not in statistics or "maximum" not in statistics:
        return ""
    mean = f", mean {statistics['mean']:.6g}" if is_averaged(name) else ""
    return f"{statistics['minimum']:.6g} to {statistics['maximum']:.6g}{mean}"


def _parameter_rows(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    texts = {name: json.dumps(value, ensure_ascii=False) for name, value in record["parameters"].items()}
    return [
        (name, text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]} ...") for name, text in texts.items()
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return "none"
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
