import dask
import dask.array as da
import numpy as np
import pytest

from local_runner.compute.tiling import Tile, map_tiles

SHAPE = (2, 23, 31)


@pytest.fixture
def image():
    return np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


def same(block, _tile):
    return block


def tiled(image, function=same, *, chunks=(1, 7, 11), leading=SHAPE[:1], **options):
    source = da.from_array(image, chunks=chunks)
    settings = {"size": (8, 8), "overlap": (0, 0), "leading": leading, "dtype": np.float32} | options
    return map_tiles(function, source, **settings)


@pytest.mark.parametrize("size", [(8, 8), (23, 31), (64, 64), (1, 5)])
@pytest.mark.parametrize("overlap", [(0, 0), (3, 2), (40, 40)])
@pytest.mark.parametrize("chunks", [(2, 23, 31), (1, 7, 11), (1, 1, 31)])
def test_tiles_make_up_the_image(image, size, overlap, chunks):
    assert np.array_equal(tiled(image, size=size, overlap=overlap, chunks=chunks).compute(), image)


@pytest.mark.parametrize("full_size", [True, False])
def test_a_tile_is_the_padded_image_at_its_place(image, full_size):
    padded = np.pad(image, ((0, 0), (3, 20), (2, 20)), constant_values=-1)

    def check(block, tile):
        rows, columns = (8, 8) if full_size else (tile.height, tile.width)
        expected = padded[:, tile.y : tile.y + rows + 6, tile.x : tile.x + columns + 4]
        assert np.array_equal(block, expected)
        return block

    tiled(image, check, overlap=(3, 2), fill=-1, full_size=full_size).compute()


def test_outside_of_the_image_is_nan_by_default(image):
    def count(block, _tile):
        return np.full_like(block, np.isnan(block).sum())

    counts = tiled(image, count, size=(23, 31), overlap=(1, 1)).compute()
    assert (counts == 2 * (25 * 33 - 23 * 31)).all()


def test_a_function_may_change_the_leading_dimensions(image):
    result = tiled(image, lambda block, _tile: block.sum(axis=0), leading=(), overlap=(1, 1))
    assert result.shape == SHAPE[1:]
    assert np.array_equal(result.compute(), image.sum(axis=0))


def test_a_tile_may_not_be_written_to(image):
    def write(block, _tile):
        block[...] = 0
        return block

    with pytest.raises(ValueError, match=r"^assignment destination is read-only"):
        tiled(image, write).compute()


def test_nothing_is_read_before_it_is_computed():
    def fail():
        raise AssertionError("a pixel was read")

    source = da.from_delayed(dask.delayed(fail)(), SHAPE, np.float32)
    tiles = map_tiles(same, source, size=(8, 8), overlap=(1, 1), leading=(2,), dtype=np.float32)
    assert tiles.shape == SHAPE


def test_a_tile_reads_only_the_blocks_that_it_touches(image):
    read = []

    def load(block, block_info=None):
        read.append(block_info[0]["chunk-location"])
        return block

    source = da.from_array(image, chunks=(2, 8, 8)).map_blocks(
        load, dtype=np.float32, meta=np.empty((0, 0, 0), np.float32)
    )
    tiles = map_tiles(same, source, size=(8, 8), overlap=(1, 1), leading=(2,), dtype=np.float32)
    tiles[:, :8, :8].compute()
    assert sorted(read) == [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1)]


def test_the_name_of_a_tile_says_its_rows_and_columns():
    assert Tile(8, 16, 5, 7, 2, 2).name == "rows 8:13, columns 16:23"
