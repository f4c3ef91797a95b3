"""UDFs: checks a UDF text and runs it on one chunk through `openeo.udf.run_udf_code`, as a back-end does.

The text is executed in this process; only trusted texts may get here (`check_trusted`).
"""

from __future__ import annotations

import ast
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

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_DATA: Final = "of the trial call, all NaN"
"""Name of the chunk of NaN that a UDF is called on before any pixel is read."""
MAX_TEXT: Final = 256 * 1024
_OTHER_ENTRY_POINTS: Final = ("apply_timeseries", "apply_hypercube", "apply_vectorcube", "apply_udf_data")


class Udf:
    """A checked UDF text with its context and the path of its node."""

    def __init__(self, text: str, context: Any, *, node: str = "") -> None:
        check_text(text)
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
        except MemoryError as error:
            do = "Use a smaller neighbourhood, or fewer dates"
            must = f"The UDF must fit into memory [chunk {place}]"
            raise LimitExceededError("UdfOutOfMemory", must, got=str(error), do=do, node=self.node) from error
        except OpenEoUdfException as error:
            raise self.error(f"must be accepted by run_udf_code: {error}", place) from error
        except (Exception, SystemExit) as error:
            line = next(
                (f.lineno for f in reversed(traceback.extract_tb(error.__traceback__)) if f.filename == "<string>"),
                None,
            )
            if place == NO_DATA and isinstance(error, ValueError | TypeError) and self._raises_at(line):
                raise OpenEOError("UdfInputInvalid", f"{error} [line {line} of the UDF]", node=self.node) from error
            raise self.error(f"failed at its line {line}: {type(error).__name__}: {error}", place) from error
        return np_checked(result, self, place)

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
        raise udf.error(f"must return a DataArray of real numbers, instead got {got}", place)
    return result


def check_text(text: str) -> None:
    """Raise unless a text is Python with exactly one entry point that `run_udf_code` will find."""
    if "\n" not in text:
        do = "`openeo-sar sync` fills in the text of a file in udfs/"
        raise OpenEOError(
            "ProcessParameterInvalid", "udf must be the text of a UDF, not a path or URL", got=text, do=do
        )
    if len(text.encode()) > MAX_TEXT:
        raise LimitExceededError(
            "UdfTooLarge", f"A UDF text must have at most {MAX_TEXT} bytes", got=len(text.encode())
        )
    try:
        module = ast.parse(text)
    except SyntaxError as error:
        raise UdfError("UdfInvalid", f"A UDF must be valid Python; line {error.lineno}: {error.msg}") from error
    for statement in ast.walk(module):
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            must = "A UDF must not import from __future__: its annotations would become texts and it would not be found"
            raise UdfError("UdfInvalid", must, got=f"line {statement.lineno}")
    functions = [f for f in module.body if isinstance(f, ast.FunctionDef)]
    entries = [f for f in functions if f.name == "apply_datacube"]
    others = [f.name for f in functions if f.name in _OTHER_ENTRY_POINTS or _takes_udf_data(f)]
    if len(entries) != 1 or others:
        got = [f.name for f in entries] + others
        raise UdfError("UdfInvalid", "A UDF must have exactly one entry point, apply_datacube", got=got)
    _check_signature(entries[0])


def _takes_udf_data(function: ast.FunctionDef) -> bool:
    arguments = function.args.args
    annotation = arguments[0].annotation if len(arguments) == 1 else None
    return annotation is not None and "UdfData" in ast.unparse(annotation)


def _check_signature(entry: ast.FunctionDef) -> None:
    names = [a.arg for a in entry.args.args]
    complete = all(a.annotation is not None for a in entry.args.args[:2]) and entry.returns is not None
    if names[:2] != ["cube", "context"] or not complete:
        must = (
            "The entry point must read def apply_datacube(cube: xr.DataArray, context: dict[str, Any]) -> xr.DataArray"
        )
        raise UdfError("UdfInvalid", must, got=f"def {entry.name}({ast.unparse(entry.args)})")


def check_trusted(text: Any, *, trusted: bool) -> None:
    """Raise `UdfNotTrusted` for a text that is not of the installed collection, unless all texts are trusted."""
    if trusted or (isinstance(text, str) and catalog.text_hash(text) in catalog.udf_hashes()):
        return
    must = "The text of a UDF must be one of the installed collection, for any other runs with all your rights"
    got = f"a text of {len(text)} characters, sha256 {catalog.text_hash(text)}" if isinstance(text, str) else text
    do = "Read it in the graph, and if you trust its author add --trust, in Python trusted=True"
    raise OpenEOError("UdfNotTrusted", must, got=Quoted(got) if isinstance(text, str) else got, do=do)


def as_float32(values: Any) -> Any:
    """Values as float32, the only dtype that a back-end hands to UDFs and takes from them."""
    return np.asarray(values, np.float32)
