import stat
import struct
import zipfile

import pytest

from local_runner.errors import DataError, LimitExceededError
from local_runner.products import _zip
from local_runner.products._zip import Archive


def packed(tmp_path, *members):
    """An archive of members: names, or name and content, or infos with content."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in members:
            name, data = (member, b"x") if isinstance(member, str) else member
            archive.writestr(name, data)
    return path


def test_files_are_listed_and_unpacked(tmp_path):
    archive = Archive(packed(tmp_path, ("p/b.xml", b"<b/>"), "p/a.xml", "p/c/"))
    assert archive.names == ("p/a.xml", "p/b.xml")
    assert [path.read_bytes() for path in archive.unpack(["p/b.xml"], tmp_path / "out")] == [b"<b/>"]
    assert not (tmp_path / "out" / "p" / "a.xml").exists()


@pytest.mark.parametrize(
    "name", ["../a.xml", "p/../../a.xml", "/etc/a.xml", "C:/a.xml", "p\\..\\a.xml", "p//a.xml", "./a.xml", "p/.."]
)
def test_paths_that_leave_the_folder_are_refused(tmp_path, name):
    with pytest.raises(DataError, match=r"^ArchiveRefused: Member '.*' of .*a\.zip must have a plain path"):
        Archive(packed(tmp_path, name))


def test_link_is_refused(tmp_path):
    info = zipfile.ZipInfo("p/link.xml")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(
        DataError, match=r"^ArchiveRefused: Member 'p/link\.xml' of .* must be a file or a folder, no link"
    ):
        Archive(packed(tmp_path, (info, b"/etc/passwd")))


def test_encrypted_member_is_refused(tmp_path):
    path = packed(tmp_path, "p/a.xml")
    data = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = data.index(mark) + place
        data[at] |= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"^ArchiveRefused: Member 'p/a\.xml' of .* must be readable without password"):
        Archive(path)


def test_names_that_are_one_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"^ArchiveRefused: Member 'p/A\.xml' of .* must be there once"):
        Archive(packed(tmp_path, "p/a.xml", "p/A.xml"))


def test_nested_archive_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"^ArchiveRefused: Member 'p/b\.zip' of .* must be no archive itself"):
        Archive(packed(tmp_path, "p/b.zip"))


@pytest.mark.parametrize("name", ["__MACOSX/._a.xml", "p/.DS_Store"])
def test_hidden_files_are_plain_names(tmp_path, name):
    assert Archive(packed(tmp_path, name)).names == (name,)


def test_the_only_file(tmp_path):
    assert Archive(packed(tmp_path, ("a.xml", b"0123"))).read_only_file(3) == b"012"


def test_one_of_several_files_is_not_guessed(tmp_path):
    with pytest.raises(DataError, match=r"^ArchiveRefused: .*a\.zip must hold one file, instead got \('a', 'b'\)"):
        Archive(packed(tmp_path, "a", "b")).read_only_file(3)


def test_bomb_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"^ArchiveRefused: Member 'p/a\.xml' of .* must be at most 200 times larger"):
        Archive(packed(tmp_path, ("p/a.xml", bytes(4 << 20))))


def test_raster_of_zeros_is_no_bomb(tmp_path):
    assert Archive(packed(tmp_path, ("p/a.tiff", bytes(4 << 20)))).names == ("p/a.tiff",)


def test_size_and_number_are_limited(tmp_path, monkeypatch):
    path = packed(tmp_path, "a", "b", "c")
    monkeypatch.setattr(_zip, "MAX_BYTES", 2)
    with pytest.raises(LimitExceededError, match=r"^ArchiveTooLarge: The members of .*a\.zip must have at most"):
        Archive(path)
    monkeypatch.setattr(_zip, "MAX_ENTRIES", 2)
    with pytest.raises(
        LimitExceededError, match=r"^ArchiveTooLarge: .*a\.zip must have at most 2 members, instead got 3"
    ):
        Archive(path)


def test_damaged_member(tmp_path):
    path = packed(tmp_path, ("p/a.xml", bytes(range(256)) * 40))
    data = bytearray(path.read_bytes())
    data[60] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"^DataCorrupt: p/a\.xml of .*a\.zip must be whole"):
        Archive(path).unpack(["p/a.xml"], tmp_path / "out")


def test_lying_size(tmp_path):
    path = packed(tmp_path, ("p/a.xml", b"x" * 1000))
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = struct.pack("<I", 10)
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"^DataCorrupt: p/a\.xml of .*a\.zip must be whole"):
        Archive(path).unpack(["p/a.xml"], tmp_path / "out")


@pytest.mark.parametrize("cut", [0, 10, -10])
def test_truncated_archive(tmp_path, cut):
    path = packed(tmp_path, "p/a.xml")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"^DataCorrupt: .*a\.zip must be a whole zip archive"):
        Archive(path)


def test_missing_archive(tmp_path):
    with pytest.raises(DataError, match=r"^FileNotFound: The archive must exist"):
        Archive(tmp_path / "no.zip")
