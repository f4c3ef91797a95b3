"""Baselines of pairs from those of their dates to the stack primary."""

import numpy as np
import pytest

from local_runner.stac.groups import _days_between
from tests.stac.results import PAIR, cube, items_of, saved

PRIMARY = "openeo_sar:primary"
BASELINE = "insar:perpendicular_baseline"
HEIGHT = "insar:height_of_ambiguity"


def pair_item(folder, **days):
    """Properties of the pair 2023-03-31, 2023-03-19 whose input items have the properties of `primary`, `secondary`."""
    data = cube(folder, *PAIR)
    for role, day in (("primary", "2023-03-31"), ("secondary", "2023-03-19")):
        data.attrs["stac"][day][0]["properties"] |= days.get(role, {})
    (item,) = items_of(saved(folder, data))
    return item["properties"]


def test_of_two_secondaries_is_the_difference(tmp_path):
    told = {PRIMARY: "2023-04-12", "insar:reference_datetime": "2023-04-12T00:00:00Z"}
    found = pair_item(
        tmp_path,
        primary={**told, BASELINE: 40.0, HEIGHT: 300.0},
        secondary={**told, BASELINE: -20.0, HEIGHT: -600.0},
    )
    assert found[BASELINE] == -60.0
    assert found[HEIGHT] == -200.0
    assert found["insar:reference_datetime"].startswith("2023-03-31")
    assert found["insar:temporal_baseline"] == pytest.approx(-12, abs=1e-4)


@pytest.mark.parametrize(("primary", "sign"), [("2023-03-31", 1), ("2023-03-19", -1)])
def test_swapping_the_stack_primary_changes_the_sign(primary, sign, tmp_path):
    other = "secondary" if sign == 1 else "primary"
    day = {"primary": {PRIMARY: primary}, "secondary": {PRIMARY: primary}}
    day[other] |= {BASELINE: 33.75, HEIGHT: 450.0}
    found = pair_item(tmp_path, **day)
    assert found[BASELINE] == sign * 33.75
    assert found[HEIGHT] == sign * 450.0


def test_agrees_with_the_definition(tmp_path):
    """h = wavelength range sin(incidence) / (2 B): what follows from B of the pair follows from the heights of its dates."""
    factor = 0.0554658 * 850_000 * 0.6 / 2
    first, second = 71.5, -12.25
    found = pair_item(
        tmp_path,
        primary={PRIMARY: "2023-01-01", BASELINE: first, HEIGHT: factor / first},
        secondary={PRIMARY: "2023-01-01", BASELINE: second, HEIGHT: factor / second},
    )
    assert found[HEIGHT] == pytest.approx(factor / found[BASELINE], rel=1e-6)


@pytest.mark.parametrize(
    "days",
    [
        {},
        {"primary": {BASELINE: 1.0}, "secondary": {BASELINE: 2.0}},
        {"primary": {PRIMARY: "2023-01-01", BASELINE: 1.0}, "secondary": {PRIMARY: "2023-02-02", BASELINE: 2.0}},
        {"primary": {PRIMARY: "2023-01-01", BASELINE: 1.0}, "secondary": {PRIMARY: "2023-01-01"}},
        {"primary": {PRIMARY: "2023-01-01", BASELINE: 1.0}, "secondary": {PRIMARY: "2023-01-01", BASELINE: "x"}},
    ],
)
def test_what_is_not_known_of_both_is_left_out(days, tmp_path):
    assert not {BASELINE, HEIGHT} & pair_item(tmp_path, **days).keys()


def test_baselines_of_the_inputs_do_not_leak(tmp_path):
    """Both dates have the same baseline to the primary of their stack: that of the pair is 0, and no height is ambiguous."""
    told = {PRIMARY: "2023-01-01", BASELINE: 33.75, HEIGHT: 450.0, "insar:temporal_baseline": 77}
    found = pair_item(tmp_path, primary=told, secondary=told)
    assert found[BASELINE] == 0
    assert HEIGHT not in found
    assert found["insar:temporal_baseline"] == pytest.approx(-12, abs=1e-4)


def test_dem_of_both_is_kept(tmp_path):
    told = {"insar:processing_dem": "COP-DEM_GLO30"}
    assert pair_item(tmp_path, primary=told, secondary=told)["insar:processing_dem"] == "COP-DEM_GLO30"


def test_a_date_keeps_its_baseline(tmp_path):
    data = cube(tmp_path, "i_VV")
    data.attrs["stac"]["2023-03-19"][0]["properties"] |= {PRIMARY: "2023-03-31", BASELINE: 33.75}
    (item,) = items_of(saved(tmp_path, data))
    assert item["properties"][BASELINE] == 33.75
    assert item["properties"][PRIMARY] == "2023-03-31"


def test_primary_is_that_of_a_radar_grid_only(tmp_path):
    data = cube(tmp_path, "height", crs=32631)
    data.attrs["stac"]["2023-03-19"][0]["properties"] |= {PRIMARY: "2023-03-31"}
    (item,) = items_of(saved(tmp_path, data))
    assert PRIMARY not in item["properties"]


def test_days_of_a_pair_are_counted_by_whole_seconds():
    first, second = np.datetime64("2023-03-19T05:50:33.100"), np.datetime64("2023-03-31T05:50:33.186")
    assert _days_between(first, second) == 12
