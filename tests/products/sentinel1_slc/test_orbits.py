import gzip
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from local_runner.demo.safe import later, write_orbit_file, write_safe
from local_runner.errors import DataError
from local_runner.products import sentinel1_slc
from local_runner.products.sentinel1_slc.annotation import read_annotation
from local_runner.products.sentinel1_slc.orbits import orbit_for, read_orbit_file
from tests.products.sentinel1_slc import edits


@pytest.fixture
def start(product):
    """When the first burst is sensed."""
    return product.sensing_time(0, 1.0)


def test_orbit_of_a_file_is_that_of_the_annotation(tmp_path, product, start):
    annotation = read_annotation(edits.annotation(write_safe(tmp_path, product)))
    found = read_orbit_file(write_orbit_file(tmp_path, product))
    assert (found.platform, found.orbit.source) == ("S1A", "POEORB")
    here, there = (orbit.since(start).at(np.array([1.0]))[0] for orbit in (annotation.orbit, found.orbit))
    np.testing.assert_allclose(here, there, atol=0.01)


@pytest.mark.parametrize("ending", [".zip", ".gz"])
def test_packed_file(tmp_path, product, ending):
    path = write_orbit_file(tmp_path, product)
    packed = path.with_name(path.name + ending)
    if ending == ".zip":
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(path, path.name)
    else:
        packed.write_bytes(gzip.compress(path.read_bytes()))
    plain, found = (read_orbit_file(each).orbit for each in (path, packed))
    np.testing.assert_array_equal(found.position_m, plain.position_m)


def test_file_as_the_ground_segment_writes_it(tmp_path, product):
    """With a namespace, a time in three scales, and signed numbers with their units."""
    path = write_orbit_file(tmp_path, product)
    plain = read_orbit_file(path).orbit
    edits.replace(path, "<Earth_Explorer_File>", '<Earth_Explorer_File xmlns="http://eop-cfi.esa.int/CFI">')
    edits.replace(path, "<List_of_OSVs", '<List_of_OSVs xmlns:x="y"')
    edits.replace(path, r"<UTC>UTC=([^<]*)", r"<TAI>TAI=\1</TAI><UTC>UTC=\1", count=0)
    edits.replace(path, r"<(V?[XYZ])>(-?)", lambda m: f"<{m[1]} unit='m'>{m[2] or '+'}", count=0)
    renamed = path.rename(path.with_name("namespace.EOF"))
    np.testing.assert_array_equal(read_orbit_file(renamed).orbit.position_m, plain.position_m)


def test_the_file_of_the_date_is_chosen(tmp_path, product, start):
    files = [read_orbit_file(write_orbit_file(tmp_path, later(product, cycles))) for cycles in (2, 1, 0)]
    assert orbit_for(files, "S1A", start, 3.0) is files[2]


def test_precise_goes_before_restituted(tmp_path, product, start):
    files = [read_orbit_file(write_orbit_file(tmp_path, product, kind)) for kind in ("RESORB", "POEORB")]
    assert orbit_for(files, "S1A", start, 3.0).orbit.source == "POEORB"


def test_file_of_another_satellite(tmp_path, product, start):
    path = edits.replace(write_orbit_file(tmp_path, product), "Sentinel-1A", "Sentinel-1B")
    with pytest.raises(
        DataError, match=r"^OrbitUnsuitable: An orbit file of S1A must cover .*, instead got '.*: S1B, "
    ):
        orbit_for([read_orbit_file(path)], "S1A", start, 3.0)


@pytest.mark.parametrize("margin_s", [0.0, 20.0])
def test_file_that_ends_too_early(tmp_path, product, start, margin_s):
    path = write_orbit_file(tmp_path, product, margin_s=margin_s)
    with pytest.raises(
        DataError, match=r"^OrbitUnsuitable: An orbit file of S1A must cover .* and 30 s before and after"
    ):
        orbit_for([read_orbit_file(path)], "S1A", start, 3.0)


@pytest.mark.parametrize(
    ("pattern", "text", "must"),
    [
        (
            "EARTH_FIXED",
            "INERTIAL",
            r"Earth_Explorer_File/Earth_Explorer_Header/Variable_Header/Ref_Frame of .*\.EOF must be",
        ),
        (
            "AUX_POEORB",
            "AUX_OTHER",
            r".*/Fixed_Header/File_Type of .*\.EOF must name one of \('POEORB', 'RESORB', 'PREORB'\)",
        ),
        (
            "<X>[^<]*",
            "<X>x",
            r"Earth_Explorer_File/Data_Block/List_of_OSVs/OSV\[1\]/X of .*\.EOF must be a finite number",
        ),
        ("<VX>[^<]*", "<VX>9000.0", r".*/OSV\[1\] of .*\.EOF must begin the vectors of an orbit"),
        ('count="', 'count="1', r".*/List_of_OSVs of .*\.EOF must have as many entries as its count"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path, product, pattern, text, must):
    path = edits.replace(write_orbit_file(tmp_path, product), pattern, text)
    with pytest.raises(DataError, match=rf"^DataCorrupt: {must}"):
        read_orbit_file(path)


def test_orbit_files_go_before_annotations(tmp_path, product, pair, options):
    files = tuple(write_orbit_file(tmp_path, each) for each in (product, later(product)))
    (stack, _) = sentinel1_slc.stacks(pair, replace(options, orbits=files))
    primary, secondary = stack.items
    assert [item.properties["openeo_sar:orbit"] for item in stack.items] == ["POEORB", "POEORB"]
    assert secondary.assets["primary_orbit"].href == primary.assets["orbit"].href == str(files[0])
    assert set(files) <= set(stack.roots)


def test_each_date_needs_its_orbit_file(tmp_path, product, pair, options):
    only = (write_orbit_file(tmp_path, product),)
    with pytest.raises(DataError, match=r"^OrbitUnsuitable: An orbit file of S1A must cover 2024-08-21"):
        sentinel1_slc.stacks(pair, replace(options, orbits=only))
