import copy

import pytest

from local_runner.check import check

UDF = """import numpy as np
import xarray as xr


def apply_datacube(cube: xr.DataArray, context: dict) -> xr.DataArray:
    return cube * np.float32(context["factor"])
"""
VALUE = {"from_parameter": "value"}
PX = [{"dimension": d, "value": 64, "unit": "px"} for d in "xy"]
PROCESS = {
    "id": "scaled",
    "summary": "A scaled cube",
    "description": "A cube times a factor.",
    "categories": ["cubes"],
    "parameters": [
        {"name": "data", "description": "Cube.", "schema": {"type": "object", "subtype": "datacube"}},
        {"name": "factor", "description": "Factor.", "schema": {"type": "number"}, "optional": True, "default": 2},
    ],
    "returns": {"description": "Cube.", "schema": {"type": "object", "subtype": "datacube"}},
    "exceptions": {"UdfFailed": {"message": "The UDF failed"}},
    "examples": [{"arguments": {"factor": 3}}],
    "links": [{"rel": "about", "href": "https://openeo.org"}],
    "process_graph": {
        "scale": {
            "process_id": "apply_neighborhood",
            "arguments": {
                "data": {"from_parameter": "data"},
                "size": PX,
                "process": {
                    "process_graph": {
                        "udf": {
                            "process_id": "run_udf",
                            "arguments": {
                                "data": {"from_parameter": "data"},
                                "udf": UDF,
                                "runtime": "Python",
                                "context": {"factor": {"from_parameter": "factor"}},
                            },
                            "result": True,
                        }
                    }
                },
            },
            "result": True,
        }
    },
}


def changed(**fields):
    return {**copy.deepcopy(PROCESS), **fields}


def with_udf(text=UDF, **arguments):
    process = changed()
    udf = process["process_graph"]["scale"]["arguments"]["process"]["process_graph"]["udf"]
    udf["arguments"] |= {"udf": text, **arguments}
    return process


def found(process, **options):
    return [(f.node, f.code) for f in check(process, **options)]


def test_complete_process_has_no_findings():
    assert check(PROCESS) == []


def test_bare_graph_is_checked_too():
    graph = {"a": {"process_id": "ad", "arguments": {}, "result": True}}
    assert found(graph) == [("a", "ProcessUnsupported")]


@pytest.mark.parametrize(
    "field", ["summary", "description", "categories", "returns", "exceptions", "examples", "links"]
)
def test_missing_metadata_is_a_warning(field):
    (finding,) = check(changed(**{field: None}))
    assert (finding.node, finding.code, finding.severity) == (field, "MetadataMissing", "warning")


@pytest.mark.parametrize(
    ("process_id", "code"), [("slc-coherence", "IdInvalid"), ("a b", "IdInvalid"), ("sar_coherence", "IdReserved")]
)
def test_ids_that_do_not_work_on_a_back_end(process_id, code):
    assert found(changed(id=process_id)) == [("id", code)]


@pytest.mark.parametrize(
    ("fields", "where", "code"),
    [
        ({"name": "unused"}, "parameters/unused", "ParameterUnused"),
        ({"description": ""}, "parameters/factor", "MetadataMissing"),
        ({"default": "two"}, "parameters/factor", "DefaultInvalid"),
        ({"default": None}, "parameters/factor", "DefaultInvalid"),
        ({"optional": False}, "parameters/factor", "DefaultMissing"),
    ],
)
def test_mistakes_in_a_parameter(fields, where, code):
    process = changed()
    process["parameters"][1] |= fields
    assert (where, code) in found(process)


@pytest.mark.parametrize("schema", [{"type": "nmber"}, {"pattern": "("}, {"$ref": "https://example.org/a.json"}])
def test_schema_that_is_none_is_a_finding(schema):
    process = changed()
    process["parameters"][1]["schema"] = schema
    assert found(process) == [("", "ProcessGraphInvalid")]


