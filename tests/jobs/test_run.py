import functools
import http.server
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pystac
import pytest
import rasterio

from local_runner.access import Access
from local_runner.demo.catalogue import write_catalogue
from local_runner.demo.simulator import simulate
from local_runner.errors import DataError, OpenEOError
from local_runner.graph import evaluate
from local_runner.jobs import inputs, readme
from local_runner.jobs.run import run
from local_runner.sandbox import command

PAIRS = [["2024-08-09", "2024-08-21"], ["2024-08-21", "2024-09-02"]]
UDF = """
import xarray as xr

def apply_datacube(cube: xr.DataArray, context: dict) -> xr.DataArray:
    return cube * 2
"""
SCALED = {
    "id": "scaled",
    "parameters": [{"name": "data", "schema": {"type": "object", "subtype": "datacube"}}],
    "process_graph": {
        "bands": {
            "process_id": "filter_bands",
            "arguments": {"data": {"from_parameter": "data"}, "bands": ["i_VV", "grid_lat", "grid_lon"]},
        },
        "apply": {
            "process_id": "apply_neighborhood",
            "arguments": {
                "data": {"from_node": "bands"},
                "size": [{"dimension": d, "value": 32, "unit": "px"} for d in ("x", "y")],
                "process": {
                    "process_graph": {
                        "udf": {
                            "process_id": "run_udf",
                            "arguments": {"data": {"from_parameter": "data"}, "udf": UDF, "runtime": "Python"},
                            "result": True,
                        }
                    }
                },
            },
            "result": True,
        },
    },
}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return write_catalogue(simulate(40, 60), tmp_path_factory.mktemp("catalogue"))


@pytest.fixture(scope="module")
def result(catalogue, tmp_path_factory):
    out = tmp_path_factory.mktemp("result") / "out"
    return run("slc_coherence", {"pairs": PAIRS}, inputs={"data": catalogue}, out=out)


def record_of(folder):
    return json.loads((folder / "record.json").read_text())


def rasters_of(folder):
    return {name: file["sha256"] for name, file in record_of(folder)["files"].items() if name.endswith(".tif")}


