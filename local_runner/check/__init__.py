"""Looks for mistakes in a process before anything is sent or run: graph, parameters, metadata, UDF texts, secrets.

No pixel is read, no UDF is executed, no address is opened, namespaces included. All mistakes are told at once, each node's
with its path. What a back-end alone can know (quota, data that it has) is not looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local_runner import catalog
from local_runner.access import Access
from local_runner.check.findings import Finding
from local_runner.check.graph_lint import graph_findings, nodes_of
from local_runner.check.namespace_lint import namespace_findings
from local_runner.check.process_lint import example_findings, metadata_findings, parameter_findings
from local_runner.check.udf_lint import lint, lint_file
from local_runner.errors import LimitExceededError, OpenEOError
from local_runner.execution import Execution
from local_runner.limits import require_size
from local_runner.processes.io import FORMATS
from local_runner.profiles import DEFINITION, load_profile
from local_runner.redaction import redacted, secrets_in
from local_runner.udf.chunks import require_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local_runner.profiles import Profile

__all__ = ["Finding", "check", "lint_file"]


def check(process: Mapping[str, Any], *, profile: str = "geopyspark", access: Access | None = None) -> list[Finding]:
    """All findings for a process object or bare graph, in the order of its parts; empty if there is nothing to say."""
    execution = Execution(profile=load_profile(profile), access=access or Access(trusted=False))
    try:
        require_size(process)
        secrets = list(secrets_in(process))
        if secrets:
            process = redacted(process)
        found = [*_secrets(secrets), *_findings(catalog.load(process), execution)]
    except LimitExceededError as error:
        found = [Finding(error.node, error.code, error.message)]
    except RecursionError:
        found = [Finding("", "ProcessGraphComplexity", "A process must not be nested that deeply.")]
    return list(dict.fromkeys(found))


def _secrets(secrets: list[tuple[str, str]]) -> Iterator[Finding]:
    for path, kind in secrets:
        must = f"A graph must hold no secret, but here is {kind}. Take it out, and revoke it if the graph was shared."
        yield Finding(path, "SecretFound", must)


def _findings(process: Mapping[str, Any], execution: Execution) -> Iterator[Finding]:
    declared = True
    try:
        catalog.check_declaration(process)
    except OpenEOError as error:
        declared = False
        yield Finding(error.node, error.code, error.message)
    graph = process.get("process_graph")
    yield from graph_findings(graph, _names(process), execution)
    if "id" in process:
        yield from _of_profile(process, execution.profile)
        yield from metadata_findings(process)
    if "id" in process and declared and isinstance(graph, dict):
        yield from (*parameter_findings(process), *example_findings(process))
    for path, node in nodes_of(graph):
        yield from _node_findings(path, node, "parameters" in process)


def _names(process: Mapping[str, Any]) -> frozenset[str]:
    declared = process.get("parameters")
    named = [p.get("name") for p in declared if isinstance(p, dict)] if isinstance(declared, list) else []
    return frozenset(name for name in named if isinstance(name, str))


def _of_profile(process: Mapping[str, Any], profile: Profile) -> Iterator[Finding]:
    for rule, error in profile.broken(DEFINITION, process):
        yield Finding("id", "IdReserved", error.message, rule.severity)


def _node_findings(path: str, node: Mapping[str, Any], user_defined: bool) -> Iterator[Finding]:  # noqa: FBT001
    arguments = node.get("arguments")
    if node.get("process_id") == "run_udf" and isinstance(arguments, dict) and isinstance(arguments.get("udf"), str):
        yield from lint(arguments["udf"], arguments.get("context"), path)
    if node.get("process_id") == "save_result" and user_defined:
        yield Finding(path, "SaveResultInside", "A user-defined process must not save: its caller does.")
    yield from (*_choice_findings(path, node), *namespace_findings(path, node))


def _choice_findings(path: str, node: Mapping[str, Any]) -> Iterator[Finding]:
    """Names that stand in a node and that the process will refuse: there, case does not matter, so that types do not tell."""
    match node.get("process_id"), node.get("arguments"):
        case "run_udf", {"runtime": str(runtime)}:
            try:
                require_runtime(runtime, None)
            except OpenEOError as error:
                yield Finding(path, error.code, error.message)
        case "save_result", {"format": str(name)} if name.lower() not in FORMATS:
            must = f"format must be one of {tuple(FORMATS.values())}, instead got {name!r}. Choose one of them."
            yield Finding(path, "FormatUnsuitable", must)
