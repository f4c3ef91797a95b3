"""Hands a cube to a UDF chunk by chunk as a back-end does, and puts the results together again.

What a UDF sees: float32, dims `(bands, y, x)` of one date (the date in `attrs["t"]`) or `(t, bands, y, x)`, labels, full-size
chunks with overlap, NaN where there is no image. A first call on a chunk of NaN tells dims and labels of the result, and
finds most mistakes before any pixel is read.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr

from local_runner.cube import BANDS, DIMENSIONS, T, X, Y, crs_of, iso, labels, require_spatial, spacing, with_crs
from local_runner.errors import OpenEOError, UdfError
from local_runner.profiles import Profile, ProfileWarning
from local_runner.tiling import Tile, map_tiles
from local_runner.udf import NO_DATA, Udf, as_float32, check_trusted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from local_runner.callback import Callback
    from local_runner.execution import Execution

Parent = Literal["apply", "apply_dimension", "reduce_dimension", "apply_neighborhood", "run_udf"]
DUMMY_DATE = np.datetime64("2020-01-01", "ns")
"""The date that the geopyspark back-end gives to a result of several dates that came back without t."""


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


def make_udf(
    udf: str, runtime: str, version: str | None = None, context: Any = None, *, execution: Execution, node: str = ""
) -> Udf:
    """A UDF of the arguments of `run_udf`."""
    if runtime.lower() not in ("python", "python-jep"):
        raise OpenEOError("InvalidRuntime", "runtime must be 'Python'", got=runtime)
    if version is not None and not str(version).startswith("3"):
        raise OpenEOError("InvalidVersion", "version must be null or a version of Python 3", got=version)
    check_trusted(udf, trusted=execution.trusted)
    return Udf(udf, context, node=node)


def run_over_chunks(cube: xr.DataArray, udf: Udf, chunks: Chunks, profile: Profile) -> xr.DataArray:
    """A cube through a UDF, lazily; float32, dims in the order `t, bands, y, x`."""
    require_spatial(cube)
    strange = [str(d) for d in cube.dims if d not in DIMENSIONS]
    if strange:
        do = "Drop or reduce the others first"
        raise OpenEOError("FeatureUnsupported", f"A UDF gets the dimensions {DIMENSIONS} only", got=strange, do=do)
    had_bands = BANDS in cube.dims
    full = (cube if had_bands else cube.expand_dims(BANDS)).transpose(*DIMENSIONS, missing_dims="ignore")
    if T in full.dims:
        full = full.sortby(T)
    runner = _Runner(full, udf, chunks, profile)
    result = runner.run()
    if not had_bands and BANDS in result.dims and result.sizes[BANDS] == 1:
        result = result.isel({BANDS: 0}, drop=True)
    return result


class _Runner:
    def __init__(self, cube: xr.DataArray, udf: Udf, chunks: Chunks, profile: Profile) -> None:
        self.cube, self.udf, self.chunks, self.profile = cube, udf, chunks, profile
        self.daily = chunks.daily or T not in cube.dims
        self.dims = (BANDS, Y, X) if self.daily else (T, BANDS, Y, X)
        self.times: NDArray[Any] | None = cube[T].values if T in cube.coords else None
        self.bands = labels(cube, BANDS) if BANDS in cube.coords else None
        self.step = spacing(cube)
        self.origin = tuple(float(cube[d].values[0]) if d in cube.coords else 0.0 for d in (X, Y))

    def run(self) -> xr.DataArray:
        data = da.asarray(self.cube.data).astype(np.float32)
        probe = self._probe()
        self._check(probe, NO_DATA)
        leading = tuple(probe.sizes[d] for d in self.dims[:-2] if d in probe.dims)
        kept = tuple(str(d) for d in self.dims if d in probe.dims)

        def tiles(source: da.Array, date: str | None) -> da.Array:
            def udf(block: NDArray[Any], tile: Tile) -> NDArray[Any]:
                result = self.udf(self._chunk(block, tile.y - tile.overlap_y, tile.x - tile.overlap_x, date), tile.name)
                self._check(result, tile.name)
                if result.sizes != {**probe.sizes}:
                    raise self._invalid(f"must return {dict(probe.sizes)} as for every other chunk", result, tile.name)
                return np.asarray(as_float32(result.transpose(*kept).values))

            size, overlap = self.chunks.size, self.chunks.overlap
            return map_tiles(udf, source, size=size, overlap=overlap, leading=leading, dtype=np.float32)

        if self.daily and T in self.cube.dims:
            dates = [iso(t) for t in self.times] if self.times is not None else [None] * self.cube.sizes[T]
            values = da.stack([tiles(data[i], date) for i, date in enumerate(dates)])
            return self._labelled(values, (T, *kept), probe)
        return self._labelled(tiles(data, None), kept, probe)

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

    def _probe(self) -> xr.DataArray:
        height, width = (s + 2 * o for s, o in zip(self.chunks.size, self.chunks.overlap, strict=True))
        leading = tuple(self.cube.sizes[d] for d in self.dims[:-2])
        block = np.full((*leading, height, width), np.nan, np.float32)
        block.flags.writeable = False
        date = iso(self.times[0]) if self.daily and self.times is not None and self.times.size else None
        return self.udf(self._chunk(block, -self.chunks.overlap[0], -self.chunks.overlap[1], date), NO_DATA)

    def _check(self, result: xr.DataArray, place: str) -> None:
        """Dims, their order where the back-end takes the values as they are, rows and columns."""
        height, width = (s + 2 * o for s, o in zip(self.chunks.size, self.chunks.overlap, strict=True))
        if not set(result.dims) <= set(self.dims) or {Y, X} - set(result.dims):
            raise self._invalid(f"must return the dims {self.dims}", result, place)
        if (result.sizes[Y], result.sizes[X]) != (height, width):
            raise self._invalid(f"must return the {height} rows and {width} columns that it got", result, place)
        expected = tuple(d for d in self.dims if d in result.dims)
        if self.daily and result.dims != expected:
            raise self._invalid(
                f"must return the dims in the order {expected}, they are taken as they are", result, place
            )
        may_drop = {self.chunks.dimension} if self.chunks.parent == "reduce_dimension" else set()
        if not self.daily and self.profile.undeclared_labels == "lose":
            may_drop.add(T)
        missing = set(self.dims) - set(result.dims) - may_drop
        if missing:
            raise self._invalid(f"must keep the dimension {min(missing)!r}", result, place)

    def _invalid(self, must: str, result: xr.DataArray, place: str) -> UdfError:
        must = f"The UDF {must} [chunk {place}]"
        return UdfError("UdfResultInvalid", must, got=f"{dict(result.sizes)}", node=self.udf.node)

    def _labelled(self, values: da.Array, dims: Sequence[str], probe: xr.DataArray) -> xr.DataArray:
        result = xr.DataArray(values, dims=dims, attrs=self.cube.attrs)
        result = result.assign_coords({d: self.cube[d] for d in (Y, X) if d in self.cube.coords})
        declared = self.udf.declared_bands([str(d) for d in self.cube.dims], [str(b) for b in self.bands or ()])
        if BANDS in dims:
            bands = self._band_labels(probe, declared)
            if bands is not None:
                result = result.assign_coords({BANDS: bands})
        times = self._time_labels(result, probe, declared=declared is not None)
        if times is not None and T not in result.dims:
            result = result.expand_dims({T: times})
        elif times is not None:
            result = result.assign_coords({T: times})
        reduced = self.chunks.dimension if self.chunks.parent == "reduce_dimension" else None
        if reduced in result.dims:
            if result.sizes[reduced] != 1:
                raise self._invalid(f"must return one value along the reduced dimension {reduced!r}", probe, NO_DATA)
            result = result.isel({reduced: 0}, drop=True)
        return with_crs(result, crs_of(self.cube))

    def _band_labels(self, probe: xr.DataArray, declared: list[str] | None) -> list[Any] | None:
        count, old = probe.sizes[BANDS], self.bands
        if declared is not None and len(declared) != count:
            raise self._invalid(
                f"must return the {len(declared)} bands that its apply_metadata declares", probe, NO_DATA
            )
        if declared is not None and declared != old:
            if self.chunks.parent == "apply_neighborhood" and self.profile.new_labels == "warn":
                text = "The UDF changes the band labels; by the specification apply_neighborhood keeps them"
                warnings.warn(text, ProfileWarning, stacklevel=2)
            return list(declared)
        if self.chunks.parent == "reduce_dimension" and self.chunks.dimension == BANDS:
            return None
        returned = labels(probe, BANDS) if BANDS in probe.coords else None
        if self.chunks.parent == "apply_dimension" and self.chunks.dimension == BANDS:
            return old if count == self.cube.sizes[BANDS] else list(range(count))
        if count == self.cube.sizes[BANDS] and returned in (None, old):
            return old
        return self._undeclared(f"bands to {returned or count}", count)

    def _undeclared(self, what: str, count: int) -> list[Any]:
        if self.profile.undeclared_labels == "refuse":
            do = "Declare them with apply_metadata in the UDF"
            must = f"The UDF must not change labels that it does not declare, but it changes the {what}"
            raise OpenEOError("DataCubePropertiesImmutable", must, do=do, node=self.udf.node)
        text = f"[{self.profile.name} G11] The UDF changes the {what} without apply_metadata; the labels are lost"
        warnings.warn(text, ProfileWarning, stacklevel=2)
        return list(range(count))

    def _time_labels(self, result: xr.DataArray, probe: xr.DataArray, *, declared: bool) -> Any:  # noqa: PLR0911
        if T not in self.cube.dims or (self.chunks.parent == "reduce_dimension" and self.chunks.dimension == T):
            return None
        if T not in result.dims:
            text = f"[{self.profile.name} G09] The UDF dropped t; the back-end dates the result 2020-01-01"
            warnings.warn(text, ProfileWarning, stacklevel=2)
            return [DUMMY_DATE]
        if self.daily:
            return self.times
        returned = probe[T].values if T in probe.coords else None
        same_count = probe.sizes[T] == self.cube.sizes[T]
        if same_count and (returned is None or np.array_equal(returned, self.times)):  # type: ignore[arg-type]
            return self.times
        if (
            returned is not None
            and returned.dtype.kind == "M"
            and (declared or self.chunks.parent == "apply_dimension")
        ):
            return returned.astype("datetime64[ns]")
        if self.chunks.parent == "apply_dimension":
            return list(range(probe.sizes[T]))
        return self._undeclared(f"dates to {probe.sizes[T]}", probe.sizes[T])
