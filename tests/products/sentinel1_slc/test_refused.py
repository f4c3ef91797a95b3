"""Bad input: each a clear error that names file and field, and nothing is written."""

import shutil
import zipfile
from dataclasses import replace

import pytest

from local_runner.demo.safe import later, write_safe, write_zip
from local_runner.errors import DataError, OpenEOError
from local_runner.products import catalogue, sentinel1_slc
from tests.products.sentinel1_slc import edits


@pytest.fixture
def refuse(tmp_path):
    """Checks that a call says what is wrong and leaves nothing behind."""

    def check(paths, error, match, **chosen):
        with pytest.raises(error, match=match):
            catalogue(paths, out=tmp_path / "cat", **chosen)
        assert not (tmp_path / "cat").exists()
        assert not list(tmp_path.glob("cat.partial-*"))

    return check


def test_folder_without_annotations(tmp_path, product, refuse):
    safe = write_safe(tmp_path, product)
    shutil.rmtree(safe / "annotation")
    refuse([safe], DataError, r"^FileNotFound: .*annotation must hold the annotations of an SLC")


def test_measurement_without_annotation(tmp_path, product, refuse):
    safe = write_safe(tmp_path, replace(product, polarizations=("VV", "VH")))
    edits.annotation(safe, polarization="vh").unlink()
    refuse([safe], DataError, r"^FileNotFound: .*-vh-.*\.xml must be there, the annotation of .*-vh-.*\.tiff")


def test_annotation_without_measurement(tmp_path, product, refuse):
    safe = write_safe(tmp_path, replace(product, swaths=("IW1", "IW2")))
    edits.measurement(safe, "iw1").unlink()
    refuse([safe], DataError, r"^FileNotFound: .*-iw1-.*\.tiff must be there, the measurement of .*-iw1-.*\.xml")


def test_truncated_measurement(pair, refuse):
    path = edits.measurement(pair[1])
    path.write_bytes(path.read_bytes()[:-100])
    refuse(pair, DataError, r"^DataCorrupt: .*\.tiff must be whole, which it is with at least")


def test_damaged_annotation(pair, refuse):
    edits.replace(edits.annotation(pair[1]), '"24">-1', '"25">-1')
    refuse(
        pair, DataError, r"^DataCorrupt: product/swathTiming/burstList/burst\[1\]/firstValidSample of .* as its count"
    )


def test_annotation_of_another_swath(pair, refuse):
    edits.replace(edits.annotation(pair[0]), "<polarisation>VV", "<polarisation>VH")
    refuse(pair, DataError, r"^DataCorrupt: adsHeader/swath and polarisation of .* must be those of its name, IW2 VV")


@pytest.mark.parametrize(
    "entity", ['<!ENTITY x SYSTEM "file:///etc/hostname">', '<!ENTITY x "ha"><!ENTITY y "&x;&x;">']
)
def test_entities_in_an_annotation(pair, refuse, entity):
    edits.replace(edits.annotation(pair[0]), "<product>", f"<!DOCTYPE product [{entity}]><product>")
    refuse(pair, DataError, r"^DataCorrupt: .*\.xml must be XML without DTD and entities")


def test_entities_in_a_manifest(pair, refuse):
    edits.replace(pair[0] / "manifest.safe", "<ns0:XFDU", '<!DOCTYPE a [<!ENTITY x "y">]><ns0:XFDU')
    refuse(pair, DataError, r"^DataCorrupt: .*manifest\.safe must be XML without DTD and entities")


@pytest.mark.parametrize("name", ["../evil.xml", "/tmp/evil.xml", "S1A.SAFE/../../evil.xml"])
def test_zip_that_leaves_its_folder(tmp_path, product, refuse, name):
    packed = write_zip(write_safe(tmp_path, product))
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr(name, "<product/>")
    refuse([packed], DataError, r"^ArchiveRefused: Member '.*evil\.xml' of .*\.zip must have a plain path", unpack=True)
    assert not list(tmp_path.parent.rglob("evil.xml"))


