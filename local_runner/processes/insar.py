"""Sentinel-1 SLCs made ready for interferometry: bursts chosen, coregistered and put together."""

from typing import Any, Final

from local_runner.execution import Execution
from local_runner.processes._types import Cube

CALLS: Final = ("slc_coregistration", "enhanced_spectral_diversity")
"""Processes of the collection that those of this module evaluate."""


def insar_preprocessing(
    burst_id: int | list[int] | None = None,
    sub_swath: str | list[str] | None = None,
    temporal_extent: list[str | None] | None = None,
    polarization: str | list[str] = "VV",
    primary_date: str | None = None,
    master_date: str | None = None,
    spatial_extent: dict[str, Any] | None = None,
    url: str | None = None,
    geometry: list[str] = [],
    taps: int = 12,
    zeros_valid: bool = False,
    esd: bool = False,
    azimuth_offsets: dict[str, float] | None = None,
    *,
    execution: Execution,
) -> Cube:
    """All dates of Sentinel-1 bursts on the grid of the burst of one date: i, q, grid_lat, grid_lon and, asked for, geometry.

    `url`: catalogue that `openeo-sar stac` has made of SLC products, the last one if null. `master_date` is another name of
    `primary_date`. Several bursts of one track become one image. `esd` estimates an azimuth offset per date where successive
    bursts overlap; `azimuth_offsets` gives it, in px by date.
    """
    from local_runner.bursts import preprocessing  # noqa: PLC0415  (brings numba: a second)

    return preprocessing.preprocessed(
        preprocessing.Request(
            burst_id=burst_id,
            sub_swath=sub_swath,
            temporal_extent=temporal_extent,
            polarization=polarization,
            primary_date=primary_date,
            master_date=master_date,
            spatial_extent=spatial_extent,
            url=url,
            geometry=geometry,
            taps=taps,
            zeros_valid=zeros_valid,
            esd=esd,
            azimuth_offsets=azimuth_offsets,
        ),
        execution,
    )
