"""UDFs that reach for the kernel, for the next chunk, or for memory that nobody counts."""

import os
import threading
import time

import pytest

from local_runner.errors import LimitExceededError, OpenEOError, UdfError
from local_runner.sandbox import pool, usage
from tests.sandbox import MIB, alive, chunk, needs_bubblewrap, udf

pytestmark = [needs_bubblewrap, pytest.mark.usefixtures("contained")]

CALL = "import ctypes, platform\nlibc = ctypes.CDLL(None, use_errno=True)\narm = platform.machine() == 'aarch64'\n"
CLONE = "found = libc.syscall(220 if arm else 56, {} | 17, 0, 0, 0, 0)\nif found == 0: os._exit(0)\n"
REACHES = {
    "user name space": CALL + CLONE.format("0x10000000") + "raise OSError(ctypes.get_errno())",
    "mount name space": CALL + CLONE.format("0x10020000") + "raise OSError(ctypes.get_errno())",
    "name space by clone3": CALL + "libc.syscall(435, bytes(88), 88)\nraise OSError(ctypes.get_errno())",
    "host of a virtual machine": "import socket; socket.socket(40, socket.SOCK_STREAM)",
    "routes": "import socket; socket.socket(16, socket.SOCK_RAW)",
    "ciphers of the kernel": "import socket; socket.socket(38, socket.SOCK_SEQPACKET)",
    "datagram": "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "priority of its parent": "os.setpriority(os.PRIO_PROCESS, 1, 15)",
    "processors of its parent": "os.sched_setaffinity(1, {0})",
    "scheduler of its parent": "os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0))",
    "name of its parent": "open('/proc/1/comm', 'w')",
    "files of its parent": "os.listdir('/proc/1/root')",
    "place in the queue of the killed": "open('/proc/self/oom_score_adj', 'w').write('-500')",
    "settings of the kernel": "open('/proc/sys/kernel/core_pattern', 'w')",
    "terminal": "open('/dev/tty', 'w')",
    "longer input": "for fd in range(3, 32):\n    if 'memfd' in os.readlink(f'/proc/self/fd/{fd}'): os.pwrite(fd, b'x', 2**20)",
}


@pytest.mark.parametrize("body", REACHES.values(), ids=REACHES)
def test_what_is_beyond_is_refused(body):
    with pytest.raises(
        UdfError, match=r"^UdfFailed: The UDF failed at its line \d+: (OSError|PermissionError|FileNot)"
    ):
        udf(f"{body}\nreturn cube")(chunk(), "here")


def test_forks_and_threads_and_local_sockets_still_work():
    body = (
        "import multiprocessing, socket, subprocess, threading\n"
        "a, b = socket.socketpair()\n"
        "a.send(b'3')\n"
        "thread = threading.Thread(target=lambda: None); thread.start(); thread.join()\n"
        "with multiprocessing.get_context('fork').Pool(2) as workers: found = workers.map(abs, [-1, -2])\n"
        "return cube * (int(b.recv(1)) + sum(found) + subprocess.run(['/bin/sh', '-c', 'exit 4']).returncode)"
    )
    assert (udf(body, memory=1024 * MIB)(chunk(), "here") == 10).all()


def test_memory_cannot_be_hidden_in_other_programs():
    """Each of them uses less than the sandbox itself, with which a fork would share its memory."""
    program = "x = bytearray(80 * 2**20); import time; time.sleep(30)"
    body = (
        "import sys, time\n"
        f"for _ in range(6):\n    if os.fork() == 0: os.execv(sys.executable, ['python', '-S', '-c', '{program}'])\n"
        "time.sleep(30)\nreturn cube"
    )
    with pytest.raises(LimitExceededError, match=r"^UdfOutOfMemory: The UDF must use at most 200 MiB"):
        udf(body, memory=200 * MIB)(chunk(), "here")


def test_empty_files_are_counted():
    body = "import time\nfor i in range(500): open(f'/tmp/{i}', 'w')\ntime.sleep(30)\nreturn cube"
    with pytest.raises(LimitExceededError, match=r"^UdfTooManyFiles: The UDF must have at most 400 files of its own"):
        udf(body, files=400)(chunk(), "here")


def test_a_udf_that_stops_itself_is_ended():
    with pytest.raises(LimitExceededError, match=r"^UdfTimeout: "):
        udf("os.kill(os.getpid(), 19)\nreturn cube", seconds=0.5)(chunk(), "here")


HARMLESS = {
    "stops its parent": "os.kill(1, 19)",
    "kills its parent by descriptor": "import signal; signal.pidfd_send_signal(os.pidfd_open(1), 9)",
    "work at the end": "import atexit, time; atexit.register(time.sleep, 60)",
    "end of a thread": "import sys, threading; t = threading.Thread(target=sys.exit); t.start(); t.join()",
    "attributes that are no JSON": "cube = cube.assign_attrs(a=object(), b=float('nan'), c='x' * 10**6)",
    "dask": "cube = cube.chunk()",
    "masked": "cube = cube.copy(data=np.ma.masked_less(cube.values, 0))",
}


@pytest.mark.parametrize("body", HARMLESS.values(), ids=HARMLESS)
def test_what_does_no_harm_may_return(body):
    assert (udf(f"{body}\nreturn cube + 1")(chunk(), "here") == 2).all()


def test_processes_that_end_meanwhile_are_no_error():
    """Between the list of processes and the look at each of them."""
    end = time.monotonic() + 0.5

    def come_and_go():
        while time.monotonic() < end:
            os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)

    thread = threading.Thread(target=come_and_go)
    thread.start()
    while thread.is_alive():
        assert usage.of_family(os.getpid()).memory >= 0
    thread.join()


def test_a_call_that_is_abandoned_ends():
    """At work or while its sandbox is still being started, as when a run is interrupted."""
    caught = []

    def call():
        try:
            udf("import time; time.sleep(60)\nreturn cube")(chunk(), "here")
        except OpenEOError as error:
            caught.append(error.code)

    for is_late in (True, False):
        if not is_late:
            pool.close()
        thread = threading.Thread(target=call)
        thread.start()
        while thread.ident not in (at_work := pool._pool.at_work) or (is_late and not at_work[thread.ident]):
            time.sleep(0.001)
        pool.abandon([thread])
        thread.join(50)
    assert caught == ["UdfKilled", "UdfKilled"]
    assert not any(alive(sandbox._founder) for sandbox in pool._pool.known - {s for _, s in pool._pool.idle})
