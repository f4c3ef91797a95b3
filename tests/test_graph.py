"""The evaluator: values, order, cost, scopes, laziness."""

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from local_runner import evaluate
from local_runner.access import Access
from local_runner.errors import OpenEOError
from local_runner.execution import Execution
from local_runner.graph import Scope, evaluate_with
from local_runner.processes import registry
from local_runner.profiles import load_profile
from tests.graphs import callback, definition, graph, node, parameter, values, with_processes

pytestmark = pytest.mark.usefixtures("calls")


# Values, order, cost


def test_value_is_that_of_the_result_node():
    assert evaluate(graph(a=("add", {"x": 1, "y": 2}), b=("multiply", {"x": node("a"), "y": 5}))) == 15


@pytest.mark.parametrize("schema", [{"type": "strng"}, {"pattern": "("}, {"$ref": "https://example.org/s.json"}])
def test_process_object_with_a_broken_schema_is_refused(schema):
    process = definition("p", graph(a=("note", {"x": parameter("x")})), x=schema)
    with pytest.raises(OpenEOError, match=r"^ProcessGraphInvalid: The schema of the parameter 'x' must be JSON Schema"):
        evaluate(process, {"x": "1"})


def test_order_in_json_does_not_matter():
    nodes = graph(b=("multiply", {"x": node("a"), "y": 5}), a=("add", {"x": 1, "y": 2}))
    nodes["b"]["result"], nodes["a"]["result"] = True, False
    assert evaluate(nodes) == 15


def test_process_object_is_evaluated_with_its_defaults():
    process = definition("p", graph(a=("add", {"x": parameter("x"), "y": parameter("y")})), x={"type": "number"})
    process["parameters"].append({"name": "y", "schema": {"type": "number"}, "optional": True, "default": 10})
    assert evaluate(process, {"x": 1}) == 11
    assert evaluate(process, {"x": 1, "y": 2}) == 3


def test_node_of_many_users_is_called_once(calls):
    users = {f"u{i}": ("pair", {"x": node("a"), "y": node("a")}) for i in range(5)}
    nodes = graph(a=("note", {"x": 1}), **users, all=("array_create", {"data": [node(f"u{i}") for i in range(5)]}))
    assert evaluate(nodes) == [2] * 5
    assert calls.count(("note", 1)) == 1


@pytest.mark.parametrize("levels", [25, 1999])
def test_doubling_graph_calls_each_node_once(calls, levels):
    doubled = {f"n{i}": ("pair", {"x": node(f"n{i - 1}"), "y": node(f"n{i - 1}")}) for i in range(1, levels + 1)}
    assert evaluate(graph(n0=("note", {"x": 0}), **doubled)) == levels
    assert len(calls) == levels + 1


@pytest.mark.parametrize("backwards", [False, True])
def test_chain_of_2000_nodes_needs_no_recursion(calls, backwards):
    nodes = graph(
        n0=("note", {"x": 0}), **{f"n{i}": ("pair", {"x": node(f"n{i - 1}"), "y": 0}) for i in range(1, 2000)}
    )
    nodes = dict(reversed(nodes.items())) if backwards else nodes
    assert evaluate(nodes) == 1999
    assert len(calls) == 2000


def test_chain_of_2000_nodes_is_looked_at_a_bounded_number_of_times(monkeypatch):
    looked = []
    needs = Scope._needs
    monkeypatch.setattr(Scope, "_needs", lambda scope, n: looked.append(n.id) or needs(scope, n))
    evaluate(
        graph(n0=("note", {"x": 0}), **{f"n{i}": ("pair", {"x": node(f"n{i - 1}"), "y": 0}) for i in range(1, 2000)})
    )
    assert len(looked) <= 2 * 2000


def test_node_with_many_needs_and_many_references_is_looked_at_twice(monkeypatch):
    looked = []
    needs = Scope._needs
    monkeypatch.setattr(Scope, "_needs", lambda scope, n: looked.append(n.id) or needs(scope, n))
    sources = {f"s{i}": ("note", {"x": i}) for i in range(50)}
    hub = {"hub": ("array_create", {"data": [node(s) for s in sources]})}
    evaluate(graph(**sources, **hub, end=("array_create", {"data": [node("hub")] * 50})))
    assert looked.count("hub") == 2


