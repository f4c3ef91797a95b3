"""Every process of the executor against the published specification of the same id."""

import inspect
import json
from functools import cache
from pathlib import Path

import pytest

from local_runner import catalog, evaluate
from local_runner.check import check
from local_runner.check.graph_lint import official_ids
from local_runner.errors import OpenEOError
from local_runner.processes import registry

SPECS = Path(__file__).parents[3] / "shared" / "openeo-processes" / "specs"
EXTRA = {"load_stac": ["featureflags"]}  # of the geopyspark back-end
SPEC_FILES = {path.stem: path for folder in ("proposals", ".") for path in sorted((SPECS / folder).glob("*.json"))}
EXTRA_CHOICES = {("resample_spatial", "method"): ["geocode"]}  # of the geopyspark back-end

needs_specs = pytest.mark.skipif(not SPECS.is_dir(), reason=f"the process specifications are not at {SPECS}")
each_process = pytest.mark.parametrize("process", registry().values(), ids=list(registry()))
PUBLISHED = [p for p in registry().values() if p.id in SPEC_FILES]
each_published = pytest.mark.parametrize("process", PUBLISHED, ids=[p.id for p in PUBLISHED])


@cache
def spec_of(process_id):
    return json.loads(SPEC_FILES[process_id].read_text(encoding="utf-8"))


def parameters_of(process):
    return {p["name"]: p for p in spec_of(process.id)["parameters"]}


def alternatives(parameter):
    schema = parameter["schema"]
    return schema if isinstance(schema, list) else [schema]


@each_process
def test_process_says_what_it_gives(process):
    assert inspect.getdoc(process.function)


@needs_specs
@pytest.mark.parametrize("process_id", SPEC_FILES)
def test_every_published_process_is_there(process_id):
    assert process_id in registry()


@needs_specs
@pytest.mark.parametrize("process_id", SPEC_FILES)
def test_check_knows_every_published_process(process_id):
    found = check({"only": {"process_id": process_id, "arguments": {}, "result": True}})
    assert [f for f in found if f.code in ("ProcessUnsupported", "ProcessNotStandard")] == []


@each_process
def test_every_process_is_of_the_specification_or_described_in_the_collection(process):
    assert process.id in official_ids() | set(SPEC_FILES) | set(catalog.ids())


@needs_specs
@each_published
def test_names_and_order_are_those_of_the_specification(process):
    assert list(process.parameters) == [*parameters_of(process), *EXTRA.get(process.id, [])]


@needs_specs
@each_published
def test_what_is_required_and_the_defaults_are_those_of_the_specification(process):
    published = {n: (not p.get("optional", False), p.get("default")) for n, p in parameters_of(process).items()}
    published |= dict.fromkeys(EXTRA.get(process.id, []), (False, None))
    assert {n: (p.required, p.default) for n, p in process.parameters.items()} == published


@needs_specs
@each_published
def test_defaults_have_the_type_of_the_specification(process):
    for name, published in parameters_of(process).items():
        assert type(process.parameters[name].default) is type(published.get("default")), name


@needs_specs
@each_published
def test_callbacks_get_the_parameters_of_the_specification(process):
    published = {}
    for name, parameter in parameters_of(process).items():
        handed = [s["parameters"] for s in alternatives(parameter) if s.get("subtype") == "process-graph"]
        published[name] = tuple(p["name"] for p in handed[0]) if handed else None
    own = {name: p.callback_parameters for name, p in process.parameters.items() if name in published}
    assert own == published


CHOICES = [
    (process, name, schema["enum"])
    for process in PUBLISHED
    for name, parameter in parameters_of(process).items()
    for schema in alternatives(parameter)
    if "enum" in schema
]


@needs_specs
@pytest.mark.parametrize(("process", "name", "choices"), CHOICES, ids=[f"{p.id}-{n}" for p, n, _ in CHOICES])
def test_choices_are_those_of_the_specification(process, name, choices):
    for choice in [*choices, *EXTRA_CHOICES.get((process.id, name), [])]:
        process.check_value(name, choice)
    with pytest.raises(OpenEOError, match=rf"^ProcessParameterInvalid: The argument '{name}' of {process.id} must be "):
        process.check_value(name, "no such choice")


DEFECTIVE = {
    ("array_modify", 3),  # removes a value with the default length 0, with which another example inserts one
    ("count", 4),  # the condition is not wrapped in a process graph
}
EXAMPLES = [
    (process.id, example)
    for process in PUBLISHED
    for number, example in enumerate(spec_of(process.id).get("examples", ()))
    if "returns" in example and (process.id, number) not in DEFECTIVE
]


@needs_specs
@pytest.mark.parametrize(("process_id", "example"), EXAMPLES, ids=[f"{p}-{i}" for i, (p, _) in enumerate(EXAMPLES)])
def test_examples_of_the_specification_hold(process_id, example):
    graph = {"n": {"process_id": process_id, "arguments": example["arguments"], "result": True}}
    found, published = evaluate(graph), example["returns"]
    assert isinstance(found, bool) is isinstance(published, bool)
    numbers = all(type(n) in (int, float) for n in (published if isinstance(published, list) else [published]))
    assert found == (pytest.approx(published, rel=1e-12) if numbers else published)


# Processes of our own: their specification is the JSON of the collection with the same id

OWN = sorted(set(catalog.ids()) & set(registry()))
each_own = pytest.mark.parametrize("process_id", OWN)


@each_own
def test_no_process_of_the_collection_hides_behind_a_predefined_one(process_id):
    """The one node of a process of our own calls the predefined process with all of its arguments."""
    described = catalog.load(process_id)
    arguments = {p["name"]: {"from_parameter": p["name"]} for p in described["parameters"]}
    node = {"process_id": process_id, "arguments": arguments, "result": True}
    assert described["process_graph"] == {process_id: node}


@each_own
def test_names_order_and_defaults_of_our_own_are_those_of_the_collection(process_id):
    described, process = catalog.load(process_id)["parameters"], registry()[process_id]
    assert list(process.parameters) == [p["name"] for p in described]
    published = {p["name"]: (not p.get("optional", False), p.get("default")) for p in described}
    own = {n: (p.required, p.default) for n, p in process.parameters.items()}
    assert own == published
    assert {n: type(default) for n, (_, default) in own.items()} == {n: type(d) for n, (_, d) in published.items()}


@each_own
def test_values_of_the_examples_have_the_types_of_our_own(process_id):
    examples = catalog.load(process_id)["examples"]
    assert examples
    for example in examples:
        for name, value in example["arguments"].items():
            registry()[process_id].check_value(name, value)


@each_own
def test_what_our_own_call_is_of_the_collection(process_id):
    calls = registry()[process_id].calls
    assert calls
    assert set(calls) <= set(catalog.ids()) - set(registry())
