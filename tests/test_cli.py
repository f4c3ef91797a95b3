import json
import os
import signal
import subprocess
import sys
import warnings
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner

from local_runner import catalog, cli, options
from local_runner.demo.catalogue import write_catalogue
from local_runner.demo.simulator import simulate
from local_runner.describe import example

COMMANDS = ("check", "compare", "demo", "describe", "explain", "export", "list", "pairs", "run", "stac", "sync")
PROCESS = {
    "id": "analysis",
    "summary": "An analysis.",
    "description": "What it does.",
    "parameters": [
        {"name": "data", "description": "SLCs.", "schema": {"type": "object", "subtype": "datacube"}},
        {"name": "pairs", "description": "Pairs of dates.", "schema": {"type": "array"}},
        {
            "name": "window_range",
            "description": "Samples.",
            "optional": True,
            "default": 21,
            "schema": {"type": "integer"},
        },
        {
            "name": "flatten",
            "description": "Remove it.",
            "optional": True,
            "default": False,
            "schema": {"type": "boolean"},
        },
        {"name": "polarization", "optional": True, "default": "VV", "schema": {"type": "string"}},
        {"name": "resolution", "optional": True, "default": None, "schema": {"type": ["number", "null"]}},
    ],
    "returns": {"description": "Coherence.", "schema": {"type": "object", "subtype": "datacube"}},
    "exceptions": {"NoPairFound": {"description": "No pair.", "message": "No pair."}},
    "process_graph": {"a": {"process_id": "filter_bands", "arguments": {}, "result": True}},
}


def call(*args):
    return CliRunner().invoke(cli.cli, [str(arg) for arg in args])


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return write_catalogue(simulate(40, 60), tmp_path_factory.mktemp("catalogue"))


@pytest.fixture
def process(tmp_path):
    path = tmp_path / "analysis.json"
    path.write_text(json.dumps(PROCESS))
    return path


