"""Graphs that are small and ask for much: what they make is bounded, whatever they are made of."""

import numpy as np
import pytest
import xarray as xr

from local_runner import evaluate, limits, work
from local_runner.errors import LimitExceededError, OpenEOError
from tests.graphs import ONE, callback, definition, graph, node, parameter, with_processes

pytestmark = pytest.mark.usefixtures("bounded_memory", "low_limits")


@pytest.fixture
def low_limits(monkeypatch):
    """A tenth of the calls and elements: what is counted does not depend on the number."""
    for module, name in ((work, "MAX_CALLS"), (work, "MAX_WORK"), (limits, "MAX_LENGTH")):
        monkeypatch.setattr(module, name, getattr(module, name) // 10)


def text_of(length):
    return graph(a=("text_concat", {"data": ["x" * 60_000] * (length // 60_000)}))


def doubling(process, first, levels, one="array1", two="array2"):
    doubled = {f"n{i + 1}": (process, {one: node(f"n{i}"), two: node(f"n{i}")}) for i in range(levels)}
    return graph(n0=("array_create", {"data": [first]}), **doubled)


def texts(levels):
    doubled = {f"n{i + 1}": ("text_concat", {"data": [node(f"n{i}")] * 2}) for i in range(levels)}
    return graph(n0=("text_concat", {"data": ["x"]}), **doubled)


def nested_creates(levels):
    return graph(
        n0=("array_create", {"data": [0], "repeat": 10}),
        **{f"n{i + 1}": ("array_create", {"data": node(f"n{i}"), "repeat": 10}) for i in range(levels)},
    )


def lists_of_lists(levels):
    return graph(
        n0=("array_create", {"data": [0], "repeat": 1000}),
        **{f"n{i + 1}": ("array_create", {"data": [node(f"n{i}")] * 10}) for i in range(levels)},
    )


def applied(levels, length):
    inner = graph(a=("add", {"x": 1, "y": 1}))
    for _ in range(levels):
        data = [0] * length
        inner = graph(
            a=("array_apply", {"data": data, "process": {"process_graph": inner}}), b=("count", {"data": node("a")})
        )
    return inner


def made_in_a_callback():
    inner = callback(
        b=("array_create", {"data": [0], "repeat": 5_000}), c=("array_element", {"data": node("b"), "index": 0})
    )
    return graph(a=("array_apply", {"data": [0] * 1000, "process": inner}))


LARGE, MUCH = "ArrayTooLarge", "ProcessGraphComplexity"


@pytest.mark.parametrize(
    ("nodes", "code"),
    [
        pytest.param(graph(a=("array_create", {"data": [1], "repeat": 10**12})), LARGE, id="array_create 1e12"),
        pytest.param(graph(a=("array_create", {"data": [], "repeat": 10**12})), LARGE, id="array_create of nothing"),
        pytest.param(graph(a=("array_create", {"data": [0] * 1000, "repeat": 1000})), LARGE, id="array_create 1e6"),
        pytest.param(nested_creates(11), LARGE, id="array_create of array_create"),
        pytest.param(doubling("array_concat", 1, 60), LARGE, id="array_concat doubling"),
        pytest.param(lists_of_lists(12), MUCH, id="lists of lists of lists"),
        pytest.param(texts(60), LARGE, id="text_concat doubling"),
        pytest.param(text_of(600_000), LARGE, id="text_concat of long texts"),
        pytest.param(
            graph(a=("text_concat", {"data": [""] * 60_000, "separator": "x" * 60_000})), LARGE, id="long separator"
        ),
        pytest.param(applied(2, 1000), MUCH, id="array_apply 1e6"),
        pytest.param(applied(20, 10), MUCH, id="array_apply 1e20"),
        pytest.param(made_in_a_callback(), MUCH, id="lists made in a callback"),
    ],
)
def test_growth_is_bounded(nodes, code):
    with pytest.raises(LimitExceededError, match=rf"^{code}: "):
        evaluate(nodes)


def test_numbers_do_not_grow():
    assert evaluate(graph(a=("power", {"base": 10, "p": 1e9}))) == np.inf
    squares = {f"n{i + 1}": ("multiply", {"x": node(f"n{i}"), "y": node(f"n{i}")}) for i in range(100)}
    assert evaluate(graph(n0=("add", {"x": 10, "y": 0}), **squares)) == np.inf


def test_cube_of_too_many_chunks_is_refused(monkeypatch):
    cube = xr.DataArray(np.zeros((64, 64)), dims=("y", "x")).chunk(1)
    monkeypatch.setattr(work, "MAX_CHUNKS", 4095)
    with pytest.raises(
        LimitExceededError, match=r"^ArrayTooLarge: A cube must have at most 4095 chunks, instead got 4096"
    ):
        evaluate(graph(a=("absolute", {"x": parameter("p")})), {"p": cube})


def test_definitions_that_call_each_other_often_are_counted_as_often():
    last = definition("p10", graph(a=("add", {"x": 1, "y": 1})))
    twice = [definition(f"p{i}", graph(a=(f"p{i + 1}", {}), b=(f"p{i + 1}", {}))) for i in range(10)]
    with pytest.raises(
        LimitExceededError, match=r"^ProcessGraphComplexity: A process graph must have at most 2000 nodes"
    ):
        with_processes(graph(a=("p0", {})), *twice, last)


@pytest.mark.parametrize("length", [1, 2, 20])
def test_definitions_that_call_themselves_are_refused(length):
    ring = [definition(f"p{i}", graph(a=(f"p{(i + 1) % length}", {}))) for i in range(length)]
    with pytest.raises(OpenEOError, match=r"^ProcessGraphInvalid: A process must not call itself"):
        with_processes(graph(a=("p0", {})), *ring)


def test_definition_that_calls_itself_in_a_callback_is_refused():
    inner = callback(b=("p", {}))
    own = definition("p", graph(a=("array_apply", {"data": [1], "process": inner})))
    with pytest.raises(OpenEOError, match=r"^ProcessGraphInvalid: A process must not call itself"):
        with_processes(graph(a=("p", {})), own)


def test_definitions_are_counted_together():
    large = [definition(f"p{i}", graph(a=("text_concat", {"data": ["x" * 60_000] * 20}))) for i in range(2)]
    with pytest.raises(LimitExceededError, match=r"^ProcessGraphComplexity: A process graph must have at most 2097152"):
        with_processes(graph(a=("p0", {}), b=("p1", {})), *large)


def test_a_parameter_does_not_reach_into_a_definition():
    own = definition("p", graph(a=("note", {"x": parameter("secret")})))
    with pytest.raises(OpenEOError, match=r"^Process(Unsupported|ParameterMissing): "):
        with_processes(graph(a=ONE, b=("p", {})), own, parameters={"secret": 1})
