import json
import logging
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from local_runner.budget import half_of_memory
from local_runner.compute.workers import silent
from local_runner.demo.catalogue import write_catalogue
from local_runner.demo.simulator import simulate
from local_runner.jobs import log
from local_runner.jobs.run import run

PAIRS = [["2024-08-09", "2024-08-21"]]


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def result(tmp_path_factory, told):
    catalogue = write_catalogue(simulate(40, 60), tmp_path_factory.mktemp("catalogue"))
    out = tmp_path_factory.mktemp("result") / "out"
    call = {"inputs": {"data": catalogue}, "out": out, "quicklooks": False}
    return run("slc_coherence", {"pairs": PAIRS}, progress=lambda *told_: told.append(told_), **call)


def lines_of(folder):
    return [json.loads(line) for line in (folder / log.NAME).read_text(encoding="utf-8").splitlines()]


def test_log_tells_what_was_run_and_that_it_finished(result):
    first, *_, last = lines_of(result.folder)
    record = json.loads((result.folder / "record.json").read_text())
    assert (first["event"], first["graph_hash"], first["scheduler"]) == ("start", record["graph_hash"], "threads")
    assert {name: first[name] for name in record["versions"]} == record["versions"]
    assert first["max_memory_bytes"] == 2 * first["memory_under_way_bytes"] == half_of_memory()
    assert last["event"] == "finished"
    assert last["bytes"] > 0
    assert "log.jsonl" in record["files"]
    assert all(line["time"].endswith("Z") and line["level"] in ("info", "warning") for line in lines_of(result.folder))


def test_log_has_a_line_per_node_and_stage(result):
    lines = lines_of(result.folder)
    nodes = [line["node"] for line in lines if line["event"] == "node"]
    assert nodes[0] == "load_data"
    assert nodes[-3:] == ["slc_coherence/coherence", "slc_coherence", "save"]
    stages = {line["stage"]: line["count"] for line in lines if line["event"] == "stage"}
    assert stages == {"compute": 1, "write": 3, "check": 3}
    assert all(line["seconds"] >= 0 for line in lines if line["event"] in ("node", "stage"))


def test_progress_goes_up_to_its_end_in_every_stage(result, told):
    assert result.items
    assert {"node load_data", "node save", "compute", "write", "check"} <= {stage for stage, _, _ in told}
    for stage in {stage for stage, _, _ in told}:
        counts = [(done, total) for name, done, total in told if name == stage]
        assert counts == sorted(counts)
        assert counts[0][0] == 0
        assert counts[-1][0] == counts[-1][1]


def test_messages_and_warnings_are_in_the_log_without_secrets(tmp_path, monkeypatch):
    monkeypatch.setattr(warnings, "showwarning", lambda *_shown: None)
    with log.opened(tmp_path, silent) as journal:
        warnings.showwarning("read https://a/b?sig=canary", UserWarning, __file__, 1)
        logging.getLogger("local_runner.test").info("UDF step runs here")
        logging.getLogger("local_runner.test").warning("Authorization: Bearer %s", "canary0123456789canary")
        journal.write("node", "https://user:canary@host/x", node="a")
    found = lines_of(tmp_path)
    assert [(line["event"], line["level"]) for line in found] == [
        ("warning", "warning"),
        ("message", "info"),
        ("message", "warning"),
        ("node", "info"),
    ]
    assert "canary" not in (tmp_path / log.NAME).read_text()


def test_logs_that_are_open_at_once_keep_apart_and_leave_nothing(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, *_rest: shown.append(str(message)))
    before = warnings.showwarning
    folders = [tmp_path / name for name in "ab"]
    both, one_left = threading.Barrier(2, timeout=10), threading.Event()

    def work(folder):
        folder.mkdir()
        with log.opened(folder, silent):
            both.wait()
            warnings.showwarning(f"of {folder.name}", UserWarning, __file__, 1)
            both.wait()
            assert folder.name == "a" or one_left.wait(10)
        one_left.set()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, folders))
    assert [[line["message"] for line in lines_of(folder)] for folder in folders] == [["of a"], ["of b"]]
    assert sorted(shown) == ["of a", "of b"]
    assert warnings.showwarning is before
    assert logging.getLogger("local_runner").level == logging.NOTSET


def test_what_is_inspected_is_in_the_log_once(tmp_path):
    catalogue = write_catalogue(simulate(40, 60), tmp_path / "catalogue")
    graph = {
        "load": {"process_id": "load_stac", "arguments": {"url": str(catalogue)}},
        "look": {"process_id": "inspect", "arguments": {"data": [1, 2], "message": "numbers"}},
        "bands": {"process_id": "filter_bands", "arguments": {"data": {"from_node": "load"}, "bands": ["i_VV"]}},
    }
    graph["bands"]["result"] = True
    folder = run(graph, out=tmp_path / "out", quicklooks=False, profile="specification").folder
    messages = [(line["level"], line["message"]) for line in lines_of(folder) if line["event"] == "message"]
    assert messages == [("info", "User: numbers [1, 2]")]
