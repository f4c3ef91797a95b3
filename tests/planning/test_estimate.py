"""What a graph reads and holds, on graphs whose answer is known."""

import dask.array as da
import numpy as np
import pytest

from local_runner.execution import UdfCalls
from local_runner.jobs.scheduling import Scheduling
from local_runner.planning import estimate
from local_runner.stac.planned import READ

MIB = 2**20


def read(name="a", rows=1024, columns=1024, step=512):
    """An array whose chunks stand for reads, 1 MiB each."""
    cut = lambda size: (step,) * (size // step)  # noqa: E731
    chunks = (cut(rows), cut(columns))
    keys = [(f"{READ}-{name}", i, j) for i in range(len(chunks[0])) for j in range(len(chunks[1]))]
    return da.Array(dict.fromkeys(keys, (np.zeros, 1)), f"{READ}-{name}", chunks, dtype=np.float32)


def test_pixels_that_are_read_count_once():
    a, b = read("a"), read("b")
    assert estimate.of_arrays([a + b, a - b]).pixels_read == 2 * 1024 * 1024


def test_only_what_is_needed_is_read():
    assert estimate.of_arrays([read()[:512]]).pixels_read == 512 * 1024


def test_blocks_that_need_nothing_of_each_other_are_held_one_by_one():
    narrow, wide = (estimate.of_arrays([read(rows=512 * n) + 1]).held_bytes for n in (4, 16))
    assert narrow == wide <= 8 * MIB


def test_a_mean_of_all_blocks_holds_them_until_the_last():
    rows = da.concatenate([read(rows=512 * 4).mean(axis=0, keepdims=True)] * 512)
    assert estimate.of_arrays([rows]).held_bytes >= MIB


def test_a_chunk_that_late_blocks_need_is_held_all_the_time():
    first = read("first", rows=512 * 8)
    held = estimate.of_arrays([first + first[::-1]]).held_bytes
    assert held >= 8 * 2 * MIB / 2


def test_views_have_no_memory_of_their_own():
    arrays = [read(name, 512, 512) for name in "abc"]
    stacked = da.stack(arrays)[1]
    assert estimate.of_arrays([stacked]).held_bytes == MIB


def test_other_names_of_an_array_have_no_memory_of_their_own():
    """A band of the grid stands at each date of a cube, and is there once."""
    once = read(rows=512, columns=512)
    dates = da.concatenate([once[None]] * 3)
    assert estimate.of_arrays(list(dates)).held_bytes == MIB


def test_no_arrays():
    assert estimate.of_arrays([]) == estimate.Estimate(0, 0, 0, 0)


def test_udf_holds_chunk_result_and_temporaries():
    calls = UdfCalls("n", 7, ("bands", "y", "x"), (4, 16, 16), {}, (16, 16), (0, 0), True, (1, 16, 16), True)
    expected = 4 * (4 * 256 * (1 + estimate.UDF_COPIES) + 256)
    assert estimate.udf_bytes(calls) == expected


def test_memory_adds_up():
    chosen = Scheduling("threads", 2, 2**40)
    found = estimate.memory_of([estimate.Estimate(10, 3 * MIB, MIB, MIB)], [], geocoded=[100], chosen=chosen)
    assert found.base_bytes == estimate.BASE_BYTES + 40 + estimate.COMPILER_BYTES
    assert found.held_bytes == int(3 * MIB * estimate.ALLOCATOR)
    assert found.working_bytes == int(2 * MIB * estimate.TASK_COPIES)
    assert found.geometry_bytes == 800
    assert found.peak_bytes == sum((found.base_bytes, found.held_bytes, found.working_bytes, 800))


@pytest.mark.parametrize(("memory", "held"), [(2**40, 9), (4, 4), (1, 2)])
def test_threads_keep_to_their_memory_as_far_as_they_can(memory, held):
    chosen = Scheduling("threads", 2, memory)
    assert estimate.memory_of([estimate.Estimate(0, 9, 2, 0)], [], geocoded=[], chosen=chosen).held_bytes == held


def test_each_process_has_a_base():
    one, four = (estimate.memory_of([], [], geocoded=[], chosen=Scheduling("processes", n, 2**40)) for n in (1, 4))
    assert (one.base_bytes, four.base_bytes) == (2 * estimate.BASE_BYTES, 5 * estimate.BASE_BYTES)
