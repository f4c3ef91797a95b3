"""Defects of the published cases, corrected on reading.

The list is that of the README of ../shared/openeo-processes, and `mask` 2 has one defect more; cases are counted from 0 within
a file. A case is corrected to what it evidently means, never left out, and no correction touches what a process must do.
"""

import json

MISNAMED_ASSETS = {"assets/xyb-minimal-float.json5": "assets/xyt-minimal-float.json5"}

_ROUNDED = 0.01
"""Tolerance for expectations that were published with two or three digits."""


def correct(process_id, number, case):
    """The case, its assets read, with sound references and with its own defect mended if it has one."""
    case = json.loads(json.dumps(case))
    correction = _CORRECTIONS.get((process_id, number))
    if correction is not None:
        correction(case)
    return case | {"arguments": _with_references(case["arguments"], frozenset())}


def _with_references(value, nodes):
    """`from_argument` is no openEO reference: a node of the callback is meant if one has the name, else a parameter."""
    match value:
        case {"from_argument": name}:
            return {"from_node" if name in nodes else "from_parameter": name}
        case {"process_graph": graph}:
            return value | {"process_graph": _with_references(graph, frozenset(graph))}
        case dict():
            return {key: _with_references(item, nodes) for key, item in value.items()}
        case list():
            return [_with_references(item, nodes) for item in value]
        case _:
            return value


def _in_june(case):
    """Intervals and labels say January, the data are of June; the means are rounded."""
    case.update(json.loads(json.dumps(case).replace('"2020-01-', '"2020-06-')))
    case["delta"] = _ROUNDED


def _in_june_with_labels(case):
    _in_june(case)
    case["arguments"]["labels"] = case["arguments"]["reducer"].pop("labels")


def _medians(case):
    case["arguments"]["reducer"]["process_graph"]["mean"]["process_id"] = "median"


def _no_data_in_blue(case):
    case["returns"]["data"][2][0][3] = case["returns"]["nodata"]


def _quantiles_of_two(case):
    """The pixel has no-data in blue: its quantiles are those of 192 and 216."""
    for plane, value in zip(case["returns"]["data"], (204.0, 210.0, 213.6), strict=True):
        plane[0][3] = value


def _along_time(case):
    case["arguments"]["dimension"] = "t"
    dimensions = {dimension.pop("name"): dimension for dimension in case["returns"]["dimensions"]}
    case["returns"] |= {"dimensions": dimensions, "order": list(dimensions)}


def _multiply(case):
    case["arguments"]["process"]["process_graph"]["mulitply"]["process_id"] = "multiply"
    case["returns"][3] = -6.45


def _label_with_zero(case):
    case["arguments"]["label"] = "B02"


def _found_first(case):
    case["returns"] = 0


def _wrapped_condition(case):
    graph = json.loads(json.dumps(case["arguments"]["condition"]).replace('"element"', '"x"'))
    case["arguments"]["condition"] = {"process_graph": graph}


def _blue_and_green(case):
    case["arguments"]["bands"] = ["blue", "green"]


def _mask_inverted(case):
    mask = case["arguments"]["mask"]
    mask["data"] = [[1 - value for value in row] for row in mask["data"]]


def _mask_inverted_and_nodata_kept(case):
    """The pixel of row 2, column 2 is not masked (case 1 says so too): it keeps its no-data value."""
    _mask_inverted(case)
    for plane in case["returns"]["data"]:
        plane[2][2] = case["returns"]["nodata"]


def _target(case):
    case["arguments"]["target"] = case["arguments"].pop("source")


_CORRECTIONS = {
    **{("aggregate_temporal", number): _in_june for number in (5, 6, 7, 8)},
    ("aggregate_temporal", 9): _in_june_with_labels,
    ("aggregate_temporal", 10): _medians,
    ("apply", 2): _no_data_in_blue,
    ("apply_dimension", 1): _quantiles_of_two,
    ("apply_dimension", 2): _along_time,
    ("array_apply", 8): _multiply,
    ("array_element", 3): _label_with_zero,
    ("array_find", 6): _found_first,
    ("count", 4): _wrapped_condition,
    ("count", 5): _wrapped_condition,
    ("filter_bands", 4): _blue_and_green,
    ("mask", 0): _mask_inverted,
    ("mask", 1): _mask_inverted,
    ("mask", 2): _mask_inverted_and_nodata_kept,
    ("rename_labels", 5): _target,
    ("rename_labels", 7): _target,
}