@pytest.fixture
def started(monkeypatch):
    calls = []
    monkeypatch.setattr(cli.cli.commands["run"], "start", lambda *args: calls.append(args))
    return calls


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_of_every_command(command):
    result = call(*command.split(), "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


def test_no_command_is_left_out():
    assert tuple(sorted(cli.cli.commands)) == COMMANDS


@pytest.mark.parametrize("name", catalog.ids())
def test_help_and_description_of_every_process(name):
    assert "--out" in call("run", name, "--help").stdout
    described = call("describe", name)
    assert described.exit_code == 0
    assert f"openeo-sar run {name}" in described.stdout


def test_options_come_from_the_parameters(process):
    shown = " ".join(call("run", process, "--help").stdout.split())
    assert "--window-range INTEGER Samples. [default: 21]" in shown
    assert "--flatten / --no-flatten Remove it. [default: false]" in shown
    assert "--polarization STRING [default: VV]" in shown
    assert "--pairs ARRAY Pairs of dates. Or a rule on the dates of --input data: all, baseline:12," in shown
    assert "--input data=STAC: SLCs." in shown


def test_values_are_json_where_the_parameter_is_no_text(process, started, tmp_path):
    given = ["-p", 'pairs=[["2023-03-31", "2023-04-12"]]', "--window-range", "5", "--flatten", "-p", "polarization=1"]
    result = call("run", process, "--input", "data=cat", *given, "-p", "resolution=2.5", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    name, values, settings = started[0]
    assert name == str(process)
    assert values == {
        "pairs": [["2023-03-31", "2023-04-12"]],
        "window_range": 5,
        "flatten": True,
        "polarization": "1",
        "resolution": 2.5,
    }
    assert settings["inputs"] == {"data": "cat"}
    assert settings["resolution"] is None


def test_common_options_go_before_parameters_of_their_name(process, started, tmp_path):
    call("run", process, "--resolution", "20", "--out", tmp_path / "out")
    assert started[0][1] == {}
    assert started[0][2]["resolution"] == 20


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--window-range", "5", "-p", "window_range=5"], "'window_range' must be given once"),
        (["-p", "window_range"], "must be NAME=VALUE, instead got 'window_range'"),
        (["--input", "data=a", "--input", "data=b"], "'data' must be given once"),
        (["--window", "5"], "No such option"),
    ],
)
def test_usage_errors(process, args, message, tmp_path):
    result = call("run", process, *args, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_pairs_by_rule(catalogue):
    result = call("pairs", catalogue, "baseline:12")
    assert json.loads(result.stdout) == [["2024-08-09", "2024-08-21"], ["2024-08-21", "2024-09-02"]]
    assert len(json.loads(call("pairs", catalogue.parent).stdout)) == 3


def test_no_pair_is_bad_input(catalogue):
    result = call("pairs", catalogue, "baseline:5")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: NoPairFound: Two dates must form a pair by the rule baseline:5")


def test_pairs_need_the_input(process, tmp_path):
    result = call("run", process, "-p", "pairs=all", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "--input data=STAC, which is missing" in result.stderr


def test_unknown_process_names_near_ones():
    result = call("describe", "slc_coherenc")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ProcessUnsupported: ")
    assert "slc_coherence" in result.stderr


@pytest.mark.parametrize("name", ["missing.json", "missing", "missing.SAFE"])
def test_missing_path_is_exit_code_5(name, tmp_path):
    result = call("describe", tmp_path / name)
    assert result.exit_code == 5
    assert result.stderr.startswith("error: FileNotFound: ")


def test_process_file_that_is_no_json_is_to_be_mended(tmp_path):
    path = tmp_path / "p.json"
    path.write_text("\nnonsense")
    result = call("run", path, "--out", tmp_path / "out")
    assert result.exit_code == 2
    must = f"error: ProcessGraphInvalid: {path} must be JSON; line 2, column 1: Expecting value. Mend it there."
    assert result.stderr == f"{must}\n"


def test_url_needs_its_host():
    result = call("run", "https://example.com/process.json", "--out", "out")
    assert result.exit_code == 2
    assert "--allow-host example.com" in result.stderr


def test_unexpected_error_is_one_line_unless_debug(monkeypatch):
    def fail():
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(catalog, "ids", fail)
    result = call("list")
    assert result.exit_code == 1
    assert result.stderr == "error: InternalError: ZeroDivisionError: oops (--debug shows where)\n"
    assert isinstance(call("--debug", "list").exception, ZeroDivisionError)


def test_a_reader_that_has_gone_is_no_defect():
    """As behind `| head -1`: the pipe is closed before the program writes."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", "from local_runner.cli import main; main()", "list"]
    with os.fdopen(writing) as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")


def test_interrupt_is_130(monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(catalog, "ids", interrupt)
    result = call("list")
    assert result.exit_code == 130
    assert result.stderr.strip() == "cancelled"


def test_explain_prints_one_form(catalogue):
    result = call("explain", "slc_coherence", "--input", f"data={catalogue}", "--pairs", "all", "--json", "--mermaid")
    assert result.exit_code == 2
    assert "Either --json or --mermaid must be given, not both." in result.stderr


def test_explain_ends_with_the_exit_code_of_the_plan(process, monkeypatch):
    class Plan:
        exit_code = 3

        def to_dict(self):
            return {"nodes": []}

    monkeypatch.setattr("local_runner.planning.explain", lambda *_args, **_options: Plan())
    result = call("explain", process, "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (3, {"nodes": []})


def test_sync_finds_nothing_stale():
    result = call("sync", "--check")
    assert result.exit_code == 0, result.output


def test_every_option_has_help():
    named = [p for c in cli.cli.commands.values() for p in c.params if isinstance(p, click.Option)]
    assert all(option.help for option in (*named, *options.RUN))


def test_example_names_what_must_be_given():
    assert (
        example(PROCESS, "analysis") == "openeo-sar run analysis --input data=collection.json -p pairs=VALUE --out out"
    )


def test_run_prints_where_the_result_is(catalogue, tmp_path):
    out = tmp_path / "out"
    result = call("run", "slc_coherence", "--input", f"data={catalogue}", "-p", "pairs=neighbours:1", "--out", out)
    assert result.exit_code == 0, result.output
    assert f"folder: {out}" in result.stdout
    assert result.stdout.count("item: slc_coherence_") == 2
    assert result.stdout.count("quicklook: ") == 2
    told = result.stderr.splitlines()
    assert (told[0], told[-1]) == ("running slc_coherence", "running slc_coherence: compute 100 %")


def test_quiet_run_prints_the_folder_alone(catalogue, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "local_runner.jobs.run.run",
        lambda *_, **__: warnings.warn("odd", stacklevel=1) or SimpleNamespace(folder=tmp_path),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        result = call("run", "slc_coherence", "--input", f"data={catalogue}", "--out", tmp_path, "--quiet")
    assert (result.exit_code, result.output) == (0, f"{tmp_path}\n")


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--window-range", "4"], 2, "ProcessParameterInvalid: The parameter 'window_range'"),
        (["--geocode", "EPSG:32632"], 2, "ProcessParameterInvalid: geocode and resolution must be given together"),
        (["--input", "date=x"], 2, "ProcessParameterUnsupported: A raster-cube input"),
    ],
)
def test_bad_input_leaves_nothing(catalogue, tmp_path, args, code, message):
    given = ["--input", f"data={catalogue}", "--pairs", "all", "--out", tmp_path / "out"]
    result = call("run", "slc_coherence", *given, *args)
    assert result.exit_code == code
    assert result.stderr.splitlines()[-1].startswith(f"error: {message}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("value", "example"),
    [("pairs=[[2024-08-09,2024-08-21]]", """-p 'pairs=["a","b"]'."""), ("pairs={a:1}", """-p 'pairs={"a":1}'.""")],
)
def test_list_whose_quotes_the_shell_has_taken(process, tmp_path, value, example):
    result = call("run", process, "-p", value, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stderr.startswith(
        "error: ProcessParameterInvalid: A list or object must be JSON, with texts in double"
    )
    assert result.stderr.endswith(f"{example}\n")


def test_process_without_a_cube_tells_where_the_catalogue_goes(tmp_path):
    result = call("run", "insar_preprocessing", "--input", f"data={tmp_path}", "--out", tmp_path / "out")
    assert result.exit_code == 2
    must = (
        "insar_preprocessing takes no raster cube, so that there must be no input, instead got ['data']. Name the cat"
    )
    assert result.stderr.splitlines()[-1].startswith(f"error: ProcessParameterUnsupported: {must}")


@pytest.mark.parametrize("files", [[], ["input/collection.json"]])
def test_a_demo_that_was_interrupted_can_be_called_again(monkeypatch, tmp_path, files):
    """What it wrote is gone, but never the demo that was there before."""

    def interrupted(out, **_):
        (out / "input").mkdir(parents=True, exist_ok=True)
        (out / "input" / "half.tif").touch()
        raise KeyboardInterrupt

    for name in files:
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    monkeypatch.setattr("local_runner.demo.show.show", interrupted)
    assert call("demo", "--out", tmp_path).exit_code == 130
    assert all((tmp_path / name).exists() for name in files)
    assert (tmp_path / "input" / "half.tif").exists() == bool(files)


@pytest.mark.parametrize("option", ["--profile", "--format"])
def test_choice_that_is_none_names_those_there_are(catalogue, tmp_path, option):
    given = ["--input", f"data={catalogue}", "--pairs", "all", "--out", tmp_path / "out"]
    result = call("run", "slc_coherence", *given, option, "other")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith(f"Error: Invalid value for '{option}': 'other' is not one of '")


SLOW = """
import sys, time
from local_runner import cli
from local_runner.jobs import run

def save(*args, **named):
    print("saving", flush=True)
    time.sleep(60)

run.save = save
cli.main()
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_nothing(catalogue, tmp_path, sent):
    out = tmp_path / "out"
    words = ["run", "slc_coherence", "--input", f"data={catalogue}", "--pairs", "all", "--out", str(out)]
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "saving\n"
        child.send_signal(sent)
        _, stderr = child.communicate(timeout=20)
    assert child.returncode == 130
    assert stderr.splitlines()[-1] == f"cancelled, nothing was left in {out}"
    assert list(tmp_path.iterdir()) == []


def test_help_imports_nothing_heavy():
    heavy = "import sys, local_runner.cli; print([m for m in ('xarray', 'dask', 'rasterio') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True, env=os.environ)
    assert found.stdout == "[]\n"
