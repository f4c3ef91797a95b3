"""Hostile graphs by name: each a function that makes one, with the code and the beginning of the message to expect."""

from tests.graphs import ONE, callback, graph, nested_callbacks, node, parameter

INVALID = "ProcessGraphInvalid"
COMPLEX = "ProcessGraphComplexity"
ARGUMENT = "ProcessParameterInvalid"


def note(value):
    return graph(a=("note", {"x": value}))


def raw(**changes):
    return {"a": {"process_id": "note", "arguments": {"x": 1}, "result": True, **changes}}


def nested(depth, value=1, kind=list):
    for _ in range(depth):
        value = [value] if kind is list else {"k": value}
    return value


def shared(levels):
    """A list of two references to a list of two references ...: as JSON it would have 2 ** levels elements."""
    value = [1]
    for _ in range(levels):
        value = [value, value]
    return value


def chain(length, doubled=False):
    def nodes(i):
        return {"x": node(f"n{i}"), "y": node(f"n{i}") if doubled else 0}

    return graph(n0=("note", {"x": 0}), **{f"n{i + 1}": ("pair", nodes(i)) for i in range(length)})


def ring(length):
    nodes = graph(**{f"n{i}": ("note", {"x": node(f"n{(i + 1) % length}")}) for i in range(length)})
    return {**nodes, "end": {"process_id": "note", "arguments": {"x": 1}}}


def wide_callbacks(callbacks, nodes):
    inner = callback(**{f"n{i}": ONE for i in range(nodes)})
    return graph(**{f"c{i}": ("each", {"data": [1], "process": inner}) for i in range(callbacks)})


def process_in(value):
    return graph(a=("each", {"data": [1], "process": value}))


def without_result():
    return {"a": {"process_id": "note", "arguments": {"x": 1}}}


