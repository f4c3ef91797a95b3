import json

import pytest

from local_runner.access import Access
from local_runner.errors import OpenEOError
from local_runner.pairs import Rule, collection_dates, of_collection, pairs, parse

DAYS = ["2024-09-02", "2024-08-09", "2024-08-21", "2024-08-15"]


def test_exact_baseline_is_the_rule_of_the_seed():
    assert pairs(DAYS, baseline_days=12) == [["2024-08-09", "2024-08-21"], ["2024-08-21", "2024-09-02"]]


def test_range_of_baselines_includes_both_ends():
    found = pairs(DAYS, baseline_days=(6, 12))
    assert found == [
        ["2024-08-09", "2024-08-15"],
        ["2024-08-09", "2024-08-21"],
        ["2024-08-15", "2024-08-21"],
        ["2024-08-21", "2024-09-02"],
    ]


def test_all_pairs_are_sorted_whatever_the_order_of_dates():
    assert pairs(DAYS, every=True) == pairs(sorted(DAYS), every=True)
    assert len(pairs(DAYS, every=True)) == 6


def test_neighbours_are_the_next_dates():
    assert pairs(DAYS, neighbours=1) == [
        ["2024-08-09", "2024-08-15"],
        ["2024-08-15", "2024-08-21"],
        ["2024-08-21", "2024-09-02"],
    ]
    assert pairs(DAYS, neighbours=9) == pairs(DAYS, every=True)


def test_times_of_day_count_by_utc_day():
    assert pairs(["2024-08-09T23:59:00Z", "2024-08-22T01:00:00+02:00"], baseline_days=12) == [
        ["2024-08-09", "2024-08-21"]
    ]


def test_no_pair_lists_the_dates():
    with pytest.raises(OpenEOError, match=r"^NoPairFound: .*rule baseline:7.* are 2024-08-09, 2024-08-15"):
        pairs(DAYS, baseline_days=7)


def test_one_date_has_no_pair():
    with pytest.raises(OpenEOError, match=r"^NoPairFound: .*are 2024-08-09\."):
        pairs(["2024-08-09"], every=True)


def test_two_acquisitions_of_one_day_are_refused():
    with pytest.raises(OpenEOError, match=r"^DatesNotUnique: .*\['2024-08-09'\]"):
        pairs(["2024-08-09T05:00:00Z", "2024-08-09T17:00:00Z"], every=True)


@pytest.mark.parametrize("rule", [{}, {"every": True, "neighbours": 1}])
def test_one_rule_must_be_given(rule):
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: Exactly one of"):
        pairs(DAYS, **rule)


@pytest.mark.parametrize("rule", [{"baseline_days": 0}, {"baseline_days": (24, 6)}, {"neighbours": 0}])
def test_numbers_out_of_range(rule):
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: (baseline_days|neighbours) must be at least 1"):
        pairs(DAYS, **rule)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("all", Rule(every=True)),
        ("baseline:12", Rule(baseline_days=12)),
        ("baseline:6-24", Rule(baseline_days=(6, 24))),
        ("neighbours:2", Rule(neighbours=2)),
        ('[["2024-08-09", "2024-08-21"]]', [["2024-08-09", "2024-08-21"]]),
    ],
)
def test_text_of_the_command_line(text, rule):
    assert parse(text) == rule


@pytest.mark.parametrize("text", ["every", "baseline:", "neighbours:-1", "[]", "12", "[[", ""])
def test_text_that_is_no_rule(text):
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: pairs must be all, baseline:12"):
        parse(text)


def write_collection(folder, times):
    links = []
    for number, time in enumerate(times):
        item = {"type": "Feature", "id": str(number), "properties": {"datetime": time}, "assets": {}, "links": []}
        (folder / f"{number}.json").write_text(json.dumps(item))
        links.append({"rel": "item", "href": f"./{number}.json"})
    path = folder / "collection.json"
    path.write_text(json.dumps({"type": "Collection", "id": "c", "links": links}))
    return path


def test_dates_of_a_collection_come_from_metadata_alone(tmp_path):
    times = ["2024-08-21T17:06:52Z", "2024-08-09T17:06:52Z", "2024-08-09T17:06:52Z"]
    path = write_collection(tmp_path, times)
    assert collection_dates(str(path), Access()) == ["2024-08-09", "2024-08-21"]
    assert of_collection("all", str(tmp_path), Access()) == [["2024-08-09", "2024-08-21"]]


def test_a_list_of_pairs_needs_no_collection(tmp_path):
    listed = '[["2024-08-09", "2024-08-21"]]'
    assert of_collection(listed, str(tmp_path / "missing.json"), Access()) == json.loads(listed)


def test_collection_without_items(tmp_path):
    path = write_collection(tmp_path, [])
    with pytest.raises(OpenEOError, match=r"^NoDataAvailable: The STAC address must lead to items"):
        collection_dates(str(path), Access())
