"""A UDF in the sandbox gives what it gives in this process, and sandboxes come and go without a trace."""

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import cloudpickle
import numpy as np
import pytest
import xarray as xr
from dask.base import tokenize

from local_runner import catalog, evaluate
from local_runner.access import Access
from local_runner.errors import OpenEOError, UdfError
from local_runner.execution import Execution
from local_runner.graph import evaluate_with
from local_runner.profiles import load_profile
from local_runner.sandbox import pool
from local_runner.sandbox.limits import Limits
from local_runner.sandbox.udf import SandboxedUdf
from local_runner.udf.call import NO_DATA, Udf
from tests.processes import graph, make_cube, node, parameter
from tests.sandbox import SMALL, alive, chunk, needs_bubblewrap, text_of, udf

pytestmark = [needs_bubblewrap, pytest.mark.usefixtures("contained")]
PAIRS = [["2023-03-31", "2023-03-19"], ["2023-04-12", "2023-03-31"]]
SIZE = [{"dimension": d, "value": 64, "unit": "px"} for d in "xy"]


def through(cube, text, context=None, *, trusted=False, parent="apply_neighborhood", **limits):
    """The cube through a UDF in chunks of 64 px."""
    call = node("run_udf", data=parameter("data"), udf=text, runtime="Python", context=context or {})
    extra = {"size": SIZE} if parent == "apply_neighborhood" else {"dimension": "t"}
    whole = graph(parent=node(parent, data=parameter("cube"), process=graph(udf=call), **extra))
    execution = Execution(
        load_profile("specification"), Access(trusted=False), trusted=trusted, sandbox=Limits(**(SMALL | limits))
    )
    return evaluate_with(whole, {"cube": cube}, execution).compute(scheduler="threads", num_workers=2)


def test_coherence_is_the_same_to_the_last_bit():
    """The text differs by a comment, so that it is nobody's."""
    cube = make_cube(t=3, bands=("i_VV", "q_VV", "grid_lat", "grid_lon"), y=90, x=130)
    text, mine = catalog.udf_text("slc_coherence"), catalog.udf_text("slc_coherence") + "# mine\n"
    process = json.dumps(catalog.load("slc_coherence")).replace(json.dumps(text), json.dumps(mine))
    assert json.dumps(mine) in process
    parameters = {"data": cube, "pairs": PAIRS}
    here, there = (
        evaluate(p, parameters, profile="geopyspark", trusted=False).compute()
        for p in (catalog.load("slc_coherence"), json.loads(process))
    )
    assert np.isfinite(here.isel(bands=0)).any()
    xr.testing.assert_equal(there, here)
    assert there.values.tobytes() == here.values.tobytes()


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "u1", "bool", ">f4", "longdouble"])
def test_samples_and_labels_are_those_of_this_process(dtype):
    text = text_of(f"return (cube.transpose('x', 'bands', 'y') > 0).astype('{dtype}').assign_coords(bands=['c', 'd'])")
    here, there = Udf(text, {})(chunk(), "x"), SandboxedUdf(text, {}, limits=Limits())(chunk(), "x")
    assert there.dims == here.dims == ("x", "bands", "y")
    assert there.bands.values.tolist() == ["c", "d"]
    np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("return cube / context['gone']", "rows 0:3"),
        ("raise ValueError('bands: i and q')", NO_DATA),
        ("raise SystemExit(3)", "rows 0:3"),
        ("return None", "rows 0:3"),
        ("return cube * 1j", "rows 0:3"),
        ("raise MemoryError", "rows 0:3"),
        ("import no_such_package", "rows 0:3"),
    ],
)
def test_errors_are_those_of_this_process(body, place):
    text, told = text_of(body), []
    for one in (Udf(text, {}, node="a/b"), SandboxedUdf(text, {}, node="a/b", limits=Limits())):
        with pytest.raises(OpenEOError) as caught:
            one(chunk(), place)
        told.append((type(caught.value), str(caught.value)))
    assert told[0] == told[1]


def test_declared_bands_are_those_of_this_process():
    text = text_of("return cube") + (
        "def apply_metadata(metadata: Any, context: dict) -> Any:\n"
        "    return metadata.rename_labels('bands', context['names'])\n"
    )
    assert SandboxedUdf(text, {"names": ["c"]}, limits=Limits()).declared_bands(["bands", "y", "x"], ["a"]) == ["c"]
    assert udf("return cube").declared_bands(["bands", "y", "x"], ["a"]) is None
    with pytest.raises(UdfError, match=r"^UdfFailed: The UDF has an apply_metadata that failed: KeyError: 'names'"):
        SandboxedUdf(text, {}, limits=Limits()).declared_bands(["bands", "y", "x"], ["a"])


COUNTS = "context['calls'] = context.get('calls', 0) + 1\nCALLS.append(1)\nnp.calls = getattr(np, 'calls', 0) + 1\n"


