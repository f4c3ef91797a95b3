"""Whether the inputs of a process that needs coregistered images are: what a driver has placed by whole samples is not."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final

from local_runner import parameters
from local_runner.cube import utc_day
from local_runner.errors import OpenEOError
from local_runner.stac import walk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_runner.access import Access

NEEDED: Final = "openeo_sar:coregistered"
"""Keyword in the schema of a raster cube: true where its dates must be coregistered."""
PLACED: Final = "openeo_sar:line_offset"
"""Property of an item that was placed on the grid of its stack primary by whole lines and samples."""
PRIMARY: Final = "openeo_sar:primary"


def warn_if_placed(process: Mapping[str, Any], located: Mapping[str, str], access: Access) -> None:
    """Warn once for each input that must be coregistered and holds items that are only placed.

    An input that cannot be read is none of this function's business: loading it says what is wrong.
    """
    for parameter in process.get("parameters") or ():
        name = parameter["name"]
        needed = any(schema.get(NEEDED) is True for schema in parameters.alternatives(parameter))
        if not needed or name not in located:
            continue
        placed = _placed(located[name], access)
        if placed:
            text = (
                f"{process['id']} needs coregistered images, but {placed[0]}"
                f"{f' and {len(placed) - 1} more' if len(placed) > 1 else ''} of {name!r} is placed by whole samples only:"
                " what remains of the shift lowers the coherence, and bends the phase by the azimuth carrier of TOPS."
                " Run slc_coregistration on it, or insar_preprocessing, and take the result"
            )
            warnings.warn(text, UserWarning, stacklevel=2)


def _placed(address: str, access: Access) -> list[str]:
    try:
        items = [found for found in walk.items(address, access) if PLACED in found.properties]
        return [found.id for found in items if found.properties.get(PRIMARY) != utc_day(found.time())]
    except OpenEOError:
        return []