# References and literals


def test_references_are_resolved_anywhere_in_lists_and_objects():
    nested = {"a": [1, {"b": [node("one"), {"c": parameter("p")}]}]}
    found = evaluate(graph(one=("note", {"x": 7}), two=("note", {"x": nested})), {"p": [8]})
    assert found == {"a": [1, {"b": [7, {"c": [8]}]}]}


@pytest.mark.parametrize(
    "literal",
    [
        "2020",
        "2020-01-01",
        ["2020-01-01", "2020-02-01"],
        "12:00:00Z",
        "EPSG:4326",
        "true",
        "1",
        {"west": 1, "south": 2, "east": 3, "north": 4},
        {"type": "Point", "coordinates": [1, 2]},
        1,
        1.0,
        True,
        None,
        [],
        {},
    ],
    ids=repr,
)
def test_literals_keep_their_type(literal):
    found = evaluate(graph(a=("note", {"x": literal})))
    assert found == literal
    assert type(found) is type(literal)


# Scopes and callbacks


def test_callback_is_evaluated_anew_at_each_call():
    nodes = graph(a=("each", {"data": [1, 2, 3], "process": callback(b=("add", {"x": parameter("x"), "y": 10}))}))
    assert evaluate(nodes) == [11, 12, 13]


def test_node_in_a_callback_is_called_once_per_call(calls):
    process = callback(b=("note", {"x": parameter("x")}), c=("add", {"x": node("b"), "y": node("b")}))
    assert evaluate(graph(a=("each", {"data": [1, 2], "process": process}))) == [2, 4]
    assert values(calls) == [1, 2]


def test_callbacks_see_the_parameters_around_them():
    inner = callback(c=("add", {"x": parameter("x"), "y": parameter("p")}))
    outer = callback(b=("each", {"data": [parameter("x"), 1], "process": inner}))
    assert evaluate(graph(a=("each", {"data": [10, 20], "process": outer})), {"p": 100}) == [[110, 101], [120, 101]]


def test_parameter_of_a_callback_hides_the_one_around_it():
    process = callback(b=("note", {"x": parameter("x")}))
    assert evaluate(graph(a=("each", {"data": [1], "process": process}), b=("array_concat", {
        "array1": node("a"), "array2": [parameter("x")]})), {"x": "outer"}) == [1, "outer"]  # fmt: skip


def test_callback_handed_on_as_a_parameter_keeps_its_own_scope():
    schema = {"type": "object", "subtype": "process-graph", "parameters": [{"name": "x", "schema": {}}]}
    inner = graph(a=("each", {"data": [1, 2], "process": parameter("f")}))
    process = definition("apply_f", inner, f=schema, p={"type": "number"})
    add_p = callback(b=("add", {"x": parameter("x"), "y": parameter("p")}))
    assert with_processes(graph(a=("apply_f", {"f": add_p, "p": -1})), process, parameters={"p": 100}) == [101, 102]


# if, ends


@pytest.mark.parametrize(("condition", "taken"), [(True, "yes"), (False, "no"), (None, "no")])
def test_if_calls_the_chosen_branch_only(calls, condition, taken):
    nodes = graph(
        yes=("note", {"x": "yes"}),
        no=("note", {"x": "no"}),
        a=("if", {"value": condition, "accept": node("yes"), "reject": node("no")}),
    )
    assert evaluate(nodes) == taken
    assert values(calls) == [taken]


def test_condition_may_be_a_node_and_branches_may_hold_ifs(calls):
    nodes = graph(
        cond=("gt", {"x": parameter("p"), "y": 0}),
        a=("note", {"x": "a"}),
        b=("note", {"x": "b"}),
        c=("note", {"x": "c"}),
        inner=("if", {"value": node("cond"), "accept": node("a"), "reject": node("b")}),
        outer=("if", {"value": node("cond"), "accept": node("inner"), "reject": node("c")}),
    )
    assert evaluate(nodes, {"p": 1}) == "a"
    assert evaluate(nodes, {"p": -1}) == "c"
    assert values(calls) == ["a", "c"]


