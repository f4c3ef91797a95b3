"""What is said of a path that is no product: what it is instead, as far as that can be seen."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Final, NoReturn

from local_runner import products
from local_runner.access import JSON_LIMIT, Access, locate
from local_runner.errors import DataError, OpenEOError

_STAC: Final = ("Collection", "Catalog", "Feature", "FeatureCollection")
_DO: Final = "Check that it is complete; docs/products.md tells the files of each"


def refuse(path: Path) -> NoReturn:
    """Raise `ProductUnknown` for a path that no driver knows."""
    if os.path.isdir(path):  # noqa: PTH112  (False where a folder may not be looked into)
        _require_entries(path)
    else:
        _require_other_layout(path)
    raise _unknown(f"The path must be one of these products: {_titles()}", path, _DO)


def require_no_part(path: Path) -> None:
    """Raise `ProductUnknown` for a file or folder in a SAFE, which alone is no product."""
    for folder in Path(path).absolute().parents:
        if folder.suffix.upper() == ".SAFE" and products.candidates(folder):
            raise _unknown("A product must be named as a whole; this is a part of one", path, f"Name {folder}")


def require_no_stac(path: Path) -> None:
    """Raise `ProductUnknown` for a STAC document, or a folder with one: it needs no catalogue any more."""
    entry = locate(path)
    if not entry.endswith(".json") or not Path(entry).is_file():
        return
    try:
        document = Access(roots=(Path(entry).parent,)).read_json(entry, JSON_LIMIT)
    except OpenEOError:
        return
    if document.get("type") in _STAC and "stac_version" in document:
        named = shlex.quote(str(path))
        do = (
            f"Use it as it is (openeo-sar describe {named}), or write its bands as GeoTIFF with"
            f" `openeo-sar stac {named} --materialise`, without --out: they go into its folder materialised"
        )
        raise _unknown("A path must be a product; this is a STAC catalogue already", path, do)


def _require_entries(path: Path) -> None:
    try:
        empty = not any(Path(path).iterdir())
    except OSError as error:
        must = f"The folder must be readable ({error.strerror})"
        raise DataError("FileNotFound", must, got=str(path), do="Change its permissions") from None
    if empty:
        raise _unknown("The folder must hold a product; it is empty", path, "Check the path")


def _require_other_layout(path: Path) -> None:
    """Raise what is wrong with an HDF5 file that no driver knows: nobody can look into it, or it holds something else."""
    from local_runner.files import hdf5  # noqa: PLC0415  (h5py is slow to import, and plain rasters need none)

    if not path.is_file() or not hdf5.is_hdf5(path):
        return
    with hdf5.guarded(path):
        pass
    must = f"An HDF5 or netCDF file must have the data sets of one of these products: {_titles()}"
    raise _unknown(must, path, _DO)


def _titles() -> str:
    return "; ".join(driver.TITLE.partition(":")[0] for driver in products.drivers().values())


def _unknown(must: str, path: Path, do: str) -> DataError:
    return DataError("ProductUnknown", must, got=str(path), do=do)
