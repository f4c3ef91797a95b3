"""`apply_kernel`: G27 to G29."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local_runner.profiles import Rules, Violation

if TYPE_CHECKING:
    from collections.abc import Mapping

rule = Rules()


@rule("G27", "apply_kernel")
def _border_is_0(arguments: Mapping[str, Any]) -> Violation | None:
    border = arguments.get("border", 0)
    return None if border == 0 else Violation("border must be 0", border, "Leave border out")


@rule("G28", "apply_kernel")
def _replace_invalid_is_0(arguments: Mapping[str, Any]) -> Violation | None:
    value = arguments.get("replace_invalid", 0)
    return None if value == 0 else Violation("replace_invalid must be 0", value, "Leave replace_invalid out")


@rule("G29", "apply_kernel")
def _kernel_is_square(arguments: Mapping[str, Any]) -> Violation | None:
    kernel = arguments.get("kernel") or [[0]]
    shape = (len(kernel), len(kernel[0]))
    if shape[0] == shape[1]:
        return None
    return Violation(
        "The kernel must be square", f"{shape[0]} rows of {shape[1]}", "Pad it with rows or columns of zeros"
    )