def test_optional_cube_may_be_null_by_default():
    process = changed()
    schema = [{"type": "object", "subtype": "datacube"}, {"type": "null"}]
    process["parameters"].append(
        {"name": "mask", "description": "M.", "schema": schema, "optional": True, "default": None}
    )
    process["process_graph"]["scale"]["arguments"]["context"] = {"from_parameter": "mask"}
    assert check(process) == []


def test_name_with_capitals_is_a_finding():
    process = changed()
    process["parameters"].append({"name": "Other", "description": "O.", "schema": {"type": "number"}})
    process["process_graph"]["scale"]["arguments"]["context"] = {"from_parameter": "Other"}
    assert found(process) == [("parameters/Other", "NameInvalid")]


def test_parameter_hidden_by_a_callback_counts_as_unused():
    process = changed()
    process["process_graph"]["scale"]["arguments"]["data"] = {"from_parameter": "factor"}
    assert found(process) == [("parameters/data", "ParameterUnused")]


def test_process_must_not_save():
    process = changed()
    graph = process["process_graph"]
    graph["scale"]["result"] = False
    graph["save"] = {"process_id": "save_result", "arguments": {"data": {"from_node": "scale"}, "format": "GTiff"}}
    graph["save"]["result"] = True
    assert found(process) == [("save", "SaveResultInside")]


def test_limits_of_the_back_end_are_findings_of_its_profile_only():
    process = changed()
    process["process_graph"]["scale"]["arguments"]["overlap"] = [PX[0]]
    (finding,) = [f for f in check(process, profile="geopyspark") if f.severity == "error"]
    assert (finding.node, finding.code) == ("scale", "FeatureUnsupported")
    assert finding.message.startswith("[geopyspark G18] overlap must be zero or non-zero in both x and y")
    assert check(process, profile="specification") == []


def test_mixed_callback_is_a_finding():
    process = changed()
    callback = process["process_graph"]["scale"]["arguments"]["process"]["process_graph"]
    callback["idle"] = {"process_id": "pi", "arguments": {}}
    (finding,) = check(process)
    assert finding.message.startswith("[geopyspark G01] A callback with run_udf must be exactly that one node")


def test_queries_are_a_finding():
    condition = {"process_graph": {"a": {"process_id": "lt", "arguments": {"x": VALUE, "y": 20}, "result": True}}}
    graph = bare(load=("load_stac", {"url": "/", "properties": {"eo:cloud_cover": condition}}))
    graph["load"]["result"] = True
    assert [f.message[:17] for f in check(graph)] == ["[geopyspark G47] "]


def test_names_are_suggested_for_the_first_mistakes_only(monkeypatch):
    asked = []
    monkeypatch.setattr("local_runner.process_graph.did_you_mean", lambda name, _: asked.append(name) or "")
    graph = bare(**{f"n{i}": ("add", {"x": 1, "y": {"from_parameter": f"p{i}"}}) for i in range(100)})
    graph["n0"]["result"] = True
    assert len(found(graph)) == 100
    assert len(asked) == 20


@pytest.mark.parametrize("graph", [{}, {"a": 1}, {"a": {"process_id": "pi", "arguments": {}}}, []])
def test_broken_graph_is_a_finding(graph):
    assert found(changed(process_graph=graph))[0][1] in ("ProcessGraphMissing", "ProcessGraphInvalid")


def test_udfs_are_not_executed():
    assert check(with_udf(UDF + "\nraise SystemExit\n")) == []


# All findings at once


def bare(**nodes):
    return {name: {"process_id": process, "arguments": arguments} for name, (process, arguments) in nodes.items()}


def test_each_node_has_its_findings():
    graph = bare(a=("ad", {}), b=("add", {"x": 1, "z": 2}), c=("add", {"x": "one", "y": "two"}), d=("pi", {}))
    graph["d"]["result"] = True
    expected = ["ProcessUnsupported", "ProcessParameterUnsupported", "ProcessParameterRequired"]
    assert found(graph) == [
        *zip("abb", expected, strict=True),
        ("c", "ProcessParameterInvalid"),
        ("c", "ProcessParameterInvalid"),
    ]


