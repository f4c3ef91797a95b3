"""Field `renders` (render extension 2.0.0) of items: how bands are drawn whose range is known without their pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pystac


def renders_of(assets: Mapping[str, pystac.Asset]) -> dict[str, Any]:
    """An entry for each band with a fixed scale, as phases and coherence; what is drawn by its percentiles has none.

    A band is named where its asset has another key, as in files of several bands.
    """
    from local_runner.report.drawing import scale_of  # noqa: PLC0415  (matplotlib is not needed to read a catalogue)
    from local_runner.report.quicklook import render_extension  # noqa: PLC0415

    found: dict[str, Any] = {}
    for key, asset in assets.items():
        names = [str(band["name"]) for band in asset.extra_fields.get("bands", ())]
        for name in (name for name in names if scale_of(name).limits is not None):
            entry = {**render_extension(name), "assets": [key]}
            found.setdefault(name, entry if key == name else {**entry, "bands": [name]})
    return found
