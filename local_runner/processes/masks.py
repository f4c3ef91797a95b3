"""Masks: pixels replaced where another cube or a polygon says."""

from typing import Any

from local_runner.cube import X, Y, dimension_type, labels, require_spatial, same_grid
from local_runner.errors import OpenEOError
from local_runner.execution import Execution
from local_runner.processes._axes import on_x_and_y
from local_runner.processes._masking import Replacement, replaced
from local_runner.processes._types import Cube
from local_runner.processes._warping import covers, onto_grid_of
from local_runner.vector import read_geometries
from local_runner.vector_pixels import Pixels


@on_x_and_y
def mask(data: Cube, mask: Cube, replacement: Replacement = None) -> Cube:
    """`data` with `replacement` (null: NaN) where the mask is true or a number other than 0; NaN in the mask is no number.

    A mask without a dimension of `data` is used for each of its labels. A mask on another grid is resampled to the nearest
    pixel, as `resample_cube_spatial` does; it must cover `data`.
    """
    require_spatial(data)
    for d in mask.dims:
        if d in (X, Y):
            continue
        if d not in data.dims or dimension_type(mask, d) != dimension_type(data, d):
            _incompatible(f"The mask must have dimensions of the cube, {_kinds(data)}", _kinds(mask))
        known, wanted = labels(mask, str(d)), labels(data, str(d))
        if len(known) != len(wanted) or set(known) != set(wanted):
            _incompatible(f"The mask must have the labels of the cube on {d!r}, {tuple(wanted)}", known)
        mask = mask.isel({d: [known.index(label) for label in wanted]})
    if {X, Y} <= set(mask.dims) and not same_grid(data, mask):
        if not covers(mask, data):
            _incompatible("The mask must cover the cube and have a projection where the cube has one", dict(mask.sizes))
        mask = onto_grid_of(mask, data, "near")
    elif {X, Y} & set(mask.dims) and not {X, Y} <= set(mask.dims):
        _incompatible(f"The mask must have both of {(X, Y)} or none", tuple(mask.dims))
    bare = mask.drop_vars(list(mask.coords)).reset_coords(drop=True)
    masked = (bare != 0) & bare.notnull()
    return replaced(data, masked, replacement)


@on_x_and_y
def mask_polygon(
    data: Cube,
    mask: Cube | dict[str, Any],
    replacement: Replacement = None,
    inside: bool = False,
    *,
    execution: Execution,
) -> Cube:
    """`data` with `replacement` (null: NaN) where the centre of a pixel is in no polygon, or (`inside`) where it is in one.

    What is NaN stays NaN. In radar geometry the position bands tell where a pixel is.
    """
    pixels = Pixels(data, planning=execution.planning)
    covered = pixels.covered(pixels.shapes(read_geometries(mask, only_polygons=True)))
    masked = covered if inside else ~covered
    return replaced(data, masked if replacement is None else masked & data.notnull(), replacement)


def _kinds(cube: Cube) -> dict[str, str]:
    return {str(d): dimension_type(cube, d) for d in cube.dims}


def _incompatible(must: str, got: Any) -> None:
    raise OpenEOError("IncompatibleDataCubes", must, got=got)
