"""Helpers of the process tests: one process called through `evaluate`, callbacks, small seeded cubes."""

import dask
import dask.array as da
import numpy as np
import xarray as xr
from pyproj import CRS

from local_runner import evaluate

DATES = ("2023-03-19T05:50:33", "2023-03-31T05:50:33", "2023-04-12T05:50:34")
UTM = CRS.from_epsg(32631)


def call(process_id, *, profile="specification", **arguments):
    """Value of a graph of one node."""
    cubes = {name: value for name, value in arguments.items() if isinstance(value, xr.DataArray)}
    references = {name: parameter(name) for name in cubes}
    return evaluate(graph(only=node(process_id, **(arguments | references)))["process_graph"], cubes, profile=profile)


def parameter(name):
    return {"from_parameter": name}


def output(name):
    return {"from_node": name}


def node(process_id, **arguments):
    return {"process_id": process_id, "arguments": arguments}


def graph(**nodes):
    """The nodes as a graph whose last one is the result."""
    last = list(nodes)[-1]
    return {"process_graph": {name: n | ({"result": True} if name == last else {}) for name, n in nodes.items()}}


def callback(process_id, **arguments):
    return graph(only=node(process_id, **arguments))


def make_cube(*, t=0, bands=(), y=5, x=7, dtype=np.float32, chunks="auto", seed=0):
    """Noise in radar geometry with `t` dates (0: no dimension t) and these bands (none: no dimension bands)."""
    coords = {"t": np.array(DATES[:t], "datetime64[ns]")} if t else {}
    coords |= {"bands": list(bands)} if bands else {}
    coords |= {"y": np.arange(y, dtype=float), "x": np.arange(x, dtype=float)}
    values = np.random.default_rng(seed).normal(0, 30, [len(c) for c in coords.values()]).astype(dtype)
    return xr.DataArray(da.from_array(values, chunks=chunks), coords, tuple(coords))


def on_map(cube, *, left=500_000.0, top=5_800_000.0, step=10.0, crs=UTM):
    """The cube with cell centres of a grid whose upper left corner is (left, top)."""
    x = left + step * (np.arange(cube.sizes["x"]) + 0.5)
    y = top - step * (np.arange(cube.sizes["y"]) + 0.5)
    return cube.assign_coords(x=x, y=y).rio.write_crs(crs)


def unreadable(cube):
    """The cube on an array that raises when it is computed."""

    def fail():
        raise AssertionError("a pixel was read")

    data = da.from_delayed(dask.delayed(fail)(), cube.shape, cube.dtype)
    return cube.copy(data=data.rechunk(cube.data.chunks))