def test_node_that_both_branches_and_the_condition_share_is_called_once(calls):
    nodes = graph(
        shared=("note", {"x": 5}),
        cond=("gt", {"x": node("shared"), "y": 0}),
        up=("pair", {"x": node("shared"), "y": 0}),
        down=("note", {"x": [node("shared")]}),
        out=("if", {"value": node("cond"), "accept": {"v": [node("up")]}, "reject": node("down")}),
    )
    assert evaluate(nodes) == {"v": [6]}
    assert calls == [("note", 5), ("pair", 5)]


def test_branch_not_taken_is_called_if_another_node_needs_it():
    nodes = graph(
        no=("note", {"x": 1}),
        choice=("if", {"value": True, "accept": 2, "reject": node("no")}),
        out=("array_create", {"data": [node("choice"), node("no")]}),
    )
    assert evaluate(nodes) == [2, 1]


def test_nodes_that_nothing_refers_to_are_called_at_top_level():
    saved = []

    def save(_cube, *, file_format, **_):
        saved.append(file_format)
        return {"id": file_format}

    execution = Execution(load_profile("specification"), Access(), save=save)
    cube = xr.DataArray(np.zeros((2, 2)), dims=("y", "x"))
    arguments = {"data": parameter("data")}
    nodes = graph(
        a=("save_result", arguments | {"format": "netCDF"}), b=("save_result", arguments | {"format": "GTiff"})
    )
    assert evaluate_with(nodes, {"data": cube}, execution) == {"id": "GTiff"}
    assert saved == ["netCDF", "GTiff"]


def test_nodes_that_nothing_refers_to_are_not_called_in_callbacks(calls):
    process = callback(idle=("note", {"x": "idle"}), b=("note", {"x": parameter("x")}))
    evaluate(graph(a=("each", {"data": [1], "process": process})))
    assert values(calls) == [1]


# Laziness


@pytest.fixture
def computed():
    """What has been computed of `lazy`."""
    return []


@pytest.fixture
def lazy(computed):
    def compute(block):
        computed.append(block.shape)
        raise AssertionError("the cube was computed")

    values = da.ones((1, 2, 4, 5), chunks=(1, 1, 2, 5)).map_blocks(
        compute, dtype=np.float32, meta=np.ones((0,) * 4, "f4")
    )
    coords = {"t": np.array(["2020-01-01"], "datetime64[ns]"), "bands": ["a", "b"], "y": range(4), "x": range(5)}
    return xr.DataArray(values, coords, ("t", "bands", "y", "x"))


@pytest.mark.parametrize("place", ["itself", "list", "nested list", "object", "list of objects"])
def test_no_argument_check_computes_a_cube(lazy, computed, place):
    value = {
        "itself": lazy,
        "list": [lazy],
        "nested list": [[lazy]],
        "object": {"a": lazy},
        "list of objects": [{"a": lazy}],
    }[place]
    accepted, refused = 0, set()
    for process in registry().values():
        for name in process.parameters:
            try:
                process.check_value(name, value)
                accepted += 1
            except OpenEOError as error:
                refused.add((error.code, len(error.message) > 0))
    assert accepted > 0
    assert refused == {("ProcessParameterInvalid", True)}
    assert computed == []


@pytest.mark.parametrize(
    "schema", [{"type": "number"}, {"enum": [1]}, {"uniqueItems": True}, {"items": {"enum": [1, "a"]}}, {}]
)
def test_no_schema_check_computes_a_cube(lazy, computed, schema):
    process = definition("p", graph(a=("array_create", {"data": [parameter("x")]})), x=schema)
    for value in (lazy, [lazy, lazy], {"a": lazy}):
        if schema == {}:
            evaluate(process, {"x": [value]})
            continue
        with pytest.raises(
            OpenEOError, match=r"^ProcessParameterInvalid: The parameter 'x' of 'p' must (not be|hold no)"
        ):
            evaluate(process, {"x": value})
    assert computed == []


