"""A cluster of two worker processes in a process of its own: prints its address and lasts until its input ends.

Tests that kill workers leave a cluster in a state in which closing it may take for ever; a process can be killed.
"""

import sys

from distributed import LocalCluster

if __name__ == "__main__":
    with LocalCluster(
        host="127.0.0.1",
        n_workers=2,
        threads_per_worker=1,
        dashboard_address=None,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
        local_directory=sys.argv[1],
    ) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
