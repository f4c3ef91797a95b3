"""What the manifest of a SAFE product tells beyond its annotation: satellite, and who made it with what."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from local_runner.cube import iso
from local_runner.products._xml import read_xml

if TYPE_CHECKING:
    from pathlib import Path

_OBJECT: Final = "metadataSection/metadataObject[@ID='{}']/metadataWrap/xmlData/{{*}}{}"


def properties(path: Path) -> dict[str, Any]:
    """STAC properties of a manifest, as far as it tells them. Raises what `read_xml` raises."""
    return dict(_read(path, path.stat().st_mtime_ns))


@lru_cache(maxsize=64)
def _read(path: Path, changed: int) -> dict[str, Any]:
    """Once for all bursts of a product."""
    del changed
    root = read_xml(path, "XFDU")
    found: dict[str, Any] = {"processing:level": "L1"}
    platform = _OBJECT.format("platform", "platform") + "/{*}nssdcIdentifier"
    if root.has(platform):
        found["sat:platform_international_designator"] = root.text(platform)
    processing = _OBJECT.format("processing", "processing")
    if root.has(processing):
        node = root.one(processing)
        found |= _facility(dict(node.one("{*}facility").element.attrib)) if node.has("{*}facility") else {}
        software = {
            each.element.get("name"): each.element.get("version") for each in node.all("{*}facility/{*}software")
        }
        known = {name: version for name, version in software.items() if name and version}
        found |= {"processing:software": known} if known else {}
        if "stop" in node.element.attrib:
            found["processing:datetime"] = iso(node.moment("stop"))
    return found


def _facility(given: dict[str, str]) -> dict[str, str]:
    names = [given[key] for key in ("name", "site") if given.get(key)]
    return {"processing:facility": ", ".join(names)} if names else {}
