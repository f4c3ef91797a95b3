"""Azimuth offsets from overlaps: injected errors are found, over all overlaps, and nothing else is read."""

from dataclasses import replace

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from local_runner.access import Access
from local_runner.bursts import BurstStack
from local_runner.bursts.overlaps import MARGIN, azimuth_offsets
from local_runner.errors import OpenEOError
from local_runner.execution import Execution
from local_runner.geometry.radar_grid import RadarGrid
from local_runner.profiles import load_profile
from tests.bursts.looks import CYCLE, DT, FIRST_VALID, LINES, PRIMARY, SECONDARY, Overlap
from tests.geometry import circular
from tests.processes import unreadable

THIRD = "2024-09-02"
DAYS = (PRIMARY, SECONDARY, THIRD)
WIDTH = 300
SAMPLES = (10, 289)  # valid ones, first and last
EXECUTION = Execution(profile=load_profile("geopyspark"), access=Access(trusted=True))


def overlap_of(swath="IW2", **options):
    """All that is valid in two successive bursts."""
    return Overlap(swath, shape=(LINES[swath] - FIRST_VALID - CYCLE[swath], WIDTH), **options)


class Swath:
    """Bursts of a swath, one more than overlaps; each secondary is sampled late by another part of a line."""

    def __init__(self, overlaps, swath="IW2", first=7, days=DAYS, band="VV"):
        self.overlaps, self.swath, self.first, self.days, self.band = overlaps, swath, first, days, band
        self.dates = [[each.primary, *(each.another() for _ in days[1:])] for each in overlaps]

    def stacks(self, late):
        """Stacks whose cubes are sampled `late` by the date in days; for each overlap, if it is a list."""
        several = late if isinstance(late, list) else [late] * len(self.overlaps)
        return [self.stack(index, several) for index in range(len(self.overlaps) + 1)]

    def stack(self, index, late):
        values = np.full((len(self.days), 2, LINES[self.swath], WIDTH), np.nan, np.float32)
        for number, burst in ((index - 1, 1), (index, 0)):
            if not 0 <= number < len(self.overlaps):
                continue
            overlap = self.overlaps[number]
            for place, day in enumerate(self.days):
                slc = 50 * overlap.sampled(burst, late[number].get(day, 0.0), self.dates[number][place])
                values[place][:, overlap.lines[burst]] = slc.real, slc.imag
        carrier = self.overlaps[0].carriers[index % 2]
        return self.placed(index, values, carrier)

    def placed(self, index, values, carrier):
        lines, first = LINES[self.swath], circular.grid(shape=(LINES[self.swath], WIDTH))
        start = circular.EPOCH + np.timedelta64(round(index * CYCLE[self.swath] * DT * 1e6), "us")
        fields = {name: getattr(first, name) for name in first.__dataclass_fields__}
        grid = RadarGrid(**{**fields, "first_line_time": start, "line_interval_s": DT})
        coords = {"t": np.array([f"{d}T17:07:05" for d in self.days], "datetime64[ns]")}
        coords |= {"bands": [f"i_{self.band}", f"q_{self.band}"], "y": np.arange(lines), "x": np.arange(WIDTH)}
        stac = {day: [{"id": day, "href": "", "properties": {"openeo_sar:primary": PRIMARY}}] for day in self.days}
        lazy = da.from_array(values, chunks=(1, 1, 256, -1))
        cube = xr.DataArray(lazy, coords, ("t", "bands", "y", "x"), attrs={"stac": stac})
        valid = (FIRST_VALID, lines - 1), SAMPLES
        return BurstStack(self.first + index, self.swath, cube, grid, carrier, *valid)


def found(stacks, coregister=lambda stack: stack.cube, **options):
    return azimuth_offsets(stacks, coregister, EXECUTION, **{"polarization": "VV"} | options)


@pytest.fixture(scope="module")
def swath():
    return Swath([overlap_of()])