def test_truncated_zip(tmp_path, product, refuse):
    packed = write_zip(write_safe(tmp_path, product))
    packed.write_bytes(packed.read_bytes()[:-30])
    refuse([packed], DataError, r"^DataCorrupt: .*\.zip must be a whole zip archive")


def test_zip_of_two_products(tmp_path, product, refuse):
    safes = [write_safe(tmp_path, each) for each in (product, later(product))]
    packed = tmp_path / "S1A_IW_SLC__two.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for safe in safes:
            archive.write(edits.annotation(safe), edits.annotation(safe).relative_to(tmp_path))
    refuse([packed], DataError, r"^DataCorrupt: .*two\.zip must hold one product, in a folder like")


def test_products_that_share_no_burst(tmp_path, product, refuse):
    other = replace(later(product), burst_id=249_500)
    safes = [write_safe(tmp_path, each) for each in (product, other)]
    match = r"^BurstsDiffer: Passes of one track must share bursts; S1A_.* shares none with S1A_.* t117_249500_iw2"
    refuse(safes, OpenEOError, match)


def test_dates_with_other_polarisations(tmp_path, product, refuse):
    safes = [write_safe(tmp_path, each) for each in (replace(product, polarizations=("VV", "VH")), later(product))]
    match = (
        r"^PolarizationsDiffer: All dates of t117_249435_iw2 must have the same .*\['VH', 'VV'\].* --polarization VV\.$"
    )
    refuse(safes, OpenEOError, match)


def test_polarisations_with_different_grids(tmp_path, product, refuse):
    safe = write_safe(tmp_path, replace(product, polarizations=("VV", "VH"), has_pixels=False))
    edits.replace(edits.annotation(safe, polarization="vh"), "(<slantRangeTime>0.00564)4", r"\g<1>5")
    refuse(
        [safe],
        DataError,
        r"^DataCorrupt: swathTiming and slantRangeTime of .*-vh-.*\.xml must be those of .*-vv-.*\.xml",
    )


def test_one_burst_named_twice(tmp_path, product, refuse):
    safes = [write_safe(tmp_path, product), write_safe(tmp_path, product, burst=1)]
    refuse(
        safes,
        DataError,
        r"^DatesNotUnique: A burst must be named once; that of 2024-08-09T17:07:3.* is in two files, instead got"
        rf" {safes[0].name}/annotation/.*\.xml and {safes[1].name}/annotation/.*\.xml in {tmp_path}\.",
    )


def test_two_acquisitions_of_one_day(tmp_path, product, refuse):
    safes = [write_safe(tmp_path / str(late), replace(product, late_s=late)) for late in (0.0, 0.3)]
    refuse(
        safes,
        DataError,
        r"^DatesNotUnique: A stack must have one acquisition of t117_249435_iw2 per UTC day; 2024-08-09 has two,"
        rf" instead got 0\.0/{safes[0].name} and 0\.3/{safes[1].name} in {tmp_path}\.",
    )


def test_a_folder_goes_before_its_own_zip(tmp_path, product, caplog):
    safe = write_safe(tmp_path, product)
    packed = write_zip(safe)
    made = catalogue([packed, safe], out=tmp_path / "cat", bursts=["249435"])
    assert made.is_file()
    assert f"{packed} is left out: its folder is among the products" in caplog.text


def test_of_many_bursts_the_ends_are_named(tmp_path, product, refuse):
    safe = write_safe(tmp_path, replace(product, bursts=9, lines=4, valid=(0, 0), has_pixels=False))
    ends = "t117_249435_iw2, t117_249436_iw2, ... t117_249443_iw2"
    must = (
        rf"^ProcessParameterInvalid: --burst must be one of the 9 bursts {ends} \(all are listed without --burst\), or"
    )
    refuse([safe], OpenEOError, must, bursts=["999"])


