"""Rules on what `load_stac` finds in items, broken once and kept once, and the assets that are chosen; no file is opened."""

import re
import warnings

import pytest

from local_runner.access import Access
from local_runner.errors import OpenEOError
from local_runner.profiles import ITEMS, ProfileWarning, load_profile
from local_runner.profiles.geopyspark import PROFILE
from local_runner.stac.read import load
from local_runner.stac.walk import Found
from tests.stac.catalogues import asset, collection, item, noise, tiff

GRID = {"proj:code": "EPSG:32631", "proj:shape": [12, 20], "proj:bbox": [0, 0, 1, 1]}
TIME = "2024-08-09T17:07:39Z"
COMMON = [{"name": "b4", "common_name": "red"}]


def found(*, moment=TIME, collection=None, properties=None, assets=None, **fields):
    assets = {"vv": asset("vv.tif", "i_VV", **GRID)} if assets is None else assets
    return Found(item("a", moment, assets, **(properties or {})) | fields, "/c/a.json", collection or {})


def with_asset(**fields):
    given = asset("vv.tif", "i_VV", **GRID) | fields
    return found(assets={"vv": {name: value for name, value in given.items() if value is not None}})


def enforce(items, bands=None):
    load_profile("geopyspark").enforce(ITEMS, {"items": items, "bands": bands})


GOOD = found()
REFUSED = [  # number, items and bands that break the rule, those that keep it, the message
    ("G48", [found(bbox=[500_000, 0, 500_100, 1])], None, [found(bbox=[4, 52, 5, 53])], None,
     "bbox and geometry of an item must be in degrees (EPSG:4326), instead got (500000, 0) in item a."),
    ("G48", [found(geometry={"type": "Polygon", "coordinates": [[[4, 91], [5, 91], [4, 92], [4, 91]]]})], None,
     [found(geometry=None)], None, "bbox and geometry of an item must be in degrees"),
    ("G49", [found(moment=None)], None, [found(moment=None, properties={"start_datetime": TIME})], None,
     "An item must have datetime or start_datetime, instead got none in item a."),
    ("G50", [with_asset(bands=COMMON)], ["red"], [with_asset(bands=COMMON)], ["b4"],
     "bands must be names of bands or keys of assets, not common names, instead got ['red']. Choose of ('b4', 'vv')."),
]  # fmt: skip


@pytest.mark.parametrize(("number", "bad", "wanted", "good", "kept", "message"), REFUSED)
def test_broken_rule_is_refused(number, bad, wanted, good, kept, message):
    with pytest.raises(OpenEOError, match=rf"^FeatureUnsupported: \[geopyspark {number}\] {re.escape(message)}"):
        enforce(bad, wanted)
    enforce(good, kept)


SEVERAL = {"start_datetime": TIME, "end_datetime": "2024-09-02T00:00:00Z"}
NETCDF = {"nc": asset("a.nc", "i_VV", **GRID) | {"type": "application/x-netcdf"}}
DECLARED = {"item_assets": {"nc": {"cube:variables": {"i_VV": {"dimensions": ["t", "y", "x"]}}}}}
SIGNED = "https://example.org/vv.tif?X-Amz-Signature=abc"
WARNED = [
    ("G10", [GOOD, with_asset(**{"proj:shape": [12, 21]})], [GOOD, GOOD], "All dates should have one shape"),
    ("G43", [with_asset(bands=None)], [with_asset(bands=None, **{"eo:bands": [{"name": "i"}]})], "Assets should name their"),
    ("G43", [with_asset(bands=None)],
     [found(collection={"summaries": {"bands": [{"name": "i_VV"}]}}, assets={"vv": asset("vv.tif", **GRID)})], "Assets should"),
    ("G44", [with_asset(type=None)], [with_asset(type="image/vnd.stac.geotiff")], "Assets are left out unless their type is"),
    ("G44", [with_asset(roles=[], bands=None, **{"eo:bands": None})], [with_asset(roles=None)], "Assets are left out unless"),
    ("G45", [with_asset(**{"proj:code": None})], [with_asset(**{"proj:code": None, "proj:epsg": 32631})], "Assets should have"),
    ("G45", [with_asset(**{"proj:bbox": None})], [GOOD], "Assets should have proj:code and two of ('proj:bbox', "),
    ("G51", [found(properties=SEVERAL, assets=NETCDF)], [found(properties=SEVERAL, assets=NETCDF, collection=DECLARED)],
     "A netCDF asset of several dates should have cube:variables with time"),
    ("G57", [with_asset(href=SIGNED)], [with_asset(href="https://example.org/vv.tif")], "Links to results should be permanent"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "bad", "good", "message"), WARNED)
def test_rule_that_warns(number, bad, good, message):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        enforce(bad)
    assert any(str(w.message).startswith(f"[geopyspark {number}] {message}") for w in caught)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        enforce(good)
    assert [str(w.message) for w in caught] == []


def test_every_rule_is_broken_by_a_test():
    assert {c[0] for c in (*REFUSED, *WARNED)} == {rule.number for rule in PROFILE.rules if rule.process == ITEMS}


@pytest.mark.parametrize("strange", [1, "a", [1], [[]], {"a": 1}, [None], [{"name": 1}], True])
@pytest.mark.parametrize(
    "field", ["bands", "eo:bands", "roles", "type", "gsd", "proj:shape", "proj:code", "cube:variables"]
)
def test_fields_of_another_type_are_no_defect_of_the_program(field, strange):
    given = found(assets={"vv": asset("vv.tif") | {field: strange}}, bbox=strange, geometry=strange)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProfileWarning)
        assert len(load_profile("geopyspark").admit([given, GOOD], ["i_VV"])) == 2


@pytest.mark.parametrize("case", REFUSED, ids=[c[0] for c in REFUSED])
def test_specification_takes_them_all(case):
    assert load_profile("specification").admit(case[1], case[2]) == case[1]


def chosen(**assets):
    (left,) = PROFILE.choose_assets([found(assets=assets)])
    return list(left.assets)


def test_asset_without_role_and_bands_is_left_out():
    assert chosen(vv=asset("vv.tif"), other={"href": "o.tif"}, text={"href": "a.txt"}) == [
        "vv",
        "text",
    ]


def test_item_of_which_nothing_would_be_left_stays_whole():
    assert chosen(vv={"href": "vv.tif"}, vh={"href": "vh.tif"}) == ["vv", "vh"]


def test_of_assets_with_the_same_bands_the_finest_is_chosen():
    assert chosen(coarse=asset("c.tif", "b", gsd=60), fine=asset("f.tif", "b", gsd=10), other=asset("o.tif", "c")) == [
        "fine",
        "other",
    ]


def write(folder):
    tiff(folder / "vv.tif", noise(), descriptions=("i_VV",))
    tiff(folder / "extra.tif", noise(1), descriptions=("extra",))
    assets = {"vv": asset("vv.tif", "i_VV", **GRID), "extra": {"href": "extra.tif"}}
    return collection(folder, [item("a", TIME, assets)])


def test_load_stac_loads_what_the_back_end_would(tmp_path):
    address = write(tmp_path)
    with pytest.warns(ProfileWarning, match=r"^\[geopyspark G4[345]\] "):
        cube = load(address, access=Access(), profile=load_profile("geopyspark"))
    assert list(cube.bands.values) == ["i_VV"]
    whole = load(address, access=Access(), profile=load_profile("specification"))
    assert list(whole.bands.values) == ["i_VV", "extra"]
