"""Bursts chosen by the items of a catalogue alone."""

from dataclasses import replace

import numpy as np
import pytest
import shapely

from local_runner.bursts.choose import Wanted, choose
from local_runner.cube import utc_day
from local_runner.errors import DataError, OpenEOError
from local_runner.stac.walk import Found

DAYS = ("2024-08-09", "2024-08-21", "2024-09-02")


def item(burst=249_435, day=DAYS[0], swath="IW2", **changes):
    """Item of a burst as the driver writes it, its footprint half a degree further east for each id."""
    west = 11 + (burst - 249_435) / 2
    properties = {
        "datetime": f"{day}T17:07:30Z",
        "openeo_sar:driver": "sentinel1_slc",
        "openeo_sar:relative_burst": burst,
        "openeo_sar:primary": DAYS[0],
        "sar:beam_ids": [swath],
        "sar:polarizations": ["VV", "VH"],
        "sat:relative_orbit": 117,
        **changes,
    }
    return Found(
        {
            "type": "Feature",
            "id": f"t117_{burst}_{swath.lower()}_{day.replace('-', '')}",
            "geometry": shapely.geometry.mapping(shapely.box(west, 46, west + 0.6, 46.2)),
            "properties": properties,
            "assets": {"measurement_vv": {"bands": [{"name": f"{part}_VV"} for part in "iq"]}},
        },
        f"/cat/{burst}_{swath}.json",
    )


BURST = [item(day=day) for day in DAYS]
SCENE = [item(burst, day, swath) for swath in ("IW1", "IW2") for burst in (249_435, 249_436) for day in DAYS]


def days(chosen):
    return [utc_day(found.time()) for found in (chosen.primary, *chosen.secondaries)]


def names(chosen):
    return [(each.burst_id, each.swath) for each in chosen]


def test_nothing_named_is_enough_for_one_burst():
    (only,) = choose(BURST[::-1], Wanted())
    assert (only.burst_id, only.swath, days(only)) == (249_435, "IW2", list(DAYS))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted((249_435,), ("IW2",)), [(249_435, "IW2")]),
        (Wanted((249_436, 249_435), ("IW1",)), [(249_435, "IW1"), (249_436, "IW1")]),
        (Wanted((249_436,), ("IW2", "IW1")), [(249_436, "IW1"), (249_436, "IW2")]),
        (Wanted(area=shapely.Point(11.2, 46.1), swaths=("IW1",)), [(249_435, "IW1")]),
        (Wanted(area=shapely.Point(11.55, 46.1), swaths=("IW2",)), [(249_435, "IW2"), (249_436, "IW2")]),
        (Wanted(area=shapely.box(11.7, 46.2, 12, 47)), [(249_436, "IW1"), (249_436, "IW2")]),
    ],
)
def test_bursts_by_name_and_place(wanted, expected):
    assert names(choose(SCENE, wanted)) == expected


@pytest.mark.parametrize(
    ("start", "end", "primary", "expected"),
    [
        (None, None, None, list(DAYS)),
        (DAYS[0], DAYS[2], None, list(DAYS[:2])),
        (DAYS[0], DAYS[2], DAYS[2], [DAYS[2], DAYS[0], DAYS[1]]),
        (DAYS[1], None, None, list(DAYS)),
        (DAYS[2], None, DAYS[2], [DAYS[2]]),
        (None, DAYS[1], DAYS[0], [DAYS[0]]),
    ],
)
def test_primary_is_there_wherever_it_lies(start, end, primary, expected):
    ends = [None if end is None else np.datetime64(end) for end in (start, end)]
    (only,) = choose(BURST, Wanted(start=ends[0], end=ends[1], primary=primary))
    assert days(only) == expected


ALL = (
    r"4 bursts: 249435 to 249436 IW1 \(3 dates 2024-08-09 to 2024-09-02, VH VV\); 249435 to 249436 IW2 \(.*\)\."
    r" Choose one of these by burst_id and sub_swath"
)


