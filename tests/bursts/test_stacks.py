"""Bursts opened on the grid of any of their dates, from small products."""

import shutil

import numpy as np
import pytest

from local_runner.access import Access
from local_runner.bursts.choose import Wanted, choose
from local_runner.bursts.stacks import on_primary, opened, with_azimuth_offsets
from local_runner.demo.safe import Product, later, write_orbit_file, write_safe, write_zip
from local_runner.errors import OpenEOError
from local_runner.geometry.coregistration import coregister
from local_runner.products import catalogue
from local_runner.products.sentinel1_slc.annotation import read_annotation
from local_runner.stac.walk import items
from tests.geometry.dem_files import write_dem
from tests.products.sentinel1_slc import edits

PRODUCTS = [Product(bursts=1), later(Product(bursts=1)), later(Product(bursts=1), 2)]


@pytest.fixture(scope="module")
def safes(tmp_path_factory):
    """Three dates of one burst."""
    return [write_safe(tmp_path_factory.mktemp("safes"), product) for product in PRODUCTS]


@pytest.fixture(scope="module", autouse=True)
def _state(tmp_path_factory):
    """Where the program keeps what it knows of catalogues, already while those of this module are made."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state"))
        yield


@pytest.fixture(scope="module")
def made(safes, tmp_path_factory):
    """Catalogue of them on the grid of the first."""
    return catalogue(safes, out=tmp_path_factory.mktemp("made") / "cat")


@pytest.fixture(scope="module")
def made_on_second(safes, tmp_path_factory):
    """Catalogue of them on the grid of the second."""
    return catalogue(safes, out=tmp_path_factory.mktemp("made") / "cat", primary="2024-08-21")


def chosen(path, **wanted):
    """The burst of a catalogue, and what may be opened of it."""
    access = Access().naming(path)
    return choose(items(str(path), access), Wanted(**wanted))[0], access


def values(path, **wanted):
    return opened(*chosen(path, **wanted)).cube.compute()


def identical(one, other):
    return one.coords.equals(other.coords) and np.array_equal(one.values, other.values, equal_nan=True)


def test_burst_of_the_primary(made, safes):
    stack = opened(*chosen(made))
    annotation = read_annotation(edits.annotation(safes[0]))
    assert (stack.burst_id, stack.swath) == (249_435, "IW2")
    assert (stack.grid.first_line_time, stack.grid.shape) == (annotation.bursts[0].azimuth_time, (24, 32))
    assert stack.carrier == annotation.carrier(0)
    assert (stack.valid_lines, stack.valid_samples) == ((2, 21), (3, 28))
    assert stack.cube.sizes == {"t": 3, "bands": 14, "y": 24, "x": 32}


def test_another_primary_gives_what_a_catalogue_with_it_gives(made, made_on_second):
    found = values(made, primary="2024-08-21")
    assert identical(found, values(made_on_second))
    assert not identical(found, values(made))
    told = found.attrs["stac"]["2024-08-09"][0]["properties"]
    assert (told["openeo_sar:primary"], told["insar:reference_datetime"][:10]) == ("2024-08-21", "2024-08-21")


def test_the_catalogue_with_another_primary_gives_that_of_the_first(made, made_on_second):
    assert identical(values(made_on_second, primary="2024-08-09"), values(made))


def test_another_primary_by_dem_and_orbit_files(tmp_path, safes):
    dem = write_dem(tmp_path / "dem.tif", west=11.6, north=46.6)
    orbits = [write_orbit_file(tmp_path, product) for product in PRODUCTS]
    given = {"dem": dem, "dem_datum": "ellipsoid", "orbits": orbits}
    first = catalogue(safes, out=tmp_path / "a", **given)
    other = catalogue(safes, out=tmp_path / "b", primary="2024-08-21", **given)
    found = values(first, primary="2024-08-21")
    assert identical(found, values(other))
    told = found.attrs["stac"]["2024-09-02"][0]["properties"]
    assert [told[f"openeo_sar:{name}"] for name in ("dem_datum", "orbit", "heights")] == ["ellipsoid", "POEORB", "DEM"]


def test_another_primary_of_unpacked_zips(tmp_path, safes, made_on_second):
    zips = [shutil.move(write_zip(safe), tmp_path) for safe in safes]
    path = catalogue(zips, out=tmp_path / "cat", unpack=True)
    assert identical(values(path, primary="2024-08-21"), values(made_on_second))


def test_nothing_is_written_for_another_primary(made):
    before = sorted(made.parents[1].rglob("*"))
    values(made, primary="2024-08-21")
    assert sorted(made.parents[1].rglob("*")) == before


def test_plan_of_another_primary_has_its_shape(made):
    burst, access = chosen(made, primary="2024-08-21")
    assert opened(burst, access, planning=True).cube.sizes == {"t": 3, "bands": 14, "y": 24, "x": 32}


def test_products_that_may_not_be_read(made):
    burst, _ = chosen(made, primary="2024-08-21")
    with pytest.raises(OpenEOError, match=r"^AccessRefused: A file must lie below the folder of the catalogue"):
        on_primary(burst, Access(roots=(made.parent,)))


def test_remote_products_have_one_primary(made):
    burst, access = chosen(made, primary="2024-08-21")
    for asset in burst.primary.item["assets"].values():
        asset["href"] = "https://example.org/a.xml"
    with pytest.raises(OpenEOError, match=r"^FeatureUnsupported: primary_date must be that of the catalogue where its"):
        on_primary(burst, access)


def test_azimuth_offset_moves_shift_and_carrier_alone(made):
    burst, access = chosen(made)
    plain = opened(burst, access).cube.compute()
    moved = opened(with_azimuth_offsets(burst, {"2024-08-21": 0.125}), access).cube.compute()
    change = (moved - plain).sel(bands=[b for b in plain.bands.values if b not in ("azimuth_shift", "reramp_phase")])
    assert (change.fillna(0) == 0).all()
    shift = (moved - plain).sel(bands="azimuth_shift")
    assert (shift.isel(t=[0, 2]) == 0).all()
    np.testing.assert_allclose(shift.isel(t=1), 0.125, atol=1e-6)


def test_carrier_is_that_of_the_place_that_the_offset_leads_to(made, safes):
    burst, access = chosen(made)
    date = opened(with_azimuth_offsets(burst, {"2024-08-21": 0.5}), access).cube.isel(t=1).compute()
    grids = [read_annotation(edits.annotation(safe)).grid(0) for safe in safes[:2]]
    placed, carrier = coregister(*grids), read_annotation(edits.annotation(safes[1])).carrier(0)
    line, sample = np.mgrid[:24, :32].astype(float)
    height = date.sel(bands="height").values.astype(float)
    own = line + placed.line_offset + placed.azimuth.at(line, sample, height) + 0.5
    across = sample + placed.sample_offset + placed.range.at(line, sample, height)
    difference = date.sel(bands="reramp_phase").values - carrier.phase(own, across)
    assert np.abs(np.angle(np.exp(1j * difference))).max() < 1e-4


@pytest.mark.parametrize("day", ["2024-08-09", "2024-08-22"])
def test_offset_of_what_is_no_secondary(day, made):
    burst, _ = chosen(made)
    with pytest.raises(
        OpenEOError, match=r"^ProcessParameterInvalid: azimuth_offsets must be of the secondaries, which"
    ):
        with_azimuth_offsets(burst, {day: 0.1})


@pytest.mark.parametrize("offset", [8.5, float("nan"), "0.1", True])
def test_offset_that_is_none(offset, made):
    burst, access = chosen(made)
    with pytest.raises(
        OpenEOError, match=r"^DataCorrupt: Item .* must have a number from -8 to 8 as openeo_sar:azimuth"
    ):
        opened(with_azimuth_offsets(burst, {"2024-08-21": offset}), access).cube.compute()
