from dataclasses import replace

import numpy as np
import pytest

from local_runner.demo.safe import later, write_safe, write_zip
from local_runner.products import Options, sentinel1_slc
from local_runner.products.sentinel1_slc import measurement
from tests.products.sentinel1_slc import edits
from tests.products.sentinel1_slc.real import MOROCCO, needs_shared


def ids(stacks):
    return {stack.id: [item.id.removeprefix(f"{stack.id}_") for item in stack.items] for stack in stacks}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder for products; whoever reads a pixel fails."""
    monkeypatch.setattr(measurement, "_window", None)
    return tmp_path


def test_a_stack_for_each_burst_and_an_item_for_each_date(pair, options):
    days = ["20240809", "20240821"]
    assert ids(sentinel1_slc.stacks(pair, options)) == {"t117_249435_iw2": days, "t117_249436_iw2": days}


def test_order_of_the_paths_does_not_matter(pair, options):
    there, back = (sentinel1_slc.stacks(paths, options) for paths in (pair, pair[::-1]))
    assert [i.to_dict() for s in there for i in s.items] == [i.to_dict() for s in back for i in s.items]


@pytest.mark.usefixtures("folder")
def test_nothing_is_written_and_no_pixel_read(pair, options):
    sentinel1_slc.stacks(pair, options)
    assert not any(options.out.iterdir())


def test_polarisations_of_a_burst_are_one_item(folder, product, options):
    both = replace(product, polarizations=("VH", "VV"), swaths=("IW1", "IW3"))
    stacks = sentinel1_slc.stacks([write_safe(folder, both)], options)
    assert [stack.id for stack in stacks] == [f"t117_24943{n}_iw{s}" for s in (1, 3) for n in (5, 6)]
    item = stacks[0].items[0]
    assert item.properties["sar:polarizations"] == ["VV", "VH"]
    assert [b["name"] for b in item.assets["measurement_vh"].extra_fields["bands"]] == ["i_VH", "q_VH"]
    assert "bands" not in item.assets["annotation_vh"].extra_fields


def test_extracted_bursts_of_two_polarisations_are_one_item(folder, product, options):
    safes = [write_safe(folder, replace(product, polarizations=(p,)), burst=1) for p in ("VV", "VH")]
    (stack,) = sentinel1_slc.stacks(safes, options)
    assert ids([stack]) == {"t117_249436_iw2": ["20240809"]}
    assert stack.items[0].properties["sar:polarizations"] == ["VV", "VH"]


def test_extracted_burst_and_whole_product_are_one_stack(folder, product, options):
    safes = [write_safe(folder, product), write_safe(folder, later(product), burst=1)]
    found = ids(sentinel1_slc.stacks(safes, options))
    assert found == {"t117_249435_iw2": ["20240809"], "t117_249436_iw2": ["20240809", "20240821"]}


def test_stripmap_images_of_one_place_are_one_stack(folder, product, options):
    first = replace(product, swaths=("S3",), lines=400)
    safes = [write_safe(folder, each) for each in (first, later(first))]
    (stack,) = sentinel1_slc.stacks(safes, options)
    assert stack.id == "t117_s3_20240809T170730"
    assert [item.properties["sar:instrument_mode"] for item in stack.items] == ["SM", "SM"]
    names = [band["name"] for band in stack.items[0].assets["annotation_vv"].extra_fields["bands"]]
    assert "deramp_phase" not in names
    assert "azimuth_shift" in names


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({"bursts": ("249436",)}, ["t117_249436_iw1", "t117_249436_iw2"]),
        ({"bursts": ("t117_249435_iw2",)}, ["t117_249435_iw2"]),
        ({"bursts": ("T117-249435-IW2", "117_249436_IW1")}, ["t117_249436_iw1", "t117_249435_iw2"]),
        ({"bursts": ("iw1",)}, ["t117_249435_iw1", "t117_249436_iw1"]),
        ({"swaths": ("IW2",)}, ["t117_249435_iw2", "t117_249436_iw2"]),
        ({"swaths": ("IW2",), "bursts": ("249435",)}, ["t117_249435_iw2"]),
    ],
)
def test_choice(folder, product, options, chosen, found):
    safe = write_safe(folder, replace(product, swaths=("IW1", "IW2")))
    assert [stack.id for stack in sentinel1_slc.stacks([safe], replace(options, **chosen))] == found


def test_choice_of_polarisation(folder, product, options):
    safe = write_safe(folder, replace(product, polarizations=("VV", "VH")))
    edits.measurement(safe, polarization="vh").unlink()
    (stack, _) = sentinel1_slc.stacks([safe], replace(options, polarizations=("VV",)))
    assert stack.items[0].properties["sar:polarizations"] == ["VV"]


def test_primary_is_the_earliest_date_unless_named(pair, options):
    for day in (None, "2024-08-21"):
        for stack in sentinel1_slc.stacks(pair, replace(options, primary=day)):
            told = {item.properties["openeo_sar:primary"] for item in stack.items}
            assert told == {stack.fields["openeo_sar:primary"]} == {day or "2024-08-09"}


def test_stacks_without_the_primary_date_are_left_out(folder, product, options, caplog):
    safes = [write_safe(folder, product), write_safe(folder, later(product), burst=1)]
    stacks = sentinel1_slc.stacks(safes, replace(options, primary="2024-08-21"))
    assert [stack.id for stack in stacks] == ["t117_249436_iw2"]
    assert "t117_249435_iw2 is left out" in caplog.text


def test_product_without_measurements_has_geometry_alone(folder, product, options, caplog):
    safe = write_safe(folder, replace(product, has_pixels=False))
    (stack, _) = sentinel1_slc.stacks([safe], options)
    assert [key for key in stack.items[0].assets if key.startswith("measurement")] == []
    assert stack.items[0].properties["description"].startswith("Without i and q: the measurement is not part of")
    assert "has no measurements at hand: bands i and q are left out" in caplog.text


@pytest.mark.parametrize("unpack", [False, True])
def test_zip_gives_metadata_and_pixels_if_wanted(folder, product, options, unpack):
    packed = write_zip(write_safe(folder / "made", product))
    (stack, _) = sentinel1_slc.stacks([packed], replace(options, unpack=unpack))
    assert ("measurement_vv" in stack.items[0].assets) == unpack
    assert all(str(options.out) in asset.href for asset in stack.items[0].assets.values())
    assert bool(list(options.out.rglob("*.tiff"))) == unpack
    assert stack.roots == ()


def test_pixels_that_are_not_wanted_stay_in_the_zip(folder, product, options):
    packed = write_zip(write_safe(folder / "made", replace(product, polarizations=("VV", "VH"))))
    sentinel1_slc.stacks([packed], replace(options, unpack=True, polarizations=("VV",)))
    assert ["-vv-" in path.name for path in options.out.rglob("*.tiff")] == [True]


def test_what_is_recognised(tmp_path, product):
    safe = write_safe(tmp_path, product)
    (tmp_path / "S1A_IW_ETA__AXDV_20240809T170730.SAFE").mkdir()
    (tmp_path / "plain").mkdir()
    known = [safe, write_safe(tmp_path, product, burst=0), write_zip(safe)]
    other = [tmp_path / "plain", tmp_path / "S1A_IW_ETA__AXDV_20240809T170730.SAFE", safe / "manifest.safe"]
    assert [sentinel1_slc.recognise(path) for path in (*known, *other)] == [True] * 3 + [False] * 3


@needs_shared
def test_baseline_and_shift_of_a_real_pair(tmp_path):
    (stack,) = sentinel1_slc.stacks(MOROCCO, Options(tmp_path, bursts=("t052_110435_iw2",)))
    told = stack.items[1].properties
    assert told["insar:temporal_baseline"] == 12
    assert 25 < told["insar:perpendicular_baseline"] < 45
    assert told["openeo_sar:shift_residual_px"]["azimuth"] < 1e-4
    assert told["openeo_sar:shift_residual_px"]["range"] < 1e-4


@needs_shared
def test_real_pair_has_27_bursts_on_both_dates(tmp_path):
    stacks = sentinel1_slc.stacks(MOROCCO, Options(tmp_path))
    assert len(stacks) == 27
    assert {tuple(days) for days in ids(stacks).values()} == {("20230904", "20230916")}
    boxes = np.array([stack.items[0].bbox for stack in stacks])
    assert (boxes[:, :2] > (-11, 29)).all()
    assert (boxes[:, 2:] < (-6, 33)).all()


@needs_shared
def test_products_of_several_tracks_are_stacks_of_their_own(options):
    safes = sorted(MOROCCO[0].parents[1].rglob("*.SAFE"))
    tracks = {stack.id[:4] for stack in sentinel1_slc.stacks(safes, options)}
    assert tracks == {"t052", "t117", "t168"}