@pytest.mark.parametrize(
    ("wanted", "must"),
    [
        (Wanted((5,)), rf"BurstNotFound: The catalogue must hold burst 5; it has {ALL}"),
        (Wanted((249_435,), ("IW3",)), rf"BurstNotFound: The catalogue must hold burst 249435 in sub-swath IW3; it has {ALL}"),
        (Wanted((249_435, 7), ("IW1",)), rf"BurstNotFound: The catalogue must hold burst 7 in sub-swath IW1; it has {ALL}"),
        (Wanted(area=shapely.Point(5, 5)), rf"BurstNotFound: The catalogue must hold a footprint that meets .*; it has {ALL}"),
        (Wanted(), r"BurstAmbiguous: burst_id must be given where several bursts are left: 4 bursts: 249435 to 2494"),
        (Wanted((249_435,)), r"BurstAmbiguous: sub_swath must be given where several bursts are left: 2 bursts: 249435 IW1 "),
        (Wanted((249_435,), area=shapely.Point(11, 46)), r"ProcessParameterInvalid: Either burst_id or spatial_extent "),
    ],
)  # fmt: skip
def test_what_leaves_no_answer_lists_the_bursts(wanted, must):
    with pytest.raises(OpenEOError, match=rf"^{must}"):
        choose(SCENE, wanted)


def test_many_bursts_are_not_all_listed():
    successive = [item(burst) for burst in range(249_435, 249_535)]
    with pytest.raises(
        OpenEOError, match=r"^BurstNotFound: .* it has 100 bursts: 249435 to 249534 IW2 \([^;]*\)\. Choose"
    ):
        choose(successive, Wanted((1,)))
    with pytest.raises(OpenEOError, match=r"^BurstNotFound: .* it has 50 bursts: .*; \.\.\. 249533 IW2 \(") as caught:
        choose(successive[::2], Wanted((1,)))
    assert len(str(caught.value)) < 500


TWICE = item(burst=249_435, day=DAYS[1], datetime=f"{DAYS[1]}T05:00:00Z")
OTHER_TRACK = item(burst=100, **{"sat:relative_orbit": 15})


@pytest.mark.parametrize(
    ("found", "wanted", "must"),
    [
        (BURST, Wanted(primary="2024-08-10"), r"PrimaryNotFound: primary_date must be one of the dates of burst 249435 in "),
        (BURST, Wanted(start=np.datetime64("2025-01-01")), r"NoDataAvailable: temporal_extent must hold a date of burst "),
        (BURST, Wanted(polarizations=("VV", "HH")), r"PolarizationNotFound: polarization must be of \('VV', 'VH'\), which "),
        ([*BURST, TWICE], Wanted(), r"DatesNotUnique: burst 249435 in sub-swath IW2 must have one acquisition per UTC day"),
        (SCENE[:-1], Wanted(area=shapely.Point(11.7, 46)), r"DatesDiffer: burst 249436 in sub-swath IW2 must have the dates"),
        ([], Wanted(), r"BurstNotFound: The catalogue must hold bursts of Sentinel-1 SLCs, instead got 0 items of other data"),
        (
            [*BURST, replace(OTHER_TRACK, item={**OTHER_TRACK.item, "geometry": BURST[0].item["geometry"]})],
            Wanted(area=shapely.Point(11.2, 46.1)),
            r"BurstAmbiguous: spatial_extent must be met by bursts of one relative orbit; .* got relative orbits 117, 15",
        ),
        (
            [item(), item(burst=249_436, **{"openeo_sar:primary": DAYS[1]})],
            Wanted((249_435, 249_436)),
            r"PrimaryAmbiguous: The bursts must have the same stack primary where primary_date is not given",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_together(found, wanted, must):
    with pytest.raises(OpenEOError, match=rf"^{must}"):
        choose(found, wanted)


def test_polarization_without_pixels():
    with pytest.raises(
        DataError, match=r"^NoDataAvailable: t117_249435_iw2_20240809 must have pixels of VH; its product"
    ):
        choose(BURST, Wanted(polarizations=("VH",)))


def test_stripmap_has_no_burst_id():
    strip = [item(day=day, swath="S3", **{"openeo_sar:relative_burst": None}) for day in DAYS]
    (only,) = choose(strip, Wanted(swaths=("S3",)))
    assert (only.burst_id, only.swath, days(only)) == (0, "S3", list(DAYS))
