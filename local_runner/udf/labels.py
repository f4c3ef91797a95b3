"""The labels of what a UDF returns: declared by its `apply_metadata`, returned with the chunk, kept, or lost.

What the geopyspark back-end takes and what it loses is told by the profile.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import xarray as xr

from local_runner.cube import BANDS, T, X, Y, crs_of, labels, with_crs
from local_runner.errors import OpenEOError, UdfError
from local_runner.profiles import Profile, ProfileWarning
from local_runner.udf.call import NO_DATA, Udf

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dask.array as da

Parent = Literal["apply", "apply_dimension", "reduce_dimension", "apply_neighborhood", "apply_polygon", "run_udf"]
DUMMY_DATE: Final = np.datetime64("2020-01-01", "ns")
"""The date that the geopyspark back-end gives to a result of several dates that came back without t."""


@dataclass(frozen=True)
class ResultLabels:
    """Labels of the result of a UDF on `cube`, called by the process `parent` along `dimension`; `daily`: date by date."""

    cube: xr.DataArray
    udf: Udf
    profile: Profile
    parent: Parent
    dimension: str | None
    daily: bool

    def put(self, values: da.Array, dims: Sequence[str], probe: xr.DataArray) -> xr.DataArray:
        """`values` with `dims` as a cube; `probe` is what the trial call returned."""
        result = xr.DataArray(values, dims=dims, attrs=self.cube.attrs)
        result = result.assign_coords({d: self.cube[d] for d in (Y, X) if d in self.cube.coords})
        old = labels(self.cube, BANDS) if BANDS in self.cube.coords else None
        declared = self.udf.declared_bands([str(d) for d in self.cube.dims], [str(b) for b in old or ()])
        if BANDS in dims:
            bands = self._bands(probe, old, declared)
            if bands is not None:
                result = result.assign_coords({BANDS: bands})
        times = self._times(result, probe, declared=declared is not None)
        if times is not None and T not in result.dims:
            result = result.expand_dims({T: times})
        elif times is not None:
            result = result.assign_coords({T: times})
        reduced = self.dimension if self.parent == "reduce_dimension" else None
        if reduced in result.dims:
            if result.sizes[reduced] != 1:
                raise self._invalid(f"must return one value along the reduced dimension {reduced!r}", probe)
            result = result.isel({reduced: 0}, drop=True)
        return with_crs(result, crs_of(self.cube))

    def _bands(self, probe: xr.DataArray, old: list[Any] | None, declared: list[str] | None) -> list[Any] | None:
        count = probe.sizes[BANDS]
        if declared is not None and len(declared) != count:
            raise self._invalid(f"must return the {len(declared)} bands that its apply_metadata declares", probe)
        if declared is not None and declared != old:
            if self.parent == "apply_neighborhood" and self.profile.new_labels == "warn":
                text = "The UDF changes the band labels; by the specification apply_neighborhood keeps them"
                warnings.warn(text, ProfileWarning, stacklevel=2)
            return list(declared)
        if self.parent == "reduce_dimension" and self.dimension == BANDS:
            return None
        returned = labels(probe, BANDS) if BANDS in probe.coords else None
        if self.parent == "apply_dimension" and self.dimension == BANDS:
            return old if count == self.cube.sizes[BANDS] else list(range(count))
        if count == self.cube.sizes[BANDS] and returned in (None, old):
            return old
        return self._undeclared(f"bands to {returned or count}", count)

    def _undeclared(self, what: str, count: int) -> list[Any]:
        if self.profile.undeclared_labels == "refuse":
            do = "Declare them with apply_metadata in the UDF"
            must = f"The UDF must not change labels that it does not declare, but it changes the {what}"
            raise OpenEOError("DataCubePropertiesImmutable", must, do=do, node=self.udf.node)
        text = f"{self.profile.label('G11')}The UDF changes the {what} without apply_metadata; the labels are lost"
        self.profile.warn("G11", text)
        return list(range(count))

    def _times(self, result: xr.DataArray, probe: xr.DataArray, *, declared: bool) -> Any:  # noqa: PLR0911
        if T not in self.cube.dims or (self.parent == "reduce_dimension" and self.dimension == T):
            return None
        if T not in result.dims:
            text = f"{self.profile.label('G09')}The UDF dropped t; the back-end dates the result 2020-01-01"
            self.profile.warn("G09", text)
            return [DUMMY_DATE]
        times = self.cube[T].values if T in self.cube.coords else None
        if self.daily:
            return times
        returned = probe[T].values if T in probe.coords else None
        same_count = probe.sizes[T] == self.cube.sizes[T]
        if same_count and (returned is None or np.array_equal(returned, times)):  # type: ignore[arg-type]
            return times
        if returned is not None and returned.dtype.kind == "M" and (declared or self.parent == "apply_dimension"):
            return returned.astype("datetime64[ns]")
        if self.parent == "apply_dimension":
            return list(range(probe.sizes[T]))
        return self._undeclared(f"dates to {probe.sizes[T]}", probe.sizes[T])

    def _invalid(self, must: str, probe: xr.DataArray) -> UdfError:
        must = f"The UDF {must} [chunk {NO_DATA}]"
        return UdfError("UdfResultInvalid", must, got=f"{dict(probe.sizes)}", node=self.udf.node)
