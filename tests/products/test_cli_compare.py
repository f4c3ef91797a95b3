"""`openeo-sar compare` on the command line; what it compares is tested in `tests/test_compare.py`."""

import pytest
from click.testing import CliRunner

from local_runner.cli import cli
from tests.products.raster_folders import geogrid


def call(*args):
    return CliRunner().invoke(cli, ["compare", *[str(arg) for arg in args]])


def test_same(tmp_path):
    result = call(geogrid(tmp_path / "a"), geogrid(tmp_path / "b"))
    assert result.exit_code == 0, result.stderr
    assert "window_location" in result.stdout


def test_different(tmp_path):
    assert call(geogrid(tmp_path / "a"), geogrid(tmp_path / "b", factor=2)).exit_code == 1


def test_within_tolerance(tmp_path):
    given = geogrid(tmp_path / "a"), geogrid(tmp_path / "b", factor=2)
    assert call(*given, "--tolerance", "1e9").exit_code == 0


@pytest.mark.parametrize("tolerance", ["-1", "nan", "x"])
def test_bad_tolerance(tolerance, tmp_path):
    assert call(geogrid(tmp_path / "a"), geogrid(tmp_path / "b"), "--tolerance", tolerance).exit_code == 2


def test_missing_folder(tmp_path):
    assert call(geogrid(tmp_path / "a"), tmp_path / "none").exit_code == 5
