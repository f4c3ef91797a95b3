"""The bands of a catalogue as GeoTIFF files, which a remote back-end can open: one run of `load_stac` per collection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_runner.access import Access, is_remote, locate
from local_runner.errors import OpenEOError
from local_runner.jobs.run import Result, run
from local_runner.products._catalogue import MATERIALISED
from local_runner.stac.overview import overviews

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from local_runner.stac.overview import Overview

_DO = "Name a folder with the collection.json that `openeo-sar stac` has written"


def materialise(
    catalogue: str | os.PathLike[str],
    *,
    bands: Sequence[str] | None = None,
    for_backend: bool = False,
    overwrite: bool = False,
    **settings: Any,
) -> list[Result]:
    """Write the bands of each collection of a local catalogue into its folder `materialised`, and return the results.

    Float32, bit for bit what `load_stac` gives of the catalogue; items `<collection>_<YYYYMMDD>` with the properties of the
    items that they are derived from. Bands of the grid are written once. `bands`: the only ones, where a collection has
    them. `for_backend`: the STAC form that a back-end loads. `settings`: those of `local_runner.run`, as `max_memory`.

    Raises what `run` does; `ProcessParameterInvalid` where no collection has one of the bands.
    """
    address = locate(catalogue)
    if is_remote(address):
        must = "A catalogue whose bands are written must be a local one"
        raise OpenEOError("ProcessParameterInvalid", must, got=address, do=_DO)
    known = overviews(address, Access())
    _require_collections(known)
    chosen = {stack.href: _chosen(stack, bands) for stack in known}
    if bands is not None:
        _require_known(bands, known)
    return [
        run(
            _process(stack, chosen[stack.href]),
            out=Path(stack.href).parent / MATERIALISED,
            profile="specification",
            for_backend=for_backend,
            overwrite=overwrite,
            quicklooks=False,
            **settings,
        )
        for stack in known
        if chosen[stack.href] != []
    ]


def _process(stack: Overview, bands: Sequence[str] | None) -> dict[str, Any]:
    """Process that loads a collection and saves it; its id is that of the collection, as its items are to be called."""
    load = {"url": stack.href, **({"bands": list(bands)} if bands is not None else {})}
    save = {"data": {"from_node": "load"}, "format": "GTiff", "options": {"static_bands": "ONCE"}}
    return {
        "id": stack.id,
        "summary": f"Bands of {stack.document.get('title') or stack.id}",
        "description": str(stack.document.get("description") or ""),
        "process_graph": {
            "load": {"process_id": "load_stac", "arguments": load},
            "save": {"process_id": "save_result", "arguments": save, "result": True},
        },
    }


def _chosen(stack: Overview, bands: Sequence[str] | None) -> list[str] | None:
    """The bands that are asked for and that a collection has; None for all."""
    return None if bands is None else [name for name in bands if name in stack.bands]


def _require_known(bands: Sequence[str], known: Sequence[Overview]) -> None:
    offered = tuple(dict.fromkeys(name for stack in known for name in stack.bands))
    unknown = [name for name in bands if name not in offered]
    if unknown:
        raise OpenEOError("ProcessParameterInvalid", f"Each of the bands must be one of {offered}", got=unknown)


def _require_collections(known: Sequence[Overview]) -> None:
    for stack in known:
        if stack.document.get("type") != "Collection":
            must = "Bands are written of collections, not of an item alone"
            raise OpenEOError("ProcessParameterInvalid", must, got=stack.href, do=_DO)