def test_evaluating_computes_no_cube(lazy, computed):
    sum_of_bands = callback(
        a=("array_element", {"data": parameter("data"), "index": 0}),
        b=("array_element", {"data": parameter("data"), "label": "b"}),
        c=("add", {"x": node("a"), "y": node("b")}),
        d=("if", {"value": node("c"), "accept": node("a"), "reject": 0}),
        out=("array_create", {"data": [node("c"), node("d")]}),
    )
    nodes = graph(
        time=("filter_temporal", {"data": parameter("data"), "extent": ["2020-01-01", None]}),
        apply=("apply", {"data": node("time"), "process": callback(a=("sqrt", {"x": parameter("x")}))}),
        bands=("apply_dimension", {"data": node("apply"), "dimension": "bands", "process": sum_of_bands}),
        names=(
            "rename_labels",
            {"data": node("bands"), "dimension": "bands", "target": ["c", "d"], "source": ["a", "b"]},
        ),
        merged=("merge_cubes", {"cube1": parameter("data"), "cube2": node("names")}),
        kernel=("apply_kernel", {"data": node("merged"), "kernel": [[1, 1, 1]] * 3}),
        mean=(
            "reduce_dimension",
            {"data": node("kernel"), "dimension": "t", "reducer": callback(a=("mean", {"data": parameter("data")}))},
        ),
        chosen=("if", {"value": True, "accept": node("mean")}),
        out=("save_result", {"data": node("chosen"), "format": "netCDF"}),
    )
    result = evaluate(nodes, {"data": lazy})
    assert result.dims == ("bands", "y", "x")
    assert computed == []
    with pytest.raises(AssertionError, match=r"^the cube was computed$"):
        result.compute()


def test_result_carries_the_items_of_all_inputs():
    def cube(name):
        item = {"id": name, "href": name, "properties": {}}
        return xr.DataArray(np.zeros((2, 2)), dims=("y", "x"), attrs={"stac": {"2020-01-01": [item]}})

    first, second = cube("first"), cube("second")
    result = evaluate(graph(a=("add", {"x": parameter("p"), "y": parameter("q")})), {"p": first, "q": second})
    assert [item["id"] for item in result.attrs["stac"]["2020-01-01"]] == ["first", "second"]
    assert [item["id"] for item in first.attrs["stac"]["2020-01-01"]] == ["first"]


class Watching:
    """An observer that notes calls and may answer itself."""

    def __init__(self, **answers):
        self.seen, self.answers = [], answers

    def call(self, path, node, arguments, function):
        self.seen.append((path, node.process_id, sorted(arguments)))
        return self.answers[path] if path in self.answers else function()


def watched(process_graph, observer, *definitions):
    processes = {d["id"]: d for d in definitions}
    execution = Execution(load_profile("specification"), Access(), processes=processes, observer=observer)
    return evaluate_with(process_graph, {}, execution)


class TestObserver:
    def test_sees_nodes_of_the_graph_and_of_its_processes(self):
        own = definition("own", graph(inner=("note", {"x": parameter("x")})), x={})
        observer = Watching()
        assert watched(graph(a=("note", {"x": 1}), b=("own", {"x": node("a")})), observer, own) == 1
        assert observer.seen == [("a", "note", ["x"]), ("b", "own", ["x"]), ("b/inner", "note", ["x"])]

    def test_does_not_see_callbacks(self, calls):
        each = {"data": [1, 2], "process": callback(n=("note", {"x": parameter("x")}))}
        observer = Watching()
        watched(graph(a=("each", each)), observer)
        assert [path for path, _, _ in observer.seen] == ["a"]
        assert values(calls) == [1, 2]

    def test_what_it_returns_is_the_value(self, calls):
        assert watched(graph(a=("note", {"x": 1}), b=("note", {"x": node("a")})), Watching(a=7)) == 7
        assert values(calls) == [7]


def test_process_graph_as_value_of_a_parameter():
    whole = graph(a=("array_apply", {"data": [1, -2], "process": parameter("each")}))
    each = callback(b=("absolute", {"x": parameter("x")}))
    assert evaluate(whole, {"each": each}) == [1, 2]


def test_process_graph_as_value_of_a_parameter_is_checked():
    whole = graph(a=("array_apply", {"data": [1], "process": parameter("each")}))
    with pytest.raises(OpenEOError, match=r"^ProcessUnsupported: .*instead got 'absolut'.*\(node a/b\)$"):
        evaluate(whole, {"each": callback(b=("absolut", {"x": parameter("x")}))})
