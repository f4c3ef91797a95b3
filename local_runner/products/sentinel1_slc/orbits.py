"""Orbits of Sentinel-1: the state vectors of an annotation, and those of precise or restituted orbit files (EOF)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from local_runner.errors import DataError
from local_runner.geometry.orbit import Orbit
from local_runner.products._xml import read_xml, times

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from local_runner.products._xml import Node

MARGIN_S: Final = 30.0
"""Time that an orbit file must cover before and after an image: three of its vectors."""
_ANNOTATED: Final = (*(f"position/{axis}" for axis in "xyz"), *(f"velocity/{axis}" for axis in "xyz"))
_OF_FILE: Final = tuple(f"{{*}}{name}" for name in ("X", "Y", "Z", "VX", "VY", "VZ"))
_KINDS: Final = ("POEORB", "RESORB", "PREORB")
"""Kinds of orbit files, the most exact one first."""
_FAR: Final = 1e8


@dataclass(frozen=True, eq=False)
class OrbitFile:
    """An orbit file: the platform it is of (S1A), and its orbit."""

    path: Path
    platform: str
    orbit: Orbit


def annotated_orbit(root: Node) -> Orbit:
    """Orbit of an annotation: about 16 Earth-fixed state vectors, 10 s apart."""
    entries = root.entries("generalAnnotation/orbitList")
    for entry in entries:
        entry.choice("frame", ("Earth Fixed",))
    return _orbit(entries, "time", _ANNOTATED, "annotation")


def require_cover(orbit: Orbit, path: Path, start: np.datetime64, duration_s: float) -> None:
    """Raise `DataCorrupt` unless the state vectors of an annotation lie around an image."""
    if not _covers(orbit, start, duration_s, 0):
        must = f"orbitList of {path} must lie around all bursts, also that of {start}"
        raise DataError("DataCorrupt", must, got=_span(orbit), do="Download the product again")


def read_orbit_file(path: Path) -> OrbitFile:
    """Orbit of an EOF file, plain, gzipped, or alone in a zip.

    Raises `FileNotFound`, `DataCorrupt` naming the field, `DocumentTooLarge`, and what `Archive` raises.
    """
    stat = path.stat() if path.is_file() else None
    return _read(path, stat.st_mtime_ns if stat else 0)


def orbit_for(files: Sequence[OrbitFile], platform: str, start: np.datetime64, duration_s: float) -> OrbitFile:
    """The orbit file of an image: of its platform, covering it with a margin; a precise one before a restituted one.

    Raises `OrbitUnsuitable` telling what the files are of.
    """
    suitable = [f for f in files if f.platform == platform and _covers(f.orbit, start, duration_s, MARGIN_S)]
    if not suitable:
        must = f"An orbit file of {platform} must cover {start} and {MARGIN_S:g} s before and after the image"
        got = [f"{f.path.name}: {f.platform}, {_span(f.orbit)}" for f in files]
        do = "Download the orbit file of that day, or leave out --orbit to use the orbits of the annotation"
        raise DataError("OrbitUnsuitable", must, got="; ".join(got), do=do)
    return min(suitable, key=lambda file: (_KINDS.index(file.orbit.source), file.path.name))


@lru_cache(maxsize=16)
def _read(path: Path, changed: int) -> OrbitFile:
    del changed
    root = read_xml(path, "Earth_Explorer_File")
    fixed = root.one("{*}Earth_Explorer_Header/{*}Fixed_Header")
    mission, kind = fixed.text("{*}Mission"), fixed.text("{*}File_Type")
    source = next((name for name in _KINDS if name in kind), None)
    if source is None:
        fixed.refuse("File_Type", f"name one of {_KINDS}", kind)
    frame = root.one("{*}Earth_Explorer_Header/{*}Variable_Header")
    frame.choice("{*}Ref_Frame", ("EARTH_FIXED",))
    frame.choice("{*}Time_Reference", ("UTC",))
    entries = root.entries("{*}Data_Block/{*}List_of_OSVs")
    platform = "S1" + mission.removeprefix("Sentinel-1").upper()
    return OrbitFile(path, platform, _orbit(entries, "{*}UTC", _OF_FILE, source))


def _orbit(entries: list[Node], time: str, fields: tuple[str, ...], source: str) -> Orbit:
    """Orbit of the entries of a list; `fields`: paths of position and velocity in an entry, x y z each."""
    moments = times(entries, time)
    vectors = np.array([[entry.number(field, low=-_FAR, high=_FAR) for field in fields] for entry in entries])
    try:
        return Orbit.of_times(moments, vectors[:, :3], vectors[:, 3:], source=source)
    except DataError as error:
        entries[0].refuse(".", f"begin the vectors of an orbit ({error.must})", error.got)


def _covers(orbit: Orbit, start: np.datetime64, duration_s: float, margin_s: float) -> bool:
    first, last = orbit.span_s
    start_s = float((start - orbit.epoch) / np.timedelta64(1, "s"))
    return first <= start_s - margin_s and start_s + duration_s + margin_s <= last


def _span(orbit: Orbit) -> str:
    first, last = (orbit.epoch + np.timedelta64(round(time * 1e6), "us") for time in orbit.span_s)
    return f"{first} to {last}"
