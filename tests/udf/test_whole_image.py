"""A UDF that declares `WHOLE_IMAGE = True` gets the image in one call, or the graph is refused before a pixel is read."""

import numpy as np
import pytest

from local_runner import evaluate
from local_runner.errors import LimitExceededError
from local_runner.planning import explain
from local_runner.udf.text import bytes_per_cell, needs_whole_image
from tests.planning import LINES, SAMPLES, with_udf, write_stack
from tests.processes import make_cube, unreadable

TEXT = """
import xarray as xr
from typing import Any

WHOLE_IMAGE = True


def apply_datacube(cube: xr.DataArray, context: dict[str, Any]) -> xr.DataArray:
    return cube
"""
MUST = r"^LimitExceeded: The image of a UDF with WHOLE_IMAGE must fit into one neighbourhood, 16 rows x 16 columns, "
DO = r"\. Take more looks, or clip the image by spatial_extent\."


def graph(text=TEXT, parent="apply_neighborhood", *, size=16, daily=False):
    entries = [{"dimension": name, "value": size, "unit": "px"} for name in "xy"]
    entries += [{"dimension": "t", "value": "P1D"}] * daily
    return with_udf(text, parent, **({"size": entries} if parent == "apply_neighborhood" else {}))


def run(cube, **options):
    return evaluate(graph(**options)["process_graph"], {"data": cube})


@pytest.mark.parametrize(
    ("line", "needed"),
    [
        ("WHOLE_IMAGE = True\n", True),
        ("WHOLE_IMAGE: bool = True\n", True),
        ("WHOLE_IMAGE = False\n", False),
        ("WHOLE_IMAGE = 1\n", False),
        ("def f():\n    WHOLE_IMAGE = True\n", False),
        ("", False),
    ],
)
def test_the_constant_stands_at_the_top_of_the_text(line, needed):
    assert needs_whole_image(TEXT.replace("WHOLE_IMAGE = True\n", line)) is needed


@pytest.mark.parametrize("daily", [False, True])
def test_one_tile_is_called_of_each_date_or_of_all(daily):
    cube = make_cube(t=2, bands=("a",), y=16, x=16)
    np.testing.assert_array_equal(run(cube, daily=daily).values, cube.values)


@pytest.mark.parametrize(("rows", "columns"), [(17, 3), (3, 17), (40, 40)])
@pytest.mark.parametrize("daily", [False, True])
def test_several_tiles_are_refused_before_a_pixel_is_read(rows, columns, daily):
    cube = unreadable(make_cube(t=2, bands=("a",), y=rows, x=columns))
    with pytest.raises(LimitExceededError, match=rf"{MUST}instead got {rows} rows x {columns} columns{DO}"):
        run(cube, daily=daily)


def test_so_they_are_where_another_process_cuts():
    cube = unreadable(make_cube(t=2, bands=("a",), y=3, x=300))
    match = (
        r"^LimitExceeded: .* 256 rows x 256 columns, instead got 3 rows .*\. Call the UDF by apply_neighborhood, not "
    )
    with pytest.raises(LimitExceededError, match=match):
        run(cube, parent="apply")


def test_the_call_gets_the_image_and_nothing_around_it():
    """Filled up to 4096 x 4096, many pairs of a small image would not fit into memory."""
    cube = make_cube(t=2, bands=("a",), y=5, x=7)
    shapes = TEXT.replace("return cube", "return cube + 100 * cube.sizes['y'] + cube.sizes['x']")
    np.testing.assert_array_equal(run(cube, text=shapes, size=4096).values, cube.values + 507)


@pytest.mark.parametrize(("line", "value"), [("BYTES_PER_CELL = 7\n", 7), ("BYTES_PER_CELL = '7'\n", 0), ("", 0)])
def test_memory_beside_the_arrays_is_told_by_a_constant(line, value):
    assert bytes_per_cell(TEXT + line) == value


def test_memory_beside_the_arrays_counts(tmp_path):
    source = write_stack(tmp_path / "stack")
    texts = (TEXT, TEXT + "BYTES_PER_CELL = 400\n")
    plans = [explain(graph(text, size=2048), inputs={"data": source}) for text in texts]
    plain, more = (udf.memory_bytes for plan in plans for node in plan.nodes for udf in node.udfs)
    assert more - plain == 400 * LINES * SAMPLES
    with pytest.raises(
        LimitExceededError, match=r"^LimitExceeded: A chunk of .* must need at most .* of memory, instead"
    ):
        run(unreadable(make_cube(t=1, bands=("a",), y=16, x=16)), text=TEXT + "BYTES_PER_CELL = 4000000000\n")


def test_a_text_without_the_constant_is_called_on_every_tile():
    cube = make_cube(t=2, bands=("a",), y=17, x=3)
    np.testing.assert_array_equal(run(cube, text=TEXT.replace("True", "False")).values, cube.values)


def test_a_plan_says_so_and_how_the_run_would_end(tmp_path):
    plan = explain(graph(size=512), inputs={"data": write_stack(tmp_path / "stack")})
    assert (
        f"must fit into one neighbourhood, 512 rows x 512 columns, instead got {LINES} rows x {SAMPLES} columns"
        in " ".join(str(plan).split())
    )
    assert plan.exit_code == 3
