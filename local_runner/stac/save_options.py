"""Options of `save_result`: which there are, and what they may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local_runner.errors import OpenEOError
from local_runner.stac.bands import COORDINATES, STATIC
from local_runner.stac.metadata import safe_name

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Options:
    """Options of `save_result`; `once`: bands of which GeoTIFF has one file for all dates, taken from the first."""

    netcdf: bool = False
    prefix: str = ""
    tile: int | None = None
    overviews: bool = True
    once: frozenset[str] = COORDINATES


def options_of(given: Mapping[str, Any], file_format: str) -> Options:
    """Options of `save_result`; unknown ones and bad values raise `ProcessParameterInvalid`."""
    allowed: dict[str, tuple[Any, ...] | None] = {
        "filename_prefix": None,
        "tile_size": (256, 512),
        "overviews": ("AUTO", "OFF", True, False),
        "static_bands": ("AUTO", "ONCE"),
    }
    for key, value in given.items():
        if key not in allowed:
            raise OpenEOError("ProcessParameterInvalid", f"Each of 'options' must be one of {tuple(allowed)}", got=key)
        values = allowed[key]
        if values is not None and (value not in values or (key == "tile_size" and isinstance(value, bool))):
            raise OpenEOError("ProcessParameterInvalid", f"The option {key!r} must be one of {values}", got=value)
    prefix = given.get("filename_prefix", "")
    if not isinstance(prefix, str) or (prefix and safe_name(prefix) != prefix):
        must = (
            "The option 'filename_prefix' must be letters, digits, '.', '_' and '-', beginning with a letter or digit"
        )
        raise OpenEOError("ProcessParameterInvalid", must, got=prefix)
    overviews = given.get("overviews", "AUTO") not in ("OFF", False)
    once = STATIC if given.get("static_bands") == "ONCE" else COORDINATES
    return Options(file_format.lower() == "netcdf", prefix, given.get("tile_size"), overviews, once)