def test_one_item_per_pair_with_a_picture(result):
    assert [item.id for item in result.items] == [
        "slc_coherence_20240809_20240821",
        "slc_coherence_20240821_20240902",
    ]
    assert [path.suffix for path in result.quicklooks] == [".png", ".png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in result.quicklooks)


def test_record_holds_what_made_the_result(result):
    record = record_of(result.folder)
    assert record["process"] == "slc_coherence"
    assert [node["process_id"] for node in record["graph"].values()] == ["load_stac", "slc_coherence", "save_result"]
    assert record["parameters"]["window_range"] == 21
    assert record["inputs"][0]["name"] == "data"
    assert set(record["versions"]) == {"openeo-sar", "xarray", "numpy", "rasterio", "gdal", "python"}
    there = {path.relative_to(result.folder).as_posix() for path in result.folder.rglob("*") if path.is_file()}
    assert set(record["files"]) == there - {"record.json"}


def test_readme_tells_what_it_is(result):
    text = (result.folder / "README.md").read_text()
    assert "2024-08-09 / 2024-08-21" in text
    assert "| window_range | 21 |" in text
    assert "Copernicus" not in text


def test_result_is_an_input_again(result):
    graph = {"load": {"process_id": "load_stac", "arguments": {"url": str(result.folder)}, "result": True}}
    cube = evaluate(graph)
    assert cube.sizes["y"], cube.sizes["x"] == (40, 60)
    assert "coherence" in cube["bands"].values


def test_same_call_returns_the_result_that_is_there(result, catalogue):
    before = {path: path.stat().st_mtime_ns for path in result.folder.rglob("*")}
    again = run("slc_coherence", {"pairs": PAIRS, "window_range": 21}, inputs={"data": catalogue}, out=result.folder)
    assert {path: path.stat().st_mtime_ns for path in result.folder.rglob("*")} == before
    assert [item.id for item in again.items] == [item.id for item in result.items]


def test_other_parameters_need_overwrite(catalogue, tmp_path):
    call = {"inputs": {"data": catalogue}, "out": tmp_path / "out", "quicklooks": False}
    run("slc_coherence", {"pairs": PAIRS}, **call)
    with pytest.raises(OpenEOError, match=r"^ResultExists: .*--overwrite"):
        run("slc_coherence", {"pairs": PAIRS[:1]}, **call)
    replaced = run("slc_coherence", {"pairs": PAIRS[:1]}, overwrite=True, **call)
    assert len(replaced.items) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_schedulers_give_the_same_bytes(result, catalogue, tmp_path):
    alone = run(
        "slc_coherence",
        {"pairs": PAIRS},
        inputs={"data": catalogue},
        out=tmp_path / "out",
        scheduler="synchronous",
    )
    assert rasters_of(alone.folder) == rasters_of(result.folder)


def test_geocoded_result_is_on_the_map(catalogue, tmp_path):
    found = run(
        "slc_coherence",
        {"pairs": PAIRS[:1]},
        inputs={"data": catalogue},
        out=tmp_path / "out",
        geocode="EPSG:32632",
        resolution=40,
    )
    with rasterio.open(found.items[0].assets["coherence"].get_absolute_href()) as file:
        assert file.crs.to_epsg() == 32632
        assert file.res == (40, 40)
    node = record_of(found.folder)["graph"]["geocode"]
    assert node["arguments"] == {
        "data": {"from_node": "slc_coherence"},
        "projection": 32632,
        "resolution": 40.0,
        "method": "geocode",
    }


def test_result_of_one_pair_is_named_after_it(catalogue, tmp_path):
    dates = {"primary_date": "2024-08-21", "secondary_date": "2024-08-09"}
    found = run("slc_coherence_native", dates, inputs={"data": catalogue}, out=tmp_path / "out", quicklooks=False)
    assert [item.id for item in found.items] == ["slc_coherence_native_20240821_20240809"]


def test_netcdf(catalogue, tmp_path):
    found = run(
        "slc_coherence", {"pairs": PAIRS}, inputs={"data": catalogue}, out=tmp_path / "out", file_format="netCDF"
    )
    assert list(found.folder.rglob("*.nc"))


def test_unknown_udf_text_needs_trust_or_a_sandbox(catalogue, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "isolation", lambda: None)
    call = {"inputs": {"data": catalogue}, "out": tmp_path / "out", "quicklooks": False}
    with pytest.raises(OpenEOError, match=r"^UdfNotTrusted: .*--trust") as caught:
        run(SCALED, **call)
    assert caught.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []
    assert len(run(SCALED, trusted=True, **call).items) == 3


def test_graph_that_somebody_wrote_is_recorded_whole(catalogue, tmp_path):
    graph = {
        "load": {"process_id": "load_stac", "arguments": {"url": str(catalogue), "bands": ["i_VV"]}},
        "save": {
            "process_id": "save_result",
            "arguments": {"data": {"from_node": "load"}, "format": "GTiff"},
            "result": True,
        },
    }
    found = run(graph, out=tmp_path / "out", data_roots=[catalogue.parent], quicklooks=False)
    assert record_of(found.folder)["graph"] == graph
    assert [entry["name"] for entry in record_of(found.folder)["inputs"]] == ["load"]
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: A graph that ends with save_result"):
        run(graph, out=tmp_path / "other", geocode=32632, resolution=20)


def copied(folder):
    return write_catalogue(simulate(40, 60), folder)


def test_truncated_raster_is_named_and_leaves_nothing(tmp_path):
    own = copied(tmp_path / "in")
    broken = next((tmp_path / "in").rglob("i_VV.tif"))
    broken.write_bytes(broken.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"i_VV\.tif") as caught:
        run("slc_coherence", {"pairs": PAIRS}, inputs={"data": own}, out=tmp_path / "out")
    assert caught.value.exit_code == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_secrets_of_addresses_are_in_no_file(catalogue, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=Path(catalogue).parent)
    monkeypatch.setattr(handler.func, "log_message", lambda *_args: None)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        host = f"127.0.0.1:{server.server_port}"
        address = f"http://{host}/{Path(catalogue).name}?sig="
        call = {"parameters": {"pairs": PAIRS[:1]}, "out": tmp_path / "out", "allow_hosts": [host], "quicklooks": False}
        found = run("slc_coherence", inputs={"data": f"{address}canary"}, **call)
        assert run("slc_coherence", inputs={"data": f"{address}renewed"}, **call).folder == found.folder
        server.shutdown()
        thread.join()
    assert record_of(found.folder)["graph"]["load_data"]["arguments"]["url"] == address.partition("?")[0]
    assert not [p for p in found.folder.rglob("*") if p.is_file() and b"canary" in p.read_bytes()]


def test_changed_input_is_another_input(tmp_path):
    own = copied(tmp_path)
    before = inputs.fingerprint(str(own), Access())
    assert before == inputs.fingerprint(str(tmp_path), Access())
    raster = next(tmp_path.rglob("i_VV.tif"))
    raster.write_bytes(raster.read_bytes() + b"x")
    assert inputs.fingerprint(str(own), Access()) != before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": {}}, r"ProcessParameterRequired: .*'data'.*--input data=STAC"),
        ({"inputs": {"dta": "x"}}, r"ProcessParameterUnsupported: A raster-cube input .*Did you mean 'data'"),
        ({"geocode": 32632}, r"ProcessParameterInvalid: geocode and resolution must be given together.*no resolution"),
        ({"geocode": 32632, "resolution": 0}, r"ProcessParameterInvalid: resolution must be more than 0"),
        ({"geocode": "UTM", "resolution": 20}, r"ProcessParameterInvalid: A projection must be an EPSG code"),
        ({"geocode": 4326, "resolution": 20}, r"ProcessParameterInvalid: The resolution must be .* degrees"),
        (
            {"geocode": 32632, "resolution": 1e7},
            r"ProcessParameterInvalid: The resolution must be .* metres, and at most",
        ),
        ({"scheduler": "slurm"}, r"ProcessParameterInvalid: scheduler must be one of \('threads', .*tcp://host:8786"),
        ({"workers": 0}, r"ProcessParameterInvalid: workers must be a whole number from 1 to 1024, instead got 0"),
        ({"workers": 2.5}, r"ProcessParameterInvalid: workers must be a whole number from 1 to 1024, instead got 2.5"),
        ({"scheduler": "synchronous", "workers": 2}, r"ProcessParameterInvalid: workers must be given for threads and"),
        (
            {"max_memory": "1M"},
            r"LimitExceeded: A chunk of .* must need at most 1.0 MiB of memory.*--max-memory.*node slc_",
        ),
        (
            {"max_memory": "100M"},
            r"LimitExceeded: The run must need at most 100.0 MiB of memory.*--max-memory.*node save",
        ),
        ({"max_memory": "much"}, r"ProcessParameterInvalid: max_memory must be a positive number"),
        ({"max_pixels": 100}, r"LimitExceeded: A plane of a cube must have at most 100 pixels.*node load_data"),
        ({"max_output": 100}, r"LimitExceeded: The result must have at most 100 bytes on disk.*node save"),
        ({"profile": "other"}, r"ProcessParameterInvalid: profile must be one of"),
        ({"parameters": {"pairs": PAIRS, "window_range": 20}}, r"ProcessParameterInvalid: .*'window_range'"),
    ],
)
def test_bad_call_is_found_before_anything_is_written(catalogue, tmp_path, change, message):
    call = {"parameters": {"pairs": PAIRS}, "inputs": {"data": catalogue}, "out": tmp_path / "out"} | change
    with pytest.raises(OpenEOError, match=f"^{message}"):
        run("slc_coherence", **call)
    assert list(tmp_path.iterdir()) == []


