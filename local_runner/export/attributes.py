"""Metadata of a stack in the words of ROI_PAC and MintPy (https://mintpy.readthedocs.io/en/latest/api/attributes/).

What neither the items nor the bands tell is left out, never invented: MintPy takes it from its configuration file.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from local_runner.export.view import View, view_of
from local_runner.geometry.constants import FLATTENING, SEMI_MAJOR_AXIS_M, SPEED_OF_LIGHT_M_S

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_runner.export.interferograms import Interferogram, Stack

_SIDES: Final = {"right": -1, "left": 1}
_PLATFORMS: Final = {"sentinel-1": "Sen"}
"""Names of MintPy, by constellation."""
_RANGES: Final = {
    "STARTING_RANGE": "slant_range_first_m",
    "RANGE_PIXEL_SIZE": "range_spacing_m",
    "AZIMUTH_PIXEL_SIZE": "sar:pixel_spacing_azimuth",
}
_WANTED: Final = (
    *("WAVELENGTH", "HEADING", "ORBIT_DIRECTION", "PLATFORM", "ANTENNA_SIDE", "HEIGHT", "EARTH_RADIUS"),
    *("CENTER_LINE_UTC", "RLOOKS", "ALOOKS"),
)
"""What steps of MintPy read; in radar geometry also the ranges."""


def attributes(stack: Stack) -> dict[str, str]:
    """Attributes that all files of a stack share, values as text."""
    view = view_of(stack)
    first = stack.pairs[0].properties
    known = {**stack.origin, **first}
    found: dict[str, Any] = {
        "WIDTH": stack.grid.shape[1],
        "LENGTH": stack.grid.shape[0],
        "FILE_LENGTH": stack.grid.shape[0],
        "WAVELENGTH": _wavelength(known),
        "PLATFORM": _PLATFORMS.get(str(known.get("constellation")), known.get("platform")),
        "ORBIT_DIRECTION": _upper(known.get("sat:orbit_state")),
        "ANTENNA_SIDE": _SIDES.get(known.get("sar:observation_direction", "")),
        "TRACK": known.get("sat:relative_orbit"),
        "POLARIZATION": next(iter(known.get("sar:polarizations") or ()), None),
        "HEADING": _heading(view, known),
        "EARTH_RADIUS": earth_radius(view.latitude),
        "CENTER_INCIDENCE_ANGLE": view.incidence,
        "CENTER_LINE_UTC": _centre_utc(first),
        **_looks(first),
        **(_map_grid(stack) if stack.on_map else _corners(view)),
    }
    found = _with_sensor(found | _ranges(stack, found), view, stack.origin)
    return {name: str(value) for name, value in found.items() if value is not None}


def missing(attributes: Mapping[str, str]) -> list[str]:
    """Names of attributes that steps of MintPy read and that are not known."""
    wanted = _WANTED if "X_FIRST" in attributes else (*_WANTED, *_RANGES)
    return [name for name in wanted if name not in attributes]


def of_pair(pair: Interferogram) -> dict[str, str]:
    """Attributes of one pair: its dates and, if it is known, the perpendicular baseline."""
    found = {"DATE12": "-".join(date[2:] for date in pair.dates)}
    if pair.baseline_m is not None:
        found |= dict.fromkeys(("P_BASELINE_TOP_HDR", "P_BASELINE_BOTTOM_HDR"), str(pair.baseline_m))
    return found


def earth_radius(latitude: float) -> float | None:
    """Mean radius of curvature of WGS84 in m at a latitude in degrees, a sqrt(1 - e^2) / (1 - e^2 sin^2(latitude))."""
    if not math.isfinite(latitude):
        return None
    squared = FLATTENING * (2 - FLATTENING)
    return SEMI_MAJOR_AXIS_M * math.sqrt(1 - squared) / (1 - squared * math.sin(math.radians(latitude)) ** 2)


def _wavelength(known: Mapping[str, Any]) -> float | None:
    if isinstance(known.get("sar:center_frequency"), int | float):
        return SPEED_OF_LIGHT_M_S / (float(known["sar:center_frequency"]) * 1e9)
    given = known.get("openeo_sar:wavelength_m")
    return float(given) if isinstance(given, int | float) else None


def _upper(text: Any) -> str | None:
    return text.upper() if isinstance(text, str) else None


def _heading(view: View, known: Mapping[str, Any]) -> float | None:
    """Flight direction in degrees, clockwise from north: of the positions, of the look vectors, or of `view:azimuth`."""
    side = _SIDES.get(known.get("sar:observation_direction", ""))
    angle: float | None = view.heading
    if angle is None and side is not None:
        to_ground = known.get("view:azimuth") if view.to_sensor is None else view.to_sensor + 180
        angle = None if to_ground is None else to_ground + 90 * side
    return None if angle is None else (angle + 180) % 360 - 180


def _looks(own: Mapping[str, Any]) -> dict[str, int]:
    names = {"RLOOKS": "sar:looks_range", "ALOOKS": "sar:looks_azimuth"}
    return {name: int(own[key]) for name, key in names.items() if key in own}


def _map_grid(stack: Stack) -> dict[str, Any]:
    """The grid by the outer corner of its first cell, as MintPy and GDAL count."""
    transform, crs = stack.grid.transform, stack.grid.crs
    unit = "degrees" if crs is None or crs.is_geographic else "meters"
    zone = None if crs is None else crs.utm_zone
    return {
        "X_FIRST": transform.c,
        "Y_FIRST": transform.f,
        "X_STEP": transform.a,
        "Y_STEP": transform.e,
        "X_UNIT": unit,
        "Y_UNIT": unit,
        "EPSG": None if crs is None else crs.to_epsg(),
        "UTM_ZONE": zone,
    }


def _corners(view: View) -> dict[str, float]:
    """Positions of first and last sample of the first line, then of the last line."""
    named = (("LAT_REF", view.corner_latitudes), ("LON_REF", view.corner_longitudes))
    return {f"{name}{number}": value for name, values in named for number, value in enumerate(values, start=1)}


def _ranges(stack: Stack, found: Mapping[str, Any]) -> dict[str, float]:
    """Slant range of the first sample, and size of the cells across and along the track, in m; of the radar grid only.

    Where the result does not tell its own, they are those of the input times the looks.
    """
    if stack.on_map:
        return {}
    own, origin = stack.pairs[0].properties, stack.origin
    across, along = found.get("RLOOKS", 1), found.get("ALOOKS", 1)
    one_look, known = origin.get("range_spacing_m"), {}
    if one_look is not None:
        known["RANGE_PIXEL_SIZE"] = one_look * across
        if "slant_range_first_m" in origin:
            known["STARTING_RANGE"] = origin["slant_range_first_m"] + one_look * (across - 1) / 2
    if "sar:pixel_spacing_azimuth" in origin:
        known["AZIMUTH_PIXEL_SIZE"] = origin["sar:pixel_spacing_azimuth"] * along
    return known | {name: own[key] for name, key in _RANGES.items() if key in own}


def _with_sensor(found: dict[str, Any], view: View, origin: Mapping[str, Any]) -> dict[str, Any]:
    """Height of the sensor, by the triangle of sensor, ground and centre of the Earth, and what MintPy scales by it.

    (Re + H)^2 = (Re + h)^2 + R^2 + 2 (Re + h) R cos(incidence). MintPy takes the cell size along the track for that at the
    sensor, as ISCE has it, and multiplies by Re / (Re + H); STAC has it on the ground.
    """
    radius, place = found["EARTH_RADIUS"], _range_and_incidence(found, view, origin)
    if radius is None or place is None:
        return found
    slant_range, incidence = place
    ground = radius + view.height
    distance = math.sqrt(ground**2 + slant_range**2 + 2 * ground * slant_range * math.cos(math.radians(incidence)))
    scaled = {name: found[name] * distance / radius for name in ("AZIMUTH_PIXEL_SIZE",) if name in found}
    return {**found, "HEIGHT": distance - radius, **scaled}


def _range_and_incidence(found: Mapping[str, Any], view: View, origin: Mapping[str, Any]) -> tuple[float, float] | None:
    """Slant range in m and incidence angle in degrees in the middle of the grid, else of the input."""
    if {"STARTING_RANGE", "RANGE_PIXEL_SIZE"} <= found.keys():
        return found["STARTING_RANGE"] + found["RANGE_PIXEL_SIZE"] * (found["WIDTH"] - 1) / 2, view.incidence
    if {"slant_range_first_m", "range_spacing_m", "proj:shape", "view:incidence_angle"} <= origin.keys():
        middle = (origin["proj:shape"][1] - 1) / 2
        return origin["slant_range_first_m"] + origin["range_spacing_m"] * middle, origin["view:incidence_angle"]
    return None


def _centre_utc(known: Mapping[str, Any]) -> float | None:
    """Time of day of the acquisition, seconds."""
    given = known.get("insar:reference_datetime")
    if not isinstance(given, str):
        return None
    time = datetime.fromisoformat(given).astimezone(UTC)
    midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
    return (time - midnight).total_seconds()
