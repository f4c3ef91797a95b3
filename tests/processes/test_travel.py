"""Lazy results travel to other processes: what tasks hold can be pickled."""

import cloudpickle
import pytest
from shapely.geometry import box

from tests.processes import call, callback, parameter
from tests.processes.shapes import MAP, cells, collection

DATA, X = parameter("data"), parameter("x")
SHAPE = collection(box(*cells(range(2, 5), range(3, 9))))
DOUBLE = callback("apply", data=DATA, process=callback("multiply", x=X, y=2))
MEAN = callback("mean", data=DATA)


@pytest.mark.parametrize(
    ("process_id", "arguments"),
    [
        ("aggregate_spatial", {"geometries": SHAPE, "reducer": MEAN, "target_dimension": "counts"}),
        ("aggregate_temporal_period", {"period": "month", "reducer": MEAN}),
        ("apply_kernel", {"kernel": [[1, 2, 3]] * 3}),
        ("apply_neighborhood", {"process": DOUBLE, "size": [{"dimension": "x", "value": 4, "unit": "px"}]}),
        ("apply_polygon", {"process": DOUBLE, "geometries": SHAPE}),
        ("filter_spatial", {"geometries": SHAPE}),
        ("mask_polygon", {"mask": SHAPE}),
        ("resample_spatial", {"resolution": 20}),
    ],
)
def test_a_result_travels_to_another_process(process_id, arguments):
    result = call(process_id, data=MAP, **arguments)
    assert cloudpickle.loads(cloudpickle.dumps(result)).equals(result)
