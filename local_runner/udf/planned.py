"""A UDF that is never run: what its result will look like, told by the graph and by declarations.

Texts of the installed collection are this project's own code: their `apply_metadata` is asked for the band labels, and what
it raises about its input is an error of the plan. Nothing of any other text is executed. Bands that are named for pairs of
dates make t the one earliest date of all pairs, the convention of pair processes, and the dates must be there; else, and
where the input has bands of pairs already, t is taken to stay (docs/decisions/0003-planning-udfs.md).
"""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from local_runner.cube import BANDS, T, labels, to_time
from local_runner.errors import InternalError, OpenEOError, UdfError
from local_runner.execution import PlanningWarning
from local_runner.stac.groups import PAIR_BAND
from local_runner.udf.call import Udf, is_of_collection

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class PlannedUdf(Udf):
    """The UDF of a plan; `collected` is whether its text is one of the installed collection."""

    def __init__(self, text: str, context: Any, *, node: str = "") -> None:
        super().__init__(text, context, node=node)
        self.collected = is_of_collection(text)

    def __call__(self, chunk: xr.DataArray, place: str) -> xr.DataArray:
        """Refuse: a plan runs no UDF."""
        must = "A plan must not be computed: it runs no UDF"
        raise InternalError("Internal", must, got=f"chunk {place} of {dict(chunk.sizes)}", node=self.node)

    def declared_bands(self, dims: Sequence[str], bands: Sequence[str]) -> list[str] | None:
        """Band labels that `apply_metadata` declares, or None without it; `LabelsUnknown` where it may not be asked.

        Its ValueError or TypeError is about its input, as that of a trial call: `UdfInputInvalid`.
        """
        if self.collected:
            try:
                return super().declared_bands(dims, bands)
            except UdfError as error:
                if isinstance(error.__cause__, ValueError | TypeError):
                    raise OpenEOError("UdfInputInvalid", str(error.__cause__), node=self.node) from error.__cause__
                raise
        if not _defines_metadata(self.text):
            return None
        raise OpenEOError(
            "LabelsUnknown",
            "The labels that a UDF declares by apply_metadata must be known, but only texts of the collection are asked",
            do="Nothing is wrong with the graph: a run knows them. Put rename_labels behind a UDF without apply_metadata",
            node=self.node,
        )

    def expected(self, chunk: xr.DataArray, *, reduced: str | None) -> xr.DataArray:
        """What a call on a chunk is expected to return, without memory of its own; `reduced`: dimension to be dropped.

        `UdfInputInvalid` where the declared bands are named for dates that the chunk does not have.
        """
        bands = labels(chunk, BANDS) if BANDS in chunk.coords else list(range(chunk.sizes[BANDS]))
        declared = self.declared_bands([str(d) for d in chunk.dims], [str(band) for band in bands])
        if declared is None and not self.collected:
            text = "The UDF was not run: its result is taken to have the bands and dates of its input"
            warnings.warn(text, PlanningWarning, stacklevel=2)
        coords: dict[Any, Any] = {name: chunk[name] for name in chunk.dims if name in chunk.coords}
        if declared is not None:
            coords[BANDS] = declared
        elif reduced == BANDS:
            coords.pop(BANDS, None)
        days = [] if _days_of_pairs(map(str, bands)) else _days_of_pairs(declared or ())
        if T in chunk.dims and days:
            self._require_dates(chunk, days)
            coords[T] = [to_time(min(days))]
        sizes = {d: len(coords[d]) if d in coords else (1 if d == reduced else n) for d, n in chunk.sizes.items()}
        dims = [d for d in chunk.dims if d != reduced or d == BANDS]
        coords = {name: values for name, values in coords.items() if name in dims}
        return xr.DataArray(np.broadcast_to(np.float32(np.nan), [sizes[d] for d in dims]), coords, dims)

    def _require_dates(self, chunk: xr.DataArray, days: Sequence[str]) -> None:
        """Raise unless the days of the pairs are days of the chunk."""
        if T not in chunk.coords or chunk[T].dtype.kind != "M":
            return
        there = sorted({str(day) for day in chunk[T].values.astype("datetime64[D]")})
        missing = next((day for day in days if day not in there), None)
        if missing is not None:
            must = "The pairs that a UDF declares bands for must have dates of its cube"
            raise OpenEOError("UdfInputInvalid", must, got=missing, do=f"Choose from {there}", node=self.node)


def _days_of_pairs(bands: Iterable[str]) -> list[str]:
    """Days (YYYY-MM-DD) of all pairs that band labels are named for."""
    days = [day for band in bands if (found := PAIR_BAND.fullmatch(band)) for day in found.groups()[1:]]
    return [f"{day[:4]}-{day[4:6]}-{day[6:]}" for day in days]


def _defines_metadata(text: str) -> bool:
    return any(isinstance(part, ast.FunctionDef) and part.name == "apply_metadata" for part in ast.parse(text).body)
