"""A runner that is killed or interrupted in the middle of a chunk: it does not wait for it, and nothing stays."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from local_runner.demo.catalogue import write_catalogue
from local_runner.demo.simulator import simulate
from local_runner.sandbox import usage
from tests.processes import graph, node, parameter
from tests.sandbox import alive, needs_bubblewrap, text_of

pytestmark = needs_bubblewrap

SLEEPS = {
    "trial call": "import time; time.sleep(50)\nreturn cube",
    "chunk": "import time\nif not np.isnan(cube).all(): time.sleep(50)\nreturn cube",
}
CUBE = {"name": "data", "description": "", "schema": {"type": "object", "subtype": "datacube"}}
SIZE = [{"dimension": d, "value": 64, "unit": "px"} for d in "xy"]


def until(found, seconds=60):
    """The first value that is true, within some time."""
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return value


def at_work(runner):
    """A family that has a UDF in it which stays: bubblewrap, the program of the sandbox, and its child."""
    before = usage.family(runner)
    time.sleep(0.3)
    return before if len(before) >= 3 and usage.family(runner) == before else None


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT])
def test_no_sandbox_outlives_its_runner(kind):
    program = (
        "from concurrent.futures import ThreadPoolExecutor; from tests.sandbox import *;"
        "called = ThreadPoolExecutor(1).submit(udf('import time; time.sleep(50)'), chunk(), '');"
        "print('called', flush=True); called.result()"
    )
    words = [sys.executable, "-c", program]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as runner:
        try:
            assert (
                runner.stdout.readline() == "called\n"
            )  # an interrupted start of a thread is never made good by Python
            family = until(lambda: at_work(runner.pid))
            runner.send_signal(kind)
            runner.wait(40)
        finally:
            runner.kill()
    until(lambda: not any(map(alive, family)), 10)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return write_catalogue(simulate(40, 60), tmp_path_factory.mktemp("catalogue"))


@pytest.mark.parametrize("body", SLEEPS.values(), ids=SLEEPS)
def test_ctrl_c_in_a_udf(catalogue, tmp_path, body):
    """As a terminal sends it: to all processes of the group."""
    call = node("run_udf", data=parameter("data"), udf=text_of(body), runtime="Python", context={})
    whole = graph(parent=node("apply_neighborhood", data=parameter("data"), process=graph(udf=call), size=SIZE))
    (tmp_path / "mine.json").write_text(json.dumps({"id": "mine", "parameters": [CUBE], **whole}))
    words = ["run", str(tmp_path / "mine.json"), "--input", f"data={catalogue}", "--out", str(tmp_path / "out")]
    program = [sys.executable, "-c", "from local_runner.cli import main; main()", *words]
    with subprocess.Popen(program, stderr=subprocess.PIPE, text=True, start_new_session=True) as runner:
        try:
            family = until(lambda: at_work(runner.pid) or runner.poll() is not None)
            os.killpg(runner.pid, signal.SIGINT)
            _, stderr = runner.communicate(timeout=30)
        finally:
            runner.kill()
    assert stderr.splitlines()[-1] == f"cancelled, nothing was left in {tmp_path / 'out'}"
    assert runner.returncode == 130
    assert [path.name for path in tmp_path.iterdir()] == ["mine.json"]
    until(lambda: not any(map(alive, family)), 2)