@pytest.mark.parametrize(
    ("graph", "node", "advice"),
    [
        (bare(a=("mutiply", {"x": 1, "y": 2})), "a", "Did you mean 'multiply'"),
        (bare(a=("add", {"x": 1, "y": 2, "yy": 3})), "a", "Did you mean 'y'?"),
        (bare(first=("pi", {}), b=("add", {"x": {"from_node": "frist"}, "y": 1})), "b", "Did you mean 'first'?"),
        (bare(a=("ndvi", {})), "a", "It is a process of the openEO specification that is missing here."),
    ],
)
def test_what_was_probably_meant(graph, node, advice):
    graph[node]["result"] = True
    assert any(f.node == node and advice in f.message for f in check(graph))


@pytest.mark.parametrize(
    ("graph", "code", "message"),
    [
        (
            bare(a=("run_udf", {"data": None, "udf": UDF, "runtime": "Pyton", "context": {"factor": 1}})),
            "InvalidRuntime",
            "runtime must be 'Python', instead got 'Pyton'. Write 'Python'.",
        ),
        (
            bare(a=("save_result", {"data": None, "format": "JPEG2000"})),
            "FormatUnsuitable",
            "format must be one of ('GTiff', 'netCDF'), instead got 'JPEG2000'. Choose one of them.",
        ),
    ],
)
def test_names_that_a_process_refuses(graph, code, message):
    graph["a"]["result"] = True
    assert ("a", code, message) in [(f.node, f.code, f.message) for f in check(graph)]


@pytest.mark.parametrize(
    ("graph", "advice"),
    [
        (bare(a=("absolute", {"x": {"from_node": "zzz"}})), "The nodes here are ('a',)."),
        (bare(a=("absolute", {"x": {"from_node": "a"}})), "Take one of the references between these nodes out."),
        ({"a": 1, **bare(b=("pi", {}))}, 'Write it like {"process_id": "add", "arguments": {"x": 1, "y": 2}}.'),
        (bare(a=("absolute", {"x": [1]})), "must be a number or a data cube, instead got [1]."),
    ],
)
def test_what_to_do(graph, advice):
    list(graph.values())[-1]["result"] = True
    assert any(f.node == "a" and advice in f.message for f in check(graph))


def test_callbacks_of_a_broken_node_are_checked_too():
    callback = {"process_graph": {"mean": {"process_id": "meen", "arguments": {}, "result": True}}}
    graph = bare(a=("reduce_dimension", {"data": None, "reducer": callback, "dimension": "t", "more": 1}))
    graph["a"]["result"] = True
    assert {("a", "ProcessParameterUnsupported"), ("a/mean", "ProcessUnsupported")} <= set(found(graph))


def test_nodes_without_form_do_not_hide_the_others():
    graph = {"a": 1, "b": {"arguments": {}}, **bare(c=("pi", {"x": 1}), d=("add", {"x": {"from_node": "e"}, "y": 1}))}
    graph["d"]["result"] = True
    assert [node for node, _ in found(graph)] == ["d", "a", "b", "c"]


def test_every_reference_that_leads_nowhere_is_told():
    graph = bare(**{f"n{i}": ("absolute", {"x": {"from_node": f"m{i}"}, "y": i}) for i in range(30)})
    graph["n0"]["result"] = True
    codes = [code for _, code in found(graph)]
    assert codes == ["ProcessGraphInvalid"] * 30 + ["ProcessParameterUnsupported"] * 30


def test_cycle_does_not_hide_the_others():
    graph = bare(a=("absolute", {"x": {"from_node": "b"}}), b=("absolute", {"x": {"from_node": "a"}}), c=("pie", {}))
    graph["c"]["result"] = True
    assert [code for _, code in found(graph)] == ["ProcessGraphInvalid", "ProcessUnsupported"]


def test_node_without_form_in_a_callback_is_named():
    process = changed()
    process["process_graph"]["scale"]["arguments"]["process"]["process_graph"]["udf"]["argument"] = {}
    assert ("scale/udf", "ProcessGraphInvalid") in found(process)