def test_nothing_stays_from_chunk_to_chunk():
    """Neither in modules nor in the context nor in files."""
    seen = (
        "found = len(CALLS) + np.calls + context['calls'] + os.path.exists('/tmp/x') + os.path.exists('/dev/shm/x')\n"
    )
    body = f"{COUNTS}{seen}open('/tmp/x', 'w'); open('/dev/shm/x', 'w')\nreturn cube * found"
    one = udf(body, {}, top="CALLS = []\n")
    assert [float(one(chunk(), "here").max()) for _ in range(3)] == [3, 3, 3]


@pytest.mark.parametrize(
    ("body", "parent"),
    [
        ("return cube.isel(y=slice(1))", "apply_neighborhood"),
        ("return cube.isel(x=0)", "apply_neighborhood"),
        ("return xr.DataArray(np.zeros((3, 2, 640, 64)), dims=cube.dims)", "apply_neighborhood"),
        ("return cube.rename(bands='other')", "apply_neighborhood"),
        ("return cube if np.isnan(cube).all() else cube.isel(t=[0])", "apply_neighborhood"),
        ("return cube.isel(x=slice(7))", "apply_dimension"),
    ],
)
def test_a_result_of_another_shape(body, parent):
    with pytest.raises(UdfError, match=r"^UdfResultInvalid: The UDF must .*\(node parent/udf\)$"):
        through(make_cube(t=3, bands=("a", "b"), y=90, x=70), text_of(body), parent=parent)


def test_a_failing_chunk_does_not_harm_the_next_run():
    cube = make_cube(t=2, bands=("a",), y=128, x=128)
    with pytest.raises(UdfError, match=r"^UdfExit: .*\[chunk rows .*\(node parent/udf\)$"):
        through(cube, text_of("if not np.isnan(cube).all(): os._exit(0)\nreturn cube"))
    np.testing.assert_array_equal(through(cube, text_of("return cube * 2")), cube * 2)


def test_evaluate_runs_texts_of_strangers_in_the_sandbox():
    call = node("run_udf", data=parameter("x"), udf=text_of("return cube + os.getppid()"), runtime="Python")
    whole = graph(parent=node("apply", data=parameter("cube"), process=graph(udf=call)))
    cube = make_cube(bands=("a",))
    np.testing.assert_array_equal(evaluate(whole, {"cube": cube}, trusted=False).compute(), cube + np.float32(1))


def test_threads_have_sandboxes_of_their_own():
    body = "import time; time.sleep(0.3)\nreturn cube * context['n']"
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda n: float(udf(body, {"n": n})(chunk(), "here").max()), range(4)))
    assert found == [0, 1, 2, 3]
    assert len(pool._pool.idle) >= 2


def test_positions_in_files_of_libraries_do_not_stay():
    body = (
        "links = {f: f'/proc/self/fd/{f}' for f in range(3, 32) if os.path.isfile(f'/proc/self/fd/{f}')}\n"
        "found = [f for f, link in links.items() if 'memfd' not in os.readlink(link)]\n"
        "return cube * sum(os.lseek(f, 0, 1) + 0 * os.lseek(f, 7, 0) for f in found)"
    )
    assert [float(udf(body)(chunk(), "here").max()) for _ in range(2)] == [0, 0]


def test_a_udf_travels_to_other_processes():
    one = udf("return cube * context['n']", {"n": 3})
    one(chunk(), "here")
    other = cloudpickle.loads(cloudpickle.dumps(one))
    assert (other(chunk(), "there") == 3).all()
    assert tokenize(other) == tokenize(one)


def test_a_sandbox_that_was_killed_is_an_error_and_replaced():
    one = udf("import time; time.sleep(20)\nreturn cube")
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(one, chunk(), "here")
        while not (at_work := pool._pool.known - {s for _, s in pool._pool.idle}):
            time.sleep(0.01)
        os.kill(next(iter(at_work))._founder, signal.SIGKILL)
        with pytest.raises(
            UdfError, match=r"^UdfKilled: The UDF must return, instead its sandbox has ended \[chunk here\]"
        ):
            call.result()


def test_idle_sandboxes_are_replaced_when_they_are_old(monkeypatch):
    udf("return cube")(chunk(), "here")
    old = {sandbox for _, sandbox in pool._pool.idle}
    monkeypatch.setattr(pool, "KEPT_SECONDS", -1)
    udf("return cube")(chunk(), "here")
    assert not old & pool._pool.known
    assert old
    assert not any(alive(sandbox._founder) for sandbox in old)


def test_close_ends_all_sandboxes():
    founders = [sandbox._founder for sandbox in pool._pool.known]
    pool.close()
    assert founders
    assert not any(map(alive, founders))


def test_the_context_must_be_json():
    with pytest.raises(
        OpenEOError, match=r"^ProcessParameterInvalid: The context of a UDF must be JSON.*\(node graph/udf\)$"
    ):
        udf("return cube", {"cube": chunk()})
