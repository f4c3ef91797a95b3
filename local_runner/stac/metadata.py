"""What the STAC fields of a result say: units and roles of bands, properties that the inputs share, extensions, names."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from local_runner.access import is_remote, public_href
from local_runner.redaction import redact
from local_runner.stac.bands import STATIC

if TYPE_CHECKING:
    from collections.abc import Mapping

RENDERS: Final = "renders"
"""The one field of an extension without prefix."""
_SCHEMAS: Final = {
    "cube": "datacube/v2.3.0",
    "file": "file/v2.1.0",
    "insar": "insar/v1.0.0",
    "processing": "processing/v1.2.0",
    "product": "product/v1.0.0",
    "proj": "projection/v2.0.0",
    RENDERS: "render/v2.0.0",
    "sar": "sar/v1.3.0",
    "sat": "sat/v1.2.0",
    "view": "view/v1.1.0",
}
"""Extension and version of the fields of each prefix."""
PARAMETERS: Final = "openeo_sar:parameters"
"""Property with the parameters of the process; no schema claims the prefix."""
PRIMARY: Final = "openeo_sar:primary"
"""Day of the stack primary, of a collection and of its items: what shifts, phases and baselines are relative to."""
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_SAFE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}(?<!-[0-9a-f]{12})")
"""Not the name that another one is encoded to, which ends with a hash."""
_PLAIN: Final = re.compile(r"[iq](_.*)?|.*_shift|(reference|deramp|reramp|azimuth_carrier|flattening)_phase")
_UNEVEN: Final = re.compile(r"(.+_)?phase(_filtered)?(_(VV|VH|HV|HH))?|component|status|.+_mask", re.IGNORECASE)


@dataclass(frozen=True)
class Meaning:
    """Unit, description and asset role of a band; empty where nothing is known."""

    unit: str = ""
    description: str = ""
    role: str = ""


_MEANINGS: Final = {
    "i": Meaning("", "real part of the SLC"),
    "q": Meaning("", "imaginary part of the SLC"),
    "amplitude": Meaning("", "linear amplitude", "amplitude"),
    "coherence": Meaning("1", "coherence magnitude, 0 to 1", "coherence"),
    "phase": Meaning("rad", "phase of primary times conjugate of secondary, -pi to pi", "phase"),
    "phase_filtered": Meaning("rad", "filtered phase of primary times conjugate of secondary, -pi to pi", "phase"),
    "phase_unwrapped": Meaning("rad", "unwrapped phase of primary times conjugate of secondary", "unwrapped_phase"),
    "component": Meaning("1", "connected component of the unwrapped phase, 0 none, 1 the largest", "component"),
    "los_displacement": Meaning("m", "displacement along the line of sight", "los_displacement"),
    "latitude": Meaning("degree", "latitude of the sample, WGS84"),
    "longitude": Meaning("degree", "longitude of the sample, WGS84"),
    "grid_lat": Meaning("degree", "latitude of the sample, WGS84"),
    "grid_lon": Meaning("degree", "longitude of the sample, WGS84"),
    "lat": Meaning("degree", "latitude of the sample, WGS84"),
    "lon": Meaning("degree", "longitude of the sample, WGS84"),
    "height": Meaning("m", "height above the WGS84 ellipsoid"),
    "incidence_angle": Meaning("rad", "incidence angle"),
    "look_east": Meaning("1", "unit vector from ground to sensor, east"),
    "look_north": Meaning("1", "unit vector from ground to sensor, north"),
    "look_up": Meaning("1", "unit vector from ground to sensor, up"),
    "azimuth_shift": Meaning("pixel", "source line minus target line, after the integer placement"),
    "range_shift": Meaning("pixel", "source sample minus target sample, after the integer placement"),
    "deramp_phase": Meaning("rad", "phase that deramps, at the source sample"),
    "reramp_phase": Meaning("rad", "phase that ramps again, at the target sample"),
    "los_east": Meaning("1", "unit vector from ground to sensor, east"),
    "los_north": Meaning("1", "unit vector from ground to sensor, north"),
    "local_incidence_angle": Meaning("degree", "angle between the line of sight and the normal of the terrain"),
    "layover_shadow_mask": Meaning("1", "0 neither, 1 shadow, 2 layover, 3 both"),
    "azimuth_carrier_phase": Meaning("rad", "azimuth carrier that is in the SLC, -pi to pi"),
    "flattening_phase": Meaning("rad", "phase of ellipsoid and topography that is taken out of the SLC, -pi to pi"),
    "amplitude_std": Meaning("", "standard deviation of the amplitude over the dates"),
    "gradient": Meaning("m", "difference of height to the next sample in range"),
    "vx": Meaning("m/yr", "velocity along the x axis of the grid"),
    "vy": Meaning("m/yr", "velocity along the y axis of the grid"),
    "v": Meaning("m/yr", "magnitude of the velocity"),
    "v_error": Meaning("m/yr", "error of the magnitude of the velocity"),
    "vr": Meaning("m/yr", "velocity in slant range"),
    "va": Meaning("m/yr", "velocity in azimuth"),
    "M11": Meaning("pixel/(m/yr)", "offset in range per velocity along x"),
    "M12": Meaning("pixel/(m/yr)", "offset in range per velocity along y"),
    "chip_size_width": Meaning("m", "width of the search template"),
    "chip_size_height": Meaning("m", "height of the search template"),
    "interp_mask": Meaning("1", "0 measured, 1 interpolated"),
    "reference_phase": Meaning("rad", "-4 pi / lambda (range of the stack primary minus range of the date)"),
    "dx": Meaning("pixel", "offset along +x"),
    "dy": Meaning("pixel", "offset along +y"),
    "dx_m": Meaning("m", "offset along the x axis of the grid"),
    "dy_m": Meaning("m", "offset along the y axis of the grid"),
    "snr": Meaning("1", "signal-to-noise ratio of the correlation peak"),
    "correlation": Meaning("1", "correlation at the peak"),
    "cov_xx": Meaning("pixel^2", "variance of dx"),
    "cov_yy": Meaning("pixel^2", "variance of dy"),
    "cov_xy": Meaning("pixel^2", "covariance of dx and dy"),
    "status": Meaning("1", "0 ok, 1 edge, 2 low_valid, 3 low_snr, 4 flat"),
}


_MEANINGS_OF_A_PAIR: Final = {
    "i": Meaning("", "real part of primary times conjugate of secondary"),
    "q": Meaning("", "imaginary part of primary times conjugate of secondary"),
}
"""Bands whose meaning is another one for a date."""


def meaning_of(key: str, *, of_a_pair: bool = False) -> Meaning:
    """What a band is by its name without pair; a polarisation at the end (`i_VV`, `coherence_vv`) is left aside."""
    base = re.sub(r"_(VV|VH|HV|HH)$", "", key, flags=re.IGNORECASE)
    known = {**_MEANINGS, **_MEANINGS_OF_A_PAIR} if of_a_pair else _MEANINGS
    return known.get(key) or known.get(base) or Meaning()


def is_plain(key: str) -> bool:
    """Whether a band is written without overviews: parts of SLCs and bands of the grid."""
    return key in STATIC or _PLAIN.fullmatch(key) is not None


def is_averaged(key: str) -> bool:
    """Whether means of a band mean something: not of wrapped phases and of numbers that name classes."""
    return _UNEVEN.fullmatch(key) is None


def public(value: Any) -> Any:
    """A graph or its parameters as they may be written: without secrets, URLs without user name, password and query."""
    if isinstance(value, str):
        return public_href(value) if is_remote(value) and len(value.split()) == 1 else redact(value)
    if isinstance(value, dict):
        return {key: public(entry) for key, entry in value.items()}
    return [public(entry) for entry in value] if isinstance(value, list | tuple) else value


def extensions(*fields: Mapping[str, Any]) -> list[str]:
    """Schema URLs of the extensions whose fields are used."""
    used = {key.partition(":")[0] for names in fields for key in names if ":" in key or key == RENDERS}
    return [f"https://stac-extensions.github.io/{_SCHEMAS[p]}/schema.json" for p in sorted(used) if p in _SCHEMAS]


def safe_name(name: str) -> str:
    """`name` if it is a safe file name, else its percent encoding with `_` for `%`, cut, and a short hash.

    Different names give different safe names.
    """
    if _SAFE.fullmatch(name) and not _RESERVED.fullmatch(name) and not name.endswith("."):
        return name
    encoded = quote(name, safe="", errors="surrogatepass").replace("%", "_").replace("~", "_").lstrip("._-")
    if _RESERVED.fullmatch(encoded) or not encoded:
        encoded = f"x_{encoded}"
    return f"{encoded[:100]}-{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:12]}"