def test_resampling_again_by_what_is_found_leaves_nothing(swath):
    late = {SECONDARY: 0.01, THIRD: -0.004}
    offsets = found(swath.stacks(late))
    assert offsets == pytest.approx({SECONDARY: -0.01, THIRD: 0.004}, abs=5e-4)
    again = found(swath.stacks({day: late[day] + offsets[day] for day in late}))
    assert again == pytest.approx(dict.fromkeys(late, 0.0), abs=5e-5)
    wrong = found(swath.stacks({day: late[day] - offsets[day] for day in late}))
    assert wrong == pytest.approx({SECONDARY: -0.02, THIRD: 0.008}, abs=1e-3)


@pytest.mark.parametrize("late", [0.056, -0.056])
def test_offset_near_the_end_of_what_is_unambiguous(late):
    """One window in three comes out beyond the end, 0.0597 px, and so with the other sign."""
    bursts = Swath([overlap_of(coherence=0.6)], days=DAYS[:2])
    assert found(bursts.stacks({SECONDARY: late})) == pytest.approx({SECONDARY: -late}, abs=5e-4)


def test_one_date_has_no_offsets():
    bursts = Swath([overlap_of()], days=DAYS[:1])
    stacks = [replace(stack, cube=unreadable(stack.cube)) for stack in bursts.stacks({})]
    assert found(stacks) == {}


def test_each_burst_has_its_own_carrier():
    """Doppler centroids 600 Hz apart, as no product has them, change the frequencies between two bursts by a seventh."""
    bursts = Swath([overlap_of(doppler_hz=(-330.0, 270.0))], days=DAYS[:2])
    assert found(bursts.stacks({SECONDARY: 0.01})) == pytest.approx({SECONDARY: -0.01}, abs=5e-4)


def test_median_is_that_of_all_overlaps():
    """Two of three overlaps are late by 0.01, one by 0.03: the median is the upper quartile of the two, not the mean."""
    bursts = Swath([overlap_of(seed=seed) for seed in range(3)], days=DAYS[:2])
    offset = found(bursts.stacks([{SECONDARY: late} for late in (0.01, 0.03, 0.01)]))[SECONDARY]
    assert -0.0135 < offset < -0.0105


def test_swaths_are_taken_together_and_never_as_a_pair(swath):
    """IW1 late by 0.01 counts beside IW2 late by 0.012, each in frequencies of its own; bursts of both have the same ids."""
    other = Swath([overlap_of("IW1", seed=1)], "IW1")
    both = [*swath.stacks({SECONDARY: 0.012}), *other.stacks({SECONDARY: 0.01})]
    alone = [found(part)[SECONDARY] for part in (both[:2], both[2:])]
    assert alone == pytest.approx([-0.012, -0.01], abs=5e-4)
    assert alone[0] < found(both)[SECONDARY] < alone[1]


def test_only_lines_of_the_overlap_and_beside_it_are_resampled(swath):
    seen = []

    def coregister(stack):
        seen.append(stack.cube.y.values[[0, -1]].tolist())
        return stack.cube

    stacks = swath.stacks({SECONDARY: 0.01})
    offsets = found(stacks, coregister)
    first, last = FIRST_VALID, LINES["IW2"] - CYCLE["IW2"] - 1
    assert seen == [[first + CYCLE["IW2"] - MARGIN, LINES["IW2"] - 1], [first - MARGIN, last + MARGIN]]
    whole = {stack.burst_id: stack.cube for stack in stacks}
    assert found(stacks, lambda stack: whole[stack.burst_id]) == offsets


def test_samples_that_are_not_valid_in_both_do_not_count(swath):
    """Valid samples of the later burst are narrower: what stands beside them would spoil the median."""
    earlier, later = swath.stacks({SECONDARY: 0.01})
    expected = found([replace(earlier, valid_samples=(100, 289)), later])
    spoiled = later.cube.where((later.cube.x >= 100) | (later.cube.t.dt.day == 9), 5.0)
    narrow = replace(later, valid_samples=(100, 289), cube=spoiled)
    assert found([earlier, narrow]) == expected


