import copy

import pytest

from local_runner import catalog
from local_runner.check import check, declared_dependencies

UDF = """import numpy as np
import xarray as xr


def apply_datacube(cube: xr.DataArray, context: dict) -> xr.DataArray:
    return cube * np.float32(context["factor"])
"""
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


@pytest.mark.parametrize("profile", ["specification", "geopyspark"])
@pytest.mark.parametrize("name", catalog.ids())
def test_collection_has_no_findings(name, profile):
    assert check(catalog.load(name), profile=profile) == []


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


@pytest.mark.parametrize(
    ("process", "code"),
    [
        (with_udf("from __future__ import annotations\n" + UDF), "UdfInvalid"),
        (with_udf(UDF.replace("-> xr.DataArray", "")), "UdfInvalid"),
        (with_udf(UDF.replace("cube", "data")), "UdfInvalid"),
        (with_udf(UDF + UDF), "UdfInvalid"),
        (with_udf("def apply_datacube(\n"), "UdfInvalid"),
        (with_udf("import rasterio\n" + UDF), "UdfImport"),
        (with_udf("import local_runner.cube\n" + UDF), "UdfImport"),
        (with_udf("# apply_metadata\n" + UDF), "UdfApplyMetadata"),
        (with_udf(context={"factor": 1, "more": 2}), "UdfContext"),
        (with_udf(context={}), "UdfContext"),
        (with_udf(context=None), "UdfContext"),
    ],
)
def test_mistakes_in_a_udf(process, code):
    findings = [pair for pair in found(process) if pair[1] != "ParameterUnused"]
    assert findings == [("scale/udf", code)]


def test_context_that_is_a_reference_is_not_compared():
    assert ("scale/udf", "UdfContext") not in found(with_udf(context={"from_parameter": "factor"}))


def test_dependencies_of_a_udf_may_be_declared():
    block = '# /// script\n# dependencies = [\n#   "rasterio>=1.3",\n#   "pyproj",\n# ]\n# ///\n'
    text = block + "import pyproj\nimport rasterio\n" + UDF
    assert declared_dependencies(text) == {"rasterio", "pyproj"}
    assert check(with_udf(text)) == []


def test_limits_of_the_back_end_are_findings_of_its_profile_only():
    process = changed()
    process["process_graph"]["scale"]["arguments"]["overlap"] = [PX[0]]
    (finding,) = check(process, profile="geopyspark")
    assert (finding.node, finding.code) == ("scale", "FeatureUnsupported")
    assert finding.message.startswith("[geopyspark G18] overlap must be zero or non-zero in both x and y")
    assert check(process, profile="specification") == []


def test_mixed_callback_is_a_finding():
    process = changed()
    callback = process["process_graph"]["scale"]["arguments"]["process"]["process_graph"]
    callback["idle"] = {"process_id": "pi", "arguments": {}}
    (finding,) = check(process)
    assert finding.message.startswith("[geopyspark G01] A callback with run_udf must be exactly that one node")


@pytest.mark.parametrize("graph", [{}, {"a": 1}, {"a": {"process_id": "pi", "arguments": {}}}])
def test_broken_graph_gives_one_finding(graph):
    (finding,) = check(changed(process_graph=graph))
    assert finding.code in ("ProcessGraphMissing", "ProcessGraphInvalid")


def test_udfs_are_not_executed():
    assert check(with_udf(UDF + "\nraise SystemExit\n")) == []
