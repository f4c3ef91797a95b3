"""UDFs: checks a UDF text and runs it on one chunk through `openeo.udf.run_udf_code`, as a back-end does.

The text is executed in this process; `local_runner.sandbox` does this in another one for texts that nobody vouches for.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr
from openeo.metadata import Band, BandDimension, CubeMetadata, SpatialDimension, TemporalDimension
from openeo.udf import OpenEoUdfException
from openeo.udf.run_code import load_module_from_string, run_udf_code
from openeo.udf.udf_data import UdfData
from openeo.udf.xarraydatacube import XarrayDataCube

from local_runner import catalog
from local_runner.errors import LimitExceededError, OpenEOError, Quoted, UdfError
from local_runner.udf.text import check_dependencies, check_text, missing

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_DATA: Final = "of the trial call, all NaN"
"""Name of the chunk of NaN that a UDF is called on before any pixel is read."""


class Udf:
    """A checked UDF text with its context and the path of its node."""

    def __init__(self, text: str, context: Any, *, node: str = "") -> None:
        check_text(text)
        check_dependencies(text, node=node)
        self.text = text
        self.context = {} if context is None else context
        self.node = node

    def __call__(self, chunk: xr.DataArray, place: str) -> xr.DataArray:
        """Run on one chunk; `place` names it in errors. Raises `UdfError` with the line of the UDF.

        What the UDF itself raises as ValueError or TypeError on the chunk of no data is about its input: `UdfInputInvalid`.
        """
        data = UdfData(datacube_list=[XarrayDataCube(chunk)], user_context=self.context)
        try:
            result = (run_udf_code(self.text, data).get_datacube_list() or [])[0].get_array()
        except (Exception, SystemExit) as error:
            raise self._failure(error, place) from error
        return np_checked(result, self, place)

    def _failure(self, error: BaseException, place: str) -> OpenEOError:
        """What a UDF raised, with its line."""
        if isinstance(error, MemoryError):
            do = "Use a smaller neighbourhood, or fewer dates"
            must = f"The UDF must fit into memory [chunk {place}]"
            return LimitExceededError("UdfOutOfMemory", must, got=str(error), do=do, node=self.node)
        if isinstance(error, OpenEoUdfException):
            return self.error(f"must be accepted by run_udf_code: {error}", place)
        line = next(
            (f.lineno for f in reversed(traceback.extract_tb(error.__traceback__)) if f.filename == "<string>"),
            None,
        )
        if isinstance(error, ModuleNotFoundError):
            return missing(
                f"What the UDF imports must be installed, at its line {line} [chunk {place}]", error, self.node
            )
        if place == NO_DATA and isinstance(error, ValueError | TypeError) and self._raises_at(line):
            return OpenEOError("UdfInputInvalid", f"{error} [line {line} of the UDF]", node=self.node)
        return self.error(f"failed at its line {line}: {type(error).__name__}: {error}", place)

    def _raises_at(self, line: int | None) -> bool:
        return line is not None and self.text.splitlines()[line - 1].lstrip().startswith("raise ")

    def error(self, what: str, place: str) -> UdfError:
        """The error of this UDF at a chunk."""
        return UdfError("UdfFailed", f"The UDF {what} [chunk {place}]", node=self.node)

    def declared_bands(self, dims: Sequence[str], bands: Sequence[str]) -> list[str] | None:
        """Band labels that the UDF's `apply_metadata` declares for a cube, or None without that function."""
        function = load_module_from_string(self.text).get("apply_metadata")
        if function is None:
            return None
        kinds = {
            "t": TemporalDimension("t", extent=[]),
            "bands": BandDimension("bands", bands=[Band(name=str(b)) for b in bands]),
        }
        dimensions = [kinds.get(d) or SpatialDimension(d, extent=[]) for d in dims]
        try:
            metadata = function(CubeMetadata(dimensions=dimensions), self.context)
            return [str(name) for name in metadata.band_names]
        except Exception as error:
            raise self.error(f"has an apply_metadata that failed: {type(error).__name__}: {error}", NO_DATA) from error


def np_checked(result: Any, udf: Udf, place: str) -> xr.DataArray:
    """The result of a UDF, if it is a DataArray of real numbers."""
    if not isinstance(result, xr.DataArray) or result.dtype.kind not in "fiub":
        got = f"{type(result).__name__} of {getattr(result, 'dtype', 'no dtype')}"
        must = f"The UDF must return a DataArray of real numbers [chunk {place}]"
        raise UdfError("UdfResultInvalid", must, got=Quoted(got), node=udf.node)
    return result


def is_of_collection(text: Any) -> bool:
    """Whether a text is a UDF of the installed collection, told by its hash."""
    return isinstance(text, str) and catalog.text_hash(text) in catalog.udf_hashes()


def name_of(text: str) -> str:
    """How messages call a UDF text."""
    return f"a text of {len(text)} characters, sha256 {catalog.text_hash(text)}"


def as_float32(values: Any) -> Any:
    """Values as float32, the only dtype that a back-end hands to UDFs and takes from them."""
    return np.asarray(values, np.float32)
