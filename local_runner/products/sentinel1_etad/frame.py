"""The grid of an SLC burst in that of the ETAD burst that covers it, and which ETAD burst that is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from local_runner.errors import DataError
from local_runner.products.sentinel1_etad.bilinear import inside

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from local_runner.geometry.carrier import Carrier
    from local_runner.geometry.orbit import Orbit
    from local_runner.products.sentinel1_etad.reader import EtadBurst
    from local_runner.products.sentinel1_slc.annotation import Annotation

MARGIN_S: Final = 0.5
"""By so much in all, half of it at either end, the times of both bursts may differ (the guide of the product)."""
PRODUCT: Final = re.compile(
    r"(S1[A-Z])_(IW|EW|S[1-6])_SLC__1[AS][SD][HV]_\w{15}_\w{15}_(\d{6})_[0-9A-F]{6}_", re.IGNORECASE
)
"""Name of an SLC: platform, mode or stripmap beam, absolute orbit."""


@dataclass(frozen=True)
class Frame:
    """An SLC burst and the ETAD burst that covers it: line l is at `start` + l * `line_interval_s`.

    `carrier` is None for stripmap. `polarization`: the one whose channel offset counts.
    """

    etad: EtadBurst
    start: np.datetime64
    line_interval_s: float
    slant_range_time_first_s: float
    range_sampling_rate_hz: float
    radar_frequency_hz: float
    shape: tuple[int, int]
    polarization: str
    carrier: Carrier | None = None

    def rows(self, lines: NDArray[Any]) -> NDArray[np.float64]:
        """Fractional rows of the ETAD grid at lines. Epochs are subtracted as integers, so that no digit is lost."""
        first_s = self.etad.azimuth_start_s(self.start)
        rows: NDArray[np.float64] = (lines * self.line_interval_s - first_s) / self.etad.azimuth.step_s
        return rows

    def columns(self, samples: NDArray[Any]) -> NDArray[np.float64]:
        """Fractional columns of the ETAD grid at samples."""
        first_s = self.slant_range_time_first_s - self.etad.range.start_s
        columns: NDArray[np.float64] = (first_s + samples / self.range_sampling_rate_hz) / self.etad.range.step_s
        return columns


def frame_of(etad: EtadBurst, annotation: Annotation, index: int, orbit: Orbit | None = None) -> Frame:
    """Frame of the burst `index` of an annotation; `orbit` in place of the annotated one, for its carrier."""
    return Frame(
        etad=etad,
        start=annotation.bursts[index].azimuth_time,
        line_interval_s=annotation.line_interval_s,
        slant_range_time_first_s=annotation.slant_range_time_first_s,
        range_sampling_rate_hz=annotation.range_sampling_rate_hz,
        radar_frequency_hz=annotation.radar_frequency_hz,
        shape=(annotation.lines, annotation.samples),
        polarization=annotation.polarization,
        carrier=annotation.carrier(index, orbit),
    )


def covering(bursts: Iterable[EtadBurst], annotation: Annotation, index: int) -> EtadBurst:
    """The ETAD burst of the same swath and time as an SLC burst, found by time and never by its number.

    Raises `BurstNotCovered` where none covers it, telling what is there, and `ProductsDiffer` where it is of another orbit.
    """
    several = list(bursts)
    start, duration_s = annotation.bursts[index].azimuth_time, (annotation.lines - 1) * annotation.line_interval_s
    same = [burst for burst in several if burst.swath == annotation.swath and _is_near(burst, start, duration_s)]
    what = f"burst {index} of {annotation.path}, {annotation.swath} at {start}"
    if len(same) != 1:
        must = f"One burst of the ETAD products must have the times of {what}"
        do = "Name the one ETAD product of this pass, or choose other bursts with --burst"
        raise DataError("BurstNotCovered", must, got=_told(same or several, start), do=do)
    _require_orbit(same[0], annotation, what)
    _require_cover(same[0], annotation, index, what)
    return same[0]


def _is_near(burst: EtadBurst, start: np.datetime64, duration_s: float) -> bool:
    first_s = burst.azimuth_start_s(start)
    last_s = first_s + burst.azimuth.end_s - burst.azimuth.start_s
    return abs(first_s) <= MARGIN_S / 2 and abs(last_s - duration_s) <= MARGIN_S / 2


def _told(bursts: Sequence[EtadBurst], start: np.datetime64) -> list[str]:
    """Bursts by file, group and time, the nearest first."""
    nearest = sorted(bursts, key=lambda burst: abs(burst.azimuth_start_s(start)))[:5]
    return [f"{burst.swath} {burst.time_of(0)} ({burst.file.parents[1].name} {burst.group})" for burst in nearest]


def _require_orbit(burst: EtadBurst, annotation: Annotation, what: str) -> None:
    """Raise `ProductsDiffer` where the name of the SLC in the ETAD product tells another platform or orbit."""
    named = PRODUCT.match(burst.product_id)
    own = (annotation.platform, annotation.absolute_orbit)
    if named and (named[1].upper(), int(named[3])) != own:
        must = f"productID of {burst.group} in {burst.file} must be of the platform and orbit of {what}, {own}"
        raise DataError("ProductsDiffer", must, got=burst.product_id, do="Name the ETAD product of this SLC")


def _require_cover(burst: EtadBurst, annotation: Annotation, index: int, what: str) -> None:
    """Raise `BurstNotCovered` unless the grid covers all valid samples."""
    frame, known = frame_of(burst, annotation, index), annotation.bursts[index]
    lines = np.flatnonzero(known.first_valid >= 0)
    if not lines.size:
        return
    rows = frame.rows(lines[[0, -1]])
    columns = frame.columns(np.array([known.first_valid[lines].min(), known.last_valid.max()]))
    if not (inside(rows, burst.shape[0]).all() and inside(columns, burst.shape[1]).all()):
        must = f"{burst.group} in {burst.file}, a grid of {burst.shape}, must cover the valid samples of {what}"
        got = f"rows {rows.round(2).tolist()}, columns {columns.round(2).tolist()}"
        raise DataError("BurstNotCovered", must, got=got, do="Name the ETAD product of this SLC")