STRUCTURE = {
    "cycle of one": (lambda: note(node("a")), INVALID, "A process graph must have no cycle"),
    "cycle of two": (lambda: ring(2), INVALID, "A process graph must have no cycle"),
    "cycle of 1500": (lambda: ring(1500), INVALID, "A process graph must have no cycle"),
    "cycle behind a chain": (
        lambda: {**chain(9), **graph(b=("note", {"x": [node("n9"), node("b")]}))} | {"n9": raw()["a"] | {"result": False}},
        INVALID,
        "A process graph must have no cycle, instead got ('b',)",
    ),
    "cycle in a callback": (
        lambda: process_in(callback(b=("note", {"x": node("b")}))),
        INVALID,
        "A process graph must have no cycle",
    ),
    "missing node": (lambda: note(node("nowhere")), INVALID, "from_node must name a node of the same graph"),
    "node of the graph around": (
        lambda: graph(a=ONE, b=("each", {"data": [1], "process": callback(c=("note", {"x": node("a")}))})),
        INVALID,
        "from_node must name a node of the same graph",
    ),
    "missing node in 1999 nodes": (
        lambda: {**chain(1900), "n5": raw()["a"] | {"arguments": {"x": node("n99999")}, "result": False}},
        INVALID,
        "from_node must name a node of the same graph",
    ),
    "no result": (without_result, INVALID, "A process graph must have exactly one result node"),
    "two results": (
        lambda: {**raw(), "b": raw()["a"]},
        INVALID,
        "A process graph must have exactly one result node, instead got ['a', 'b']",
    ),
    "result 1": (lambda: raw(result=1), INVALID, "The result of a node must be true or false"),
    "result as text": (lambda: raw(result="true"), INVALID, "The result of a node must be true or false"),
    "description as list": (lambda: raw(description=["x"]), INVALID, "The description of a node must be a text or null"),
    "arguments as list": (lambda: raw(arguments=[1]), INVALID, "The arguments of a node must be an object"),
    "arguments as text": (lambda: raw(arguments="x"), INVALID, "The arguments of a node must be an object"),
    "arguments null": (lambda: raw(arguments=None), INVALID, "The arguments of a node must be an object"),
    "process_id null": (lambda: raw(process_id=None), INVALID, "A node must be an object with a process_id"),
    "process_id as list": (lambda: raw(process_id=["note"]), INVALID, "A node must be an object with a process_id"),
    "namespace as number": (lambda: raw(namespace=1), INVALID, "The namespace of a node must be a text or null"),
    "node as text": (lambda: {"a": "note"}, INVALID, "A node must be an object with a process_id"),
    "node null": (lambda: {"a": None}, INVALID, "A node must be an object with a process_id"),
    "node as list of a bomb": (lambda: {"a": shared(60)}, INVALID, "A node must be an object with a process_id"),
    "node nested deeply": (lambda: {"a": nested(100_000)}, INVALID, "A node must be an object with a process_id"),
    "from_node as number": (lambda: note({"from_node": 1}), INVALID, "A reference must be an object with the key"),
    "from_node null": (lambda: note({"from_node": None}), INVALID, "A reference must be an object with the key"),
    "from_node as object": (lambda: note({"from_node": node("a")}), INVALID, "A reference must be an object with"),
    "from_parameter as list": (lambda: note({"from_parameter": ["p"]}), INVALID, "A reference must be an object with"),
    "from_parameter and from_node": (
        lambda: note({"from_parameter": "p", "from_node": "a"}),
        INVALID,
        "A reference must be an object with the key 'from_node' only",
    ),
    "reference with a default": (
        lambda: note({"from_parameter": "p", "default": 1}),
        INVALID,
        "A reference must be an object with the key 'from_parameter' only",
    ),
    "callback with a key of a node": (
        lambda: process_in({**callback(b=ONE), "result_cache": 999}),
        INVALID,
        "A process graph in an argument must have no keys but",
    ),
    "callback as list": (
        lambda: process_in({"process_graph": [1]}),
        "ProcessGraphMissing",
        "A process graph must be an object",
    ),
    "callback without nodes": (
        lambda: process_in({"process_graph": {}}),
        "ProcessGraphMissing",
        "A process graph must be an object",
    ),
    "callback of a callback without process": (
        lambda: process_in(callback(b=("each", {"data": [1], "process": {"process_graph": None}}))),
        "ProcessGraphMissing",
        "A process graph must be an object",
    ),
    "id as number": (lambda: {1: raw()["a"]}, INVALID, "The id of a node must be a text"),
    "id null": (lambda: {None: raw()["a"]}, INVALID, "The id of a node must be a text"),
    "id empty": (lambda: {"": raw()["a"]}, INVALID, "The id of a node must be a text of 1 to 256 printable"),
    "id with a line end": (lambda: {"a\nb": raw()["a"]}, INVALID, "The id of a node must be a text of 1 to 256"),
    "id that clears the screen": (lambda: {"a\x1b[2J": raw()["a"]}, INVALID, "The id of a node must be a text of"),
    "id that turns the line": (lambda: {"a\u202eb": raw()["a"]}, INVALID, "The id of a node must be a text of 1 to"),
    "id with a lone surrogate": (lambda: {"a\ud800": raw()["a"]}, INVALID, "The id of a node must be a text of 1 to"),
    "id of a megabyte": (lambda: {"a" * 2**20: raw()["a"]}, INVALID, "The id of a node must be a text of 1 to 256"),
    "key of a node as number": (lambda: raw() | {"a": raw()["a"] | {1: 2}}, INVALID, "A node must have no keys but"),
    "name of an argument as number": (lambda: raw(arguments={1: 2}), INVALID, "The keys of an object must be texts"),
    "key of an object as number": (lambda: note({"k": {1: 2}}), INVALID, "The keys of an object must be texts"),
    "key of an object as tuple": (lambda: note({("a", 1): 2}), INVALID, "The keys of an object must be texts"),
}  # fmt: skip
for key in ("result_cache", "node", "_node_id", "__proto__", "__class__", "constructor", "Result", "process_graph"):
    STRUCTURE[f"node with {key}"] = (lambda key=key: raw(**{key: 999}), INVALID, "A node must have no keys but")

