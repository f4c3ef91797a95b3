"""Hands a cube to a UDF chunk by chunk as a back-end does, and puts the results together again.

What a UDF sees: float32, dims `(bands, y, x)` of one date (the date in `attrs["t"]`) or `(t, bands, y, x)`, labels, full-size
chunks with overlap, NaN where there is no image. One that declares `WHOLE_IMAGE` sees the image, not filled up to the size of
the neighbourhood. A first call on a chunk of NaN tells dims and labels of the result, and finds most mistakes before any pixel
is read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr

from local_runner.compute.tiling import Tile, map_tiles
from local_runner.cube import BANDS, DIMENSIONS, T, X, Y, iso, labels, require_spatial, spacing
from local_runner.errors import LimitExceededError, OpenEOError, Quoted, UdfError
from local_runner.execution import Execution, UdfCalls
from local_runner.sandbox.udf import udf_for
from local_runner.udf.call import NO_DATA, Udf, as_float32
from local_runner.udf.labels import Parent, ResultLabels
from local_runner.udf.planned import PlannedUdf
from local_runner.udf.text import bytes_per_cell, needs_whole_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from local_runner.callback import Callback

MAX_CALLS: Final = 250_000
"""Calls of a UDF on one cube: each is a task, and tasks themselves take memory."""


@dataclass(frozen=True)
class Chunks:
    """How a parent process cuts a cube: size and overlap (y, x) in pixels, each date for itself or all together."""

    parent: Parent
    size: tuple[int, int]
    overlap: tuple[int, int] = (0, 0)
    daily: bool = False
    dimension: str | None = None


def udf_of(callback: Callback, context: Any, execution: Execution) -> Udf:
    """The UDF of a callback that is one `run_udf` node; raises for a mixed callback, a wrong runtime, an untrusted text."""
    if not callback.is_single_udf:
        must = "A callback with run_udf must be exactly that one node"
        do = "Move the other processes into a node before or after it"
        raise OpenEOError("FeatureUnsupported", must, got=callback.process_ids, do=do)
    path, arguments = callback.udf_arguments(context=context, data=None, x=None)
    try:
        return make_udf(**arguments, execution=execution, node=path)
    except OpenEOError as error:
        raise error.at(path) from error.__cause__


def require_runtime(runtime: str, version: str | None) -> None:
    """Raise `InvalidRuntime` or `InvalidVersion` unless a UDF can be run here."""
    if runtime.lower() not in ("python", "python-jep"):
        raise OpenEOError("InvalidRuntime", "runtime must be 'Python'", got=runtime, do="Write 'Python'")
    if version is not None and not str(version).startswith("3"):
        must = "version must be null or a version of Python 3"
        raise OpenEOError("InvalidVersion", must, got=version, do="Leave it out")


def make_udf(
    udf: str, runtime: str, version: str | None = None, context: Any = None, *, execution: Execution, node: str = ""
) -> Udf:
    """A UDF of the arguments of `run_udf`."""
    require_runtime(runtime, version)
    execution.profile.enforce("run_udf", {"udf": udf, "runtime": runtime, "version": version, "context": context})
    if execution.planning:
        return PlannedUdf(udf, context, node=node)
    return udf_for(udf, context, node=node, execution=execution)


def run_over_chunks(cube: xr.DataArray, udf: Udf, chunks: Chunks, execution: Execution) -> xr.DataArray:
    """A cube through a UDF, lazily; float32, dims in the order `t, bands, y, x`.

    Raises `LimitExceeded` where a chunk does not fit into the memory that may be used, where there are too many of them, or
    several of a UDF that needs the whole image.
    """
    require_spatial(cube)
    strange = [str(d) for d in cube.dims if d not in DIMENSIONS]
    if strange:
        do = "Drop or reduce the others first"
        raise OpenEOError("FeatureUnsupported", f"A UDF gets the dimensions {DIMENSIONS} only", got=strange, do=do)
    had_bands = BANDS in cube.dims
    full = (cube if had_bands else cube.expand_dims(BANDS)).transpose(*DIMENSIONS, missing_dims="ignore")
    if T in full.dims:
        full = full.sortby(T)
    runner = _Runner(full, udf, chunks, execution)
    runner.check_limits()
    result = runner.run()
    if not had_bands and BANDS in result.dims and result.sizes[BANDS] == 1:
        result = result.isel({BANDS: 0}, drop=True)
    return result


class _Runner:
    def __init__(self, cube: xr.DataArray, udf: Udf, chunks: Chunks, execution: Execution) -> None:
        self.cube, self.udf, self.chunks = cube, udf, chunks
        self.execution, self.profile = execution, execution.profile
        self.daily = chunks.daily or T not in cube.dims
        self.dims = (BANDS, Y, X) if self.daily else (T, BANDS, Y, X)
        self.times: NDArray[Any] | None = cube[T].values if T in cube.coords else None
        self.bands = labels(cube, BANDS) if BANDS in cube.coords else None
        self.step = spacing(cube)
        self.origin = tuple(float(cube[d].values[0]) if d in cube.coords else 0.0 for d in (X, Y))
        self.is_whole = needs_whole_image(udf.text)
        image = (cube.sizes[Y], cube.sizes[X])
        self.size = (min(image[0], chunks.size[0]), min(image[1], chunks.size[1])) if self.is_whole else chunks.size
        height, width = (s + 2 * o for s, o in zip(self.size, chunks.overlap, strict=True))
        self.shape = (*(cube.sizes[d] for d in self.dims[:-2]), height, width)

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs to call the UDF: neither the whole graph nor what belongs to this process."""
        return {**self.__dict__, "cube": None, "execution": None}

    @property
    def tiles(self) -> int:
        """Into how many tiles the image is cut."""
        return math.prod(-(-self.cube.sizes[d] // size) for d, size in zip((Y, X), self.chunks.size, strict=True))

    @property
    def own_bytes(self) -> int:
        """Memory that a call takes beside its arrays."""
        return bytes_per_cell(self.udf.text) * math.prod(self.shape[-2:])

    @property
    def calls(self) -> int:
        """How often the UDF is called, apart from the trial call."""
        return self.tiles * (self.cube.sizes[T] if self.daily and T in self.cube.dims else 1)

    def check_limits(self) -> None:
        """Raise `LimitExceeded` for chunks that are too large or too many."""
        if self.is_whole and self.tiles > 1:
            self._refuse_parts()
        size = 4 * math.prod(self.shape) + self.own_bytes
        self.execution.budget.require_memory(size, f"A chunk of {dict(zip(self.dims, self.shape, strict=True))}")
        if self.calls > MAX_CALLS:
            must = f"A UDF must be called at most {MAX_CALLS} times on one cube"
            raise LimitExceededError("LimitExceeded", must, got=self.calls, do="Use a larger neighbourhood")

    def _refuse_parts(self) -> None:
        rows, columns = self.chunks.size
        must = f"The image of a UDF with WHOLE_IMAGE must fit into one neighbourhood, {rows} rows x {columns} columns"
        got = Quoted(f"{self.cube.sizes[Y]} rows x {self.cube.sizes[X]} columns")
        do = "Take more looks, or clip the image by spatial_extent"
        if self.chunks.parent != "apply_neighborhood":
            do = f"Call the UDF by apply_neighborhood, not by {self.chunks.parent}"
        raise LimitExceededError("LimitExceeded", must, got=got, do=do)

    def run(self) -> xr.DataArray:
        data = da.asarray(self.cube.data).astype(np.float32)
        probe = self._planned() if isinstance(self.udf, PlannedUdf) else self._probe()
        self._check(probe, NO_DATA)
        leading = tuple(probe.sizes[d] for d in self.dims[:-2] if d in probe.dims)
        kept = tuple(str(d) for d in self.dims if d in probe.dims)
        sizes = dict(probe.sizes)

        def tiles(source: da.Array, date: str | None) -> da.Array:
            def udf(block: NDArray[Any], tile: Tile) -> NDArray[Any]:
                result = self.udf(self._chunk(block, tile.y - tile.overlap_y, tile.x - tile.overlap_x, date), tile.name)
                self._check(result, tile.name)
                if dict(result.sizes) != sizes:
                    raise self._invalid(f"must return {sizes} as for every other chunk", result, tile.name)
                return np.asarray(as_float32(result.transpose(*kept).values))

            size, overlap = self.size, self.chunks.overlap
            return map_tiles(udf, source, size=size, overlap=overlap, leading=leading, dtype=np.float32)

        if self.daily and T in self.cube.dims:
            dates = [iso(t) for t in self.times] if self.times is not None else [None] * self.cube.sizes[T]
            values = da.stack([tiles(data[i], date) for i, date in enumerate(dates)])
            return self._labelled(values, (T, *kept), probe)
        return self._labelled(tiles(data, None), kept, probe)

    def _labelled(self, values: da.Array, dims: tuple[str, ...], probe: xr.DataArray) -> xr.DataArray:
        found = ResultLabels(self.cube, self.udf, self.profile, self.chunks.parent, self.chunks.dimension, self.daily)
        return found.put(values, dims, probe)

    def _chunk(self, block: NDArray[Any], y: int, x: int, date: str | None) -> xr.DataArray:
        coords: dict[str, Any] = {}
        for d, start, i in ((X, x, 0), (Y, y, 1)):
            centres = self.origin[i] + self.step[i] * (start + np.arange(block.shape[-1 - i]))
            coords[d] = centres.astype(np.float32) if self.profile.float32_coordinates else centres
        if self.bands is not None:
            coords[BANDS] = self.bands
        if not self.daily and self.times is not None:
            coords[T] = pd.DatetimeIndex(self.times) if self.times.dtype.kind == "M" else self.times
        return xr.DataArray(block, coords, self.dims, attrs={} if date is None else {"t": date})

    def _planned(self) -> xr.DataArray:
        """What a call is expected to return, told to who watches the evaluation."""
        assert isinstance(self.udf, PlannedUdf)  # noqa: S101  (as `run` has seen)
        block = np.broadcast_to(np.float32(np.nan), self.shape)
        chunk = self._chunk(block, 0, 0, None)
        reduced = self.chunks.dimension if self.chunks.parent == "reduce_dimension" else None
        result = self.udf.expected(chunk, reduced=reduced)
        if self.execution.observer is not None:
            known = {str(d): labels(chunk, str(d)) for d in (T, BANDS) if d in chunk.coords}
            size, overlap, shape = self.size, self.chunks.overlap, result.shape
            at = (self.udf.node, self.calls, self.dims, self.shape, known, size, overlap, self.daily, shape)
            self.execution.observer.udf(UdfCalls(*at, self.udf.collected, self.own_bytes))
        return result

    def _probe(self) -> xr.DataArray:
        block = np.full(self.shape, np.nan, np.float32)
        block.flags.writeable = False
        date = iso(self.times[0]) if self.daily and self.times is not None and self.times.size else None
        return self.udf(self._chunk(block, -self.chunks.overlap[0], -self.chunks.overlap[1], date), NO_DATA)

    def _check(self, result: xr.DataArray, place: str) -> None:
        """Dims, their order where the back-end takes the values as they are, rows and columns."""
        height, width = self.shape[-2:]
        if not set(result.dims) <= set(self.dims) or {Y, X} - set(result.dims):
            raise self._invalid(f"must return the dims {self.dims}", result, place, limit="G12")
        if (result.sizes[Y], result.sizes[X]) != (height, width):
            must = f"must return the {height} rows and {width} columns that it got"
            raise self._invalid(must, result, place, limit="G17")
        expected = tuple(d for d in self.dims if d in result.dims)
        if self.daily and result.dims != expected:
            must = f"must return the dims in the order {expected}, they are taken as they are"
            raise self._invalid(must, result, place, limit="G08")
        may_drop = {self.chunks.dimension} if self.chunks.parent == "reduce_dimension" else set()
        if not self.daily and self.profile.undeclared_labels == "lose":
            may_drop.add(T)
        missing = set(self.dims) - set(result.dims) - may_drop
        if missing:
            raise self._invalid(f"must keep the dimension {min(missing)!r}", result, place)

    def _invalid(self, must: str, result: xr.DataArray, place: str, *, limit: str = "") -> UdfError:
        must = f"{self.profile.label(limit)}The UDF {must} [chunk {place}]"
        return UdfError("UdfResultInvalid", must, got=f"{dict(result.sizes)}", node=self.udf.node)
