"""XML as synthetic Sentinel-1 products have it: a document of a mapping, the manifest, the orbit file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import Element, SubElement, tostring

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_runner.geometry.orbit import Orbit

PLATFORM: Final = "S1A"


def manifest(day: str) -> bytes:
    """Manifest with what is read of it."""
    safe = "{http://www.esa.int/safe/sentinel-1.0}"
    root = Element("{urn:ccsds:schema:xfdu:1}XFDU")
    section = SubElement(root, "metadataSection")
    for name in ("processing", "platform"):
        data = SubElement(SubElement(SubElement(section, "metadataObject", ID=name), "metadataWrap"), "xmlData")
        node = SubElement(data, safe + name)
        if name == "processing":
            node.set("stop", f"{day}T20:00:00.000000")
            facility = SubElement(node, f"{safe}facility", name="Simulator", site="openeo-sar")
            SubElement(facility, f"{safe}software", name="openeo-sar demo", version="1")
        else:
            SubElement(node, f"{safe}nssdcIdentifier").text = "2014-016A"
    return _bytes(root)


def orbit_file(orbit: Orbit) -> bytes:
    """Orbit file (EOF) of vectors."""
    entries = []
    for time, position, velocity in vectors(orbit):
        numbers = dict(zip(("X", "Y", "Z", "VX", "VY", "VZ"), (*position, *velocity), strict=True))
        entries.append({"UTC": f"UTC={time}", **numbers})
    header = {
        "Fixed_Header": {"Mission": f"Sentinel-1{PLATFORM[-1]}", "File_Type": f"AUX_{orbit.source}"},
        "Variable_Header": {"Ref_Frame": "EARTH_FIXED", "Time_Reference": "UTC"},
    }
    return document(
        "Earth_Explorer_File", {"Earth_Explorer_Header": header, "Data_Block": {"List_of_OSVs": {"OSV": entries}}}
    )


def empty(kind: str) -> bytes:
    """A file of calibration or noise without content."""
    return document(kind, {})


def vectors(orbit: Orbit) -> list[tuple[np.datetime64, list[float], list[float]]]:
    """Time, position and velocity of each vector of an orbit."""
    times = [orbit.epoch + np.timedelta64(round(second * 1e6), "us") for second in orbit.time_s]
    return list(zip(times, orbit.position_m.tolist(), orbit.velocity_m_s.tolist(), strict=True))


def document(name: str, content: Mapping[str, Any]) -> bytes:
    """A document of nested mappings: a list is one element for each entry, with their number at the parent; a tuple numbers."""
    root = Element(name)
    _fill(root, content)
    return _bytes(root)


def _bytes(root: Element) -> bytes:
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root)


def _fill(parent: Element, content: Mapping[str, Any]) -> None:
    for name, value in content.items():
        if isinstance(value, list):
            parent.set("count", str(len(value)))
            for entry in value:
                _fill(SubElement(parent, name), entry)
            continue
        node = SubElement(parent, name)
        if isinstance(value, dict):
            _fill(node, value)
        elif isinstance(value, tuple):
            node.set("count", str(len(value)))
            node.text = " ".join(map(_text, value))
        else:
            node.text = _text(value)


def _text(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)
