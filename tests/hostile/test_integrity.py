"""`file:checksum` of an input: bit rot is found in the first task that reads the file, and not before."""

import hashlib
import logging

import numpy as np
import pytest

from local_runner.errors import DataError
from local_runner.files import integrity
from local_runner.files.integrity import require_checksum
from tests.hostile.files import netcdf, samples, tiff
from tests.stac.catalogues import asset, cube, item, write

KINDS = {
    "1114": "sha1", "1220": "sha256", "1340": "sha512", "1440": "sha3_512", "1530": "sha3_384", "1620": "sha3_256",
    "171c": "sha3_224", "2030": "sha384", "d50110": "md5",
}  # fmt: skip


def checksum(content, prefix="1220"):
    return prefix + hashlib.new(KINDS[prefix], content).hexdigest()


def catalogue(folder, path, known):
    fields = {"file:checksum": known} | ({"type": "application/x-netcdf"} if path.suffix == ".nc" else {})
    return write(folder, "a.json", item("a", "2024-08-09T00:00:00Z", {"a": asset(path.name, "a", **fields)}))


@pytest.mark.parametrize(("kind", "make"), [("tif", tiff), ("nc", netcdf)])
def test_bit_rot_is_found_when_the_cube_is_computed(tmp_path, kind, make):
    path = make(tmp_path / f"a.{kind}", samples(40, 50))
    content = path.read_bytes()
    url = catalogue(tmp_path, path, checksum(content))
    np.testing.assert_array_equal(np.sort(cube(url).compute().values, None), np.sort(samples(40, 50), None))
    place = content.index(samples(40, 50)[7].tobytes()[:40])
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    rotten = cube(url)
    with pytest.raises(
        DataError, match=rf"^DataCorrupt: .*a.{kind} must have the file:checksum of its item, 1220.*got"
    ):
        rotten.compute()


def test_500_flips_of_one_bit_are_found(tmp_path):
    content = tiff(tmp_path / "a.tif", samples(40, 50), compress="deflate").read_bytes()
    known, chance = checksum(content), np.random.default_rng(0)
    for number, place in enumerate(chance.integers(len(content), size=500)):
        path = tmp_path / str(number)
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << number % 8]) + content[place + 1 :])
        with pytest.raises(DataError, match=r"^DataCorrupt: "):
            require_checksum(path, known)


@pytest.mark.parametrize("prefix", KINDS)
def test_kinds_of_checksums(tmp_path, prefix):
    path = tmp_path / "a"
    path.write_bytes(b"content")
    require_checksum(path, checksum(b"content", prefix))
    require_checksum(path, checksum(b"content", prefix).upper())
    with pytest.raises(DataError, match=r"^DataCorrupt: "):
        require_checksum(path, checksum(b"other", prefix))


@pytest.mark.parametrize(
    "known", ["90e40210" + "0" * 32, "1220" + "0" * 63, "1220" + "0" * 62, "no hash", "b220", "12"]
)
def test_a_kind_that_cannot_be_checked_is_said_once(tmp_path, caplog, known):
    path = tmp_path / "a"
    path.write_bytes(b"content")
    with caplog.at_level(logging.WARNING, "local_runner"):
        require_checksum(path, known)
        require_checksum(path, known)
    assert [record.getMessage() for record in caplog.records] == [
        f"the file:checksum of {path} is of a kind that cannot be checked: {known[:40]}"
    ]


def test_a_file_is_hashed_once_by_all_threads_and_dates(tmp_path, monkeypatch):
    path = tiff(tmp_path / "a.tif", samples(2100, 50), blockysize=16)
    url, hashed = catalogue(tmp_path, path, checksum(path.read_bytes())), []
    original = hashlib.file_digest
    monkeypatch.setattr(integrity.hashlib, "file_digest", lambda *a: hashed.append(1) or original(*a))
    cube(url).compute(scheduler="threads", num_workers=4)
    cube(url).compute(scheduler="threads", num_workers=4)
    assert len(hashed) == 1


def test_nothing_is_hashed_before_a_pixel_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(integrity, "_digest", lambda *_: pytest.fail("hashed"))
    path = tiff(tmp_path / "a.tif", samples(40, 50))
    assert cube(catalogue(tmp_path, path, checksum(b""))).sizes["y"] == 40


def test_an_asset_without_a_checksum_is_not_hashed(tmp_path, monkeypatch):
    monkeypatch.setattr(integrity, "_digest", lambda *_: pytest.fail("hashed"))
    path = tiff(tmp_path / "a.tif", samples(40, 50))
    for given in (None, "", 7, ["1220"]):
        cube(catalogue(tmp_path, path, given)).compute()


def test_a_file_that_is_gone_is_a_damage(tmp_path):
    with pytest.raises(DataError, match=r"^DataCorrupt: .*none must be readable \(No such file"):
        require_checksum(tmp_path / "none", checksum(b""))
