import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from distributed import Client

from local_runner.compute.blocks import plan_of
from local_runner.compute.cluster import Cluster, parts_of, shared_tasks
from local_runner.compute.workers import Threads, Workers
from local_runner.demo.catalogue import write_catalogue
from local_runner.demo.simulator import simulate
from local_runner.errors import LimitExceededError, OpenEOError
from local_runner.files.raster_writer import Target, write_geotiff
from local_runner.jobs import scheduling
from local_runner.jobs.run import run

PAIRS = [["2024-08-09", "2024-08-21"], ["2024-08-21", "2024-09-02"]]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return write_catalogue(simulate(600, 700), tmp_path_factory.mktemp("catalogue"))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Client of two worker processes that only this machine can reach."""
    command = [sys.executable, str(Path(__file__).with_name("local_cluster.py")), str(tmp_path_factory.mktemp("dask"))]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        with Client(process.stdout.readline().strip(), set_as_default=False) as client:
            client.wait_for_workers(2)
            yield client
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def rasters_of(folder):
    files = json.loads((folder / "record.json").read_text())["files"]
    return {name: file["sha256"] for name, file in files.items() if name.endswith(".tif")}


def test_threads_processes_and_cluster_give_the_same_bytes(catalogue, cluster, tmp_path):
    found = []
    for number, options in enumerate(
        (
            {"scheduler": "synchronous"},
            {"scheduler": "threads", "workers": 1},
            {"scheduler": "threads", "workers": 3, "max_memory": "1G"},
            {"scheduler": "processes", "workers": 1},
            {"scheduler": cluster.scheduler.address},
        )
    ):
        call = {"inputs": {"data": catalogue}, "out": tmp_path / str(number), "quicklooks": False}
        found.append(rasters_of(run("slc_coherence", {"pairs": PAIRS}, **call, **options).folder))
    assert len(found[0]) == 4
    assert all(rasters == found[0] for rasters in found)


def slow(block, folder):
    """Says that it has begun, and which process it is in; the first one waits to be killed."""
    try:
        (folder / "first").symlink_to(str(os.getpid()))
        time.sleep(20)
    except FileExistsError:
        pass
    return block + 1


def test_work_of_a_killed_worker_is_done_again(cluster, tmp_path):
    def kill():
        while not (tmp_path / "first").is_symlink():
            time.sleep(0.01)
        os.kill(int(str((tmp_path / "first").readlink())), signal.SIGKILL)

    values = np.random.default_rng(0).random((2048, 1024), np.float32)
    data = da.from_array(values, chunks=512).map_blocks(slow, tmp_path, meta=np.empty((0, 0), np.float32))
    killer = threading.Thread(target=kill)
    killer.start()
    written = write_geotiff([Target(tmp_path / "a.tif", data, "a")], workers=Cluster(2, client=cluster))
    killer.join()
    plain = write_geotiff([Target(tmp_path / "b.tif", da.from_array(values + 1, chunks=512), "a")])
    assert written[0].checksum == plain[0].checksum


def die(_block):
    os.kill(os.getpid(), signal.SIGKILL)


def test_work_that_kills_every_worker_is_given_up(cluster):
    data = da.ones((512, 512), chunks=512).map_blocks(die, meta=np.empty((0, 0)))
    with pytest.raises(LimitExceededError, match=r"^WorkerLost: Workers must live .*--memory-limit") as caught:
        list(Cluster(2, client=cluster).blocks(plan_of([data], [np.asarray])))
    assert caught.value.exit_code == 3


def fail(_block):
    raise OpenEOError("Test", "Blocks must be good", got=1)


def test_errors_of_tasks_come_back_as_they_are(cluster):
    data = da.ones((512, 512), chunks=512).map_blocks(fail, meta=np.empty((0, 0)))
    for workers in (Workers(), Threads(2), Cluster(2, client=cluster)):
        with pytest.raises(OpenEOError, match=r"^Test: Blocks must be good, instead got 1\.$"):
            list(workers.blocks(plan_of([data], [np.asarray])))


def test_what_all_need_is_computed_once_by_a_cluster(cluster):
    image = da.from_array(np.arange(4096 * 1024, dtype=np.float64).reshape(4096, 1024), chunks=512)
    plan = plan_of([image - image.mean()], [np.asarray])
    parts = parts_of(plan, workers=2)
    assert len(shared_tasks(plan, parts)) == 1
    found = np.zeros(image.shape)
    for place, (block,) in Cluster(2, client=cluster).blocks(plan):
        found[place.row : place.row + place.height, place.column : place.column + place.width] = block
    np.testing.assert_allclose(found, image.compute() - image.mean().compute())


def test_scheduler_that_does_not_answer(catalogue, tmp_path, monkeypatch):
    monkeypatch.setattr(scheduling, "TIMEOUT_S", 0.5)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        call = {"inputs": {"data": catalogue}, "out": tmp_path / "out"}
        with pytest.raises(OpenEOError, match=r"^SchedulerUnreachable: The scheduler must be reachable") as caught:
            run("slc_coherence", {"pairs": PAIRS}, scheduler=address, **call)
    assert caught.value.exit_code == 7
    assert not list(tmp_path.iterdir())


def test_workers_with_other_versions_are_refused(cluster, monkeypatch):
    monkeypatch.setattr("platform.python_version", lambda: "2.7.18")
    chosen = scheduling.scheduling(cluster.scheduler.address, None, 2**30)
    with (
        pytest.raises(OpenEOError, match=r"^WorkersUnsuitable: .*python 3.* for 2.7.18 at tcp://127"),
        scheduling.started(chosen),
    ):
        pytest.fail("it must not start")


def test_blocks_come_in_order_and_few_at_a_time():
    running, most = [], []

    def note(block):
        running.append(1)
        most.append(len(running))
        return block

    data = da.ones((512, 20 * 512), chunks=512).map_blocks(note, meta=np.empty((0, 0)))
    places = []
    for place, _ in Threads(2).blocks(plan_of([data], [np.asarray])):
        time.sleep(0.005)
        places.append(place.column)
        running.pop()
    assert places == sorted(places)
    assert len(places) == 20
    assert max(most) <= 6


def test_a_cluster_geocodes_to_the_same_bytes(catalogue, cluster, tmp_path):
    found = []
    for scheduler in ("threads", cluster.scheduler.address):
        call = {"inputs": {"data": catalogue}, "out": tmp_path / scheduler[:3], "geocode": 32632, "resolution": 40}
        result = run("slc_coherence", {"pairs": PAIRS}, **call, scheduler=scheduler, quicklooks=False)
        found.append(rasters_of(result.folder))
    assert len(found[0]) == 2
    assert found[1] == found[0]


@pytest.mark.parametrize(
    ("scheduler", "workers", "memory"), [("threads", 2, 450), ("synchronous", None, 450), ("processes", 2, 300)]
)
def test_shares_of_the_memory(scheduler, workers, memory):
    assert scheduling.scheduling(scheduler, workers, 900).memory == memory


def test_worker_processes_leave_ctrl_c_to_the_caller_and_say_nothing(capfd):
    data = da.ones((512, 512), chunks=512).map_blocks(fail, meta=np.empty((0, 0)))
    with scheduling.started(scheduling.scheduling("processes", 1, 2**31)) as workers:
        assert set(workers.client.run(signal.getsignal, signal.SIGINT).values()) == {signal.SIG_IGN}
        with pytest.raises(OpenEOError, match=r"^Test: Blocks must be good"):
            list(workers.blocks(plan_of([data], [np.asarray])))
    assert capfd.readouterr() == ("", "")


def test_workers_that_do_not_start(monkeypatch):
    def fails(**_named):
        raise RuntimeError("Nanny failed to start.")

    monkeypatch.setattr("distributed.LocalCluster", fails)
    with (
        pytest.raises(LimitExceededError, match=r"^WorkerLost: Worker processes must start, instead got 'Nanny"),
        scheduling.started(scheduling.scheduling("processes", 1, 2**31)),
    ):
        pytest.fail("it must not start")
