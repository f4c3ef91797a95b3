"""Files are written inside of the result, under different names, whatever items and bands are called."""

import os
import random

import pytest

from local_runner.errors import OpenEOError
from local_runner.jobs import commit
from local_runner.stac.files import _Names
from local_runner.stac.metadata import safe_name
from tests.stac.results import cube, items_of, saved

NASTY = [
    "..", ".", "...", "../x", "../../../../etc/passwd", "/etc/passwd", "//x", "a/b", "a\\b", "..\\x", "C:\\x", "C:", "sp ace?#",
    "a?b#c", "%2e%2e", "a%00b", "a\0b", "a\nb", "\x1b[2J", "\u202ea", "a" * 300, "é" * 200, "~", "~root", "$HOME", "`id`",
    "-rf", ".hidden", "a.", "a ", " a", "con", "CON", "nul.tif", "com1", "LPT9.x", "aux.nc", "<x>", "a|b", "a*b", 'a"b',
    "\ud800", "K", "\u212a", "ﬁ", "fi", "ß", "ss", "İ", "i", "A", "a", "<VRTDataset/>", "/vsimem/x", "x.tif", "X.TIF",
    "record.json", "collection.json", "",
]  # fmt: skip
PIECES = (
    "..",
    "/",
    "\\",
    "a",
    "A",
    "b",
    "-",
    "_",
    ".",
    " ",
    "%",
    "~",
    "\0",
    "é",
    "\ud800",
    "con",
    "0123456789ab",
    "x" * 60,
)


def random_names(count):
    chance = random.Random(0)
    return ["".join(chance.choices(PIECES, k=chance.randint(0, 8))) for _ in range(count)]


def is_inside(root, name):
    path = root / name
    return path.resolve().parent == root and 0 < len(name.encode()) <= 200 and name.isascii() and name.isprintable()


def test_safe_names_stay_inside_and_differ(tmp_path):
    names = list(dict.fromkeys([*NASTY, *random_names(2000)]))
    names += [
        safe_name(name) for name in names if safe_name(name) not in names
    ]  # chosen to collide with those of others
    found = {name: safe_name(name) for name in names}
    assert all(is_inside(tmp_path.resolve(), name) for name in found.values())
    assert len(set(found.values())) == len(names) > 2000
    assert not any(name.endswith((".", " ")) for name in found.values())


def test_names_in_a_folder_differ_without_regard_to_case():
    names = _Names("", ".tif")
    taken = [names.of(name) for name in [*NASTY, *random_names(500), "a-2", "A-2"]]
    assert len({name.casefold() for name in taken}) == len(taken)


def test_bands_of_any_name_are_written_inside_of_the_result(tmp_path):
    nasty = [name for name in NASTY if name and "\ud800" not in name and "\0" not in name]
    out = saved(tmp_path, cube(tmp_path, *nasty))
    assets = items_of(out)[0]["assets"]
    data = {key: asset["href"] for key, asset in assets.items() if "data" in asset["roles"]}
    paths = {(out / "analysis_20230319" / href).resolve() for href in data.values()}
    assert len(paths) == len(data) == len(nasty)
    assert all(path.is_relative_to(out.resolve()) and path.is_file() for path in paths)
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


@pytest.mark.parametrize(
    "prefix", ["../x", "/x", "a/b", "..", ".", "con", "a\\b", "a\0", "x" * 200, " ", "a?b", 1, None, ["a"]]
)
def test_prefix_of_files_is_a_plain_name(tmp_path, prefix):
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: The option 'filename_prefix' must be letters"):
        saved(tmp_path, cube(tmp_path, "a"), options={"filename_prefix": prefix})


@pytest.mark.parametrize(
    "name", ["filename", "COMPRESS", "driver", "../x", "__class__", "NUM_THREADS", "copy_src_overviews"]
)
def test_options_of_gdal_are_no_options(tmp_path, name):
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: Each of 'options' must be one of"):
        saved(tmp_path, cube(tmp_path, "a"), options={name: "../../x"})


@pytest.mark.parametrize("name", ["/dev/zero", "/etc/passwd", "../secret", "pipe", "link"])
def test_a_record_of_strangers_leads_to_no_other_file(tmp_path, name):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    record = {"files": {name: {"size": 0, "sha256": "0" * 64}}}
    assert commit.changed_files(tmp_path, record) == [name]