@pytest.mark.parametrize(
    ("chosen", "match"),
    [
        ({"primary": "2024-08-10"}, r"--primary must be one of the dates \('2024-08-09', '2024-08-21'\), instead got"),
        ({"swaths": ["IW3"]}, r"--swath must be one of \('IW2',\), which the products have, instead got 'IW3'"),
        (
            {"polarizations": ["VH"]},
            r"--polarization must be one of \('VV',\), which the products have, instead got 'VH'",
        ),
        ({"bursts": ["1"]}, r"--burst must be one of \('t117_249435_iw2', 't117_249436_iw2'\)"),
        ({"bursts": ["249435", "x"]}, r"--burst must be one of .*, or the number or swath in it, instead got 'x'"),
    ],
)
def test_choices_that_nothing_meets(pair, refuse, chosen, match):
    refuse(pair, OpenEOError, rf"^ProcessParameterInvalid: {match}", **chosen)


def test_orbit_that_is_too_far_off(tmp_path, product, refuse):
    safes = [write_safe(tmp_path, each) for each in (product, later(product, across_m=400_000.0))]
    refuse(safes, OpenEOError, r"^ShiftTooLarge: the burst of .*\.xml on that of .*\.xml: an image must show")


def test_missing_product(tmp_path, refuse):
    refuse([tmp_path / "S1A_IW_SLC__no.SAFE"], DataError, r"^FileNotFound: The product must exist")


def test_stacks_by_themselves_say_the_same(tmp_path, options):
    (tmp_path / "S1A_IW_SLC__empty.SAFE").mkdir()
    with pytest.raises(DataError, match=r"^FileNotFound: .*annotation must hold the annotations of an SLC"):
        sentinel1_slc.stacks([tmp_path / "S1A_IW_SLC__empty.SAFE"], options)


def test_single_bursts_that_are_not_the_same(tmp_path, product, refuse):
    """Whatever their tracks: who names single bursts means a stack."""
    safes = [write_safe(tmp_path, product, burst=0), write_safe(tmp_path, later(product), burst=1)]
    refuse(
        safes, OpenEOError, r"^BurstsDiffer: Passes of one track must share bursts; .*_249435_.* none with .*_249436_"
    )


@pytest.mark.parametrize("kind", ["IW_GRDH_1SDV", "IW_RAW__0SDV", "IW_OCN__2SDV", "WV_SLC__1SSV"])
@pytest.mark.parametrize("ending", [".SAFE", ".zip", ".SAFE.zip"])
def test_products_of_other_kinds_are_told_apart(tmp_path, refuse, kind, ending):
    path = tmp_path / f"S1A_{kind}_20240809T170730_20240809T170755_055139_06B8A7_0000{ending}"
    path.mkdir() if ending == ".SAFE" else path.write_bytes(b"")
    name = f"S1A_{kind.rsplit('_', 1)[0].strip('_')}"
    refuse(
        [path], DataError, rf"^FormatUnsuitable: .*{kind}.* must be an SLC of IW, EW or stripmap, instead got '{name}'"
    )


@pytest.mark.parametrize("which", ["annotation", "measurement"])
def test_links_out_of_the_product(tmp_path, product, refuse, which):
    path = getattr(edits, which)(write_safe(tmp_path, product))
    path.rename(tmp_path / "secret")
    path.symlink_to(tmp_path / "secret")
    match = rf"^AccessRefused: .*{path.name} must lie in the folder of its product, .* instead got '.*/secret'"
    refuse([path.parents[1]], OpenEOError, match)


def test_manifest_that_is_a_link_out_of_the_product(tmp_path, product, refuse):
    safe = write_safe(tmp_path, product)
    (safe / "manifest.safe").rename(tmp_path / "secret")
    (safe / "manifest.safe").symlink_to(tmp_path / "secret")
    refuse([safe], OpenEOError, r"^AccessRefused: .*manifest\.safe must lie in the folder of its product")


def test_range_that_does_not_reach_the_ground(tmp_path, product, refuse):
    safe = write_safe(tmp_path, product)
    edits.replace(edits.annotation(safe), "<slantRangeTime>0.005644353<", "<slantRangeTime>0.09<")
    refuse(
        [safe],
        DataError,
        r"^DataCorrupt: orbitList, slantRangeTime and geolocationGrid of .*\.xml must place the image",
    )
