"""Which texts run in the sandbox, and what happens where there is none."""

import pytest

from local_runner import catalog, evaluate
from local_runner.access import Access
from local_runner.errors import OpenEOError
from local_runner.execution import Execution
from local_runner.jobs.assemble import require_trusted
from local_runner.profiles import load_profile
from local_runner.sandbox import command
from local_runner.sandbox.udf import SandboxedUdf, SandboxWarning, require_sandbox, udf_for
from local_runner.udf.call import Udf
from tests.processes import graph, make_cube, node, parameter, unreadable
from tests.sandbox import chunk, text_of, udf

TEXT = text_of("return cube * 2")
WEAK = r"^sandbox: weak\. A UDF that is not of the collection has limits here"
REFUSED = r"^UdfNotTrusted: .*, but bubblewrap is not installed, .*sha256 [0-9a-f]{64}\. Install bubblewrap .*--trust.*--unsafe"


def kind_of(text, **options):
    execution = Execution(load_profile("specification"), Access(trusted=False), **options)
    return type(udf_for(text, {}, node="", execution=execution))


def graph_of(text):
    return {"udf": {"process_id": "run_udf", "arguments": {"data": parameter("x"), "udf": text, "runtime": "Python"}}}


@pytest.mark.usefixtures("weak")
def test_texts_of_the_collection_and_trusted_ones_run_here():
    assert kind_of(catalog.udf_text("slc_coherence"), trusted=False) is Udf
    assert kind_of(TEXT, trusted=True) is Udf


def test_other_texts_run_in_the_sandbox(monkeypatch):
    monkeypatch.setattr(command, "isolation", lambda: "user")
    assert kind_of(TEXT, trusted=False) is SandboxedUdf
    text = catalog.udf_text("slc_coherence")
    for other in (f"{text}\n", text[:-1], text.replace("\n", "\r\n"), text.replace(" ", "\t", 1), f"#\n{text}"):
        assert kind_of(other, trusted=False) is SandboxedUdf


@pytest.mark.usefixtures("weak")
def test_a_weak_sandbox_is_refused():
    with pytest.raises(OpenEOError, match=REFUSED) as caught:
        kind_of(TEXT, trusted=False)
    assert caught.value.exit_code == 2


@pytest.mark.usefixtures("weak")
def test_the_refusal_names_the_node():
    whole = graph(parent=node("apply", data=parameter("cube"), process={"process_graph": graph_of(TEXT)}))
    whole["process_graph"]["parent"]["arguments"]["process"]["process_graph"]["udf"]["result"] = True
    with pytest.raises(OpenEOError, match=rf"{REFUSED}.*\(node parent/udf\)$"):
        evaluate(whole, {"cube": unreadable(make_cube(bands=("a",)))}, trusted=False)


@pytest.mark.usefixtures("weak")
def test_a_weak_sandbox_is_said_aloud_once():
    """By who starts a run, however many texts it has: each of them is taken in silence."""
    nodes = {f"{n}": node for n in range(3) for node in graph_of(text_of(f"return cube * {n}")).values()}
    with pytest.warns(SandboxWarning, match=WEAK) as said:
        require_trusted(nodes, {"other": {"process_graph": graph_of(parameter("text"))}}, unsafe=True)
    assert len(said) == 1
    assert kind_of(TEXT, trusted=False, unsafe=True) is SandboxedUdf


@pytest.mark.usefixtures("weak")
def test_a_graph_is_refused_before_it_runs():
    callback = {"apply": {"process_id": "apply", "arguments": {"process": {"process_graph": graph_of(TEXT)}}}}
    for nodes, called in ((callback, {}), ({}, {"other": {"process_graph": graph_of(TEXT)}})):
        with pytest.raises(OpenEOError, match=REFUSED):
            require_trusted(nodes, called)
    require_trusted(graph_of(catalog.udf_text("slc_coherence")), {})
    with pytest.warns(SandboxWarning, match=WEAK):
        require_trusted(callback, {}, unsafe=True)


def test_a_graph_runs_where_there_is_a_sandbox(monkeypatch):
    monkeypatch.setattr(command, "isolation", lambda: "user")
    require_trusted(graph_of(TEXT), {})
    require_sandbox(TEXT, unsafe=False)


class TestWeak:
    """Limits hold without bubblewrap, too; files and network are open, as the warning says."""

    pytestmark = pytest.mark.usefixtures("weak")

    def test_a_good_udf(self):
        assert (udf("return cube * 2")(chunk(), "here") == 2).all()

    def test_the_environment_is_cleared(self, monkeypatch):
        monkeypatch.setenv("OPENEO_CANARY", "secret")
        assert (udf("return cube * ('OPENEO_CANARY' in os.environ)")(chunk(), "here") == 0).all()

    @pytest.mark.parametrize(
        ("body", "limits", "code"),
        [
            ("os._exit(0)", {}, "UdfExit"),
            ("os.abort()", {}, "UdfSegfault"),
            ("os.kill(os.getppid(), 9); import time; time.sleep(9)", {}, "UdfKilled"),
            ("import time; time.sleep(99)", {"seconds": 0.3}, "UdfTimeout"),
            ("return cube.expand_dims(t=2**30)", {}, "UdfOutputTooLarge"),
            ("return cube * 1j", {}, "UdfResultInvalid"),
            ("for _ in range(5): os.fork()\nimport time; time.sleep(20)", {"memory": 2**33}, "UdfTooManyProcesses"),
        ],
    )
    def test_limits(self, body, limits, code):
        with pytest.raises(OpenEOError, match=rf"^{code}: .*\[chunk here\].*\(node graph/udf\)$"):
            udf(f"{body}\nreturn cube", **limits)(chunk(), "here")
        assert (udf("return cube * 2")(chunk(), "here") == 2).all()
