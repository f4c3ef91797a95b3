"""What the log tells of a UDF: where it runs, and the start of what it prints."""

import json
import pickle

import pytest

from local_runner import catalog, run
from local_runner.demo.catalogue import write_catalogue
from local_runner.demo.simulator import simulate
from local_runner.errors import UdfError
from local_runner.sandbox.printed import MAX_PRINTED, Printed
from local_runner.sandbox.udf import SandboxWarning
from tests.processes import graph, node, parameter
from tests.sandbox import chunk, needs_bubblewrap, text_of, udf

TEXT = text_of("print('so far')\nreturn cube")
CUBE = {"name": "data", "description": "", "schema": {"type": "object", "subtype": "datacube"}}
SIZE = [{"dimension": d, "value": 64, "unit": "px"} for d in "xy"]
LEFT_OUT = "udf: ... more output left out (node graph/udf)"


@pytest.fixture
def said(caplog):
    caplog.set_level("INFO", "local_runner.sandbox")
    return caplog


def messages(tmp_path, text, **options):
    """Messages in the log of a run of a text."""
    call = node("run_udf", data=parameter("data"), udf=text, runtime="Python", context={})
    whole = graph(parent=node("apply_neighborhood", data=parameter("data"), process=graph(udf=call), size=SIZE))
    catalogue = write_catalogue(simulate(40, 60), tmp_path / "in")
    process = {"id": "mine", "parameters": [CUBE], **whole}
    result = run(process, inputs={"data": catalogue}, out=tmp_path / "out", quicklooks=False, **options)
    lines = map(json.loads, (result.folder / "log.jsonl").read_text().splitlines())
    return [line["message"] for line in lines if line["event"] == "message"]


@needs_bubblewrap
def test_a_run_tells_of_the_sandbox_and_what_is_printed_there(tmp_path):
    found = messages(tmp_path, TEXT)
    assert found[0] == f"UDF mine/parent/udf, sha256 {catalog.text_hash(TEXT)[:12]}, runs in the sandbox"
    assert set(found[1:]) >= {"udf: so far (node mine/parent/udf, chunk of the trial call, all NaN)"}
    assert all(message.startswith("udf: so far (node mine/parent/udf, chunk ") for message in found[1:])


def test_a_run_tells_of_trust(tmp_path):
    (found,) = messages(tmp_path, TEXT, trusted=True)
    assert found == f"UDF mine/parent/udf, sha256 {catalog.text_hash(TEXT)[:12]}, runs in this process (trusted)"


@pytest.mark.usefixtures("weak")
def test_a_run_says_once_that_the_sandbox_is_weak(tmp_path):
    """On the terminal; the log says it where it tells of the text."""
    with pytest.warns(SandboxWarning, match=r"^sandbox: weak\.") as said:
        found = messages(tmp_path, TEXT, unsafe=True, profile="specification")
    assert len(said) == 1
    assert found[0].endswith(", runs in the sandbox (sandbox: weak)")


@needs_bubblewrap
def test_what_is_printed_is_cleaned(said):
    udf("print('so far', '\\x1b[2J\\n\\n\\x00')\nos.write(2, b'\\xff\\n')\nreturn cube")(chunk(), "rows 0:3")
    assert set(said.messages) == {f"udf: {text} (node graph/udf, chunk rows 0:3)" for text in ("so far  [2J", "\ufffd")}


@needs_bubblewrap
def test_what_is_printed_before_the_end_of_the_process(said):
    with pytest.raises(UdfError, match=r"^UdfExit: "):
        udf("print('so far', flush=True)\nos._exit(1)")(chunk(), "here")
    assert said.messages == ["udf: so far (node graph/udf, chunk here)"]


@needs_bubblewrap
@pytest.mark.parametrize(("line", "times"), [("x" * 1000, 10**4), ("", 10**5), ("x\\n", 1000)])
def test_a_flood_is_left_out(said, line, times):
    one = udf(f"print('{line}\\n' * {times})\nreturn cube")
    for _ in range(2):
        one(chunk(), "here")
    assert said.messages.count(LEFT_OUT) == 1
    assert said.messages[-1] == LEFT_OUT
    assert len(said.messages) <= 101
    assert sum(map(len, said.messages)) <= MAX_PRINTED + 101 * 50


def test_what_many_calls_print_is_bounded(said):
    printed = pickle.loads(pickle.dumps(Printed()))
    for _ in range(1000):
        printed.pass_on(b"so far\n", "graph/udf", "here")
    assert said.messages == ["udf: so far (node graph/udf, chunk here)"] * 100 + [LEFT_OUT]
