"""Cubes whose horizontal dimensions are not called x and y."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final, ParamSpec

import xarray as xr

from local_runner.cube import X, Y, dimension_type, with_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_P = ParamSpec("_P")
_AXES: Final = {"lon": X, "longitude": X, "lat": Y, "latitude": Y}
"""Usual names of the horizontal axes besides x and y."""


def on_x_and_y(process: Callable[_P, xr.DataArray]) -> Callable[_P, xr.DataArray]:
    """A process that works on x and y, for cubes with longitude and latitude as well.

    The result has the names of its main cube, `data` or `cube1`, which is the first by the alphabet.
    """

    @functools.wraps(process)
    def renamed(*args: _P.args, **kwargs: _P.kwargs) -> xr.DataArray:
        cubes = {name: cube for name, cube in sorted(kwargs.items()) if isinstance(cube, xr.DataArray)}
        axes = {name: _axes_of(cube) for name, cube in cubes.items()}
        for name, cube in cubes.items():
            kwargs[name] = _renamed(cube, axes[name])
        leading = next((name for name, cube in cubes.items() if axes[name] or {X, Y} & set(cube.dims)), None)
        own = {} if leading is None else {axis: name for name, axis in axes[leading].items()}
        return _renamed(process(*args, **kwargs), own)

    return renamed


def _axes_of(cube: xr.DataArray) -> dict[str, str]:
    found = {str(d): _AXES[str(d)] for d in cube.dims if d in _AXES and dimension_type(cube, d) == "spatial"}
    is_clear = len(set(found.values())) == len(found) and not set(found.values()) & set(cube.dims)
    return found if is_clear else {}


def _renamed(cube: xr.DataArray, names: Mapping[str, str]) -> xr.DataArray:
    for old, new in names.items():
        if old in cube.dims:
            cube = with_type(cube.drop_vars(new, errors="ignore").rename({old: new}), new, "spatial")
    return cube
