"""Helpers of the tests of geometries: GeoJSON of shapely geometries, cubes to lay them on, plans."""

import numpy as np
import pytest
from shapely.geometry import mapping

from local_runner.access import Access
from local_runner.execution import Execution, PlanningWarning
from local_runner.graph import evaluate_with
from local_runner.profiles import load_profile
from tests.processes import graph, make_cube, node, on_map, parameter

LEFT, TOP = 500_000.0, 5_800_000.0
MAP = on_map(make_cube(t=2, bands=("a", "b"), y=12, x=16, chunks=(1, 1, 5, 7)))


def collection(*shapes, crs="EPSG:32631"):
    """A feature collection in the CRS of `MAP`, the number of each feature as its id and property."""
    features = [
        {"type": "Feature", "id": i, "properties": {"number": i}, "geometry": mapping(shape)}
        for i, shape in enumerate(shapes)
    ]
    return {"type": "FeatureCollection", "crs": {"type": "name", "properties": {"name": crs}}, "features": features}


def cells(rows, columns):
    """Edges (west, south, east, north) of these cells of `MAP`, a quarter of a cell inside."""
    return (
        LEFT + 10 * columns.start + 2.5,
        TOP - 10 * rows.stop + 2.5,
        LEFT + 10 * columns.stop - 2.5,
        TOP - 10 * rows.start - 2.5,
    )


def radar():
    """Two dates in radar geometry; latitude 52 + 0.01 per line, longitude 4 + 0.02 per sample."""
    rows, columns = np.indices((12, 10))
    cube = make_cube(t=2, bands=("a", "latitude", "longitude"), y=12, x=10).load()
    cube[:, 1], cube[:, 2] = 52 + 0.01 * rows, 4 + 0.02 * columns
    return cube.chunk({"y": 5})


def plan(process_id, data, **arguments):
    """Value of one process while planning, which must say that positions are not known."""
    execution = Execution(profile=load_profile("specification"), access=Access(), planning=True)
    nodes = graph(only=node(process_id, data=parameter("data"), **arguments))
    with pytest.warns(PlanningWarning, match=r"^The position bands were not read: the whole extent is taken"):
        return evaluate_with(nodes, {"data": data}, execution)
