"""S1-ETAD products on the index grid of an SLC, beside the catalogue of that SLC."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from local_runner.access import Access
from local_runner.demo import etad
from local_runner.demo.safe import Product, later, write_orbit_file, write_safe
from local_runner.errors import DataError, OpenEOError
from local_runner.products import _catalogue, sentinel1_etad, sentinel1_slc
from local_runner.products._driver import Options
from local_runner.products.sentinel1_etad import shifts
from local_runner.products.sentinel1_etad.layers import SECONDS
from local_runner.products.sentinel1_slc.annotation import read_annotation
from local_runner.stac.read import load

ANNOTATIONS = Path(__file__).resolve().parents[3] / "shared" / "data" / "s1_annotations"
SLC = Product(swaths=("IW1", "IW2"), polarizations=("VV", "VH"), lines=300, samples=64)
LAYERS = {"sum_range": 2e-8, "sum_azimuth": -4e-4}


@pytest.fixture
def pair(tmp_path):
    """An SLC and its ETAD product."""
    safe = write_safe(tmp_path, SLC)
    return safe, etad.write_for(tmp_path / "S1A_IW_ETA_1.SAFE", safe, layers=LAYERS)


def made(pair, tmp_path, **options):
    return sentinel1_etad.stacks([pair[1]], Options(out=tmp_path, for_slc=pair[0], **options))


def opened(stacks, folder):
    _catalogue.write(stacks, folder)
    return load(str(folder), access=Access())


def test_each_burst_of_the_slc_has_a_stack_of_its_own_names(pair, tmp_path):
    found = made(pair, tmp_path)
    of_slc = sentinel1_slc.stacks([pair[0]], Options(out=tmp_path))
    assert [stack.id for stack in found] == [f"{stack.id}_etad" for stack in of_slc]
    for stack, other in zip(found, of_slc, strict=True):
        (item,), (original,) = stack.items, other.items
        assert (item.id, item.datetime, item.geometry) == (original.id, original.datetime, original.geometry)


def test_items_are_valid_and_told_what_they_are_made_of(pair, tmp_path, validate):
    (item,) = made(pair, tmp_path, bursts=("IW2",))[0].items
    validate(item.to_dict())
    told = {
        "product:type": "ETA",
        "proj:shape": [300, 64],
        "openeo_sar:layers": ["sum_range", "sum_azimuth"],
        "openeo_sar:phase_layers": ["troposphere_range", "geodetic_range", "ocean_tide_range", "-ionosphere_range"],
        "openeo_sar:etad_product": "S1A_IW_ETA_1.SAFE",
        "openeo_sar:driver": "sentinel1_etad",
    }
    assert {name: item.properties[name] for name in told} == told
    links = [link.target for link in item.links if link.rel == "derived_from"]
    assert links == [str(pair[0] / "manifest.safe"), str(pair[1] / "measurement" / "etad.nc")]


def test_bands_are_on_the_index_grid_of_the_slc(pair, tmp_path):
    cube = opened(made(pair, tmp_path, bursts=("249436",), swaths=("IW2",)), tmp_path / "cat")
    assert cube.chunks[2:] == ((256, 44), (64,))
    assert (
        set(cube.bands.values)
        == {*shifts.names(carrier=True)}
        == {*shifts.SHIFT, *shifts.CARRIER, "phase_correction", *SECONDS}
    )
    annotation = read_annotation(next((pair[0] / "annotation").glob("*iw2-slc-vv*")))
    found = cube.isel(t=0).compute()
    np.testing.assert_allclose(found.sel(bands="azimuth_shift"), -4e-4 / annotation.line_interval_s, rtol=1e-6)
    np.testing.assert_allclose(found.sel(bands="range_shift"), 2e-8 * annotation.range_sampling_rate_hz, rtol=1e-6)
    assert np.isfinite(found).all()


def test_the_carrier_is_that_of_the_slc(pair, tmp_path):
    bands = ["deramp_phase"]
    of_slc = sentinel1_slc.stacks([pair[0]], Options(out=tmp_path, swaths=("IW1",), bursts=("249435",)))
    cube = opened(made(pair, tmp_path, swaths=("IW1",), bursts=("249435",)), tmp_path / "a").sel(bands=bands)
    other = opened(of_slc, tmp_path / "b").sel(bands=bands)
    np.testing.assert_array_equal(cube.t, other.t)
    np.testing.assert_allclose(np.exp(1j * (cube.values - other.values)), 1, atol=2e-6)


def test_bursts_are_matched_by_time(tmp_path):
    safe = write_safe(tmp_path, SLC)
    annotation = read_annotation(next((safe / "annotation").glob("*iw2-slc-vv*")))
    several = [
        etad.of_annotation(annotation, at, index=9 - at, product_id=safe.name, layers={"sum_range": (at + 1) * 1e-8})
        for at in range(2)
    ]
    folder = etad.write_etad(tmp_path / "E.SAFE", several)
    for at, stack in enumerate(made((safe, folder), tmp_path, swaths=("IW2",))):
        assert stack.items[0].properties["openeo_sar:etad_group"] == f"IW2/Burst{9 - at:04d}"
        cube = opened([stack], tmp_path / f"cat{at}")
        np.testing.assert_allclose(cube.sel(bands="sum_range"), (at + 1) * 1e-8, rtol=1e-6)


def test_a_single_burst_of_the_extractor_is_matched_too(tmp_path):
    folder = etad.write_for(tmp_path / "E.SAFE", write_safe(tmp_path / "whole", SLC))
    alone = write_safe(tmp_path / "one", SLC, burst=1)
    (first, second) = made((alone, folder), tmp_path)
    assert [stack.items[0].properties["openeo_sar:etad_group"][:3] for stack in (first, second)] == ["IW1", "IW2"]


def test_the_polarization_picks_the_channel_offset(pair, tmp_path):
    for name in ("VV", "VH"):
        chosen = made(pair, tmp_path, polarizations=(name,), swaths=("IW1",), bursts=("249435",))
        cube = opened(chosen, tmp_path / name)
        np.testing.assert_allclose(cube.sel(bands="channel_offset_azimuth"), etad.OFFSETS_S[name][1], rtol=1e-6)


def test_an_orbit_file_gives_the_velocity_of_the_carrier(pair, tmp_path):
    orbit = write_orbit_file(tmp_path, SLC)
    (stack,) = made(pair, tmp_path, orbits=(orbit,), swaths=("IW1",), bursts=("249435",))
    assert stack.items[0].properties["openeo_sar:orbit"] == "POEORB"
    assert orbit in stack.roots
    assert np.isfinite(opened([stack], tmp_path / "cat").sel(bands="reramp_phase")).all()


def test_the_product_of_another_pass_is_refused(tmp_path):
    safe, other = write_safe(tmp_path, SLC), write_safe(tmp_path, later(SLC))
    folder = etad.write_for(tmp_path / "E.SAFE", other)
    with pytest.raises(
        DataError, match=r"^BurstNotCovered: One burst of the ETAD products must have the times of burst 0"
    ):
        made((safe, folder), tmp_path)


def test_what_is_no_slc_is_refused(pair, tmp_path):
    with pytest.raises(
        OpenEOError, match=r"^ProcessParameterInvalid: --for must name a product of this kind: Sentinel-1 SLC"
    ):
        made((pair[1], pair[1]), tmp_path)


def test_an_item_whose_time_no_burst_has_is_refused(pair, tmp_path):
    (stack,) = made(pair, tmp_path, swaths=("IW1",), bursts=("249435",))
    stack.items[0].datetime = stack.items[0].datetime.replace(microsecond=1)
    with pytest.raises(DataError, match=r"^DataCorrupt: Item t117_249435_iw1_20240809 must have as datetime"):
        opened([stack], tmp_path / "cat")


def test_stripmap_has_shifts_and_no_carrier(tmp_path):
    safe = write_safe(tmp_path, replace(SLC, swaths=("S3",), bursts=1))
    folder = etad.write_for(tmp_path / "E.SAFE", safe, layers=LAYERS)
    cube = opened(made((safe, folder), tmp_path), tmp_path / "cat")
    assert set(cube.bands.values) == set(shifts.names(carrier=False))


@pytest.mark.parametrize("swath", ["iw1", "iw2", "iw3"])
def test_a_grid_on_real_annotation_covers_every_pixel(tmp_path, swath):
    if not ANNOTATIONS.is_dir():
        pytest.skip(f"{ANNOTATIONS} is not there")
    annotation = read_annotation(next(ANNOTATIONS.glob(f"eo_tools_morocco/*20230904*/annotation/*{swath}-slc-vv*")))
    safe = annotation.path.parents[1]
    ramp = {"sum_range": lambda t, tau: 2e-8 + 1e-9 * t + 1e-6 * tau}
    several = [etad.of_annotation(annotation, at, index=at, product_id=safe.name, layers=ramp) for at in (4, 8)]
    folder = etad.write_etad(tmp_path / "E.SAFE", several)
    ids = tuple(str(annotation.bursts[at].burst_id) for at in (4, 8))
    stacks = made((safe, folder), tmp_path, swaths=(swath.upper(),), bursts=ids)
    cube = opened(stacks[1:], tmp_path / "cat").isel(t=0).isel(y=[0, 700, -1], x=[0, 9000, -1])
    found = cube.sel(bands=["sum_range", "range_shift"]).compute()
    line, sample = np.array([0, 700, annotation.lines - 1])[:, None], np.array([0, 9000, annotation.samples - 1])[None]
    tau = annotation.slant_range_time_first_s + sample / annotation.range_sampling_rate_hz
    delay = 2e-8 + 1e-9 * line * annotation.line_interval_s + 1e-6 * tau
    np.testing.assert_allclose(found[0], delay, rtol=1e-7)
    np.testing.assert_allclose(found[1], delay * annotation.range_sampling_rate_hz, rtol=1e-6)
