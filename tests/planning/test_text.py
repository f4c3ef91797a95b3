"""How a plan is shown."""

import re

import pytest

from local_runner.planning import as_mermaid, as_text, explain
from local_runner.planning.plan import Axis, Check, CubePlan, Limit, Memory, NodePlan, Plan, Problem
from tests.planning import PAIRS, changed

LOADED = CubePlan(
    (Axis("t", 1, ("2024-08-09T00:00:00Z",), (1,)), Axis("y", 3, (0, 2), (3,)), Axis("x", 4, (0, 3), (2, 2))),
    "float32",
    None,
    48,
    24,
)
TINY = Plan(
    process="tiny",
    profile="geopyspark",
    workers=2,
    nodes=(
        NodePlan("load", "load_stac", (), cube=LOADED),
        NodePlan("own", "own", ("load",), unknown_from="own/kernel"),
        NodePlan(
            "own/kernel",
            "apply_kernel",
            (),
            limits=[Limit("G27", "refuse", "border must be 0.")],
            problem=Problem("KernelDimensionsUneven", "The kernel is even."),
        ),
        NodePlan("own/factor", "divide", (), value=0.5),
    ),
    complete=False,
    udf_calls=0,
    pixels_read=12,
    bytes_read=48,
    output_bytes=0,
    memory=Memory(base_bytes=2**20),
    checks=(Check("pixels", 12, 100, None), Check("memory_bytes", 2**20, 2**19, holds=False)),
)
TEXT = """\
tiny, profile geopyspark: 4 nodes, 2 workers

node      process       result                           dtype    chunks       memory
load      load_stac     t 1, y 3, x 4                    float32  1 x 3 x 2  48 bytes
own       own           unknown, for kernel is
  kernel  apply_kernel  unknown: KernelDimensionsUneven
and 1 node of scalars and lists

labels
  load: t = 2024-08-09T00:00:00Z

not planned
  own/kernel: KernelDimensionsUneven: The kernel is even.

limits of geopyspark
  own/kernel: G27 (refuse): border must be 0.

totals, of what is known
  read: 12 pixels, 48 bytes as float32
  memory: about 1.0 MiB at the peak (base 1.0 MiB, chunks held 0 bytes, workers 0 bytes)
  output: at most 0 bytes on disk (before compression)
  budget of pixels of a plane: unknown (at least 12 of 100)
  budget of memory: DOES NOT HOLD (1.0 MiB of 512.0 KiB)
"""
PICTURE = """\
flowchart TD
  n0["<b>load</b><br>load_stac<br>t 1, y 3, x 4"]
  subgraph n1["<b>own</b><br>own"]
    n2["<b>kernel</b><br>apply_kernel<br>KernelDimensionsUneven<br>G27 refuse"]
    n3["<b>factor</b><br>divide"]
  end
  n0 --> n1
  classDef unknown stroke-dasharray: 5 5
  class n1,n2 unknown
  classDef refused stroke:#c00,stroke-width:2px
  class n2 refused
"""


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)


def test_text_of_a_tiny_plan():
    assert as_text(TINY) == TEXT


def test_a_plan_prints_as_its_text(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert str(TINY) == TEXT


@pytest.mark.parametrize(("columns", "width"), [("70", 70), ("20", 60), ("500", 160)])
def test_lines_are_as_wide_as_the_terminal(monkeypatch, columns, width):
    monkeypatch.setenv("COLUMNS", columns)
    assert as_text(TINY) == as_text(TINY, width=width)


def test_narrow_tables_leave_out_the_dtype():
    assert "float32" not in as_text(TINY, width=99).split("totals")[0]
    assert "float32" in as_text(TINY, width=100).split("totals")[0]


def test_totals_of_what_nothing_is_known_of(folder):
    url = changed(folder, "unshaped", lambda item: item["properties"].pop("proj:shape"))
    text = as_text(explain("slc_coherence", {"pairs": PAIRS}, inputs={"data": url}), width=120)
    totals = text.partition("totals, of what is known\n")[2]
    assert re.findall(r"  (\w+): unknown", totals) == ["read", "memory", "output"]
    assert "budget of pixels of a plane: unknown (200,000,000 allowed)" in totals
    assert not re.search(r"(?<![\d,.])0 ", totals)


def test_picture_of_a_tiny_plan():
    assert as_mermaid(TINY) == PICTURE


@pytest.mark.parametrize("width", [60, 80, 120])
def test_lines_fit(stack, width):
    plan = explain("slc_coherence", {"pairs": PAIRS}, inputs={"data": stack}, geocode=32631, resolution=20)
    assert max(map(len, as_text(plan, width=width).splitlines())) <= width


def test_many_labels_are_abbreviated():
    axis = Axis("bands", 20, tuple(f"b{n}" for n in range(20)), (20,))
    cube = CubePlan((axis,), "float32", None, 80, 80)
    text = as_text(Plan("p", "specification", 1, (NodePlan("n", "p", (), cube=cube),), True, 0, 0, 0, 0, Memory(), ()))
    assert "  n: bands = b0, b1, b2, b3, ... b19 (20)\n" in text


def test_a_udf_is_told(stack):
    text = as_text(explain("slc_coherence", {"pairs": PAIRS}, inputs={"data": stack}))
    assert (
        "slc_coherence/coherence/slc_coherence: 3 calls, each gets t 3, bands 4, y 576, x 576 (overlap y 32, x 32)"
        in text
    )


def test_labels_cannot_break_out_of_a_picture():
    name = 'a"] --> b["<script>'
    node = NodePlan(name, 'p"', (), cube=CubePlan((Axis('x"', 1, (0,), (1,)),), "float32", None, 4, 4))
    (line,) = as_mermaid(Plan("p", "q", 1, (node,), True, 0, 0, 0, 0, Memory(), ())).splitlines()[1:]
    assert re.fullmatch(r'  n0\["<b>[\w #;-]+</b><br>p#34;<br>x#34; 1"\]', line)


def test_every_line_of_a_picture_is_a_node_an_edge_or_a_box(folder):
    url = changed(folder, "blank", lambda item: item["properties"].pop("proj:shape"))
    text = as_mermaid(explain("slc_coherence", {"pairs": PAIRS}, inputs={"data": url}))
    forms = (r"flowchart TD", r' +(subgraph )?n\d+\["[^"]*"\]', r" +end", r"  n\d+ --> n\d+", r"  class(Def)? .*")
    assert all(re.fullmatch("|".join(forms), line) for line in text.splitlines())