def test_bursts_may_begin_at_different_samples(swath):
    earlier, later = swath.stacks({SECONDARY: 0.01})
    shift = 40
    moved = replace(
        later,
        cube=later.cube.isel(x=slice(shift, None)).assign_coords(x=np.arange(WIDTH - shift)),
        grid=replace(
            later.grid,
            slant_range_first_m=later.grid.slant_range_m(shift).item(),
            shape=(LINES["IW2"], WIDTH - shift),
        ),
        carrier=replace(
            later.carrier,
            slant_range_time_first_s=later.carrier.slant_range_time_first_s
            + shift / later.carrier.range_sampling_rate_hz,
            samples=later.carrier.samples - 2 * shift,
        ),
        valid_samples=(0, 289 - shift),
    )
    expected = found([replace(earlier, valid_samples=(shift, 289)), later])
    assert found([earlier, moved]) == pytest.approx(expected, abs=1e-7)


def test_first_of_several_polarisations_counts(swath):
    def coregister(stack):
        names = {"i_VV": "i_VH", "q_VV": "q_VH"}
        other = unreadable(stack.cube).assign_coords(bands=[names[str(name)] for name in stack.cube.bands.values])
        return xr.concat([other, stack.cube], "bands")

    stacks = swath.stacks({SECONDARY: 0.01})
    assert found(stacks, coregister, polarization=["VV", "VH"]) == found(stacks)


def test_while_planning_nothing_is_read(swath):
    stacks = [replace(stack, cube=unreadable(stack.cube)) for stack in swath.stacks({})]
    planning = replace(EXECUTION, planning=True)
    offsets = azimuth_offsets(stacks, lambda stack: stack.cube, planning, polarization="VV")
    assert offsets == {SECONDARY: 0.0, THIRD: 0.0}


# errors


MISSING = (
    r"^OverlapMissing: Enhanced spectral diversity needs two successive bursts of a swath of a TOPS mode, instead got "
)


@pytest.mark.parametrize(
    ("change", "got"),
    [
        (lambda stacks: stacks[:1], r"\['burst 7 IW2'\]\. Choose one more burst, "),
        (lambda stacks: [stacks[0], replace(stacks[1], burst_id=9)], r"\['burst 7 IW2', 'burst 9 IW2'\]\. "),
        (lambda stacks: [stacks[0], replace(stacks[1], swath="IW3")], r"\['burst 7 IW2', 'burst 8 IW3'\]\. "),
        (lambda stacks: [replace(stack, carrier=None) for stack in stacks], r"\['burst 7 IW2', 'burst 8 IW2'\]\. "),
    ],
    ids=["one", "gap", "swaths", "no carrier"],
)
def test_bursts_that_do_not_overlap_are_named(swath, change, got):
    with pytest.raises(OpenEOError, match=MISSING + got):
        found(change(swath.stacks({})))


def test_dates_that_a_burst_lacks_are_named(swath):
    earlier, later = swath.stacks({})
    short = replace(later, cube=later.cube.isel(t=slice(2)))
    with pytest.raises(
        OpenEOError, match=r"^BurstsDiffer: .* burst 8 IW2 must have the dates of burst 7 IW2, \['2024-08"
    ):
        found([earlier, short])


def test_unknown_primary_is_refused(swath):
    earlier, later = swath.stacks({})
    bare = replace(later, cube=later.cube.assign_attrs(stac={PRIMARY: [{"id": "a", "properties": {}}]}))
    must = r"^StackPrimaryUnknown: The items of all bursts must name one of their dates, .*, instead got \['2024-08-09', 'N"
    with pytest.raises(OpenEOError, match=must):
        found([earlier, bare])


def test_too_few_coherent_windows_are_counted():
    bursts = Swath([overlap_of(coherence=0.0)], days=DAYS[:2])
    must = (
        r"^CoherenceTooLow: At least 100 windows of 5 x 15 samples of the overlaps must have a coherence of 0.4 or more on"
        r" 2024-08-21, instead got \d of 540\. "
    )
    with pytest.raises(OpenEOError, match=must):
        found(bursts.stacks({}))


def test_bursts_apart_have_no_windows(swath):
    earlier, later = swath.stacks({})
    with pytest.raises(OpenEOError, match=r"^CoherenceTooLow: .*, instead got 0 of 0\. "):
        found([replace(earlier, valid_lines=(26, 1300)), later])