SIZE = {
    "2001 nodes": (lambda: chain(2000), COMPLEX, "A process graph must have at most 2000 nodes"),
    "100000 nodes": (lambda: dict.fromkeys(map(str, range(100_000)), raw()["a"]), COMPLEX, "A process graph must have"),
    "callbacks of 2010 nodes": (lambda: wide_callbacks(10, 200), COMPLEX, "A process graph must have at most 2000"),
    "callbacks 33 deep": (lambda: nested_callbacks(33), COMPLEX, "Callbacks and called processes must be nested at"),
    "callbacks 150 deep": (lambda: nested_callbacks(150), COMPLEX, "Callbacks and called processes must be nested at"),
    "lists 65 deep": (lambda: note(nested(65)), COMPLEX, "Arguments must be nested at most 64 deep"),
    "objects 65 deep": (lambda: note(nested(65, kind=dict)), COMPLEX, "Arguments must be nested at most 64 deep"),
    "lists 100000 deep": (lambda: note(nested(100_000)), COMPLEX, "Arguments must be nested at most 64 deep"),
    "shared lists": (lambda: note(shared(60)), COMPLEX, "A process graph must have at most 2097152 characters"),
    "list of 3 million": (lambda: note([0] * 3_000_000), COMPLEX, "A process graph must have at most 2097152"),
    "texts of 3 MB": (lambda: note(["x" * 60_000] * 50), COMPLEX, "A process graph must have at most 2097152"),
    "names of 3 MB": (
        lambda: note({f"{i:03}" * 9000: 1 for i in range(99)}),
        COMPLEX,
        "A process graph must have at most",
    ),
    "text of 65537": (lambda: note("x" * 65_537), COMPLEX, "A text in a process graph must have at most 65536"),
    "key of 65537": (lambda: note({"x" * 65_537: 1}), COMPLEX, "A text in a process graph must have at most 65536"),
    "process_id of 65537": (lambda: raw(process_id="x" * 65_537), COMPLEX, "A text in a process graph must have at"),
    "namespace of 65537": (lambda: raw(namespace="x" * 65_537), COMPLEX, "A text in a process graph must have at most"),
    "description of 65537": (lambda: raw(description="x" * 65_537), COMPLEX, "A text in a process graph must have at"),
    "parameter of 65537": (lambda: note(parameter("x" * 65_537)), COMPLEX, "A text in a process graph must have at"),
    "udf that is none": (lambda: graph(a=("note", {"udf": "x" * 65_537})), COMPLEX, "A text in a process graph must"),
    "UDF of 256 KiB": (
        lambda: graph(a=("run_udf", {"data": 1, "udf": "é" * 131_073, "runtime": "Python"})),
        "UdfTooLarge",
        "A UDF text must have at most 262144 bytes",
    ),
    "integer of 10000 digits": (lambda: note(10**9_999), INVALID, "An integer in a process graph must be within"),
    "negative integer of 400 digits": (lambda: note([-(10**400)]), INVALID, "An integer in a process graph must be"),
    "kernel of 1500 x 1500": (
        lambda: graph(a=("apply_kernel", {"data": parameter("p"), "kernel": [[1] * 1500] * 1500})),
        COMPLEX,
        "A process graph must have at most 2097152 characters",
    ),
}
NAMES = {
    "process with a letter of another alphabet": (
        lambda: graph(a=("аdd", {"x": 1, "y": 1})),
        "ProcessUnsupported",
        "process_id must name a known process, instead got 'аdd'. Did you mean 'add'?",
    ),
    "process with a dunder": (lambda: graph(a=("__import__", {})), "ProcessUnsupported", "process_id must name"),
    "process of a module": (lambda: graph(a=("os.system", {})), "ProcessUnsupported", "process_id must name a known"),
    "process that is a path": (lambda: graph(a=("../note", {})), "ProcessUnsupported", "process_id must name a known"),
    "process that is private": (lambda: graph(a=("_note", {})), "ProcessUnsupported", "process_id must name a known"),
    "process of 60000 characters": (
        lambda: graph(a=("add" * 20_000, {})),
        "ProcessUnsupported",
        "process_id must name a known process",
    ),
    "argument of another name": (
        lambda: graph(a=("note", {"y": 1})),
        "ProcessParameterUnsupported",
        "An argument of note must be one of ('x',), instead got 'y'",
    ),
    "argument execution": (
        lambda: graph(a=("load_stac", {"url": "x", "execution": 1})),
        "ProcessParameterUnsupported",
        "An argument of load_stac must be one of",
    ),
    "argument self": (lambda: graph(a=("note", {"x": 1, "self": 1})), "ProcessParameterUnsupported", "An argument of"),
    "unknown parameter": (
        lambda: note(parameter("pp")),
        "ProcessParameterMissing",
        "from_parameter must name a parameter, instead got 'pp'. The parameters here are ('p',). Did you mean 'p'?",
    ),
    "parameter of a callback around it": (
        lambda: process_in(callback(b=("note", {"x": parameter("data")}))),
        "ProcessParameterMissing",
        "from_parameter must name a parameter",
    ),
    "parameter with a dunder": (
        lambda: note(parameter("__class__")),
        "ProcessParameterMissing",
        "from_parameter must name a parameter",
    ),
    "callback where none is taken": (
        lambda: graph(a=("add", {"x": callback(b=ONE), "y": 1})),
        ARGUMENT,
        "The argument",
    ),
    "value where a callback is taken": (lambda: process_in(7), ARGUMENT, "The argument 'process' of each must be"),
    "namespace of nobody": (
        lambda: raw(namespace="user"),
        "ProcessUnsupported",
        "process_id must name a known process",
    ),
}
ADDRESSES = {
    "loopback": "https://127.0.0.1/p.json",
    "loopback by http": "http://localhost:8080/p.json",
    "metadata of a cloud": "http://169.254.169.254/latest/meta-data/",
    "IPv6": "https://[::1]/p.json",
    "decimal": "https://2130706433/p.json",
    "user and password": "https://user:secret@example.org/p.json",
    "other scheme": "ftp://example.org/p.json",
    "GDAL": "/vsicurl/http://127.0.0.1/p.json",
    "GDAL with slashes": "//vsizip//p.json",
    "XML": "<VRTDataset/>",
    "file of another host": "file://example.org/etc/passwd",
    "NUL": "a\0.json",
    "UNC": "//example.org/share/p.json",
    "data": "data:application/json,{}",
}