def test_result_does_not_go_in_place_of_its_input(catalogue):
    with pytest.raises(OpenEOError, match=r"^OutputFolderInvalid: .*must not hold the input catalogue"):
        run("slc_coherence", {"pairs": PAIRS}, inputs={"data": catalogue}, out=catalogue.parent)


def test_result_may_stand_beside_the_document_of_its_input(tmp_path):
    collection = write_catalogue(simulate(40, 60), tmp_path)
    first, again = (
        run("slc_coherence", {"pairs": PAIRS}, inputs={"data": collection}, out=tmp_path / "out") for _ in range(2)
    )
    assert first.folder == again.folder == tmp_path / "out"


def test_licence_line_only_for_sentinel():
    def item(platform):
        properties = {
            "platform": platform,
            "start_datetime": "2023-12-31T00:00:00Z",
            "end_datetime": "2024-01-12T00:00:00Z",
        }
        return pystac.Item("a", None, None, None, properties)

    assert readme.copernicus_years([item("Sentinel-1A")]) == ["2023", "2024"]
    assert readme.copernicus_years([item("simulated")]) == []


KILLED = """
import sys, time
from local_runner.jobs import run
real = run.save

def save(cube, folder, **named):
    real(cube, folder, **named)
    print("saved", flush=True)
    time.sleep(60)

run.save = save
run.run("slc_coherence", {"pairs": [["2024-08-09", "2024-08-21"]]}, inputs={"data": sys.argv[1]}, out=sys.argv[2])
"""


def test_killed_run_leaves_nothing_under_the_final_name(catalogue, tmp_path):
    out = tmp_path / "out"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(catalogue), str(out)], stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"saved\n"
        child.send_signal(signal.SIGKILL)
    assert not out.exists()
    run("slc_coherence", {"pairs": PAIRS[:1]}, inputs={"data": catalogue}, out=out, quicklooks=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