def test_warnings_of_the_profile_are_findings():
    process = changed()
    process["process_graph"]["scale"]["arguments"]["size"] = [PX[0] | {"value": 20}, PX[1] | {"value": 20}]
    (finding,) = check(process)
    assert finding.severity == "warning"
    assert finding.message.startswith("[geopyspark G22] size should be a multiple of 16 px")


def test_graph_nested_too_deeply_is_a_finding():
    value = []
    for _ in range(5000):
        value = [value]
    (finding,) = check({"a": {"process_id": "pi", "arguments": {"x": value}, "result": True}})
    assert finding.code == "ProcessGraphComplexity"


# What is not opened


def test_nothing_is_opened(monkeypatch):
    def refuse(*_args, **_named):
        raise AssertionError("opened")

    for name in ("read_json", "open_path"):
        monkeypatch.setattr("local_runner.access.Access." + name, refuse)
    graph = bare(
        load=("load_stac", {"url": "https://example.org/stac", "bands": ["a"]}),
        call=("mine", {"data": {"from_node": "load"}}),
    )
    graph["call"] |= {"namespace": "https://example.org/v1/mine.json", "result": True}
    assert check(graph) == []


@pytest.mark.parametrize(
    ("namespace", "codes"),
    [
        ("https://raw.githubusercontent.com/a/b/v1.2/p.json", []),
        ("https://raw.githubusercontent.com/a/b/refs/heads/main/p.json", ["NamespaceMoving"]),
        ("https://raw.githubusercontent.com/a/b/master/p.json", ["NamespaceMoving"]),
        ("http://example.org/p.json", ["NamespaceInsecure"]),
        ("https://127.0.0.1/p.json", ["NamespacePrivate"]),
        ("https://[::1]/p.json", ["NamespacePrivate"]),
        ("https://0x7f000001/p.json", ["NamespacePrivate"]),
        ("https://127.1/p.json", ["NamespacePrivate"]),
        ("https://localhost:8080/p.json", ["NamespacePrivate"]),
        ("http://169.254.169.254/latest", ["NamespaceInsecure", "NamespacePrivate"]),
        ("/etc/passwd", ["NamespaceLocal"]),
        ("../p.json", ["NamespaceLocal"]),
        ("file:///p.json", ["NamespaceLocal"]),
        ("https://[broken/p.json", ["NamespaceLocal"]),
    ],
)
def test_namespaces(namespace, codes):
    graph = {"a": {"process_id": "mine", "namespace": namespace, "arguments": {}, "result": True}}
    assert found(graph) == [("a", code) for code in codes]


# Metadata


@pytest.mark.parametrize(
    ("fields", "where", "code"),
    [
        ({"links": [{"rel": "about"}]}, "links/0", "MetadataMissing"),
        ({"exceptions": {"Failed": {}}}, "exceptions/Failed", "MetadataMissing"),
        ({"returns": {"description": "Cube."}}, "returns", "MetadataMissing"),
        ({"examples": [{"arguments": {"factor": "two"}}]}, "examples/0", "ExampleInvalid"),
        ({"examples": [{"arguments": {"faktor": 2}}]}, "examples/0", "ExampleInvalid"),
        ({"parameters": "none"}, "", "ProcessGraphInvalid"),
        ({"id": ["scaled"]}, "id", "IdInvalid"),
        ({"id": None}, "id", "IdInvalid"),
    ],
)
def test_mistakes_in_metadata(fields, where, code):
    assert (where, code) in found(changed(**fields))


def test_process_of_this_runner_only_is_a_warning(monkeypatch):
    monkeypatch.setattr("local_runner.check.graph_lint.official_ids", lambda: frozenset({"add"}))
    graph = bare(a=("add", {"x": 1, "y": 2}), b=("pi", {}))
    graph["b"]["result"] = True
    (finding,) = check(graph)
    assert (finding.node, finding.code, finding.severity) == ("b", "ProcessNotStandard", "warning")
