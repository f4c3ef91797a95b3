"""Where the blocks of a TIFF end, in all the layouts that GDAL writes."""

import numpy as np
import pytest
import rasterio

from local_runner.demo.complex_tiff import write
from local_runner.products.sentinel1_slc.strips import end_of_blocks


def ends(path):
    """What GDAL tells of each block."""
    with rasterio.open(path) as file:
        for (row, column), _ in file.block_windows(1):
            told = [file.get_tag_item(f"BLOCK_{name}_{column}_{row}", dm="TIFF", bidx=1) for name in ("OFFSET", "SIZE")]
            yield sum(int(text) for text in told if text)


@pytest.mark.parametrize("endianness", ["LITTLE", "BIG"])
@pytest.mark.parametrize("is_big", ["YES", "NO"])
@pytest.mark.parametrize(
    "layout", [{"blockysize": 1}, {"blockysize": 100}, {"tiled": True, "blockxsize": 16, "blockysize": 16}]
)
@pytest.mark.parametrize("packed", [{}, {"compress": "deflate"}])
def test_blocks_end_where_gdal_says(tmp_path, endianness, is_big, layout, packed):
    profile = {"driver": "GTiff", "dtype": "int16", "count": 1, "width": 40, "height": 100, "BIGTIFF": is_big}
    transform = rasterio.Affine(1, 0, 5, 0, -1, 5)
    options = {"ENDIANNESS": endianness, "transform": transform, "crs": "EPSG:32632"}
    with rasterio.open(tmp_path / "a.tif", "w", **profile, **options, **layout, **packed) as file:
        file.write(np.random.default_rng(0).integers(0, 99, (100, 40), np.int16), 1)
    assert end_of_blocks(tmp_path / "a.tif") == max(ends(tmp_path / "a.tif"))


@pytest.mark.parametrize("lines", [1, 2, 48])
def test_synthetic_measurements_end_with_their_last_line(tmp_path, lines):
    write(tmp_path / "a.tiff", np.zeros((lines, 8), np.complex64))
    assert end_of_blocks(tmp_path / "a.tiff") == (tmp_path / "a.tiff").stat().st_size


@pytest.mark.parametrize("size", [0, 4, 8, 9, 30, 100, 150, 400])
def test_a_header_that_is_cut(tmp_path, size):
    path = tmp_path / "a.tiff"
    write(path, np.zeros((48, 8), np.complex64))
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(
        ValueError, match=r"^(no offsets or no sizes|offsets or sizes of blocks beyond|unpack|iterative)"
    ):
        end_of_blocks(path)
